//! Kernel stacks of processes, and the switch from one stack to another.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::memory::tables::{KERNEL_DATA, entry, map_page};
use crate::memory::{OutOfMemory, PAGE_SIZE, Pfn, STACKS, frames};

/// Pages of a stack; the place has one more below, never mapped, that stops an overflow.
const PAGES: usize = 4;
/// Bytes from one stack's place to the next.
const STRIDE: u64 = 8 * PAGE_SIZE;
/// One bit a place that is in use: the kernel's table for stacks has 512 pages.
static USED: AtomicU64 = AtomicU64::new(0);

core::arch::global_asm!(include_str!("switch.s"));

unsafe extern "C" {
    /// Saves the caller's registers on its stack and the stack pointer at `save`, and
    /// continues where the stack pointer `load` was saved so.
    pub(super) fn switch_stacks(save: *mut u64, load: u64);
}

/// A mapped stack.
pub(super) struct KernelStack {
    place: u32,
    frames: [Pfn; PAGES],
}

impl KernelStack {
    /// Takes a place and frames for it.
    pub(super) fn new() -> Result<Self, OutOfMemory> {
        let place = (!USED.load(Ordering::Relaxed)).trailing_zeros();
        if place == u64::BITS {
            return Err(OutOfMemory);
        }
        let mut frames = [Pfn(0); PAGES];
        for got in 0..PAGES {
            frames[got] = frames::alloc_zeroed()
                .inspect_err(|_| frames[..got].iter().copied().for_each(frames::free))?;
        }
        USED.fetch_or(1 << place, Ordering::Relaxed);
        let stack = Self { place, frames };
        for (address, frame) in stack.pages() {
            // SAFETY: the place was not in use.
            unsafe { map_page(address, entry(frames::mfn(frame), KERNEL_DATA)) };
        }
        Ok(stack)
    }

    /// Where it begins, at its upper end.
    pub(super) fn top(&self) -> u64 {
        self.range().end
    }

    fn range(&self) -> Range<u64> {
        let end = STACKS + (u64::from(self.place) + 1) * STRIDE;
        end - PAGES as u64 * PAGE_SIZE..end
    }

    fn pages(&self) -> impl Iterator<Item = (u64, Pfn)> {
        self.range().step_by(PAGE_SIZE as usize).zip(self.frames)
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        for (address, frame) in self.pages() {
            // SAFETY: its process is over: nobody runs on the stack any more.
            unsafe { map_page(address, 0) };
            frames::free(frame);
        }
        USED.fetch_and(!(1 << self.place), Ordering::Relaxed);
    }
}
