//! Direct paging at work: the rules of `xenolith_rules::paging`, applied to this
//! machine's frames, and the count of what each domain owns.

use crate::domain::{self, Rights};
use crate::{reaper, segments};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use pv_guest_abi::errno::Errno;
use xenolith_mech::mm::{self, direct};
use xenolith_mech::sync::{Guard, Level, Lock};
use xenolith_mech::tlb;
use xenolith_rules::descriptor::{Descriptor, Forbidden};
use xenolith_rules::frame::{Frame, Freed};
use xenolith_rules::paging::{Entry, Held, Machine, Refusal, Resolved, Tables, UserBit};
use xenolith_rules::types::{DomId, Mfn, MfnClaim, Pfn};

/// What a domain owns.
pub struct Pages {
    tables: Lock<Tables>,
    owned: AtomicU64,
    /// It has been told that it can be filled up.
    promised: AtomicBool,
}

impl Pages {
    /// Nothing owned, no tables.
    pub const fn new(owner: DomId, user_bit: UserBit, cache_bits: bool) -> Self {
        Self {
            tables: Lock::new(Level::Pages, Tables::new(owner, user_bit, cache_bits)),
            owned: AtomicU64::new(0),
            promised: AtomicBool::new(false),
        }
    }

    /// The domain's page tables, under its page lock.
    pub fn tables(&self) -> Guard<'_, Tables> {
        self.tables.lock()
    }

    /// Frames that the domain owns.
    pub fn owned(&self) -> u64 {
        self.owned.load(SeqCst)
    }

    /// Counts `frames` more as owned, unless that would be more than `limit`.
    pub fn claim(&self, frames: u64, limit: u64) -> bool {
        self.owned
            .fetch_update(SeqCst, SeqCst, |owned| {
                owned.checked_add(frames).filter(|&sum| sum <= limit)
            })
            .is_ok()
    }

    /// Counts `frames` less.
    pub fn unclaim(&self, frames: u64) {
        self.owned.fetch_sub(frames, SeqCst);
    }

    /// Notes that the domain was promised memory (`XENMEM_claim_pages`).
    pub fn promise(&self) {
        self.promised.store(true, SeqCst);
    }

    /// Whether it was.
    pub fn is_promised(&self) -> bool {
        self.promised.load(SeqCst)
    }

    /// Takes the promise back.
    pub fn end_promise(&self) {
        self.promised.store(false, SeqCst);
    }
}

/// The machine as the paging rules see it.
pub struct Live;

/// The one machine there is.
pub static LIVE: Live = Live;

impl Machine for Live {
    fn resolve(&self, claim: MfnClaim) -> Resolved {
        ram(claim).map_or(Resolved::NotRam, Resolved::Ram)
    }

    fn frame(&self, mfn: Mfn) -> &Frame {
        mm::frame(mfn)
    }

    fn read(&self, frame: Mfn, index: usize) -> u64 {
        direct::words(frame)[index].load(SeqCst)
    }

    fn write(&self, frame: Mfn, index: usize, value: u64) {
        direct::words(frame)[index].store(value, SeqCst);
    }

    fn compare_exchange(&self, frame: Mfn, index: usize, old: u64, new: u64) -> Result<(), u64> {
        let word = &direct::words(frame)[index];
        word.compare_exchange(old, new, SeqCst, SeqCst).map(|_| ())
    }

    fn flush_clock(&self) -> u64 {
        tlb::stamp()
    }

    fn flush_before_retype(&self, _frame: Mfn, stamp: u64) {
        tlb::flush_older_than(stamp);
    }

    fn root_changed(&self, root: Mfn, _slot: usize, _entry: Entry) {
        tlb::root_changed(root);
    }

    fn root_gone(&self, root: Mfn) {
        // A pCPU may still keep a copy, e.g. when a domain was taken down from another one.
        tlb::root_changed(root);
    }

    fn iomem_permitted(&self, domain: DomId, claim: MfnClaim) -> bool {
        domain::find(domain).is_some_and(|domain| domain.may(Rights::IOMEM))
            && mm::is_open_iomem(claim)
    }

    fn vet_descriptors(&self, frame: Mfn) -> bool {
        let words = direct::words(frame);
        words.iter().all(|word| {
            let given = Descriptor(word.load(SeqCst));
            match given.vet() {
                Ok(vetted) => {
                    if vetted != given {
                        word.store(vetted.0, SeqCst);
                    }
                    true
                }
                Err(Forbidden) => false,
            }
        })
    }

    fn descriptors_unmapped(&self, frame: Mfn) {
        let owner = self.frame(frame).owner().and_then(domain::find);
        if let Some(owner) = owner {
            segments::forget_ldts(&owner);
        }
    }

    fn frame_free(&self, frame: Mfn, was: Freed) {
        if let Some(owner) = domain::find(was.owner) {
            owner.pages.unclaim(u64::from(!was.shared));
            if owner.is_dying() {
                // Nothing of a dead domain stays in free memory.
                direct::zero(frame);
                owner.returned.fetch_add(1, SeqCst);
                reaper::stir();
            }
        }
        mm::frame(frame).ends(tlb::stamp());
        mm::m2p::set(frame, None);
        mm::free_frame(frame);
    }
}

/// The frame of RAM that a claim names, if it is one. The one place where a guest's
/// frame number becomes a frame.
pub fn ram(claim: MfnClaim) -> Option<Mfn> {
    mm::ram(claim)
}

/// Holds a frame of the domain's, to be read.
pub fn hold(owner: DomId, claim: MfnClaim) -> Option<Held<'static, Live>> {
    Held::readable(&LIVE, ram(claim)?, owner).ok()
}

/// Holds a frame of the domain's, to be written: no page table, no descriptors.
pub fn hold_writable(owner: DomId, claim: MfnClaim) -> Option<Held<'static, Live>> {
    Held::writable(&LIVE, ram(claim)?, owner).ok()
}

/// Sets what the M2P says of a frame.
pub fn set_pfn(mfn: Mfn, pfn: Pfn) {
    mm::m2p::set(mfn, Some(pfn));
}

/// A refusal as the guest is told.
pub fn errno(refusal: Refusal) -> Errno {
    Errno::from_number(refusal.errno()).unwrap_or(Errno::EINVAL)
}
