//! In which rings do kernel and user run, and what may they execute?

use pv_guest_abi::hypercall::XEN_VERSION;

use super::probes;
use crate::kit::trap::{self, Kind, Regs};
use crate::kit::{Outcome, hypercall, user};

probes!(rings:
    kernel_is_ring_1 only_here,
    user_is_ring_3,
    kernel_sees_its_selectors only_here,
    popf_keeps_if_and_iopl,
    user_popf_keeps_if_and_iopl,
    syscall_of_user_enters_kernel,
    user_makes_no_hypercalls,
    hypercall_of_kernel_works,
    privileged_instructions_fault_in_kernel,
    privileged_instructions_fault_in_user,
);

code! {
    read_selectors: "mov ax, cs", "mov bx, ss", "syscall";
    kernel_selectors: "mov ax, cs", "mov bx, ss", "ret";
    popf_all: "pushfq", "pop rax", "mov rbx, rax", "or rbx, 0x3000", "and rbx, ~0x200",
        "push rbx", "popfq", "pushfq", "pop rcx", "ret";
    user_popf: "pushfq", "pop rax", "mov rbx, rax", "or rbx, 0x3000", "and rbx, ~0x200",
        "push rbx", "popfq", "pushfq", "pop rdx", "syscall";
    system_call: "syscall";
}

/// Does the kernel run at CPL 1?
fn kernel_is_ring_1() -> Outcome {
    let trap = trap::kernel(kernel_selectors, Regs::MARKED);
    same!(trap.regs.rax & 3, 1, "RPL of the kernel's own CS");
    Ok(())
}

/// Are the kernel's own CS and SS of one ring, in frames and in registers, at all entries?
fn kernel_sees_its_selectors() -> Outcome {
    let trap = trap::kernel(kernel_selectors, Regs::MARKED);
    same!(trap.regs.rax & 0xffff, 0xe041, "the kernel's CS");
    same!(trap.regs.rbx & 3, 1, "RPL of the kernel's SS");
    let trap = user::run(system_call, Regs::MARKED);
    same!(trap.own_cs, 0xe041, "CS behind a system call");
    same!(trap.own_ss & 3, 1, "RPL of SS behind a system call");
    Ok(())
}

/// Does the user run at CPL 3?
fn user_is_ring_3() -> Outcome {
    let trap = user::run(read_selectors, Regs::MARKED);
    check!(
        trap.kind == Kind::Syscall,
        "expected the system call, seen {trap:x?}"
    );
    same!(trap.regs.rax & 3, 3, "RPL of the user's CS");
    same!(trap.regs.rbx & 3, 3, "RPL of the user's SS");
    Ok(())
}

/// Does `popf` in the kernel leave the real IF set and IOPL 0, without a fault?
fn popf_keeps_if_and_iopl() -> Outcome {
    let trap = trap::kernel(popf_all, Regs::MARKED);
    check!(
        trap.kind == Kind::Returned,
        "expected no trap, seen {trap:x?}"
    );
    same!(trap.regs.rcx & 0x3200, 0x200, "IOPL and IF behind popf");
    Ok(())
}

/// The same for a user.
fn user_popf_keeps_if_and_iopl() -> Outcome {
    let trap = user::run(user_popf, Regs::MARKED);
    check!(
        trap.kind == Kind::Syscall,
        "expected the system call, seen {trap:x?}"
    );
    same!(trap.regs.rdx & 0x3200, 0x200, "IOPL and IF behind popf");
    Ok(())
}

/// Does SYSCALL of a user go to the kernel's callback, with the frame that the ABI says?
fn syscall_of_user_enters_kernel() -> Outcome {
    let trap = user::run(system_call, Regs::MARKED);
    check!(
        trap.kind == Kind::Syscall,
        "expected the system call, seen {trap:x?}"
    );
    let space = user::space();
    same!(trap.rip, user::CODE + 2, "RIP in the frame");
    same!(trap.cs & 0xffff, 0xe033, "CS in the frame");
    same!(trap.ss & 0xffff, 0xe02b, "SS in the frame");
    same!(trap.rsp, user::STACK_TOP - 64, "RSP in the frame");
    same!(trap.rflags, user::RFLAGS, "RFLAGS in the frame");
    same!(trap.saved_mask(), 0, "event mask of before");
    same!(trap.mask, 1, "event mask behind the entry");
    same!(
        trap.frame_at,
        space.kernel_stack - 7 * 8,
        "the frame's place"
    );
    let marked = Regs {
        rcx: user::CODE + 2,
        r11: user::RFLAGS,
        ..Regs::MARKED
    };
    for ((name, seen), (_, expected)) in trap.regs.named().into_iter().zip(marked.named()) {
        same!(seen, expected, "{name}");
    }
    Ok(())
}

/// Does a user's SYSCALL reach its kernel whatever the number in rax?
fn user_makes_no_hypercalls() -> Outcome {
    for number in (0..64).chain([127, 128, 0xffff_ffff, u64::MAX, 1 << 63]) {
        let trap = user::run(
            system_call,
            Regs {
                rax: number,
                ..Regs::MARKED
            },
        );
        check!(
            trap.kind == Kind::Syscall && trap.regs.rax == number,
            "rax {number:#x}: expected the system call with it, seen {trap:x?}"
        );
    }
    Ok(())
}

/// Does a hypercall of the kernel get its result?
fn hypercall_of_kernel_works() -> Outcome {
    same!(hypercall(XEN_VERSION, &[0, 0]) >> 16, 4, "major version");
    Ok(())
}

code! {
    cli: "cli", "ret";
    sti: "sti", "ret";
    hlt: "hlt", "ret";
    lgdt: "lgdt [rsp]", "ret";
    lidt: "lidt [rsp]", "ret";
    lldt: "lldt cx", "ret";
    ltr: "ltr cx", "ret";
    invlpg: "invlpg [rsp]", "ret";
    lmsw: "lmsw ax", "ret";
    swapgs: "swapgs", "ret";
    sysretq: "sysretq", "ret";
    rdpmc: "rdpmc", "ret";
    invd: "invd", "ret";
    mov_cr8: "mov cr8, rax", "ret";
    int_unset: "int 0x77", "ret";
}

const PRIVILEGED: &[(&str, trap::Code)] = &[
    ("hlt", hlt),
    ("lgdt", lgdt),
    ("lidt", lidt),
    ("lldt", lldt),
    ("ltr", ltr),
    ("invlpg", invlpg),
    ("lmsw", lmsw),
    ("swapgs", swapgs),
    ("sysretq", sysretq),
    ("rdpmc", rdpmc),
    ("invd", invd),
    ("mov cr8", mov_cr8),
    ("cli", cli),
    ("sti", sti),
];

/// Do privileged instructions of the kernel end in #GP(0) at themselves?
fn privileged_instructions_fault_in_kernel() -> Outcome {
    for (name, code) in PRIVILEGED {
        let trap = trap::kernel(*code, Regs::MARKED);
        check!(
            trap.kind == Kind::Vector(13) && trap.code == Some(0),
            "{name}: expected #GP(0), seen {trap:x?}"
        );
        same!(trap.rip, *code as usize as u64, "{name}: RIP");
    }
    Ok(())
}

/// And those of a user?
fn privileged_instructions_fault_in_user() -> Outcome {
    for (name, code) in PRIVILEGED {
        let trap = user::run(*code, Regs::MARKED);
        check!(
            trap.kind == Kind::Vector(13) && trap.code == Some(0),
            "{name}: expected #GP(0), seen {trap:x?}"
        );
        same!(trap.rip, user::CODE, "{name}: RIP");
    }
    let trap = user::run(int_unset, Regs::MARKED);
    check!(
        trap.kind == Kind::Vector(13),
        "int 0x77: expected #GP, seen {trap:x?}"
    );
    Ok(())
}
