//! Is every exception that can be raised reflected with the right frame, from kernel and user?
//!
//! QEMU's TCG raises neither #AC nor #XM, so nobody asks for these; #NP and #SS are among
//! the segments' questions, `int n` among those of emulation.

use pv_guest_abi::callback::CALLBACKTYPE_SYSCALL;
use pv_guest_abi::hypercall::FPU_TASKSWITCH;

use super::probes;
use crate::kit::expect::{Expected, Where, raises, registers};
use crate::kit::trap::{self, Kind, Regs};
use crate::kit::{Outcome, hypercall, mem, user};

probes!(traps:
    divide_error,
    single_step,
    breakpoint,
    invalid_opcode,
    no_fpu,
    general_protection,
    page_fault_absent,
    page_fault_read_only,
    page_fault_fetch,
    page_fault_of_user_at_kernel_pages only_here,
    x87_error,
    frame_is_aligned,
    handler_flags,
    syscall_handler_flags,
    syscall_clears_df only_here,
    gate_without_mask,
    syscall_without_mask,
    syscall_without_callback,
    registers_reach_the_handler,
    align_check_flag_is_harmless_in_kernel,
);

code! {
    divide: "div ecx", "ret";
    step: "lea rbx, [rip + 2f]", "pushfq", "or qword ptr [rsp], 0x100", "popfq", "nop", "2: nop", "ret";
    int3: "int3", "ret";
    ud2: "ud2";
    fninit: "fninit", "ret";
    load: "mov rax, [rdx]", "ret";
    store: "mov [rdx], rax", "ret";
    go: "jmp rdx";
    x87: "push 0x37b", "fldcw [rsp]", "pop rcx", "fld1", "fldz", "lea rbx, [rip + 2f]", "fdivp", "2: fwait", "ret";
    lowered: "sub rsp, rdx", "ud2";
    odd_flags: "pushfq", "or qword ptr [rsp], 0x44400", "popfq", "ud2";
    syscall_odd: "pushfq", "or qword ptr [rsp], 0x44400", "popfq", "syscall";
    unaligned: "pushfq", "or qword ptr [rsp], 0x40000", "popfq", "mov rax, [rdx + 1]", "pushfq",
        "and qword ptr [rsp], ~0x40000", "popfq", "ret";
    system_call: "syscall";
}

const MARKED: Regs = Regs::MARKED;
/// No frame of a guest is here, in kernel half and user half.
const ABSENT: u64 = 0xffff_ff00_0000_0000;

/// #DE by a division by zero?
fn divide_error() -> Outcome {
    for place in Where::ALL {
        let regs = Regs { rcx: 0, ..MARKED };
        let trap = raises(place, divide, regs, Expected::fault(0))?;
        registers(&trap, &regs)?;
    }
    Ok(())
}

/// #DB behind the instruction that follows the setting of TF, with TF in the frame?
fn single_step() -> Outcome {
    for place in Where::ALL {
        let trap = place.run(step, MARKED);
        check!(
            trap.kind == Kind::Vector(1),
            "{place:?}: expected #DB, seen {trap:x?}"
        );
        same!(trap.rip, trap.regs.rbx, "{place:?}: RIP");
        same!(trap.rflags & 0x100, 0x100, "{place:?}: TF in the frame");
        same!(trap.own_rflags & 0x100, 0, "{place:?}: TF in the handler");
        check!(
            trap.from_user() == place.is_user(),
            "{place:?}: expected its mode in CS, seen {trap:x?}"
        );
    }
    Ok(())
}

/// #BP by int3, with RIP behind it?
fn breakpoint() -> Outcome {
    trap::set_gate(3, 3, true).map_err(|e| alloc::format!("the gate: {e}"))?;
    for place in Where::ALL {
        let trap = raises(place, int3, MARKED, Expected::fault(3).at(1))?;
        registers(&trap, &MARKED)?;
    }
    Ok(())
}

/// #UD by ud2?
fn invalid_opcode() -> Outcome {
    for place in Where::ALL {
        let trap = raises(place, ud2, MARKED, Expected::fault(6))?;
        registers(&trap, &MARKED)?;
    }
    Ok(())
}

/// #NM after fpu_taskswitch(1), once: its delivery clears TS?
fn no_fpu() -> Outcome {
    for place in Where::ALL {
        returns!(hypercall(FPU_TASKSWITCH, &[1]), 0, "fpu_taskswitch(1)");
        let trap = raises(place, fninit, MARKED, Expected::fault(7))?;
        registers(&trap, &MARKED)?;
        let trap = trap::kernel(fninit, MARKED);
        check!(
            trap.kind == Kind::Returned,
            "expected no second #NM, seen {trap:x?}"
        );
    }
    returns!(hypercall(FPU_TASKSWITCH, &[1]), 0, "fpu_taskswitch(1)");
    returns!(hypercall(FPU_TASKSWITCH, &[0]), 0, "fpu_taskswitch(0)");
    let trap = trap::kernel(fninit, MARKED);
    check!(
        trap.kind == Kind::Returned,
        "expected no #NM after (0), seen {trap:x?}"
    );
    Ok(())
}

/// #GP(0) by a non-canonical address?
fn general_protection() -> Outcome {
    let regs = Regs {
        rdx: 1 << 63,
        ..MARKED
    };
    for place in Where::ALL {
        let trap = raises(place, load, regs, Expected::fault(13).code(0))?;
        registers(&trap, &regs)?;
    }
    Ok(())
}

/// #PF by reads and writes of absent pages, with the address in vcpu_info?
fn page_fault_absent() -> Outcome {
    for place in Where::ALL {
        let u = if place.is_user() { 4 } else { 0 };
        for address in [user::FREE + 0x123, ABSENT + 0x456, 0x7fff_ffff_fff8] {
            let regs = Regs {
                rdx: address,
                ..MARKED
            };
            for (code, bits) in [(load as trap::Code, 0), (store, 2)] {
                let trap = raises(place, code, regs, Expected::fault(14).code(u | bits))?;
                same!(trap.cr2, address, "{place:?}: CR2 in vcpu_info");
                registers(&trap, &regs)?;
            }
        }
    }
    Ok(())
}

/// #PF by writes to a read-only page, and none by reads of it?
fn page_fault_read_only() -> Outcome {
    let page = mem::page();
    returns!(mem::freeze(page), 0, "mapping a page read-only");
    for (place, address, error) in [
        (Where::Kernel, page, 3),
        (Where::KernelUnmasked, page, 3),
        (Where::User, user::CODE + 0x800, 7),
    ] {
        let regs = Regs {
            rdx: address,
            ..MARKED
        };
        let trap = raises(place, store, regs, Expected::fault(14).code(error))?;
        same!(trap.cr2, address, "{place:?}: CR2 in vcpu_info");
    }
    let trap = trap::kernel(
        load,
        Regs {
            rdx: page,
            ..MARKED
        },
    );
    check!(
        trap.kind == Kind::Returned,
        "expected a read without a trap, seen {trap:x?}"
    );
    Ok(())
}

/// #PF by fetches from absent and from no-execute pages, with the fetch bit set?
fn page_fault_fetch() -> Outcome {
    let data = mem::page();
    for (place, address, error) in [
        (Where::Kernel, ABSENT, 0x10),
        (Where::User, user::FREE, 0x14),
        (Where::User, user::DATA, 0x15),
        (Where::Kernel, data, 0x11),
    ] {
        if address == data {
            returns!(
                mem::map(data, mem::entry(data, mem::WRITE)),
                0,
                "mapping a page with NX"
            );
        }
        let trap = place.run(
            go,
            Regs {
                rdx: address,
                ..MARKED
            },
        );
        check!(
            trap.kind == Kind::Vector(14) && trap.code == Some(error),
            "{place:?} at {address:#x}: expected #PF({error:#x}), seen {trap:x?}"
        );
        same!(trap.rip, address, "{place:?}: RIP");
        same!(trap.cr2, address, "{place:?}: CR2 in vcpu_info");
    }
    Ok(())
}

/// #PF with P and U set when a user touches a kernel page? (Xen has no such pages: its
/// users run on other tables.)
fn page_fault_of_user_at_kernel_pages() -> Outcome {
    let page = mem::page();
    for (code, error) in [(load as trap::Code, 5), (store, 7)] {
        let regs = Regs {
            rdx: page,
            ..MARKED
        };
        let trap = raises(Where::User, code, regs, Expected::fault(14).code(error))?;
        same!(trap.cr2, page, "CR2 in vcpu_info");
    }
    let text = load as *const () as usize as u64;
    let trap = Where::User.run(
        go,
        Regs {
            rdx: text,
            ..MARKED
        },
    );
    check!(
        trap.kind == Kind::Vector(14) && trap.code == Some(0x15),
        "fetch: expected #PF(0x15), seen {trap:x?}"
    );
    Ok(())
}

/// #MF at the instruction behind the one that failed?
fn x87_error() -> Outcome {
    for place in Where::ALL {
        let trap = place.run(x87, MARKED);
        check!(
            trap.kind == Kind::Vector(16),
            "{place:?}: expected #MF, seen {trap:x?}"
        );
        same!(trap.rip, trap.regs.rbx, "{place:?}: RIP");
        trap::kernel(fninit, MARKED);
    }
    Ok(())
}

/// Does a frame from the kernel lie below its stack pointer, aligned to 16, at every offset?
fn frame_is_aligned() -> Outcome {
    for lower in 0..33 {
        let regs = Regs {
            rdx: lower,
            ..MARKED
        };
        let trap = trap::kernel(lowered, regs);
        check!(trap.kind == Kind::Vector(6), "expected #UD, seen {trap:x?}");
        same!(
            trap.rsp,
            trap.code_rsp - lower,
            "RSP in the frame, lowered by {lower}"
        );
        same!(
            trap.frame_at,
            (trap.rsp & !15) - 56,
            "the frame's place, lowered by {lower}"
        );
    }
    Ok(())
}

/// Are NT and AC cleared for the handler and DF left, while the frame shows them all?
fn handler_flags() -> Outcome {
    for place in Where::ALL {
        let trap = place.run(odd_flags, MARKED);
        check!(
            trap.kind == Kind::Vector(6),
            "{place:?}: expected #UD, seen {trap:x?}"
        );
        same!(
            trap.rflags & 0x4_4400,
            0x4_4400,
            "{place:?}: AC, NT and DF in the frame"
        );
        same!(
            trap.own_rflags & 0x4_4400,
            0x400,
            "{place:?}: AC, NT and DF in the handler"
        );
    }
    Ok(())
}

/// Are AC and NT cleared behind a system call?
fn syscall_handler_flags() -> Outcome {
    let trap = user::run(syscall_odd, MARKED);
    check!(
        trap.kind == Kind::Syscall,
        "expected the system call, seen {trap:x?}"
    );
    same!(
        trap.rflags & 0x4_4400,
        0x4_4400,
        "AC, NT and DF in the frame"
    );
    same!(trap.own_rflags & 0x4_4000, 0, "AC and NT in the handler");
    Ok(())
}

/// Is DF cleared behind a system call? (The peer as Debian ships it was seen to leave it.)
fn syscall_clears_df() -> Outcome {
    let trap = user::run(syscall_odd, MARKED);
    check!(
        trap.kind == Kind::Syscall,
        "expected the system call, seen {trap:x?}"
    );
    same!(trap.own_rflags & 0x400, 0, "DF in the handler");
    Ok(())
}

/// Does a gate without the mask flag leave the event mask as it was?
fn gate_without_mask() -> Outcome {
    trap::set_gate(6, 0, false).map_err(|e| alloc::format!("the gate: {e}"))?;
    for place in Where::ALL {
        let trap = place.run(ud2, MARKED);
        let before = u64::from(place == Where::Kernel);
        check!(
            trap.kind == Kind::Vector(6),
            "{place:?}: expected #UD, seen {trap:x?}"
        );
        same!(
            u64::from(trap.mask),
            before,
            "{place:?}: event mask in the handler"
        );
        same!(
            trap.saved_mask(),
            before,
            "{place:?}: event mask in the frame"
        );
    }
    Ok(())
}

/// Does a system call callback without the mask flag leave the event mask as it was?
fn syscall_without_mask() -> Outcome {
    trap::set_syscall_callback(false).map_err(|e| alloc::format!("the callback: {e}"))?;
    let trap = user::run(system_call, MARKED);
    check!(
        trap.kind == Kind::Syscall,
        "expected the system call, seen {trap:x?}"
    );
    same!(trap.mask, 0, "event mask in the handler");
    Ok(())
}

/// Without a system call callback, does a user's SYSCALL raise #UD at itself?
fn syscall_without_callback() -> Outcome {
    // SAFETY: no callback is entered.
    unsafe { guest_kernel_stub::Xen::register_callback(CALLBACKTYPE_SYSCALL, 0, true) }
        .map_err(|e| alloc::format!("callback_op: {e}"))?;
    raises(Where::User, system_call, MARKED, Expected::fault(6))?;
    Ok(())
}

/// Does the handler find every register as it was, RCX and R11 in the frame?
fn registers_reach_the_handler() -> Outcome {
    for place in Where::ALL {
        for step in 0..4u64 {
            let regs = Regs {
                rcx: step,
                r11: !step,
                rbp: step << 60,
                ..MARKED
            };
            let trap = raises(place, ud2, regs, Expected::fault(6))?;
            registers(&trap, &regs)?;
        }
    }
    Ok(())
}

/// Does the kernel read an unaligned word with AC set?
fn align_check_flag_is_harmless_in_kernel() -> Outcome {
    let trap = trap::kernel(
        unaligned,
        Regs {
            rdx: mem::page(),
            ..MARKED
        },
    );
    check!(
        trap.kind == Kind::Returned,
        "expected no trap, seen {trap:x?}"
    );
    Ok(())
}
