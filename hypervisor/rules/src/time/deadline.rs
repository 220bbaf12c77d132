//! What the times mean that guests give to the timer hypercalls.

/// The shortest period of the periodic timer, 1 ms.
pub const MIN_PERIOD_NS: u64 = 1_000_000;
/// The periodic timer that a new vCPU has, 10 ms, until its guest stops it.
pub const DEFAULT_PERIOD_NS: u64 = 10_000_000;
/// Further in the future than this is no honest timeout: about 13 days.
const FAR_NS: u64 = 1 << 50;
/// When a dishonest timeout fires.
const FAR_REPLACED_NS: u64 = 100_000_000;

/// A timeout of `set_timer_op`, `VCPUOP_set_singleshot_timer` or `SCHEDOP_poll`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// The timer is off.
    Never,
    /// It fires at this system time in ns; at once if that is past.
    At(u64),
}

impl Timeout {
    /// `set_timer_op(timeout)`: 0 stops. Guests have been seen to pass a wrapped
    /// time both for "now" and for "never"; Xen answers both with a tick 100 ms from now.
    pub const fn from_set_timer_op(timeout: u64, now: u64) -> Self {
        if timeout == 0 {
            Self::Never
        } else if timeout.saturating_sub(now) >= FAR_NS {
            Self::At(now.saturating_add(FAR_REPLACED_NS))
        } else {
            Self::At(timeout)
        }
    }

    /// `VCPUOP_set_singleshot_timer`. A time in the past fires at once, also if the caller
    /// asked to be refused then: Xen 4.17.7 has given up that flag.
    pub const fn from_singleshot(timeout: u64) -> Self {
        Self::At(timeout)
    }

    /// `SCHEDOP_poll`'s timeout: 0 waits for ever.
    pub const fn from_poll(timeout: u64) -> Self {
        if timeout == 0 {
            Self::Never
        } else {
            Self::At(timeout)
        }
    }

    /// Whether it has come.
    pub const fn is_due(self, now: u64) -> bool {
        matches!(self, Self::At(at) if at <= now)
    }
}

/// The periodic timer's next tick after `now`, when one was due at `last`. Ticks that
/// were missed are skipped, not made up for.
pub const fn next_tick(last: u64, period: u64, now: u64) -> u64 {
    let period = if period < MIN_PERIOD_NS {
        MIN_PERIOD_NS
    } else {
        period
    };
    let behind = now.saturating_sub(last) / period;
    last.saturating_add((behind + 1).saturating_mul(period))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn set_timer_op() {
        assert_eq!(Timeout::from_set_timer_op(0, 5), Timeout::Never);
        assert_eq!(Timeout::from_set_timer_op(7, 5), Timeout::At(7));
        assert_eq!(
            Timeout::from_set_timer_op(3, 5),
            Timeout::At(3),
            "past: at once"
        );
        assert_eq!(
            Timeout::from_set_timer_op(u64::MAX, 5),
            Timeout::At(100_000_005)
        );
        assert_eq!(
            Timeout::from_set_timer_op(1 << 63, 5),
            Timeout::At(100_000_005)
        );
    }

    #[test]
    fn a_past_time_is_due_and_never_is_not() {
        assert!(Timeout::from_singleshot(3).is_due(5));
        assert!(Timeout::from_singleshot(0).is_due(5));
        assert!(!Timeout::from_singleshot(6).is_due(5));
        assert!(!Timeout::from_poll(0).is_due(u64::MAX));
        assert!(Timeout::from_poll(5).is_due(5));
    }

    proptest! {
        #[test]
        fn the_next_tick_is_ahead_by_one_period_at_most(
            last in 0..1u64 << 60, period: u32, late in 0..1u64 << 40,
        ) {
            let (period, now) = (u64::from(period).max(MIN_PERIOD_NS), last + late);
            let next = next_tick(last, period, now);
            prop_assert!(next > now && next <= now + period);
            prop_assert_eq!((next - last) % period, 0);
        }
    }
}
