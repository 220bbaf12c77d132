//! Arguments of the grant operations.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Argument of `GNTTABOP_map_grant_ref` (32 bytes).
#[doc(alias = "gnttab_map_grant_ref")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabMapGrantRef {
    /// In: linear address to map at, or machine address of the entry.
    pub host_addr: u64,
    /// In: `GNTMAP_*`.
    pub flags: u32,
    /// In: the grant.
    #[doc(alias = "ref")]
    pub reference: u32,
    /// In: the granting domain.
    pub dom: u16,
    /// Out: `GNTST_*`.
    pub status: i16,
    /// Out: handle for the unmapping.
    pub handle: u32,
    /// Out: machine address of the frame.
    pub dev_bus_addr: u64,
}

/// Argument of `GNTTABOP_unmap_grant_ref` (24 bytes).
#[doc(alias = "gnttab_unmap_grant_ref")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabUnmapGrantRef {
    /// In: as for the mapping; 0 if not mapped for the CPU.
    pub host_addr: u64,
    /// In: as returned by the mapping; 0 if not mapped for devices.
    pub dev_bus_addr: u64,
    /// In: the handle.
    pub handle: u32,
    /// Out: `GNTST_*`.
    pub status: i16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
}

/// Argument of `GNTTABOP_setup_table` (24 bytes).
#[doc(alias = "gnttab_setup_table")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabSetupTable {
    /// In: the domain (or `DOMID_SELF`).
    pub dom: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// In: frames wanted.
    pub nr_frames: u32,
    /// Out: `GNTST_*`.
    pub status: i16,
    /// Padding; zero.
    pub _pad1: [u8; 6],
    /// Guest address of the list of frames (`u64`), out.
    pub frame_list: u64,
}

/// Argument of `GNTTABOP_dump_table`.
#[doc(alias = "gnttab_dump_table")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabDumpTable {
    /// In: the domain.
    pub dom: u16,
    /// Out: `GNTST_*`.
    pub status: i16,
}

/// Argument of `GNTTABOP_transfer`.
#[doc(alias = "gnttab_transfer")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabTransfer {
    /// In: the frame to give.
    pub mfn: u64,
    /// In: the domain that gets it.
    pub domid: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// In: its grant.
    #[doc(alias = "ref")]
    pub reference: u32,
    /// Out: `GNTST_*`.
    pub status: i16,
    /// Padding; zero.
    pub _pad1: [u8; 6],
}

/// Source or destination of a copy.
#[doc(alias = "gnttab_copy_ptr")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabCopyPtr {
    /// A grant reference (bits 0 to 31) or a guest frame.
    pub u: u64,
    /// The domain.
    pub domid: u16,
    /// Offset in the page, in bytes.
    pub offset: u16,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// Argument of `GNTTABOP_copy` (40 bytes).
#[doc(alias = "gnttab_copy")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabCopy {
    /// In: from where.
    pub source: GnttabCopyPtr,
    /// In: to where.
    pub dest: GnttabCopyPtr,
    /// In: bytes; within both pages.
    pub len: u16,
    /// In: `GNTCOPY_*`.
    pub flags: u16,
    /// Out: `GNTST_*`.
    pub status: i16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
}

/// Argument of `GNTTABOP_query_size` (16 bytes).
#[doc(alias = "gnttab_query_size")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabQuerySize {
    /// In: the domain (or `DOMID_SELF`).
    pub dom: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// Out: frames there are.
    pub nr_frames: u32,
    /// Out: frames there may be.
    pub max_nr_frames: u32,
    /// Out: `GNTST_*`.
    pub status: i16,
    /// Padding; zero.
    pub _pad1: [u8; 2],
}

/// Argument of `GNTTABOP_unmap_and_replace`.
#[doc(alias = "gnttab_unmap_and_replace")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabUnmapAndReplace {
    /// In: address to unmap.
    pub host_addr: u64,
    /// In: address whose mapping moves there.
    pub new_addr: u64,
    /// In: the handle.
    pub handle: u32,
    /// Out: `GNTST_*`.
    pub status: i16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
}

/// Argument of `GNTTABOP_set_version`.
#[doc(alias = "gnttab_set_version")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabSetVersion {
    /// In: 1 or 2; out: the version in use.
    pub version: u32,
}

/// Argument of `GNTTABOP_get_status_frames`.
#[doc(alias = "gnttab_get_status_frames")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabGetStatusFrames {
    /// In: frames wanted.
    pub nr_frames: u32,
    /// In: the domain (or `DOMID_SELF`).
    pub dom: u16,
    /// Out: `GNTST_*`.
    pub status: i16,
    /// Guest address of the list of frames (`u64`), out.
    pub frame_list: u64,
}

/// Argument of `GNTTABOP_get_version`.
#[doc(alias = "gnttab_get_version")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabGetVersion {
    /// In: the domain (or `DOMID_SELF`).
    pub dom: u16,
    /// Zero.
    pub pad: u16,
    /// Out: the version.
    pub version: u32,
}

/// Argument of `GNTTABOP_swap_grant_ref`.
#[doc(alias = "gnttab_swap_grant_ref")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabSwapGrantRef {
    /// In: one entry.
    pub ref_a: u32,
    /// In: the other.
    pub ref_b: u32,
    /// Out: `GNTST_*`.
    pub status: i16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
}

/// Argument of `GNTTABOP_cache_flush`.
#[doc(alias = "gnttab_cache_flush")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GnttabCacheFlush {
    /// In: machine address, or grant reference in bits 0 to 31.
    pub a: u64,
    /// In: offset in the page, in bytes.
    pub offset: u16,
    /// In: length in bytes.
    pub length: u16,
    /// In: `GNTTAB_CACHE_*`.
    pub op: u32,
}

crate::zeroed_default!(
    GnttabMapGrantRef,
    GnttabUnmapGrantRef,
    GnttabSetupTable,
    GnttabDumpTable,
    GnttabTransfer,
    GnttabCopyPtr,
    GnttabCopy,
    GnttabQuerySize,
    GnttabUnmapAndReplace,
    GnttabSetVersion,
    GnttabGetStatusFrames,
    GnttabGetVersion,
    GnttabSwapGrantRef,
    GnttabCacheFlush
);
