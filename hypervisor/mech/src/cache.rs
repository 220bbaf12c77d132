//! The CPU's caches, for domains that have devices.

use crate::mm::direct;
use core::arch::asm;
use xenolith_rules::types::{Mfn, PAGE_SIZE};

/// Smallest cache line of any x86-64 CPU, in bytes.
const LINE: u64 = 32;

/// Writes back and empties this pCPU's caches.
pub fn write_back() {
    // SAFETY: no memory changes its content by it.
    unsafe { asm!("wbinvd", options(nostack, preserves_flags)) };
}

/// Writes back and drops the lines of `len` bytes of a frame, on every CPU.
///
/// # Panics
/// If the bytes are not all inside the frame.
pub fn flush_lines(mfn: Mfn, offset: u64, len: u64) {
    assert!(
        offset + len <= PAGE_SIZE,
        "{len} bytes at offset {offset} are outside of a page"
    );
    let start = direct::address(mfn) + offset;
    for line in (start & !(LINE - 1)..start + len).step_by(LINE as usize) {
        // SAFETY: the line is in the direct map, and no memory changes its content by it.
        unsafe { asm!("clflush [{}]", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: a fence; it makes the flushes finish.
    unsafe { asm!("mfence", options(nostack, preserves_flags)) };
}
