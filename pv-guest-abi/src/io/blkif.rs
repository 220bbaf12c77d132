//! Disks (`io/blkif.h`).
//!
//! Sectors are 512 bytes. The structures are those of 64-bit x86.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`BlkifRequest::operation`]: read.
pub const BLKIF_OP_READ: u8 = 0;
/// Write.
pub const BLKIF_OP_WRITE: u8 = 1;
/// Write behind everything before and before everything behind.
pub const BLKIF_OP_WRITE_BARRIER: u8 = 2;
/// Flush.
pub const BLKIF_OP_FLUSH_DISKCACHE: u8 = 3;
/// Not used.
pub const BLKIF_OP_RESERVED_1: u8 = 4;
/// Discard; [`BlkifRequestDiscard`].
pub const BLKIF_OP_DISCARD: u8 = 5;
/// Segments are in granted pages; [`BlkifRequestIndirect`].
pub const BLKIF_OP_INDIRECT: u8 = 6;
/// [`BlkifRequestDiscard::flag`]: securely.
pub const BLKIF_DISCARD_SECURE: u8 = 1 << 0;
/// [`BlkifResponse::status`]: no such operation.
pub const BLKIF_RSP_EOPNOTSUPP: i16 = -2;
/// [`BlkifResponse::status`]: failed.
pub const BLKIF_RSP_ERROR: i16 = -1;
/// [`BlkifResponse::status`]: done.
pub const BLKIF_RSP_OKAY: i16 = 0;
/// Node `info`: CD-ROM.
pub const VDISK_CDROM: u32 = 1;
/// Node `info`: removable.
pub const VDISK_REMOVABLE: u32 = 2;
/// Node `info`: read-only.
pub const VDISK_READONLY: u32 = 4;
/// Segments in a request.
pub const BLKIF_MAX_SEGMENTS_PER_REQUEST: usize = 11;
/// Pages of segments in an indirect request.
pub const BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST: usize = 8;

/// A part of a page.
#[doc(alias = "blkif_request_segment")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct BlkifRequestSegment {
    /// Grant of the page.
    pub gref: u32,
    /// First sector in the page, 0 to 7.
    pub first_sect: u8,
    /// Last sector in the page.
    pub last_sect: u8,
    /// Padding; zero.
    pub _pad0: [u8; 2],
}

/// A request (112 bytes).
#[doc(alias = "blkif_request")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct BlkifRequest {
    /// `BLKIF_OP_*`.
    pub operation: u8,
    /// Segments in use.
    pub nr_segments: u8,
    /// Device.
    pub handle: u16,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Repeated in the answer.
    pub id: u64,
    /// First sector.
    pub sector_number: u64,
    /// Segments.
    pub seg: [BlkifRequestSegment; BLKIF_MAX_SEGMENTS_PER_REQUEST],
}

/// A discard request.
#[doc(alias = "blkif_request_discard")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct BlkifRequestDiscard {
    /// `BLKIF_OP_DISCARD`.
    pub operation: u8,
    /// `BLKIF_DISCARD_SECURE` or 0.
    pub flag: u8,
    /// Device.
    pub handle: u16,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Repeated in the answer.
    pub id: u64,
    /// First sector.
    pub sector_number: u64,
    /// Number of sectors.
    pub nr_sectors: u64,
}

/// An indirect request.
#[doc(alias = "blkif_request_indirect")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct BlkifRequestIndirect {
    /// `BLKIF_OP_INDIRECT`.
    pub operation: u8,
    /// `BLKIF_OP_READ` or `BLKIF_OP_WRITE`.
    pub indirect_op: u8,
    /// Segments.
    pub nr_segments: u16,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Repeated in the answer.
    pub id: u64,
    /// First sector.
    pub sector_number: u64,
    /// Device.
    pub handle: u16,
    /// Padding; zero.
    pub _pad1: [u8; 2],
    /// Grants of the pages of [`BlkifRequestSegment`]s.
    pub indirect_grefs: [u32; BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST],
    /// Padding; zero.
    pub _pad2: [u8; 4],
}

/// An answer.
#[doc(alias = "blkif_response")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct BlkifResponse {
    /// That of the request.
    pub id: u64,
    /// That of the request.
    pub operation: u8,
    /// Padding; zero.
    pub _pad0: [u8; 1],
    /// `BLKIF_RSP_*`.
    pub status: i16,
    /// Padding; zero.
    pub _pad1: [u8; 4],
}

crate::zeroed_default!(
    BlkifRequestSegment,
    BlkifRequest,
    BlkifRequestDiscard,
    BlkifRequestIndirect,
    BlkifResponse
);
