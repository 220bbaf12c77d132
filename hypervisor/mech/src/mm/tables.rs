//! Page tables of the hypervisor's own: entries, and how ranges are mapped.
//!
//! Frames of these tables are closed to [`super::direct`]: only this room changes them, so
//! no mistaken frame number elsewhere can change what the hypervisor has mapped.

use super::{direct, frames, ram};
use crate::layout::DIRECT_MAP;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use x86_64::structures::paging::PageTableFlags as Flags;
use xenolith_rules::types::{Mfn, PAGE_SIZE};

/// Bytes of a page of an L2 entry.
pub const LARGE_PAGE: u64 = 2 << 20;
/// The frame number's bits of an entry.
const FRAME: u64 = 0x000f_ffff_ffff_f000;

// Accessed and dirty are set beforehand: nothing here is swapped, and a table that the
// CPU never writes to can be read-only itself.
const COMMON: Flags = Flags::PRESENT.union(Flags::ACCESSED);
/// Data that nobody writes.
pub const READ_ONLY: Flags = COMMON.union(Flags::NO_EXECUTE);
/// Data.
pub const READ_WRITE: Flags = READ_ONLY.union(Flags::WRITABLE).union(Flags::DIRTY);
/// Code.
pub const READ_EXECUTE: Flags = COMMON;
/// Registers of devices: not cached, not combined.
pub const DEVICE: Flags = READ_WRITE
    .union(Flags::NO_CACHE)
    .union(Flags::WRITE_THROUGH);
/// An entry that leads to a table: the entries below decide.
pub const TABLE: Flags = COMMON.union(Flags::WRITABLE);

/// Out of memory while tables were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl core::fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no memory is left for the hypervisor's page tables; give the machine more")
    }
}

/// The slot of an address in the table of a level, 4 down to 1.
pub const fn slot(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * (level - 1)) & 511) as usize
}

/// An entry.
pub fn entry(maddr: u64, flags: Flags) -> u64 {
    maddr & FRAME | flags.bits()
}

/// The frame that an entry names.
pub const fn frame_of(entry: u64) -> Mfn {
    Mfn((entry & FRAME) >> 12)
}

/// An entry's bits other than the frame number.
pub const fn flags_of(entry: u64) -> Flags {
    Flags::from_bits_truncate(entry & !FRAME)
}

/// A new, empty table. It is never given back.
pub fn new_table() -> Result<Mfn, OutOfMemory> {
    let table = frames::alloc_zeroed().ok_or(OutOfMemory)?;
    ram::close(table.0..table.0 + 1);
    Ok(table)
}

/// Whether a frame may be one of the hypervisor's tables.
pub fn may_be_table(mfn: Mfn) -> bool {
    ram::is_closed(mfn)
}

/// A table of the hypervisor's, as its entries.
fn words(table: Mfn) -> &'static [AtomicU64; direct::WORDS] {
    assert!(
        may_be_table(table),
        "{table} is no table of the hypervisor's"
    );
    // SAFETY: RAM that is closed to everybody else; the callers, all in `mm`, name tables
    // from `new_table` or what entries of those lead to. The early tables lie in the image's
    // BSS, which no Rust reference covers.
    unsafe { &*((DIRECT_MAP + table.maddr()) as *const [AtomicU64; direct::WORDS]) }
}

/// Reads an entry of a table of the hypervisor's.
pub fn read(table: Mfn, slot: usize) -> u64 {
    words(table)[slot].load(Relaxed)
}

/// Writes an entry of a table of the hypervisor's.
pub fn write(table: Mfn, slot: usize, entry: u64) {
    words(table)[slot].store(entry, Relaxed);
}

/// Copies a range of entries from a table of a guest's.
pub fn copy_from_guest(table: Mfn, guest: Mfn, slots: Range<usize>) {
    let (to, from) = (words(table), direct::words(guest));
    for (to, from) in to[slots.clone()].iter().zip(&from[slots]) {
        to.store(from.load(Relaxed), Relaxed);
    }
}

/// The table below slot `slot` of `table`; made if there is none.
pub fn table_below(table: Mfn, slot: usize) -> Result<Mfn, OutOfMemory> {
    let word = &words(table)[slot];
    let old = word.load(Relaxed);
    if flags_of(old).contains(Flags::PRESENT) {
        assert!(
            !flags_of(old).contains(Flags::HUGE_PAGE),
            "a table is wanted where a large page is"
        );
        return Ok(frame_of(old));
    }
    let below = new_table()?;
    word.store(entry(below.maddr(), TABLE), Relaxed);
    Ok(below)
}

/// Maps one page below `root`. What was mapped there before may stay in TLBs.
pub fn map_page(root: Mfn, va: u64, maddr: u64, flags: Flags) -> Result<(), OutOfMemory> {
    let l1 = l1_of(root, va)?;
    write(l1, slot(va, 1), entry(maddr, flags));
    Ok(())
}

fn l1_of(root: Mfn, va: u64) -> Result<Mfn, OutOfMemory> {
    let mut table = root;
    for level in [4, 3, 2] {
        table = table_below(table, slot(va, level))?;
    }
    Ok(table)
}

/// Maps `bytes` from `va` on to machine addresses from `maddr` on, by large pages where
/// both are aligned for them.
pub fn map_range(
    root: Mfn,
    va: u64,
    maddr: u64,
    bytes: u64,
    flags: Flags,
) -> Result<(), OutOfMemory> {
    assert!(
        (va | maddr | bytes).is_multiple_of(PAGE_SIZE),
        "ranges are of whole pages"
    );
    let mut done = 0;
    while done < bytes {
        let (at, to, left) = (va + done, maddr + done, bytes - done);
        if (at | to).is_multiple_of(LARGE_PAGE) && left >= LARGE_PAGE {
            let l3 = table_below(root, slot(at, 4))?;
            let l2 = table_below(l3, slot(at, 3))?;
            write(l2, slot(at, 2), entry(to, flags | Flags::HUGE_PAGE));
            done += LARGE_PAGE;
        } else {
            // All small pages up to the next boundary, in one table.
            let l1 = l1_of(root, at)?;
            let end = left.min(LARGE_PAGE - at % LARGE_PAGE);
            for offset in (0..end).step_by(PAGE_SIZE as usize) {
                write(l1, slot(at + offset, 1), entry(to + offset, flags));
            }
            done += end;
        }
    }
    Ok(())
}

/// The entry that maps an address below `root`, if one does, and the bytes it covers.
pub fn lookup(root: Mfn, va: u64) -> Option<(u64, u64)> {
    let mut table = root;
    for level in [4, 3, 2, 1] {
        if !may_be_table(table) {
            return None;
        }
        let word = read(table, slot(va, level));
        let flags = flags_of(word);
        if !flags.contains(Flags::PRESENT) {
            return None;
        }
        if level == 1 || level < 4 && flags.contains(Flags::HUGE_PAGE) {
            return Some((word, PAGE_SIZE << (9 * (level - 1))));
        }
        table = frame_of(word);
    }
    None
}
