//! The ABI's way from TSC ticks to nanoseconds: shift, multiply, take the upper half.

/// `ns = ((ticks << shift) * mul) >> 32`, with a right shift where `shift` is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TscScale {
    mul: u32,
    shift: i8,
}

impl TscScale {
    /// The scale for a TSC that runs at `khz`; `None` for 0. The multiplier's
    /// highest bit is always set, so it is never zero and as exact as it can be.
    pub const fn from_khz(khz: u32) -> Option<Self> {
        if khz == 0 {
            return None;
        }
        // A tick lasts 10^6/khz ns. As 2^shift * mul / 2^32 with 2^31 <= mul < 2^32.
        let mut mul = (1_000_000u128 << 64) / khz as u128;
        let mut shift = -32;
        while mul >> 32 != 0 {
            mul >>= 1;
            shift += 1;
        }
        Some(Self {
            mul: mul as u32,
            shift,
        })
    }

    /// `tsc_to_system_mul`: never 0.
    pub const fn mul(self) -> u32 {
        self.mul
    }

    /// `tsc_shift`.
    pub const fn shift(self) -> i8 {
        self.shift
    }

    /// The frequency that a guest computes from the scale, in kHz.
    pub const fn khz(self) -> u32 {
        let khz = if self.shift >= 0 {
            (1_000_000u128 << 32 >> self.shift as u32) / self.mul as u128
        } else {
            (1_000_000u128 << 32 << -self.shift as u32) / self.mul as u128
        };
        if khz > u32::MAX as u128 {
            u32::MAX
        } else {
            khz as u32
        }
    }

    /// Nanoseconds for a number of ticks, by the formula that guests use (they
    /// drop low bits in a right shift, and so do we). Saturates.
    pub const fn ns(self, ticks: u64) -> u64 {
        let shifted = if self.shift >= 0 {
            (ticks as u128) << self.shift as u32
        } else {
            ticks as u128 >> -self.shift as u32
        };
        // Below 2^(64+20) * 2^32: fits.
        narrow((shifted * self.mul as u128) >> 32)
    }

    /// The least number of ticks that last `ns` at least, to program a timer that
    /// is never early. Saturates.
    pub const fn ticks(self, ns: u64) -> u64 {
        let shifted = ((ns as u128) << 32).div_ceil(self.mul as u128);
        narrow(if self.shift >= 0 {
            shifted.div_ceil(1 << self.shift as u32)
        } else {
            shifted << -self.shift as u32
        })
    }
}

const fn narrow(wide: u128) -> u64 {
    if wide > u64::MAX as u128 {
        u64::MAX
    } else {
        wide as u64
    }
}

/// System time as a function of the TSC: `system_time` at `tsc`, then by the scale.
///
/// One for all pCPUs whose TSCs are in step: then no guest ever sees it go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The TSC at the base.
    pub tsc: u64,
    /// Nanoseconds at the base.
    pub system_time: u64,
    /// Ticks to nanoseconds.
    pub scale: TscScale,
}

impl Clock {
    /// System time in ns; a TSC from before the base counts as the base.
    pub const fn now(&self, tsc: u64) -> u64 {
        self.system_time
            .saturating_add(self.scale.ns(tsc.saturating_sub(self.tsc)))
    }

    /// The first TSC reading at which system time has reached `ns`.
    pub const fn tsc_at(&self, ns: u64) -> u64 {
        self.tsc
            .saturating_add(self.scale.ticks(ns.saturating_sub(self.system_time)))
    }

    /// The same clock with its base at a later TSC and, from there on, another
    /// scale: it goes on where it was.
    pub const fn rebased(&self, tsc: u64, scale: TscScale) -> Self {
        Self {
            tsc,
            system_time: self.now(tsc),
            scale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pv_guest_abi::time::VcpuTimeInfo;
    use zerocopy::FromZeros;

    fn scale() -> impl Strategy<Value = TscScale> {
        prop_oneof![1..=u32::MAX, 500_000..6_000_000u32]
            .prop_map(|khz| TscScale::from_khz(khz).unwrap())
    }

    #[test]
    fn known_frequencies() {
        assert_eq!(TscScale::from_khz(0), None);
        let one_ghz = TscScale::from_khz(1_000_000).unwrap();
        assert_eq!((one_ghz.mul(), one_ghz.shift()), (0x8000_0000, 1));
        assert_eq!(one_ghz.ns(12345), 12345);
        let two_ghz = TscScale::from_khz(2_000_000).unwrap();
        assert_eq!((two_ghz.mul(), two_ghz.shift()), (0x8000_0000, 0));
        let three = TscScale::from_khz(3_000_000).unwrap();
        assert_eq!(three.shift(), -1);
        assert_eq!(three.ns(3_000_000_000), 999_999_999);
    }

    #[test]
    fn extremes_do_not_overflow() {
        for khz in [1, 2, 999_999, 1_000_000, u32::MAX] {
            let scale = TscScale::from_khz(khz).unwrap();
            assert!(scale.mul() >= 1 << 31);
            scale.ns(u64::MAX);
            scale.ticks(u64::MAX);
        }
        assert_eq!(TscScale::from_khz(1).unwrap().ns(u64::MAX), u64::MAX);
        assert_eq!(
            TscScale::from_khz(u32::MAX).unwrap().ticks(u64::MAX),
            u64::MAX
        );
    }

    proptest! {
        #[test]
        fn khz_comes_back(khz in 1..=u32::MAX) {
            let back = TscScale::from_khz(khz).unwrap().khz();
            prop_assert!(back.abs_diff(khz) <= 1 + khz / (1 << 30), "{khz} became {back}");
        }

        #[test]
        fn ns_is_exact_to_the_scale(khz in 1000..10_000_000u32, seconds in 0..100_000u64) {
            let scale = TscScale::from_khz(khz).unwrap();
            let ns = scale.ns(seconds * u64::from(khz) * 1000);
            let truth = seconds * 1_000_000_000;
            // 31 significant bits in the multiplier, and one truncated nanosecond.
            prop_assert!(ns <= truth && truth - ns <= 1 + (truth >> 31));
        }

        #[test]
        fn ns_is_monotonic(scale in scale(), a: u64, b: u64) {
            let (a, b) = (a.min(b), a.max(b));
            prop_assert!(scale.ns(a) <= scale.ns(b));
        }

        #[test]
        fn ticks_are_enough_and_not_too_many(scale in scale(), ns in 0..=u64::MAX / 4) {
            let ticks = scale.ticks(ns);
            if ticks != u64::MAX {
                prop_assert!(scale.ns(ticks) >= ns);
                if let Some(fewer) = ticks.checked_sub(1) {
                    prop_assert!(ns == 0 || scale.ns(fewer) < ns);
                }
            }
        }

        #[test]
        fn a_clock_never_goes_back(
            scale in scale(), other in scale(), base: u64, system_time in 0..1u64 << 62,
            readings in prop::collection::vec(any::<u64>(), 2..20),
        ) {
            let mut clock = Clock { tsc: base, system_time, scale };
            let mut readings = readings;
            readings.sort_unstable();
            let mut last = 0;
            for (i, tsc) in readings.into_iter().enumerate() {
                let now = clock.now(tsc);
                prop_assert!(now >= last);
                last = now;
                if i % 3 == 2 && tsc >= clock.tsc {
                    clock = clock.rebased(tsc, if i % 2 == 0 { other } else { scale });
                    prop_assert_eq!(clock.now(tsc), last);
                }
            }
        }

        #[test]
        fn the_guest_computes_what_we_compute(
            khz in 500_000..6_000_000u32, base in 0..1u64 << 60, after in 0..1u64 << 55,
        ) {
            let scale = TscScale::from_khz(khz).unwrap();
            let clock = Clock { tsc: base, system_time: 5, scale };
            let mut guest = VcpuTimeInfo::new_zeroed();
            guest.tsc_timestamp = base;
            guest.system_time = 5;
            guest.tsc_to_system_mul = scale.mul();
            guest.tsc_shift = scale.shift();
            prop_assert_eq!(guest.system_time_at(base + after), clock.now(base + after));
        }
    }

    #[test]
    fn tsc_at_is_the_first_reading_that_is_late_enough() {
        let clock = Clock {
            tsc: 1000,
            system_time: 50,
            scale: TscScale::from_khz(2_400_000).unwrap(),
        };
        let tsc = clock.tsc_at(1_000_050);
        assert!(clock.now(tsc) >= 1_000_050 && clock.now(tsc - 2) < 1_000_050);
        assert_eq!(clock.tsc_at(0), 1000);
    }
}
