//! Byte streams between two domains (`io/libxenvchan.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Notify when data was written.
pub const VCHAN_NOTIFY_WRITE: u8 = 1;
/// Notify when room was made.
pub const VCHAN_NOTIFY_READ: u8 = 2;

/// Indexes of one direction.
#[doc(alias = "ring_shared")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct RingShared {
    /// Bytes taken.
    pub cons: u32,
    /// Bytes put.
    pub prod: u32,
}

/// The shared page; the grants of larger rings follow.
#[doc(alias = "vchan_interface")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VchanInterface {
    /// Client to server.
    pub left: RingShared,
    /// Server to client.
    pub right: RingShared,
    /// Size of the left ring: 2^order bytes; 10 and 11 lie in this page.
    pub left_order: u16,
    /// Size of the right ring: 2^order bytes.
    pub right_order: u16,
    /// Non-zero: the client is there.
    pub cli_live: u8,
    /// Non-zero: the server is there; 2: waits for a new client.
    pub srv_live: u8,
    /// `VCHAN_NOTIFY_*` of the client.
    pub cli_notify: u8,
    /// `VCHAN_NOTIFY_*` of the server.
    pub srv_notify: u8,
}

crate::zeroed_default!(RingShared, VchanInterface);
