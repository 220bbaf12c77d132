//! The machine-to-physical table: for each machine frame, the PFN its owner knows it by.
//!
//! Guests read it at `layout::M2P`, where it is mapped read-only for everyone; it is
//! written here, through the direct map. It is a service to guests: nothing in the
//! hypervisor believes it. Memory comes in blocks of 2 MiB, each for 1 GiB of machine
//! addresses that has RAM in it, mapped by one large page: that is also the unit in
//! which `XENMEM_machphys_mfn_list` gives it away.

use super::tables::{self, LARGE_PAGE, OutOfMemory};
use super::{direct, frames};
use crate::layout;
use alloc::vec::Vec;
use spin::Once;
use x86_64::structures::paging::PageTableFlags as Flags;
use xenolith_rules::memmap::MemoryMap;
use xenolith_rules::types::{Mfn, Pfn};

/// The word of a frame that has no PFN (`INVALID_M2P_ENTRY`).
pub const INVALID: u64 = !0;
/// Entries on one block.
const PER_BLOCK: u64 = LARGE_PAGE / 8;
/// log2 of a block's frames.
const BLOCK_ORDER: u32 = 9;

struct Table {
    /// The first frame of each block; `None` where there is no RAM.
    blocks: Vec<Option<Mfn>>,
    end: Mfn,
}

static TABLE: Once<Table> = Once::new();

/// Maps the table below `root`, every entry [`INVALID`].
pub(super) fn init(root: Mfn, map: &MemoryMap) -> Result<(), OutOfMemory> {
    let end = map.ram_end();
    let mut blocks = Vec::new();
    for index in 0..end.0.div_ceil(PER_BLOCK) {
        let covers = Mfn(index * PER_BLOCK).maddr()..Mfn((index + 1) * PER_BLOCK).maddr();
        if !map
            .ram()
            .any(|ram| ram.start < covers.end && covers.start < ram.end)
        {
            blocks.push(None);
            continue;
        }
        let block = frames::alloc_frames(BLOCK_ORDER).ok_or(OutOfMemory)?;
        (0..1 << BLOCK_ORDER).for_each(|frame| direct::fill(Mfn(block.0 + frame), INVALID));
        let va = layout::M2P + index * LARGE_PAGE;
        let l3 = tables::table_below(root, tables::slot(va, 4))?;
        let l2 = tables::table_below(l3, tables::slot(va, 3))?;
        let flags = tables::READ_ONLY | Flags::HUGE_PAGE;
        tables::write(l2, tables::slot(va, 2), tables::entry(block.maddr(), flags));
        blocks.push(Some(block));
    }
    TABLE.call_once(|| Table { blocks, end });
    Ok(())
}

fn table() -> &'static Table {
    TABLE.get().expect("the M2P is used before it is there")
}

/// One past the last frame that has an entry.
pub fn end() -> Mfn {
    table().end
}

/// The first frame of each 2 MiB block of the table, in order; `None` where there is none.
pub fn blocks() -> &'static [Option<Mfn>] {
    &table().blocks
}

fn place(mfn: Mfn) -> Option<(Mfn, usize)> {
    let block = table()
        .blocks
        .get((mfn.0 / PER_BLOCK) as usize)
        .copied()
        .flatten()?;
    let index = mfn.0 % PER_BLOCK;
    let words = direct::WORDS as u64;
    Some((Mfn(block.0 + index / words), (index % words) as usize))
}

/// Says by which PFN a frame's owner knows it, or that it has none. A frame outside of
/// RAM has no entry, and nothing is done.
pub fn set(mfn: Mfn, pfn: Option<Pfn>) {
    if let Some((frame, index)) = place(mfn) {
        direct::write_word(frame, index, pfn.map_or(INVALID, |pfn| pfn.0));
    }
}

/// What the table says of a frame.
pub fn get(mfn: Mfn) -> Option<Pfn> {
    let (frame, index) = place(mfn)?;
    Some(direct::read_word(frame, index))
        .filter(|&word| word != INVALID)
        .map(Pfn)
}
