//! Which page tables a layout takes, and every entry in them.
//!
//! A table of level n is named by its *index*: the number of the 512-entry block
//! that it maps, counted from address 0 (a page's number shifted right by 9 bits
//! for each level). Two windows of addresses are mapped by one tree: the initial area,
//! and the p2m list where the kernel wants it elsewhere. A table that both
//! windows need belongs to the first.

use crate::types::{PAGE_SHIFT, Pfn};
use core::ops::Range;

/// Present.
pub const PRESENT: u64 = 1 << 0;
/// Writable.
pub const WRITABLE: u64 = 1 << 1;
/// User.
pub const USER: u64 = 1 << 2;
/// Accessed.
pub const ACCESSED: u64 = 1 << 5;
/// Dirty.
pub const DIRTY: u64 = 1 << 6;

/// What an entry of an upper table (L4, L3, L2) is given, as by libxc.
pub const UPPER: u64 = PRESENT | WRITABLE | USER | ACCESSED | DIRTY;
/// What an L1 entry is given; writable and user are added as the page demands.
pub const LEAF: u64 = PRESENT | ACCESSED;

/// The number of the page that an address lies in, in the CPU's 48 bits.
pub(super) const fn page_of(address: u64) -> u64 {
    (address & 0xffff_ffff_ffff) >> PAGE_SHIFT
}

/// Indices of the tables of `level` (1 to 4) that a run of pages needs.
fn needed(pages: &Range<u64>, level: u8) -> Range<u64> {
    if pages.start >= pages.end {
        return 0..0;
    }
    let shift = 9 * u32::from(level);
    pages.start >> shift..((pages.end - 1) >> shift) + 1
}

/// How many tables of all levels a run of pages needs, the L4 included.
pub(super) fn count(pages: &Range<u64>) -> u64 {
    (1..=4)
        .map(|level| needed(pages, level))
        .map(|range| range.end - range.start)
        .sum()
}

/// Tables of one level, one behind the other in guest frames.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    level: u8,
    indices: Range<u64>,
    first: Pfn,
}

/// A window of addresses onto consecutive guest frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Page numbers, see [`page_of`].
    pub pages: Range<u64>,
    /// The guest frame behind the first page.
    pub first: Pfn,
}

/// All tables of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    windows: [Window; 2],
    runs: [Run; 7],
    /// Frames that hold the tables: mapped read-only.
    frames: [Range<u64>; 2],
    user: bool,
}

impl Tree {
    /// The tables for `main`, from frame `main_tables` on, and those that `other` needs
    /// besides, from `other_tables` on. `user`: every page is given the user bit.
    pub fn new(
        main: Window,
        main_tables: Pfn,
        other: Window,
        other_tables: Pfn,
        user: bool,
    ) -> Self {
        let mut next = main_tables.0;
        let mut run = |level, indices: Range<u64>| {
            let first = Pfn(next);
            next += indices.end - indices.start;
            Run {
                level,
                indices,
                first,
            }
        };
        let [l4, l3, l2, l1] = [4, 3, 2, 1].map(|level| run(level, needed(&main.pages, level)));
        let main_end = next;
        next = other_tables.0;
        let mut run = |level, indices: Range<u64>| {
            let first = Pfn(next);
            next += indices.end - indices.start;
            Run {
                level,
                indices,
                first,
            }
        };
        let [m3, m2, m1] =
            [3, 2, 1].map(|level| run(level, missing(&main.pages, &other.pages, level)));
        Self {
            windows: [main, other],
            frames: [main_tables.0..main_end, other_tables.0..next],
            runs: [l4, l3, l2, l1, m3, m2, m1],
            user,
        }
    }

    /// Every table, in order of guest frames.
    pub fn tables(&self) -> impl Iterator<Item = Table> + '_ {
        self.runs.iter().flat_map(|run| {
            run.indices.clone().map(|index| Table {
                level: run.level,
                index,
                pfn: Pfn(run.first.0 + (index - run.indices.start)),
            })
        })
    }

    /// The present entries of a table, by slot.
    pub fn entries(&self, table: Table) -> impl Iterator<Item = Entry> + '_ {
        (0..512u16).filter_map(move |slot| {
            let below = table.index * 512 + u64::from(slot);
            if table.level > 1 {
                let target = self.table(table.level - 1, below)?;
                return Some(Entry {
                    slot,
                    target,
                    flags: UPPER,
                });
            }
            let target = self.page(below)?;
            let is_table = self.frames.iter().any(|frames| frames.contains(&target.0));
            let writable = if is_table { 0 } else { WRITABLE };
            let user = if self.user { USER } else { 0 };
            Some(Entry {
                slot,
                target,
                flags: LEAF | writable | user,
            })
        })
    }

    fn table(&self, level: u8, index: u64) -> Option<Pfn> {
        let run = self
            .runs
            .iter()
            .find(|run| run.level == level && run.indices.contains(&index))?;
        Some(Pfn(run.first.0 + (index - run.indices.start)))
    }

    fn page(&self, page: u64) -> Option<Pfn> {
        let window = self
            .windows
            .iter()
            .find(|window| window.pages.contains(&page))?;
        Some(Pfn(window.first.0 + (page - window.pages.start)))
    }
}

/// Tables of `level` that `other` needs and `main` does not have.
///
/// The windows do not overlap, so they share at most the table at one end.
fn missing(main: &Range<u64>, other: &Range<u64>, level: u8) -> Range<u64> {
    let (have, need) = (needed(main, level), needed(other, level));
    if need.start < have.start {
        need.start..need.end.min(have.start)
    } else {
        need.start.max(have.end)..need.end.max(have.end)
    }
}

/// How many tables `other` needs besides those of `main`.
pub(super) fn count_missing(main: &Range<u64>, other: &Range<u64>) -> u64 {
    (1..=3)
        .map(|level| missing(main, other, level))
        .map(|range| range.end - range.start)
        .sum()
}

/// One page table of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// 4 for the root, down to 1.
    pub level: u8,
    /// The block of addresses that it maps, see the module's page.
    pub index: u64,
    /// The guest frame that holds it.
    pub pfn: Pfn,
}

/// One present entry of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the table, 0 to 511.
    pub slot: u16,
    /// The guest frame that it names.
    pub target: Pfn,
    /// Its flags.
    pub flags: u64,
}
