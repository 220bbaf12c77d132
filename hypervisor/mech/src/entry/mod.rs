//! From a guest into ring 0 and back.
//!
//! While a guest runs, CR3 holds a root of the guest's with two slots of ours:
//! the M2P and the *entry area* ([`area`]). An exit (exception, interrupt,
//! SYSCALL) therefore starts in the entry area, loads the hypervisor's CR3, and
//! only then touches hypervisor memory:
//!
//! ```text
//!             guest CR3                        |            hypervisor CR3
//!                                              |
//!  ring 1/3 --trap--> entry stack: SS..RIP,    |
//!                     error+vector, GPRs ----mov cr3---> run_rsp; copy to Regs; return from run()
//!                                              |
//!  ring 1/3 <--iretq- entry stack <--pop------mov cr3--- copy of Regs on the entry stack
//! ```
//!
//! To the rest of the hypervisor this is a function call: [`run`] enters the
//! guest and returns when it is back, saying why ([`Exit`]). Ring 0 has IF=0, so
//! nothing interrupts Rust but NMI, #MC and #DF, which have stacks of their own;
//! an external interrupt arrives while a guest runs (and is its exit), or in
//! [`wait_for_interrupt`], which notes it.
//!
//! The entry stack is writable by ring 1 while the guest runs; what lies on it
//! is trusted only between an exit and its copy to [`Regs`], a span in which
//! this pCPU runs nothing of the guest's, and no other pCPU has these frames in
//! a guest root. Nothing but the guest's own registers is ever left on it.
//!
//! Ring 0 can fault on account of a guest at `xl_iret_to_guest` (bad CS, SS or RIP),
//! which becomes [`Exit::IretFault`], and where a vCPU's data selectors are loaded
//! ([`crate::segments`]). Any other ring-0 exception is a bug and ends in a panic; but a
//! guest's breakpoint that fell due in ring 0 is noted for the guest ([`crate::debug`]).

pub mod area;
mod descriptors;
mod interrupts;
pub mod regs;
pub mod windows;

use crate::{mm, percpu};
use core::arch::global_asm;
pub use descriptors::init_cpu;
pub use interrupts::{poll_interrupts, take_noted, wait_for_interrupt};
pub use regs::Regs;
use regs::{IRET_FAULTED, REGS_WORDS, SYSCALL_VECTOR, SYSCALL32_VECTOR};
use x86_64::registers::control::Cr2;
use xenolith_rules::trap::selectors;
use xenolith_rules::types::Mfn;

/// Bytes between two IDT stubs.
const STUB_STRIDE: usize = 16;

/// Exception vectors that the hypervisor treats by name (SDM volume 3, table 6-1).
#[allow(missing_docs)]
pub mod vectors {
    pub const DEBUG: u8 = 1;
    pub const NMI: u8 = 2;
    pub const BREAKPOINT: u8 = 3;
    pub const OVERFLOW: u8 = 4;
    pub const INVALID_OPCODE: u8 = 6;
    pub const DEVICE_NOT_AVAILABLE: u8 = 7;
    pub const DOUBLE_FAULT: u8 = 8;
    pub const SEGMENT_NOT_PRESENT: u8 = 11;
    pub const GENERAL_PROTECTION: u8 = 13;
    pub const PAGE_FAULT: u8 = 14;
    pub const MACHINE_CHECK: u8 = 18;
    /// The first vector that is not an exception.
    pub const FIRST_EXTERNAL: u8 = 0x20;
    /// Linux's 32-bit system call.
    pub const INT80: u8 = 0x80;
    /// First of the hypervisor's own interrupt vectors.
    pub const FIRST_INTERRUPT: u8 = 0xe0;
}

global_asm!(
    include_str!("entry.s"),
    stub_stride = const STUB_STRIDE,
    nmi = const vectors::NMI as u32,
    double_fault = const vectors::DOUBLE_FAULT as u32,
    debug = const vectors::DEBUG as u32,
    first_external = const vectors::FIRST_EXTERNAL as u32,
    machine_check = const vectors::MACHINE_CHECK as u32,
    // Behind the error/vector word: RIP, CS.
    word_rip = const 8u32,
    word_cs = const 16u32,
    regs_words = const REGS_WORDS,
    regs_size = const size_of::<Regs>(),
    regs_error_code = const core::mem::offset_of!(Regs, error_code),
    regs_entry_vector = const core::mem::offset_of!(Regs, entry_vector),
    user_ss = const selectors::USER_DATA as u32,
    user_cs = const selectors::USER_CODE64 as u32,
    user_cs32 = const selectors::USER_CODE32 as u32,
    syscall_vector = const SYSCALL_VECTOR,
    syscall32_vector = const SYSCALL32_VECTOR,
    iret_faulted_flag = const IRET_FAULTED,
);

unsafe extern "sysv64" {
    fn xl_enter_guest(regs: *mut Regs, guest_cr3: u64);
}

/// Why a guest came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 64-bit SYSCALL, from ring 1 or 3: the CPU does not tell which.
    Syscall,
    /// SYSCALL from compatibility mode (AMD).
    Syscall32,
    /// An exception, or `int n` through a gate open to guests.
    Exception {
        /// IDT vector.
        vector: u8,
        /// The CPU's error code, 0 where the vector has none.
        error_code: u32,
        /// CR2 as of the exit; meaningful for page faults.
        cr2: u64,
    },
    /// An interrupt for the hypervisor.
    Interrupt {
        /// IDT vector.
        vector: u8,
    },
    /// The guest's context could not be loaded: CS, SS or RIP is bad.
    IretFault {
        /// Vector of the fault that IRETQ raised.
        vector: u8,
        /// Its error code.
        error_code: u32,
        /// CR2; meaningful for page faults, which a selector of the LDT can raise.
        cr2: u64,
    },
}

/// The ring that a saved CS tells.
pub fn ring(regs: &Regs) -> u8 {
    (regs.cs & 3) as u8
}

/// Enters the guest with `regs` on `root` and returns when it is back.
///
/// `regs` must name a context of ring 1 or 3: callers build it from checked
/// values. `root` is this pCPU's guest root ([`crate::mm::load_guest_root`]).
///
/// # Panics
/// If `regs` would run in ring 0.
pub fn run(regs: &mut Regs, root: Mfn) -> Exit {
    assert!(ring(regs) != 0, "a guest context of ring 0");
    percpu::leave_ring0();
    mm::refresh_guest_root();
    windows::refresh();
    // SAFETY: the CS is not ring 0's, so IRETQ leaves to the guest or faults
    // into `iret_faulted`; `root` maps the entry area as this pCPU's own root
    // does (built by `area`), so the code survives both CR3 loads; xl_enter_guest
    // keeps the callee-saved registers and returns on this stack.
    unsafe { xl_enter_guest(regs, root.maddr()) };
    percpu::enter_ring0();
    why(regs)
}

fn why(regs: &mut Regs) -> Exit {
    let error_code = regs.error_code;
    let vector = regs.entry_vector as u8;
    if regs.entry_vector & IRET_FAULTED != 0 {
        return Exit::IretFault {
            vector,
            error_code,
            cr2: Cr2::read_raw(),
        };
    }
    match regs.entry_vector {
        SYSCALL_VECTOR => Exit::Syscall,
        SYSCALL32_VECTOR => Exit::Syscall32,
        v if v >= u32::from(vectors::FIRST_INTERRUPT) => Exit::Interrupt { vector },
        _ => Exit::Exception {
            vector,
            error_code,
            cr2: Cr2::read_raw(),
        },
    }
}
