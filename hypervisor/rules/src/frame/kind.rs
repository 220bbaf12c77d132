//! The type word: what a frame may be used for, and how many uses rely on it.
//!
//! States of a table's word, each with a count of at least 1:
//!
//! ```text
//!   count 0 --get--> checking --validated--> VALIDATED --last put--> DEMOTING --dropped--> count 0
//!                     |    ^                                            ^
//!              suspend|    |get (resumes)                               |
//!                     v    |                                            |
//!                    PARTIAL ----------------abandon---------------------
//! ```
//!
//! While PARTIAL, one type and one general reference belong to that state itself; who resumes
//! takes them over. While DEMOTING they belong to the list of tables to be dropped.

use super::{Frame, change};
use core::sync::atomic::Ordering;

/// What a frame may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Type {
    /// Nothing yet since it was allocated.
    None = 0,
    /// Mapped read-write by some guest.
    Writable = 1,
    /// Lowest page table: its entries map frames.
    L1 = 2,
    /// Table of L1 tables.
    L2 = 3,
    /// Table of L2 tables.
    L3 = 4,
    /// Root table.
    L4 = 5,
    /// Part of a guest's GDT or LDT.
    SegDesc = 6,
    /// The hypervisor's, lent to its owner for good; may be mapped read-write.
    Shared = 7,
}

impl Type {
    const ALL: [Self; 8] = [
        Self::None,
        Self::Writable,
        Self::L1,
        Self::L2,
        Self::L3,
        Self::L4,
        Self::SegDesc,
        Self::Shared,
    ];

    /// Whether it is one of the four page-table types.
    pub const fn is_table(self) -> bool {
        matches!(self, Self::L1 | Self::L2 | Self::L3 | Self::L4)
    }
}

const USES: u64 = 0xffff_ffff;
const USES_MAX: u64 = 1 << 31;
pub(super) const PINNED: u64 = 1 << 32;
pub(super) const VALIDATED: u64 = 1 << 33;
pub(super) const PARTIAL: u64 = 1 << 34;
pub(super) const DEMOTING: u64 = 1 << 35;
const TYPE_SHIFT: u32 = 40;
/// A shared frame has one use that lasts as long as the lending.
pub(super) const SHARED_WORD: u64 = (Type::Shared as u64) << TYPE_SHIFT | VALIDATED | 1;

/// Why a type reference cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeError {
    /// The frame is in use as this other type.
    InUseAs(Type),
    /// Another CPU is establishing or ending this type: wait, or treat it as in use.
    Busy,
    /// 2^31 references exist.
    TooMany,
}

/// What a new type reference obliges its holder to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Got {
    /// Nothing: the type is established.
    Established,
    /// The first use of a type that the frame had not before. Flush stale TLB entries, check the
    /// contents of a table or descriptor frame, then call [`Frame::established`]. Until then
    /// nobody else gets a reference.
    Retyped(Type),
    /// The first use since the last ended, and the type as before: check, no flush.
    Recheck,
    /// The table was half checked: go on from its progress. The type and the general reference
    /// that the half-way state held are now the caller's.
    Resumed,
}

/// What dropping a type reference came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum PutType {
    /// Other uses remain, or nothing is left to be done.
    Done,
    /// The last use of a table: the frame stays of its type (one type and one general reference are
    /// now the demotion's) until its entries are dropped and `Frame::demoted` is called.
    Demote,
}

#[derive(Clone, Copy)]
pub(super) struct Kind(pub u64);

impl Kind {
    pub fn kind(self) -> Type {
        Type::ALL[(self.0 >> TYPE_SHIFT) as usize & 7]
    }
    pub fn uses(self) -> u32 {
        (self.0 & USES) as u32
    }
    pub fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    fn get(self, want: Type) -> Result<(u64, Got), TypeError> {
        let now = self.kind();
        if self.uses() == 0 {
            // A writable frame stays what it is without a check, but only if it was writable
            // before.
            return Ok(match (now == want, want) {
                (true, Type::Writable) => (self.0 | VALIDATED | 1, Got::Established),
                (true, _) => ((want as u64) << TYPE_SHIFT | 1, Got::Recheck),
                (false, _) => ((want as u64) << TYPE_SHIFT | 1, Got::Retyped(now)),
            });
        }
        if now != want && !(now == Type::Shared && want == Type::Writable) {
            return Err(TypeError::InUseAs(now));
        }
        if self.has(PARTIAL) {
            return Ok((self.0 & !PARTIAL, Got::Resumed));
        }
        if !self.has(VALIDATED) {
            return Err(TypeError::Busy);
        }
        if self.0 & USES >= USES_MAX {
            return Err(TypeError::TooMany);
        }
        Ok((self.0 + 1, Got::Established))
    }

    fn put(self) -> (u64, PutType) {
        match (self.uses(), self.kind()) {
            (0, _) => panic!("type reference of a frame dropped twice"),
            (1, kind) if kind.is_table() => (self.0 & !VALIDATED | DEMOTING, PutType::Demote),
            (1, _) => ((self.0 - 1) & !VALIDATED, PutType::Done),
            _ => (self.0 - 1, PutType::Done),
        }
    }
}

impl Frame {
    /// Takes a type reference. The caller holds a general reference that goes with it.
    ///
    /// Writing to a [shared](Type::Shared) frame counts as `Writable`.
    ///
    /// # Panics
    /// For `Type::None` and `Type::Shared`, which nobody can ask for.
    pub fn get_type(&self, want: Type) -> Result<Got, TypeError> {
        assert!(!matches!(want, Type::None | Type::Shared));
        let mut got = Got::Established;
        change(&self.kind, |old| {
            let (new, outcome) = Kind(old).get(want)?;
            got = outcome;
            Ok(new)
        })?;
        Ok(got)
    }

    /// The type is established: TLB entries flushed, contents checked. Others may use it now.
    pub fn established(&self) {
        let before = self.kind.fetch_or(VALIDATED, Ordering::AcqRel);
        debug_assert!(Kind(before).uses() == 1 && before & (VALIDATED | PARTIAL | DEMOTING) == 0);
    }

    /// The type could not be established, and nothing of it is held: takes the reference back.
    pub fn not_established(&self, now: u64) {
        self.set_stamp(now);
        let Ok((old, _)) = change(&self.kind, |old| Ok::<_, ()>(old - 1)) else {
            unreachable!()
        };
        debug_assert!(Kind(old).uses() == 1 && old & (VALIDATED | PARTIAL | DEMOTING) == 0);
    }

    /// The checking of a table stops half way, to be resumed by the next [`Frame::get_type`].
    pub(crate) fn suspend(&self, entries: usize) {
        self.set_progress(entries);
        let before = self.kind.fetch_or(PARTIAL, Ordering::AcqRel);
        debug_assert!(Kind(before).uses() == 1 && before & (VALIDATED | PARTIAL | DEMOTING) == 0);
    }

    /// The checking of a table has failed with the references of its first `entries` taken, or is
    /// abandoned while suspended: they are to be dropped. As after [`PutType::Demote`].
    pub(crate) fn demote(&self, entries: usize) {
        self.set_progress(entries);
        let Ok((old, _)) = change(&self.kind, |old| Ok::<_, ()>(old & !PARTIAL | DEMOTING)) else {
            unreachable!()
        };
        debug_assert!(Kind(old).uses() == 1 && old & (VALIDATED | DEMOTING) == 0);
    }

    /// All entries of a demoted table have been dropped: its last type reference ends.
    /// The general reference is still the caller's to drop.
    pub(crate) fn demoted(&self, now: u64) {
        self.set_stamp(now);
        let Ok((old, _)) = change(&self.kind, |old| Ok::<_, ()>((old - 1) & !DEMOTING)) else {
            unreachable!()
        };
        debug_assert!(Kind(old).uses() == 1 && old & DEMOTING != 0);
    }

    /// Drops a type reference at flush clock `now`. The general reference is still the caller's,
    /// unless the table must be [demoted](PutType::Demote).
    ///
    /// # Panics
    /// If there is none: an invariant of the hypervisor is broken.
    pub fn put_type(&self, now: u64) -> PutType {
        let mut out = PutType::Done;
        let Ok(_) = change(&self.kind, |old| {
            let (new, outcome) = Kind(old).put();
            out = outcome;
            if Kind(new).uses() == 0 {
                // Before the count can be seen as 0: the next user compares clocks.
                self.set_stamp(now);
            }
            Ok::<_, ()>(new)
        }) else {
            unreachable!()
        };
        out
    }

    /// Sets the pin; `false` if it was set. The pin takes over the caller's two references.
    pub(crate) fn pin(&self) -> bool {
        self.kind.fetch_or(PINNED, Ordering::AcqRel) & PINNED == 0
    }

    /// Clears the pin; `false` if there was none. The pin's two references are now the caller's.
    pub(crate) fn unpin(&self) -> bool {
        self.kind.fetch_and(!PINNED, Ordering::AcqRel) & PINNED != 0
    }
}
