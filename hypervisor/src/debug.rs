//! A vCPU's debug registers. The CPU has them while a breakpoint is armed; DR6 is always
//! the vCPU's own, in which each #DB leaves what it tells.

use crate::running::Running;
use crate::traps;
use crate::vcpu::VcpuState;
use xenolith_mech::debug;
use xenolith_rules::emulate::debug::DebugRegisters;
use xenolith_rules::trap::{rflags, vector};

/// What belongs to the pCPU that runs the vCPU.
#[derive(Default)]
pub struct Debug {
    /// As the guest reads them.
    registers: DebugRegisters,
    /// A #DB that is to be delivered before the guest goes on.
    due: bool,
}

impl Debug {
    /// What a guest gives a new vCPU: DR0 to DR7. A value that it may not have is left out.
    pub fn given(values: &[u64; 8]) -> Self {
        let mut debug = Self::default();
        for (register, &value) in (0..).zip(values) {
            if let Ok(registers) = debug.registers.write(register, value) {
                debug.registers = registers;
            }
        }
        debug
    }
}

/// A vCPU gets this pCPU.
pub fn load(state: &VcpuState) {
    let registers = &state.debug.registers;
    if registers.armed() {
        debug::arm(&registers.address, registers.control);
    }
}

/// A vCPU leaves this pCPU.
pub fn save(state: &VcpuState) {
    if state.debug.registers.armed() {
        debug::disarm();
    }
}

/// The running vCPU's registers.
pub fn registers(running: &Running) -> DebugRegisters {
    running.state.debug.registers
}

/// Replaces them.
pub fn set_registers(running: &mut Running, new: DebugRegisters) {
    save(running.state);
    running.state.debug.registers = new;
    load(running.state);
}

/// The guest raised #DB.
pub fn trap(running: &mut Running) {
    running.state.debug.registers.note(debug::take_status());
    traps::exception(running, vector::DB, 0);
}

/// An instruction was carried out for the guest, which single-steps.
pub fn single_step(running: &mut Running) {
    running.state.debug.registers.note_step();
    traps::exception(running, vector::DB, 0);
}

/// A hypercall is done. If the guest single-steps, that was the step.
pub fn stepped_over_call(running: &mut Running) {
    if running.state.regs.rflags & rflags::TF != 0 {
        running.state.debug.registers.note_step();
        running.state.debug.due = true;
    }
}

/// Looks for a breakpoint of the guest's that fell due when ring 0 had been entered.
pub fn collect(running: &mut Running) {
    if let Some(status) = debug::take_noted() {
        running.state.debug.registers.note(status);
        running.state.debug.due = true;
    }
}

/// Delivers it, at the place to which the entry has led: as on the bare machine, there the
/// first instruction of the handler that MOV SS let through.
pub fn deliver(running: &mut Running) {
    if core::mem::take(&mut running.state.debug.due) {
        traps::exception(running, vector::DB, 0);
    }
}
