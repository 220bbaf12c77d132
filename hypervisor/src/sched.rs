//! Which vCPU runs on which pCPU: the rules of `xenolith_rules::sched` behind a lock,
//! and the pCPUs told when there is something to do for them.
//!
//! A vCPU's run state changes only under that lock, so that a wake-up cannot fall between
//! a vCPU's last look at its events and its sleep.

use crate::domain;
use crate::vcpu::{RunState, Vcpu};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use xenolith_mech::percpu::{self, MAX_CPUS};
use xenolith_mech::sync::{Guard, Level, Lock};
use xenolith_mech::{apic, clock, tlb};
use xenolith_rules::sched::{Affinity, Scheduler, Turn, Weight, Who};
use xenolith_rules::types::{CpuId, DomId};

static SCHEDULER: Lock<Scheduler> = Lock::new(Level::Scheduler, Scheduler::new());
/// pCPUs that halt, or are about to, and have not been told to look since.
static IDLE: AtomicU64 = AtomicU64::new(0);
/// pCPUs that should ask the scheduler before they go on.
static LOOK: [AtomicBool; MAX_CPUS] = [const { AtomicBool::new(false) }; MAX_CPUS];

/// pCPUs whose vCPU gives its turn to others.
static GIVE_WAY: [AtomicBool; MAX_CPUS] = [const { AtomicBool::new(false) }; MAX_CPUS];

/// A vCPU's stay on a pCPU.
pub struct Stay {
    /// The vCPU.
    pub vcpu: Arc<Vcpu>,
    /// When its turn ends.
    pub until: u64,
    cpu: CpuId,
    /// Up to when its time has been charged.
    charged: u64,
}

/// What a pCPU does next.
pub enum Next {
    /// Runs a vCPU.
    Run(Stay),
    /// Halts, until an interrupt or this system time.
    Halt(Option<u64>),
}

/// Lets a domain take part.
pub fn add_domain(domain: DomId, weight: Weight) {
    SCHEDULER.lock().add_domain(domain, weight);
}

/// Forgets a domain none of whose vCPUs runs.
pub fn remove_domain(domain: DomId) {
    SCHEDULER.lock().remove_domain(domain);
}

/// Lets a vCPU, offline at first, of a domain that takes part be scheduled.
pub fn add(vcpu: &Vcpu, affinity: Affinity) {
    SCHEDULER.lock().add(vcpu.who(), affinity, vcpu.home());
}

/// Chooses what `cpu`, which runs nothing, does.
pub fn next(cpu: CpuId) -> Next {
    LOOK[cpu.0 as usize].store(false, SeqCst);
    GIVE_WAY[cpu.0 as usize].store(false, SeqCst);
    let now = clock::now_ns();
    let mut scheduler = SCHEDULER.lock();
    let next = take(&mut scheduler, cpu, now);
    // What this pCPU put back, or did not choose, may be for one that halts.
    let me = 1 << cpu.0;
    let told = scheduler.offer(IDLE.load(SeqCst) & !me, now);
    match next {
        Next::Run(_) => IDLE.fetch_and(!me, SeqCst),
        Next::Halt(_) => IDLE.fetch_or(me, SeqCst),
    };
    tell(scheduler, told);
    next
}

fn take(scheduler: &mut Scheduler, cpu: CpuId, now: u64) -> Next {
    loop {
        match scheduler.take(cpu, now) {
            Turn::Idle { look_again } => return Next::Halt(look_again),
            Turn::Run { who, until } => {
                if let Some(vcpu) = find(who) {
                    vcpu.enters(cpu, now);
                    return Next::Run(Stay {
                        vcpu,
                        until,
                        cpu,
                        charged: now,
                    });
                }
                // Its domain is gone.
                scheduler.sleep(who);
                scheduler.put(who);
            }
        }
    }
}

/// Tells a pCPU to look, once the scheduler is free for it.
fn tell(scheduler: Guard<'_, Scheduler>, told: Option<CpuId>) {
    if let Some(cpu) = told {
        // It will look: the next one to wake goes elsewhere.
        IDLE.fetch_and(!(1 << cpu.0), SeqCst);
        drop(scheduler);
        look(cpu);
    }
}

fn find(who: Who) -> Option<Arc<Vcpu>> {
    domain::find(who.domain)?.vcpu(who.vcpu).cloned()
}

impl Stay {
    /// Whether the vCPU has to leave its pCPU. Asked between two stays in the guest; cheap unless
    /// this pCPU was told to look.
    pub fn is_over(&mut self) -> bool {
        if self.vcpu.run_state() != RunState::Runnable {
            return true;
        }
        if !LOOK[self.cpu.0 as usize].swap(false, SeqCst) {
            return false;
        }
        let now = clock::now_ns();
        let mut scheduler = SCHEDULER.lock();
        let who = self.vcpu.who();
        scheduler.charge(who, now - self.charged);
        self.charged = now;
        let gives_way = GIVE_WAY[self.cpu.0 as usize].swap(false, SeqCst);
        if gives_way && scheduler.give_way(self.cpu, who, now)
            || scheduler.should_yield(self.cpu, who, self.until, now)
        {
            return true;
        }
        if now >= self.until {
            self.until = scheduler.turn_end(who, now);
        }
        false
    }

    /// The vCPU has left its pCPU, its state is parked: others may take it.
    pub fn end(self) {
        let now = clock::now_ns();
        let mut scheduler = SCHEDULER.lock();
        let who = self.vcpu.who();
        scheduler.charge(who, now - self.charged);
        self.vcpu.leaves(now);
        scheduler.put(who);
    }
}

/// Changes a vCPU's run state from one of `from` to `to`; whether it was one of those.
pub fn change(vcpu: &Vcpu, from: &[RunState], to: RunState) -> bool {
    let now = clock::now_ns();
    let mut scheduler = SCHEDULER.lock();
    if !from.contains(&vcpu.run_state()) {
        return false;
    }
    vcpu.set_run_state(to, now);
    if to != RunState::Runnable {
        scheduler.sleep(vcpu.who());
        return true;
    }
    let told = scheduler.wake(vcpu.who(), IDLE.load(SeqCst));
    tell(scheduler, told);
    true
}

/// The vCPU on this pCPU gives its turn to others that wait.
pub fn give_way() {
    let cpu = percpu::this().id().0 as usize;
    GIVE_WAY[cpu].store(true, SeqCst);
    LOOK[cpu].store(true, SeqCst);
}

/// Makes this pCPU ask the scheduler before it goes on.
pub fn look_here() {
    LOOK[percpu::this().id().0 as usize].store(true, SeqCst);
}

/// Makes a pCPU ask the scheduler, and leave its guest or its halt for it.
pub fn look(cpu: CpuId) {
    LOOK[cpu.0 as usize].store(true, SeqCst);
    kick(cpu);
}

/// Makes a pCPU that halts look around, if there is one: there is work that no vCPU does.
pub fn look_somewhere() {
    let idle = IDLE.load(SeqCst);
    if idle != 0 {
        look(CpuId(idle.trailing_zeros()));
    }
}

/// Makes a pCPU leave its guest, so that it sees what has changed for it.
pub fn kick(cpu: CpuId) {
    if percpu::this().id() != cpu {
        apic::send_ipi(cpu, tlb::KICK_VECTOR);
    }
}
