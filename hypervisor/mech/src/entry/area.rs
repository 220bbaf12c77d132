//! The entry area: the one part of the hypervisor that a guest's root maps.
//!
//! Every pCPU has its own frames behind the same linear addresses (see
//! [`crate::layout`]), in its two roots only. They belong to the hypervisor in the
//! frame table, so no guest can map them by its own page tables.

use super::descriptors::{gdt_page, idt_page, tss};
use crate::{layout, mm};
use x86_64::structures::paging::PageTableFlags as Flags;
use xenolith_rules::types::{Mfn, PAGE_SIZE};

/// What entry code must know before it can leave the guest's root. Read-only in
/// every root; written through the direct map.
#[repr(C)]
pub struct Info {
    /// The hypervisor's root on this pCPU, as CR3 wants it.
    hv_cr3: u64,
}

/// The frames of one pCPU's entry area that others need to know.
pub struct EntryArea {
    /// The hypervisor's page of the GDT.
    pub gdt: Mfn,
    /// The page that stands for a page of descriptors where there is none.
    pub empty: Mfn,
}

/// Guest frames in a GDT (`FIRST_RESERVED_GDT_PAGE` of the ABI).
pub(super) const GUEST_GDT_PAGES: u64 = 14;
/// Pages of the LDT window.
pub(super) const LDT_PAGES: u64 = 16;
/// Number of IST stacks.
const IST_STACKS: u64 = 4;

/// Rights of descriptor tables.
pub(super) const READ_ONLY: Flags = Flags::PRESENT
    .union(Flags::NO_EXECUTE)
    .union(Flags::ACCESSED);
const WRITABLE: Flags = READ_ONLY.union(Flags::WRITABLE).union(Flags::DIRTY);
const EXECUTABLE: Flags = Flags::PRESENT.union(Flags::ACCESSED);

/// Builds a pCPU's entry area and maps it into its hypervisor root and its guest root.
///
/// # Panics
/// When memory is out, which at boot is fatal.
pub fn build(hv_root: Mfn, guest_root: Mfn) -> EntryArea {
    let map = |va: u64, mfn: Mfn, flags: Flags| {
        mm::map_page(hv_root, va, mfn, flags);
        mm::map_page(guest_root, va, mfn, flags);
    };
    let frame = || mm::alloc_zeroed().expect("no memory for an entry area");

    for (page, mfn) in mm::entry_text_frames().enumerate() {
        map(
            layout::ENTRY_TEXT + page as u64 * PAGE_SIZE,
            mfn,
            EXECUTABLE,
        );
    }

    // Slots of the GDT that no guest has filled read as absent descriptors.
    let empty = frame();
    for page in 0..GUEST_GDT_PAGES {
        map(layout::ENTRY_GDT + page * PAGE_SIZE, empty, READ_ONLY);
    }
    let gdt = frame();
    mm::direct::write_words(gdt, &gdt_page());
    map(
        layout::ENTRY_GDT + GUEST_GDT_PAGES * PAGE_SIZE,
        gdt,
        READ_ONLY,
    );

    let idt = frame();
    mm::direct::write_words(idt, &idt_page());
    map(layout::ENTRY_IDT, idt, READ_ONLY);

    let tss_frame = frame();
    mm::direct::write_bytes(tss_frame, 0, &tss());
    map(layout::ENTRY_TSS, tss_frame, READ_ONLY);

    let info = frame();
    mm::direct::write_words(info, &[hv_root.maddr()]);
    map(layout::ENTRY_INFO, info, READ_ONLY);
    const { assert!(core::mem::offset_of!(Info, hv_cr3) == 0) };

    map(layout::ENTRY_STACK, frame(), WRITABLE);
    for slot in 0..IST_STACKS {
        map(
            layout::ENTRY_IST + slot * layout::ENTRY_IST_STRIDE,
            frame(),
            WRITABLE,
        );
    }
    // Nothing is mapped yet, but the tables for it are there from now on.
    for page in 0..LDT_PAGES {
        mm::unmap_page(hv_root, layout::ENTRY_LDT + page * PAGE_SIZE);
        mm::unmap_page(guest_root, layout::ENTRY_LDT + page * PAGE_SIZE);
    }
    EntryArea { gdt, empty }
}
