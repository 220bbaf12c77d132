//! Changing one entry: `mmu_update`, `update_va_mapping`, and stores that are emulated.

use super::machine::drop_ref;
use super::promote::ENTRIES;
use super::{Budget, Entry, Level, Machine, Progress, Refusal, Tables};
use crate::types::{DomId, Mfn, MfnClaim};

/// Whose frame a lowest-level entry may map. The caller has had the access check made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageOwner {
    /// The tables' own domain (`DOMID_SELF`).
    Own,
    /// Another domain, over which the one who asks has rights (`foreigndom`).
    Foreign(DomId),
    /// Nobody's: device memory only (`DOMID_IO`).
    Io,
}

impl PageOwner {
    pub(super) fn of(self, own: DomId) -> Option<DomId> {
        match self {
            Self::Own => Some(own),
            Self::Foreign(domain) => Some(domain),
            Self::Io => None,
        }
    }
    pub(super) fn foreign(self) -> Option<DomId> {
        match self {
            Self::Foreign(domain) => Some(domain),
            Self::Own | Self::Io => None,
        }
    }
}

/// What becomes of accessed and dirty bits that the live entry has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The entry is as given (`MMU_NORMAL_PT_UPDATE`).
    Nothing,
    /// They stay (`MMU_PT_UPDATE_PRESERVE_AD`).
    AccessedDirty,
}

/// The command in the low bits of an `mmu_update` request's pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MmuCommand {
    /// Write word `index` of `frame`: see [`Tables::write_word`].
    Write {
        /// The page table, or plain page.
        frame: MfnClaim,
        /// Word within it.
        index: usize,
        /// What to keep of the live entry.
        keep: Keep,
    },
    /// Set the M2P entry of the frame: see [`Tables::own_for_m2p`].
    Machphys {
        /// Whose entry.
        frame: MfnClaim,
    },
}

impl MmuCommand {
    /// Reads a request's pointer. `NoCommand` for command numbers that Xen does not have.
    /// (`MMU_PT_UPDATE_NO_TRANSLATE` is a normal update for guests that are not translated.)
    pub const fn parse(ptr: u64) -> Result<Self, Refusal> {
        let frame = MfnClaim(ptr >> 12);
        let index = (ptr as usize & 0xfff) / 8;
        match ptr & 7 {
            0 | 3 => Ok(Self::Write {
                frame,
                index,
                keep: Keep::Nothing,
            }),
            1 => Ok(Self::Machphys { frame }),
            2 => Ok(Self::Write {
                frame,
                index,
                keep: Keep::AccessedDirty,
            }),
            _ => Err(Refusal::NoCommand),
        }
    }
}

/// What [`Tables::compare_exchange`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The entry was as expected, and has been replaced.
    Stored,
    /// The entry is this; nothing has changed.
    Found(Entry),
}

/// How the new entry depends on the live one.
#[derive(Clone, Copy)]
enum How {
    Replace(Keep),
    IfEqual(Entry),
}

impl Tables {
    /// The update of `mmu_update`: a checked update if the frame is a page table in use, a plain
    /// write if it is a frame that may be written, else refused. `owner`: whose frame the new entry
    /// may map.
    pub fn write_word<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        frame: MfnClaim,
        index: usize,
        (value, keep): (Entry, Keep),
        owner: PageOwner,
    ) -> Result<Progress, Refusal> {
        if let Progress::Again = self.settle(m, budget) {
            return Ok(Progress::Again);
        }
        let mfn = self.hold_own(m, frame)?;
        let result = match self.live_level(m, mfn) {
            Some(level) => self
                .change(
                    m,
                    budget,
                    (mfn, level, index),
                    value,
                    How::Replace(keep),
                    owner,
                )
                .map(|done| match done {
                    Progress::Done(_) => Progress::Done(()),
                    Progress::Again => Progress::Again,
                }),
            None => self.write_plain(m, mfn, index, value.0).map(Progress::Done),
        };
        drop_ref(m, mfn);
        result
    }

    /// Updates entry `index` of the table `l1`, which a walk of the guest's tables has led to
    /// (`update_va_mapping`). `NotTable` if it is no L1 table of this domain's in use.
    pub fn update_l1<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        l1: MfnClaim,
        index: usize,
        value: Entry,
        owner: PageOwner,
    ) -> Result<Progress, Refusal> {
        if let Progress::Again = self.settle(m, budget) {
            return Ok(Progress::Again);
        }
        let mfn = self.hold_own(m, l1)?;
        let result = match self.live_level(m, mfn) {
            Some(Level::L1) => self.change(
                m,
                budget,
                (mfn, Level::L1, index),
                value,
                How::Replace(Keep::Nothing),
                owner,
            ),
            _ => Err(Refusal::NotTable),
        };
        drop_ref(m, mfn);
        Ok(match result? {
            Progress::Done(_) => Progress::Done(()),
            Progress::Again => Progress::Again,
        })
    }

    /// Replaces entry `index` of an L1 table in use if it is still `expected`, in all bits: the
    /// way to apply a store that a guest made to its read-only table. Read the entry with
    /// [`Machine::read`], compute the new one, and try again with what was found.
    pub fn compare_exchange<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        l1: MfnClaim,
        index: usize,
        (expected, new): (Entry, Entry),
    ) -> Result<Progress<Exchange>, Refusal> {
        if let Progress::Again = self.settle(m, budget) {
            return Ok(Progress::Again);
        }
        let mfn = self.hold_own(m, l1)?;
        let result = match self.live_level(m, mfn) {
            Some(Level::L1) => self.change(
                m,
                budget,
                (mfn, Level::L1, index),
                new,
                How::IfEqual(expected),
                PageOwner::Own,
            ),
            _ => Err(Refusal::NotTable),
        };
        drop_ref(m, mfn);
        result
    }

    /// Whether the domain may set the M2P entry of `frame`: the frame, if it is its own.
    pub fn own_for_m2p<M: Machine + ?Sized>(&self, m: &M, frame: MfnClaim) -> Result<Mfn, Refusal> {
        self.own_ram(m, frame)
    }

    /// Resolves a claim to this domain's frame and holds it by a general reference.
    pub(super) fn hold_own<M: Machine + ?Sized>(
        &self,
        m: &M,
        claim: MfnClaim,
    ) -> Result<Mfn, Refusal> {
        let mfn = self.own_ram(m, claim)?;
        m.frame(mfn).get_ref(self.domain)?;
        Ok(mfn)
    }

    /// The level of a table that is validated and in use. It stays so under the page lock.
    pub(super) fn live_level<M: Machine + ?Sized>(&self, m: &M, mfn: Mfn) -> Option<Level> {
        let now = m.frame(mfn).snapshot();
        Level::of(now.kind).filter(|_| now.uses > 0 && now.validated)
    }

    /// Replaces an entry of a live table. Order matters: take what the new entry needs, write it,
    /// tell of a changed root, and only then drop what the old one held.
    fn change<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        (table, level, index): (Mfn, Level, usize),
        value: Entry,
        how: How,
        owner: PageOwner,
    ) -> Result<Progress<Exchange>, Refusal> {
        if index >= ENTRIES {
            return Err(Refusal::BadIndex);
        }
        if level != Level::L1 && owner != PageOwner::Own {
            return Err(Refusal::ForeignTable);
        }
        if !level.is_guests(index) {
            return Err(Refusal::HypervisorSlot);
        }
        let old = Entry(m.read(table, index));
        if let How::IfEqual(expected) = how
            && old != expected
        {
            return Ok(Progress::Done(Exchange::Found(old)));
        }
        let new = if value.is_present() {
            self.vet(level, value)?
        } else {
            value
        };
        let same_refs = holds_the_same(level, old, new);
        if !same_refs && new.is_present() {
            let Progress::Done(()) = self.take(m, budget, level, new, owner)? else {
                return Ok(Progress::Again);
            };
        }
        budget.spend(1);
        let done = store(m, (table, index), old, new, how);
        if done == Exchange::Stored && level == Level::L4 {
            m.root_changed(table, index, Entry(m.read(table, index)));
        }
        if !same_refs {
            self.release(m, level, if done == Exchange::Stored { old } else { new });
        }
        Ok(Progress::Done(done))
    }
}

/// Whether two entries hold the same references, so that none has to be taken or dropped.
fn holds_the_same(level: Level, old: Entry, new: Entry) -> bool {
    // Permission to write is a reference at the lowest level only. A changed cache type is vetted
    // anew anyway; it holds nothing.
    let relevant = match level {
        Level::L1 => Entry::FRAME | Entry::PRESENT | Entry::WRITE,
        _ => Entry::FRAME | Entry::PRESENT,
    };
    match (old.is_present(), new.is_present()) {
        (false, false) => true,
        (true, true) => (old.0 ^ new.0) & relevant == 0,
        _ => false,
    }
}

/// Writes the entry. Under the page lock only the CPU changes a live entry, and only its accessed
/// and dirty bits, which hold nothing.
fn store<M: Machine + ?Sized>(
    m: &M,
    (table, index): (Mfn, usize),
    old: Entry,
    new: Entry,
    how: How,
) -> Exchange {
    let mut live = old;
    loop {
        let put = match how {
            // Bits of an entry that is not present are not the CPU's.
            How::Replace(Keep::AccessedDirty) if live.is_present() && new.is_present() => {
                Entry(new.0 | live.0 & Entry::CPU_SET)
            }
            _ => new,
        };
        match m.compare_exchange(table, index, live.0, put.0) {
            Ok(()) => return Exchange::Stored,
            Err(found) => live = Entry(found),
        }
        debug_assert_eq!(
            (live.0 ^ old.0) & !Entry::CPU_SET,
            0,
            "entry changed under the page lock"
        );
        if let How::IfEqual(_) = how {
            return Exchange::Found(live);
        }
    }
}
