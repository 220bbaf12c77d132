//! Interrupts and PCI devices: `physdev_op` (`physdev.h`).
//!
//! Arguments: command, guest address of its structure. Most are for a domain that was given devices.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Old form of `PHYSDEVOP_EOI`; no structure.
pub const PHYSDEVOP_IRQ_UNMASK_NOTIFY: u32 = 4;
/// What an interrupt needs; [`PhysdevIrqStatusQuery`].
#[doc(alias = "PHYSDEVOP_irq_status_query")]
pub const PHYSDEVOP_IRQ_STATUS_QUERY: u32 = 5;
/// Set the virtual IOPL of the vCPU; [`PhysdevSetIopl`].
#[doc(alias = "PHYSDEVOP_set_iopl")]
pub const PHYSDEVOP_SET_IOPL: u32 = 6;
/// Set the port bitmap of the vCPU; [`PhysdevSetIobitmap`].
#[doc(alias = "PHYSDEVOP_set_iobitmap")]
pub const PHYSDEVOP_SET_IOBITMAP: u32 = 7;
/// Read an I/O APIC register; [`PhysdevApic`].
#[doc(alias = "PHYSDEVOP_apic_read")]
pub const PHYSDEVOP_APIC_READ: u32 = 8;
/// Write an I/O APIC register; [`PhysdevApic`].
#[doc(alias = "PHYSDEVOP_apic_write")]
pub const PHYSDEVOP_APIC_WRITE: u32 = 9;
/// Allocate a vector; [`PhysdevIrq`].
#[doc(alias = "PHYSDEVOP_alloc_irq_vector")]
pub const PHYSDEVOP_ALLOC_IRQ_VECTOR: u32 = 10;
/// Free a vector (does nothing); [`PhysdevIrq`].
#[doc(alias = "PHYSDEVOP_free_irq_vector")]
pub const PHYSDEVOP_FREE_IRQ_VECTOR: u32 = 11;
/// End of interrupt; [`PhysdevEoi`].
#[doc(alias = "PHYSDEVOP_eoi")]
pub const PHYSDEVOP_EOI: u32 = 12;
/// Map a physical interrupt; [`PhysdevMapPirq`].
#[doc(alias = "PHYSDEVOP_map_pirq")]
pub const PHYSDEVOP_MAP_PIRQ: u32 = 13;
/// Unmap it; [`PhysdevUnmapPirq`].
#[doc(alias = "PHYSDEVOP_unmap_pirq")]
pub const PHYSDEVOP_UNMAP_PIRQ: u32 = 14;
/// Report a device; [`PhysdevManagePci`].
#[doc(alias = "PHYSDEVOP_manage_pci_add")]
pub const PHYSDEVOP_MANAGE_PCI_ADD: u32 = 15;
/// Report that it is gone; [`PhysdevManagePci`].
#[doc(alias = "PHYSDEVOP_manage_pci_remove")]
pub const PHYSDEVOP_MANAGE_PCI_REMOVE: u32 = 16;
/// Register a page of EOI bits; [`PhysdevPirqEoiGmfn`].
#[doc(alias = "PHYSDEVOP_pirq_eoi_gmfn_v1")]
pub const PHYSDEVOP_PIRQ_EOI_GMFN_V1: u32 = 17;
/// Restore MSI state after a reset; [`PhysdevRestoreMsi`].
#[doc(alias = "PHYSDEVOP_restore_msi")]
pub const PHYSDEVOP_RESTORE_MSI: u32 = 19;
/// Report a device with virtual functions; [`PhysdevManagePciExt`].
#[doc(alias = "PHYSDEVOP_manage_pci_add_ext")]
pub const PHYSDEVOP_MANAGE_PCI_ADD_EXT: u32 = 20;
/// Set trigger and polarity; [`PhysdevSetupGsi`].
#[doc(alias = "PHYSDEVOP_setup_gsi")]
pub const PHYSDEVOP_SETUP_GSI: u32 = 21;
/// Reserve a number; [`PhysdevGetFreePirq`].
#[doc(alias = "PHYSDEVOP_get_free_pirq")]
pub const PHYSDEVOP_GET_FREE_PIRQ: u32 = 23;
/// Report a configuration space; [`PhysdevPciMmcfgReserved`].
#[doc(alias = "PHYSDEVOP_pci_mmcfg_reserved")]
pub const PHYSDEVOP_PCI_MMCFG_RESERVED: u32 = 24;
/// Report a device; [`PhysdevPciDeviceAdd`].
#[doc(alias = "PHYSDEVOP_pci_device_add")]
pub const PHYSDEVOP_PCI_DEVICE_ADD: u32 = 25;
/// Report that it is gone; [`PhysdevPciDevice`].
#[doc(alias = "PHYSDEVOP_pci_device_remove")]
pub const PHYSDEVOP_PCI_DEVICE_REMOVE: u32 = 26;
/// Restore MSI state after a reset; [`PhysdevPciDevice`].
#[doc(alias = "PHYSDEVOP_restore_msi_ext")]
pub const PHYSDEVOP_RESTORE_MSI_EXT: u32 = 27;
/// Register a page of EOI bits, without unmasking; [`PhysdevPirqEoiGmfn`].
#[doc(alias = "PHYSDEVOP_pirq_eoi_gmfn_v2")]
pub const PHYSDEVOP_PIRQ_EOI_GMFN_V2: u32 = 28;
/// The form in use.
#[doc(alias = "PHYSDEVOP_pirq_eoi_gmfn")]
pub const PHYSDEVOP_PIRQ_EOI_GMFN: u32 = PHYSDEVOP_PIRQ_EOI_GMFN_V2;
/// A debug port is reset; [`PhysdevDbgpOp`].
#[doc(alias = "PHYSDEVOP_dbgp_op")]
pub const PHYSDEVOP_DBGP_OP: u32 = 29;
/// The hypervisor shall use the device's MSI-X; [`PhysdevPciDevice`].
#[doc(alias = "PHYSDEVOP_prepare_msix")]
pub const PHYSDEVOP_PREPARE_MSIX: u32 = 30;
/// It shall no longer; [`PhysdevPciDevice`].
#[doc(alias = "PHYSDEVOP_release_msix")]
pub const PHYSDEVOP_RELEASE_MSIX: u32 = 31;
/// [`PhysdevIrqStatusQuery::flags`]: needs `PHYSDEVOP_EOI`.
#[doc(alias = "XENIRQSTAT_needs_eoi")]
pub const XENIRQSTAT_NEEDS_EOI: u32 = 1 << 0;
/// [`PhysdevIrqStatusQuery::flags`]: shared with others.
#[doc(alias = "XENIRQSTAT_shared")]
pub const XENIRQSTAT_SHARED: u32 = 1 << 1;
/// [`PhysdevMapPirq::kind`]: MSI or MSI-X.
pub const MAP_PIRQ_TYPE_MSI: i32 = 0;
/// [`PhysdevMapPirq::kind`]: global system interrupt.
pub const MAP_PIRQ_TYPE_GSI: i32 = 1;
/// [`PhysdevMapPirq::kind`]: unknown.
pub const MAP_PIRQ_TYPE_UNKNOWN: i32 = 2;
/// [`PhysdevMapPirq::kind`]: MSI or MSI-X; the segment is in bits 16 to 31 of `bus`.
pub const MAP_PIRQ_TYPE_MSI_SEG: i32 = 3;
/// [`PhysdevMapPirq::kind`]: several MSIs.
pub const MAP_PIRQ_TYPE_MULTI_MSI: i32 = 4;
/// [`PhysdevPciMmcfgReserved::flags`]: reserved in the memory map.
pub const XEN_PCI_MMCFG_RESERVED: u32 = 1;
/// [`PhysdevPciDeviceAdd::flags`]: extended function.
pub const XEN_PCI_DEV_EXTFN: u32 = 1;
/// [`PhysdevPciDeviceAdd::flags`]: virtual function.
pub const XEN_PCI_DEV_VIRTFN: u32 = 2;
/// [`PhysdevPciDeviceAdd::flags`]: the proximity domain follows the structure.
pub const XEN_PCI_DEV_PXM: u32 = 4;
/// [`PhysdevDbgpOp::op`]: about to be reset.
pub const PHYSDEVOP_DBGP_RESET_PREPARE: u8 = 1;
/// [`PhysdevDbgpOp::op`]: was reset.
pub const PHYSDEVOP_DBGP_RESET_DONE: u8 = 2;
/// [`PhysdevDbgpOp::bus`]: unknown.
pub const PHYSDEVOP_DBGP_BUS_UNKNOWN: u8 = 0;
/// [`PhysdevDbgpOp::bus`]: PCI.
pub const PHYSDEVOP_DBGP_BUS_PCI: u8 = 1;

/// Argument of `PHYSDEVOP_eoi`.
#[doc(alias = "physdev_eoi")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevEoi {
    /// The interrupt.
    pub irq: u32,
}

/// Argument of `PHYSDEVOP_pirq_eoi_gmfn_v1` and `_v2`.
#[doc(alias = "physdev_pirq_eoi_gmfn")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevPirqEoiGmfn {
    /// The frame.
    pub gmfn: u64,
}

/// Argument of `PHYSDEVOP_irq_status_query`.
#[doc(alias = "physdev_irq_status_query")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevIrqStatusQuery {
    /// In: the interrupt.
    pub irq: u32,
    /// Out: `XENIRQSTAT_*`.
    pub flags: u32,
}

/// Argument of `PHYSDEVOP_set_iopl`.
#[doc(alias = "physdev_set_iopl")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevSetIopl {
    /// 0 to 3.
    pub iopl: u32,
}

/// Argument of `PHYSDEVOP_set_iobitmap`.
#[doc(alias = "physdev_set_iobitmap")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevSetIobitmap {
    /// Guest address of the bitmap; a set bit denies a port.
    pub bitmap: u64,
    /// Number of ports.
    pub nr_ports: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// Argument of `PHYSDEVOP_apic_read` and `_write`.
#[doc(alias = "physdev_apic")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevApic {
    /// Physical address of the I/O APIC.
    pub apic_physbase: u64,
    /// Register.
    pub reg: u32,
    /// Value.
    pub value: u32,
}

/// Argument of `PHYSDEVOP_alloc_irq_vector`.
#[doc(alias = "physdev_irq")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevIrq {
    /// In: the interrupt.
    pub irq: u32,
    /// Out: the vector.
    pub vector: u32,
}

/// Argument of `PHYSDEVOP_map_pirq` (40 bytes).
#[doc(alias = "physdev_map_pirq")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevMapPirq {
    /// The domain that gets it.
    pub domid: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// `MAP_PIRQ_TYPE_*`.
    #[doc(alias = "type")]
    pub kind: i32,
    /// The interrupt in that space (or -1).
    pub index: i32,
    /// In: the number wanted, or -1; out: the number.
    pub pirq: i32,
    /// PCI bus.
    pub bus: i32,
    /// PCI device and function.
    pub devfn: i32,
    /// In: MSI-X entry, or number of MSIs; out: MSIs done.
    pub entry_nr: i32,
    /// Padding; zero.
    pub _pad1: [u8; 4],
    /// Physical address of the MSI-X table; 0 for MSI.
    pub table_base: u64,
}

/// Argument of `PHYSDEVOP_unmap_pirq`.
#[doc(alias = "physdev_unmap_pirq")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevUnmapPirq {
    /// The domain.
    pub domid: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// The number.
    pub pirq: i32,
}

/// Argument of `PHYSDEVOP_manage_pci_add` and `_remove`.
#[doc(alias = "physdev_manage_pci")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevManagePci {
    /// Bus.
    pub bus: u8,
    /// Device and function.
    pub devfn: u8,
}

/// Argument of `PHYSDEVOP_restore_msi`.
#[doc(alias = "physdev_restore_msi")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevRestoreMsi {
    /// Bus.
    pub bus: u8,
    /// Device and function.
    pub devfn: u8,
}

/// Argument of `PHYSDEVOP_manage_pci_add_ext`.
#[doc(alias = "physdev_manage_pci_ext")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevManagePciExt {
    /// Bus.
    pub bus: u8,
    /// Device and function.
    pub devfn: u8,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// Non-zero: extended function.
    pub is_extfn: u32,
    /// Non-zero: virtual function.
    pub is_virtfn: u32,
    /// Bus of the physical function.
    #[doc(alias = "physfn.bus")]
    pub physfn_bus: u8,
    /// Device and function of the physical function.
    #[doc(alias = "physfn.devfn")]
    pub physfn_devfn: u8,
    /// Padding; zero.
    pub _pad1: [u8; 2],
}

/// Argument of the old hypercall `physdev_op_compat`.
#[doc(alias = "physdev_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevOp {
    /// `PHYSDEVOP_*`.
    pub cmd: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// The argument of that operation.
    pub u: [u64; 2],
}

/// Argument of `PHYSDEVOP_setup_gsi`.
#[doc(alias = "physdev_setup_gsi")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevSetupGsi {
    /// The interrupt.
    pub gsi: i32,
    /// 0: edge; 1: level.
    pub triggering: u8,
    /// 0: active high; 1: active low.
    pub polarity: u8,
    /// Padding; zero.
    pub _pad0: [u8; 2],
}

/// Argument of `PHYSDEVOP_get_free_pirq`.
#[doc(alias = "physdev_get_free_pirq")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevGetFreePirq {
    /// In: `MAP_PIRQ_TYPE_*`.
    #[doc(alias = "type")]
    pub kind: i32,
    /// Out: the number.
    pub pirq: u32,
}

/// Argument of `PHYSDEVOP_pci_mmcfg_reserved`.
#[doc(alias = "physdev_pci_mmcfg_reserved")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevPciMmcfgReserved {
    /// Physical address.
    pub address: u64,
    /// Segment.
    pub segment: u16,
    /// First bus.
    pub start_bus: u8,
    /// Last bus.
    pub end_bus: u8,
    /// `XEN_PCI_MMCFG_RESERVED`.
    pub flags: u32,
}

/// Argument of `PHYSDEVOP_pci_device_add`; the proximity domain may follow.
#[doc(alias = "physdev_pci_device_add")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevPciDeviceAdd {
    /// Segment.
    pub seg: u16,
    /// Bus.
    pub bus: u8,
    /// Device and function.
    pub devfn: u8,
    /// `XEN_PCI_DEV_*`.
    pub flags: u32,
    /// Bus of the physical function.
    #[doc(alias = "physfn.bus")]
    pub physfn_bus: u8,
    /// Device and function of the physical function.
    #[doc(alias = "physfn.devfn")]
    pub physfn_devfn: u8,
    /// Padding; zero.
    pub _pad0: [u8; 2],
}

/// A PCI device.
#[doc(alias = "physdev_pci_device")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevPciDevice {
    /// Segment.
    pub seg: u16,
    /// Bus.
    pub bus: u8,
    /// Device and function.
    pub devfn: u8,
}

/// Argument of `PHYSDEVOP_dbgp_op`.
#[doc(alias = "physdev_dbgp_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevDbgpOp {
    /// `PHYSDEVOP_DBGP_RESET_*`.
    pub op: u8,
    /// `PHYSDEVOP_DBGP_BUS_*`.
    pub bus: u8,
    /// The device.
    #[doc(alias = "u.pci")]
    pub pci: PhysdevPciDevice,
}

crate::zeroed_default!(
    PhysdevEoi,
    PhysdevPirqEoiGmfn,
    PhysdevIrqStatusQuery,
    PhysdevSetIopl,
    PhysdevSetIobitmap,
    PhysdevApic,
    PhysdevIrq,
    PhysdevMapPirq,
    PhysdevUnmapPirq,
    PhysdevManagePci,
    PhysdevRestoreMsi,
    PhysdevManagePciExt,
    PhysdevOp,
    PhysdevSetupGsi,
    PhysdevGetFreePirq,
    PhysdevPciMmcfgReserved,
    PhysdevPciDeviceAdd,
    PhysdevPciDevice,
    PhysdevDbgpOp
);
