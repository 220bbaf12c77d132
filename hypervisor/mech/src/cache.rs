//! The CPU's caches, for domains that have devices.

use core::arch::asm;

/// Writes back and empties this pCPU's caches.
pub fn write_back() {
    // SAFETY: no memory changes its content by it.
    unsafe { asm!("wbinvd", options(nostack, preserves_flags)) };
}
