//! How does a machine end whose guest ends? These probes do not come back; the test on the
//! outside looks at the machine's end and the hypervisor's last words.

use alloc::string::String;
use guest_kernel_stub::Xen;
use pv_guest_abi::hypercall::{IRET, SET_TRAP_TABLE, STACK_SWITCH};
use pv_guest_abi::mmu::MMUEXT_NEW_USER_BASEPTR;
use pv_guest_abi::sched::{SHUTDOWN_CRASH, SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT, SHUTDOWN_WATCHDOG};
use pv_guest_abi::xen_x86::FLAT_KERNEL_SS;

use super::probes;
use crate::kit::trap::{self, Regs};
use crate::kit::{Outcome, event, hypercall, mem, user};

probes!(endings:
    power_off,
    reboot,
    crash,
    watchdog,
    power_off_with_events_pending,
    exception_without_handler,
    exception_of_the_user_without_handler,
    event_without_callback,
    kernel_stack_absent,
    kernel_stack_read_only,
    kernel_stack_in_the_hypervisor,
    kernel_stack_for_users_absent,
    kernel_stack_for_users_in_the_hypervisor,
    iret_frame_absent,
    iret_frame_in_the_hypervisor,
    iret_without_user_tables,
);

code! {
    ud2: "ud2";
    ud2_there: "mov rsp, rdx", "ud2";
    iret_there: "mov rsp, rdx", "syscall", "ret";
    system_call: "syscall";
}

/// Whoever is still here has not ended.
fn still_here(what: impl core::fmt::Debug) -> Outcome {
    Err(alloc::format!("expected the end, seen {what:x?}"))
}

/// Is the machine off behind SHUTDOWN_poweroff?
fn power_off() -> Outcome {
    Xen::shutdown(SHUTDOWN_POWEROFF)
}

/// Is it reset behind SHUTDOWN_reboot?
fn reboot() -> Outcome {
    Xen::shutdown(SHUTDOWN_REBOOT)
}

/// Does SHUTDOWN_crash end it with the reason?
fn crash() -> Outcome {
    Xen::shutdown(SHUTDOWN_CRASH)
}

/// Does SHUTDOWN_watchdog?
fn watchdog() -> Outcome {
    Xen::shutdown(SHUTDOWN_WATCHDOG)
}

/// Does a pending event keep nobody from powering off?
fn power_off_with_events_pending() -> Outcome {
    let port = Xen::bind_ipi(0).map_err(|e| alloc::format!("bind_ipi: {e}"))?;
    event::mask_port(port, false);
    Xen::send(port).map_err(|e| alloc::format!("send: {e}"))?;
    trap::catch_events(true);
    event::set_mask(false);
    Xen::shutdown(SHUTDOWN_POWEROFF)
}

/// Does an exception in the kernel without a handler end the domain?
fn exception_without_handler() -> Outcome {
    returns!(hypercall(SET_TRAP_TABLE, &[0]), 0, "an empty trap table");
    still_here(trap::kernel(ud2, Regs::MARKED))
}

/// And one of its user?
fn exception_of_the_user_without_handler() -> Outcome {
    let start = user::start(ud2, Regs::MARKED);
    returns!(hypercall(SET_TRAP_TABLE, &[0]), 0, "an empty trap table");
    still_here(trap::run(&start))
}

/// And an event?
fn event_without_callback() -> Outcome {
    // SAFETY: the callback is never entered.
    unsafe { Xen::register_callback(pv_guest_abi::callback::CALLBACKTYPE_EVENT, 0, true) }
        .map_err(|e| alloc::format!("callback_op: {e}"))?;
    let port = Xen::bind_ipi(0).map_err(|e| alloc::format!("bind_ipi: {e}"))?;
    event::mask_port(port, false);
    event::set_mask(false);
    still_here(Xen::send(port))
}

/// An exception with the kernel's stack pointer there.
fn stack_at(address: u64) -> Outcome {
    still_here(trap::kernel(
        ud2_there,
        Regs {
            rdx: address,
            ..Regs::MARKED
        },
    ))
}

fn absent_page() -> Result<u64, String> {
    let page = mem::page();
    returns!(mem::map(page, 0), 0, "unmapping a page");
    Ok(page)
}

/// Does an exception end the domain whose kernel stack is absent?
fn kernel_stack_absent() -> Outcome {
    stack_at(absent_page()? + mem::PAGE)
}

/// Whose kernel stack is read-only?
fn kernel_stack_read_only() -> Outcome {
    let page = mem::page();
    returns!(mem::freeze(page), 0, "a page read-only");
    stack_at(page + mem::PAGE)
}

/// Whose kernel stack is in the hypervisor's slots?
fn kernel_stack_in_the_hypervisor() -> Outcome {
    stack_at(0xffff_8080_0000_8000)
}

/// Does an exception of the user end the domain when stack_switch named an absent page?
fn kernel_stack_for_users_absent() -> Outcome {
    let start = user::start(system_call, Regs::MARKED);
    let top = absent_page()? + mem::PAGE;
    returns!(
        hypercall(STACK_SWITCH, &[FLAT_KERNEL_SS.into(), top]),
        0,
        "stack_switch"
    );
    still_here(trap::run(&start))
}

/// Or an address in the hypervisor's slots?
fn kernel_stack_for_users_in_the_hypervisor() -> Outcome {
    let start = user::start(system_call, Regs::MARKED);
    let result = hypercall(
        STACK_SWITCH,
        &[FLAT_KERNEL_SS.into(), 0xffff_8080_0000_8000],
    );
    check!(
        result <= 0,
        "stack_switch: expected 0 or an error, returned {result}"
    );
    if result < 0 {
        // Refused: nothing to be seen of it later.
        Xen::shutdown(SHUTDOWN_CRASH);
    }
    still_here(trap::run(&start))
}

fn iret_at(address: u64) -> Outcome {
    let regs = Regs {
        rdx: address,
        rax: IRET.into(),
        ..Regs::MARKED
    };
    still_here(trap::kernel(iret_there, regs))
}

/// Does an iret end the domain whose frame is absent?
fn iret_frame_absent() -> Outcome {
    iret_at(absent_page()?)
}

/// Whose frame is in the hypervisor's slots?
fn iret_frame_in_the_hypervisor() -> Outcome {
    iret_at(0xffff_8080_0000_0000)
}

/// Which goes to user mode without a user base pointer?
fn iret_without_user_tables() -> Outcome {
    let start = user::start(system_call, Regs::MARKED);
    returns!(
        mem::mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0),
        0,
        "no user base pointer"
    );
    still_here(trap::run(&start))
}
