//! A domain's share: weight, cap, and what is left of its budget.

use crate::types::DomId;

/// The weight of a domain for which none is set, as `xl` users know it.
pub const DEFAULT_WEIGHT: u16 = 256;
/// How often a capped domain's budget is filled up.
pub const CAP_PERIOD_NS: u64 = 30_000_000;

/// A domain's claim on the machine's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Its share, relative to the other domains' (1..=65535).
    pub weight: u16,
    /// Most it may use, in per cent of one pCPU; 0: as much as there is.
    pub cap: u16,
}

impl Default for Weight {
    fn default() -> Self {
        Self {
            weight: DEFAULT_WEIGHT,
            cap: 0,
        }
    }
}

#[derive(Debug)]
pub(super) struct Share {
    pub domain: DomId,
    pub weight: Weight,
    /// vCPUs that want to run.
    pub ready: u32,
    /// Left of the present period's budget; negative when overdrawn.
    budget: i64,
    period_end: u64,
}

impl Share {
    pub fn new(domain: DomId, weight: Weight) -> Self {
        Self {
            domain,
            weight,
            ready: 0,
            budget: 0,
            period_end: 0,
        }
    }

    fn full(&self) -> i64 {
        (CAP_PERIOD_NS * u64::from(self.weight.cap) / 100) as i64
    }

    /// What is left at `now`; an overdraft is carried into the next periods.
    fn refill(&mut self, now: u64) {
        if now >= self.period_end {
            let periods = (now - self.period_end) / CAP_PERIOD_NS + 1;
            let more = self.full().saturating_mul(periods.min(1000) as i64);
            self.budget = self.budget.saturating_add(more).min(self.full());
            self.period_end = now - (now - self.period_end) % CAP_PERIOD_NS + CAP_PERIOD_NS;
        }
    }

    /// How long the domain may still run in this period; `None`: as long as it likes.
    pub fn allowance(&mut self, now: u64) -> Option<u64> {
        if self.weight.cap == 0 {
            return None;
        }
        self.refill(now);
        Some(u64::try_from(self.budget).unwrap_or(0))
    }

    /// When a domain that may not run now is given a new budget.
    pub fn next_budget(&self) -> u64 {
        let short = (-self.budget).max(0) as u64;
        let periods = short / (self.full().max(1) as u64);
        self.period_end + periods * CAP_PERIOD_NS
    }

    /// Charges time that one of the domain's vCPUs has run.
    pub fn spend(&mut self, ran_ns: u64) {
        if self.weight.cap != 0 {
            self.budget = self.budget.saturating_sub(ran_ns as i64);
        }
    }

    /// The virtual time that `ran_ns` of one of its vCPUs amounts to.
    pub fn virtual_time(&self, ran_ns: u64) -> u64 {
        let sharers = u128::from(self.ready.max(1));
        let scaled = u128::from(ran_ns) * u128::from(DEFAULT_WEIGHT) * sharers;
        (scaled / u128::from(self.weight.weight.max(1))) as u64
    }
}
