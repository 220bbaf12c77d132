//! A page-table entry, and the level it stands at.

use crate::frame::Type;
use crate::types::{Mfn, MfnClaim};

/// One 8-byte page-table entry, as the CPU reads it (Intel SDM 3A, 4.5).
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Entry(pub u64);

impl core::fmt::Debug for Entry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "entry {:#018x}", self.0)
    }
}

impl Entry {
    /// The CPU uses the entry; all other bits of one without it mean nothing.
    pub const PRESENT: u64 = 1 << 0;
    /// Writes are allowed.
    pub const WRITE: u64 = 1 << 1;
    /// Ring 3 is allowed.
    pub const USER: u64 = 1 << 2;
    /// Cache attribute: write-through.
    pub const PWT: u64 = 1 << 3;
    /// Cache attribute: disabled.
    pub const PCD: u64 = 1 << 4;
    /// Set by the CPU when it uses the entry.
    pub const ACCESSED: u64 = 1 << 5;
    /// Set by the CPU when it writes through the entry.
    pub const DIRTY: u64 = 1 << 6;
    /// Lowest level: cache attribute. Above: this entry maps a large page.
    pub const PAT_OR_LARGE: u64 = 1 << 7;
    /// Kept over a change of base pointer; without effect, as CR4.PGE is off.
    pub const GLOBAL: u64 = 1 << 8;
    /// Three bits for software.
    pub const AVAIL: u64 = 0b111 << 9;
    /// Eleven more. (Protection keys are off.)
    pub const AVAIL_HIGH: u64 = 0x7ff << 52;
    /// Xen's mark, among those, of a mapping that its owner meant for its kernel.
    pub const GUEST_KERNEL: u64 = 1 << 52;
    /// No execution.
    pub const NO_EXECUTE: u64 = 1 << 63;
    /// The frame number's bits.
    pub const FRAME: u64 = 0x000f_ffff_ffff_f000;

    /// The bits that choose a cache type at the lowest level.
    pub const CACHE: u64 = Self::PWT | Self::PCD | Self::PAT_OR_LARGE;
    /// What the CPU sets by itself.
    pub const CPU_SET: u64 = Self::ACCESSED | Self::DIRTY;

    /// An entry of nothing.
    pub const EMPTY: Self = Self(0);

    /// An entry that maps `mfn` with `flags`.
    pub const fn new(mfn: Mfn, flags: u64) -> Self {
        Self(mfn.maddr() | flags)
    }
    /// Whether the CPU uses the entry.
    pub const fn is_present(self) -> bool {
        self.0 & Self::PRESENT != 0
    }
    /// Whether it allows writes.
    pub const fn is_writable(self) -> bool {
        self.0 & Self::WRITE != 0
    }
    /// Whether it allows ring 3.
    pub const fn is_user(self) -> bool {
        self.0 & Self::USER != 0
    }
    /// The frame it names, not checked.
    pub const fn claim(self) -> MfnClaim {
        MfnClaim((self.0 & Self::FRAME) >> 12)
    }
}

/// The level of a page table; 4 is the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Maps frames.
    L1 = 1,
    /// Names L1 tables.
    L2 = 2,
    /// Names L2 tables.
    L3 = 3,
    /// The root.
    L4 = 4,
}

impl Level {
    /// The type of a frame that is a table of this level.
    pub const fn kind(self) -> Type {
        match self {
            Self::L1 => Type::L1,
            Self::L2 => Type::L2,
            Self::L3 => Type::L3,
            Self::L4 => Type::L4,
        }
    }
    /// The level of a frame that is a table.
    pub const fn of(kind: Type) -> Option<Self> {
        match kind {
            Type::L1 => Some(Self::L1),
            Type::L2 => Some(Self::L2),
            Type::L3 => Some(Self::L3),
            Type::L4 => Some(Self::L4),
            _ => None,
        }
    }
    /// The level of the tables that this level's entries name.
    pub const fn below(self) -> Option<Self> {
        match self {
            Self::L1 => None,
            Self::L2 => Some(Self::L1),
            Self::L3 => Some(Self::L2),
            Self::L4 => Some(Self::L3),
        }
    }
    /// The bits that an entry may have at this level, apart from the frame number. `cache_bits`:
    /// whether the domain may choose cache attributes, which only the lowest level has.
    pub const fn allowed(self, cache_bits: bool) -> u64 {
        const UPPER: u64 = Entry::PRESENT
            | Entry::WRITE
            | Entry::USER
            | Entry::ACCESSED
            | Entry::DIRTY
            | Entry::AVAIL
            | Entry::AVAIL_HIGH
            | Entry::NO_EXECUTE;
        match (self, cache_bits) {
            (Self::L1, true) => UPPER | Entry::GLOBAL | Entry::CACHE,
            (Self::L1, false) => UPPER | Entry::GLOBAL,
            _ => UPPER,
        }
    }
    /// Whether entry `index` of a table of this level is the guest's to fill.
    pub const fn is_guests(self, index: usize) -> bool {
        !matches!(self, Self::L4) || !is_hypervisors_slot(index)
    }
}

/// Whether a slot of a root table belongs to the hypervisor.
pub const fn is_hypervisors_slot(slot: usize) -> bool {
    slot >= 256 && slot < 272
}
