//! Time: the TSC, measured once against another clock, and the date.
//!
//! *System time* is nanoseconds since the clock was started, the same on all CPUs, and
//! never goes back. The TSCs of all CPUs are taken to be in step, as on every machine of
//! the last decade (invariant TSC) and in QEMU.

use crate::acpi_tables::{Platform, PmTimer};
use crate::hpet::Hpet;
use crate::{pit, port, rtc};
use core::fmt;
use spin::Once;
use xenolith_rules::time::{Clock, TscScale};

/// What a measurement takes, in nanoseconds.
const MEASURE_NS: u64 = 10_000_000;
/// Measurements; the middle one counts.
const MEASUREMENTS: usize = 5;
const PM_TIMER_HZ: u64 = 3_579_545;

struct Time {
    clock: Clock,
    /// Unix time in nanoseconds at system time 0.
    utc_at_start_ns: u64,
}

static TIME: Once<Time> = Once::new();

/// The time of a vCPU, as the fields of the ABI's record want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VcpuTime {
    /// A TSC reading.
    pub tsc_timestamp: u64,
    /// System time at that reading, in nanoseconds.
    pub system_time: u64,
    /// Ticks to nanoseconds, after the shift, as a fraction of 2^32.
    pub tsc_to_system_mul: u32,
    /// Shift of the ticks: to the left, or to the right if negative.
    pub tsc_shift: i8,
    /// Bit 0: the clock may be read on any vCPU.
    pub flags: u8,
}

/// `tsc_timestamp` of all vCPUs belongs to one clock (`XEN_PVCLOCK_TSC_STABLE_BIT`).
const TSC_STABLE: u8 = 1;

/// Against which clock the TSC was measured.
#[derive(Debug)]
enum Ruler {
    Hpet(Hpet),
    PmTimer(PmTimer),
    Pit,
}

impl fmt::Display for Ruler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hpet(_) => "the HPET",
            Self::PmTimer(_) => "the ACPI PM timer",
            Self::Pit => "the PIT",
        })
    }
}

impl Ruler {
    fn best(platform: &Platform) -> Self {
        if let Some(hpet) = platform.hpet.and_then(Hpet::open) {
            return Self::Hpet(hpet);
        }
        platform.pm_timer.map_or(Self::Pit, Self::PmTimer)
    }

    /// One measurement: TSC ticks, and the nanoseconds they took.
    fn measure(&self) -> (u64, u64) {
        match self {
            Self::Hpet(hpet) => {
                let (start, tsc) = (hpet.count(), tsc());
                loop {
                    let ns = hpet.ns_since(start);
                    let now = self::tsc();
                    if ns >= MEASURE_NS {
                        return (now - tsc, ns);
                    }
                }
            }
            Self::PmTimer(timer) => {
                let mask = if timer.is_wide { u32::MAX } else { 0xff_ffff };
                // SAFETY: the PM timer's port, as the FADT names it; reading has no effect.
                let read = || unsafe { port::read_u32(timer.port) };
                let (start, tsc) = (read(), tsc());
                loop {
                    let ticks = u64::from(read().wrapping_sub(start) & mask);
                    let now = self::tsc();
                    let ns = ticks * 1_000_000_000 / PM_TIMER_HZ;
                    if ns >= MEASURE_NS {
                        return (now - tsc, ns);
                    }
                }
            }
            Self::Pit => {
                let start = tsc();
                let ns = pit::wait(MEASURE_NS);
                (tsc() - start, ns)
            }
        }
    }

    fn tsc_khz(&self) -> u64 {
        let mut found = [0; MEASUREMENTS];
        for khz in &mut found {
            let (ticks, ns) = self.measure();
            *khz = (u128::from(ticks) * 1_000_000 / u128::from(ns.max(1))) as u64;
        }
        found.sort_unstable();
        found[MEASUREMENTS / 2]
    }
}

/// Measures the TSC and starts system time. Called once, on the boot CPU.
///
/// # Panics
/// If the TSC does not count.
pub fn start(platform: &Platform) {
    let ruler = Ruler::best(platform);
    let khz = ruler.tsc_khz();
    let scale = u32::try_from(khz)
        .ok()
        .and_then(TscScale::from_khz)
        .unwrap_or_else(|| {
            panic!("the TSC counts {khz} kHz by {ruler}; no clock can be made of it")
        });
    let utc_at_start_ns = rtc::read(platform.century_register);
    let clock = Clock {
        tsc: tsc(),
        system_time: 0,
        scale,
    };
    TIME.call_once(|| Time {
        clock,
        utc_at_start_ns,
    });
    log::info!("TSC at {}.{:03} MHz by {ruler}", khz / 1000, khz % 1000);
}

/// This CPU's time stamp counter.
pub fn tsc() -> u64 {
    // SAFETY: reads a counter; every 64-bit CPU has it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The clock that all CPUs share.
///
/// # Panics
/// Before [`start`].
pub fn clock() -> Clock {
    TIME.get()
        .expect("the clock is used before it is started")
        .clock
}

/// System time in nanoseconds.
///
/// # Panics
/// Before [`start`].
pub fn now_ns() -> u64 {
    clock().now(tsc())
}

/// Ticks of the TSC in a millisecond.
///
/// # Panics
/// Before [`start`].
pub fn tsc_khz() -> u32 {
    clock().scale.khz()
}

/// What a vCPU's clock shows from now on.
///
/// # Panics
/// Before [`start`].
pub fn vcpu_time() -> VcpuTime {
    let clock = clock();
    let tsc_timestamp = tsc();
    VcpuTime {
        tsc_timestamp,
        system_time: clock.now(tsc_timestamp),
        tsc_to_system_mul: clock.scale.mul(),
        tsc_shift: clock.scale.shift(),
        flags: TSC_STABLE,
    }
}

/// Unix time at system time 0: seconds and nanoseconds.
///
/// # Panics
/// Before [`start`].
pub fn wall_at_boot() -> (u64, u32) {
    let ns = TIME
        .get()
        .expect("the clock is used before it is started")
        .utc_at_start_ns;
    (ns / 1_000_000_000, (ns % 1_000_000_000) as u32)
}

/// Waits about as long as asked; without a clock yet, long enough for a slow machine.
pub(crate) fn wait_roughly_ns(ns: u64) {
    match TIME.get() {
        Some(_) => wait_ns(ns),
        None => (0..ns).for_each(|_| core::hint::spin_loop()),
    }
}

/// Waits, for the short times that hardware asks for.
///
/// # Panics
/// Before [`start`].
pub(crate) fn wait_ns(ns: u64) {
    let end = now_ns().saturating_add(ns);
    while now_ns() < end {
        core::hint::spin_loop();
    }
}
