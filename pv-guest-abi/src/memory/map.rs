//! The M2P, memory maps and NUMA topology.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use zerocopy::{LE, U32, U64, Unaligned};

/// Argument of `XENMEM_machphys_mfn_list`.
#[doc(alias = "xen_machphys_mfn_list")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MachphysMfnList {
    /// In: length of the list.
    pub max_extents: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the list of machine frames.
    pub extent_start: u64,
    /// Out: entries written.
    pub nr_extents: u32,
    /// Padding; zero.
    pub _pad1: [u8; 4],
}

/// Argument of `XENMEM_machphys_mapping`.
#[doc(alias = "xen_machphys_mapping")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MachphysMapping {
    /// Out: linear address of the M2P.
    pub v_start: u64,
    /// Out: linear address behind it.
    pub v_end: u64,
    /// Out: greatest machine frame that can be looked up.
    pub max_mfn: u64,
}

/// Argument of `XENMEM_memory_map` and `XENMEM_machine_memory_map`.
#[doc(alias = "xen_memory_map")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemoryMap {
    /// In: room in the buffer; out: entries written.
    pub nr_entries: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the list of [`E820Entry`].
    pub buffer: u64,
}

/// Argument of `XENMEM_set_memory_map`.
#[doc(alias = "xen_foreign_memory_map")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ForeignMemoryMap {
    /// The domain.
    pub domid: u16,
    /// Padding; zero.
    pub _pad0: [u8; 6],
    /// The map.
    pub map: MemoryMap,
}

/// One reserved range.
#[doc(alias = "xen_reserved_device_memory")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ReservedDeviceMemory {
    /// First frame.
    pub start_pfn: u64,
    /// Pages.
    pub nr_pages: u64,
}

/// Argument of `XENMEM_reserved_device_memory_map`.
#[doc(alias = "xen_reserved_device_memory_map")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ReservedDeviceMemoryMap {
    /// `XENMEM_RDM_*`.
    pub flags: u32,
    /// In: room in the buffer; out: entries needed.
    pub nr_entries: u32,
    /// Guest address of the list of [`ReservedDeviceMemory`].
    pub buffer: u64,
    /// The device to ask for.
    #[doc(alias = "dev.pci")]
    pub pci: crate::physdev::PhysdevPciDevice,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// A memory range of a virtual NUMA node.
#[doc(alias = "xen_vmemrange")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Vmemrange {
    /// First address.
    pub start: u64,
    /// Address behind it.
    pub end: u64,
    /// Zero.
    pub flags: u32,
    /// Node.
    pub nid: u32,
}

/// Argument of `XENMEM_get_vnumainfo`.
#[doc(alias = "xen_vnuma_topology_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VnumaTopologyInfo {
    /// The domain.
    pub domid: u16,
    /// Zero.
    pub pad: u16,
    /// Room, then number, of nodes.
    pub nr_vnodes: u32,
    /// Room, then number, of vCPUs.
    pub nr_vcpus: u32,
    /// Room, then number, of memory ranges.
    pub nr_vmemranges: u32,
    /// Guest address of the distances (`u32`).
    pub vdistance: u64,
    /// Guest address of each vCPU's node (`u32`).
    pub vcpu_to_vnode: u64,
    /// Guest address of the list of [`Vmemrange`].
    pub vmemrange: u64,
}

/// One record of a memory map, as the BIOS gives it (20 bytes, no alignment).
#[doc(alias = "e820entry")]
#[repr(C)]
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
pub struct E820Entry {
    /// First address, in bytes.
    pub addr: U64<LE>,
    /// Length in bytes.
    pub size: U64<LE>,
    /// `E820_*`.
    #[doc(alias = "type")]
    pub kind: U32<LE>,
}

/// [`E820Entry::kind`]: usable memory.
pub const E820_RAM: u32 = 1;
/// [`E820Entry::kind`]: reserved.
pub const E820_RESERVED: u32 = 2;
/// [`E820Entry::kind`]: ACPI tables.
pub const E820_ACPI: u32 = 3;
/// [`E820Entry::kind`]: ACPI non-volatile storage.
pub const E820_NVS: u32 = 4;
/// [`E820Entry::kind`]: defective memory.
pub const E820_UNUSABLE: u32 = 5;

crate::zeroed_default!(
    MachphysMfnList,
    MachphysMapping,
    MemoryMap,
    ForeignMemoryMap,
    ReservedDeviceMemory,
    ReservedDeviceMemoryMap,
    Vmemrange,
    VnumaTopologyInfo
);
