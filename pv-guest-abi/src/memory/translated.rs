//! Physical maps, paging and access rights of translated guests.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Argument of `XENMEM_add_to_physmap`.
#[doc(alias = "xen_add_to_physmap")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct AddToPhysmap {
    /// The domain.
    pub domid: u16,
    /// Pages, for `XENMAPSPACE_gmfn_range`.
    pub size: u16,
    /// `XENMAPSPACE_*`.
    pub space: u32,
    /// Index in that space.
    pub idx: u64,
    /// Guest frame to map at.
    pub gpfn: u64,
}

/// Argument of `XENMEM_add_to_physmap_batch`.
#[doc(alias = "xen_add_to_physmap_batch")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct AddToPhysmapBatch {
    /// The domain.
    pub domid: u16,
    /// `XENMAPSPACE_*`.
    pub space: u16,
    /// Number of pages.
    pub size: u16,
    /// Owner of the source, for `XENMAPSPACE_gmfn_foreign`; else 0.
    #[doc(alias = "u.foreign_domid")]
    pub foreign_domid: u16,
    /// Guest address of the indexes (`u64`).
    pub idxs: u64,
    /// Guest address of the guest frames (`u64`).
    pub gpfns: u64,
    /// Guest address of the errors (`i32`), out.
    pub errs: u64,
}

/// Argument of `XENMEM_remove_from_physmap`.
#[doc(alias = "xen_remove_from_physmap")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct RemoveFromPhysmap {
    /// The domain.
    pub domid: u16,
    /// Padding; zero.
    pub _pad0: [u8; 6],
    /// Guest frame to unmap.
    pub gpfn: u64,
}

/// Argument of the populate-on-demand commands.
#[doc(alias = "xen_pod_target")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PodTarget {
    /// In: target.
    pub target_pages: u64,
    /// Out: pages.
    pub tot_pages: u64,
    /// Out: pages in the cache.
    pub pod_cache_pages: u64,
    /// Out: entries not populated.
    pub pod_entries: u64,
    /// In: the domain.
    pub domid: u16,
    /// Padding; zero.
    pub _pad0: [u8; 6],
}

/// Argument of `XENMEM_paging_op`.
#[doc(alias = "xen_mem_paging_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemPagingOp {
    /// `XENMEM_paging_op_*`.
    pub op: u8,
    /// Padding; zero.
    pub _pad0: [u8; 1],
    /// The domain.
    pub domain: u16,
    /// Padding; zero.
    pub _pad1: [u8; 4],
    /// Guest address of the page to load.
    pub buffer: u64,
    /// Guest frame.
    pub gfn: u64,
}

/// Argument of `XENMEM_access_op`.
#[doc(alias = "xen_mem_access_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemAccessOp {
    /// `XENMEM_access_op_*`.
    pub op: u8,
    /// `XENMEM_access_*`.
    pub access: u8,
    /// The domain.
    pub domid: u16,
    /// Number of pages.
    pub nr: u32,
    /// First guest frame; `!0` for the default.
    pub pfn: u64,
    /// Guest address of a list of guest frames.
    pub pfn_list: u64,
    /// Guest address of a list of rights.
    pub access_list: u64,
}

crate::zeroed_default!(
    AddToPhysmap,
    AddToPhysmapBatch,
    RemoveFromPhysmap,
    PodTarget,
    MemPagingOp,
    MemAccessOp
);
