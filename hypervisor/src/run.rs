//! The loop of every pCPU: take a vCPU, run it, serve its exits; halt when there
//! is none.

use crate::guest_memory::Space;
use crate::running::Running;
use crate::sched::{self, Next, Stay};
use crate::vcpu::RunState;
use crate::{areas, calls, debug, domain, events, machine, quiet, reaper, segments, timers, traps};
use xenolith_mech::entry::{self, Exit};
use xenolith_mech::guest::{self, Bases};
use xenolith_mech::{apic, mm, percpu, timer, tlb};
use xenolith_rules::types::CpuId;

/// Runs vCPUs on this pCPU for ever.
pub fn pcpu_loop() -> ! {
    let cpu = percpu::this().id();
    loop {
        quiet::pass(cpu);
        serve_noted(cpu);
        match sched::next(cpu) {
            Next::Run(stay) => run_vcpu(cpu, stay),
            Next::Halt(until) => {
                timers::arm(cpu, until);
                if reaper::work() {
                    entry::poll_interrupts();
                } else {
                    entry::wait_for_interrupt();
                }
            }
        }
    }
}

/// Runs a vCPU until its turn ends, it sleeps, or its domain ends.
fn run_vcpu(cpu: CpuId, mut stay: Stay) {
    let vcpu = stay.vcpu.clone();
    let (Some(domain), Some(mut state)) = (vcpu.domain(), vcpu.take_state()) else {
        // Its domain ends, or somebody looks at its state at this moment.
        stay.end();
        if let Some(domain) = vcpu.domain() {
            domain::reap(&domain);
        }
        return;
    };
    timers::adopt(cpu, &vcpu);
    state.fpu.load();
    segments::load(&vcpu, &domain, &mut state);
    state.bases.load();
    debug::load(&state);
    guest::set_task_switched(state.task_switched);
    domain.vcpu_info(vcpu.id).publish_time();
    areas::publish(&domain, &vcpu, &Space::new(&domain, state.kernel_root));
    while !stay.is_over() {
        quiet::pass(cpu);
        timers::arm(cpu, Some(reaper::work_beside(stay.until)));
        let mut running = Running {
            vcpu: &vcpu,
            domain: &domain,
            state: &mut state,
        };
        step(&mut running);
        serve_noted(cpu);
    }
    guest::set_task_switched(false);
    debug::save(&state);
    segments::save(&mut state);
    state.bases = Bases::current();
    state.fpu.save();
    mm::forget_guest_root();
    areas::publish_rest(&domain, &vcpu, &Space::new(&domain, state.kernel_root));
    vcpu.park(state);
    stay.end();
    domain::reap(&domain);
}

/// One turn of a vCPU: a slice of an unfinished hypercall, or a stay in the guest.
fn step(running: &mut Running) {
    if let Some(call) = running.state.call.take() {
        calls::resume(running, call);
        entry::poll_interrupts();
        return;
    }
    segments::deliver_failsafe(running);
    debug::deliver(running);
    traps::deliver_nmi(running);
    events::deliver_upcall(running);
    if running.vcpu.run_state() != RunState::Runnable {
        return;
    }
    running.vcpu.end_poll();
    let root = mm::load_guest_root(running.state.root());
    match entry::run(&mut running.state.regs, root) {
        Exit::Interrupt { vector } => {
            traps::correct_mode(running);
            apic::eoi();
            serve(percpu::this().id(), vector);
        }
        exit => traps::serve(running, exit),
    }
    debug::collect(running);
}

fn serve_noted(cpu: CpuId) {
    while let Some(vector) = entry::take_noted() {
        serve(cpu, vector);
    }
}

/// Serves an interrupt that was meant for the hypervisor.
fn serve(cpu: CpuId, vector: u8) {
    match vector {
        timer::VECTOR => timers::fire(cpu),
        tlb::KICK_VECTOR => {}
        _ => machine::interrupt(vector),
    }
}
