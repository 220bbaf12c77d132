//! Making tables: a frame becomes a page table when the first use of it as one is taken.

use super::machine::{drop_ref, take_type};
use super::update::PageOwner;
use super::{Budget, Entry, Level, Machine, Progress, Refusal, Tables};
use crate::frame::{Got, PutType};
use crate::types::Mfn;

/// Entries of a table.
pub(super) const ENTRIES: usize = 512;

impl Tables {
    /// Takes a general and a type reference to a table of this domain's, validating it and the
    /// tables below if need be. Recursion is as deep as the levels: four.
    pub(super) fn take_table<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        mfn: Mfn,
        level: Level,
    ) -> Result<Progress, Refusal> {
        let frame = m.frame(mfn);
        frame.get_ref(self.domain)?;
        let got = take_type(m, mfn, level.kind()).inspect_err(|_| drop_ref(m, mfn))?;
        let first = match got {
            Got::Established => return Ok(Progress::Done(())),
            Got::Recheck | Got::Retyped(_) => 0,
            Got::Resumed => {
                // The half-way state's own general reference is ours now, so ours is one too many.
                drop_ref(m, mfn);
                frame.progress()
            }
        };
        self.validate(m, budget, mfn, level, first)
    }

    fn validate<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        mfn: Mfn,
        level: Level,
        first: usize,
    ) -> Result<Progress, Refusal> {
        for index in first..ENTRIES {
            if !level.is_guests(index) {
                continue;
            }
            if budget.is_spent() {
                m.frame(mfn).suspend(index);
                return Ok(Progress::Again);
            }
            match self.validate_entry(m, budget, mfn, level, index) {
                Ok(Progress::Done(())) => budget.spend(1),
                Ok(Progress::Again) => {
                    m.frame(mfn).suspend(index);
                    return Ok(Progress::Again);
                }
                Err(refusal) => {
                    m.frame(mfn).demote(index);
                    self.owe(m, mfn);
                    return Err(refusal);
                }
            }
        }
        m.frame(mfn).established();
        Ok(Progress::Done(()))
    }

    fn validate_entry<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        mfn: Mfn,
        level: Level,
        index: usize,
    ) -> Result<Progress, Refusal> {
        let found = Entry(m.read(mfn, index));
        if !found.is_present() {
            return Ok(Progress::Done(()));
        }
        let entry = self.vet(level, found)?;
        let progress = self.take(m, budget, level, entry, PageOwner::Own)?;
        if progress == Progress::Done(()) && entry != found {
            m.write(mfn, index, entry.0);
        }
        Ok(progress)
    }

    /// Drops a general and a type reference to a table.
    pub(super) fn drop_table<M: Machine + ?Sized>(&mut self, m: &M, mfn: Mfn) {
        match m.frame(mfn).put_type(m.flush_clock()) {
            PutType::Done => drop_ref(m, mfn),
            PutType::Demote => {
                m.frame(mfn).set_progress(ENTRIES);
                self.owe(m, mfn);
            }
        }
    }
}
