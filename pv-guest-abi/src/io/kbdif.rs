//! Keyboard, pointer and touch screen (`io/kbdif.h`).
//!
//! One page holds a [`XenkbdPage`] and two rings of 40-byte events.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Event: the pointer has moved; [`XenkbdMotion`].
pub const XENKBD_TYPE_MOTION: u8 = 1;
/// Not used.
pub const XENKBD_TYPE_RESERVED: u8 = 2;
/// Event: a key or button; [`XenkbdKey`].
pub const XENKBD_TYPE_KEY: u8 = 3;
/// Event: the pointer is at; [`XenkbdPosition`].
pub const XENKBD_TYPE_POS: u8 = 4;
/// Event: touch; [`XenkbdMtouch`].
pub const XENKBD_TYPE_MTOUCH: u8 = 5;
/// [`XenkbdMtouch::event_type`]: touched.
pub const XENKBD_MT_EV_DOWN: u8 = 0;
/// Released.
pub const XENKBD_MT_EV_UP: u8 = 1;
/// Moved.
pub const XENKBD_MT_EV_MOTION: u8 = 2;
/// End of a group of events.
pub const XENKBD_MT_EV_SYN: u8 = 3;
/// Shape.
pub const XENKBD_MT_EV_SHAPE: u8 = 4;
/// Orientation.
pub const XENKBD_MT_EV_ORIENT: u8 = 5;
/// Size of an event to the frontend, in bytes.
pub const XENKBD_IN_EVENT_SIZE: u32 = 40;
/// Size of an event to the backend, in bytes.
pub const XENKBD_OUT_EVENT_SIZE: u32 = 40;
/// Size of the ring to the frontend, in bytes.
pub const XENKBD_IN_RING_SIZE: u32 = 2048;
/// Its events.
pub const XENKBD_IN_RING_LEN: u32 = XENKBD_IN_RING_SIZE / XENKBD_IN_EVENT_SIZE;
/// Its offset in the page.
pub const XENKBD_IN_RING_OFFS: u32 = 1024;
/// Size of the ring to the backend, in bytes.
pub const XENKBD_OUT_RING_SIZE: u32 = 1024;
/// Its events.
pub const XENKBD_OUT_RING_LEN: u32 = XENKBD_OUT_RING_SIZE / XENKBD_OUT_EVENT_SIZE;
/// Its offset in the page.
pub const XENKBD_OUT_RING_OFFS: u32 = XENKBD_IN_RING_OFFS + XENKBD_IN_RING_SIZE;
/// Name of the driver.
pub const XENKBD_DRIVER_NAME: &str = "vkbd";
/// Backend: no keyboard.
pub const XENKBD_FIELD_FEAT_DSBL_KEYBRD: &str = "feature-disable-keyboard";
/// Backend: no pointer.
pub const XENKBD_FIELD_FEAT_DSBL_POINTER: &str = "feature-disable-pointer";
/// Backend: absolute positions.
pub const XENKBD_FIELD_FEAT_ABS_POINTER: &str = "feature-abs-pointer";
/// Backend: unscaled positions.
pub const XENKBD_FIELD_FEAT_RAW_POINTER: &str = "feature-raw-pointer";
/// Backend: touch.
pub const XENKBD_FIELD_FEAT_MTOUCH: &str = "feature-multi-touch";
/// Frontend: wants absolute positions.
pub const XENKBD_FIELD_REQ_ABS_POINTER: &str = "request-abs-pointer";
/// Frontend: wants unscaled positions.
pub const XENKBD_FIELD_REQ_RAW_POINTER: &str = "request-raw-pointer";
/// Frontend: wants touch.
pub const XENKBD_FIELD_REQ_MTOUCH: &str = "request-multi-touch";
/// Frontend: grant of the page.
pub const XENKBD_FIELD_RING_GREF: &str = "page-gref";
/// Frontend: port.
pub const XENKBD_FIELD_EVT_CHANNEL: &str = "event-channel";
/// Width of the pointer's area.
pub const XENKBD_FIELD_WIDTH: &str = "width";
/// Height of the pointer's area.
pub const XENKBD_FIELD_HEIGHT: &str = "height";
/// Width of the touch area.
pub const XENKBD_FIELD_MT_WIDTH: &str = "multi-touch-width";
/// Height of the touch area.
pub const XENKBD_FIELD_MT_HEIGHT: &str = "multi-touch-height";
/// Contacts at a time.
pub const XENKBD_FIELD_MT_NUM_CONTACTS: &str = "multi-touch-num-contacts";
/// Identifier.
pub const XENKBD_FIELD_UNIQUE_ID: &str = "unique-id";
/// Frontend: frame of the page (old form).
pub const XENKBD_FIELD_RING_REF: &str = "page-ref";

/// The pointer has moved.
#[doc(alias = "xenkbd_motion")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenkbdMotion {
    /// `XENKBD_TYPE_MOTION`.
    #[doc(alias = "type")]
    pub kind: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
    /// To the right.
    pub rel_x: i32,
    /// Down.
    pub rel_y: i32,
    /// Wheel.
    pub rel_z: i32,
}

/// A key or button.
#[doc(alias = "xenkbd_key")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenkbdKey {
    /// `XENKBD_TYPE_KEY`.
    #[doc(alias = "type")]
    pub kind: u8,
    /// Non-zero: pressed.
    pub pressed: u8,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// Linux key code.
    pub keycode: u32,
}

/// The pointer is at.
#[doc(alias = "xenkbd_position")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenkbdPosition {
    /// `XENKBD_TYPE_POS`.
    #[doc(alias = "type")]
    pub kind: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
    /// From the left.
    pub abs_x: i32,
    /// From the top.
    pub abs_y: i32,
    /// Wheel.
    pub rel_z: i32,
}

/// Where it was touched.
#[doc(alias = "xenkbd_mtouch.u.pos")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenkbdMtouchPos {
    /// From the left.
    pub abs_x: i32,
    /// From the top.
    pub abs_y: i32,
}

/// Shape of the contact.
#[doc(alias = "xenkbd_mtouch.u.shape")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenkbdMtouchShape {
    /// Long axis.
    pub major: u32,
    /// Short axis.
    pub minor: u32,
}

/// Touch.
#[doc(alias = "xenkbd_mtouch")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenkbdMtouch {
    /// `XENKBD_TYPE_MTOUCH`.
    #[doc(alias = "type")]
    pub kind: u8,
    /// `XENKBD_MT_EV_*`.
    pub event_type: u8,
    /// Which contact.
    pub contact_id: u8,
    /// Zero.
    pub reserved: [u8; 5],
    /// A [`XenkbdMtouchPos`], a [`XenkbdMtouchShape`], or the orientation in the low 16 bits.
    pub u: [u32; 2],
}

/// The start of the shared page.
#[doc(alias = "xenkbd_page")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenkbdPage {
    /// Frontend: events taken.
    pub in_cons: u32,
    /// Backend: events put.
    pub in_prod: u32,
    /// Backend: events taken.
    pub out_cons: u32,
    /// Frontend: events put.
    pub out_prod: u32,
}

crate::zeroed_default!(
    XenkbdMotion,
    XenkbdKey,
    XenkbdPosition,
    XenkbdMtouchPos,
    XenkbdMtouchShape,
    XenkbdMtouch,
    XenkbdPage
);
