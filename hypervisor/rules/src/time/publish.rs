//! The records of time in guest memory. Each has a version: odd while it is being
//! written, so that a reader that sees the same even version before and after has
//! read one record and not the halves of two.

use super::{Clock, SECOND_NS};
use core::sync::atomic::{AtomicU64, Ordering::Release, Ordering::SeqCst, fence};

/// `vcpu_time_info.flags`: TSCs are in step over all vCPUs.
pub const TSC_STABLE: u8 = 1 << 0;

/// Writes a `vcpu_time_info` of four words:
/// `{version, -}`, `tsc_timestamp`, `system_time`, `{mul, shift, flags, -}`.
///
/// The version goes on from what the memory holds; a guest that scribbles on it
/// confuses itself only.
pub fn publish_time(words: &[AtomicU64; 4], clock: &Clock, flags: u8) {
    let [version, tsc, system_time, scale] = words;
    let odd = version.load(SeqCst) as u32 | 1;
    version.store(u64::from(odd), SeqCst);
    fence(SeqCst);
    tsc.store(clock.tsc, Release);
    system_time.store(clock.system_time, Release);
    scale.store(scale_word(clock, flags), Release);
    version.store(u64::from(odd.wrapping_add(1)), SeqCst);
}

/// The same record as plain words, for the copies that guests have at addresses of
/// their own. `version` must be even.
pub fn time_words(clock: &Clock, flags: u8, version: u32) -> [u64; 4] {
    [
        u64::from(version & !1),
        clock.tsc,
        clock.system_time,
        scale_word(clock, flags),
    ]
}

fn scale_word(clock: &Clock, flags: u8) -> u64 {
    let shift = clock.scale.shift() as u8;
    u64::from(clock.scale.mul()) | u64::from(shift) << 32 | u64::from(flags) << 40
}

/// The time of day at system time 0, as guests get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wallclock {
    /// Seconds since 1970, UTC.
    pub seconds: u64,
    /// Nanoseconds below a second.
    pub nanoseconds: u32,
}

impl Wallclock {
    /// From a time of day in ns since 1970, known at some system time. A clock that
    /// claims less than the time since boot counts as 1970 at boot.
    pub const fn at_boot(utc_ns: u64, system_time: u64) -> Self {
        let boot = utc_ns.saturating_sub(system_time);
        Self {
            seconds: boot / SECOND_NS,
            nanoseconds: (boot % SECOND_NS) as u32,
        }
    }
}

/// Writes the wallclock of a shared info page, two words:
/// `{wc_version, wc_sec}`, `{wc_nsec, wc_sec_hi}`.
pub fn publish_wallclock(words: &[AtomicU64; 2], wallclock: &Wallclock) {
    let [first, second] = words;
    let odd = first.load(SeqCst) as u32 | 1;
    let low = wallclock.seconds << 32;
    first.store(low | u64::from(odd), SeqCst);
    fence(SeqCst);
    let high = wallclock.seconds >> 32;
    second.store(high << 32 | u64::from(wallclock.nanoseconds), Release);
    first.store(low | u64::from(odd.wrapping_add(1)), SeqCst);
}

#[cfg(test)]
mod tests {
    use super::super::TscScale;
    use super::*;
    use pv_guest_abi::time::VcpuTimeInfo;
    use std::sync::atomic::AtomicBool;
    use zerocopy::{FromBytes, IntoBytes};

    fn clock(n: u64) -> Clock {
        Clock {
            tsc: n,
            system_time: n * 3,
            scale: TscScale::from_khz(2_400_000).unwrap(),
        }
    }

    #[test]
    fn the_record_reads_as_the_abis_structure() {
        let words = [const { AtomicU64::new(0) }; 4];
        publish_time(&words, &clock(7), TSC_STABLE);
        let read = words.each_ref().map(|word| word.load(SeqCst));
        assert_eq!(read, time_words(&clock(7), TSC_STABLE, 2));
        let info = VcpuTimeInfo::read_from_bytes(read.as_bytes()).unwrap();
        assert_eq!(
            (info.version, info.tsc_timestamp, info.system_time),
            (2, 7, 21)
        );
        assert_eq!(info.tsc_to_system_mul, clock(7).scale.mul());
        assert_eq!((info.tsc_shift, info.flags), (clock(7).scale.shift(), 1));
    }

    #[test]
    fn versions_grow_and_end_even_from_any_start() {
        for start in [0u64, 4, 5, u64::from(u32::MAX), u64::MAX] {
            let words = [const { AtomicU64::new(0) }; 4];
            words[0].store(start, SeqCst);
            publish_time(&words, &clock(1), 0);
            let version = words[0].load(SeqCst);
            assert_eq!(version % 2, 0);
            assert_ne!(version as u32, start as u32);
        }
    }

    #[test]
    fn a_reader_never_sees_two_halves() {
        let words = [const { AtomicU64::new(0) }; 4];
        publish_time(&words, &clock(0), 0);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..20_000 {
                    publish_time(&words, &clock(n), 0);
                }
                done.store(true, SeqCst);
            });
            while !done.load(SeqCst) {
                let before = words[0].load(SeqCst);
                let (tsc, time) = (words[1].load(SeqCst), words[2].load(SeqCst));
                if before % 2 == 0 && words[0].load(SeqCst) == before {
                    assert_eq!(time, tsc * 3);
                }
            }
        });
    }

    #[test]
    fn wallclock_is_the_time_of_day_at_boot() {
        let wallclock = Wallclock::at_boot(1_700_000_000 * SECOND_NS + 5, 10);
        assert_eq!(
            wallclock,
            Wallclock {
                seconds: 1_699_999_999,
                nanoseconds: 999_999_995
            }
        );
        assert_eq!(
            Wallclock::at_boot(3, 10),
            Wallclock {
                seconds: 0,
                nanoseconds: 0
            }
        );
        let words = [const { AtomicU64::new(9) }; 2];
        let late = Wallclock {
            seconds: 0x1_0000_0002,
            nanoseconds: 3,
        };
        publish_wallclock(&words, &late);
        let read = words.each_ref().map(|word| word.load(SeqCst));
        // wc_version 10, wc_sec 2, wc_nsec 3, wc_sec_hi 1.
        assert_eq!(read, [2 << 32 | 10, 1 << 32 | 3]);
    }
}
