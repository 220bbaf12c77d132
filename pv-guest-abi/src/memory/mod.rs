//! Memory reservation and information: `memory_op` (`memory.h`).
//!
//! The first argument is the command in bits 0 to 5; above it a hypervisor may keep its progress.

pub mod map;
pub mod reservation;
pub mod translated;

pub use map::*;
pub use reservation::*;
pub use translated::*;

/// Allocate extents; [`MemoryReservation`]; returns the number done.
#[doc(alias = "XENMEM_increase_reservation")]
pub const XENMEM_INCREASE_RESERVATION: u32 = 0;
/// Free extents; [`MemoryReservation`]; returns the number done.
#[doc(alias = "XENMEM_decrease_reservation")]
pub const XENMEM_DECREASE_RESERVATION: u32 = 1;
/// Allocate extents at given guest frames; [`MemoryReservation`]; returns the number done.
#[doc(alias = "XENMEM_populate_physmap")]
pub const XENMEM_POPULATE_PHYSMAP: u32 = 6;
/// Returns the greatest machine frame of RAM; no argument.
#[doc(alias = "XENMEM_maximum_ram_page")]
pub const XENMEM_MAXIMUM_RAM_PAGE: u32 = 2;
/// Returns a domain's pages; [`MemoryDomain`].
#[doc(alias = "XENMEM_current_reservation")]
pub const XENMEM_CURRENT_RESERVATION: u32 = 3;
/// Returns a domain's greatest number of pages; [`MemoryDomain`].
#[doc(alias = "XENMEM_maximum_reservation")]
pub const XENMEM_MAXIMUM_RESERVATION: u32 = 4;
/// Machine frames of the M2P, by 2 MiB; [`MachphysMfnList`].
#[doc(alias = "XENMEM_machphys_mfn_list")]
pub const XENMEM_MACHPHYS_MFN_LIST: u32 = 5;
/// Place a page in a translated guest; [`AddToPhysmap`].
#[doc(alias = "XENMEM_add_to_physmap")]
pub const XENMEM_ADD_TO_PHYSMAP: u32 = 7;
/// The domain's memory map; [`MemoryMap`].
#[doc(alias = "XENMEM_memory_map")]
pub const XENMEM_MEMORY_MAP: u32 = 9;
/// The machine's memory map (control domain); [`MemoryMap`].
#[doc(alias = "XENMEM_machine_memory_map")]
pub const XENMEM_MACHINE_MEMORY_MAP: u32 = 10;
/// Exchange extents; [`MemoryExchange`].
#[doc(alias = "XENMEM_exchange")]
pub const XENMEM_EXCHANGE: u32 = 11;
/// Where the M2P is mapped; [`MachphysMapping`].
#[doc(alias = "XENMEM_machphys_mapping")]
pub const XENMEM_MACHPHYS_MAPPING: u32 = 12;
/// Set a domain's memory map; [`ForeignMemoryMap`].
#[doc(alias = "XENMEM_set_memory_map")]
pub const XENMEM_SET_MEMORY_MAP: u32 = 13;
/// Returns a domain's greatest guest frame; [`MemoryDomain`].
#[doc(alias = "XENMEM_maximum_gpfn")]
pub const XENMEM_MAXIMUM_GPFN: u32 = 14;
/// Remove a page from a translated guest; [`RemoveFromPhysmap`].
#[doc(alias = "XENMEM_remove_from_physmap")]
pub const XENMEM_REMOVE_FROM_PHYSMAP: u32 = 15;
/// Set the target of populate-on-demand; [`PodTarget`].
#[doc(alias = "XENMEM_set_pod_target")]
pub const XENMEM_SET_POD_TARGET: u32 = 16;
/// Ask for populate-on-demand figures; [`PodTarget`].
#[doc(alias = "XENMEM_get_pod_target")]
pub const XENMEM_GET_POD_TARGET: u32 = 17;
/// Returns frames saved by sharing.
#[doc(alias = "XENMEM_get_sharing_freed_pages")]
pub const XENMEM_GET_SHARING_FREED_PAGES: u32 = 18;
/// Returns frames that are shared.
#[doc(alias = "XENMEM_get_sharing_shared_pages")]
pub const XENMEM_GET_SHARING_SHARED_PAGES: u32 = 19;
/// Paging of translated guests; [`MemPagingOp`].
#[doc(alias = "XENMEM_paging_op")]
pub const XENMEM_PAGING_OP: u32 = 20;
/// Access rights of pages; [`MemAccessOp`].
#[doc(alias = "XENMEM_access_op")]
pub const XENMEM_ACCESS_OP: u32 = 21;
/// Memory sharing; [`MemSharingOp`](crate::sharing::MemSharingOp).
#[doc(alias = "XENMEM_sharing_op")]
pub const XENMEM_SHARING_OP: u32 = 22;
/// As `XENMEM_add_to_physmap`, many pages; [`AddToPhysmapBatch`].
#[doc(alias = "XENMEM_add_to_physmap_batch")]
pub const XENMEM_ADD_TO_PHYSMAP_BATCH: u32 = 23;
/// Set pages aside for a domain to come; [`MemoryReservation`].
#[doc(alias = "XENMEM_claim_pages")]
pub const XENMEM_CLAIM_PAGES: u32 = 24;
/// As `XENMEM_machphys_mfn_list`, of the table for 32-bit guests.
#[doc(alias = "XENMEM_machphys_compat_mfn_list")]
pub const XENMEM_MACHPHYS_COMPAT_MFN_LIST: u32 = 25;
/// Virtual NUMA topology; [`VnumaTopologyInfo`].
#[doc(alias = "XENMEM_get_vnumainfo")]
pub const XENMEM_GET_VNUMAINFO: u32 = 26;
/// Reserved device memory; [`ReservedDeviceMemoryMap`].
#[doc(alias = "XENMEM_reserved_device_memory_map")]
pub const XENMEM_RESERVED_DEVICE_MEMORY_MAP: u32 = 27;
/// Frames of a domain's resource, to be mapped; [`MemAcquireResource`].
#[doc(alias = "XENMEM_acquire_resource")]
pub const XENMEM_ACQUIRE_RESOURCE: u32 = 28;
/// [`MemoryReservation::mem_flags`]: populate-on-demand entries.
#[doc(alias = "XENMEMF_populate_on_demand")]
pub const XENMEMF_POPULATE_ON_DEMAND: u32 = 1 << 16;
/// [`MemoryReservation::mem_flags`]: only from the named node.
#[doc(alias = "XENMEMF_exact_node_request")]
pub const XENMEMF_EXACT_NODE_REQUEST: u32 = 1 << 17;
/// [`MemoryReservation::mem_flags`]: the node is a virtual one.
#[doc(alias = "XENMEMF_vnode")]
pub const XENMEMF_VNODE: u32 = 1 << 18;
/// Source of a mapping: shared info page.
#[doc(alias = "XENMAPSPACE_shared_info")]
pub const XENMAPSPACE_SHARED_INFO: u32 = 0;
/// Source of a mapping: grant table.
#[doc(alias = "XENMAPSPACE_grant_table")]
pub const XENMAPSPACE_GRANT_TABLE: u32 = 1;
/// Source of a mapping: a guest frame.
#[doc(alias = "XENMAPSPACE_gmfn")]
pub const XENMAPSPACE_GMFN: u32 = 2;
/// Source of a mapping: guest frames.
#[doc(alias = "XENMAPSPACE_gmfn_range")]
pub const XENMAPSPACE_GMFN_RANGE: u32 = 3;
/// Source of a mapping: guest frames of another domain.
#[doc(alias = "XENMAPSPACE_gmfn_foreign")]
pub const XENMAPSPACE_GMFN_FOREIGN: u32 = 4;
/// Source of a mapping: device memory (not x86).
#[doc(alias = "XENMAPSPACE_dev_mmio")]
pub const XENMAPSPACE_DEV_MMIO: u32 = 5;
/// [`AddToPhysmap::idx`]: status frames of a version 2 grant table.
#[doc(alias = "XENMAPIDX_grant_table_status")]
pub const XENMAPIDX_GRANT_TABLE_STATUS: u64 = 0x8000_0000;
/// Resource: I/O request server pages.
#[doc(alias = "XENMEM_resource_ioreq_server")]
pub const XENMEM_RESOURCE_IOREQ_SERVER: u16 = 0;
/// Resource: grant table.
#[doc(alias = "XENMEM_resource_grant_table")]
pub const XENMEM_RESOURCE_GRANT_TABLE: u16 = 1;
/// Resource: trace buffer of a vCPU.
#[doc(alias = "XENMEM_resource_vmtrace_buf")]
pub const XENMEM_RESOURCE_VMTRACE_BUF: u16 = 2;
/// Grant table: shared frames.
#[doc(alias = "XENMEM_resource_grant_table_id_shared")]
pub const XENMEM_RESOURCE_GRANT_TABLE_ID_SHARED: u32 = 0;
/// Grant table: status frames.
#[doc(alias = "XENMEM_resource_grant_table_id_status")]
pub const XENMEM_RESOURCE_GRANT_TABLE_ID_STATUS: u32 = 1;
/// I/O request server: buffered ring.
#[doc(alias = "XENMEM_resource_ioreq_server_frame_bufioreq")]
pub const XENMEM_RESOURCE_IOREQ_SERVER_FRAME_BUFIOREQ: u64 = 0;
/// [`ReservedDeviceMemoryMap::flags`]: of all devices.
pub const XENMEM_RDM_ALL: u32 = 1;
/// [`MemPagingOp::op`]: nominate.
#[doc(alias = "XENMEM_paging_op_nominate")]
pub const XENMEM_PAGING_OP_NOMINATE: u8 = 0;
/// [`MemPagingOp::op`]: evict.
#[doc(alias = "XENMEM_paging_op_evict")]
pub const XENMEM_PAGING_OP_EVICT: u8 = 1;
/// [`MemPagingOp::op`]: prepare to load.
#[doc(alias = "XENMEM_paging_op_prep")]
pub const XENMEM_PAGING_OP_PREP: u8 = 2;
/// [`MemAccessOp::op`]: set.
#[doc(alias = "XENMEM_access_op_set_access")]
pub const XENMEM_ACCESS_OP_SET_ACCESS: u8 = 0;
/// [`MemAccessOp::op`]: get.
#[doc(alias = "XENMEM_access_op_get_access")]
pub const XENMEM_ACCESS_OP_GET_ACCESS: u8 = 1;
/// [`MemAccessOp::op`]: set, by list.
#[doc(alias = "XENMEM_access_op_set_access_multi")]
pub const XENMEM_ACCESS_OP_SET_ACCESS_MULTI: u8 = 4;
/// [`MemAccessOp::access`]: nothing.
#[doc(alias = "XENMEM_access_n")]
pub const XENMEM_ACCESS_N: u8 = 0;
/// [`MemAccessOp::access`]: read.
#[doc(alias = "XENMEM_access_r")]
pub const XENMEM_ACCESS_R: u8 = 1;
/// [`MemAccessOp::access`]: write.
#[doc(alias = "XENMEM_access_w")]
pub const XENMEM_ACCESS_W: u8 = 2;
/// [`MemAccessOp::access`]: read, write.
#[doc(alias = "XENMEM_access_rw")]
pub const XENMEM_ACCESS_RW: u8 = 3;
/// [`MemAccessOp::access`]: execute.
#[doc(alias = "XENMEM_access_x")]
pub const XENMEM_ACCESS_X: u8 = 4;
/// [`MemAccessOp::access`]: read, execute.
#[doc(alias = "XENMEM_access_rx")]
pub const XENMEM_ACCESS_RX: u8 = 5;
/// [`MemAccessOp::access`]: write, execute.
#[doc(alias = "XENMEM_access_wx")]
pub const XENMEM_ACCESS_WX: u8 = 6;
/// [`MemAccessOp::access`]: all.
#[doc(alias = "XENMEM_access_rwx")]
pub const XENMEM_ACCESS_RWX: u8 = 7;
/// [`MemAccessOp::access`]: read and execute; read and write after a write.
#[doc(alias = "XENMEM_access_rx2rw")]
pub const XENMEM_ACCESS_RX2RW: u8 = 8;
/// [`MemAccessOp::access`]: nothing; all after a logged access.
#[doc(alias = "XENMEM_access_n2rwx")]
pub const XENMEM_ACCESS_N2RWX: u8 = 9;
/// [`MemAccessOp::access`]: the domain's default.
#[doc(alias = "XENMEM_access_default")]
pub const XENMEM_ACCESS_DEFAULT: u8 = 10;

/// [`MemoryReservation::mem_flags`]: greatest width of machine addresses, in bits; 0 means any.
#[doc(alias = "XENMEMF_address_bits")]
pub const fn address_bits(bits: u8) -> u32 {
    bits as u32
}

/// [`MemoryReservation::mem_flags`]: allocate from this NUMA node.
#[doc(alias = "XENMEMF_node")]
pub const fn node(node: u8) -> u32 {
    (node as u32 + 1) << 8
}
