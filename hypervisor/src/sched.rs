//! Which vCPU runs on which pCPU, and when.
//!
//! Each pCPU has a queue of the vCPUs that call it home and takes them in turn,
//! [`SLICE_NS`] each. A pCPU with nothing to run halts. Timers of vCPUs are kept
//! by their home, whose one-shot timer stands at the earliest of them.

use crate::vcpu::{RunState, Timers, Vcpu};
use crate::events;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use xenolith_mech::percpu::{self, MAX_CPUS};
use xenolith_mech::sync::{Level, Lock};
use xenolith_mech::{apic, clock, timer, tlb};
use xenolith_rules::types::CpuId;

/// How long a vCPU runs while others wait.
pub const SLICE_NS: u64 = 10_000_000;

struct Queue {
    vcpus: Vec<Arc<Vcpu>>,
    /// Where the next turn begins.
    turn: usize,
}

static QUEUES: [Lock<Queue>; MAX_CPUS] = [const {
    Lock::new(
        Level::RunQueue,
        Queue {
            vcpus: Vec::new(),
            turn: 0,
        },
    )
}; MAX_CPUS];

/// What each pCPU's timer stands at; 0 nothing.
static ARMED: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];

fn queue(cpu: CpuId) -> &'static Lock<Queue> {
    &QUEUES[cpu.0 as usize]
}

/// Gives a vCPU its place in its home's queue.
pub fn add(vcpu: Arc<Vcpu>) {
    queue(vcpu.home()).lock().vcpus.push(vcpu);
}

/// The vCPU whose turn it is.
pub fn next(cpu: CpuId) -> Option<Arc<Vcpu>> {
    let mut queue = queue(cpu).lock();
    let count = queue.vcpus.len();
    let place = (0..count)
        .map(|i| (queue.turn + i) % count)
        .find(|&place| queue.vcpus[place].run_state() == RunState::Runnable)?;
    queue.turn = place + 1;
    Some(queue.vcpus[place].clone())
}

/// Whether a vCPU other than `vcpu` waits for this pCPU.
pub fn others_wait(cpu: CpuId, vcpu: &Vcpu) -> bool {
    queue(cpu).lock().vcpus.iter().any(|other| {
        !core::ptr::eq(Arc::as_ptr(other), vcpu) && other.run_state() == RunState::Runnable
    })
}

/// Makes a pCPU look at its queue and at its vCPUs' pending events again.
pub fn kick(cpu: CpuId) {
    if percpu::this().id() != cpu {
        apic::send_ipi(cpu, tlb::KICK_VECTOR);
    }
}

/// Sets this pCPU's timer to the earliest deadline of its vCPUs, and to the end
/// of a time slice if `slice_end` is given.
pub fn arm_timer(cpu: CpuId, slice_end: Option<u64>) {
    let earliest = queue(cpu)
        .lock()
        .vcpus
        .iter()
        .filter(|vcpu| vcpu.run_state() != RunState::Offline)
        .flat_map(|vcpu| vcpu.timers.deadlines())
        .chain(slice_end)
        .min();
    // Arming costs more than all of the above.
    let wanted = earliest.unwrap_or(0);
    if ARMED[cpu.0 as usize].swap(wanted, SeqCst) == wanted {
        return;
    }
    match earliest {
        Some(deadline) => timer::arm(deadline),
        None => timer::stop(),
    }
}

/// Lets the timers of this pCPU's vCPUs fire that are due.
pub fn fire_timers(cpu: CpuId) {
    ARMED[cpu.0 as usize].store(0, SeqCst);
    let now = clock::now_ns();
    let mut place = 0;
    // One at a time: raising an event takes locks below the queue's.
    while let Some(vcpu) = { queue(cpu).lock().vcpus.get(place).cloned() } {
        place += 1;
        if vcpu.run_state() == RunState::Offline {
            continue;
        }
        let due = vcpu.timers.take_due(now);
        if due.timer {
            events::raise_timer(&vcpu);
        }
        if due.poll {
            vcpu.wake();
        }
    }
}

/// What [`Timers::take_due`] found.
struct Due {
    timer: bool,
    poll: bool,
}

impl Timers {
    fn deadlines(&self) -> impl Iterator<Item = u64> {
        [&self.oneshot, &self.next_tick, &self.poll_end]
            .into_iter()
            .map(|at| at.load(SeqCst))
            .filter(|&at| at != 0)
    }

    /// Resets what is due at `now` and says what it was.
    fn take_due(&self, now: u64) -> Due {
        let take = |at: &AtomicU64, next: u64| {
            let due = at.load(SeqCst);
            due != 0 && due <= now && at.compare_exchange(due, next, SeqCst, SeqCst).is_ok()
        };
        let oneshot = take(&self.oneshot, 0);
        let period = self.period.load(SeqCst);
        let tick = take(&self.next_tick, if period == 0 { 0 } else { now + period });
        Due {
            timer: oneshot || tick,
            poll: take(&self.poll_end, 0),
        }
    }

    /// Starts the periodic timer; `period` ns, 0 stops it.
    pub fn set_periodic(&self, period: u64) {
        self.period.store(period, SeqCst);
        let next = if period == 0 { 0 } else { clock::now_ns() + period };
        self.next_tick.store(next, SeqCst);
    }
}
