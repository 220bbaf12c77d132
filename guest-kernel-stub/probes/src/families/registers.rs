//! Are registers kept where the ABI says so?

use guest_kernel_stub::Xen;
use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::hypercall::{
    EVENT_CHANNEL_OP, MMU_UPDATE, MMUEXT_OP, MULTICALL, SCHED_OP, SET_TIMER_OP, UPDATE_VA_MAPPING,
    XEN_VERSION,
};
use pv_guest_abi::mmu::{MMUEXT_TLB_FLUSH_LOCAL, MmuUpdate, MmuextOp, MulticallEntry};
use pv_guest_abi::virq::VIRQ_TIMER;

use super::probes;
use crate::kit::trap::{self, Kind, Regs};
use crate::kit::{Outcome, at, at_mut, event, mem, user};

probes!(registers:
    kept_over_hypercalls,
    kept_over_the_hypercall_page,
    flags_kept_over_hypercalls,
    kept_over_user_system_calls_by_iret,
    vector_registers_kept_over_hypercalls,
    vector_registers_kept_over_timer_interrupts,
    fpu_state_at_start,
    upcall_keeps_all,
);

code! {
    inline: "syscall", "ret";
    by_page: "call r9", "ret";
    with_flags: "pushfq", "or qword ptr [rsp], 0x4c4d5", "popfq", "syscall", "pushfq", "pop rbx",
        "push 0x202", "popfq", "ret";
}

/// Calls of many kinds: number and arguments.
fn calls(
    page: u64,
    update: &MmuUpdate,
    op: &MmuextOp,
    list: &mut [MulticallEntry],
) -> [(u32, [u64; 5]); 9] {
    let own = u64::from(DOMID_SELF);
    [
        (XEN_VERSION, [0, 0, 0x33, 0x44, 0x55]),
        (XEN_VERSION, [3, page, 0x33, 0x44, 0x55]),
        (63, [0x11, 0x22, 0x33, 0x44, 0x55]),
        (MMU_UPDATE, [at(update), 1, 0, own, 0x55]),
        (MMUEXT_OP, [at(op), 1, 0, own, 0x55]),
        (
            UPDATE_VA_MAPPING,
            [page, mem::entry(page, mem::WRITE), 2, 0x44, 0x55],
        ),
        (
            MULTICALL,
            [at_mut(list), list.len() as u64, 0x33, 0x44, 0x55],
        ),
        (SCHED_OP, [0, 0, 0x33, 0x44, 0x55]),
        (EVENT_CHANNEL_OP, [99, page, 0x33, 0x44, 0x55]),
    ]
}

fn marked_for(number: u32, args: [u64; 5]) -> Regs {
    let [rdi, rsi, rdx, r10, r8] = args;
    Regs {
        rax: number.into(),
        rdi,
        rsi,
        rdx,
        r10,
        r8,
        ..Regs::MARKED
    }
}

/// Are all registers but RAX, RCX and R11 kept by a hypercall, its arguments too?
fn kept_over_hypercalls() -> Outcome {
    let page = mem::page();
    let update = MmuUpdate {
        ptr: mem::machine(page),
        val: 1,
    };
    let op = MmuextOp::on_address(MMUEXT_TLB_FLUSH_LOCAL, 0);
    let mut list = [MulticallEntry {
        op: 17,
        ..Default::default()
    }; 3];
    for (number, args) in calls(page, &update, &op, &mut list) {
        let regs = marked_for(number, args);
        let trap = trap::kernel(inline, regs);
        check!(
            trap.kind == Kind::Returned,
            "hypercall {number}: expected no trap, seen {trap:x?}"
        );
        for ((name, seen), (_, expected)) in trap.regs.named().into_iter().zip(regs.named()) {
            if !matches!(name, "rax" | "rcx" | "r11") {
                same!(seen, expected, "hypercall {number}: {name}");
            }
        }
    }
    Ok(())
}

/// Are RCX and R11 kept too through the hypercall page?
fn kept_over_the_hypercall_page() -> Outcome {
    let stub = &raw const pv_guest_abi::call::hypercall_page as u64 + 32 * u64::from(XEN_VERSION);
    let regs = Regs {
        r9: stub,
        rdi: 0,
        rsi: 0,
        ..Regs::MARKED
    };
    let trap = trap::kernel(by_page, regs);
    same!(trap.regs.rax >> 16, 4, "major version");
    for ((name, seen), (_, expected)) in trap.regs.named().into_iter().zip(regs.named()) {
        if name != "rax" {
            same!(seen, expected, "{name}");
        }
    }
    Ok(())
}

/// Are the flags kept by a hypercall?
fn flags_kept_over_hypercalls() -> Outcome {
    let regs = Regs {
        rax: XEN_VERSION.into(),
        rdi: 0,
        rsi: 0,
        ..Regs::MARKED
    };
    let trap = trap::kernel(with_flags, regs);
    check!(
        trap.kind == Kind::Returned,
        "expected no trap, seen {trap:x?}"
    );
    same!(
        trap.regs.rbx & 0x4_4cd5,
        0x4_44d5,
        "AC, NT, DF, SF, ZF, AF, PF, CF"
    );
    Ok(())
}

code! {
    call_kernel: "syscall", "2: ud2";
}

/// Does a user find all registers but RCX and R11 as its kernel sends them by iret?
fn kept_over_user_system_calls_by_iret() -> Outcome {
    let trap = user::run(call_kernel, Regs::MARKED);
    check!(
        trap.kind == Kind::Syscall,
        "expected the system call, seen {trap:x?}"
    );
    let mut start = user::start(call_kernel, trap.regs);
    (start.rip, start.rsp, start.rflags) = (trap.rip, trap.rsp, trap.rflags);
    start.regs.rax = 42;
    let trap = trap::run(&start);
    check!(
        trap.kind == Kind::Vector(6),
        "expected #UD behind the system call, seen {trap:x?}"
    );
    for ((name, seen), (_, expected)) in trap.regs.named().into_iter().zip(start.regs.named()) {
        same!(seen, expected, "{name}");
    }
    Ok(())
}

// Loads xmm0 to xmm15 from rdx, does something, stores them to rdx + 256.
code! {
    xmm_call: "fxrstor [rdx]", "syscall", "mov rdx, rbx", "fxsave [rdx + 512]", "ret";
    xmm_spin: "fxrstor [rdx]", "2: dec r12", "jnz 2b", "fxsave [rdx + 512]", "syscall";
    fx_save: "fxsave [rdx]", "ret";
}

/// A page with an FXSAVE area whose registers differ from each other.
fn fill(page: u64) {
    for word in 0..64 {
        mem::write(page + word * 8, 0);
    }
    mem::write(page, 0x037f);
    mem::write(page + 24, 0x1f80);
    for word in 0..32 {
        mem::write(page + 160 + word * 8, 0x0101_0101_0101_0101 * (word + 1));
    }
}

fn compare(page: u64) -> Outcome {
    same!(mem::read(page + 512) & 0xffff, 0x037f, "FCW");
    same!(mem::read(page + 512 + 24) & 0xffff, 0x1f80, "MXCSR");
    for word in 0..32 {
        let seen = mem::read(page + 512 + 160 + word * 8);
        same!(
            seen,
            0x0101_0101_0101_0101 * (word + 1),
            "half {} of xmm{}",
            word % 2,
            word / 2
        );
    }
    Ok(())
}

/// Are the vector registers kept by hypercalls, long ones and sleep too?
fn vector_registers_kept_over_hypercalls() -> Outcome {
    let page = mem::page();
    fill(page);
    let port = Xen::bind_virq(VIRQ_TIMER, 0).map_err(|e| alloc::format!("bind_virq: {e}"))?;
    for (number, rdi, rsi) in [
        (XEN_VERSION, 0, 0),
        (SCHED_OP, 0, 0),
        (SET_TIMER_OP, event::now() + 1_000_000, 0),
        (SCHED_OP, 1, 0),
    ] {
        let regs = Regs {
            rax: number.into(),
            rdi,
            rsi,
            rdx: page,
            rbx: page,
            ..Regs::MARKED
        };
        let trap = trap::kernel(xmm_call, regs);
        event::set_mask(true);
        check!(
            trap.kind == Kind::Returned,
            "expected no trap, seen {trap:x?}"
        );
        compare(page)?;
    }
    Xen::close(port).map_err(|e| alloc::format!("close: {e}"))
}

/// Are they kept while timer interrupts come, in a user and in the kernel?
fn vector_registers_kept_over_timer_interrupts() -> Outcome {
    let data = user::space().data;
    fill(data);
    let port = Xen::bind_virq(VIRQ_TIMER, 0).map_err(|e| alloc::format!("bind_virq: {e}"))?;
    Xen::vcpu_periodic_timer(0, Some(1_000_000))
        .map_err(|e| alloc::format!("set_periodic_timer: {e}"))?;
    let before = trap::upcalls();
    let trap = user::run(
        xmm_spin,
        Regs {
            rdx: user::DATA,
            r12: 40_000_000,
            ..Regs::MARKED
        },
    );
    let upcalls = trap::upcalls() - before;
    Xen::close(port).map_err(|e| alloc::format!("close: {e}"))?;
    check!(
        trap.kind == Kind::Syscall,
        "expected the system call, seen {trap:x?}"
    );
    check!(
        upcalls > 0,
        "expected timer interrupts meanwhile, seen none"
    );
    compare(data)
}

/// Is the FPU's state at the start that of FNINIT, with MXCSR 0x1f80?
fn fpu_state_at_start() -> Outcome {
    let page = mem::page();
    let trap = trap::kernel(
        fx_save,
        Regs {
            rdx: page,
            ..Regs::MARKED
        },
    );
    check!(
        trap.kind == Kind::Returned,
        "expected no trap, seen {trap:x?}"
    );
    same!(mem::read(page) & 0xffff, 0x037f, "FCW");
    same!(mem::read(page + 24) & 0xffff_ffff, 0x1f80, "MXCSR");
    Ok(())
}

code! {
    count: "2: dec r12", "jnz 2b", "syscall";
    count_in_kernel: "2: dec r12", "jnz 2b", "ret";
}

/// Does code that is interrupted by upcalls find every register kept?
fn upcall_keeps_all() -> Outcome {
    user::space();
    let port = Xen::bind_virq(VIRQ_TIMER, 0).map_err(|e| alloc::format!("bind_virq: {e}"))?;
    Xen::vcpu_periodic_timer(0, Some(1_000_000))
        .map_err(|e| alloc::format!("set_periodic_timer: {e}"))?;
    let regs = Regs {
        r12: 40_000_000,
        ..Regs::MARKED
    };
    let before = trap::upcalls();
    let in_user = user::run(count, regs);
    let between = trap::upcalls();
    event::set_mask(false);
    let in_kernel = trap::kernel(count_in_kernel, regs);
    event::set_mask(true);
    let after = trap::upcalls();
    Xen::close(port).map_err(|e| alloc::format!("close: {e}"))?;
    check!(between > before, "expected upcalls in user mode, seen none");
    check!(
        after > between,
        "expected upcalls in kernel mode, seen none"
    );
    for ((name, user), (_, kernel)) in in_user.regs.named().into_iter().zip(in_kernel.regs.named())
    {
        let Some((_, expected)) = regs.named().into_iter().find(|(other, _)| *other == name) else {
            continue;
        };
        let expected = if name == "r12" { 0 } else { expected };
        // SYSCALL itself changes rcx and r11.
        if !matches!(name, "rcx" | "r11") {
            same!(user, expected, "{name} in user mode");
        }
        same!(kernel, expected, "{name} in kernel mode");
    }
    Ok(())
}
