//! The shared info page: event mask, pending bits, clock.

use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering};

use pv_guest_abi::errno::Errno;
use pv_guest_abi::shared::SharedInfo;
use pv_guest_abi::time::VcpuTimeInfo;

static SHARED: AtomicPtr<SharedInfo> = AtomicPtr::new(core::ptr::null_mut());

/// Remembers where the shared info page is mapped.
pub fn init(shared: *mut SharedInfo) {
    SHARED.store(shared, Ordering::Relaxed);
}

/// The shared info page.
pub fn shared() -> *mut SharedInfo {
    SHARED.load(Ordering::Relaxed)
}

fn byte(field: impl FnOnce(*mut SharedInfo) -> *mut u8) -> &'static AtomicU8 {
    // SAFETY: the page is mapped for good, and only read and written through atomics.
    unsafe { AtomicU8::from_ptr(field(shared())) }
}

fn word(field: impl FnOnce(*mut SharedInfo) -> *mut u64) -> &'static AtomicU64 {
    // SAFETY: as in `byte`.
    unsafe { AtomicU64::from_ptr(field(shared())) }
}

/// vcpu_info's `evtchn_upcall_mask`.
pub fn mask_byte() -> u8 {
    // SAFETY: only the place of a field is computed, in a page that is mapped.
    byte(|shared| unsafe { &raw mut (*shared).vcpu_info[0].evtchn_upcall_mask })
        .load(Ordering::SeqCst)
}

/// Keeps events out or lets them in (what is pending comes with the next entry into the hypervisor).
pub fn set_mask(masked: bool) {
    // SAFETY: as in `mask_byte`.
    byte(|shared| unsafe { &raw mut (*shared).vcpu_info[0].evtchn_upcall_mask })
        .store(masked.into(), Ordering::SeqCst);
}

/// vcpu_info's `evtchn_upcall_pending`.
pub fn upcall_pending() -> &'static AtomicU8 {
    // SAFETY: as in `mask_byte`.
    byte(|shared| unsafe { &raw mut (*shared).vcpu_info[0].evtchn_upcall_pending })
}

/// vcpu_info's `evtchn_pending_sel`.
pub fn selector() -> &'static AtomicU64 {
    // SAFETY: as in `mask_byte`.
    word(|shared| unsafe { &raw mut (*shared).vcpu_info[0].evtchn_pending_sel })
}

/// A word of the pending bits.
pub fn pending(index: usize) -> &'static AtomicU64 {
    // SAFETY: as in `mask_byte`; the index is checked by Rust.
    word(|shared| unsafe { &raw mut (*shared).evtchn_pending[index] })
}

/// A word of the mask bits.
pub fn masked(index: usize) -> &'static AtomicU64 {
    // SAFETY: as in `mask_byte`; the index is checked by Rust.
    word(|shared| unsafe { &raw mut (*shared).evtchn_mask[index] })
}

/// Whether a port is pending.
pub fn is_pending(port: u32) -> bool {
    pending(port as usize / 64).load(Ordering::SeqCst) >> (port % 64) & 1 != 0
}

/// Whether a port is masked.
pub fn is_masked(port: u32) -> bool {
    masked(port as usize / 64).load(Ordering::SeqCst) >> (port % 64) & 1 != 0
}

/// Takes a port's pending bit back.
pub fn clear_pending(port: u32) {
    pending(port as usize / 64).fetch_and(!(1 << (port % 64)), Ordering::SeqCst);
}

/// Sets or clears a port's mask bit by hand.
pub fn mask_port(port: u32, masked_now: bool) {
    let bit = 1u64 << (port % 64);
    if masked_now {
        masked(port as usize / 64).fetch_or(bit, Ordering::SeqCst);
    } else {
        masked(port as usize / 64).fetch_and(!bit, Ordering::SeqCst);
    }
}

/// Forgets all that is pending.
pub fn take_all() {
    upcall_pending().store(0, Ordering::SeqCst);
    selector().store(0, Ordering::SeqCst);
    for index in 0..64 {
        pending(index).store(0, Ordering::SeqCst);
    }
}

/// Where the last page fault of this vCPU was.
pub fn fault_address() -> u64 {
    // SAFETY: as in `mask_byte`.
    word(|shared| unsafe { &raw mut (*shared).vcpu_info[0].arch.cr2 }).load(Ordering::SeqCst)
}

/// vCPU 0's time information, read between two equal versions.
pub fn time() -> VcpuTimeInfo {
    // SAFETY: as in `mask_byte`.
    let time = unsafe { &raw mut (*shared()).vcpu_info[0].time };
    loop {
        // SAFETY: the page is mapped for good.
        let version = unsafe { AtomicU32::from_ptr((&raw mut (*time).version).cast()) };
        let before = version.load(Ordering::SeqCst);
        // SAFETY: as above; a value read during a change is thrown away.
        let value = unsafe { time.read_volatile() };
        if before & 1 == 0 && version.load(Ordering::SeqCst) == before {
            return value;
        }
    }
}

/// System time in nanoseconds.
pub fn now() -> u64 {
    // SAFETY: reads a counter.
    time().system_time_at(unsafe { core::arch::x86_64::_rdtsc() })
}

/// Waits by looking at the clock.
pub fn spin(ns: u64) {
    let until = now() + ns;
    while now() < until {
        core::hint::spin_loop();
    }
}

/// `-errno` as a hypercall returns it.
pub const fn no(errno: Errno) -> i64 {
    errno.to_return()
}
