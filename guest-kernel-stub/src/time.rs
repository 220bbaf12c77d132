//! Time: the paravirtual clock, and the one-shot timer of vCPU 0, where processes sleep.
//!
//! The hypervisor keeps a time stamp and a rate in the shared info; system time is
//! computed from the TSC without a hypercall. It counts nanoseconds since boot.

use core::arch::x86_64::_rdtsc;
use core::sync::atomic::{AtomicU64, Ordering, fence};

use pv_guest_abi::errno::Errno;
use pv_guest_abi::virq::VIRQ_TIMER;

use crate::{Xen, events, vcpus};

/// Nanoseconds of a second.
pub const SECOND_NS: u64 = 1_000_000_000;

/// Timer events so far.
static TICKS: AtomicU64 = AtomicU64::new(0);
/// When the timer fires next; `u64::MAX` when it is not set.
static ARMED_NS: AtomicU64 = AtomicU64::new(u64::MAX);

/// Stops the periodic timer that every vCPU starts with and listens to the one-shot timer.
pub fn init() -> Result<(), Errno> {
    let stopped = Xen::vcpu_periodic_timer(vcpus::this().id, None);
    if stopped != Err(Errno::ENOSYS) {
        stopped?;
    }
    events::bind_virq(VIRQ_TIMER, "timer", || {
        TICKS.fetch_add(1, Ordering::Relaxed);
        ARMED_NS.store(u64::MAX, Ordering::Relaxed);
    })?;
    Ok(())
}

/// Timer events so far.
pub fn ticks() -> u64 {
    TICKS.load(Ordering::Relaxed)
}

/// Reads fields that the hypervisor guards by a version: odd while it writes, and
/// another one after each change.
fn versioned<T>(version: *const u32, read: impl Fn() -> T) -> T {
    loop {
        // SAFETY: the callers pass a place in the shared info page, which stays mapped.
        let before = unsafe { version.read_volatile() };
        fence(Ordering::Acquire);
        let value = read();
        fence(Ordering::Acquire);
        // SAFETY: as above.
        if before & 1 == 0 && before == unsafe { version.read_volatile() } {
            return value;
        }
        core::hint::spin_loop();
    }
}

/// System time in nanoseconds: since boot, never going back.
pub fn now_ns() -> u64 {
    let Some(info) = vcpus::this().info() else {
        return 0;
    };
    // SAFETY: only the place of a field is computed, in a page that is mapped.
    let time = unsafe { &raw const (*info).time };
    // SAFETY: as above; `versioned` throws away what was read during a change.
    versioned(unsafe { &raw const (*time).version }, || unsafe {
        time.read_volatile().system_time_at(_rdtsc())
    })
}

/// Ticks of the TSC in a second, as the hypervisor's rate has it.
pub fn tsc_hz() -> u64 {
    let Some(info) = vcpus::this().info() else {
        return 0;
    };
    // SAFETY: the page is mapped; both fields are set once, before the vCPU starts.
    let time = unsafe { (&raw const (*info).time).read_volatile() };
    let per_tick = (u128::from(time.tsc_to_system_mul) << 32) >> i32::from(32 - time.tsc_shift);
    match per_tick {
        0 => 0,
        // per_tick is nanoseconds of a tick, times 2^32.
        per_tick => ((u128::from(SECOND_NS) << 32) / per_tick) as u64,
    }
}

/// Nanoseconds since 1970-01-01 00:00 UTC.
pub fn wall_clock_ns() -> u64 {
    let Some(shared) = events::shared() else {
        return 0;
    };
    // SAFETY: the page is mapped; `versioned` throws away what was read during a change.
    let (seconds, ns) = versioned(unsafe { &raw const (*shared).wc_version }, || unsafe {
        let low = (&raw const (*shared).wc_sec).read_volatile();
        let high = (&raw const (*shared).wc_sec_hi).read_volatile();
        (
            u64::from(high) << 32 | u64::from(low),
            (&raw const (*shared).wc_nsec).read_volatile(),
        )
    });
    seconds * SECOND_NS + u64::from(ns) + now_ns()
}

/// Has the timer fire at `deadline_ns` of system time, or before. There is one timer: who
/// is woken looks at the clock, and asks again if it was too early.
pub fn wake_by(deadline_ns: u64) {
    if deadline_ns < ARMED_NS.load(Ordering::Relaxed) {
        ARMED_NS.store(deadline_ns, Ordering::Relaxed);
        // A deadline in the past fires at once; 0 would stop the timer.
        Xen::set_timer(deadline_ns.max(1)).expect("the hypervisor sets our timer");
    }
}

/// Waits without looking at anything else.
pub fn sleep_ns(duration_ns: u64) {
    let deadline_ns = now_ns() + duration_ns;
    while now_ns() < deadline_ns {
        wake_by(deadline_ns);
        events::wait();
    }
}
