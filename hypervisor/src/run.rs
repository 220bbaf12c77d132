//! The loop of every pCPU: take a vCPU, run it, serve its exits; halt when there
//! is none.

use crate::running::Running;
use crate::vcpu::{RunState, Vcpu};
use crate::{calls, domain, events, machine, sched, traps};
use alloc::sync::Arc;
use xenolith_mech::entry::{self, Exit};
use xenolith_mech::guest::{self, Bases};
use xenolith_mech::{apic, clock, mm, percpu, timer, tlb};
use xenolith_rules::types::CpuId;

/// Runs vCPUs on this pCPU for ever.
pub fn pcpu_loop() -> ! {
    let cpu = percpu::this().id();
    loop {
        serve_noted(cpu);
        match sched::next(cpu) {
            Some(vcpu) => run_vcpu(cpu, &vcpu),
            None => {
                sched::arm_timer(cpu, None);
                entry::wait_for_interrupt();
            }
        }
    }
}

/// Runs a vCPU until its slice ends, it sleeps, or its domain ends.
fn run_vcpu(cpu: CpuId, vcpu: &Arc<Vcpu>) {
    let (Some(domain), Some(mut state)) = (vcpu.domain(), vcpu.take_state()) else {
        vcpu.take_down();
        return;
    };
    let slice_end = clock::now_ns() + sched::SLICE_NS;
    domain.runs_on(cpu);
    state.fpu.load();
    state.bases.load();
    guest::set_task_switched(state.task_switched);
    domain.vcpu_info(vcpu.id).publish_time();
    while vcpu.run_state() == RunState::Runnable {
        let waited_for = sched::others_wait(cpu, vcpu);
        if waited_for && clock::now_ns() >= slice_end {
            break;
        }
        sched::arm_timer(cpu, waited_for.then_some(slice_end));
        let mut running = Running {
            vcpu,
            domain: &domain,
            state: &mut state,
        };
        step(&mut running);
        serve_noted(cpu);
    }
    guest::set_task_switched(false);
    state.bases = Bases::current();
    state.fpu.save();
    mm::forget_guest_root();
    vcpu.park(state);
    domain::reap(&domain);
}

/// One turn of a vCPU: a slice of an unfinished hypercall, or a stay in the guest.
fn step(running: &mut Running) {
    if let Some(call) = running.state.call.take() {
        calls::resume(running, call);
        entry::poll_interrupts();
        return;
    }
    events::deliver_upcall(running);
    if running.vcpu.run_state() != RunState::Runnable {
        return;
    }
    let root = mm::load_guest_root(running.state.root());
    match entry::run(&mut running.state.regs, root) {
        Exit::Interrupt { vector } => {
            traps::correct_mode(running);
            apic::eoi();
            serve(percpu::this().id(), vector);
        }
        exit => traps::serve(running, exit),
    }
}

fn serve_noted(cpu: CpuId) {
    while let Some(vector) = entry::take_noted() {
        serve(cpu, vector);
    }
}

/// Serves an interrupt that was meant for the hypervisor.
fn serve(cpu: CpuId, vector: u8) {
    match vector {
        timer::VECTOR => sched::fire_timers(cpu),
        tlb::KICK_VECTOR => {}
        _ => machine::interrupt(vector),
    }
}
