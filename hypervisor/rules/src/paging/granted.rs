//! Entries that map what other domains grant.
//!
//! Such an entry is like any other: it holds its own references to the frame, so that the guest
//! may overwrite it, unpin the table around it or die, and counts stay right. Only its making
//! differs: the frame is another domain's, and the hypervisor chooses the bits. The guest cannot
//! make one itself, nor widen one, because a plain update may name its own frames only.

use super::machine::{drop_ref, take_writable};
use super::promote::ENTRIES;
use super::{Budget, Entry, Level, Machine, Progress, Refusal, Tables};
use crate::types::{DomId, Mfn, MfnClaim};

/// An entry of an L1 table, as a guest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Slot {
    /// The table.
    pub table: MfnClaim,
    /// Which of its 512 entries.
    pub index: usize,
}

impl L1Slot {
    /// The entry at a machine address.
    pub const fn at(maddr: u64) -> Result<Self, Refusal> {
        if !maddr.is_multiple_of(8) {
            return Err(Refusal::BadIndex);
        }
        Ok(Self {
            table: MfnClaim(maddr >> 12),
            index: (maddr as usize & 0xfff) / 8,
        })
    }
}

/// What an entry must map to be taken away as a grant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedEntry {
    /// The granted frame.
    pub mfn: Mfn,
    /// Whether it is mapped for writing.
    pub writable: bool,
}

impl GrantedEntry {
    fn is(self, entry: Entry) -> bool {
        entry.is_present()
            && entry.claim() == MfnClaim(self.mfn.0)
            && entry.is_writable() == self.writable
    }
}

impl Tables {
    /// Maps a frame of `granter`'s by an entry of a live L1 table; what the entry held is dropped.
    /// The entry's bits are the hypervisor's choice, so only the user-bit policy is applied.
    pub fn map_granted<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        slot: L1Slot,
        (mfn, flags): (Mfn, u64),
        granter: DomId,
    ) -> Result<Progress, Refusal> {
        if let Progress::Again = self.settle(m, budget) {
            return Ok(Progress::Again);
        }
        let new = self.with_user_bit(Level::L1, Entry::new(mfn, flags));
        let table = self.hold_l1(m, slot)?;
        let held = m.frame(mfn).get_ref(granter).map_err(Refusal::from);
        let result = held.and_then(|()| {
            if new.is_writable() {
                take_writable(m, mfn).inspect_err(|_| drop_ref(m, mfn))?;
            }
            let old = replace(m, (table, slot.index), |_| Ok(new))?;
            self.release(m, Level::L1, old);
            Ok(Progress::Done(()))
        });
        budget.spend(1);
        drop_ref(m, table);
        result
    }

    /// Takes a grant's mapping away: the entry must still be it, else [`Refusal::Unmappable`] and
    /// nothing changes. The caller flushes TLBs before it tells the granter.
    pub fn unmap_granted<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        slot: L1Slot,
        granted: GrantedEntry,
    ) -> Result<Progress, Refusal> {
        if let Progress::Again = self.settle(m, budget) {
            return Ok(Progress::Again);
        }
        let table = self.hold_l1(m, slot)?;
        let result = self.exchange_granted(m, (table, slot.index), granted, Entry::EMPTY);
        budget.spend(1);
        drop_ref(m, table);
        result.map(Progress::Done)
    }

    /// As [`Tables::unmap_granted`], and moves the entry `from`, with all that it holds, to where
    /// the mapping was.
    pub fn replace_granted<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        slot: L1Slot,
        granted: GrantedEntry,
        from: L1Slot,
    ) -> Result<Progress, Refusal> {
        if let Progress::Again = self.settle(m, budget) {
            return Ok(Progress::Again);
        }
        if slot == from {
            return Err(Refusal::Unmappable);
        }
        let table = self.hold_l1(m, slot)?;
        let source = match self.hold_l1(m, from) {
            Ok(source) => source,
            Err(refusal) => {
                drop_ref(m, table);
                return Err(refusal);
            }
        };
        let result = if granted.is(Entry(m.read(table, slot.index))) {
            replace(m, (source, from.index), |_| Ok(Entry::EMPTY))
                .and_then(|moved| self.exchange_granted(m, (table, slot.index), granted, moved))
        } else {
            Err(Refusal::Unmappable)
        };
        budget.spend(2);
        drop_ref(m, source);
        drop_ref(m, table);
        result.map(Progress::Done)
    }

    fn exchange_granted<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        at: (Mfn, usize),
        granted: GrantedEntry,
        new: Entry,
    ) -> Result<(), Refusal> {
        let old = replace(m, at, |old| {
            if granted.is(old) {
                Ok(new)
            } else {
                Err(Refusal::Unmappable)
            }
        })?;
        self.release(m, Level::L1, old);
        Ok(())
    }

    /// Holds a live L1 table of the domain's by a general reference.
    fn hold_l1<M: Machine + ?Sized>(&self, m: &M, slot: L1Slot) -> Result<Mfn, Refusal> {
        if slot.index >= ENTRIES {
            return Err(Refusal::BadIndex);
        }
        let mfn = self.hold_own(m, slot.table)?;
        if self.live_level(m, mfn) == Some(Level::L1) {
            Ok(mfn)
        } else {
            drop_ref(m, mfn);
            Err(Refusal::NotTable)
        }
    }
}

/// Exchanges an entry of a live L1 table for what `step` makes of it. Under the page lock only the
/// CPU changes it meanwhile, and only its accessed and dirty bits. The entry as it was.
fn replace<M: Machine + ?Sized>(
    m: &M,
    (table, index): (Mfn, usize),
    step: impl Fn(Entry) -> Result<Entry, Refusal>,
) -> Result<Entry, Refusal> {
    let mut old = Entry(m.read(table, index));
    loop {
        let new = step(old)?;
        match m.compare_exchange(table, index, old.0, new.0) {
            Ok(()) => return Ok(old),
            Err(found) => old = Entry(found),
        }
    }
}
