//! The frame allocator of the machine: the rules' buddy allocator behind a lock.

use super::{direct, ram};
use core::ops::Range;
use core::ptr::NonNull;
use spin::Mutex;
use xenolith_rules::buddy::Buddy;
use xenolith_rules::types::{Mfn, PAGE_SHIFT, PAGE_SIZE};

static BUDDY: Mutex<Option<Buddy<'static>>> = Mutex::new(None);

/// Words of storage that frames up to (not including) `end` need.
pub(super) fn words_for(end: Mfn) -> usize {
    Buddy::words(end.0)
}

/// Makes the allocator, which has no frames yet.
pub(super) fn init(storage: &'static mut [u64], end: Mfn) {
    *BUDDY.lock() = Buddy::new(storage, end.0);
}

/// Runs `act` on the allocator.
///
/// # Panics
/// Before `mm::init`.
fn with<R>(act: impl FnOnce(&mut Buddy<'static>) -> R) -> R {
    act(BUDDY
        .lock()
        .as_mut()
        .expect("frames are asked for before there is an allocator"))
}

/// Takes 2^order frames, aligned to their number. Their contents are whatever was there.
pub fn alloc_frames(order: u32) -> Option<Mfn> {
    with(|buddy| buddy.allocate(order, None))
}

/// As [`alloc_frames`], of frames whose machine addresses have at most `bits` bits.
pub fn alloc_frames_below(order: u32, bits: u32) -> Option<Mfn> {
    let limit = 1_u64.checked_shl(bits.saturating_sub(PAGE_SHIFT));
    with(|buddy| buddy.allocate(order, limit))
}

/// Takes one frame.
pub fn alloc_frame() -> Option<Mfn> {
    alloc_frames(0)
}

/// Takes one frame and fills it with zeroes.
pub fn alloc_zeroed() -> Option<Mfn> {
    let mfn = alloc_frame()?;
    direct::zero(mfn);
    Some(mfn)
}

/// Gives frames back: a block that was taken, or an aligned part of one.
///
/// # Panics
/// If they were free already or never the allocator's: somebody's count is wrong.
#[track_caller]
pub fn free_frames(first: Mfn, order: u32) {
    assert!(
        ram::is_open(first),
        "{first} is Rust's own and cannot be freed"
    );
    if let Err(error) = with(|buddy| buddy.free(first, order)) {
        panic!("frames from {first} on, order {order}, cannot be freed: {error:?}");
    }
}

/// Gives one frame back.
///
/// # Panics
/// As [`free_frames`].
#[track_caller]
pub fn free_frame(mfn: Mfn) {
    free_frames(mfn, 0);
}

/// Gives free RAM to the allocator that it did not have before: boot modules that have
/// been read. Pages that are only partly in the range stay out.
///
/// # Panics
/// If the allocator has some of it already.
#[track_caller]
pub fn release(addresses: Range<u64>) {
    let (first, end) = (
        addresses.start.div_ceil(PAGE_SIZE),
        addresses.end / PAGE_SIZE,
    );
    if first < end
        && let Err(error) = with(|buddy| buddy.add(Mfn(first), Mfn(end)))
    {
        panic!("RAM at {addresses:#x?} cannot be given to the allocator: {error:?}");
    }
}

/// Frames that are free.
pub fn free_count() -> u64 {
    with(|buddy| buddy.available())
}

/// Frames that the allocator has been given.
pub fn total_count() -> u64 {
    with(|buddy| buddy.total())
}

/// Takes 2^order frames for Rust's own use, for good: they can no longer be reached by number.
pub(crate) fn take_for_rust(order: u32) -> Option<NonNull<[u8]>> {
    let first = alloc_frames(order)?;
    let start = direct::address(first) as *mut u8;
    ram::close(first.0..first.0 + (1 << order));
    let len = (PAGE_SIZE << order) as usize;
    NonNull::new(core::ptr::slice_from_raw_parts_mut(start, len))
}
