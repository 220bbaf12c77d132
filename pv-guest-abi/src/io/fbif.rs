//! The virtual frame buffer (`io/fbif.h`).
//!
//! One page holds a [`XenfbPage`] and two rings of 40-byte events.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Event to the backend: an area has changed; [`XenfbUpdate`].
pub const XENFB_TYPE_UPDATE: u8 = 2;
/// Event to the backend: new geometry; [`XenfbResize`].
pub const XENFB_TYPE_RESIZE: u8 = 3;
/// Event to the frontend: how often to send updates; [`XenfbRefreshPeriod`].
pub const XENFB_TYPE_REFRESH_PERIOD: u8 = 1;
/// [`XenfbRefreshPeriod::period`]: nobody looks.
pub const XENFB_NO_REFRESH: u32 = 0;
/// Size of an event to the backend, in bytes.
pub const XENFB_OUT_EVENT_SIZE: u32 = 40;
/// Size of an event to the frontend, in bytes.
pub const XENFB_IN_EVENT_SIZE: u32 = 40;
/// Size of the ring to the frontend, in bytes.
pub const XENFB_IN_RING_SIZE: u32 = 1024;
/// Its events.
pub const XENFB_IN_RING_LEN: u32 = XENFB_IN_RING_SIZE / XENFB_IN_EVENT_SIZE;
/// Its offset in the page.
pub const XENFB_IN_RING_OFFS: u32 = 1024;
/// Size of the ring to the backend, in bytes.
pub const XENFB_OUT_RING_SIZE: u32 = 2048;
/// Its events.
pub const XENFB_OUT_RING_LEN: u32 = XENFB_OUT_RING_SIZE / XENFB_OUT_EVENT_SIZE;
/// Its offset in the page.
pub const XENFB_OUT_RING_OFFS: u32 = XENFB_IN_RING_OFFS + XENFB_IN_RING_SIZE;

/// An area has changed.
#[doc(alias = "xenfb_update")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenfbUpdate {
    /// `XENFB_TYPE_UPDATE`.
    #[doc(alias = "type")]
    pub kind: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
    /// Left, in pixels.
    pub x: i32,
    /// Top.
    pub y: i32,
    /// Width.
    pub width: i32,
    /// Height.
    pub height: i32,
}

/// The geometry has changed.
#[doc(alias = "xenfb_resize")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenfbResize {
    /// `XENFB_TYPE_RESIZE`.
    #[doc(alias = "type")]
    pub kind: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
    /// Bytes of a line.
    pub stride: i32,
    /// Bits of a pixel.
    pub depth: i32,
    /// Offset of the frame buffer, in bytes.
    pub offset: i32,
}

/// How often to send updates.
#[doc(alias = "xenfb_refresh_period")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenfbRefreshPeriod {
    /// `XENFB_TYPE_REFRESH_PERIOD`.
    #[doc(alias = "type")]
    pub kind: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
    /// Milliseconds; `XENFB_NO_REFRESH` means never.
    pub period: u32,
}

/// The start of the shared page.
#[doc(alias = "xenfb_page")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenfbPage {
    /// Frontend: events taken.
    pub in_cons: u32,
    /// Backend: events put.
    pub in_prod: u32,
    /// Backend: events taken.
    pub out_cons: u32,
    /// Frontend: events put.
    pub out_prod: u32,
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
    /// Bytes of a line.
    pub line_length: u32,
    /// Bytes of the frame buffer.
    pub mem_length: u32,
    /// Bits of a pixel.
    pub depth: u8,
    /// Padding; zero.
    pub _pad0: [u8; 7],
    /// Frames of lists of the frame buffer's frames.
    pub pd: [u64; 256],
}

crate::zeroed_default!(XenfbUpdate, XenfbResize, XenfbRefreshPeriod, XenfbPage);
