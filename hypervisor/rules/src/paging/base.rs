//! Base pointers: the roots that vCPUs run on.
//!
//! A vCPU's base pointer, kernel or user, holds references like any entry of a table would. To
//! load a new one: [`Tables::take_base`], point the vCPU at it, then [`Tables::drop_base`] the
//! old one. In between both are held, so that the old root is not taken apart while a CPU may use
//! it.

use super::{Budget, Level, Machine, Progress, Refusal, Tables};
use crate::types::{Mfn, MfnClaim};

impl Tables {
    /// Takes the references of a base pointer (`MMUEXT_NEW_BASEPTR`, `MMUEXT_NEW_USER_BASEPTR`, a
    /// new vCPU's CR3), validating the root if need be.
    pub fn take_base<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        root: MfnClaim,
    ) -> Result<Progress<Mfn>, Refusal> {
        if let Progress::Again = self.settle(m, budget) {
            return Ok(Progress::Again);
        }
        let mfn = self.own_ram(m, root)?;
        Ok(match self.take_table(m, budget, mfn, Level::L4)? {
            Progress::Done(()) => Progress::Done(mfn),
            Progress::Again => Progress::Again,
        })
    }

    /// Drops the references of a base pointer that no CPU runs on any more. If it was the last
    /// use, the root is in debt.
    pub fn drop_base<M: Machine + ?Sized>(&mut self, m: &M, root: Mfn) {
        self.drop_table(m, root);
    }
}
