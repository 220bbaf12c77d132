//! Frames for domain 0's guest frames.

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
    /// Takes memory for a plan, in blocks as large as there are, enters it into the M2P and
    /// clears what the plan uses. `None`: there is not so much, or the domain may not own so
    /// much. What was taken is not given back: no domain 0, no machine.
    ///
    /// Called before any guest has run, so that there are no old translations to be flushed and no
    /// other domain's contents to be scrubbed. Memory that the plan does not use stays as it
    /// is, as in Xen: clearing it would take most of the time of a boot.
    pub fn take(domain: &Domain, plan: &Plan) -> Option<Self> {
        if !domain.pages.claim(plan.nr_pages, domain.policy.max_pages) {
            return None;
        }
        let mut memory = Self {
            extents: Vec::new(),
        };
        let mut next = 0;
        let mut largest = LARGEST;
        while next < plan.nr_pages {
            let order = (plan.nr_pages - next).ilog2().min(largest);
            match mm::alloc_frames(order) {
                Some(mfn) => {
                    memory.extents.push(Extent {
                        first: Pfn(next),
                        mfn,
                        frames: 1 << order,
                    });
                    next += 1 << order;
                }
                // No block of this size is left; there may be smaller ones.
                None => largest = order.checked_sub(1)?,
            }
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
            .filter(|region| region.purpose != Purpose::Unmapped)
        {
            (region.first.0..region.end().0).for_each(|pfn| direct::zero(memory.frame(Pfn(pfn))));
        }
        Some(memory)
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
