//! The root table on which this pCPU runs guests: a copy of the guest's L4 entries
//! beside this pCPU's own two slots (M2P and entry area).
//!
//! Each pCPU has its own, so that an entry stack is never mapped where a sibling vCPU of
//! the same guest runs. The copy is made anew when another root is wanted, or when an
//! entry of the guest's L4 has changed ([`crate::tlb::root_changed`]).

use super::{direct, tables};
use crate::layout::HV_SLOTS;
use crate::percpu;
use core::sync::atomic::Ordering::SeqCst;
use xenolith_rules::types::Mfn;

/// Makes this pCPU's guest root a copy of `l4`, a validated root table that is held for
/// as long as the guest runs on it, and returns its frame, for [`crate::entry::run`].
pub fn load_guest_root(l4: Mfn) -> Mfn {
    let this = percpu::this();
    let shared = percpu::shared(this.id());
    // In this order: who changes the table afterwards sees that we hold a copy and marks
    // it stale; who changed it before is seen by the copy.
    let held = shared.loaded_l4.swap(l4.0, SeqCst) == l4.0;
    let stale = shared.root_stale.swap(false, SeqCst);
    if !held || stale {
        copy(l4, this.guest_root());
    }
    this.guest_root()
}

/// Makes the copy anew if its original has changed since [`load_guest_root`]. To be called
/// once others can see that this pCPU is in its guest: a change from then on kicks it out.
pub(crate) fn refresh_guest_root() {
    let this = percpu::this();
    let shared = percpu::shared(this.id());
    if shared.root_stale.load(SeqCst) && shared.root_stale.swap(false, SeqCst) {
        copy(Mfn(shared.loaded_l4.load(SeqCst)), this.guest_root());
    }
}

fn copy(from: Mfn, to: Mfn) {
    tables::copy_from_guest(to, from, 0..HV_SLOTS.start);
    tables::copy_from_guest(to, from, HV_SLOTS.end..direct::WORDS);
}

/// Forgets which root was copied. To be called before the vCPU that ran on it lets go of
/// it: a freed root's frame may become another root, with other entries.
pub fn forget_guest_root() {
    percpu::shared(percpu::this().id())
        .loaded_l4
        .store(0, SeqCst);
}
