//! Frames for a new domain's guest frames.

use crate::domain::Domain;
use crate::pages;
use alloc::vec::Vec;
use xenolith_mech::mm::{self, direct};
use xenolith_rules::build::{Memory, Plan, Purpose};
use xenolith_rules::types::{Mfn, PAGE_SIZE, Pfn};

/// log2 of the largest blocks that are asked for: 2 MiB. Larger ones gain nothing, as
/// guests have no large pages.
const LARGEST: u32 = 9;

/// Adjoining guest frames on adjoining machine frames.
struct Extent {
    first: Pfn,
    mfn: Mfn,
    frames: u64,
}

/// A new domain's memory: guest frames 0 up to their number, owned by the domain.
pub struct DomainMemory {
    /// In order of guest frames.
    extents: Vec<Extent>,
}

impl DomainMemory {
    /// Takes memory for a plan, in blocks as large as there are, enters it into the M2P and clears
    /// it: all of it (`scrub`), or what the plan uses. `None`: there is not so much, or the domain
    /// may not own so much; nothing is taken then.
    ///
    /// Called before any guest has run, so that there are no old translations to be flushed. Memory
    /// of domain 0 that the plan does not use stays as it is, as in Xen: clearing it would take
    /// most of the time of a boot, and nobody has had secrets in it.
    pub fn take(domain: &Domain, plan: &Plan, scrub: bool) -> Option<Self> {
        if !domain.pages.claim(plan.nr_pages, domain.policy.max_pages) {
            return None;
        }
        let mut memory = Self {
            extents: Vec::new(),
        };
        if !memory.fill_extents(plan.nr_pages) {
            for extent in &memory.extents {
                mm::free_frames(extent.mfn, extent.frames.ilog2());
            }
            domain.pages.unclaim(plan.nr_pages);
            return None;
        }
        for extent in &memory.extents {
            for offset in 0..extent.frames {
                let mfn = Mfn(extent.mfn.0 + offset);
                mm::frame(mfn).allocate(domain.id);
                pages::set_pfn(mfn, Pfn(extent.first.0 + offset));
            }
        }
        for region in plan
            .regions
            .iter()
            .filter(|region| scrub || region.purpose != Purpose::Unmapped)
        {
            (region.first.0..region.end().0).for_each(|pfn| direct::zero(memory.frame(Pfn(pfn))));
        }
        Some(memory)
    }

    /// Takes blocks for guest frames below `nr_pages`; whether there were enough.
    fn fill_extents(&mut self, nr_pages: u64) -> bool {
        let mut next = 0;
        let mut largest = LARGEST;
        while next < nr_pages {
            let order = (nr_pages - next).ilog2().min(largest);
            match mm::alloc_frames(order) {
                Some(mfn) => {
                    self.extents.push(Extent {
                        first: Pfn(next),
                        mfn,
                        frames: 1 << order,
                    });
                    next += 1 << order;
                }
                // No block of this size is left; there may be smaller ones.
                None => match order.checked_sub(1) {
                    Some(smaller) => largest = smaller,
                    None => return false,
                },
            }
        }
        true
    }

    /// The machine frame behind a guest frame.
    ///
    /// # Panics
    /// If the guest frame is not of this memory: plans do not name such.
    pub fn frame(&self, pfn: Pfn) -> Mfn {
        let behind = self.extents.partition_point(|extent| extent.first <= pfn);
        let extent = &self.extents[behind - 1];
        assert!(
            pfn.0 < extent.first.0 + extent.frames,
            "{pfn} is outside of the domain"
        );
        Mfn(extent.mfn.0 + (pfn.0 - extent.first.0))
    }
}

impl Memory for DomainMemory {
    fn mfn_of(&self, pfn: Pfn) -> Mfn {
        self.frame(pfn)
    }

    fn write(&mut self, pfn: Pfn, offset: usize, bytes: &[u8]) {
        debug_assert!(offset + bytes.len() <= PAGE_SIZE as usize);
        direct::write_bytes(self.frame(pfn), offset, bytes);
    }
}
