//! Do the instructions work that a kernel of ring 1 cannot execute itself?

use alloc::string::String;

use pv_guest_abi::hypercall::FPU_TASKSWITCH;

use super::probes;
use crate::kit::trap::{self, Code, Kind, Regs, Trap};
use crate::kit::{Outcome, hypercall, mem, user};

probes!(emulation:
    cpuid_names_the_hypervisor,
    cpuid_hides_and_shows only_here,
    cpuid_of_user,
    forced_prefix_is_for_cpuid_only,
    msr_bases,
    msr_fixed_values only_here,
    msr_refusals,
    msr_of_user_faults,
    early_reads_give_zero,
    hypercall_page_by_msr,
    cr0_has_only_ts,
    cr2_is_the_last_faults,
    cr3_is_the_root,
    cr4_changes_silently,
    debug_registers_are_reset,
    caches_and_tsc,
    ports_need_iopl,
    software_interrupts_by_gate only_here,
    int_0x80_by_gate only_here,
    single_step_over_an_emulated_instruction,
);

code! {
    cpuid: ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e", "cpuid", "ret";
    cpuid_user: ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e", "cpuid", "mov rsi, rcx", "syscall";
    forced_hlt: ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e", "hlt", "ret";
    rdmsr: "rdmsr", "ret";
    wrmsr: "wrmsr", "ret";
    read_gs: "mov rax, gs:[0]", "ret";
    user_reads_gs: "mov rax, gs:[0]", "syscall";
    read_cr0: "mov rax, cr0", "ret";
    write_cr0: "mov cr0, rax", "ret";
    clts: "clts", "ret";
    fninit: "fninit", "ret";
    load: "mov rax, [rdx]", "ret";
    read_cr2: "mov r9, cr2", "ret";
    write_cr2: "mov cr2, rax", "ret";
    read_cr3: "mov rax, cr3", "ret";
    write_cr3: "mov cr3, rax", "ret";
    read_cr4: "mov rax, cr4", "ret";
    write_cr4: "mov cr4, rax", "ret";
    read_dr: "mov rax, dr0", "mov rbx, dr1", "mov rsi, dr6", "mov rdi, dr7", "ret";
    clear_dr: "xor eax, eax", "mov dr0, rax", "mov dr3, rax", "mov dr6, rax", "mov dr7, rax", "ret";
    write_dr0: "mov dr0, rax", "ret";
    wbinvd: "wbinvd", "ret";
    rdtsc: "rdtsc", "ret";
    in_al: "in al, dx", "ret";
    out_eax: "out dx, eax", "ret";
    insb: "insb", "ret";
    outsb: "outsb", "ret";
    int_40: "int 0x40", "ret";
    int_0d: "int 0x0d", "ret";
    int_80: "int 0x80", "ret";
    stepped_rdmsr: "pushfq", "or qword ptr [rsp], 0x100", "lea rbx, [rip + 2f]", "popfq", "rdmsr", "2: nop", "ret";
    enter_rax: "jmp rax";
}

const MARKED: Regs = Regs::MARKED;
const FS_BASE: u64 = 0xc000_0100;
const GS_BASE: u64 = 0xc000_0101;
const KERNEL_GS_BASE: u64 = 0xc000_0102;
const EFER: u64 = 0xc000_0080;
const PAT: u64 = 0x277;
const APIC_BASE: u64 = 0x1b;
const HYPERCALL_PAGE: u64 = 0x4000_0000;

/// Runs kernel code that must come back without a trap.
fn works(name: &str, code: Code, regs: Regs) -> Result<Regs, String> {
    let trap = trap::kernel(code, regs);
    check!(
        trap.kind == Kind::Returned,
        "{name}: expected no trap, seen {trap:x?}"
    );
    Ok(trap.regs)
}

/// Kernel code that must end in #GP(0) at its first instruction.
fn refused(name: &str, code: Code, regs: Regs) -> Outcome {
    let trap = trap::kernel(code, regs);
    is_gp(name, &trap, code as *const () as u64)
}

fn is_gp(name: &str, trap: &Trap, rip: u64) -> Outcome {
    check!(
        trap.kind == Kind::Vector(13) && trap.code == Some(0),
        "{name}: expected #GP(0), seen {trap:x?}"
    );
    same!(trap.rip, rip, "{name}: RIP");
    Ok(())
}

fn leaf(leaf: u64, subleaf: u64) -> Result<[u64; 4], String> {
    let regs = Regs {
        rax: 0xffff_ffff_0000_0000 | leaf,
        rcx: subleaf,
        ..MARKED
    };
    let out = works("cpuid", cpuid, regs)?;
    same!(out.rsi, MARKED.rsi, "CPUID leaves RSI");
    Ok([out.rax, out.rbx, out.rcx, out.rdx])
}

fn read_msr(msr: u64) -> Result<u64, String> {
    let regs = Regs { rcx: msr, ..MARKED };
    let out = works("rdmsr", rdmsr, regs)?;
    same!(out.rax >> 32 | out.rdx >> 32, 0, "upper halves after rdmsr");
    Ok(out.rdx << 32 | out.rax)
}

/// The registers for writing a value.
fn for_msr(msr: u64, value: u64) -> Regs {
    Regs {
        rcx: msr,
        rax: value & 0xffff_ffff,
        rdx: value >> 32,
        ..MARKED
    }
}

fn write_msr(msr: u64, value: u64) -> Outcome {
    works("wrmsr", wrmsr, for_msr(msr, value)).map(|_| ())
}

/// Are the hypervisor's leaves there, with Xen's name and 4.17?
fn cpuid_names_the_hypervisor() -> Outcome {
    let [last, b, c, d] = leaf(0x4000_0000, 0)?;
    check!(last >= 0x4000_0002, "last leaf {last:#x}");
    same!(b, 0x566e_6558, "XenV");
    same!(c, 0x6558_4d4d, "MMXe");
    same!(d, 0x4d4d_566e, "nVMM");
    let [version, ..] = leaf(0x4000_0001, 0)?;
    same!(version, 0x0004_0011, "version");
    let [pages, msr, features, _] = leaf(0x4000_0002, 0)?;
    same!(pages, 1, "hypercall pages");
    same!(msr, HYPERCALL_PAGE, "their MSR");
    same!(features & 1, 1, "MMU_PT_UPDATE_PRESERVE_AD");
    let [_, width, ..] = leaf(0x4000_0005, 0)?;
    check!(width & 0xff <= 44, "machine addresses of {width} bits");
    Ok(())
}

/// Is what no PV kernel can have hidden, and what it needs shown? (Xen shows MTRR to domain 0.)
fn cpuid_hides_and_shows() -> Outcome {
    let [_, _, c, d] = leaf(1, 0)?;
    // PSE, MTRR, PGE, PSE36; MONITOR, VMX, PCID, X2APIC, TSC deadline
    same!(d & (1 << 3 | 1 << 12 | 1 << 13 | 1 << 17), 0, "leaf 1 EDX");
    same!(
        c & (1 << 3 | 1 << 5 | 1 << 17 | 1 << 21 | 1 << 24),
        0,
        "leaf 1 ECX"
    );
    same!(c >> 31, 1, "HYPERVISOR");
    for bit in [0, 4, 5, 6, 8, 15, 24, 25, 26] {
        same!(d >> bit & 1, 1, "leaf 1 EDX bit {bit}");
    }
    let [_, b, c, _] = leaf(7, 0)?;
    // SMEP, INVPCID, SMAP; UMIP, PKU, LA57
    same!(b & (1 << 7 | 1 << 10 | 1 << 20), 0, "leaf 7 EBX");
    same!(c & (1 << 2 | 1 << 3 | 1 << 16), 0, "leaf 7 ECX");
    let [_, _, _, d] = leaf(0x8000_0001, 0)?;
    same!(d & 1 << 26, 0, "1 GiB pages");
    for bit in [11, 20, 29] {
        same!(d >> bit & 1, 1, "leaf 0x80000001 EDX bit {bit}");
    }
    Ok(())
}

/// Does the forced form work for a user as for its kernel?
fn cpuid_of_user() -> Outcome {
    let regs = Regs {
        rax: 0x4000_0000,
        ..MARKED
    };
    let trap = user::run(cpuid_user, regs);
    check!(
        trap.kind == Kind::Syscall,
        "expected the user's system call, seen {trap:x?}"
    );
    same!(trap.regs.rbx, 0x566e_6558, "XenV");
    same!(trap.regs.rsi, 0x6558_4d4d, "MMXe");
    Ok(())
}

/// Is any other instruction behind the prefix the kernel's own #UD?
fn forced_prefix_is_for_cpuid_only() -> Outcome {
    let trap = trap::kernel(forced_hlt, MARKED);
    check!(trap.kind == Kind::Vector(6), "expected #UD, seen {trap:x?}");
    same!(trap.rip, forced_hlt as *const () as u64, "RIP");
    Ok(())
}

/// Do the base registers hold what is written, and act, and swap for the user?
fn msr_bases() -> Outcome {
    let before = [FS_BASE, GS_BASE, KERNEL_GS_BASE].map(read_msr);
    let (kernels, users) = (mem::page(), user::DATA);
    let space = user::space();
    mem::write(kernels, 0x6b65);
    mem::write(space.data, 0x7573);
    write_msr(FS_BASE, 0x1234_5678_9000)?;
    write_msr(GS_BASE, kernels)?;
    write_msr(KERNEL_GS_BASE, users)?;
    same!(read_msr(FS_BASE)?, 0x1234_5678_9000, "FS base");
    same!(read_msr(GS_BASE)?, kernels, "GS base");
    same!(read_msr(KERNEL_GS_BASE)?, users, "the user's GS base");
    same!(works("gs", read_gs, MARKED)?.rax, 0x6b65, "kernel's GS");
    let trap = user::run(user_reads_gs, MARKED);
    check!(trap.kind == Kind::Syscall, "user's GS: seen {trap:x?}");
    same!(trap.regs.rax, 0x7573, "user's GS");
    same!(read_msr(GS_BASE)?, kernels, "GS base after the user");
    for (msr, value) in [FS_BASE, GS_BASE, KERNEL_GS_BASE].into_iter().zip(before) {
        write_msr(msr, value?)?;
    }
    Ok(())
}

/// Do EFER, PAT and APIC_BASE read as they must, and take only what they have? (Xen takes
/// no PAT at all.)
fn msr_fixed_values() -> Outcome {
    let efer = read_msr(EFER)?;
    same!(efer & 0xd01, 0xd01, "EFER: SCE, LME, LMA, NXE");
    same!(efer & 1 << 12, 0, "EFER.SVME");
    write_msr(EFER, efer)?;
    refused("EFER without NXE", wrmsr, for_msr(EFER, efer & !0x800))?;
    same!(read_msr(PAT)?, 0x0000_0501_0007_0406, "PAT");
    write_msr(PAT, 0x0000_0501_0007_0406)?;
    refused("another PAT", wrmsr, for_msr(PAT, 0x0007_0406_0007_0406))?;
    same!(read_msr(APIC_BASE)? & !0x100, 0xfee0_0800, "APIC_BASE");
    same!(read_msr(HYPERCALL_PAGE)?, 0, "hypercall page MSR");
    Ok(())
}

/// Are unknown registers and bad values #GP(0)?
fn msr_refusals() -> Outcome {
    for msr in [0x48, 0x800, 0xc000_0082, 0x1234_5678] {
        let regs = Regs { rcx: msr, ..MARKED };
        refused("rdmsr of a hidden register", rdmsr, regs)?;
        refused("wrmsr of a hidden register", wrmsr, for_msr(msr, 0))?;
    }
    for msr in [FS_BASE, GS_BASE, KERNEL_GS_BASE] {
        refused("a base that is not canonical", wrmsr, for_msr(msr, 1 << 63))?;
    }
    Ok(())
}

/// May a user read or write none?
fn msr_of_user_faults() -> Outcome {
    for (name, code) in [("rdmsr", rdmsr as Code), ("wrmsr", wrmsr)] {
        let trap = user::run(code, for_msr(GS_BASE, 0));
        is_gp(name, &trap, user::CODE)?;
    }
    Ok(())
}

/// Before there is a #GP handler, does a read that fails give 0?
fn early_reads_give_zero() -> Outcome {
    returns!(
        hypercall(pv_guest_abi::hypercall::SET_TRAP_TABLE, &[0]),
        0,
        "clearing the trap table"
    );
    let value = read_msr(0x48);
    trap::init().map_err(|e| alloc::format!("the trap table: {e}"))?;
    same!(value?, 0, "a hidden register");
    Ok(())
}

/// Does the MSR fill a page with stubs that work, and only a page that may be written?
fn hypercall_page_by_msr() -> Outcome {
    let page = mem::page();
    write_msr(HYPERCALL_PAGE, mem::machine(page))?;
    // The stub of xen_version, number 17, as far as its number.
    let stub = mem::read(page + 17 * 32);
    same!(stub & 0xff_ffff_ffff, 0x11_b853_4151, "stub 17");
    returns!(
        mem::map(page, mem::entry(page, mem::P | mem::A)),
        0,
        "making it code"
    );
    let regs = Regs {
        rax: page + 17 * 32,
        rdi: 0,
        rsi: 0,
        ..MARKED
    };
    let out = works("the stub", enter_rax, regs)?;
    same!(out.rax, 0x0004_0011, "xen_version");
    same!(out.rcx, MARKED.rcx, "RCX after the stub");
    let table = mem::machine(mem::root());
    refused(
        "a page table as hypercall page",
        wrmsr,
        for_msr(HYPERCALL_PAGE, table),
    )?;
    let nowhere = 0xf_ffff_ffff_f000;
    refused(
        "no frame as hypercall page",
        wrmsr,
        for_msr(HYPERCALL_PAGE, nowhere),
    )
}

/// Does CR0 read as the CPU's, is TS virtual, and all else fixed?
fn cr0_has_only_ts() -> Outcome {
    let cr0 = works("mov from cr0", read_cr0, MARKED)?.rax;
    same!(cr0 & 0x8000_0033, 0x8000_0033, "PG, NE, ET, MP, PE");
    same!(cr0 & 8, 0, "TS");
    let with = |rax| Regs { rax, ..MARKED };
    works("setting TS", write_cr0, with(cr0 | 8))?;
    same!(
        works("mov from cr0", read_cr0, MARKED)?.rax,
        cr0 | 8,
        "CR0 with TS"
    );
    works("clts", clts, MARKED)?;
    works("fninit", fninit, MARKED)?;
    returns!(hypercall(FPU_TASKSWITCH, &[1]), 0, "fpu_taskswitch(1)");
    same!(
        works("mov from cr0", read_cr0, MARKED)?.rax,
        cr0 | 8,
        "CR0 with TS"
    );
    works("clearing TS", write_cr0, with(cr0))?;
    works("fninit", fninit, MARKED)?;
    for bit in [0, 2, 16, 31] {
        refused("another bit of CR0", write_cr0, with(cr0 ^ 1 << bit))?;
    }
    Ok(())
}

/// Does CR2 read as the last page fault's address, and take another?
fn cr2_is_the_last_faults() -> Outcome {
    let regs = Regs {
        rdx: user::FREE + 0x123,
        ..MARKED
    };
    let trap = trap::kernel(load, regs);
    check!(
        trap.kind == Kind::Vector(14),
        "expected #PF, seen {trap:x?}"
    );
    same!(
        works("mov from cr2", read_cr2, MARKED)?.r9,
        user::FREE + 0x123,
        "CR2"
    );
    let regs = Regs { rax: 77, ..MARKED };
    works("mov to cr2", write_cr2, regs)?;
    same!(works("mov from cr2", read_cr2, MARKED)?.r9, 77, "CR2");
    Ok(())
}

/// Is CR3 the root table's machine address, and can it be loaded, but not with other frames?
fn cr3_is_the_root() -> Outcome {
    let root = mem::machine(mem::root());
    same!(works("mov from cr3", read_cr3, MARKED)?.rax, root, "CR3");
    let with = |rax| Regs { rax, ..MARKED };
    works("mov to cr3", write_cr3, with(root))?;
    same!(works("mov from cr3", read_cr3, MARKED)?.rax, root, "CR3");
    let writable = mem::machine(mem::page());
    refused("a writable page as root", write_cr3, with(writable))?;
    refused("no frame as root", write_cr3, with(0xf_ffff_ffff_f000))?;
    let trap = user::run(write_cr3, with(root));
    is_gp("mov to cr3 of a user", &trap, user::CODE)
}

/// Does CR4 show PAE and SSE, and keep what cannot change without a word?
fn cr4_changes_silently() -> Outcome {
    let cr4 = works("mov from cr4", read_cr4, MARKED)?.rax;
    same!(cr4 & 0x620, 0x620, "PAE, OSFXSR, OSXMMEXCPT");
    let with = |rax| Regs { rax, ..MARKED };
    // VMXE, SMEP and SMAP
    works(
        "mov to cr4",
        write_cr4,
        with(cr4 | 1 << 13 | 1 << 20 | 1 << 21),
    )?;
    same!(works("mov from cr4", read_cr4, MARKED)?.rax, cr4, "CR4");
    works("setting DE", write_cr4, with(cr4 | 8))?;
    same!(
        works("mov from cr4", read_cr4, MARKED)?.rax,
        cr4 | 8,
        "CR4 with DE"
    );
    works("mov to cr4", write_cr4, with(cr4))?;
    Ok(())
}

/// Do the debug registers read as after reset, can they be cleared, and do they refuse
/// the hypervisor's addresses?
fn debug_registers_are_reset() -> Outcome {
    works("clearing them", clear_dr, MARKED)?;
    let out = works("reading them", read_dr, MARKED)?;
    same!(out.rax | out.rbx, 0, "DR0, DR1");
    same!(out.rsi, 0xffff_0ff0, "DR6");
    same!(out.rdi, 0x400, "DR7");
    let regs = Regs {
        rax: *mem::HYPERVISOR.start(),
        ..MARKED
    };
    refused("the hypervisor's address in DR0", write_dr0, regs)
}

/// Does wbinvd do nothing bad, and rdtsc count?
fn caches_and_tsc() -> Outcome {
    works("wbinvd", wbinvd, MARKED)?;
    let tsc = || works("rdtsc", rdtsc, MARKED).map(|out| out.rdx << 32 | out.rax);
    let (first, second) = (tsc()?, tsc()?);
    check!(second > first, "rdtsc: {first} and then {second}");
    Ok(())
}

/// Without virtual IOPL, do all port instructions fault?
fn ports_need_iopl() -> Outcome {
    let regs = Regs {
        rdx: 0x80,
        rdi: mem::page(),
        rsi: mem::page(),
        ..MARKED
    };
    for (name, code) in [
        ("in", in_al as Code),
        ("out", out_eax),
        ("ins", insb),
        ("outs", outsb),
    ] {
        refused(name, code, regs)?;
        let trap = user::run(code, regs);
        is_gp(name, &trap, user::CODE)?;
    }
    Ok(())
}

/// Is `int n` bounced where the gate's level admits the caller, without an error code, and
/// #GP(n*8+2) elsewhere? (Xen believes the CPU's error code, which QEMU 7.2 gets wrong.)
fn software_interrupts_by_gate() -> Outcome {
    for (dpl, kernel, user) in [(0, false, false), (1, true, false), (3, true, true)] {
        trap::set_gate(0x40, dpl, true).map_err(|e| alloc::format!("the gate: {e}"))?;
        let text = int_40 as *const () as u64;
        let traps = [
            ("kernel", kernel, text, trap::kernel(int_40, MARKED)),
            ("user", user, user::CODE, user::run(int_40, MARKED)),
        ];
        for (who, may, base, trap) in traps {
            let (kind, code, rip) = match may {
                true => (Kind::Vector(0x40), None, base + 2),
                false => (Kind::Vector(13), Some(0x202), base),
            };
            check!(
                trap.kind == kind && trap.code == code,
                "{who}, DPL {dpl}: expected {kind:?} with {code:x?}, seen {trap:x?}"
            );
            same!(trap.rip, rip, "{who}, DPL {dpl}: RIP");
        }
    }
    // A vector that has an error code as an exception: not as `int n`.
    trap::set_gate(13, 1, true).map_err(|e| alloc::format!("the gate: {e}"))?;
    let trap = trap::kernel(int_0d, MARKED);
    check!(trap.kind == Kind::Vector(13), "int 13: seen {trap:x?}");
    same!(trap.frame_at & 15, 8, "int 13: a frame of seven words");
    Ok(())
}

/// The same of `int 0x80`, which has a gate of its own? (Xen does not ask for its level.)
fn int_0x80_by_gate() -> Outcome {
    let text = int_80 as *const () as u64;
    for (place, base) in [("kernel", text), ("user", user::CODE)] {
        let run = || match place {
            "user" => user::run(int_80, MARKED),
            _ => trap::kernel(int_80, MARKED),
        };
        trap::init().map_err(|e| alloc::format!("the trap table: {e}"))?;
        trap::set_gate(0x80, 0, true).map_err(|e| alloc::format!("the gate: {e}"))?;
        let trap = run();
        check!(
            trap.kind == Kind::Vector(13) && trap.code == Some(0x402),
            "{place}, closed: expected #GP(0x402), seen {trap:x?}"
        );
        same!(trap.rip, base, "{place}, closed: RIP");
        trap::set_gate(0x80, 3, true).map_err(|e| alloc::format!("the gate: {e}"))?;
        let trap = run();
        check!(trap.kind == Kind::Vector(0x80), "{place}: seen {trap:x?}");
        same!(trap.rip, base + 2, "{place}: RIP");
    }
    Ok(())
}

/// Does TF trap behind an emulated instruction as behind others?
fn single_step_over_an_emulated_instruction() -> Outcome {
    let regs = Regs {
        rcx: GS_BASE,
        ..MARKED
    };
    let trap = trap::kernel(stepped_rdmsr, regs);
    check!(trap.kind == Kind::Vector(1), "expected #DB, seen {trap:x?}");
    same!(trap.rip, trap.regs.rbx, "RIP");
    Ok(())
}
