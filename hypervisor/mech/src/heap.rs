//! The heap: `talc`, first over a small arena in the image, then over frames.
//!
//! The arena serves boot before there is a frame allocator. Afterwards the heap grows
//! by blocks of frames, reached through the direct map. A block once given to the heap
//! is never given back: the heap's peak is small, and it is the hypervisor's own.

use crate::mm;
use core::alloc::Layout;
use core::cell::UnsafeCell;
use talc::TalcLock;
use talc::base::Talc;
use talc::base::binning::Binning;
use talc::source::Source;

/// Bytes for what is allocated before there is a frame allocator.
const ARENA_SIZE: usize = 256 << 10;
/// log2 of the fewest frames the heap grows by: 256 KiB.
const GROW_ORDER: u32 = 6;

#[repr(align(4096))]
struct Arena(UnsafeCell<[u8; ARENA_SIZE]>);
// SAFETY: `open_boot_arena` hands the bytes to the heap once; nothing else names them.
unsafe impl Sync for Arena {}
static ARENA: Arena = Arena(UnsafeCell::new([0; ARENA_SIZE]));

#[cfg_attr(target_os = "none", global_allocator)]
static HEAP: TalcLock<spin::Mutex<()>, Frames> = TalcLock::new(Frames);

/// Gives the heap its first memory.
///
/// # Safety
/// Called once.
pub unsafe fn open_boot_arena() {
    // SAFETY: the arena is used for nothing else, and claimed once.
    unsafe { HEAP.lock().claim(ARENA.0.get().cast(), ARENA_SIZE) };
}

/// Grows the heap out of the frame allocator.
#[derive(Debug)]
struct Frames;

// SAFETY: the frame allocator does not allocate from the heap.
unsafe impl Source for Frames {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        // Room for the layout at its alignment and for talc's own words.
        let bytes = layout.size().checked_add(layout.align()).ok_or(())?;
        let pages = bytes.checked_add(2 * 4096).ok_or(())? / 4096;
        let order = pages.next_power_of_two().trailing_zeros().max(GROW_ORDER);
        let memory = mm::take_for_rust(order).ok_or(())?;
        // SAFETY: `take_for_rust` gives memory that nothing else uses, for good.
        unsafe { talc.claim(memory.cast().as_ptr(), memory.len()) };
        Ok(())
    }
}
