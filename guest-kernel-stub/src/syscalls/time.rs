//! Clocks and sleep.

use alloc::sync::Arc;

use super::Result;
use super::error::Error;
use super::wire::TimeSpec;
use crate::memory::user;
use crate::process::{Process, State, schedule};
use crate::time::{SECOND_NS, now_ns, wall_clock_ns};

/// Nanoseconds of one of Linux's clocks: 0 and 5 are the wall clock, the others count from boot.
fn read(clock: u64) -> Result {
    match clock {
        0 | 5 => Ok(wall_clock_ns()),
        1..=4 | 6 | 7 => Ok(now_ns()),
        _ => Err(Error::EINVAL),
    }
}

/// `clock_gettime`.
pub fn clock(clock: u64, address: u64) -> Result {
    user::write(address, &TimeSpec::from_ns(read(clock)?))?;
    Ok(0)
}

/// `clock_getres`.
pub fn resolution(address: u64) -> Result {
    if address != 0 {
        user::write(address, &TimeSpec::from_ns(1))?;
    }
    Ok(0)
}

/// `gettimeofday`: seconds and microseconds.
pub fn time_of_day(address: u64) -> Result {
    let now = wall_clock_ns();
    user::write(address, &[now / SECOND_NS, now % SECOND_NS / 1000])?;
    Ok(0)
}

/// `time`.
pub fn seconds(address: u64) -> Result {
    let seconds = wall_clock_ns() / SECOND_NS;
    if address != 0 {
        user::write(address, &seconds)?;
    }
    Ok(seconds)
}

/// `nanosleep`.
pub fn sleep(process: &Arc<Process>, duration: u64, rest: u64) -> Result {
    let duration_ns = user::read::<TimeSpec>(duration)?
        .to_ns()
        .ok_or(Error::EINVAL)?;
    sleep_until(process, now_ns().saturating_add(duration_ns), rest)
}

/// `clock_nanosleep`: for a while, or until a clock shows a time.
pub fn clock_sleep(process: &Arc<Process>, clock: u64, flags: u64, time: u64, rest: u64) -> Result {
    const ABSOLUTE: u64 = 1;
    let time_ns = user::read::<TimeSpec>(time)?.to_ns().ok_or(Error::EINVAL)?;
    let duration_ns = if flags & ABSOLUTE != 0 {
        time_ns.saturating_sub(read(clock)?)
    } else {
        time_ns
    };
    sleep_until(process, now_ns().saturating_add(duration_ns), rest)
}

fn sleep_until(process: &Arc<Process>, until_ns: u64, rest: u64) -> Result {
    schedule::wait_in(State::Sleeping { until_ns });
    let left_ns = until_ns.saturating_sub(now_ns());
    if left_ns > 0 && process.ending().is_some() {
        if rest != 0 {
            user::write(rest, &TimeSpec::from_ns(left_ns))?;
        }
        return Err(Error::EINTR);
    }
    Ok(0)
}
