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
        }
    }
}
