//! Each CPU's one-shot timer: its local APIC's, counting down once to an interrupt.

use crate::apic::{self, Register};
use crate::clock;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The vector that the timer raises.
pub const VECTOR: u8 = 0xf0;

/// How long the timer is measured, in nanoseconds.
const MEASURE_NS: u64 = 10_000_000;
/// Value of the divide register: count every tick.
const DIVIDE_BY_1: u32 = 0b1011;

/// Ticks in a second; the same on all CPUs.
static HZ: AtomicU64 = AtomicU64::new(0);

/// Measures the timer's rate against the clock. Called once, on the boot CPU.
///
/// # Panics
/// If the timer does not count.
pub fn start() {
    prepare();
    apic::write(Register::Timer, apic::MASKED);
    apic::write(Register::InitialCount, u32::MAX);
    let (start, before) = (clock::now_ns(), apic::read(Register::CurrentCount));
    clock::wait_ns(MEASURE_NS);
    let (end, after) = (clock::now_ns(), apic::read(Register::CurrentCount));
    apic::write(Register::InitialCount, 0);
    let hz = u128::from(before - after) * 1_000_000_000 / u128::from(end - start);
    assert!(hz > 0, "the local APIC's timer does not count");
    HZ.store(hz as u64, Relaxed);
    log::info!(
        "APIC timer at {}.{:03} MHz",
        hz / 1_000_000,
        hz / 1000 % 1000
    );
    prepare();
}

/// Makes this CPU's timer ready to be armed.
pub(crate) fn prepare() {
    apic::write(Register::Divide, DIVIDE_BY_1);
    apic::write(Register::Timer, u32::from(VECTOR));
    stop();
}

/// Raises [`VECTOR`] on this CPU at system time `deadline_ns`, or at once if that is past.
///
/// It may come too early (the counter has 32 bits), never too late: who is interrupted
/// looks at the clock and arms again. A CPU has one timer; arming forgets what was armed.
pub fn arm(deadline_ns: u64) {
    let left_ns = deadline_ns.saturating_sub(clock::now_ns());
    let ticks = u128::from(left_ns) * u128::from(HZ.load(Relaxed)) / 1_000_000_000;
    // 0 would stop the timer.
    let count = u32::try_from(ticks).unwrap_or(u32::MAX).max(1);
    apic::write(Register::InitialCount, count);
}

/// Forgets what was armed.
pub fn stop() {
    apic::write(Register::InitialCount, 0);
}
