//! Page-table entries, and the checked ways of changing them.

use pv_guest_abi::call::Flush;
use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::mmu::{MMU_NORMAL_PT_UPDATE, MmuUpdate};

use super::areas::Protection;
use super::{DIRECT_MAP, Mfn, OutOfMemory, PAGE_SIZE, Pfn, frames};
use crate::Xen;

/// The entry holds a frame.
pub const PRESENT: u64 = 1 << 0;
/// Stores are allowed.
pub const WRITE: u64 = 1 << 1;
/// User mode may use it.
pub const USER: u64 = 1 << 2;
/// Set by the CPU at the first use; set beforehand, it saves the CPU the store.
pub const ACCESSED: u64 = 1 << 5;
/// Set by the CPU at the first store.
pub const DIRTY: u64 = 1 << 6;
/// No instruction fetches.
pub const NO_EXECUTE: u64 = 1 << 63;

/// Entry of a page of the kernel's data.
pub const KERNEL_DATA: u64 = PRESENT | WRITE | ACCESSED | DIRTY | NO_EXECUTE;
/// Entry of a page that the kernel only reads: page tables among them.
pub const KERNEL_READ: u64 = PRESENT | ACCESSED | NO_EXECUTE;
/// Entry of a page of the kernel's code.
pub const KERNEL_CODE: u64 = PRESENT | ACCESSED;
/// Entry of an upper level: the last level decides.
pub const KERNEL_TABLE: u64 = PRESENT | WRITE | ACCESSED | DIRTY;
/// The same for the user half.
pub const USER_TABLE: u64 = KERNEL_TABLE | USER;

/// The bits of an entry that hold the frame number.
const FRAME_BITS: u64 = 0x000f_ffff_ffff_f000;
/// Entries of a table.
pub const ENTRIES: u64 = 512;

/// An entry for `frame`.
pub const fn entry(frame: Mfn, flags: u64) -> u64 {
    frame.address(0) | flags
}

/// The frame in a present entry.
pub fn frame_of(entry: u64) -> Option<Mfn> {
    (entry & PRESENT != 0).then_some(Mfn((entry & FRAME_BITS) / PAGE_SIZE))
}

/// The flags of a user page with these rights; 0, not present, for none.
pub fn user_flags(protection: Protection) -> u64 {
    if !protection.any() {
        return 0;
    }
    let write = if protection.write { WRITE } else { 0 };
    let execute = if protection.execute { 0 } else { NO_EXECUTE };
    PRESENT | USER | ACCESSED | DIRTY | write | execute
}

/// Which entry of a table of `level` (1 to 4) covers `address`.
pub const fn index(address: u64, level: u32) -> u64 {
    address >> (12 + 9 * (level - 1)) & (ENTRIES - 1)
}

/// Address of a frame in the direct map.
pub const fn direct(frame: Pfn) -> u64 {
    DIRECT_MAP + frame.0 * PAGE_SIZE
}

/// Entry `index` of a table.
pub fn read_entry(table: Pfn, index: u64) -> u64 {
    let address = direct(table) + index % ENTRIES * 8;
    // SAFETY: every frame is mapped in the direct map, and the address is inside the frame and aligned.
    unsafe { core::ptr::read_volatile(address as *const u64) }
}

/// The request to write entry `index` of `table`.
pub fn update(table: Pfn, index: u64, value: u64) -> MmuUpdate {
    let ptr = frames::mfn(table).address(index * 8) | MMU_NORMAL_PT_UPDATE;
    MmuUpdate { ptr, val: value }
}

/// Entry changes that are sent together: a hypercall has a price.
pub struct Batch {
    updates: [MmuUpdate; 64],
    used: usize,
}

impl Default for Batch {
    /// Nothing to send.
    fn default() -> Self {
        Self {
            updates: [MmuUpdate::default(); 64],
            used: 0,
        }
    }
}

impl Batch {
    /// Adds a change; sends all when there is no more room.
    ///
    /// # Safety
    /// As for [`Batch::send`].
    pub unsafe fn push(&mut self, change: MmuUpdate) {
        if self.used == self.updates.len() {
            // SAFETY: passed on to the caller.
            unsafe { self.send() };
        }
        self.updates[self.used] = change;
        self.used += 1;
    }

    /// Sends what has been added. The kernel only asks for what it knows to be allowed,
    /// so a refusal is a mistake of its own.
    ///
    /// # Safety
    /// No reference points into memory whose mapping the changes take away.
    pub unsafe fn send(&mut self) {
        let count = core::mem::take(&mut self.used);
        if count > 0 {
            // SAFETY: passed on to the caller.
            let sent = unsafe { Xen::mmu_update(&self.updates[..count], DOMID_SELF.into()) };
            sent.expect("the hypervisor takes our page-table entries");
        }
    }
}

/// Changes the last-level entry that maps `address` in the tables that are loaded.
///
/// # Safety
/// No reference points into the page, unless the new entry shows the same frame with enough rights.
pub unsafe fn map_page(address: u64, entry: u64) {
    // SAFETY: passed on to the caller.
    let mapped = unsafe { Xen::update_va_mapping(address, entry, Flush::AddressLocal) };
    mapped.expect("the hypervisor maps our page");
}

/// A frame with zeros that may become a page table: nothing maps it writable.
pub fn new_table() -> Result<Pfn, OutOfMemory> {
    let frame = frames::alloc_zeroed()?;
    // SAFETY: the frame was free, so nothing refers to it.
    unsafe { map_page(direct(frame), entry(frames::mfn(frame), KERNEL_READ)) };
    Ok(frame)
}

/// Gives back a table's frame, which no other table holds any more.
pub fn free_table(frame: Pfn) {
    // SAFETY: the page stays where it is and gains rights.
    unsafe { map_page(direct(frame), entry(frames::mfn(frame), KERNEL_DATA)) };
    frames::free(frame);
}

/// Has a root table checked once and kept as one until it is unpinned.
pub fn pin_root(frame: Pfn) {
    // SAFETY: `new_table` made the frame, so nothing maps it writable.
    unsafe { Xen::pin_table(4, frames::mfn(frame).0) }
        .expect("the hypervisor takes our root table");
}

/// Lets go of a root table that is not loaded.
pub fn unpin_root(frame: Pfn) {
    // SAFETY: the frame is still mapped read-only; `free_table` makes it memory again.
    unsafe { Xen::unpin_table(frames::mfn(frame).0) }.expect("the root table was pinned");
}

/// Drops what the TLB remembers of the tables that are loaded.
pub fn flush() {
    Xen::flush_tlb(false).expect("a TLB can always be flushed");
}
