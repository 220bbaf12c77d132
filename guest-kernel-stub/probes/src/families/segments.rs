//! Do selectors and bases do in kernel and user mode what descriptors say?

use pv_guest_abi::errno::EINVAL;
use pv_guest_abi::sched::SchedPoll;
use pv_guest_abi::xen_x86::{SEGBASE_FS, SEGBASE_GS_KERNEL, SEGBASE_GS_USER, SEGBASE_GS_USER_SEL};

use super::probes;
use crate::kit::segments::{
    CODE32, CODE64, DATA, DPL3, PRESENT, based, called, faults, install, limited, ring, set_base,
    works,
};
use crate::kit::trap::{self, Kind, Regs, Start};
use crate::kit::{Outcome, at, event, mem, user};

probes!(segments:
    bad_data_selectors_fault,
    bad_selectors_in_iret_frames,
    segments_of_user_mode,
    user_code_of_32_bits,
    bases_come_from_descriptors,
    segment_bases,
    user_gs_selector,
    failsafe_tells_of_lost_selectors,
);

const MARKED: Regs = Regs::MARKED;

code! {
    load_all: "mov ds, edi", "mov es, edi", "mov fs, edi", "mov gs, edi",
        "mov eax, ds", "mov ebx, es", "mov ecx, fs", "mov edx, gs",
        "xor esi, esi", "mov ds, esi", "mov es, esi", "mov fs, esi", "mov gs, esi", "ret";
    load_ds: "mov ds, edi", "ret";
    load_fs: "mov fs, edi", "ret";
    read_fs: "mov fs, edi", "mov rax, fs:[0]", "mov ebx, fs", "ret";
    read_fs_only: "mov rax, fs:[0]", "ret";
    read_gs: "mov rax, gs:[0]", "ret";
    user_limit: "xor eax, eax", "lsl eax, edi", "syscall";
    user_loads: "mov ds, edi", "mov es, edi", "mov fs, edi", "mov gs, edi",
        "mov eax, ds", "mov ebx, es", "mov edx, fs", "mov ebp, gs", "syscall";
    user_reads_gs: "mov rax, gs:[0]", "mov ebx, gs", "syscall";
    user_reads_fs: "mov fs, edi", "mov rax, fs:[0]", "mov ebx, fs", "syscall";
    user32: ".code32", "mov ebx, cs", "mov eax, 1", ".byte 0x40", "int 0x80", ".code64";
    lose_fs: "mov fs, ebp", "mov eax, 10", "syscall",
        "mov eax, 29", "mov edi, 3", "mov rsi, rbx", "syscall",
        "mov ebx, fs", "xor esi, esi", "mov fs, esi", "ret";
    ud2: "ud2";
}

/// Do bad selectors raise what the CPU raises, with the selector as code?
fn bad_data_selectors_fault() -> Outcome {
    install(&[
        0,
        0,
        DATA & !PRESENT | DPL3,
        CODE64 & !(1 << 41) | DPL3,
        DATA | DPL3,
    ])?;
    for (what, selector, vector) in [
        ("a null descriptor", 0x0b, 13),
        ("not present", 0x13, 11),
        ("execute-only code", 0x1b, 13),
        ("behind the page", 0x1003, 13),
        ("an LDT's where there is none", 0x0f, 13),
        ("the hypervisor's data", 0xe010, 13),
        ("behind the GDT", 0xf003, 13),
    ] {
        let regs = Regs {
            rdi: selector,
            ..MARKED
        };
        faults(what, &trap::kernel(load_fs, regs), vector, selector & !3)?;
        faults(what, &user::run(user_loads, regs), vector, selector & !3)?;
    }
    works("user data", load_all, 0x23)?;
    Ok(())
}

/// Does an iret to user mode with a bad selector of the own GDT fault as at the target?
fn bad_selectors_in_iret_frames() -> Outcome {
    install(&[
        0,
        CODE64 & !PRESENT | DPL3,
        DATA & !PRESENT | DPL3,
        DATA & !(1 << 41) | DPL3,
        CODE64,
        DATA,
        CODE64 | DPL3,
        DATA | DPL3,
    ])?;
    let start = user::start(ud2, MARKED);
    let bad = |what: &str, cs: u64, ss: u64, vector: u8, code: u64| {
        let trap = trap::run(&Start { cs, ss, ..start });
        faults(what, &trap, vector, code)?;
        same!(trap.rip, start.rip, "{what}: RIP in the frame");
        same!(trap.rsp, start.rsp, "{what}: RSP in the frame");
        same!(trap.cs & 0xffff, cs, "{what}: CS in the frame");
        Ok(())
    };
    bad("CS not present", 0x0b, 0x3b, 11, 0x08)?;
    bad("CS is data", 0x3b, 0x3b, 13, 0x38)?;
    // #SS says the manual; QEMU 7.2 raises #NP.
    bad("SS not present", 0x33, 0x13, 12, 0x10)
        .or_else(|_| bad("SS not present", 0x33, 0x13, 11, 0x10))?;
    bad("SS read-only", 0x33, 0x1b, 13, 0x18)?;
    bad("SS is code", 0x33, 0x33, 13, 0x30)?;
    bad("CS of an LDT where there is none", 0x0f, 0x3b, 13, 0x0c)?;
    let good = trap::run(&Start {
        cs: 0x33,
        ss: 0x3b,
        ..start
    });
    check!(good.kind == Kind::Vector(6), "good ones: seen {good:x?}");
    same!(good.cs & 0xffff, 0x33, "CS in the frame");
    same!(good.ss, 0x3b, "SS in the frame");
    if ring() != 3 {
        bad("CS of level 1", 0x23, 0x3b, 13, 0x20)?;
        bad("SS of level 1", 0x33, 0x2b, 13, 0x28)?;
    }
    Ok(())
}

/// Can user mode load its segments, and does it keep them across the kernel?
fn segments_of_user_mode() -> Outcome {
    install(&[0, DATA | DPL3, limited(0x789)])?;
    let regs = Regs {
        rdi: 0x0b,
        ..MARKED
    };
    let out = called("loading", &user::run(user_loads, regs))?;
    for (name, seen) in [
        ("DS", out.rax),
        ("ES", out.rbx),
        ("FS", out.rdx),
        ("GS", out.rbp),
    ] {
        same!(seen, 0x0b, "{name}");
    }
    let regs = Regs {
        rdi: 0x13,
        ..MARKED
    };
    let out = called("lsl", &user::run(user_limit, regs))?;
    same!(out.rax, 0x789, "limit");
    Ok(())
}

/// Does 32-bit code of user mode run, with the flat selector and with an own one?
fn user_code_of_32_bits() -> Outcome {
    trap::set_gate(0x80, 3, true).map_err(|e| alloc::format!("the gate: {e}"))?;
    install(&[0, CODE32 | DPL3, DATA | DPL3])?;
    for (cs, ss) in [(0xe023, 0xe02b), (0x0b, 0x13)] {
        let start = Start {
            cs,
            ss,
            ..user::start(user32, MARKED)
        };
        let trap = trap::run(&start);
        check!(
            trap.kind == Kind::Vector(0x80),
            "CS {cs:#x}: expected int 0x80, seen {trap:x?}"
        );
        same!(trap.regs.rbx, cs, "CS as the code sees it");
        same!(trap.regs.rax, 2, "one-byte inc");
        same!(trap.cs & 0xffff, cs, "CS in the frame");
        same!(trap.ss, ss, "SS in the frame");
        same!(trap.rsp, start.rsp, "RSP");
    }
    Ok(())
}

/// Does a selector set the base that its descriptor has, in kernel and user?
fn bases_come_from_descriptors() -> Outcome {
    let (_, descriptor) = based(0x5eed_f00d);
    install(&[0, descriptor])?;
    let out = works("reading by FS", read_fs, 0x0b)?;
    same!(out.rax, 0x5eed_f00d, "kernel's word");
    same!(out.rbx, 0x0b, "FS");
    let regs = Regs {
        rdi: 0x0b,
        ..MARKED
    };
    let out = called("reading by FS", &user::run(user_reads_fs, regs))?;
    same!(out.rax, 0x5eed_f00d, "user's word");
    works("clearing FS", load_fs, 0)?;
    Ok(())
}

/// Do FS, the kernel's GS and the user's GS get their bases, and are bad ones refused?
fn segment_bases() -> Outcome {
    let page = mem::page();
    mem::write(page, 0x1111);
    mem::write(page + 8, 0x2222);
    user::space();
    mem::write(user::space().data, 0x3333);
    returns!(set_base(SEGBASE_FS, page), 0, "FS");
    returns!(set_base(SEGBASE_GS_KERNEL, page + 8), 0, "kernel's GS");
    returns!(set_base(SEGBASE_GS_USER, user::DATA), 0, "user's GS");
    for which in [SEGBASE_FS, SEGBASE_GS_USER, SEGBASE_GS_KERNEL] {
        returns!(set_base(which, 1 << 47), -EINVAL, "not canonical, {which}");
    }
    returns!(set_base(4, 0), -EINVAL, "no such base");
    same!(works("FS", read_fs_only, 0)?.rax, 0x1111, "word by FS");
    same!(
        works("GS", read_gs, 0)?.rax,
        0x2222,
        "word by the kernel's GS"
    );
    let out = called("user", &user::run(user_reads_gs, MARKED))?;
    same!(out.rax, 0x3333, "word by the user's GS");
    same!(
        works("GS", read_gs, 0)?.rax,
        0x2222,
        "the kernel's GS afterwards"
    );
    returns!(set_base(SEGBASE_FS, 0), 0, "FS back");
    returns!(set_base(SEGBASE_GS_KERNEL, 0), 0, "GS back");
    Ok(())
}

/// Does user mode get a GS selector with its descriptor's base, and null instead of a bad one?
fn user_gs_selector() -> Outcome {
    let (_, descriptor) = based(0x9e15_5e1e);
    install(&[0, descriptor, DATA & !PRESENT | DPL3])?;
    let page = mem::page();
    mem::write(page, 0x2222);
    returns!(set_base(SEGBASE_GS_KERNEL, page), 0, "kernel's GS");
    for given in [0x0b, 0x08] {
        returns!(
            set_base(SEGBASE_GS_USER_SEL, given),
            0,
            "selector {given:#x}"
        );
        same!(
            works("GS", read_gs, 0)?.rax,
            0x2222,
            "the kernel's own base"
        );
        let out = called("user", &user::run(user_reads_gs, MARKED))?;
        same!(out.rax, 0x9e15_5e1e, "the user's word");
        same!(out.rbx, 0x0b, "the user's GS");
    }
    for bad in [0x13, 0x1b, 0x0f, 0xe008, 0xfff8, 0] {
        returns!(set_base(SEGBASE_GS_USER_SEL, 0x0b), 0, "a good selector");
        returns!(set_base(SEGBASE_GS_USER_SEL, bad), 0, "selector {bad:#x}");
        let trap = user::run(user_reads_gs, MARKED);
        check!(
            trap.kind == Kind::Vector(14) && trap.cr2 == 0,
            "{bad:#x}: expected #PF at 0, seen {trap:x?}"
        );
        same!(
            works("GS", read_gs, 0)?.rax,
            0x2222,
            "the kernel's own base"
        );
    }
    returns!(set_base(SEGBASE_GS_KERNEL, 0), 0, "GS back");
    Ok(())
}

/// When a selector cannot be loaded any more because the vCPU has slept meanwhile, is the failsafe
/// callback told? (A vCPU that kept its CPU keeps the selector as well, and is not told.)
fn failsafe_tells_of_lost_selectors() -> Outcome {
    let page = install(&[0, DATA | DPL3])?;
    let poll = SchedPoll {
        timeout: event::now() + 20_000_000,
        ..Default::default()
    };
    let regs = Regs {
        rdi: mem::machine(page + 8),
        rsi: (DATA | DPL3) & !PRESENT,
        rbp: 0x0b,
        rbx: at(&poll),
        ..MARKED
    };
    let trap = trap::kernel(lose_fs, regs);
    match trap.kind {
        Kind::Returned => same!(trap.regs.rbx, 0x0b, "FS of a vCPU that was not told"),
        // The frame has DS, ES, FS and GS where those of exceptions have RIP and so on.
        Kind::Failsafe => same!(trap.rflags, 0x0b, "FS in the failsafe frame"),
        _ => check!(false, "expected the failsafe callback, seen {trap:x?}"),
    }
    let trap = trap::kernel(
        load_ds,
        Regs {
            rdi: 0x0b,
            ..MARKED
        },
    );
    faults("what is not present", &trap, 11, 8)
}
