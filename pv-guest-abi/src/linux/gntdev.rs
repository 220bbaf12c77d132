//! `/dev/xen/gntdev`: mapping others' grants (`sys/gntdev.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::ioc;

/// Prepare a mapping; then `mmap` at `index`.
pub const IOCTL_GNTDEV_MAP_GRANT_REF: u32 = ioc(b'G', 0, size_of::<IoctlGntdevMapGrantRef>());
/// Forget a mapping.
pub const IOCTL_GNTDEV_UNMAP_GRANT_REF: u32 = ioc(b'G', 1, size_of::<IoctlGntdevUnmapGrantRef>());
/// The `index` of an address.
pub const IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR: u32 =
    ioc(b'G', 2, size_of::<IoctlGntdevGetOffsetForVaddr>());
/// Limit the mappings.
pub const IOCTL_GNTDEV_SET_MAX_GRANTS: u32 = ioc(b'G', 3, size_of::<IoctlGntdevSetMaxGrants>());
/// What to do when unmapped.
pub const IOCTL_GNTDEV_SET_UNMAP_NOTIFY: u32 = ioc(b'G', 7, size_of::<IoctlGntdevUnmapNotify>());
/// Copy from or to granted pages.
pub const IOCTL_GNTDEV_GRANT_COPY: u32 = ioc(b'G', 8, size_of::<IoctlGntdevGrantCopy>());
/// Make a dma-buf of granted pages.
pub const IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS: u32 =
    ioc(b'G', 9, size_of::<IoctlGntdevDmabufExpFromRefs>());
/// Wait until it is released.
pub const IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED: u32 =
    ioc(b'G', 10, size_of::<IoctlGntdevDmabufExpWaitReleased>());
/// Grant the pages of a dma-buf.
pub const IOCTL_GNTDEV_DMABUF_IMP_TO_REFS: u32 =
    ioc(b'G', 11, size_of::<IoctlGntdevDmabufImpToRefs>());
/// Take that back.
pub const IOCTL_GNTDEV_DMABUF_IMP_RELEASE: u32 =
    ioc(b'G', 12, size_of::<IoctlGntdevDmabufImpRelease>());
/// [`IoctlGntdevUnmapNotify::action`]: clear the byte at `index`.
pub const UNMAP_NOTIFY_CLEAR_BYTE: u32 = 1;
/// [`IoctlGntdevUnmapNotify::action`]: notify the port.
pub const UNMAP_NOTIFY_SEND_EVENT: u32 = 2;
/// Flag of a dma-buf: write-combining.
pub const GNTDEV_DMA_FLAG_WC: u32 = 1 << 0;
/// Flag of a dma-buf: coherent.
pub const GNTDEV_DMA_FLAG_COHERENT: u32 = 1 << 1;

/// A grant.
#[doc(alias = "ioctl_gntdev_grant_ref")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevGrantRef {
    /// The granting domain.
    pub domid: u32,
    /// The grant.
    #[doc(alias = "ref")]
    pub reference: u32,
}

/// Argument of `IOCTL_GNTDEV_MAP_GRANT_REF`; more grants may follow.
#[doc(alias = "ioctl_gntdev_map_grant_ref")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevMapGrantRef {
    /// In: number of grants.
    pub count: u32,
    /// Zero.
    pub pad: u32,
    /// Out: offset for `mmap`.
    pub index: u64,
    /// In: the first grant.
    pub refs: [IoctlGntdevGrantRef; 1],
}

/// Argument of `IOCTL_GNTDEV_UNMAP_GRANT_REF`.
#[doc(alias = "ioctl_gntdev_unmap_grant_ref")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevUnmapGrantRef {
    /// The offset.
    pub index: u64,
    /// Number of pages.
    pub count: u32,
    /// Zero.
    pub pad: u32,
}

/// Argument of `IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR`.
#[doc(alias = "ioctl_gntdev_get_offset_for_vaddr")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevGetOffsetForVaddr {
    /// In: address.
    pub vaddr: u64,
    /// Out: offset.
    pub offset: u64,
    /// Out: pages.
    pub count: u32,
    /// Zero.
    pub pad: u32,
}

/// Argument of `IOCTL_GNTDEV_SET_MAX_GRANTS`.
#[doc(alias = "ioctl_gntdev_set_max_grants")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevSetMaxGrants {
    /// Grants.
    pub count: u32,
}

/// Argument of `IOCTL_GNTDEV_SET_UNMAP_NOTIFY`.
#[doc(alias = "ioctl_gntdev_unmap_notify")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevUnmapNotify {
    /// Offset of the byte.
    pub index: u64,
    /// `UNMAP_NOTIFY_*`.
    pub action: u32,
    /// Port.
    pub event_channel_port: u32,
}

/// A place in a granted page.
#[doc(alias = "ioctl_gntdev_grant_copy_segment.source.foreign")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevGrantCopyForeign {
    /// The grant.
    #[doc(alias = "ref")]
    pub reference: u32,
    /// Offset in the page, in bytes.
    pub offset: u16,
    /// The granting domain.
    pub domid: u16,
}

/// A piece to copy.
#[doc(alias = "ioctl_gntdev_grant_copy_segment")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevGrantCopySegment {
    /// An address, or the bytes of an [`IoctlGntdevGrantCopyForeign`].
    pub source: u64,
    /// Likewise.
    pub dest: u64,
    /// Bytes.
    pub len: u16,
    /// `GNTCOPY_*`.
    pub flags: u16,
    /// Out: `GNTST_*`.
    pub status: i16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
}

/// Argument of `IOCTL_GNTDEV_GRANT_COPY`.
#[doc(alias = "ioctl_gntdev_grant_copy")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevGrantCopy {
    /// Pieces.
    pub count: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Address of the list of [`IoctlGntdevGrantCopySegment`].
    pub segments: u64,
}

/// Argument of `IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS`; more grants may follow.
#[doc(alias = "ioctl_gntdev_dmabuf_exp_from_refs")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevDmabufExpFromRefs {
    /// `GNTDEV_DMA_FLAG_*`.
    pub flags: u32,
    /// Number of grants.
    pub count: u32,
    /// Out: file descriptor.
    pub fd: u32,
    /// The granting domain.
    pub domid: u32,
    /// The first grant.
    pub refs: [u32; 1],
}

/// Argument of `IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED`.
#[doc(alias = "ioctl_gntdev_dmabuf_exp_wait_released")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevDmabufExpWaitReleased {
    /// File descriptor.
    pub fd: u32,
    /// Milliseconds.
    pub wait_to_ms: u32,
}

/// Argument of `IOCTL_GNTDEV_DMABUF_IMP_TO_REFS`; more grants may follow.
#[doc(alias = "ioctl_gntdev_dmabuf_imp_to_refs")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevDmabufImpToRefs {
    /// File descriptor.
    pub fd: u32,
    /// Number of pages.
    pub count: u32,
    /// The domain to grant to.
    pub domid: u32,
    /// Zero.
    pub reserved: u32,
    /// Out: the first grant.
    pub refs: [u32; 1],
}

/// Argument of `IOCTL_GNTDEV_DMABUF_IMP_RELEASE`.
#[doc(alias = "ioctl_gntdev_dmabuf_imp_release")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntdevDmabufImpRelease {
    /// File descriptor.
    pub fd: u32,
    /// Zero.
    pub reserved: u32,
}

crate::zeroed_default!(
    IoctlGntdevGrantRef,
    IoctlGntdevMapGrantRef,
    IoctlGntdevUnmapGrantRef,
    IoctlGntdevGetOffsetForVaddr,
    IoctlGntdevSetMaxGrants,
    IoctlGntdevUnmapNotify,
    IoctlGntdevGrantCopyForeign,
    IoctlGntdevGrantCopySegment,
    IoctlGntdevGrantCopy,
    IoctlGntdevDmabufExpFromRefs,
    IoctlGntdevDmabufExpWaitReleased,
    IoctlGntdevDmabufImpToRefs,
    IoctlGntdevDmabufImpRelease
);
