//! What interrupts ring 0: interrupts it lets in while waiting, NMIs, and faults
//! that must not happen.

use super::Regs;
use super::vectors::{self, GENERAL_PROTECTION, PAGE_FAULT, SEGMENT_NOT_PRESENT};
use crate::last_words::{self, Registers};
use crate::{apic, debug, percpu, segments};
use core::arch::asm;
use xenolith_rules::trap::rflags;

/// Halts this pCPU until an interrupt has come, which is noted for [`take_noted`].
///
/// Returns at once when one was noted before.
pub fn wait_for_interrupt() {
    if percpu::this().has_noted() {
        return;
    }
    // SAFETY: the IDT and this pCPU's stack are in place (init_cpu); handlers of
    // external interrupts in ring 0 only note the vector. STI takes effect after
    // HLT has begun, so a wake-up cannot slip in between.
    unsafe { asm!("sti", "hlt", "cli") };
}

/// Lets pending interrupts in for a moment; they are noted for [`take_noted`].
pub fn poll_interrupts() {
    // SAFETY: as for `wait_for_interrupt`.
    unsafe { asm!("sti", "nop", "cli") };
}

/// Takes one noted interrupt vector of this pCPU.
pub fn take_noted() -> Option<u8> {
    percpu::this().take_noted()
}

/// An exception or interrupt came in ring 0, on whichever stack was in use.
#[unsafe(no_mangle)]
extern "sysv64" fn xl_ring0_interrupted(regs: &mut Regs) {
    let vector = regs.entry_vector as u8;
    match vector {
        vectors::DEBUG => {
            // A guest's breakpoint that was held back by MOV SS and fell due after SYSCALL or
            // INT had entered ring 0. It is a trap: what it names has happened.
            debug::note_breakpoints();
            regs.rflags &= !rflags::TF;
        }
        v if v >= vectors::FIRST_INTERRUPT => {
            percpu::this().note(v);
            apic::eoi();
        }
        _ => match segments::fixup(regs.rip) {
            Some(rip) if GUESTS_FAULTS.contains(&vector) => regs.rip = rip,
            _ => fatal(regs),
        },
    }
}

/// What a selector that a guest chose can raise when it is loaded.
const GUESTS_FAULTS: [u8; 3] = [GENERAL_PROTECTION, SEGMENT_NOT_PRESENT, PAGE_FAULT];

/// NMI, #DF or #MC, on that vector's own stack, over anything.
#[unsafe(no_mangle)]
extern "sysv64" fn xl_paranoid_handler(regs: &mut Regs) {
    if regs.entry_vector as u8 != vectors::NMI {
        fatal(regs);
    }
    if last_words::is_stopping() {
        last_words::halt();
    }
    // Else it has no meaning to us. No word about it: this may have interrupted the
    // very code that holds the console.
}

/// A fault of our own, or of the machine's.
fn fatal(regs: &Regs) -> ! {
    last_words::exception(
        regs.entry_vector as u8,
        u64::from(regs.error_code),
        &regs.into(),
    )
}

impl From<&Regs> for Registers {
    fn from(regs: &Regs) -> Self {
        Self {
            rax: regs.rax,
            rbx: regs.rbx,
            rcx: regs.rcx,
            rdx: regs.rdx,
            rsi: regs.rsi,
            rdi: regs.rdi,
            rbp: regs.rbp,
            rsp: regs.rsp,
            r8: regs.r8,
            r9: regs.r9,
            r10: regs.r10,
            r11: regs.r11,
            r12: regs.r12,
            r13: regs.r13,
            r14: regs.r14,
            r15: regs.r15,
            rip: regs.rip,
            rflags: regs.rflags,
            cs: regs.cs,
            ss: regs.ss,
        }
    }
}
