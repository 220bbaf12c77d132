//! Mappings of machine addresses that are not RAM: device registers and firmware tables.
//!
//! They are made at boot and stay. Addresses are handed out upwards from
//! `layout::DEVICES`, the same range in all roots.

use super::shared_root;
use super::tables::{self, OutOfMemory};
use crate::layout;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::NonNull;
use spin::Mutex;
use x86_64::structures::paging::PageTableFlags as Flags;
use xenolith_rules::types::PAGE_SIZE;

/// Machine addresses of the registers that are mapped here.
static KEPT: Mutex<Vec<Range<u64>>> = Mutex::new(Vec::new());

/// The next free address of the range.
static NEXT: Mutex<u64> = Mutex::new(layout::DEVICES);

/// Maps device registers: uncached, read-write.
///
/// # Errors
/// No memory is left for page tables.
pub(crate) fn registers(maddr: u64, bytes: u64) -> Result<NonNull<u8>, OutOfMemory> {
    let registers = map(maddr, bytes, tables::DEVICE)?;
    KEPT.lock().push(maddr..maddr + bytes);
    Ok(registers)
}

/// Maps memory that firmware has filled: cached, read-only.
///
/// # Errors
/// No memory is left for page tables.
pub(crate) fn firmware(maddr: u64, bytes: u64) -> Result<NonNull<u8>, OutOfMemory> {
    map(maddr, bytes, tables::READ_ONLY)
}

fn map(maddr: u64, bytes: u64, flags: Flags) -> Result<NonNull<u8>, OutOfMemory> {
    let mut next = NEXT.lock();
    let offset = maddr % PAGE_SIZE;
    let size = (offset + bytes).next_multiple_of(PAGE_SIZE);
    let va = *next;
    for page in (0..size).step_by(PAGE_SIZE as usize) {
        tables::map_page(shared_root(), va + page, maddr - offset + page, flags)?;
    }
    *next = va + size;
    NonNull::new((va + offset) as *mut u8).ok_or(OutOfMemory)
}

/// Whether some of the page's addresses are registers that the hypervisor uses itself.
pub(super) fn is_kept(page: Range<u64>) -> bool {
    KEPT.lock()
        .iter()
        .any(|kept| kept.start < page.end && page.start < kept.end)
}
