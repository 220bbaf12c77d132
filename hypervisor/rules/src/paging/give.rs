//! Frames that leave a domain: given back, taken back, or swept up when the domain dies.

use super::machine::drop_ref;
use super::{Budget, Machine, Progress, Refusal, Resolved, Tables};
use crate::frame::Put;
use crate::types::{Mfn, MfnClaim};

/// How far [`Tables::relinquish`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sweep {
    next: u64,
}

impl Tables {
    /// Gives a frame up (`XENMEM_decrease_reservation`): the allocation's reference goes, and a
    /// pin. The frame is free when its last use has gone; [`Machine::frame_free`] says when.
    pub fn surrender<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        frame: MfnClaim,
    ) -> Result<Progress<Mfn>, Refusal> {
        if let Progress::Again = self.settle(m, budget) {
            return Ok(Progress::Again);
        }
        let mfn = self.hold_own(m, frame)?;
        let given = m.frame(mfn).give_up(self.domain);
        if given.is_some() && m.frame(mfn).unpin() {
            self.drop_table(m, mfn);
        }
        drop_ref(m, mfn);
        match given {
            Some(_) => Ok(Progress::Done(mfn)),
            None => Err(Refusal::NotAllocated),
        }
    }

    /// Takes a frame away from the domain if nothing uses it (`XENMEM_exchange`): it is the
    /// caller's at once.
    pub fn take_back<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        frame: MfnClaim,
    ) -> Result<Mfn, Refusal> {
        let mfn = self.own_ram(m, frame)?;
        match m.frame(mfn).steal(self.domain) {
            Some(_) => {
                m.frame(mfn).set_stamp(m.flush_clock());
                Ok(mfn)
            }
            None => Err(Refusal::InUse),
        }
    }

    /// One step of taking down a domain none of whose vCPUs runs, and whose base pointers have
    /// been [dropped](Tables::drop_base): goes through all frame numbers below `end`, drops this
    /// domain's pins, half-done validations and allocations, and settles the debt. When it is
    /// done, the frames that are not free are lent ones and those that other domains still use.
    pub fn relinquish<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        sweep: &mut Sweep,
        end: Mfn,
    ) -> Progress {
        while sweep.next < end.0 {
            if budget.is_spent() {
                return Progress::Again;
            }
            budget.spend(1);
            if let Resolved::Ram(mfn) = m.resolve(MfnClaim(sweep.next)) {
                self.relinquish_frame(m, mfn);
            }
            sweep.next += 1;
        }
        self.settle(m, budget)
    }

    fn relinquish_frame<M: Machine + ?Sized>(&mut self, m: &M, mfn: Mfn) {
        let frame = m.frame(mfn);
        if frame.get_ref(self.domain).is_err() {
            return;
        }
        if frame.snapshot().partial {
            frame.demote(frame.progress());
            self.owe(m, mfn);
        }
        if frame.unpin() {
            self.drop_table(m, mfn);
        }
        if let Some(put) = frame.give_up(self.domain) {
            // Our own reference is still there.
            debug_assert_eq!(put, Put::Held);
        }
        drop_ref(m, mfn);
    }
}
