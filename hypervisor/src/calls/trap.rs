//! How a guest kernel is entered and how it leaves: trap table, callbacks, kernel
//! stack, `iret`, segment bases (`public/xen.h`, `public/callback.h`).

use super::{Answer, Call, OK, Outcome};
use crate::domain::CrashReason;
use crate::running::Running;
use crate::segments;
use pv_guest_abi::callback::{
    CALLBACKOP_REGISTER, CALLBACKOP_UNREGISTER, CALLBACKTYPE_EVENT, CALLBACKTYPE_FAILSAFE,
    CALLBACKTYPE_SYSCALL, CallbackRegister, CallbackUnregister,
};
use pv_guest_abi::errno::Errno;
use pv_guest_abi::trap::TrapInfo;
use pv_guest_abi::xen_x86::{
    IretContext, SEGBASE_FS, SEGBASE_GS_KERNEL, SEGBASE_GS_USER, SEGBASE_GS_USER_SEL,
};
use xenolith_mech::guest;
use xenolith_rules::trap::iret::IretFrame;
use xenolith_rules::trap::{CallbackError, Mode, SetTrap, check_kernel_stack};
use xenolith_rules::types::GuestAddr;

/// Most entries a trap table list can have before its end marker.
const MAX_TRAPS: u64 = 256;

/// `set_trap_table(list)`: up to an entry with address 0; a null list clears all.
pub fn set_trap_table(running: &mut Running, call: &Call) -> Answer {
    let list = call.pointer(0);
    if list.0 == 0 {
        running.state.traps.clear();
        return OK;
    }
    for index in 0..=MAX_TRAPS {
        let entry: TrapInfo = running.space().read_element(list, index)?;
        match running
            .state
            .traps
            .set(entry.vector, entry.flags, entry.address)
        {
            Ok(SetTrap::Set) => {}
            Ok(SetTrap::End) => return OK,
            Err(_) => return Err(Errno::EINVAL),
        }
    }
    Err(Errno::EINVAL)
}

/// `stack_switch(ss, sp)`: the kernel stack for entries from user mode. The stack
/// segment is always the fixed one.
pub fn stack_switch(running: &mut Running, call: &Call) -> Answer {
    let sp = check_kernel_stack(call.args[1]).map_err(|_| Errno::EINVAL)?;
    running.state.kernel_sp = sp.0;
    OK
}

/// `callback_op(cmd, arg)`.
pub fn callback_op(running: &mut Running, call: &Call) -> Answer {
    let at = call.pointer(1);
    match call.word(0) {
        CALLBACKOP_REGISTER => {
            let arg: CallbackRegister = running.space().read(at)?;
            let callbacks = &mut running.state.callbacks;
            callbacks
                .register(arg.kind, arg.flags, arg.address)
                .map_err(errno)?;
        }
        CALLBACKOP_UNREGISTER => {
            let arg: CallbackUnregister = running.space().read(at)?;
            running
                .state
                .callbacks
                .unregister(arg.kind)
                .map_err(errno)?;
        }
        _ => return Err(Errno::ENOSYS),
    }
    OK
}

/// `set_callbacks(event, failsafe, syscall)`: the old form of `callback_op`.
pub fn set_callbacks(running: &mut Running, call: &Call) -> Answer {
    let mut callbacks = running.state.callbacks;
    for (kind, address) in [
        (CALLBACKTYPE_EVENT, call.args[0]),
        (CALLBACKTYPE_FAILSAFE, call.args[1]),
        (CALLBACKTYPE_SYSCALL, call.args[2]),
    ] {
        callbacks.register(kind, 0, address).map_err(errno)?;
    }
    running.state.callbacks = callbacks;
    OK
}

fn errno(error: CallbackError) -> Errno {
    match error {
        CallbackError::Unknown => Errno::ENOSYS,
        CallbackError::Address(_) | CallbackError::Permanent => Errno::EINVAL,
    }
}

/// `fpu_taskswitch(set)`: the guest's CR0.TS. Its next FPU instruction traps.
pub fn fpu_taskswitch(running: &mut Running, call: &Call) -> Answer {
    running.set_task_switched(call.args[0] != 0);
    OK
}

/// `set_segment_base(which, base)`. GS bases by mode: a hypercall comes from kernel
/// mode, so the live one is the kernel's.
pub fn set_segment_base(running: &mut Running, call: &Call) -> Answer {
    let (which, base) = (call.word(0), call.args[1]);
    if which == SEGBASE_GS_USER_SEL {
        // A selector that cannot be loaded becomes 0, and that is no error.
        segments::set_user_gs(running, base as u16);
        return OK;
    }
    if !GuestAddr(base).is_canonical() {
        return Err(Errno::EINVAL);
    }
    match which {
        SEGBASE_FS => guest::set_fs(base),
        SEGBASE_GS_USER => guest::set_other_gs(base),
        SEGBASE_GS_KERNEL => guest::set_gs(base),
        _ => return Err(Errno::EINVAL),
    }
    OK
}

/// `iret`: nine words at the caller's stack pointer say where to go on.
pub fn iret(running: &mut Running) -> Answer {
    let at = GuestAddr(running.state.regs.rsp);
    let Ok(raw) = running.space().read::<IretContext>(at) else {
        running
            .domain
            .crash(CrashReason::IretFrameUnreadable(at), running.state);
        return Ok(Outcome::NoReturn);
    };
    let target = IretFrame {
        rax: raw.rax,
        r11: raw.r11,
        rcx: raw.rcx,
        flags: raw.flags,
        rip: raw.rip,
        cs: raw.cs,
        rflags: raw.rflags,
        rsp: raw.rsp,
        ss: raw.ss,
    }
    .check();
    if target.mode == Mode::User && running.state.user_root.is_none() {
        running.domain.crash(CrashReason::NoUserRoot, running.state);
        return Ok(Outcome::NoReturn);
    }
    running.set_frame(target.frame);
    running.set_mode(target.mode);
    running.state.regs.rax = target.rax;
    if let Some((rcx, r11)) = target.rcx_r11 {
        running.state.regs.rcx = rcx;
        running.state.regs.r11 = r11;
    }
    running.state.in_nmi = false;
    running.info().set_upcall_mask(target.upcall_mask);
    Ok(Outcome::NoReturn)
}
