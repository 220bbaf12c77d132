//! Which frames may be reached by number, through the direct map.
//!
//! One bit per frame up to the end of RAM. Set: RAM that only [`super::direct`] reads and
//! writes, word by word, so that aliases are no matter (guests' memory, the M2P). Clear: no
//! RAM; memory that Rust holds references into (the image, the heap, stacks, the frame
//! table), because reaching that by number would break Rust's promises; and the
//! hypervisor's own page tables, which are [`super::tables`]' alone.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use spin::Once;
use xenolith_rules::types::{Mfn, PAGE_SIZE};

static BITS: Once<&'static [AtomicU64]> = Once::new();

/// Words of the bit map for frames up to (not including) `end`.
pub fn words_for(end: Mfn) -> usize {
    end.0.div_ceil(64) as usize
}

/// Takes the zeroed memory of the bit map.
pub fn init(bits: &'static mut [u64]) {
    // SAFETY: atomics have the layout of their integers, and the only reference to these
    // is given up here.
    let bits = unsafe { core::slice::from_raw_parts(bits.as_ptr().cast(), bits.len()) };
    BITS.call_once(|| bits);
}

/// Whether a frame may be reached by number.
#[inline]
pub fn is_open(mfn: Mfn) -> bool {
    BITS.get()
        .and_then(|bits| bits.get((mfn.0 / 64) as usize))
        .is_some_and(|word| word.load(Relaxed) >> (mfn.0 % 64) & 1 != 0)
}

/// Whether a frame lies below the end of RAM and may not be reached by number.
pub fn is_closed(mfn: Mfn) -> bool {
    BITS.get()
        .and_then(|bits| bits.get((mfn.0 / 64) as usize))
        .is_some_and(|word| word.load(Relaxed) >> (mfn.0 % 64) & 1 == 0)
}

/// Lets the frames be reached by number. They must be RAM in the direct map.
pub fn open(frames: Range<u64>) {
    set(frames, true);
}

/// Keeps the frames from being reached by number.
pub fn close(frames: Range<u64>) {
    set(frames, false);
}

/// The frames that a range of machine addresses touches.
pub fn frames_of(addresses: Range<u64>) -> Range<u64> {
    addresses.start / PAGE_SIZE..addresses.end.div_ceil(PAGE_SIZE)
}

fn set(frames: Range<u64>, to: bool) {
    let bits = BITS
        .get()
        .expect("the RAM bit map is used before it is there");
    for frame in frames {
        let Some(word) = bits.get((frame / 64) as usize) else {
            return;
        };
        let bit = 1 << (frame % 64);
        if to {
            word.fetch_or(bit, Relaxed)
        } else {
            word.fetch_and(!bit, Relaxed)
        };
    }
}
