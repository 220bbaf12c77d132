//! What a context may hold, and what becomes of it.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use guest_kernel_stub::{Xen, vcpus};
use pv_guest_abi::errno::{EBUSY, EEXIST, EINVAL};
use pv_guest_abi::mmu::MMUEXT_PIN_L4_TABLE;
use pv_guest_abi::vcpu::*;
use pv_guest_abi::xen_x86::{VGCF_I387_VALID, VGCF_IN_KERNEL, VcpuGuestContext, pfn_to_cr3};

use super::probes;
use crate::kit::vcpus::{at_least, context, initialise, op, until};
use crate::kit::{Outcome, event, mem};

probes!(vcpus:
    registers_are_as_given,
    bad_addresses_are_refused,
    bad_roots_are_refused,
    user_mode_needs_a_user_root,
    hypervisor_addresses_are_refused only_here,
    refusals_leave_no_trace only_here,
    unpinned_root_is_validated,
);

/// An address that is in neither half.
const NON_CANONICAL: u64 = 0x0000_8000_0000_0000;

/// What the new vCPU writes down: its GS base leads here.
#[repr(C, align(64))]
struct Seen {
    registers: [AtomicU64; 16],
    rflags: AtomicU64,
    fs_word: AtomicU64,
    cs: AtomicU64,
    ss: AtomicU64,
    xmm0: [AtomicU64; 2],
    xmm15: [AtomicU64; 2],
    mxcsr: AtomicU64,
    fcw: AtomicU64,
    done: AtomicU64,
}

static SEEN: Seen = Seen {
    registers: [const { AtomicU64::new(0) }; 16],
    rflags: AtomicU64::new(0),
    fs_word: AtomicU64::new(0),
    cs: AtomicU64::new(0),
    ss: AtomicU64::new(0),
    xmm0: [const { AtomicU64::new(0) }; 2],
    xmm15: [const { AtomicU64::new(0) }; 2],
    mxcsr: AtomicU64::new(0),
    fcw: AtomicU64::new(0),
    done: AtomicU64::new(0),
};
static FS_WORD: AtomicU64 = AtomicU64::new(0xf5f5_0123_4567_f5f5);

code! {
    /// Writes all it finds to where GS leads, then waits to be taken down.
    look_around:
        "mov gs:[0*8], rax", "mov gs:[1*8], rbx", "mov gs:[2*8], rcx", "mov gs:[3*8], rdx",
        "mov gs:[4*8], rsi", "mov gs:[5*8], rdi", "mov gs:[6*8], rbp", "mov gs:[7*8], rsp",
        "mov gs:[8*8], r8", "mov gs:[9*8], r9", "mov gs:[10*8], r10", "mov gs:[11*8], r11",
        "mov gs:[12*8], r12", "mov gs:[13*8], r13", "mov gs:[14*8], r14", "mov gs:[15*8], r15",
        "pushfq", "pop rax", "mov gs:[16*8], rax",
        "mov rax, fs:[0]", "mov gs:[17*8], rax",
        "mov eax, cs", "mov gs:[18*8], rax",
        "mov eax, ss", "mov gs:[19*8], rax",
        "movups gs:[20*8], xmm0", "movups gs:[22*8], xmm15",
        "stmxcsr gs:[24*8]", "fnstcw gs:[25*8]",
        "mov dword ptr gs:[26*8], 1",
        "2:", "pause", "jmp 2b";
}

/// Does a vCPU begin with exactly the registers of its context, floating point ones and
/// segment bases too, in the kernel's privilege, interruptible, its events masked?
fn registers_are_as_given() -> Outcome {
    at_least(2)?;
    let mut given = context(1, unreachable);
    given.flags = VGCF_IN_KERNEL | VGCF_I387_VALID;
    let regs = &mut given.user_regs;
    (regs.rax, regs.rbx, regs.rcx, regs.rdx) = (0xa, 0xb, 0xc, 0xd);
    (regs.rsi, regs.rdi, regs.rbp) = (0x51, 0xd1, 0xb9);
    (regs.r8, regs.r9, regs.r10, regs.r11) = (8, 9, 10, 11);
    (regs.r12, regs.r13, regs.r14, regs.r15) = (12, 13, 14, u64::MAX);
    regs.rip = look_around as *const () as usize as u64;
    // IF clear and IOPL 1, as Linux gives it; CF and DF to be kept.
    regs.rflags = 0x1000 | 0x400 | 1;
    // Its own selectors would be of the guest's GDT; ours has none.
    given.fs_base = &raw const FS_WORD as u64;
    given.gs_base_kernel = &raw const SEEN as u64;
    given.gs_base_user = 0x1234_5000;
    given.fpu_ctxt[0..2].copy_from_slice(&0x027f_u16.to_le_bytes());
    given.fpu_ctxt[24..28].copy_from_slice(&0x9f80_u32.to_le_bytes());
    for (byte, value) in given.fpu_ctxt[160..416].iter_mut().zip(0..=255) {
        *byte = value;
    }
    let rsp = given.user_regs.rsp;
    returns!(initialise(1, &given), 0, "initialise");
    returns!(op(VCPUOP_UP, 1, 0), 0, "up");
    until("vCPU 1 has looked around", || SEEN.done.load(SeqCst) == 1)?;
    returns!(op(VCPUOP_DOWN, 1, 0), 0, "down");
    let expected = [
        0xa,
        0xb,
        0xc,
        0xd,
        0x51,
        0xd1,
        0xb9,
        rsp,
        8,
        9,
        10,
        11,
        12,
        13,
        14,
        u64::MAX,
    ];
    for (number, (seen, wanted)) in SEEN.registers.iter().zip(expected).enumerate() {
        same!(seen.load(SeqCst), wanted, "register {number}");
    }
    let flags = SEEN.rflags.load(SeqCst);
    same!(flags & 0x3601, 0x0601, "IOPL, DF, IF, CF ({flags:#x})");
    same!(SEEN.fs_word.load(SeqCst), FS_WORD.load(SeqCst), "fs:[0]");
    let (cs, ss) = (SEEN.cs.load(SeqCst), SEEN.ss.load(SeqCst));
    check!(
        cs & 3 != 0 && ss & 3 == cs & 3,
        "expected selectors of one ring that is not 0, seen CS {cs:#x}, SS {ss:#x}"
    );
    same!(SEEN.xmm0[0].load(SeqCst), 0x0706_0504_0302_0100, "xmm0");
    same!(SEEN.xmm15[1].load(SeqCst), 0xfffe_fdfc_fbfa_f9f8, "xmm15");
    same!(SEEN.mxcsr.load(SeqCst), 0x9f80, "MXCSR");
    same!(SEEN.fcw.load(SeqCst), 0x027f, "FCW");
    // SAFETY: reads a byte of a page that is mapped for good.
    let mask =
        unsafe { (&raw const (*event::shared()).vcpu_info[1].evtchn_upcall_mask).read_volatile() };
    same!(mask, 1, "event mask of a vCPU that never touched it");
    Ok(())
}

/// What a context is changed to.
type Change = fn(&mut VcpuGuestContext);

/// Changes whose context must be refused.
const BAD_ADDRESSES: &[(&str, Change)] = &[
    ("rip", |c| c.user_regs.rip = NON_CANONICAL),
    ("rsp", |c| c.user_regs.rsp = NON_CANONICAL),
    ("kernel_sp", |c| c.kernel_sp = NON_CANONICAL),
    ("fs_base", |c| c.fs_base = NON_CANONICAL),
    ("gs_base_kernel", |c| c.gs_base_kernel = NON_CANONICAL),
    ("gs_base_user", |c| c.gs_base_user = NON_CANONICAL),
    ("event callback", |c| c.event_callback_eip = NON_CANONICAL),
    ("failsafe callback", |c| {
        c.failsafe_callback_eip = NON_CANONICAL
    }),
    ("syscall callback", |c| {
        c.syscall_callback_eip = NON_CANONICAL
    }),
    ("gate 0", |c| c.trap_ctxt[0].address = NON_CANONICAL),
    ("gate 255", |c| c.trap_ctxt[255].address = NON_CANONICAL),
    ("LDT base", |c| {
        (c.ldt_base, c.ldt_ents) = (NON_CANONICAL, 1)
    }),
    ("LDT base not on a page", |c| {
        (c.ldt_base, c.ldt_ents) = (0x1008, 1)
    }),
    ("LDT too long", |c| {
        (c.ldt_base, c.ldt_ents) = (0x1000, 8193)
    }),
    ("GDT too long", |c| c.gdt_ents = 7169),
    ("GDT frame that is none", |c| {
        (c.gdt_ents, c.gdt_frames[0]) = (16, u64::MAX >> 12)
    }),
    ("GDT frame that is written to", |c| {
        (c.gdt_ents, c.gdt_frames[0]) = (16, mem::mfn(mem::page()));
    }),
];

/// Are addresses refused that no CPU takes, and descriptor tables that cannot be?
fn bad_addresses_are_refused() -> Outcome {
    at_least(2)?;
    for (what, change) in BAD_ADDRESSES {
        let mut given = context(1, unreachable);
        change(&mut given);
        returns!(initialise(1, &given), -EINVAL, "{what}");
    }
    still_without_context()
}

fn still_without_context() -> Outcome {
    returns!(op(VCPUOP_UP, 1, 0), -EINVAL, "up after all the refusals");
    Ok(())
}

/// A context on this root.
fn on_root(cr3: u64) -> Box<VcpuGuestContext> {
    let mut given = context(1, unreachable);
    given.ctrlreg[3] = cr3;
    given
}

/// Are root tables refused that are none, are somebody else's, or can be written to?
fn bad_roots_are_refused() -> Outcome {
    at_least(2)?;
    let page = mem::page();
    let lower = mem::table(mem::read(mem::root() + mem::index(page, 4) * 8));
    for (what, mfn) in [
        ("frame 0", 0),
        ("a frame beyond memory", 0xff_ffff_ffff),
        ("a page that can be written to", mem::mfn(page)),
        ("an L3 table", mem::mfn(lower)),
        (
            "the shared info",
            mem::read(mem::entry_at(event::shared() as u64, 1)) >> 12 & 0xff_ffff_ffff,
        ),
        ("the hypervisor's M2P", 0x100),
    ] {
        returns!(
            initialise(1, &on_root(pfn_to_cr3(mfn))),
            -EINVAL,
            "kernel root: {what}"
        );
        let mut given = context(1, unreachable);
        given.ctrlreg[1] = pfn_to_cr3(mfn);
        if mfn != 0 {
            returns!(initialise(1, &given), -EINVAL, "user root: {what}");
        }
    }
    still_without_context()
}

/// Is a context in user mode refused that names no user root?
fn user_mode_needs_a_user_root() -> Outcome {
    at_least(2)?;
    let mut given = context(1, unreachable);
    given.flags = 0;
    returns!(
        initialise(1, &given),
        -EINVAL,
        "user mode without a user root"
    );
    still_without_context()?;
    given.ctrlreg[1] = given.ctrlreg[3];
    returns!(initialise(1, &given), 0, "user mode with one");
    Ok(())
}

/// Are stacks and handlers in the hypervisor's addresses refused? (Xen takes them, and pays
/// for that at each use.)
fn hypervisor_addresses_are_refused() -> Outcome {
    at_least(2)?;
    const HYPERVISORS: u64 = 0xffff_8080_0000_0000;
    let changes: &[(&str, Change)] = &[
        ("kernel_sp", |c| c.kernel_sp = HYPERVISORS),
        ("event callback", |c| c.event_callback_eip = HYPERVISORS),
        ("failsafe callback", |c| {
            c.failsafe_callback_eip = HYPERVISORS
        }),
        ("syscall callback", |c| c.syscall_callback_eip = HYPERVISORS),
        ("gate 14", |c| c.trap_ctxt[14].address = HYPERVISORS),
    ];
    for (what, change) in changes {
        let mut given = context(1, unreachable);
        change(&mut given);
        returns!(initialise(1, &given), -EINVAL, "{what}");
    }
    still_without_context()
}

/// Does a refused context leave its frames as they were, and the vCPU ready for a good one? (Xen keeps
/// the good one of two roots until the domain ends.)
fn refusals_leave_no_trace() -> Outcome {
    at_least(2)?;
    let root = copy_of_root()?;
    // The kernel root is good, the user root is not: the reference to the first is given back.
    let mut given = on_root(pfn_to_cr3(mem::mfn(root)));
    given.ctrlreg[1] = pfn_to_cr3(mem::mfn(mem::page()));
    for _ in 0..20 {
        returns!(initialise(1, &given), -EINVAL, "a bad user root");
    }
    returns!(mem::thaw(root), 0, "the kernel root becomes memory again");
    returns!(initialise(1, &context(1, unreachable)), 0, "a good context");
    returns!(initialise(1, &given), -EEXIST, "the bad one afterwards");
    Ok(())
}

/// A table that could be a root: the kernel's own entries.
fn copy_of_root() -> Result<u64, alloc::string::String> {
    let copy = mem::page();
    for slot in (0..256).chain(272..512) {
        mem::write(copy + slot * 8, mem::read(mem::root() + slot * 8));
    }
    returns!(mem::freeze(copy), 0, "a root becomes read-only");
    Ok(copy)
}

static RAN: AtomicU64 = AtomicU64::new(0);

/// Is a root table that was never pinned validated by the context, held by the vCPU, and used?
fn unpinned_root_is_validated() -> Outcome {
    at_least(2)?;
    let root = copy_of_root()?;
    let mut given = context(1, runs_on_it);
    given.ctrlreg[3] = pfn_to_cr3(mem::mfn(root));
    returns!(initialise(1, &given), 0, "initialise");
    returns!(mem::thaw(root), -EBUSY, "making the root writable again");
    returns!(op(VCPUOP_UP, 1, 0), 0, "up");
    until("vCPU 1 runs", || RAN.load(SeqCst) == 1)?;
    returns!(op(VCPUOP_DOWN, 1, 0), 0, "down");
    returns!(
        mem::thaw(root),
        -EBUSY,
        "making the root of a vCPU that is down writable"
    );
    let pinned = mem::mmuext(MMUEXT_PIN_L4_TABLE, mem::mfn(root), 0);
    returns!(pinned, 0, "pinning it as well");
    Ok(())
}

extern "C" fn runs_on_it() -> ! {
    RAN.store(1, SeqCst);
    loop {
        let _ = Xen::block();
    }
}

extern "C" fn unreachable() -> ! {
    let _ = vcpus::this();
    loop {
        core::hint::spin_loop();
    }
}
