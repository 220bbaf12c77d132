//! The ring of a domain's console (`io/console.h`).
//!
//! Two byte rings in one page. Indexes run freely and are masked by the size of the ring.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The console page (3088 bytes).
#[doc(alias = "xencons_interface")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenconsInterface {
    /// Bytes to the guest.
    #[doc(alias = "in")]
    pub input: [u8; 1024],
    /// Bytes from the guest.
    pub out: [u8; 2048],
    /// Guest: bytes of `input` taken.
    pub in_cons: u32,
    /// Backend: bytes of `input` put.
    pub in_prod: u32,
    /// Backend: bytes of `out` taken.
    pub out_cons: u32,
    /// Guest: bytes of `out` put.
    pub out_prod: u32,
}

/// The place of an index in a ring of `size` bytes, a power of two.
#[doc(alias = "MASK_XENCONS_IDX")]
pub const fn mask(index: u32, size: usize) -> usize {
    index as usize & (size - 1)
}

crate::zeroed_default!(XenconsInterface);
