//! Unmaking tables: what lost its last use is taken apart in bounded steps.
//!
//! The domain's debt is a stack of demoted tables, linked through their frames. A table's
//! entries are dropped from the last one down; a table below that thereby loses *its* last
//! use goes on top of the stack. So nothing recurses, and every step leaves the state whole.

use super::machine::drop_ref;
use super::{Budget, Entry, Level, Machine, Progress, Tables};
use crate::frame::Type;
use crate::types::Mfn;

impl Tables {
    /// Whether tables wait to be taken apart.
    pub const fn in_debt(&self) -> bool {
        self.debt.is_some()
    }

    /// Puts a demoted table on the list.
    pub(super) fn owe<M: Machine + ?Sized>(&mut self, m: &M, mfn: Mfn) {
        m.frame(mfn).set_link(self.debt);
        self.debt = Some(mfn);
    }

    /// Takes apart the tables that have lost their last use. To be called until it is
    /// `Done` after every operation, before the guest gets its answer.
    pub fn settle<M: Machine + ?Sized>(&mut self, m: &M, budget: &mut Budget) -> Progress {
        while let Some(mfn) = self.debt {
            if budget.is_spent() {
                return Progress::Again;
            }
            let frame = m.frame(mfn);
            let Some(index) = frame.progress().checked_sub(1) else {
                budget.spend(1);
                self.debt = frame.link();
                frame.set_link(None);
                if frame.snapshot().kind == Type::L4 {
                    m.root_gone(mfn);
                }
                frame.demoted(m.flush_clock());
                drop_ref(m, mfn);
                continue;
            };
            frame.set_progress(index);
            budget.spend(1);
            let level = Level::of(frame.snapshot().kind).expect("only tables are in debt");
            if level.is_guests(index) {
                self.release(m, level, Entry(m.read(mfn, index)));
            }
        }
        Progress::Done(())
    }
}
