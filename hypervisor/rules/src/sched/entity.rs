//! A vCPU as the scheduler sees it.

use super::Who;
use crate::types::CpuId;

/// Where a vCPU may run, and where it rather would: bit n is pCPU n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affinity {
    /// Nowhere else.
    pub hard: u64,
    /// Rather here.
    pub soft: u64,
}

impl Default for Affinity {
    fn default() -> Self {
        Self { hard: !0, soft: !0 }
    }
}

impl Affinity {
    /// Whether the vCPU may run on `cpu`.
    pub const fn may(self, cpu: CpuId) -> bool {
        self.hard >> (cpu.0 % 64) & 1 != 0
    }
    /// Whether it likes to.
    pub const fn likes(self, cpu: CpuId) -> bool {
        (self.hard & self.soft) >> (cpu.0 % 64) & 1 != 0
    }
}

#[derive(Debug)]
pub(super) struct Entity {
    pub who: Who,
    pub affinity: Affinity,
    /// It wants to run (and maybe does).
    pub ready: bool,
    pub running: Option<CpuId>,
    /// Where it ran last.
    pub last: CpuId,
    /// Its virtual time.
    pub time: u64,
    /// Time that it has run.
    pub ran: u64,
    /// It has given its turn to others.
    pub gives_way: bool,
}

impl Entity {
    pub fn new(who: Who, affinity: Affinity, last: CpuId, time: u64) -> Self {
        Self {
            who,
            affinity,
            ready: false,
            running: None,
            last,
            time,
            ran: 0,
            gives_way: false,
        }
    }

    /// Whether it could run, and does not.
    pub fn waits(&self) -> bool {
        self.ready && self.running.is_none()
    }

    /// The pCPU of `idle` that suits it best: where it ran last, or one that it likes, or any.
    pub fn choose(&self, idle: u64) -> Option<CpuId> {
        let usable = idle & self.affinity.hard;
        if usable >> self.last.0 & 1 != 0 && self.affinity.likes(self.last) {
            return Some(self.last);
        }
        let liked = usable & self.affinity.soft;
        let chosen = if liked != 0 { liked } else { usable };
        (chosen != 0).then(|| CpuId(chosen.trailing_zeros()))
    }
}
