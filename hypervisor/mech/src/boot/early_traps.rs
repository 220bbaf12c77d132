//! A boot IDT whose every gate ends in a panic, for the time before the kernel's own.

use super::constants::BOOT_CS;
use crate::last_words::{self, Registers};
use core::sync::atomic::{AtomicU64, Ordering};

const VECTORS: usize = 32;
/// Vectors for which the CPU pushes an error code (SDM vol. 3, table 6-1).
const WITH_ERROR_CODE: u64 = 1 << 8 | 0b11111 << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30;
/// Distance of two stubs.
const STUB_SIZE: u64 = 16;

unsafe extern "C" {
    static boot_trap_stubs: u8;
}

core::arch::global_asm!(
    include_str!("early_traps.s"),
    VECTORS = const VECTORS,
    WITH_ERROR_CODE = const WITH_ERROR_CODE,
    report = sym report,
);

/// Two words for each gate. Atomics, because every CPU that starts reads them.
static IDT: [AtomicU64; VECTORS * 2] = [const { AtomicU64::new(0) }; VECTORS * 2];

/// What the stubs leave on the stack.
#[repr(C)]
struct Trap {
    r15: u64,
    r14: u64,
    r13: u64,
    r12: u64,
    r11: u64,
    r10: u64,
    r9: u64,
    r8: u64,
    rbp: u64,
    rdi: u64,
    rsi: u64,
    rdx: u64,
    rcx: u64,
    rbx: u64,
    rax: u64,
    vector: u64,
    error_code: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

/// Fills the boot IDT and loads it on this CPU.
pub fn load() {
    for vector in 0..VECTORS {
        let handler = &raw const boot_trap_stubs as u64 + vector as u64 * STUB_SIZE;
        let gate = 0x8e00_u64 << 32 // present, DPL 0, interrupt gate
            | (handler & 0xffff)
            | u64::from(BOOT_CS) << 16
            | (handler >> 16 & 0xffff) << 48;
        IDT[vector * 2].store(gate, Ordering::Relaxed);
        IDT[vector * 2 + 1].store(handler >> 32, Ordering::Relaxed);
    }
    let pointer = x86_64::structures::DescriptorTablePointer {
        limit: (size_of_val(&IDT) - 1) as u16,
        base: x86_64::VirtAddr::from_ptr(&raw const IDT),
    };
    // SAFETY: every gate leads to a stub of the image, at an address that stays mapped.
    unsafe { x86_64::instructions::tables::lidt(&pointer) };
}

extern "C" fn report(trap: &Trap) -> ! {
    if trap.vector == 2 && last_words::is_stopping() {
        last_words::halt();
    }
    last_words::exception(
        trap.vector as u8,
        trap.error_code,
        &Registers {
            rax: trap.rax,
            rbx: trap.rbx,
            rcx: trap.rcx,
            rdx: trap.rdx,
            rsi: trap.rsi,
            rdi: trap.rdi,
            rbp: trap.rbp,
            rsp: trap.rsp,
            r8: trap.r8,
            r9: trap.r9,
            r10: trap.r10,
            r11: trap.r11,
            r12: trap.r12,
            r13: trap.r13,
            r14: trap.r14,
            r15: trap.r15,
            rip: trap.rip,
            rflags: trap.rflags,
            cs: trap.cs,
            ss: trap.ss,
        },
    )
}
