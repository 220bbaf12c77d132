//! Changing and asking for a domain's reservation; mapping its resources.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Argument of `XENMEM_{increase,decrease}_reservation` and `XENMEM_populate_physmap` (32 bytes).
#[doc(alias = "xen_memory_reservation")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemoryReservation {
    /// Guest address of the list of first frames: in, out or both, as the command says.
    pub extent_start: u64,
    /// Number of extents.
    pub nr_extents: u64,
    /// Size and alignment of each: 2^order pages.
    pub extent_order: u32,
    /// `XENMEMF_*`.
    pub mem_flags: u32,
    /// The domain (unprivileged: `DOMID_SELF`).
    pub domid: u16,
    /// Padding; zero.
    pub _pad0: [u8; 6],
}

/// Argument of `XENMEM_exchange` (72 bytes).
#[doc(alias = "xen_memory_exchange")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemoryExchange {
    /// The extents to give up.
    #[doc(alias = "in")]
    pub input: MemoryReservation,
    /// The extents wanted; guest frames in, machine frames out.
    pub out: MemoryReservation,
    /// Out: input extents done; the caller sets it to 0.
    pub nr_exchanged: u64,
}

/// Argument of the commands that ask for one figure of a domain.
#[doc(alias = "xen_memory_domain")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemoryDomain {
    /// The domain.
    pub domid: u16,
}

/// Argument of `XENMEM_acquire_resource` (32 bytes).
#[doc(alias = "xen_mem_acquire_resource")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MemAcquireResource {
    /// The domain.
    pub domid: u16,
    /// `XENMEM_resource_*`.
    #[doc(alias = "type")]
    pub kind: u16,
    /// Which of that kind.
    pub id: u32,
    /// In: room in the list; out (with room 0): frames there are.
    pub nr_frames: u32,
    /// Zero.
    pub pad: u32,
    /// First frame wanted.
    pub frame: u64,
    /// Guest address of the list of machine frames (`u64`), out.
    pub frame_list: u64,
}

crate::zeroed_default!(
    MemoryReservation,
    MemoryExchange,
    MemoryDomain,
    MemAcquireResource
);
