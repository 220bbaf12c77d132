//! Fresh frames for a domain: scrubbed, and not in any TLB, before it gets them.

use crate::domain::Domain;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::Ordering::SeqCst;
use xenolith_mech::mm::{self, direct};
use xenolith_mech::tlb;
use xenolith_rules::types::{Mfn, Pfn};

/// Adjoining frames on their way to a domain, which may be long: each is the domain's as soon as
/// it is scrubbed. Those that never come that far go back to the allocator with this value.
#[derive(Debug)]
pub struct Fresh {
    domain: Weak<Domain>,
    first: Mfn,
    frames: u64,
    /// Frames that the domain has.
    ready: u64,
    /// The PFN of the first, if the M2P shall tell.
    pfn: Option<Pfn>,
}

impl Fresh {
    /// Reserves 2^`order` adjoining frames with machine addresses of at most `bits` bits. Nothing
    /// if memory is out, or the domain would own more than it may.
    pub fn reserve(domain: &Arc<Domain>, order: u32, bits: u32, pfn: Option<Pfn>) -> Option<Self> {
        if !domain.pages.claim(1 << order, domain.policy.max_pages) {
            return None;
        }
        let Some(first) = mm::alloc_frames_below(order, bits) else {
            domain.pages.unclaim(1 << order);
            return None;
        };
        Some(Self::of_block(domain, first, order, pfn))
    }

    /// As [`Fresh::reserve`], of a block from the allocator, the domain's count being right.
    pub fn of_block(domain: &Arc<Domain>, first: Mfn, order: u32, pfn: Option<Pfn>) -> Self {
        Self {
            domain: Arc::downgrade(domain),
            first,
            frames: 1 << order,
            ready: 0,
            pfn,
        }
    }

    /// The first frame.
    pub fn first(&self) -> Mfn {
        self.first
    }

    /// Hands over up to `frames` frames, which it takes off; whether the domain has all now.
    pub fn hand_over(&mut self, domain: &Domain, frames: &mut u64) -> bool {
        let end = self.frames.min(self.ready.saturating_add(*frames));
        *frames -= end - self.ready;
        let coming = || (self.ready..end).map(|offset| Mfn(self.first.0 + offset));
        // Whoever had a frame before may still have translations of it.
        if let Some(newest) = coming().map(|mfn| mm::frame(mfn).stamp()).max() {
            tlb::flush_older_than(newest);
        }
        for (mfn, offset) in coming().zip(self.ready..) {
            direct::zero(mfn);
            mm::m2p::set(mfn, self.pfn.map(|pfn| Pfn(pfn.0.wrapping_add(offset))));
            mm::frame(mfn).allocate(domain.id);
        }
        self.ready = end;
        end == self.frames
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let left = self.frames - self.ready;
        if left == 0 {
            return;
        }
        if let Some(domain) = self.domain.upgrade() {
            domain.pages.unclaim(left);
            if domain.is_dying() {
                domain.returned.fetch_add(left, SeqCst);
            }
        }
        // Back in the blocks of which it consists.
        let mut next = self.ready;
        while next < self.frames {
            let order = next.trailing_zeros().min((self.frames - next).ilog2());
            mm::free_frames(Mfn(self.first.0 + next), order);
            next += 1 << order;
        }
    }
}
