//! Timers of vCPUs. Each is kept by the pCPU that ran the vCPU last, its *home*, whose
//! one-shot timer stands at the earliest of all it keeps.
//!
//! The periodic timer is for kernels that run: it ticks while its vCPU is on a pCPU, and if
//! one was due in the meantime, once when it gets one. It wakes nobody, as in Xen.

use crate::events;
use crate::sched;
use crate::vcpu::Vcpu;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use xenolith_mech::percpu::{self, MAX_CPUS};
use xenolith_mech::sync::{Level, Lock};
use xenolith_mech::{clock, timer};
use xenolith_rules::types::CpuId;

/// No deadline.
const NEVER: u64 = u64::MAX;

/// What one pCPU keeps.
struct Home {
    vcpus: Lock<Vec<Arc<Vcpu>>>,
    /// No later than the earliest deadline of its vCPUs.
    next: AtomicU64,
    /// What the pCPU's timer stands at.
    armed: AtomicU64,
}

static HOMES: [Home; MAX_CPUS] = [const {
    Home {
        vcpus: Lock::new(Level::Timers, Vec::new()),
        next: AtomicU64::new(NEVER),
        armed: AtomicU64::new(NEVER),
    }
}; MAX_CPUS];

fn home(cpu: CpuId) -> &'static Home {
    &HOMES[cpu.0 as usize]
}

/// Absolute system times in ns; 0 is "not set".
#[derive(Default)]
pub struct Timers {
    /// Fires once (`set_timer_op`, `VCPUOP_set_singleshot_timer`).
    oneshot: AtomicU64,
    /// Period of the periodic timer.
    period: AtomicU64,
    /// The periodic timer's next tick.
    next_tick: AtomicU64,
    /// End of a `SCHEDOP_poll`.
    poll_end: AtomicU64,
}

/// What [`Timers::take_due`] found.
struct Due {
    timer: bool,
    poll: bool,
}

impl Timers {
    /// Sets the single shot; 0 stops it. [`watch`] has to be called then.
    pub fn set_oneshot(&self, deadline: u64) {
        self.oneshot.store(deadline, SeqCst);
    }

    /// Sets the period; 0 stops the periodic timer. [`watch`] has to be called then.
    pub fn set_period(&self, period: u64) {
        self.period.store(period, SeqCst);
        let next = if period == 0 {
            0
        } else {
            clock::now_ns() + period
        };
        self.next_tick.store(next, SeqCst);
    }

    /// Sets the end of a poll; 0 for none. [`watch`] has to be called then.
    pub fn set_poll_end(&self, deadline: u64) {
        self.poll_end.store(deadline, SeqCst);
    }

    /// The earliest that counts, for a vCPU that is on a pCPU (`runs`) or is not.
    fn earliest(&self, runs: bool) -> u64 {
        let of = |at: &AtomicU64| match at.load(SeqCst) {
            0 => NEVER,
            at => at,
        };
        let tick = if runs { of(&self.next_tick) } else { NEVER };
        of(&self.oneshot).min(of(&self.poll_end)).min(tick)
    }

    /// Resets what is due at `now` and says what it was.
    fn take_due(&self, now: u64, runs: bool) -> Due {
        let oneshot = take(&self.oneshot, now, 0);
        Due {
            timer: oneshot | (runs && self.take_tick(now)),
            poll: take(&self.poll_end, now, 0),
        }
    }

    /// Whether a tick is due; the next one is then a period from now.
    fn take_tick(&self, now: u64) -> bool {
        let period = self.period.load(SeqCst);
        let next = if period == 0 { 0 } else { now + period };
        take(&self.next_tick, now, next)
    }
}

/// Replaces a time that has come by `next`; whether it had.
fn take(at: &AtomicU64, now: u64, next: u64) -> bool {
    let due = at.load(SeqCst);
    due != 0 && due <= now && at.compare_exchange(due, next, SeqCst, SeqCst).is_ok()
}

fn earliest(vcpu: &Vcpu) -> u64 {
    vcpu.timers.earliest(vcpu.cpu().is_some())
}

/// Makes `cpu`, which runs the vCPU from now on, its home.
pub fn adopt(cpu: CpuId, vcpu: &Arc<Vcpu>) {
    let old = vcpu.home();
    let mut place = home(old).vcpus.lock();
    let at = place.iter().position(|other| Arc::ptr_eq(other, vcpu));
    if old == cpu && at.is_some() {
        drop(place);
    } else {
        at.map(|at| place.swap_remove(at));
        drop(place);
        vcpu.set_home(cpu);
        home(cpu).vcpus.lock().push(vcpu.clone());
    }
    if vcpu.timers.period.load(SeqCst) != 0 && vcpu.timers.take_tick(clock::now_ns()) {
        events::raise_timer(vcpu);
    }
    home(cpu).next.fetch_min(earliest(vcpu), SeqCst);
}

/// Lets go of a vCPU whose domain has ended.
pub fn forget(vcpu: &Arc<Vcpu>) {
    home(vcpu.home())
        .vcpus
        .lock()
        .retain(|other| !Arc::ptr_eq(other, vcpu));
}

/// A vCPU's timers have changed: sees to it that its home does not sleep longer.
pub fn watch(vcpu: &Vcpu) {
    let earliest = earliest(vcpu);
    let cpu = vcpu.home();
    if home(cpu).next.fetch_min(earliest, SeqCst) > earliest {
        sched::kick(cpu);
    }
}

/// Sets this pCPU's timer to the earliest of its vCPUs' deadlines and `until`.
pub fn arm(cpu: CpuId, until: Option<u64>) {
    let wanted = home(cpu).next.load(SeqCst).min(until.unwrap_or(NEVER));
    // Arming costs more than finding out that it is not needed.
    if home(cpu).armed.swap(wanted, SeqCst) == wanted {
        return;
    }
    if wanted == NEVER {
        timer::stop();
    } else {
        timer::arm(wanted);
    }
}

/// This pCPU's timer has run out: lets what is due fire.
pub fn fire(cpu: CpuId) {
    debug_assert!(percpu::this().id() == cpu);
    let home = home(cpu);
    home.armed.store(NEVER, SeqCst);
    let now = clock::now_ns();
    if home.next.load(SeqCst) <= now {
        home.next.store(NEVER, SeqCst);
        // One at a time: raising an event takes locks below this one. Backwards: where `adopt`
        // takes one away meanwhile, it puts the last there, which has been served.
        let mut place = home.vcpus.lock().len();
        while let Some(before) = place.checked_sub(1) {
            place = before;
            let Some(vcpu) = home.vcpus.lock().get(place).cloned() else {
                continue;
            };
            fire_one(&vcpu, now);
            home.next.fetch_min(earliest(&vcpu), SeqCst);
        }
    }
    sched::look_here();
}

fn fire_one(vcpu: &Vcpu, now: u64) {
    let due = vcpu.timers.take_due(now, vcpu.cpu().is_some());
    if due.timer {
        events::raise_timer(vcpu);
    }
    if due.poll {
        vcpu.wake();
    }
}
