//! GDT, IDT, TSS and the SYSCALL registers of a pCPU.
//!
//! GDT, IDT and TSS are mapped read-only even here (CR0.WP), so what the CPU
//! would write into them is set beforehand: accessed bits by the constants
//! below, the TSS's busy bit by LTR through the direct map.

use super::area::EntryArea;
use super::{STUB_STRIDE, vectors};
use crate::{layout, mm};
use core::arch::asm;
use x86_64::VirtAddr;
use x86_64::instructions::tables::{lgdt, lidt, load_tss};
use x86_64::registers::model_specific::{Efer, EferFlags, LStar, Msr};
use x86_64::registers::segmentation::{CS, Segment};
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::SegmentSelector;
use x86_64::structures::tss::TaskStateSegment;
use xenolith_rules::trap::selectors;

/// First selector of the hypervisor's GDT page.
const FIRST: u16 = selectors::FIRST_RESERVED;
/// Last byte of the GDT: 14 pages of the guest's and one of ours.
const GDT_LIMIT: u16 = 0xefff;

/// Descriptor bits (SDM volume 3, 3.4.5); all with the accessed bit set.
mod bits {
    const COMMON: u64 = 1 << 47 | 1 << 44 | 1 << 40; // present, code or data, accessed
    const FLAT: u64 = 0x00cf_0000_0000_ffff & !(1 << 54); // 4 GiB by pages, D/B clear
    const WRITABLE: u64 = 1 << 41; // data: writable, code: readable
    const CODE: u64 = 1 << 43;
    const LONG: u64 = 1 << 53;
    const BIG: u64 = 1 << 54;
    const fn dpl(ring: u64) -> u64 {
        ring << 45
    }
    pub const fn code64(ring: u64) -> u64 {
        COMMON | FLAT | WRITABLE | CODE | LONG | dpl(ring)
    }
    pub const fn code32(ring: u64) -> u64 {
        COMMON | FLAT | WRITABLE | CODE | BIG | dpl(ring)
    }
    pub const fn data(ring: u64) -> u64 {
        COMMON | FLAT | WRITABLE | BIG | dpl(ring)
    }
    /// A system descriptor of `kind` at `base`, up to 64 KiB long: two words.
    pub const fn system(kind: u64, base: u64, limit: u64) -> [u64; 2] {
        let low =
            limit | (base & 0xff_ffff) << 16 | kind << 40 | 1 << 47 | ((base >> 24) & 0xff) << 56;
        [low, base >> 32]
    }
}

/// Types of system descriptors: an available 64-bit TSS, an LDT.
const AVAILABLE_TSS: u64 = 9;
const LDT: u64 = 2;

/// The descriptor of the LDT window, cut at `limit`.
pub(super) fn ldt(limit: u64) -> [u64; 2] {
    bits::system(LDT, layout::ENTRY_LDT, limit)
}

/// Interrupt stack table slots (1-based, as gates name them).
pub(super) fn ist_of(vector: u8) -> u8 {
    match vector {
        vectors::NMI => 1,
        vectors::DOUBLE_FAULT => 2,
        vectors::MACHINE_CHECK => 3,
        vectors::DEBUG => 4,
        _ => 0,
    }
}

unsafe extern "C" {
    static xl_vector_stubs: u8;
    fn xl_syscall_entry();
    fn xl_syscall32_entry();
}

/// The hypervisor's GDT page.
pub(super) fn gdt_page() -> [u64; 512] {
    let mut page = [0; 512];
    let mut set = |selector: u16, bits: u64| page[usize::from((selector & !7) - FIRST) / 8] = bits;
    set(selectors::HV_CODE64, bits::code64(0));
    set(selectors::HV_DATA, bits::data(0));
    set(selectors::USER_CODE32, bits::code32(3));
    set(selectors::USER_DATA, bits::data(3));
    set(selectors::USER_CODE64, bits::code64(3));
    set(selectors::KERNEL_CODE64, bits::code64(1));
    set(selectors::KERNEL_DATA, bits::data(1));
    let limit = size_of::<TaskStateSegment>() as u64 - 1;
    let tss = bits::system(AVAILABLE_TSS, layout::ENTRY_TSS, limit);
    set(selectors::TSS, tss[0]);
    set(selectors::TSS + 8, tss[1]);
    page
}

/// The IDT: every gate an interrupt gate to its stub. Guests may raise only
/// `int3`, `into` and `int 0x80` directly; any other `int n` is a #GP, which the
/// hypervisor looks up in the guest's own trap table.
pub(super) fn idt_page() -> [u64; 512] {
    let mut page = [0; 512];
    for vector in 0..=255u8 {
        let stub = &raw const xl_vector_stubs as u64 + u64::from(vector) * STUB_STRIDE as u64;
        let dpl = match vector {
            vectors::BREAKPOINT | vectors::OVERFLOW | vectors::INT80 => 3,
            _ => 0,
        };
        let gate = &mut page[usize::from(vector) * 2..][..2];
        gate[0] = stub & 0xffff
            | u64::from(selectors::HV_CODE64) << 16
            | u64::from(ist_of(vector)) << 32
            | 0xe << 40 // 64-bit interrupt gate
            | dpl << 45
            | 1 << 47
            | (stub >> 16 & 0xffff) << 48;
        gate[1] = stub >> 32;
    }
    page
}

/// The TSS, as bytes: no I/O bitmap, RSP0 the entry stack, the IST stacks of [`ist_of`].
pub(super) fn tss() -> [u8; size_of::<TaskStateSegment>()] {
    let mut tss = TaskStateSegment::new();
    tss.privilege_stack_table[0] = VirtAddr::new(layout::ENTRY_STACK + 4096);
    for slot in 0..4 {
        let top = layout::ENTRY_IST + slot * layout::ENTRY_IST_STRIDE + 4096;
        tss.interrupt_stack_table[slot as usize] = VirtAddr::new(top);
    }
    // SAFETY: the structure is packed, of integers, so all its bytes are initialised.
    unsafe { core::mem::transmute(tss) }
}

/// Loads this pCPU's descriptor tables and SYSCALL registers. Its own root, with
/// `area` mapped, must be in CR3.
pub fn init_cpu(area: &EntryArea) {
    let at = |base: u64, limit: u16| DescriptorTablePointer {
        limit,
        base: VirtAddr::new(base),
    };
    // LTR sets the busy bit: let it do so through a writable alias of our page.
    // 14 pages before it lie below the alias, and are not touched.
    let alias = mm::direct::address(area.gdt) - u64::from(FIRST);
    // SAFETY: both tables hold the descriptors of `gdt_page`, at the selectors
    // loaded here; the IDT's stubs are the entry area's; the TSS is `tss()`.
    // The alias is in use for three instructions with interrupts off.
    unsafe {
        lgdt(&at(alias, GDT_LIMIT));
        CS::set_reg(SegmentSelector(selectors::HV_CODE64));
        load_tss(SegmentSelector(selectors::TSS));
        lgdt(&at(layout::ENTRY_GDT, GDT_LIMIT));
        lidt(&at(layout::ENTRY_IDT, 4095));
        // No LDT; null data selectors: ring 0 in long mode needs none, and a
        // guest starts with null ones.
        asm!("lldt {0:x}", "mov ds, {0:e}", "mov es, {0:e}", "mov fs, {0:e}", "mov gs, {0:e}",
             in(reg) 0, options(nostack, preserves_flags));
        asm!("mov ss, {0:e}", in(reg) u32::from(selectors::HV_DATA), options(nostack, preserves_flags));
    }
    super::windows::init(area);
    init_syscall();
}

/// IA32_STAR, CSTAR, SFMASK and SYSENTER_CS (SDM volume 4, table 2-2).
const MSR_STAR: u32 = 0xc000_0081;
const MSR_CSTAR: u32 = 0xc000_0083;
const MSR_SFMASK: u32 = 0xc000_0084;
const MSR_SYSENTER_CS: u32 = 0x174;
/// Flags that SYSCALL clears: AC, DF, IF, NT, RF, TF, VM.
const SYSCALL_CLEARS: u64 = 0x7_4700;

fn init_syscall() {
    // SYSCALL loads CS and SS from bits 47:32 and that plus 8; SYSRET from bits
    // 63:48 plus 16 and plus 8: HV_CODE64, HV_DATA and USER_CODE64, USER_DATA.
    let star = u64::from(selectors::HV_CODE64) << 32 | u64::from(selectors::USER_CODE32) << 48;
    LStar::write(VirtAddr::new(xl_syscall_entry as *const () as u64));
    // SAFETY: the entry points are code of the entry area, mapped in every root;
    // selectors are those of `gdt_page`. SYSENTER_CS 0 makes SYSENTER a #GP.
    unsafe {
        Msr::new(MSR_STAR).write(star);
        Msr::new(MSR_CSTAR).write(xl_syscall32_entry as *const () as u64);
        Msr::new(MSR_SFMASK).write(SYSCALL_CLEARS);
        Msr::new(MSR_SYSENTER_CS).write(0);
        Efer::update(|flags| {
            flags.insert(EferFlags::SYSTEM_CALL_EXTENSIONS | EferFlags::NO_EXECUTE_ENABLE);
        });
    }
}
