//! `/dev/xen/evtchn`: event channels (`sys/evtchn.h`).
//!
//! Reading the file gives pending ports (`u32`), which are then masked; writing ports unmasks them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::ioc;

/// Bind a virtual interrupt; returns the port.
pub const IOCTL_EVTCHN_BIND_VIRQ: u32 = ioc(b'E', 0, size_of::<IoctlEvtchnBindVirq>());
/// Connect to a remote port; returns the port.
pub const IOCTL_EVTCHN_BIND_INTERDOMAIN: u32 =
    ioc(b'E', 1, size_of::<IoctlEvtchnBindInterdomain>());
/// Make an unbound port; returns it.
pub const IOCTL_EVTCHN_BIND_UNBOUND_PORT: u32 =
    ioc(b'E', 2, size_of::<IoctlEvtchnBindUnboundPort>());
/// Close a port.
pub const IOCTL_EVTCHN_UNBIND: u32 = ioc(b'E', 3, size_of::<IoctlEvtchnUnbind>());
/// Notify the other end.
pub const IOCTL_EVTCHN_NOTIFY: u32 = ioc(b'E', 4, size_of::<IoctlEvtchnNotify>());
/// Empty the buffer and clear an overflow.
pub const IOCTL_EVTCHN_RESET: u32 = ioc(b'E', 5, 0);
/// Restrict this file to one domain.
pub const IOCTL_EVTCHN_RESTRICT_DOMID: u32 = ioc(b'E', 6, size_of::<IoctlEvtchnRestrictDomid>());

/// Argument of `IOCTL_EVTCHN_BIND_VIRQ`.
#[doc(alias = "ioctl_evtchn_bind_virq")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlEvtchnBindVirq {
    /// `VIRQ_*`.
    pub virq: u32,
}

/// Argument of `IOCTL_EVTCHN_BIND_INTERDOMAIN`.
#[doc(alias = "ioctl_evtchn_bind_interdomain")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlEvtchnBindInterdomain {
    /// The domain.
    pub remote_domain: u32,
    /// Its port.
    pub remote_port: u32,
}

/// Argument of `IOCTL_EVTCHN_BIND_UNBOUND_PORT`.
#[doc(alias = "ioctl_evtchn_bind_unbound_port")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlEvtchnBindUnboundPort {
    /// The domain that may connect.
    pub remote_domain: u32,
}

/// Argument of `IOCTL_EVTCHN_UNBIND`.
#[doc(alias = "ioctl_evtchn_unbind")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlEvtchnUnbind {
    /// The port.
    pub port: u32,
}

/// Argument of `IOCTL_EVTCHN_NOTIFY`.
#[doc(alias = "ioctl_evtchn_notify")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlEvtchnNotify {
    /// The port.
    pub port: u32,
}

/// Argument of `IOCTL_EVTCHN_RESTRICT_DOMID`.
#[doc(alias = "ioctl_evtchn_restrict_domid")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlEvtchnRestrictDomid {
    /// The domain.
    pub domid: u16,
}

crate::zeroed_default!(
    IoctlEvtchnBindVirq,
    IoctlEvtchnBindInterdomain,
    IoctlEvtchnBindUnboundPort,
    IoctlEvtchnUnbind,
    IoctlEvtchnNotify,
    IoctlEvtchnRestrictDomid
);
