//! `/dev/xen/gntalloc`: granting own pages (`sys/gntalloc.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::ioc;

/// Allocate and grant pages; then `mmap` at `index`.
pub const IOCTL_GNTALLOC_ALLOC_GREF: u32 = ioc(b'G', 5, size_of::<IoctlGntallocAllocGref>());
/// Take them back.
pub const IOCTL_GNTALLOC_DEALLOC_GREF: u32 = ioc(b'G', 6, size_of::<IoctlGntallocDeallocGref>());
/// What to do when unmapped.
pub const IOCTL_GNTALLOC_SET_UNMAP_NOTIFY: u32 =
    ioc(b'G', 7, size_of::<IoctlGntallocUnmapNotify>());
/// [`IoctlGntallocAllocGref::flags`]: the other domain may write.
pub const GNTALLOC_FLAG_WRITABLE: u16 = 1;

/// Argument of `IOCTL_GNTALLOC_ALLOC_GREF`; room for more grants may follow.
#[doc(alias = "ioctl_gntalloc_alloc_gref")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntallocAllocGref {
    /// In: the domain to grant to.
    pub domid: u16,
    /// In: `GNTALLOC_FLAG_*`.
    pub flags: u16,
    /// In: number of pages.
    pub count: u32,
    /// Out: offset for `mmap`.
    pub index: u64,
    /// Out: the first grant.
    pub gref_ids: [u32; 1],
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// Argument of `IOCTL_GNTALLOC_DEALLOC_GREF`.
#[doc(alias = "ioctl_gntalloc_dealloc_gref")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntallocDeallocGref {
    /// The offset.
    pub index: u64,
    /// Number of pages.
    pub count: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// Argument of `IOCTL_GNTALLOC_SET_UNMAP_NOTIFY`.
#[doc(alias = "ioctl_gntalloc_unmap_notify")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoctlGntallocUnmapNotify {
    /// Offset of the byte.
    pub index: u64,
    /// `UNMAP_NOTIFY_*`, see [`gntdev`](super::gntdev).
    pub action: u32,
    /// Port.
    pub event_channel_port: u32,
}

crate::zeroed_default!(
    IoctlGntallocAllocGref,
    IoctlGntallocDeallocGref,
    IoctlGntallocUnmapNotify
);
