//! TLB shootdown: making other pCPUs forget a guest's translations.
//!
//! A pCPU holds translations of a guest only while it is in that guest, because
//! each exit loads the hypervisor's CR3 and no page is global. So it is enough
//! that every pCPU concerned leaves guest mode once: we kick those that are in it
//! and wait until their turn count moves. A pCPU that spins for a lock in ring 0
//! has left already, so waiting here under a lock cannot deadlock.

use crate::{apic, percpu, smp};
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst, fence};
use xenolith_rules::types::{CpuId, Mfn};

/// The vector that makes a pCPU leave its guest and look around.
pub const KICK_VECTOR: u8 = 0xf1;

/// Counts the uses of frames that have ended, so that a pCPU which entered its
/// guest after such an end need not be disturbed for it.
static CLOCK: AtomicU64 = AtomicU64::new(1);

/// A stamp for a use of a frame that ends now.
pub fn stamp() -> u64 {
    CLOCK.fetch_add(1, SeqCst)
}

/// The clock's reading.
pub(crate) fn now() -> u64 {
    CLOCK.load(SeqCst)
}

/// Waits until no pCPU has translations of before `stamp`.
pub fn flush_older_than(stamp: u64) {
    if stamp == 0 {
        // The frame has never been in use.
        return;
    }
    fence(SeqCst);
    let stale = |cpu: &CpuId| !percpu::shared(*cpu).entered_after(stamp);
    flush(
        running()
            .filter(stale)
            .fold(0, |mask, cpu| mask | 1 << cpu.0),
    );
}

/// Waits until each pCPU of `cpus` (a bit mask) has no translations of before this call.
pub fn flush(cpus: u64) {
    fence(SeqCst);
    let others = cpus & !(1 << percpu::this().id().0);
    if others == 0 {
        return;
    }
    let concerned = || running().filter(|cpu| others >> cpu.0 & 1 != 0);
    let mut waiting = [None; percpu::MAX_CPUS];
    for cpu in concerned() {
        if let Some(turn) = percpu::shared(cpu).in_guest() {
            waiting[cpu.0 as usize] = Some(turn);
            apic::send_ipi(cpu, KICK_VECTOR);
        }
    }
    for cpu in concerned() {
        if let Some(turn) = waiting[cpu.0 as usize] {
            while !percpu::shared(cpu).has_left(turn) {
                spin_loop();
            }
        }
    }
}

/// A guest root table (`l4`) has changed: every pCPU that runs on a copy of it
/// makes a new copy before it runs a guest on it again, and leaves the old one now.
pub fn root_changed(l4: Mfn) {
    let mut holders = 0;
    for cpu in running() {
        let shared = percpu::shared(cpu);
        if shared.loaded_l4.load(SeqCst) == l4.0 {
            shared.root_stale.store(true, SeqCst);
            holders |= 1 << cpu.0;
        }
    }
    flush(holders);
}

/// All pCPUs that may be in a guest.
fn running() -> impl Iterator<Item = CpuId> {
    (0..smp::count()).map(CpuId)
}
