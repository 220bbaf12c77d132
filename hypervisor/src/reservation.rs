//! Fresh frames for a domain.

use crate::domain::Domain;
use xenolith_mech::mm::{self, direct};
use xenolith_mech::tlb;
use xenolith_rules::types::Mfn;

/// Widest machine address, in bits, where a request names none.
const ANY_ADDRESS: u32 = 64;

/// Takes 2^`order` adjoining frames for `domain`, zeroed, below machine address
/// 2^`bits` (0: anywhere). Nothing if memory is out, or the domain would own more
/// than it may.
pub fn take(domain: &Domain, order: u32, bits: u32) -> Option<Mfn> {
    let frames = 1 << order;
    if !domain.pages.claim(frames, domain.policy.max_pages) {
        return None;
    }
    let bits = if bits == 0 { ANY_ADDRESS } else { bits };
    let Some(first) = mm::alloc_frames_below(order, bits) else {
        domain.pages.unclaim(frames);
        return None;
    };
    for offset in 0..frames {
        let mfn = Mfn(first.0 + offset);
        // Whoever had the frame before may still have translations of it.
        tlb::flush_older_than(mm::frame(mfn).stamp());
        direct::zero(mfn);
        mm::m2p::set(mfn, None);
        mm::frame(mfn).allocate(domain.id);
    }
    Some(first)
}
