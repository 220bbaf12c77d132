//! `/dev/xen/privcmd`: hypercalls and foreign mappings (`sys/privcmd.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::ioc;

/// Make a hypercall; returns its result.
pub const IOCTL_PRIVCMD_HYPERCALL: u32 = ioc(b'P', 0, size_of::<PrivcmdHypercall>());
/// Map ranges of foreign frames.
pub const IOCTL_PRIVCMD_MMAP: u32 = ioc(b'P', 2, size_of::<PrivcmdMmap>());
/// Map foreign frames; errors are put into the list.
pub const IOCTL_PRIVCMD_MMAPBATCH: u32 = ioc(b'P', 3, size_of::<PrivcmdMmapbatch>());
/// Map foreign frames; errors in a list of their own.
pub const IOCTL_PRIVCMD_MMAPBATCH_V2: u32 = ioc(b'P', 4, size_of::<PrivcmdMmapbatchV2>());
/// Make a device model operation.
pub const IOCTL_PRIVCMD_DM_OP: u32 = ioc(b'P', 5, size_of::<PrivcmdDmOp>());
/// Restrict this file to one domain.
pub const IOCTL_PRIVCMD_RESTRICT: u32 = ioc(b'P', 6, size_of::<u16>());
/// Map a domain's resource.
pub const IOCTL_PRIVCMD_MMAP_RESOURCE: u32 = ioc(b'P', 7, size_of::<PrivcmdMmapResource>());
/// A number that never exists, to probe for support.
pub const IOCTL_PRIVCMD_UNIMPLEMENTED: u32 = ioc(b'P', 0xff, 0);
/// In the list of `IOCTL_PRIVCMD_MMAPBATCH`: not mapped.
pub const PRIVCMD_MMAPBATCH_MFN_ERROR: u32 = 0xf000_0000;
/// In the list of `IOCTL_PRIVCMD_MMAPBATCH`: paged out.
pub const PRIVCMD_MMAPBATCH_PAGED_ERROR: u32 = 0x8000_0000;

/// A hypercall.
#[doc(alias = "privcmd_hypercall")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PrivcmdHypercall {
    /// Number.
    pub op: u64,
    /// Arguments.
    pub arg: [u64; 5],
}

/// A range to map.
#[doc(alias = "privcmd_mmap_entry")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PrivcmdMmapEntry {
    /// Address.
    pub va: u64,
    /// First frame.
    pub mfn: u64,
    /// Pages.
    pub npages: u64,
}

/// Argument of `IOCTL_PRIVCMD_MMAP`.
#[doc(alias = "privcmd_mmap")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PrivcmdMmap {
    /// Ranges.
    pub num: i32,
    /// Owner of the frames.
    pub dom: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// Address of the list of [`PrivcmdMmapEntry`].
    pub entry: u64,
}

/// Argument of `IOCTL_PRIVCMD_MMAPBATCH`.
#[doc(alias = "privcmd_mmapbatch")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PrivcmdMmapbatch {
    /// Frames.
    pub num: i32,
    /// Owner of the frames.
    pub dom: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// Address to map at.
    pub addr: u64,
    /// Address of the list of frames (`u64`).
    pub arr: u64,
}

/// Argument of `IOCTL_PRIVCMD_MMAPBATCH_V2`.
#[doc(alias = "privcmd_mmapbatch_v2")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PrivcmdMmapbatchV2 {
    /// Frames.
    pub num: u32,
    /// Owner of the frames.
    pub dom: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// Address to map at.
    pub addr: u64,
    /// Address of the list of frames (`u64`).
    pub arr: u64,
    /// Address of the list of errors (`i32`).
    pub err: u64,
}

/// A buffer of a device model operation.
#[doc(alias = "privcmd_dm_op_buf")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PrivcmdDmOpBuf {
    /// Address.
    pub uptr: u64,
    /// Size in bytes.
    pub size: u64,
}

/// Argument of `IOCTL_PRIVCMD_DM_OP`.
#[doc(alias = "privcmd_dm_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PrivcmdDmOp {
    /// The domain.
    pub dom: u16,
    /// Buffers.
    pub num: u16,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Address of the list of [`PrivcmdDmOpBuf`].
    pub ubufs: u64,
}

/// Argument of `IOCTL_PRIVCMD_MMAP_RESOURCE`.
#[doc(alias = "privcmd_mmap_resource")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PrivcmdMmapResource {
    /// The domain.
    pub dom: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// `XENMEM_resource_*`.
    #[doc(alias = "type")]
    pub kind: u32,
    /// Which of that kind.
    pub id: u32,
    /// First frame.
    pub idx: u32,
    /// Frames.
    pub num: u64,
    /// Address to map at; 0 asks for the size.
    pub addr: u64,
}

crate::zeroed_default!(
    PrivcmdHypercall,
    PrivcmdMmapEntry,
    PrivcmdMmap,
    PrivcmdMmapbatch,
    PrivcmdMmapbatchV2,
    PrivcmdDmOpBuf,
    PrivcmdDmOp,
    PrivcmdMmapResource
);
