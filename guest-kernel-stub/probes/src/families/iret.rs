//! Does the iret hypercall go where its frame says, and what comes of a bad frame?

use core::sync::atomic::Ordering;

use guest_kernel_stub::Xen;

use super::probes;
use crate::kit::expect::registers;
use crate::kit::trap::{self, Code, Kind, Regs, Start, Trap};
use crate::kit::{Outcome, event, mem, user};

probes!(iret:
    to_kernel,
    to_user,
    mask_comes_from_if,
    flags_are_restored,
    iopl_is_not,
    in_syscall_leaves_rcx_and_r11,
    bad_code_selector_faults_at_target,
    bad_stack_selector_faults_at_target,
    non_canonical_rip_faults_at_target,
    absent_rip_faults_at_target,
    unmasking_delivers_what_is_pending,
    masked_delivers_nothing,
);

code! {
    ud2: "ud2";
}

const MARKED: Regs = Regs::MARKED;

/// A start in kernel mode through iret, on a stack of its own.
fn in_kernel(code: Code) -> Start {
    Start {
        by_iret: 1,
        cs: 0xe030,
        rflags: user::RFLAGS,
        rsp: mem::page() + mem::PAGE - 256,
        ss: 0xe02b,
        ..Start::kernel(code, MARKED)
    }
}

/// Both kinds of start.
fn both() -> [Start; 2] {
    [user::start(ud2, MARKED), in_kernel(ud2)]
}

fn arrives(start: &Start, what: &str) -> Result<Trap, alloc::string::String> {
    let trap = trap::run(start);
    check!(
        trap.kind == Kind::Vector(6) && trap.rip == start.rip,
        "{what}: expected #UD at {:#x}, seen {trap:x?}",
        start.rip
    );
    Ok(trap)
}

/// Into kernel mode, with every register, the stack pointer and the mode of the frame?
fn to_kernel() -> Outcome {
    let start = in_kernel(ud2);
    let trap = arrives(&start, "iret")?;
    registers(&trap, &MARKED)?;
    same!(trap.rsp, start.rsp, "RSP");
    same!(trap.cs & 0xffff, 0xe030, "CS");
    same!(
        trap.frame_at,
        start.rsp - 56,
        "the next frame's place: the same stack"
    );
    Ok(())
}

/// Into user mode, with every register, the stack pointer and the mode of the frame?
fn to_user() -> Outcome {
    let start = user::start(ud2, MARKED);
    let trap = arrives(&start, "iret")?;
    registers(&trap, &MARKED)?;
    same!(trap.rsp, start.rsp, "RSP");
    same!(trap.cs & 0xffff, 0xe033, "CS");
    same!(trap.ss, 0xe02b, "SS");
    same!(
        trap.frame_at,
        user::space().kernel_stack - 56,
        "the next frame's place: the kernel stack"
    );
    Ok(())
}

/// Is the event mask the frame's IF turned round, while the real IF stays set?
fn mask_comes_from_if() -> Outcome {
    for start in both() {
        for (rflags, mask) in [(0x202, 0), (0x002, 1)] {
            let trap = arrives(&Start { rflags, ..start }, "iret")?;
            same!(
                trap.saved_mask(),
                mask,
                "event mask behind an iret with RFLAGS {rflags:#x}"
            );
            same!(trap.rflags & 0x200, rflags & 0x200, "IF in the next frame");
            same!(trap.own_rflags & 0x200, 0x200, "the real IF");
        }
    }
    Ok(())
}

/// Are the other flags those of the frame?
fn flags_are_restored() -> Outcome {
    // ID, AC, NT, OF, DF, SF, ZF, AF, PF, CF, one by one.
    for start in both() {
        for bit in [21, 18, 14, 11, 10, 7, 6, 4, 2, 0] {
            let rflags = 0x202 | 1 << bit;
            let trap = arrives(&Start { rflags, ..start }, "iret")?;
            // RF is the CPU's own in a fault's frame.
            same!(trap.rflags & !(1 << 16), rflags, "RFLAGS with bit {bit}");
        }
    }
    Ok(())
}

/// Are IOPL and VM of the frame ignored?
fn iopl_is_not() -> Outcome {
    for start in both() {
        for extra in [0x1000, 0x2000, 0x3000, 1 << 17] {
            let trap = arrives(
                &Start {
                    rflags: 0x202 | extra,
                    ..start
                },
                "iret",
            )?;
            same!(
                trap.rflags & 0x2_3000,
                0,
                "IOPL and VM behind an iret with {extra:#x}"
            );
        }
    }
    Ok(())
}

/// With VGCF_in_syscall, are all registers but RCX and R11 those of before?
fn in_syscall_leaves_rcx_and_r11() -> Outcome {
    let start = Start {
        flags: 0x100,
        ..user::start(ud2, MARKED)
    };
    let trap = arrives(&start, "iret")?;
    let mut regs = trap.regs;
    (regs.rcx, regs.r11) = (MARKED.rcx, MARKED.r11);
    check!(
        regs == MARKED,
        "expected the other registers kept, seen {regs:x?}"
    );
    same!(trap.rflags & !(1 << 16), user::RFLAGS, "RFLAGS");
    same!(trap.rsp, start.rsp, "RSP");
    Ok(())
}

/// Expects #GP with this code as if the target had raised it.
fn faults_at_target(start: &Start, code: u64, what: &str) -> Outcome {
    let trap = trap::run(start);
    check!(
        trap.kind == Kind::Vector(13) && trap.code == Some(code),
        "{what}: expected #GP({code:#x}), seen {trap:x?}"
    );
    same!(trap.rip, start.rip, "{what}: RIP in the frame");
    same!(trap.rsp, start.rsp, "{what}: RSP in the frame");
    same!(trap.cs & 3, start.cs & 3, "{what}: mode in the frame");
    registers(&trap, &start.regs)
}

/// Does a user CS that cannot be loaded fault as if at the target?
fn bad_code_selector_faults_at_target() -> Outcome {
    let start = user::start(ud2, MARKED);
    // Null, beyond what the guest has, a data segment.
    for (cs, code) in [(0x0003, 0), (0x001b, 0x18), (0xe02b, 0xe028)] {
        faults_at_target(&Start { cs, ..start }, code, "bad CS")?;
    }
    Ok(())
}

/// Does a user SS that cannot be loaded fault as if at the target?
fn bad_stack_selector_faults_at_target() -> Outcome {
    let start = user::start(ud2, MARKED);
    // Null, beyond what the guest has, a code segment.
    for (ss, code) in [(0x0003, 0), (0x001b, 0x18), (0xe033, 0xe030)] {
        faults_at_target(&Start { ss, ..start }, code, "bad SS")?;
    }
    Ok(())
}

/// Does a non-canonical RIP fault as if at the target?
fn non_canonical_rip_faults_at_target() -> Outcome {
    for start in both() {
        for rip in [1 << 63, 0x8000_0000_0000, 0x7fff_ffff_ffff_ffff] {
            faults_at_target(&Start { rip, ..start }, 0, "non-canonical RIP")?;
        }
    }
    Ok(())
}

/// Does a RIP at an absent page give the target's own page fault?
fn absent_rip_faults_at_target() -> Outcome {
    let start = Start {
        rip: user::FREE,
        ..user::start(ud2, MARKED)
    };
    let trap = trap::run(&start);
    check!(
        trap.kind == Kind::Vector(14) && trap.code == Some(0x14),
        "expected #PF(0x14), seen {trap:x?}"
    );
    same!(trap.cr2, user::FREE, "CR2 in vcpu_info");
    same!(trap.rip, user::FREE, "RIP");
    Ok(())
}

/// Makes an event pending while all are masked.
fn make_pending() -> Result<u32, alloc::string::String> {
    let port = Xen::bind_ipi(0).map_err(|e| alloc::format!("bind_ipi: {e}"))?;
    event::mask_port(port, false);
    Xen::send(port).map_err(|e| alloc::format!("send: {e}"))?;
    same!(
        event::upcall_pending().load(Ordering::SeqCst),
        1,
        "upcall_pending"
    );
    Ok(port)
}

/// Is an event that is pending delivered before the first instruction behind an unmasking iret?
fn unmasking_delivers_what_is_pending() -> Outcome {
    for start in both() {
        let port = make_pending()?;
        trap::catch_events(true);
        let trap = trap::run(&start);
        trap::catch_events(false);
        check!(
            trap.kind == Kind::Event,
            "expected the event, seen {trap:x?}"
        );
        same!(trap.rip, start.rip, "RIP in the frame");
        same!(trap.rsp, start.rsp, "RSP in the frame");
        same!(trap.saved_mask(), 0, "event mask in the frame");
        same!(trap.mask, 1, "event mask in the handler");
        check!(
            event::is_pending(port),
            "expected port {port} pending, seen it clear"
        );
        registers(&trap, &MARKED)?;
        event::take_all();
        Xen::close(port).map_err(|e| alloc::format!("close: {e}"))?;
    }
    Ok(())
}

/// Is it kept when the iret masks?
fn masked_delivers_nothing() -> Outcome {
    for start in both() {
        let port = make_pending()?;
        trap::catch_events(true);
        let arrived = arrives(&Start { rflags: 2, ..start }, "iret that masks");
        trap::catch_events(false);
        arrived?;
        check!(
            event::is_pending(port),
            "expected port {port} pending, seen it clear"
        );
        event::take_all();
        Xen::close(port).map_err(|e| alloc::format!("close: {e}"))?;
    }
    Ok(())
}
