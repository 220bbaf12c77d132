//! The domain's frames: p2m, M2P, and which frames are free.
//!
//! A free frame has exactly one mapping, its place in the direct map. So it can become
//! anything, a page table too.

use core::ops::Range;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use spin::Mutex;

use super::tables::direct;
use super::{Mfn, OutOfMemory, PAGE_SIZE, Pfn};

/// The builder's p2m: one `u64` a PFN.
static P2M: AtomicPtr<u64> = AtomicPtr::new(core::ptr::null_mut());
/// PFNs that the domain has.
static TOTAL: AtomicU64 = AtomicU64::new(0);
/// The hypervisor's M2P: one `u64` an MFN, at the address where Xen's guests look for it.
const M2P: *const u64 = 0xffff_8000_0000_0000 as *const u64;

static FREE: Mutex<Free> = Mutex::new(Free {
    untouched: [const { 0..0 }; RUNS],
    returned: None,
    count: 0,
});

/// Runs of frames that can be free at boot: around the builder's things, initrd and tables.
const RUNS: usize = 8;

struct Free {
    /// Runs of PFNs that nobody has had yet.
    untouched: [Range<u64>; RUNS],
    /// Frames that were given back: each holds the PFN of the next one plus one.
    returned: Option<Pfn>,
    count: u64,
}

/// Remembers where the p2m is. Everything else here needs that.
///
/// # Safety
/// `p2m` has `total` entries and stays as it is from now on.
pub(super) unsafe fn set_p2m(p2m: *mut u64, total: u64) {
    P2M.store(p2m, Ordering::Relaxed);
    TOTAL.store(total, Ordering::Relaxed);
}

/// Declares a run of frames free. At most [`RUNS`] times, while booting.
pub(super) fn add_free(run: Range<u64>) {
    if run.is_empty() {
        return;
    }
    let mut free = FREE.lock();
    free.count += run.end - run.start;
    let place = free.untouched.iter_mut().find(|run| run.is_empty());
    *place.expect("a place for each free run") = run;
}

/// Frames of the domain.
pub fn total() -> u64 {
    TOTAL.load(Ordering::Relaxed)
}

/// Frames that are free now.
pub fn free_count() -> u64 {
    FREE.lock().count
}

/// The machine frame behind a PFN.
pub fn mfn(frame: Pfn) -> Mfn {
    assert!(
        frame.0 < total(),
        "PFN {:#x} is not one of the domain's {:#x}",
        frame.0,
        total()
    );
    // SAFETY: the index is below the number of entries (`set_p2m`).
    Mfn(unsafe { P2M.load(Ordering::Relaxed).add(frame.0 as usize).read() })
}

/// The PFN of a machine frame of this domain.
pub fn pfn(frame: Mfn) -> Pfn {
    // SAFETY: the hypervisor maps the M2P read-only for every kernel, for at least all
    // frames of RAM, and the MFNs here come out of the domain's own entries.
    Pfn(unsafe { M2P.add(frame.0 as usize).read_volatile() })
}

/// A free frame, its content left over from before.
pub fn alloc() -> Result<Pfn, OutOfMemory> {
    let mut free = FREE.lock();
    let frame = match free.returned {
        Some(frame) => {
            // SAFETY: `free` put the link there, and a free frame is nobody else's.
            let next = unsafe { (direct(frame) as *const u64).read() };
            free.returned = next.checked_sub(1).map(Pfn);
            frame
        }
        None => {
            let run = free.untouched.iter_mut().find(|run| !run.is_empty());
            Pfn(run.and_then(Iterator::next).ok_or(OutOfMemory)?)
        }
    };
    free.count -= 1;
    Ok(frame)
}

/// A free frame, filled with zeros.
pub fn alloc_zeroed() -> Result<Pfn, OutOfMemory> {
    let frame = alloc()?;
    // SAFETY: the frame was free: it is mapped writable in the direct map, and nobody else's.
    unsafe { core::ptr::write_bytes(direct(frame) as *mut u8, 0, PAGE_SIZE as usize) };
    Ok(frame)
}

/// Gives back a frame that only the direct map still maps, writable.
pub fn free(frame: Pfn) {
    let mut free = FREE.lock();
    let next = free.returned.map_or(0, |next| next.0 + 1);
    // SAFETY: the caller gives the frame away, so nobody else uses its content.
    unsafe { (direct(frame) as *mut u64).write(next) };
    free.returned = Some(frame);
    free.count += 1;
}
