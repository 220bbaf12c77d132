//! Frames for domain 0's guest frames.

use crate::domain::Domain;
use crate::{pages, reservation};
use alloc::vec::Vec;
use xenolith_mech::mm::direct;
use xenolith_rules::build::Memory;
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

/// A new domain's memory: guest frames 0 up to their number, all zeroes, owned by the domain.
pub struct DomainMemory {
    /// In order of guest frames.
    extents: Vec<Extent>,
}

impl DomainMemory {
    /// Takes memory of `frames` frames, in blocks as large as there are. `None`: there is
    /// not so much, or the domain may not own so much. What was taken is not given back: no
    /// domain 0, no machine.
    pub fn take(domain: &Domain, frames: u64) -> Option<Self> {
        let mut extents = Vec::new();
        let mut next = 0;
        let mut largest = LARGEST;
        while next < frames {
            let order = (frames - next).ilog2().min(largest);
            match reservation::take(domain, order, 0) {
                Some(mfn) => {
                    extents.push(Extent {
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
        Some(Self { extents })
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

    /// Enters all frames into the M2P.
    pub fn publish(&self) {
        for extent in &self.extents {
            for offset in 0..extent.frames {
                pages::set_pfn(Mfn(extent.mfn.0 + offset), Pfn(extent.first.0 + offset));
            }
        }
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
