//! NMI callback and reasons: `nmi_op` (`nmi.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`ArchSharedInfo::nmi_reason`](crate::shared::ArchSharedInfo::nmi_reason): I/O check.
#[doc(alias = "XEN_NMIREASON_io_error")]
pub const XEN_NMIREASON_IO_ERROR: u64 = 1 << 0;
/// PCI system error.
#[doc(alias = "XEN_NMIREASON_pci_serr")]
pub const XEN_NMIREASON_PCI_SERR: u64 = 1 << 1;
/// Unknown hardware NMI.
#[doc(alias = "XEN_NMIREASON_unknown")]
pub const XEN_NMIREASON_UNKNOWN: u64 = 1 << 2;
/// Register; [`NmiCallback`]. `EINVAL` unless vCPU 0 of domain 0.
#[doc(alias = "XENNMI_register_callback")]
pub const XENNMI_REGISTER_CALLBACK: u32 = 0;
/// Unregister; no structure.
#[doc(alias = "XENNMI_unregister_callback")]
pub const XENNMI_UNREGISTER_CALLBACK: u32 = 1;

/// Argument of `XENNMI_register_callback`.
#[doc(alias = "xennmi_callback")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NmiCallback {
    /// Address of the callback.
    pub handler_address: u64,
    /// Zero.
    pub pad: u64,
}

crate::zeroed_default!(NmiCallback);
