//! Memory sharing: `XENMEM_sharing_op` (`memory.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Make a guest frame sharable; [`MemSharingOpNominate`].
#[doc(alias = "XENMEM_sharing_op_nominate_gfn")]
pub const XENMEM_SHARING_OP_NOMINATE_GFN: u8 = 0;
/// Make a granted frame sharable; [`MemSharingOpNominate`].
#[doc(alias = "XENMEM_sharing_op_nominate_gref")]
pub const XENMEM_SHARING_OP_NOMINATE_GREF: u8 = 1;
/// Share two nominated frames; [`MemSharingOpShare`].
#[doc(alias = "XENMEM_sharing_op_share")]
pub const XENMEM_SHARING_OP_SHARE: u8 = 2;
/// Print the state of a guest frame; [`MemSharingOpDebug`].
#[doc(alias = "XENMEM_sharing_op_debug_gfn")]
pub const XENMEM_SHARING_OP_DEBUG_GFN: u8 = 3;
/// Print the state of a machine frame; [`MemSharingOpDebug`].
#[doc(alias = "XENMEM_sharing_op_debug_mfn")]
pub const XENMEM_SHARING_OP_DEBUG_MFN: u8 = 4;
/// Print the state of a granted frame; [`MemSharingOpDebug`].
#[doc(alias = "XENMEM_sharing_op_debug_gref")]
pub const XENMEM_SHARING_OP_DEBUG_GREF: u8 = 5;
/// Fill a hole with a shared frame; [`MemSharingOpShare`].
#[doc(alias = "XENMEM_sharing_op_add_physmap")]
pub const XENMEM_SHARING_OP_ADD_PHYSMAP: u8 = 6;
/// Count errors in the sharing state.
#[doc(alias = "XENMEM_sharing_op_audit")]
pub const XENMEM_SHARING_OP_AUDIT: u8 = 7;
/// Share a range; [`MemSharingOpRange`].
#[doc(alias = "XENMEM_sharing_op_range_share")]
pub const XENMEM_SHARING_OP_RANGE_SHARE: u8 = 8;
/// Make a domain a copy-on-write fork; [`MemSharingOpFork`].
#[doc(alias = "XENMEM_sharing_op_fork")]
pub const XENMEM_SHARING_OP_FORK: u8 = 9;
/// Throw away what a fork changed; [`MemSharingOpFork`].
#[doc(alias = "XENMEM_sharing_op_fork_reset")]
pub const XENMEM_SHARING_OP_FORK_RESET: u8 = 10;
/// Error: bad source handle.
pub const XENMEM_SHARING_OP_S_HANDLE_INVALID: i64 = -10;
/// Error: bad client handle.
pub const XENMEM_SHARING_OP_C_HANDLE_INVALID: i64 = -9;
/// A guest frame field holds a grant reference.
pub const XENMEM_SHARING_OP_FIELD_IS_GREF_FLAG: u64 = 1 << 62;
/// [`MemSharingOpFork::flags`]: although there is an IOMMU.
pub const XENMEM_FORK_WITH_IOMMU_ALLOWED: u16 = 1 << 0;
/// [`MemSharingOpFork::flags`]: the fork gets no interrupts.
pub const XENMEM_FORK_BLOCK_INTERRUPTS: u16 = 1 << 1;
/// [`MemSharingOpFork::flags`]: reset vCPU state.
pub const XENMEM_FORK_RESET_STATE: u16 = 1 << 2;
/// [`MemSharingOpFork::flags`]: reset memory.
pub const XENMEM_FORK_RESET_MEMORY: u16 = 1 << 3;

/// Payload of the nominating operations.
#[doc(alias = "mem_sharing_op_nominate")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemSharingOpNominate {
    /// In: guest frame, or grant reference in bits 0 to 31.
    pub u: u64,
    /// Out: handle.
    pub handle: u64,
}

/// Payload of `XENMEM_sharing_op_share` and `_add_physmap`.
#[doc(alias = "mem_sharing_op_share")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemSharingOpShare {
    /// In: source guest frame.
    pub source_gfn: u64,
    /// In: its handle.
    pub source_handle: u64,
    /// In: client guest frame.
    pub client_gfn: u64,
    /// In: its handle.
    pub client_handle: u64,
    /// In: the client's domain.
    pub client_domain: u16,
    /// Padding; zero.
    pub _pad0: [u8; 6],
}

/// Payload of `XENMEM_sharing_op_range_share`.
#[doc(alias = "mem_sharing_op_range")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemSharingOpRange {
    /// In: first guest frame.
    pub first_gfn: u64,
    /// In: last guest frame.
    pub last_gfn: u64,
    /// The hypervisor's progress; 0 at first.
    pub opaque: u64,
    /// In: the client's domain.
    pub client_domain: u16,
    /// Zero.
    pub _pad: [u16; 3],
}

/// Payload of the debug operations.
#[doc(alias = "mem_sharing_op_debug")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemSharingOpDebug {
    /// Guest frame, machine frame, or grant reference in bits 0 to 31.
    pub u: u64,
}

/// Payload of the fork operations.
#[doc(alias = "mem_sharing_op_fork")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemSharingOpFork {
    /// In: the parent.
    pub parent_domain: u16,
    /// In: `XENMEM_FORK_*`.
    pub flags: u16,
    /// Zero.
    pub pad: u32,
}

/// Argument of `XENMEM_sharing_op`.
#[doc(alias = "xen_mem_sharing_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemSharingOp {
    /// `XENMEM_sharing_op_*`.
    pub op: u8,
    /// Padding; zero.
    pub _pad0: [u8; 1],
    /// The domain.
    pub domain: u16,
    /// Padding; zero.
    pub _pad1: [u8; 4],
    /// The payload.
    pub u: [u64; 5],
}

crate::zeroed_default!(
    MemSharingOpNominate,
    MemSharingOpShare,
    MemSharingOpRange,
    MemSharingOpDebug,
    MemSharingOpFork,
    MemSharingOp
);
