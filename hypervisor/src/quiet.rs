//! When has every pCPU finished what it was doing? For taking away what others may reach without a
//! lock: first nobody can find it any more, then one waits until nobody can still be using it.
//!
//! Ring 0 is not interrupted, so a pCPU that has come back to its run loop since has let go of all
//! that it held before. Nobody waits here: who wants to know asks again.

use crate::sched;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use xenolith_mech::percpu::{self, MAX_CPUS};
use xenolith_mech::smp;
use xenolith_rules::types::CpuId;

/// How often each pCPU has come by.
static PASSED: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];

/// This pCPU is in its run loop and uses nothing that is shared without a lock or a count.
pub fn pass(cpu: CpuId) {
    PASSED[cpu.0 as usize].fetch_add(1, SeqCst);
}

/// A time from which on every pCPU is to have passed its run loop.
pub struct Grace {
    seen: Vec<u64>,
}

impl Grace {
    /// From now on. Makes pCPUs that halt or are in a guest come by.
    pub fn begin() -> Self {
        let cpus = 0..smp::count();
        let seen = cpus
            .clone()
            .map(|n| PASSED[n as usize].load(SeqCst))
            .collect();
        cpus.map(CpuId).for_each(sched::kick);
        Self { seen }
    }

    /// Whether all have. Asked from the run loop.
    pub fn is_over(&self) -> bool {
        let me = percpu::this().id().0 as usize;
        self.seen
            .iter()
            .enumerate()
            .all(|(n, &seen)| n == me || PASSED[n].load(SeqCst) != seen)
    }
}
