//! Memory of a domain: page types, log-dirty, limits, mappings.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Shift of the type of a frame.
pub const XEN_DOMCTL_PFINFO_LTAB_SHIFT: u32 = 28;
/// Type: no page table.
pub const XEN_DOMCTL_PFINFO_NOTAB: u32 = 0x0 << 28;
/// Type: L1 table.
pub const XEN_DOMCTL_PFINFO_L1TAB: u32 = 0x1 << 28;
/// Type: L2 table.
pub const XEN_DOMCTL_PFINFO_L2TAB: u32 = 0x2 << 28;
/// Type: L3 table.
pub const XEN_DOMCTL_PFINFO_L3TAB: u32 = 0x3 << 28;
/// Type: L4 table.
pub const XEN_DOMCTL_PFINFO_L4TAB: u32 = 0x4 << 28;
/// Mask of the table's level.
pub const XEN_DOMCTL_PFINFO_LTABTYPE_MASK: u32 = 0x7 << 28;
/// The table is pinned.
pub const XEN_DOMCTL_PFINFO_LPINTAB: u32 = 0x1 << 31;
/// Type: invalid.
pub const XEN_DOMCTL_PFINFO_XTAB: u32 = 0xf << 28;
/// Type: allocate only (in a save image).
pub const XEN_DOMCTL_PFINFO_XALLOC: u32 = 0xe << 28;
/// Type: broken.
pub const XEN_DOMCTL_PFINFO_BROKEN: u32 = 0xd << 28;
/// Mask of the type.
pub const XEN_DOMCTL_PFINFO_LTAB_MASK: u32 = 0xf << 28;
/// [`DomctlShadowOp::op`]: switch off.
pub const XEN_DOMCTL_SHADOW_OP_OFF: u32 = 0;
/// Switch on, with `mode`.
pub const XEN_DOMCTL_SHADOW_OP_ENABLE: u32 = 32;
/// Copy the dirty bitmap and clear it.
pub const XEN_DOMCTL_SHADOW_OP_CLEAN: u32 = 11;
/// Copy the dirty bitmap.
pub const XEN_DOMCTL_SHADOW_OP_PEEK: u32 = 12;
/// Memory for paging, in MiB.
pub const XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION: u32 = 30;
/// Set it.
pub const XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION: u32 = 31;
/// Switch on for tests.
pub const XEN_DOMCTL_SHADOW_OP_ENABLE_TEST: u32 = 1;
/// Switch on log-dirty.
pub const XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY: u32 = 2;
/// [`DomctlShadowOp::mode`]: the guest's tables have no counts.
pub const XEN_DOMCTL_SHADOW_ENABLE_REFCOUNT: u32 = 1 << 1;
/// [`DomctlShadowOp::mode`]: log dirty pages.
pub const XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY: u32 = 1 << 2;
/// [`DomctlShadowOp::mode`]: translate guest frames.
pub const XEN_DOMCTL_SHADOW_ENABLE_TRANSLATE: u32 = 1 << 3;
/// [`DomctlShadowOp::mode`]: the guest has its own address space.
pub const XEN_DOMCTL_SHADOW_ENABLE_EXTERNAL: u32 = 1 << 4;
/// [`DomctlShadowOp::mode`] of `CLEAN`: the last round.
pub const XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL: u32 = 1 << 0;
/// [`DomctlMemoryMapping::add_mapping`]: add.
pub const DPCI_ADD_MAPPING: u32 = 1;
/// [`DomctlMemoryMapping::add_mapping`]: remove.
pub const DPCI_REMOVE_MAPPING: u32 = 0;
/// Cache attribute: uncached.
pub const XEN_DOMCTL_MEM_CACHEATTR_UC: u32 = 0;
/// Cache attribute: write-combining.
pub const XEN_DOMCTL_MEM_CACHEATTR_WC: u32 = 1;
/// Cache attribute: write-through.
pub const XEN_DOMCTL_MEM_CACHEATTR_WT: u32 = 4;
/// Cache attribute: write-protected.
pub const XEN_DOMCTL_MEM_CACHEATTR_WP: u32 = 5;
/// Cache attribute: write-back.
pub const XEN_DOMCTL_MEM_CACHEATTR_WB: u32 = 6;
/// Cache attribute: uncached, overridable.
pub const XEN_DOMCTL_MEM_CACHEATTR_UCM: u32 = 7;
/// Cache attribute: remove the range.
pub const XEN_DOMCTL_DELETE_MEM_CACHEATTR: u32 = !0;
/// [`DomctlMemSharingOp::op`]: switch sharing on or off.
pub const XEN_DOMCTL_MEM_SHARING_CONTROL: u8 = 0;

/// Payload of `XEN_DOMCTL_getpageframeinfo3`.
#[doc(alias = "xen_domctl_getpageframeinfo3")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlGetpageframeinfo3 {
    /// Number of frames.
    pub num: u64,
    /// Guest address of the list (`u64`): guest frames in, `XEN_DOMCTL_PFINFO_*` out.
    pub array: u64,
}

/// Figures of log-dirty.
#[doc(alias = "xen_domctl_shadow_op_stats")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlShadowOpStats {
    /// Faults.
    pub fault_count: u32,
    /// Dirty pages.
    pub dirty_count: u32,
}

/// Payload of `XEN_DOMCTL_shadow_op`.
#[doc(alias = "xen_domctl_shadow_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlShadowOp {
    /// In: `XEN_DOMCTL_SHADOW_OP_*`.
    pub op: u32,
    /// In: `XEN_DOMCTL_SHADOW_ENABLE_*` or `_LOGDIRTY_FINAL`.
    pub mode: u32,
    /// In or out: memory in MiB.
    pub mb: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the bitmap, out.
    pub dirty_bitmap: u64,
    /// In: pages in the bitmap; out: pages done.
    pub pages: u64,
    /// Out: figures.
    pub stats: DomctlShadowOpStats,
}

/// Payload of `XEN_DOMCTL_max_mem`.
#[doc(alias = "xen_domctl_max_mem")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlMaxMem {
    /// Most memory, in KiB.
    pub max_memkb: u64,
}

/// Payload of `XEN_DOMCTL_memory_mapping`.
#[doc(alias = "xen_domctl_memory_mapping")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlMemoryMapping {
    /// First guest frame.
    pub first_gfn: u64,
    /// First machine frame.
    pub first_mfn: u64,
    /// Number of frames.
    pub nr_mfns: u64,
    /// `DPCI_*_MAPPING`.
    pub add_mapping: u32,
    /// Zero.
    pub padding: u32,
}

/// Payload of `XEN_DOMCTL_mem_sharing_op`.
#[doc(alias = "xen_domctl_mem_sharing_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlMemSharingOp {
    /// `XEN_DOMCTL_MEM_SHARING_CONTROL`.
    pub op: u8,
    /// Non-zero: on.
    #[doc(alias = "u.enable")]
    pub enable: u8,
}

/// Payload of `XEN_DOMCTL_audit_p2m`.
#[doc(alias = "xen_domctl_audit_p2m")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlAuditP2m {
    /// Out: orphaned pages.
    pub orphans: u64,
    /// Out: wrong M2P entries.
    pub m2p_bad: u64,
    /// Out: wrong p2m entries.
    pub p2m_bad: u64,
}

/// Payload of `XEN_DOMCTL_set_access_required`.
#[doc(alias = "xen_domctl_set_access_required")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSetAccessRequired {
    /// Non-zero: pause a vCPU when nobody listens.
    pub access_required: u8,
}

/// Payload of `XEN_DOMCTL_set_broken_page_p2m`.
#[doc(alias = "xen_domctl_set_broken_page_p2m")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSetBrokenPageP2m {
    /// Guest frame.
    pub pfn: u64,
}

/// Payload of `XEN_DOMCTL_cacheflush` (not x86).
#[doc(alias = "xen_domctl_cacheflush")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlCacheflush {
    /// First guest frame.
    pub start_pfn: u64,
    /// Number.
    pub nr_pfns: u64,
}

/// Payload of `XEN_DOMCTL_{get,set}_paging_mempool_size`.
#[doc(alias = "xen_domctl_paging_mempool")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlPagingMempool {
    /// Size in bytes.
    pub size: u64,
}

/// Payload of `XEN_DOMCTL_{set,get}nodeaffinity`.
#[doc(alias = "xen_domctl_nodeaffinity")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlNodeaffinity {
    /// The nodes.
    pub nodemap: super::CtlBitmap,
}

/// Payload of `XEN_DOMCTL_setvnumainfo`.
#[doc(alias = "xen_domctl_vnuma")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlVnuma {
    /// Nodes.
    pub nr_vnodes: u32,
    /// Memory ranges.
    pub nr_vmemranges: u32,
    /// vCPUs.
    pub nr_vcpus: u32,
    /// Zero.
    pub pad: u32,
    /// Guest address of the distances (`u32`).
    pub vdistance: u64,
    /// Guest address of each vCPU's node (`u32`).
    pub vcpu_to_vnode: u64,
    /// Guest address of each node's physical node (`u32`).
    pub vnode_to_pnode: u64,
    /// Guest address of the list of [`Vmemrange`](crate::memory::Vmemrange).
    pub vmemrange: u64,
}

crate::zeroed_default!(
    DomctlGetpageframeinfo3,
    DomctlShadowOpStats,
    DomctlShadowOp,
    DomctlMaxMem,
    DomctlMemoryMapping,
    DomctlMemSharingOp,
    DomctlAuditP2m,
    DomctlSetAccessRequired,
    DomctlSetBrokenPageP2m,
    DomctlCacheflush,
    DomctlPagingMempool,
    DomctlNodeaffinity,
    DomctlVnuma
);
