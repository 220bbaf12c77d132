//! Why paging refuses, and Xen's number for it.

use crate::frame::{GetError, Type, TypeError};
use pv_guest_abi::errno;

/// Why a guest's request about its page tables is refused. The guest's mistake, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The entry has bits that it must not have at its level: a large page, a cache attribute
    /// without device rights, reserved bits. They are given.
    Bits(u64),
    /// The number names no RAM where RAM is needed (a table, a frame to pin or free).
    NotRam,
    /// The number names no RAM, and the domain has no right to that device memory.
    NoIomem,
    /// A frame of another owner, or of nobody.
    NotOwner,
    /// An entry of the lowest level cannot have its frame: wrong owner, or in use as a type that
    /// must not be written.
    Unmappable,
    /// The frame is in use as another type.
    InUseAs(Type),
    /// The type is being established or ended on another CPU.
    Busy,
    /// More references than can be counted.
    TooMany,
    /// Root slots 256..271 are the hypervisor's.
    HypervisorSlot,
    /// To be pinned, but pinned already.
    Pinned,
    /// To be unpinned, but not pinned.
    NotPinned,
    /// The frame is not a page table in use, or not of the level that was asked for.
    NotTable,
    /// Index or alignment outside a table.
    BadIndex,
    /// A descriptor that no guest may have.
    BadDescriptor,
    /// An entry of an upper table, with an owner given other than the tables' own.
    ForeignTable,
    /// A frame to be freed that was freed before, or is the hypervisor's, lent.
    NotAllocated,
    /// A frame to be taken back that is still in use.
    InUse,
    /// No such command.
    NoCommand,
}

impl Refusal {
    /// The positive error number that Xen's hypercalls return for it.
    pub const fn errno(self) -> i64 {
        match self {
            Self::NoIomem => errno::EPERM,
            Self::Unmappable => errno::EBUSY,
            Self::NoCommand => errno::ENOSYS,
            _ => errno::EINVAL,
        }
    }
}

impl From<GetError> for Refusal {
    fn from(error: GetError) -> Self {
        match error {
            GetError::NotOwner => Self::NotOwner,
            GetError::TooMany => Self::TooMany,
        }
    }
}

impl From<TypeError> for Refusal {
    fn from(error: TypeError) -> Self {
        match error {
            TypeError::InUseAs(kind) => Self::InUseAs(kind),
            TypeError::Busy => Self::Busy,
            TypeError::TooMany => Self::TooMany,
        }
    }
}
