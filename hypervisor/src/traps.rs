//! What a guest's exceptions and system calls lead to: emulate, reflect into the
//! guest's own handlers, or end the domain.

use crate::domain::CrashReason;
use crate::running::Running;
use crate::{calls, debug, emulate, ptwrite, segments};
use xenolith_mech::entry::vectors::INT80;
use xenolith_mech::entry::{Exit, ring, windows};
use xenolith_mech::mm::direct;
use xenolith_rules::trap::{
    self, Interrupted, Mode, SyscallRefused, Undeliverable, deliver, deliver_software,
    syscall_entry, vector,
};
use xenolith_rules::types::GuestAddr;

/// #PF error code: the page was present.
const PF_PRESENT: u32 = 1;
/// #PF error code: by user code. The CPU's own look at a descriptor table is none.
const PF_USER: u32 = 1 << 2;

/// Serves an exit that is the guest's own doing.
pub fn serve(running: &mut Running, exit: Exit) {
    match exit {
        Exit::Syscall => syscall(running),
        Exit::Syscall32 => {
            // The CPU pushed nothing: the context is in RCX and R11 as for 64-bit.
            running.state.mode = Mode::User;
            exception(running, vector::UD, 0);
        }
        Exit::Exception {
            vector,
            error_code,
            cr2,
        } => {
            correct_mode(running);
            guest_exception(running, vector, error_code, cr2);
        }
        // As if it had happened at the context that could not be entered.
        Exit::IretFault {
            vector: vector::PF,
            error_code,
            cr2,
        } => page_fault(running, error_code, cr2),
        Exit::IretFault {
            vector, error_code, ..
        } => exception(running, vector, error_code),
        Exit::Interrupt { .. } => {}
    }
}

/// Takes the mode from the CS that the CPU saved: a guest can change rings by itself.
pub fn correct_mode(running: &mut Running) {
    running.state.mode = match ring(&running.state.regs) {
        3 => Mode::User,
        _ => Mode::Kernel,
    };
}

/// SYSCALL: a hypercall in kernel mode, else the guest's own system call.
fn syscall(running: &mut Running) {
    let regs = &running.state.regs;
    let at = Interrupted::by_syscall(regs.rcx, regs.r11, regs.rsp, running.state.mode);
    running.set_frame(at.frame);
    if running.state.mode == Mode::Kernel {
        calls::hypercall(running);
        return;
    }
    match syscall_entry(&at, &running.entry_state(), running.state.callbacks.syscall) {
        Ok(bounce) => running.bounce(&bounce),
        Err(SyscallRefused::InvalidOpcode(at)) => {
            running.set_frame(at.frame);
            exception(running, vector::UD, 0);
        }
        Err(SyscallRefused::Stack(fault)) => undeliverable(running, Undeliverable::Stack(fault)),
    }
}

fn guest_exception(running: &mut Running, vector: u8, error_code: u32, cr2: u64) {
    match vector {
        vector::PF => page_fault(running, error_code, cr2),
        vector::GP => emulate::general_protection(running, error_code),
        vector::DB => debug::trap(running),
        vector::UD => emulate::invalid_opcode(running),
        vector::NM => {
            // The guest's own TS; as on hardware, its handler finds FPU instructions usable.
            running.set_task_switched(false);
            exception(running, vector, 0);
        }
        INT80 => emulate::int80(running),
        _ => exception(running, vector, error_code),
    }
}

fn page_fault(running: &mut Running, error_code: u32, cr2: u64) {
    if let Some(offset) = windows::ldt_offset(cr2)
        && error_code & (PF_PRESENT | PF_USER) == 0
        && segments::has_ldt(running)
    {
        return segments::ldt_fault(running, offset, error_code);
    }
    if error_code & PF_PRESENT == 0 && take_user_root(running, GuestAddr(cr2)) {
        return;
    }
    if !ptwrite::store(running, error_code, cr2) {
        reflect_page_fault(running, error_code, cr2);
    }
}

/// Gives the guest a page fault.
pub fn reflect_page_fault(running: &mut Running, error_code: u32, cr2: u64) {
    running.state.cr2 = cr2;
    running.info().set_cr2(cr2);
    exception(running, vector::PF, error_code);
}

/// User code runs on the kernel's root table as long as that maps it. Where only
/// the guest's user root has the fault's root slot, the vCPU moves there for good.
fn take_user_root(running: &mut Running, at: GuestAddr) -> bool {
    let state = &mut *running.state;
    let (Mode::User, false, Some(user)) = (state.mode, state.on_user_root, state.user_root) else {
        return false;
    };
    if at.is_hypervisors() {
        return false;
    }
    let slot = (at.0 >> 39 & 511) as usize;
    let present = |root| direct::read_word(root, slot) & 1 != 0;
    state.on_user_root = !present(state.kernel_root) && present(user);
    state.on_user_root
}

/// Reflects an exception into the guest's trap table.
pub fn exception(running: &mut Running, vector: u8, error_code: u32) {
    let at = running.interrupted();
    match deliver(
        &at,
        &running.entry_state(),
        &running.state.traps,
        vector,
        error_code,
    ) {
        Ok(bounce) => running.bounce(&bounce),
        Err(why) => undeliverable(running, why),
    }
}

/// Bounces `int n`, whose gate is open to the caller; RIP is behind the instruction.
pub fn software_interrupt(running: &mut Running, vector: u8) {
    let at = running.interrupted();
    match deliver_software(&at, &running.entry_state(), &running.state.traps, vector) {
        Ok(bounce) => running.bounce(&bounce),
        Err(why) => undeliverable(running, why),
    }
}

fn undeliverable(running: &mut Running, why: Undeliverable) {
    let reason = match why {
        Undeliverable::NoHandler(vector) => CrashReason::NoHandler(vector),
        Undeliverable::Stack(
            trap::StackFault::NotCanonical(at) | trap::StackFault::Hypervisors(at),
        ) => CrashReason::StackUnusable(at),
    };
    running.domain.crash(reason, running.state);
}

/// Enters the guest's NMI handler (its callback, else its gate for vector 2) if one waits and none
/// is being handled. A guest without a handler loses its NMIs.
pub fn deliver_nmi(running: &mut Running) {
    if !running.vcpu.nmi_waits() || running.state.in_nmi || !running.vcpu.take_nmi() {
        return;
    }
    let gate = running.state.traps.gate(vector::NMI);
    let handler = running
        .state
        .callbacks
        .nmi
        .or(gate.map(|gate| gate.handler));
    let Some(handler) = handler else { return };
    let at = running.interrupted();
    match trap::bounce(&at, &running.entry_state(), handler, None) {
        Ok(bounce) => {
            running.state.in_nmi = true;
            running.bounce(&bounce);
        }
        Err(fault) => undeliverable(running, Undeliverable::Stack(fault)),
    }
}
