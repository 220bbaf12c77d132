//! Event channels: `event_channel_op` (`event_channel.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Connect to a remote unbound port; [`EvtchnBindInterdomain`].
#[doc(alias = "EVTCHNOP_bind_interdomain")]
pub const EVTCHNOP_BIND_INTERDOMAIN: u32 = 0;
/// Bind a port to a virtual interrupt; [`EvtchnBindVirq`].
#[doc(alias = "EVTCHNOP_bind_virq")]
pub const EVTCHNOP_BIND_VIRQ: u32 = 1;
/// Bind a port to a physical interrupt; [`EvtchnBindPirq`].
#[doc(alias = "EVTCHNOP_bind_pirq")]
pub const EVTCHNOP_BIND_PIRQ: u32 = 2;
/// Close a port; [`EvtchnClose`].
#[doc(alias = "EVTCHNOP_close")]
pub const EVTCHNOP_CLOSE: u32 = 3;
/// Notify the other end; [`EvtchnSend`].
#[doc(alias = "EVTCHNOP_send")]
pub const EVTCHNOP_SEND: u32 = 4;
/// Ask for the state of a port; [`EvtchnStatus`].
#[doc(alias = "EVTCHNOP_status")]
pub const EVTCHNOP_STATUS: u32 = 5;
/// Make a port that a named domain may connect to; [`EvtchnAllocUnbound`].
#[doc(alias = "EVTCHNOP_alloc_unbound")]
pub const EVTCHNOP_ALLOC_UNBOUND: u32 = 6;
/// Bind a port to a vCPU as an inter-processor interrupt; [`EvtchnBindIpi`].
#[doc(alias = "EVTCHNOP_bind_ipi")]
pub const EVTCHNOP_BIND_IPI: u32 = 7;
/// Choose the vCPU that a port notifies; [`EvtchnBindVcpu`].
#[doc(alias = "EVTCHNOP_bind_vcpu")]
pub const EVTCHNOP_BIND_VCPU: u32 = 8;
/// Unmask a port and deliver it if pending; [`EvtchnUnmask`].
#[doc(alias = "EVTCHNOP_unmask")]
pub const EVTCHNOP_UNMASK: u32 = 9;
/// Close all ports of a domain; [`EvtchnReset`].
#[doc(alias = "EVTCHNOP_reset")]
pub const EVTCHNOP_RESET: u32 = 10;
/// Set up the FIFO control block of a vCPU; [`EvtchnInitControl`].
#[doc(alias = "EVTCHNOP_init_control")]
pub const EVTCHNOP_INIT_CONTROL: u32 = 11;
/// Add a page to the FIFO event array; [`EvtchnExpandArray`].
#[doc(alias = "EVTCHNOP_expand_array")]
pub const EVTCHNOP_EXPAND_ARRAY: u32 = 12;
/// Set the FIFO priority of a port; [`EvtchnSetPriority`].
#[doc(alias = "EVTCHNOP_set_priority")]
pub const EVTCHNOP_SET_PRIORITY: u32 = 13;
/// State: not in use.
#[doc(alias = "EVTCHNSTAT_closed")]
pub const EVTCHNSTAT_CLOSED: u32 = 0;
/// State: waits for a remote domain.
#[doc(alias = "EVTCHNSTAT_unbound")]
pub const EVTCHNSTAT_UNBOUND: u32 = 1;
/// State: connected to a remote port.
#[doc(alias = "EVTCHNSTAT_interdomain")]
pub const EVTCHNSTAT_INTERDOMAIN: u32 = 2;
/// State: bound to a physical interrupt.
#[doc(alias = "EVTCHNSTAT_pirq")]
pub const EVTCHNSTAT_PIRQ: u32 = 3;
/// State: bound to a virtual interrupt.
#[doc(alias = "EVTCHNSTAT_virq")]
pub const EVTCHNSTAT_VIRQ: u32 = 4;
/// State: bound to a vCPU.
#[doc(alias = "EVTCHNSTAT_ipi")]
pub const EVTCHNSTAT_IPI: u32 = 5;
/// [`EvtchnBindPirq::flags`]: others may share the interrupt.
pub const BIND_PIRQ__WILL_SHARE: u32 = 1;
/// Ports with the two-level bitmaps of the shared info page.
pub const EVTCHN_2L_NR_CHANNELS: u32 = 4096;
/// Highest FIFO priority.
pub const EVTCHN_FIFO_PRIORITY_MAX: u32 = 0;
/// FIFO priority of a new port.
pub const EVTCHN_FIFO_PRIORITY_DEFAULT: u32 = 7;
/// Lowest FIFO priority.
pub const EVTCHN_FIFO_PRIORITY_MIN: u32 = 15;
/// Number of FIFO queues.
pub const EVTCHN_FIFO_MAX_QUEUES: u32 = EVTCHN_FIFO_PRIORITY_MIN + 1;
/// Bit of a FIFO event word: pending.
pub const EVTCHN_FIFO_PENDING: u32 = 31;
/// Bit of a FIFO event word: masked.
pub const EVTCHN_FIFO_MASKED: u32 = 30;
/// Bit of a FIFO event word: in a queue.
pub const EVTCHN_FIFO_LINKED: u32 = 29;
/// Bit of a FIFO event word: being changed.
pub const EVTCHN_FIFO_BUSY: u32 = 28;
/// Width of the link in a FIFO event word.
pub const EVTCHN_FIFO_LINK_BITS: u32 = 17;
/// Mask of the link in a FIFO event word.
pub const EVTCHN_FIFO_LINK_MASK: u32 = (1 << EVTCHN_FIFO_LINK_BITS) - 1;
/// Ports with the FIFO form.
pub const EVTCHN_FIFO_NR_CHANNELS: u32 = 1 << EVTCHN_FIFO_LINK_BITS;

/// Argument of `EVTCHNOP_alloc_unbound`.
#[doc(alias = "evtchn_alloc_unbound")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnAllocUnbound {
    /// In: the domain that gets the port (or `DOMID_SELF`).
    pub dom: u16,
    /// In: the domain that may connect.
    pub remote_dom: u16,
    /// Out: the port.
    pub port: u32,
}

/// Argument of `EVTCHNOP_bind_interdomain`.
#[doc(alias = "evtchn_bind_interdomain")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnBindInterdomain {
    /// In: the domain of the remote port.
    pub remote_dom: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// In: the remote port.
    pub remote_port: u32,
    /// Out: the new local port.
    pub local_port: u32,
}

/// Argument of `EVTCHNOP_bind_virq`.
#[doc(alias = "evtchn_bind_virq")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnBindVirq {
    /// In: `VIRQ_*`.
    pub virq: u32,
    /// In: the vCPU to notify; 0 for a global one.
    pub vcpu: u32,
    /// Out: the port.
    pub port: u32,
}

/// Argument of `EVTCHNOP_bind_pirq`.
#[doc(alias = "evtchn_bind_pirq")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnBindPirq {
    /// In: physical interrupt.
    pub pirq: u32,
    /// In: `BIND_PIRQ__*`.
    pub flags: u32,
    /// Out: the port.
    pub port: u32,
}

/// Argument of `EVTCHNOP_bind_ipi`.
#[doc(alias = "evtchn_bind_ipi")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnBindIpi {
    /// In: the vCPU to notify.
    pub vcpu: u32,
    /// Out: the port.
    pub port: u32,
}

/// Argument of `EVTCHNOP_close`.
#[doc(alias = "evtchn_close")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnClose {
    /// In: the port.
    pub port: u32,
}

/// Argument of `EVTCHNOP_send`.
#[doc(alias = "evtchn_send")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnSend {
    /// In: the local port.
    pub port: u32,
}

/// Argument of `EVTCHNOP_status` (24 bytes).
#[doc(alias = "evtchn_status")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnStatus {
    /// In: the domain of the port (or `DOMID_SELF`).
    pub dom: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// In: the port.
    pub port: u32,
    /// Out: `EVTCHNSTAT_*`.
    pub status: u32,
    /// Out: the vCPU that is notified.
    pub vcpu: u32,
    /// Out: an [`EvtchnStatusUnbound`], an [`EvtchnStatusInterdomain`], or the interrupt in the first word.
    pub u: [u32; 2],
}

/// Detail of [`EvtchnStatus`] for `EVTCHNSTAT_unbound`.
#[doc(alias = "evtchn_status.u.unbound")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnStatusUnbound {
    /// The domain that may connect.
    pub dom: u16,
}

/// Detail of [`EvtchnStatus`] for `EVTCHNSTAT_interdomain`.
#[doc(alias = "evtchn_status.u.interdomain")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnStatusInterdomain {
    /// The remote domain.
    pub dom: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// The remote port.
    pub port: u32,
}

/// Argument of `EVTCHNOP_bind_vcpu`.
#[doc(alias = "evtchn_bind_vcpu")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnBindVcpu {
    /// In: the port.
    pub port: u32,
    /// In: the vCPU to notify.
    pub vcpu: u32,
}

/// Argument of `EVTCHNOP_unmask`.
#[doc(alias = "evtchn_unmask")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnUnmask {
    /// In: the port.
    pub port: u32,
}

/// Argument of `EVTCHNOP_reset`.
#[doc(alias = "evtchn_reset")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnReset {
    /// In: the domain (or `DOMID_SELF`).
    pub dom: u16,
}

/// Argument of `EVTCHNOP_init_control` (24 bytes).
#[doc(alias = "evtchn_init_control")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnInitControl {
    /// In: guest frame of the control block.
    pub control_gfn: u64,
    /// In: offset of the control block in the frame, in bytes.
    pub offset: u32,
    /// In: the vCPU.
    pub vcpu: u32,
    /// Out: width of the link in an event word.
    pub link_bits: u8,
    /// Padding; zero.
    pub _pad: [u8; 7],
}

/// Argument of `EVTCHNOP_expand_array`.
#[doc(alias = "evtchn_expand_array")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnExpandArray {
    /// In: guest frame of the new page.
    pub array_gfn: u64,
}

/// Argument of `EVTCHNOP_set_priority`.
#[doc(alias = "evtchn_set_priority")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnSetPriority {
    /// In: the port.
    pub port: u32,
    /// In: 0 (highest) to 15.
    pub priority: u32,
}

/// Argument of the old hypercall `event_channel_op_compat`.
#[doc(alias = "evtchn_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnOp {
    /// `EVTCHNOP_*`.
    pub cmd: u32,
    /// The argument of that operation.
    pub u: [u32; 6],
}

/// FIFO queues of one vCPU, shared with the guest (72 bytes).
#[doc(alias = "evtchn_fifo_control_block")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EvtchnFifoControlBlock {
    /// A bit for each queue that is not empty.
    pub ready: u32,
    /// Zero.
    pub _rsvd: u32,
    /// First port of each queue.
    pub head: [u32; 16],
}

crate::zeroed_default!(
    EvtchnAllocUnbound,
    EvtchnBindInterdomain,
    EvtchnBindVirq,
    EvtchnBindPirq,
    EvtchnBindIpi,
    EvtchnClose,
    EvtchnSend,
    EvtchnStatus,
    EvtchnStatusUnbound,
    EvtchnStatusInterdomain,
    EvtchnBindVcpu,
    EvtchnUnmask,
    EvtchnReset,
    EvtchnInitControl,
    EvtchnExpandArray,
    EvtchnSetPriority,
    EvtchnOp,
    EvtchnFifoControlBlock
);
