//! Descriptors, the tables they lie in, and what becomes of code that uses them.

use core::arch::asm;

use alloc::string::String;
use pv_guest_abi::hypercall::{SET_GDT, SET_SEGMENT_BASE, UPDATE_DESCRIPTOR};

use super::trap::{self, Code, Kind, Regs, Trap};
use super::{Outcome, at, hypercall, mem, user};

/// Descriptor of 64-bit code.
pub const CODE64: u64 = 0x00af_9a00_0000_ffff;
/// Descriptor of flat data.
pub const DATA: u64 = 0x00cf_9200_0000_ffff;
/// Descriptor of flat 32-bit code.
pub const CODE32: u64 = 0x00cf_9a00_0000_ffff;
/// The present bit of a descriptor.
pub const PRESENT: u64 = 1 << 47;
/// Descriptor privilege level 3.
pub const DPL3: u64 = 3 << 45;
/// The accessed bit: set by the CPU at the latest when a descriptor is used.
pub const ACCESSED: u64 = 1 << 40;
/// The ring that the CPU has this kernel in.
pub fn ring() -> u64 {
    let cs: u64;
    // SAFETY: reading a selector.
    unsafe { asm!("mov {0:e}, cs", out(reg) cs, options(nomem, nostack, preserves_flags)) };
    cs & 3
}

/// The kernel's own selector of entry `index` of the GDT.
pub fn kernel_selector(index: u64) -> u64 {
    index << 3 | ring()
}

/// Makes a page of descriptors from the list; null descriptors behind it. Nobody maps it writable.
pub fn page_of(descriptors: &[u64]) -> u64 {
    let page = mem::page();
    for (index, &descriptor) in descriptors.iter().enumerate() {
        mem::write(page + index as u64 * 8, descriptor);
    }
    assert_eq!(mem::freeze(page), 0, "descriptors are made read-only");
    page
}

/// `set_gdt` with the frames of some pages.
pub fn set_gdt(pages: &[u64], entries: u32) -> i64 {
    let mut frames = [0; 16];
    for (frame, &page) in frames.iter_mut().zip(pages) {
        *frame = mem::mfn(page);
    }
    hypercall(SET_GDT, &[at(&frames), entries.into()])
}

/// A GDT of one page: its address.
pub fn install(descriptors: &[u64]) -> Result<u64, String> {
    let page = page_of(descriptors);
    returns!(set_gdt(&[page], 512), 0, "set_gdt");
    Ok(page)
}

/// `update_descriptor` at an address.
pub fn update(address: u64, descriptor: u64) -> i64 {
    hypercall(UPDATE_DESCRIPTOR, &[mem::machine(address), descriptor])
}

/// Runs kernel code that must return: its registers.
pub fn works(what: &str, code: Code, rdi: u64) -> Result<Regs, String> {
    let trap = trap::kernel(
        code,
        Regs {
            rdi,
            ..Regs::MARKED
        },
    );
    check!(
        trap.kind == Kind::Returned,
        "{what}: expected no trap, seen {trap:x?}"
    );
    Ok(trap.regs)
}

/// Expects an exception with an error code.
pub fn faults(what: &str, trap: &Trap, vector: u8, code: u64) -> Outcome {
    check!(
        trap.kind == Kind::Vector(vector) && trap.code == Some(code),
        "{what}: expected exception {vector} with code {code:#x}, seen {trap:x?}"
    );
    Ok(())
}

/// Expects that user code made a system call: its registers.
pub fn called(what: &str, trap: &Trap) -> Result<Regs, String> {
    check!(
        trap.kind == Kind::Syscall,
        "{what}: expected a system call, seen {trap:x?}"
    );
    Ok(trap.regs)
}

/// A data segment of level 3 with a limit in bytes.
pub const fn limited(limit: u64) -> u64 {
    0x0040_f200_0000_0000 | limit
}

/// A word that is found by a base, and a descriptor of level 3 with that base.
pub fn based(word: u64) -> (u64, u64) {
    // User data lies below 4 GiB, where descriptors reach.
    mem::write(user::space().data + 0x40, word);
    let base = user::DATA + 0x40;
    let descriptor = DATA | DPL3 | (base & 0xff_ffff) << 16 | base >> 24 << 56;
    (base, descriptor)
}

/// `set_segment_base`.
pub fn set_base(which: u32, base: u64) -> i64 {
    hypercall(SET_SEGMENT_BASE, &[which.into(), base])
}
