//! The machine's memory map: what the firmware says, made consistent.
//!
//! Firmware maps come unsorted, overlapping and with ends inside pages. A
//! [`MemoryMap`] is sorted, has no overlaps (the most restrictive kind wins) and
//! ends on page boundaries (RAM shrinks inward, everything else grows outward), so
//! that a page is RAM only when all of it is. It needs no heap: the allocator
//! is built from it.
#![warn(missing_docs)]

use crate::types::{Mfn, PAGE_SIZE};
use core::fmt;
use core::ops::Range;

#[cfg(test)]
mod tests;

/// How many records a map has room for, before and after normalising.
///
/// PC firmware gives about ten, UEFI with GRUB some tens.
pub const CAPACITY: usize = 128;

/// One past the highest machine address that a page-table entry can name (52 bits).
pub const MACHINE_END: u64 = 1 << 52;

/// What a range of machine addresses is, in growing order of restriction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Memory for use. e820 type 1.
    Ram,
    /// ACPI tables; memory once they have been read. e820 type 3.
    AcpiTables,
    /// Kept by the firmware over sleep. e820 type 4.
    AcpiNvs,
    /// Not for use: firmware, devices. e820 type 2 and every unknown type.
    Reserved,
    /// Broken memory. e820 type 5.
    Unusable,
}

impl Kind {
    /// The kind of an e820 record's type.
    pub const fn from_e820(kind: u32) -> Self {
        match kind {
            1 => Self::Ram,
            3 => Self::AcpiTables,
            4 => Self::AcpiNvs,
            5 => Self::Unusable,
            _ => Self::Reserved,
        }
    }

    /// The e820 record's type.
    pub const fn to_e820(self) -> u32 {
        match self {
            Self::Ram => 1,
            Self::Reserved => 2,
            Self::AcpiTables => 3,
            Self::AcpiNvs => 4,
            Self::Unusable => 5,
        }
    }
}

/// One range of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// What it is.
    pub kind: Kind,
}

impl Region {
    const EMPTY: Self = Self {
        start: 0,
        end: 0,
        kind: Kind::Ram,
    };

    /// A region from an e820 record. An end past 2^52 is cut there.
    pub fn from_e820(base: u64, bytes: u64, kind: u32) -> Self {
        Self {
            start: base.min(MACHINE_END),
            end: base.saturating_add(bytes).min(MACHINE_END),
            kind: Kind::from_e820(kind),
        }
    }

    /// Bytes in the region.
    pub const fn bytes(&self) -> u64 {
        self.end - self.start
    }

    /// The record as `XENMEM_machine_memory_map` hands it out: base, length, type, 20 bytes.
    pub fn to_e820(&self) -> [u8; 20] {
        let mut record = [0; 20];
        let (base, rest) = record.split_at_mut(8);
        let (bytes, kind) = rest.split_at_mut(8);
        base.copy_from_slice(&self.start.to_le_bytes());
        bytes.copy_from_slice(&self.bytes().to_le_bytes());
        kind.copy_from_slice(&self.kind.to_e820().to_le_bytes());
        record
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.kind {
            Kind::Ram => "RAM",
            Kind::AcpiTables => "ACPI tables",
            Kind::AcpiNvs => "ACPI NVS",
            Kind::Reserved => "reserved",
            Kind::Unusable => "unusable",
        };
        write!(f, "{:#014x} - {:#014x} {name}", self.start, self.end)
    }
}

/// The map has more than [`CAPACITY`] records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyRegions;

impl fmt::Display for TooManyRegions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the memory map has more than {CAPACITY} regions; \
             boot by a loader that merges them, or raise memmap::CAPACITY"
        )
    }
}

/// A normalised memory map: sorted, disjoint, page-aligned, neighbours of one kind merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryMap {
    regions: [Region; CAPACITY],
    count: usize,
}

impl MemoryMap {
    /// A map of nothing.
    pub const fn new() -> Self {
        Self {
            regions: [Region::EMPTY; CAPACITY],
            count: 0,
        }
    }

    /// Normalises what the firmware says.
    ///
    /// # Errors
    /// More regions than there is room for.
    pub fn normalise(raw: impl IntoIterator<Item = Region>) -> Result<Self, TooManyRegions> {
        let mut map = Self::new();
        for region in raw {
            if region.start < region.end {
                map.push(region)?;
            }
        }
        map.resolve()?;
        // Only now: two RAM records that meet inside a page make a whole page.
        map.align();
        // Growing outward may have made new overlaps, and merges.
        map.resolve()?;
        Ok(map)
    }

    /// All regions, in order of address.
    pub fn regions(&self) -> &[Region] {
        self.regions.get(..self.count).unwrap_or(&[])
    }

    /// The regions of RAM, in order of address.
    pub fn ram(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.regions()
            .iter()
            .filter(|region| region.kind == Kind::Ram)
            .map(|r| r.start..r.end)
    }

    /// RAM without the ranges in `taken` (which may be unsorted and overlap; a page
    /// that is taken in part is taken), piece by piece in order of address.
    pub fn free_ram(&self, taken: &[Range<u64>], mut piece: impl FnMut(Range<u64>)) {
        for ram in self.ram() {
            let mut at = ram.start;
            while at < ram.end {
                // The end of whatever covers `at`, else the start of the next taken range.
                let mut next = ram.end;
                let mut covered = false;
                for hole in taken.iter().filter(|hole| hole.start < hole.end) {
                    let (start, end) = (page_down(hole.start), page_up(hole.end));
                    if start <= at && at < end {
                        next = if covered { next.max(end) } else { end };
                        covered = true;
                    } else if !covered && at < start {
                        next = next.min(start);
                    }
                }
                if !covered {
                    piece(at..next);
                }
                at = next;
            }
        }
    }

    /// Bytes of RAM.
    pub fn ram_bytes(&self) -> u64 {
        self.ram().map(|ram| ram.end - ram.start).sum()
    }

    /// One past the last frame of RAM: the frame table's size.
    pub fn ram_end(&self) -> Mfn {
        Mfn::containing(self.ram().last().map_or(0, |ram| ram.end))
    }

    /// What the address is; `None` in a hole of the map.
    pub fn kind_at(&self, maddr: u64) -> Option<Kind> {
        self.regions()
            .iter()
            .find(|region| region.start <= maddr && maddr < region.end)
            .map(|region| region.kind)
    }

    /// Forgets RAM above `bytes` of machine address space (`mem=`); the rest stays.
    #[must_use]
    pub fn without_ram_above(&self, bytes: u64) -> Self {
        let limit = page_down(bytes);
        let mut map = Self::new();
        for &region in self.regions() {
            let end = if region.kind == Kind::Ram {
                region.end.min(limit)
            } else {
                region.end
            };
            if region.start < end {
                // Cannot overflow: never more regions than before.
                let _ = map.push(Region { end, ..region });
            }
        }
        map
    }

    fn push(&mut self, region: Region) -> Result<(), TooManyRegions> {
        let slot = self.regions.get_mut(self.count).ok_or(TooManyRegions)?;
        *slot = region;
        self.count += 1;
        Ok(())
    }

    /// Sorts, resolves overlaps and merges neighbours.
    ///
    /// Every boundary of a region cuts; of the regions that cover the piece between
    /// two cuts the most restrictive names it.
    fn resolve(&mut self) -> Result<(), TooManyRegions> {
        let mut cuts = [0; 2 * CAPACITY];
        let mut used = 0;
        for (pair, region) in cuts.chunks_exact_mut(2).zip(self.regions()) {
            pair.copy_from_slice(&[region.start, region.end]);
            used += 2;
        }
        let cuts = cuts.get_mut(..used).unwrap_or(&mut []);
        cuts.sort_unstable();

        let mut out = Self::new();
        for piece in cuts.windows(2) {
            let &[start, end] = piece else { continue };
            let covering = self
                .regions()
                .iter()
                .filter(|r| r.start <= start && end <= r.end);
            let Some(kind) = covering.map(|r| r.kind).max().filter(|_| start < end) else {
                continue;
            };
            match out
                .count
                .checked_sub(1)
                .and_then(|last| out.regions.get_mut(last))
            {
                Some(last) if last.end == start && last.kind == kind => last.end = end,
                _ => out.push(Region { start, end, kind })?,
            }
        }
        *self = out;
        Ok(())
    }

    fn align(&mut self) {
        let mut out = Self::new();
        for &region in self.regions() {
            let (start, end) = match region.kind {
                Kind::Ram => (page_up(region.start), page_down(region.end)),
                _ => (page_down(region.start), page_up(region.end)),
            };
            if start < end {
                // Cannot overflow: never more regions than before.
                let _ = out.push(Region {
                    start,
                    end,
                    ..region
                });
            }
        }
        *self = out;
    }
}

impl Default for MemoryMap {
    fn default() -> Self {
        Self::new()
    }
}

const fn page_down(address: u64) -> u64 {
    address & !(PAGE_SIZE - 1)
}

/// Saturates at the last page boundary; addresses here end at [`MACHINE_END`] anyway.
const fn page_up(address: u64) -> u64 {
    page_down(address.saturating_add(PAGE_SIZE - 1))
}
