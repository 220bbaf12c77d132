//! Which parts of a process's address space are in use, and for what.
//!
//! A sorted list of ranges that do not overlap, each with one protection. Pure:
//! it knows nothing of page tables. A page of an area gets its frame when it is
//! first touched (`memory::space`).

use alloc::vec::Vec;
use core::ops::Range;

/// What a program may do with a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Loads; every page that may be written or executed can also be read.
    pub read: bool,
    /// Stores.
    pub write: bool,
    /// Instruction fetches.
    pub execute: bool,
}

impl Protection {
    /// No access: the range is only kept from other uses.
    pub const NONE: Self = Self {
        read: false,
        write: false,
        execute: false,
    };
    /// Loads and stores.
    pub const READ_WRITE: Self = Self {
        read: true,
        write: true,
        execute: false,
    };

    /// Whether any access at all is allowed.
    pub fn any(self) -> bool {
        self.read || self.write || self.execute
    }
}

/// One range of whole pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Page-aligned addresses.
    pub range: Range<u64>,
    /// Rights of the program.
    pub protection: Protection,
}

/// Most areas that a process may have: the list lives on the kernel's heap.
pub const MOST_AREAS: usize = 4096;

/// The areas of one process, sorted, without overlap.
#[derive(Default)]
pub struct Areas {
    list: Vec<Area>,
}

impl Areas {
    /// No areas.
    pub const fn new() -> Self {
        Self { list: Vec::new() }
    }

    /// The area that holds `address`.
    pub fn at(&self, address: u64) -> Option<&Area> {
        let after = self.list.partition_point(|area| area.range.end <= address);
        self.list
            .get(after)
            .filter(|area| area.range.contains(&address))
    }

    /// Puts `range` in use with `protection`, in place of what was there.
    pub fn set(&mut self, range: Range<u64>, protection: Protection) {
        if range.is_empty() {
            return;
        }
        self.remove(range.clone());
        let at = self
            .list
            .partition_point(|area| area.range.start < range.start);
        self.list.insert(at, Area { range, protection });
        self.join_around(at);
    }

    /// Takes `range` out of use; what is not in use there stays so.
    pub fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let mut kept = Vec::with_capacity(self.list.len() + 1);
        for area in self.list.drain(..) {
            let below = area.range.start..area.range.end.min(range.start);
            let above = area.range.start.max(range.end)..area.range.end;
            let parts = [below, above].into_iter().filter(|part| !part.is_empty());
            kept.extend(parts.map(|range| Area {
                range,
                ..area.clone()
            }));
        }
        self.list = kept;
    }

    /// Changes the rights of `range`, which must be in use from end to end.
    pub fn protect(&mut self, range: Range<u64>, protection: Protection) -> Result<(), NotInUse> {
        if !self.covers(&range) {
            return Err(NotInUse);
        }
        self.set(range, protection);
        Ok(())
    }

    /// Whether all of `range` is in use.
    pub fn covers(&self, range: &Range<u64>) -> bool {
        let mut at = range.start;
        while at < range.end {
            match self.at(at) {
                Some(area) => at = area.range.end,
                None => return false,
            }
        }
        true
    }

    /// Whether nothing of `range` is in use.
    pub fn is_free(&self, range: &Range<u64>) -> bool {
        !self
            .list
            .iter()
            .any(|area| area.range.start < range.end && range.start < area.range.end)
    }

    /// The highest free range of `size` bytes inside `within`.
    pub fn find_free(&self, size: u64, within: Range<u64>) -> Option<u64> {
        let mut end = within.end;
        for area in self
            .list
            .iter()
            .rev()
            .filter(|area| area.range.start < within.end)
        {
            if area.range.end <= end && end - area.range.end >= size {
                break;
            }
            end = end.min(area.range.start);
        }
        let start = end.checked_sub(size)?;
        (start >= within.start && self.is_free(&(start..end))).then_some(start)
    }

    /// Whether there is room for the areas that one more change can add.
    pub fn has_room(&self) -> bool {
        self.list.len() + 2 <= MOST_AREAS
    }

    /// The areas in order of their addresses.
    pub fn iter(&self) -> impl Iterator<Item = &Area> {
        self.list.iter()
    }

    /// Makes one of neighbours that are alike, so that the list stays short.
    fn join_around(&mut self, at: usize) {
        for left in [at, at.wrapping_sub(1)] {
            let (Some(a), Some(b)) = (self.list.get(left), self.list.get(left.wrapping_add(1)))
            else {
                continue;
            };
            if a.range.end == b.range.start && a.protection == b.protection {
                self.list[left].range.end = b.range.end;
                self.list.remove(left + 1);
            }
        }
    }
}

/// A page of the range is not in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInUse;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGES: u64 = 32;

    fn protection(bits: u8) -> Protection {
        Protection {
            read: bits & 1 != 0,
            write: bits & 2 != 0,
            execute: bits & 4 != 0,
        }
    }

    proptest! {
        /// The list behaves as an array with one slot a page does.
        #[test]
        fn agrees_with_a_page_array(steps in proptest::collection::vec((0u8..3, 0..PAGES, 0..PAGES, 0u8..8), 1..40)) {
            let mut areas = Areas::new();
            let mut model = [None; PAGES as usize];
            for (step, a, b, bits) in steps {
                let range = a.min(b)..a.max(b);
                let slots = range.start as usize..range.end as usize;
                match step {
                    0 => {
                        areas.set(range, protection(bits));
                        model[slots].fill(Some(protection(bits)));
                    }
                    1 => {
                        areas.remove(range);
                        model[slots].fill(None);
                    }
                    _ => {
                        let whole = model[slots.clone()].iter().all(Option::is_some);
                        prop_assert_eq!(areas.protect(range, protection(bits)).is_ok(), whole);
                        if whole {
                            model[slots].fill(Some(protection(bits)));
                        }
                    }
                }
                for page in 0..PAGES {
                    prop_assert_eq!(areas.at(page).map(|area| area.protection), model[page as usize]);
                }
                for pair in areas.list.windows(2) {
                    prop_assert!(pair[0].range.end <= pair[1].range.start);
                    prop_assert!(pair[0].range.end < pair[1].range.start || pair[0].protection != pair[1].protection);
                }
            }
            for size in 1..PAGES {
                let highest = (0..=PAGES - size)
                    .rev()
                    .find(|start| model[*start as usize..(start + size) as usize].iter().all(Option::is_none));
                prop_assert_eq!(areas.find_free(size, 0..PAGES), highest);
            }
        }
    }
}
