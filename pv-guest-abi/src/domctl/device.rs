//! Devices of a domain: interrupts, I/O memory, ports, PCI.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`DomctlAssignDevice::dev`]: PCI.
pub const XEN_DOMCTL_DEV_PCI: u32 = 0;
/// [`DomctlAssignDevice::dev`]: device tree.
pub const XEN_DOMCTL_DEV_DT: u32 = 1;
/// [`DomctlAssignDevice::flags`]: reserved memory may conflict.
pub const XEN_DOMCTL_DEV_RDM_RELAXED: u32 = 1;
/// [`DomctlBindPtIrq::irq_type`]: PCI line.
pub const PT_IRQ_TYPE_PCI: u32 = 0;
/// [`DomctlBindPtIrq::irq_type`]: ISA line.
pub const PT_IRQ_TYPE_ISA: u32 = 1;
/// [`DomctlBindPtIrq::irq_type`]: MSI.
pub const PT_IRQ_TYPE_MSI: u32 = 2;
/// [`DomctlBindPtIrq::irq_type`]: MSI to line.
pub const PT_IRQ_TYPE_MSI_TRANSLATE: u32 = 3;
/// [`DomctlBindPtIrq::irq_type`]: ARM.
pub const PT_IRQ_TYPE_SPI: u32 = 4;
/// [`DomctlBindPtIrqMsi::gflags`]: destination.
pub const XEN_DOMCTL_VMSI_X86_DEST_ID_MASK: u32 = 0x0000ff;
/// Redirection hint.
pub const XEN_DOMCTL_VMSI_X86_RH_MASK: u32 = 0x000100;
/// Destination mode.
pub const XEN_DOMCTL_VMSI_X86_DM_MASK: u32 = 0x000200;
/// Delivery mode.
pub const XEN_DOMCTL_VMSI_X86_DELIV_MASK: u32 = 0x007000;
/// Trigger mode.
pub const XEN_DOMCTL_VMSI_X86_TRIG_MASK: u32 = 0x008000;
/// Not masked.
pub const XEN_DOMCTL_VMSI_X86_UNMASKED: u32 = 0x010000;

/// Payload of `XEN_DOMCTL_irq_permission`.
#[doc(alias = "xen_domctl_irq_permission")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlIrqPermission {
    /// Physical interrupt.
    pub pirq: u32,
    /// Non-zero: allow.
    pub allow_access: u8,
    /// Zero.
    pub pad: [u8; 3],
}

/// Payload of `XEN_DOMCTL_iomem_permission`.
#[doc(alias = "xen_domctl_iomem_permission")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlIomemPermission {
    /// First frame.
    pub first_mfn: u64,
    /// Number.
    pub nr_mfns: u64,
    /// Non-zero: allow.
    pub allow_access: u8,
    /// Padding; zero.
    pub _pad0: [u8; 7],
}

/// Payload of `XEN_DOMCTL_ioport_permission`.
#[doc(alias = "xen_domctl_ioport_permission")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlIoportPermission {
    /// First port.
    pub first_port: u32,
    /// Number.
    pub nr_ports: u32,
    /// Non-zero: allow.
    pub allow_access: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
}

/// Payload of `XEN_DOMCTL_ioport_mapping`.
#[doc(alias = "xen_domctl_ioport_mapping")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlIoportMapping {
    /// First guest port.
    pub first_gport: u32,
    /// First machine port.
    pub first_mport: u32,
    /// Number.
    pub nr_ports: u32,
    /// `DPCI_*_MAPPING`.
    pub add_mapping: u32,
}

/// A device of a device tree.
#[doc(alias = "xen_domctl_assign_device.u.dt")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlAssignDeviceDt {
    /// Length of the path.
    pub size: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the path.
    pub path: u64,
}

/// Payload of `XEN_DOMCTL_{,de,test_}assign_device`.
#[doc(alias = "xen_domctl_assign_device")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlAssignDevice {
    /// `XEN_DOMCTL_DEV_*`.
    pub dev: u32,
    /// `XEN_DOMCTL_DEV_RDM_RELAXED`.
    pub flags: u32,
    /// The PCI device (segment, bus, device, function in bits 0 to 31), or a [`DomctlAssignDeviceDt`].
    pub u: [u64; 2],
}

/// Payload of `XEN_DOMCTL_get_device_group`.
#[doc(alias = "xen_domctl_get_device_group")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlGetDeviceGroup {
    /// In: the device.
    pub machine_sbdf: u32,
    /// In: room in the list.
    pub max_sdevs: u32,
    /// Out: devices in the group.
    pub num_sdevs: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the list (`u32`), out.
    pub sdev_array: u64,
}

/// The guest's PCI line.
#[doc(alias = "xen_domctl_bind_pt_irq.u.pci")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlBindPtIrqPci {
    /// Bus.
    pub bus: u8,
    /// Device.
    pub device: u8,
    /// Line.
    pub intx: u8,
}

/// The guest's MSI.
#[doc(alias = "xen_domctl_bind_pt_irq.u.msi")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlBindPtIrqMsi {
    /// Vector.
    pub gvec: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
    /// `XEN_DOMCTL_VMSI_X86_*`.
    pub gflags: u32,
    /// Guest physical address of the MSI-X table.
    pub gtable: u64,
}

/// Payload of `XEN_DOMCTL_{,un}bind_pt_irq`.
#[doc(alias = "xen_domctl_bind_pt_irq")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlBindPtIrq {
    /// Physical interrupt.
    pub machine_irq: u32,
    /// `PT_IRQ_TYPE_*`.
    pub irq_type: u32,
    /// A [`DomctlBindPtIrqPci`], a [`DomctlBindPtIrqMsi`], or the line in the low byte (word for ARM).
    pub u: [u64; 2],
}

crate::zeroed_default!(
    DomctlIrqPermission,
    DomctlIomemPermission,
    DomctlIoportPermission,
    DomctlIoportMapping,
    DomctlAssignDeviceDt,
    DomctlAssignDevice,
    DomctlGetDeviceGroup,
    DomctlBindPtIrqPci,
    DomctlBindPtIrqMsi,
    DomctlBindPtIrq
);
