//! Pins: a guest keeps a table validated though nothing refers to it.

use super::machine::drop_ref;
use super::{Budget, Level, Machine, Progress, Refusal, Tables};
use crate::types::MfnClaim;

impl Tables {
    /// Validates a table and pins it (`MMUEXT_PIN_Ln_TABLE`). A second pin is refused, like one
    /// of another level than the table has.
    pub fn pin<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        table: MfnClaim,
        level: Level,
    ) -> Result<Progress, Refusal> {
        if let Progress::Again = self.settle(m, budget) {
            return Ok(Progress::Again);
        }
        let mfn = self.own_ram(m, table)?;
        if let Progress::Again = self.take_table(m, budget, mfn, level)? {
            return Ok(Progress::Again);
        }
        if !m.frame(mfn).pin() {
            self.drop_table(m, mfn);
            return Err(Refusal::Pinned);
        }
        Ok(Progress::Done(()))
    }

    /// Drops the pin of a table (`MMUEXT_UNPIN_TABLE`). If nothing else refers to it, it is in
    /// debt. A base pointer is a reference of its own: a root in use stays in use.
    pub fn unpin<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        table: MfnClaim,
    ) -> Result<Progress, Refusal> {
        if let Progress::Again = self.settle(m, budget) {
            return Ok(Progress::Again);
        }
        let mfn = self.hold_own(m, table)?;
        let result = if m.frame(mfn).unpin() {
            self.drop_table(m, mfn);
            Ok(Progress::Done(()))
        } else {
            Err(Refusal::NotPinned)
        };
        drop_ref(m, mfn);
        result
    }
}
