//! The windows of the entry area through which the CPU sees a guest's descriptors: 14 pages
//! of the GDT and 16 of the LDT.
//!
//! Each pCPU has its own, in both of its roots: the guest's, because guests load selectors,
//! and the hypervisor's, because a vCPU's selectors are loaded in ring 0 when it gets the
//! pCPU. They show the tables of the vCPU that is on the pCPU, and before any guest is
//! entered they are made to; while the pCPU is idle they may show what they did last.
//!
//! Pages of the GDT that a guest has not filled show an empty page. Pages of the LDT that
//! nobody has asked for yet are not mapped: the fault of the first use maps them.

use super::area::{EntryArea, GUEST_GDT_PAGES, LDT_PAGES, READ_ONLY};
use crate::{layout, mm, percpu};
use core::arch::asm;
use core::cell::Cell;
use core::sync::atomic::Ordering::SeqCst;
use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use xenolith_rules::descriptor::{GDT_FRAMES, LDT_FRAMES};
use xenolith_rules::trap::selectors;
use xenolith_rules::types::{Mfn, PAGE_SIZE};

const _: () = assert!(GDT_FRAMES as u64 == GUEST_GDT_PAGES && LDT_FRAMES as u64 == LDT_PAGES);

/// What this pCPU's windows show. All-zero bytes: nothing.
pub(crate) struct Windows {
    /// The hypervisor's page of the GDT, and the page that stands for an empty one.
    own: Cell<u64>,
    empty: Cell<u64>,
    gdt: [Slot; GDT_FRAMES],
    ldt: [Slot; LDT_FRAMES],
    ldt_entries: Cell<u32>,
}

/// A frame's number plus one; 0 is none.
struct Slot(Cell<u64>);

impl Slot {
    /// Notes a frame; whether it was another before.
    fn change(&self, frame: Option<Mfn>) -> bool {
        let new = frame.map_or(0, |mfn| mfn.0 + 1);
        self.0.replace(new) != new
    }
}

/// Notes the frames that [`super::area::build`] has made for this pCPU.
pub(super) fn init(area: &EntryArea) {
    let windows = &percpu::this().windows;
    windows.own.set(area.gdt.0);
    windows.empty.set(area.empty.0);
}

/// Shows a guest's GDT.
pub fn show_gdt(frames: &[Option<Mfn>; GDT_FRAMES]) {
    let windows = &percpu::this().windows;
    for (page, (slot, &frame)) in windows.gdt.iter().zip(frames).enumerate() {
        if slot.change(frame) {
            let at = layout::ENTRY_GDT + page as u64 * PAGE_SIZE;
            show(at, Some(frame.unwrap_or(Mfn(windows.empty.get()))));
        }
    }
}

/// Shows a guest's LDT of so many entries, as far as its frames are known.
///
/// # Panics
/// For more entries than an LDT can have.
pub fn show_ldt(entries: u32, frames: &[Option<Mfn>; LDT_FRAMES]) {
    let windows = &percpu::this().windows;
    for (page, (slot, &frame)) in windows.ldt.iter().zip(frames).enumerate() {
        if slot.change(frame) {
            show(layout::ENTRY_LDT + page as u64 * PAGE_SIZE, frame);
        }
    }
    if windows.ldt_entries.replace(entries) != entries {
        load_ldt(Mfn(windows.own.get()), entries);
    }
}

/// Which LDT page an address of the window is in, and where in the LDT.
pub fn ldt_offset(address: u64) -> Option<u64> {
    let offset = address.checked_sub(layout::ENTRY_LDT)?;
    (offset < LDT_PAGES * PAGE_SIZE).then_some(offset)
}

/// Makes every pCPU unmap its LDT window before it enters a guest again. A pCPU that is in
/// one stays as it is until it is [flushed](crate::tlb::flush).
pub fn forget_ldts() {
    for cpu in percpu::all() {
        cpu.ldt_stale.store(true, SeqCst);
    }
}

/// Unmaps the LDT window if [`forget_ldts`] wants it so. To be called once others can see that
/// this pCPU is in its guest.
pub(super) fn refresh() {
    let this = percpu::this();
    let stale = &percpu::shared(this.id()).ldt_stale;
    if stale.load(SeqCst) && stale.swap(false, SeqCst) {
        for (page, slot) in this.windows.ldt.iter().enumerate() {
            if slot.change(None) {
                show(layout::ENTRY_LDT + page as u64 * PAGE_SIZE, None);
            }
        }
    }
}

/// Maps or unmaps a page of a window. The guest's root is loaded anew before it is used.
fn show(at: u64, frame: Option<Mfn>) {
    let this = percpu::this();
    for root in [this.hv_root(), this.guest_root()] {
        match frame {
            Some(mfn) => mm::map_page(root, at, mfn, READ_ONLY),
            None => mm::unmap_page(root, at),
        }
    }
    tlb::flush(VirtAddr::new(at));
}

/// Loads LDTR: the window, cut to so many entries.
fn load_ldt(gdt: Mfn, entries: u32) {
    let limit = entries
        .checked_mul(8)
        .and_then(|bytes| bytes.checked_sub(1));
    let selector = match limit {
        None => 0,
        Some(limit) => {
            assert!(u64::from(limit) < LDT_PAGES * PAGE_SIZE);
            let descriptor = super::descriptors::ldt(limit.into());
            let first = usize::from((selectors::LDT - selectors::FIRST_RESERVED) / 8);
            for (word, value) in mm::direct::words(gdt)[first..].iter().zip(descriptor) {
                word.store(value, SeqCst);
            }
            selectors::LDT
        }
    };
    // SAFETY: selector 0, or that of the LDT descriptor just written; both pCPU roots have
    // the window that it names, read-only.
    unsafe { asm!("lldt {0:x}", in(reg) selector, options(nostack, preserves_flags)) };
}
