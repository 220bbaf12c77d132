//! The kernel's heap: a run of frames in the direct map, managed by `talc`.

use core::ops::Range;

use talc::TalcLock;
use talc::source::Manual;

#[global_allocator]
static HEAP: TalcLock<spin::Mutex<()>, Manual> = TalcLock::new(Manual);

/// How many of a domain's frames the heap gets: a sixteenth, at least 1 MiB.
pub fn share(total_frames: u64) -> u64 {
    (total_frames / 16).max(256)
}

/// Gives the heap its memory.
///
/// # Safety
/// The addresses are mapped writable and belong to nobody else, for good.
pub unsafe fn init(addresses: Range<u64>) {
    let bytes = (addresses.end - addresses.start) as usize;
    // SAFETY: the caller gives the memory away.
    let claimed = unsafe { HEAP.lock().claim(addresses.start as *mut u8, bytes) };
    assert!(claimed.is_some(), "{bytes} bytes are too few for a heap");
}
