//! Memory for the frame table: one [`Frame`] for each frame up to the end of RAM.
//!
//! Where frames are RAM their entries have memory of their own. Entries of holes lie on
//! one shared page of zeroes, mapped read-only: they read as frames that belong to no
//! domain, which is what refuses every reference to them before anything is written.

use super::direct;
use super::frames::take_for_rust;
use super::tables::{self, LARGE_PAGE, OutOfMemory};
use crate::layout;
use core::ops::Range;
use core::ptr::NonNull;
use spin::Once;
use x86_64::structures::paging::PageTableFlags as Flags;
use xenolith_rules::frame::Frame;
use xenolith_rules::memmap::MemoryMap;
use xenolith_rules::types::{Mfn, PAGE_SIZE};

static TABLE: Once<&'static [Frame]> = Once::new();

/// Frame-table entries on a page. A [`Frame`] divides the page, so none crosses its end.
const PER_PAGE: u64 = PAGE_SIZE / size_of::<Frame>() as u64;
const _: () = assert!(PAGE_SIZE.is_multiple_of(size_of::<Frame>() as u64));
/// log2 of the frames in a large page.
const LARGE_ORDER: u32 = 9;

/// The frame table, indexed by MFN. Entries of frames that are no RAM read as zero.
///
/// # Panics
/// Before `mm::init`.
pub fn frames() -> &'static [Frame] {
    TABLE
        .get()
        .expect("the frame table is used before it is there")
}

/// A frame's entry.
///
/// # Panics
/// For a frame behind the end of RAM.
#[track_caller]
pub fn frame(mfn: Mfn) -> &'static Frame {
    &frames()[mfn.0 as usize]
}

/// Maps the frame table.
pub(super) fn init(root: Mfn, map: &MemoryMap) -> Result<(), OutOfMemory> {
    let count = map.ram_end().0;
    let holds_ram = |entries: Range<u64>| {
        map.ram()
            .any(|ram| ram.start / PAGE_SIZE < entries.end && entries.start < ram.end / PAGE_SIZE)
    };
    let pages = count.div_ceil(PER_PAGE);
    let pages_per_large = LARGE_PAGE / PAGE_SIZE;

    let zeroes = zeroed_block(0).ok_or(OutOfMemory)?;
    let hole_table = tables::new_table()?;
    let hole = tables::entry(zeroes.maddr(), tables::READ_ONLY);
    (0..direct::WORDS).for_each(|slot| tables::write(hole_table, slot, hole));

    for first in (0..pages).step_by(pages_per_large as usize) {
        let va = layout::FRAME_TABLE + first * PAGE_SIZE;
        let of_page = |page: u64| page * PER_PAGE..(page + 1) * PER_PAGE;
        let chunk = first..first + pages_per_large;
        let needed = chunk
            .clone()
            .filter(|&page| holds_ram(of_page(page)))
            .count() as u64;
        let l3 = tables::table_below(root, tables::slot(va, 4))?;
        let l2 = tables::table_below(l3, tables::slot(va, 3))?;
        if needed == 0 {
            tables::write(
                l2,
                tables::slot(va, 2),
                tables::entry(hole_table.maddr(), tables::TABLE),
            );
        } else if needed == pages_per_large
            && let Some(block) = zeroed_block(LARGE_ORDER)
        {
            let flags = tables::READ_WRITE | Flags::HUGE_PAGE;
            tables::write(l2, tables::slot(va, 2), tables::entry(block.maddr(), flags));
        } else {
            for page in chunk {
                let va = layout::FRAME_TABLE + page * PAGE_SIZE;
                if holds_ram(of_page(page)) {
                    let frame = zeroed_block(0).ok_or(OutOfMemory)?;
                    tables::map_page(root, va, frame.maddr(), tables::READ_WRITE)?;
                } else {
                    tables::map_page(root, va, zeroes.maddr(), tables::READ_ONLY)?;
                }
            }
        }
    }
    // SAFETY: all pages of the table are mapped now, in tables that all roots share, and
    // filled with zeroes, which are valid entries. Their frames are Rust's own, but for
    // the page of zeroes, which is mapped read-only and written by nobody.
    let table =
        unsafe { core::slice::from_raw_parts(layout::FRAME_TABLE as *const Frame, count as usize) };
    TABLE.call_once(|| table);
    Ok(())
}

/// Memory for Rust, filled with zeroes, by its machine frame.
fn zeroed_block(order: u32) -> Option<Mfn> {
    let block: NonNull<[u8]> = take_for_rust(order)?;
    let start: NonNull<u8> = block.cast();
    // SAFETY: the block is ours alone.
    unsafe { start.write_bytes(0, block.len()) };
    Some(Mfn::containing(start.as_ptr() as u64 - layout::DIRECT_MAP))
}
