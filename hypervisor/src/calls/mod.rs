//! Hypercalls: the table, the way in, and the way on for those that take long.
//!
//! A handler reads its argument once, checks, then commits. It answers with a
//! result or, when its work is not done after a bounded number of steps, with the
//! [`Call`] to go on with. That continuation is a value kept in the vCPU: the guest's
//! registers are not touched until the call ends.

mod assist;
mod console;
mod descriptor;
mod event;
mod grant;
mod memory;
mod mmu;
mod multicall;
mod sched;
mod trap;
mod vcpu;
mod version;

pub use console::close as close_console;
pub use event::close as close_port;
pub use mmu::{flush_all, load_base};

use crate::debug;
use crate::reservation::Fresh;
use crate::running::Running;
use alloc::boxed::Box;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::hypercall::Hypercall;
use xenolith_rules::types::GuestAddr;

/// A hypercall on its way.
#[derive(Debug)]
pub struct Call {
    /// Which one, as the guest said.
    pub number: u32,
    /// Its arguments, as the guest gave them.
    pub args: [u64; 5],
    /// How far it has come; the handler's own measure, 0 at first.
    pub done: u64,
    /// The call within a multicall that is not finished.
    pub inner: Option<Box<Call>>,
    /// Frames that are on their way to a domain.
    pub fresh: Option<Fresh>,
}

/// What a handler answers.
pub enum Outcome {
    /// The value for RAX.
    Done(i64),
    /// Not finished: to be called again with this.
    Again(Call),
    /// The guest goes on elsewhere; there is no result.
    NoReturn,
}

/// A handler's answer; an error becomes its negative number.
pub type Answer = Result<Outcome, Errno>;

/// The answer of a call that has nothing to tell.
pub const OK: Answer = Ok(Outcome::Done(0));

impl Call {
    /// Argument `n` as a pointer.
    pub fn pointer(&self, n: usize) -> GuestAddr {
        GuestAddr(self.args[n])
    }

    /// Argument `n` as the 32-bit word that the ABI takes there.
    pub fn word(&self, n: usize) -> u32 {
        self.args[n] as u32
    }
}

/// Serves the hypercall that the guest kernel has just made.
pub fn hypercall(running: &mut Running) {
    let regs = &running.state.regs;
    let call = Call {
        number: regs.rax as u32,
        args: [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8],
        done: 0,
        inner: None,
        fresh: None,
    };
    resume(running, call);
}

/// Starts or continues a hypercall for a bounded while.
pub fn resume(running: &mut Running, call: Call) {
    match serve(running, call) {
        Ok(Outcome::Done(value)) => finish(running, value),
        Ok(Outcome::Again(rest)) => running.state.call = Some(rest),
        Ok(Outcome::NoReturn) => {}
        Err(errno) => finish(running, errno.into()),
    }
}

fn finish(running: &mut Running, result: i64) {
    running.state.regs.rax = result as u64;
    debug::stepped_over_call(running);
}

/// The table of hypercalls. What is not in it is not there: `-ENOSYS`.
fn serve(running: &mut Running, call: Call) -> Answer {
    match Hypercall::try_from(call.number)? {
        Hypercall::SetTrapTable => trap::set_trap_table(running, &call),
        Hypercall::MmuUpdate => mmu::mmu_update(running, call),
        Hypercall::SetGdt => descriptor::set_gdt(running, &call),
        Hypercall::SetDebugreg => descriptor::set_debugreg(running, &call),
        Hypercall::GetDebugreg => descriptor::get_debugreg(running, &call),
        Hypercall::UpdateDescriptor => descriptor::update_descriptor(running, &call),
        Hypercall::StackSwitch => trap::stack_switch(running, &call),
        Hypercall::SetCallbacks => trap::set_callbacks(running, &call),
        Hypercall::FpuTaskswitch => trap::fpu_taskswitch(running, &call),
        Hypercall::MemoryOp => memory::memory_op(running, call),
        Hypercall::Multicall => multicall::multicall(running, call),
        Hypercall::UpdateVaMapping => mmu::update_va_mapping(running, call),
        Hypercall::SetTimerOp => sched::set_timer_op(running, &call),
        Hypercall::XenVersion => version::xen_version(running, &call),
        Hypercall::GrantTableOp => grant::grant_table_op(running, call),
        Hypercall::VmAssist => assist::vm_assist(running, &call),
        Hypercall::ConsoleIo => console::console_io(running, call),
        Hypercall::Iret => trap::iret(running),
        Hypercall::VcpuOp => vcpu::vcpu_op(running, call),
        Hypercall::SetSegmentBase => trap::set_segment_base(running, &call),
        Hypercall::MmuextOp => mmu::mmuext_op(running, call),
        Hypercall::SchedOp => sched::sched_op(running, &call),
        Hypercall::CallbackOp => trap::callback_op(running, &call),
        Hypercall::EventChannelOp => event::event_channel_op(running, &call),
        _ => Err(Errno::ENOSYS),
    }
}
