//! The state of a frontend or backend, in its xenstore node `state` (`io/xenbus.h`).

/// No such node.
#[doc(alias = "XenbusStateUnknown")]
pub const XENBUS_STATE_UNKNOWN: u32 = 0;
/// Starting.
#[doc(alias = "XenbusStateInitialising")]
pub const XENBUS_STATE_INITIALISING: u32 = 1;
/// Initialised early, waits for the other end or for hot-plug.
#[doc(alias = "XenbusStateInitWait")]
pub const XENBUS_STATE_INIT_WAIT: u32 = 2;
/// Initialised, waits for the connection.
#[doc(alias = "XenbusStateInitialised")]
pub const XENBUS_STATE_INITIALISED: u32 = 3;
/// Connected.
#[doc(alias = "XenbusStateConnected")]
pub const XENBUS_STATE_CONNECTED: u32 = 4;
/// Closing, because of an error or an unplugging.
#[doc(alias = "XenbusStateClosing")]
pub const XENBUS_STATE_CLOSING: u32 = 5;
/// Closed.
#[doc(alias = "XenbusStateClosed")]
pub const XENBUS_STATE_CLOSED: u32 = 6;
/// Being reconfigured.
#[doc(alias = "XenbusStateReconfiguring")]
pub const XENBUS_STATE_RECONFIGURING: u32 = 7;
/// Reconfigured.
#[doc(alias = "XenbusStateReconfigured")]
pub const XENBUS_STATE_RECONFIGURED: u32 = 8;

/// The state of one end.
#[doc(alias = "xenbus_state")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum XenbusState {
    /// No such node.
    Unknown = XENBUS_STATE_UNKNOWN,
    /// Starting.
    Initialising = XENBUS_STATE_INITIALISING,
    /// Initialised early, waits for the other end or for hot-plug.
    InitWait = XENBUS_STATE_INIT_WAIT,
    /// Initialised, waits for the connection.
    Initialised = XENBUS_STATE_INITIALISED,
    /// Connected.
    Connected = XENBUS_STATE_CONNECTED,
    /// Closing, because of an error or an unplugging.
    Closing = XENBUS_STATE_CLOSING,
    /// Closed.
    Closed = XENBUS_STATE_CLOSED,
    /// Being reconfigured.
    Reconfiguring = XENBUS_STATE_RECONFIGURING,
    /// Reconfigured.
    Reconfigured = XENBUS_STATE_RECONFIGURED,
}

impl XenbusState {
    /// The state with this number; one that the ABI does not name is [`XenbusState::Unknown`].
    pub const fn from_number(number: u32) -> XenbusState {
        match number {
            XENBUS_STATE_INITIALISING => XenbusState::Initialising,
            XENBUS_STATE_INIT_WAIT => XenbusState::InitWait,
            XENBUS_STATE_INITIALISED => XenbusState::Initialised,
            XENBUS_STATE_CONNECTED => XenbusState::Connected,
            XENBUS_STATE_CLOSING => XenbusState::Closing,
            XENBUS_STATE_CLOSED => XenbusState::Closed,
            XENBUS_STATE_RECONFIGURING => XenbusState::Reconfiguring,
            XENBUS_STATE_RECONFIGURED => XenbusState::Reconfigured,
            _ => XenbusState::Unknown,
        }
    }
}
