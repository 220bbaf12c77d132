//! PCI devices given to a guest (`io/pciif.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Version of the protocol, in the backend's node.
pub const XEN_PCI_MAGIC: &str = "7";
/// [`PciSharedinfo::flags`]: a request waits.
#[doc(alias = "XEN_PCIF_active")]
pub const XEN_PCIF_ACTIVE: u32 = 1 << 0;
/// [`PciSharedinfo::flags`]: an error request has an answer.
pub const XEN_PCIB_AERHANDLER: u32 = 1 << 1;
/// [`PciSharedinfo::flags`]: an error request waits.
#[doc(alias = "XEN_PCIB_active")]
pub const XEN_PCIB_ACTIVE: u32 = 1 << 2;
/// [`PciOp::cmd`]: read configuration space.
#[doc(alias = "XEN_PCI_OP_conf_read")]
pub const XEN_PCI_OP_CONF_READ: u32 = 0;
/// Write configuration space.
#[doc(alias = "XEN_PCI_OP_conf_write")]
pub const XEN_PCI_OP_CONF_WRITE: u32 = 1;
/// Enable an MSI.
#[doc(alias = "XEN_PCI_OP_enable_msi")]
pub const XEN_PCI_OP_ENABLE_MSI: u32 = 2;
/// Disable it.
#[doc(alias = "XEN_PCI_OP_disable_msi")]
pub const XEN_PCI_OP_DISABLE_MSI: u32 = 3;
/// Enable MSI-X.
#[doc(alias = "XEN_PCI_OP_enable_msix")]
pub const XEN_PCI_OP_ENABLE_MSIX: u32 = 4;
/// Disable it.
#[doc(alias = "XEN_PCI_OP_disable_msix")]
pub const XEN_PCI_OP_DISABLE_MSIX: u32 = 5;
/// [`PcieAerOp::cmd`]: an error was detected.
#[doc(alias = "XEN_PCI_OP_aer_detected")]
pub const XEN_PCI_OP_AER_DETECTED: u32 = 6;
/// Go on.
#[doc(alias = "XEN_PCI_OP_aer_resume")]
pub const XEN_PCI_OP_AER_RESUME: u32 = 7;
/// Device memory is enabled.
#[doc(alias = "XEN_PCI_OP_aer_mmio")]
pub const XEN_PCI_OP_AER_MMIO: u32 = 8;
/// The slot was reset.
#[doc(alias = "XEN_PCI_OP_aer_slotreset")]
pub const XEN_PCI_OP_AER_SLOTRESET: u32 = 9;
/// Enable several MSIs.
#[doc(alias = "XEN_PCI_OP_enable_multi_msi")]
pub const XEN_PCI_OP_ENABLE_MULTI_MSI: u32 = 10;
/// Error: none.
#[doc(alias = "XEN_PCI_ERR_success")]
pub const XEN_PCI_ERR_SUCCESS: i32 = 0;
/// Error: no such device.
#[doc(alias = "XEN_PCI_ERR_dev_not_found")]
pub const XEN_PCI_ERR_DEV_NOT_FOUND: i32 = -1;
/// Error: bad offset.
#[doc(alias = "XEN_PCI_ERR_invalid_offset")]
pub const XEN_PCI_ERR_INVALID_OFFSET: i32 = -2;
/// Error: not allowed.
#[doc(alias = "XEN_PCI_ERR_access_denied")]
pub const XEN_PCI_ERR_ACCESS_DENIED: i32 = -3;
/// Error: no such command.
#[doc(alias = "XEN_PCI_ERR_not_implemented")]
pub const XEN_PCI_ERR_NOT_IMPLEMENTED: i32 = -4;
/// Error: failed.
#[doc(alias = "XEN_PCI_ERR_op_failed")]
pub const XEN_PCI_ERR_OP_FAILED: i32 = -5;
/// Interrupts in a request.
pub const SH_INFO_MAX_VEC: usize = 128;

/// One MSI-X interrupt.
#[doc(alias = "xen_msix_entry")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MsixEntry {
    /// Physical interrupt.
    pub vector: u16,
    /// Entry of the table.
    pub entry: u16,
}

/// A request of the frontend.
#[doc(alias = "xen_pci_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PciOp {
    /// In: `XEN_PCI_OP_*`.
    pub cmd: u32,
    /// Out: `XEN_PCI_ERR_*`.
    pub err: i32,
    /// In: segment.
    pub domain: u32,
    /// In: bus.
    pub bus: u32,
    /// In: device and function.
    pub devfn: u32,
    /// In: offset in configuration space.
    pub offset: i32,
    /// In: 1, 2 or 4 bytes.
    pub size: i32,
    /// Value.
    pub value: u32,
    /// Number of interrupts.
    pub info: u32,
    /// Interrupts.
    pub msix_entries: [MsixEntry; SH_INFO_MAX_VEC],
}

/// An error request of the backend.
#[doc(alias = "xen_pcie_aer_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PcieAerOp {
    /// In: `XEN_PCI_OP_aer_*`.
    pub cmd: u32,
    /// In and out: error, answer.
    pub err: i32,
    /// In: segment.
    pub domain: u32,
    /// In: bus.
    pub bus: u32,
    /// In: device and function.
    pub devfn: u32,
}

/// The shared page.
#[doc(alias = "xen_pci_sharedinfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PciSharedinfo {
    /// `XEN_PCIF_*` and `XEN_PCIB_*`, changed with atomics.
    pub flags: u32,
    /// Request of the frontend.
    pub op: PciOp,
    /// Request of the backend.
    pub aer_op: PcieAerOp,
}

crate::zeroed_default!(MsixEntry, PciOp, PcieAerOp, PciSharedinfo);
