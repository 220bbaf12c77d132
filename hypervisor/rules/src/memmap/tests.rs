//! A byte-by-byte model in a small address space, and maps seen in the wild.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

fn region(start: u64, end: u64, kind: Kind) -> Region {
    Region { start, end, kind }
}

/// QEMU's `pc` with 512 MiB: RAM ends inside a page below 640 KiB.
#[test]
fn a_pc() {
    let map = MemoryMap::normalise([
        Region::from_e820(0, 0x9fc00, 1),
        Region::from_e820(0x9fc00, 0x400, 2),
        Region::from_e820(0xf0000, 0x10000, 2),
        Region::from_e820(0x100000, 0x1fee0000, 1),
        Region::from_e820(0x1ffe0000, 0x20000, 2),
        Region::from_e820(0xfffc0000, 0x40000, 2),
    ])
    .unwrap();
    assert_eq!(
        map.regions(),
        [
            region(0, 0x9f000, Kind::Ram),
            region(0x9f000, 0xa0000, Kind::Reserved),
            region(0xf0000, 0x100000, Kind::Reserved),
            region(0x100000, 0x1ffe0000, Kind::Ram),
            region(0x1ffe0000, 0x20000000, Kind::Reserved),
            region(0xfffc0000, 0x1_0000_0000, Kind::Reserved),
        ]
    );
    assert_eq!(map.ram_end(), Mfn(0x1ffe0));
    assert_eq!(map.kind_at(0xa0000), None);
    assert_eq!(map.kind_at(0x100000), Some(Kind::Ram));
}

#[test]
fn overlaps_and_odd_records() {
    let map = MemoryMap::normalise([
        region(0x8000, 0x6000, Kind::Ram),
        region(0x3000, 0x3000, Kind::Unusable),
        region(0x0, 0x10000, Kind::Ram),
        region(0x4800, 0x5800, Kind::AcpiTables),
        region(0x5000, 0x6000, Kind::Reserved),
        Region::from_e820(u64::MAX - 10, u64::MAX, 1),
        Region::from_e820(0x20000, u64::MAX, 77),
    ])
    .unwrap();
    assert_eq!(
        map.regions(),
        [
            region(0, 0x4000, Kind::Ram),
            region(0x4000, 0x5000, Kind::AcpiTables),
            region(0x5000, 0x6000, Kind::Reserved),
            region(0x6000, 0x10000, Kind::Ram),
            region(0x20000, MACHINE_END, Kind::Reserved),
        ]
    );
}

#[test]
fn two_records_that_meet_inside_a_page_make_it_whole() {
    let map = MemoryMap::normalise([
        region(0x1800, 0x4000, Kind::Ram),
        region(0, 0x1800, Kind::Ram),
    ]);
    assert_eq!(map.unwrap().regions(), [region(0, 0x4000, Kind::Ram)]);
}

#[test]
fn too_many_are_refused_not_forgotten() {
    let many = (0..=CAPACITY as u64).map(|i| region(i << 13, (i << 13) + 4096, Kind::Ram));
    assert_eq!(MemoryMap::normalise(many.clone()), Err(TooManyRegions));
    assert_eq!(
        MemoryMap::normalise(many.skip(1)).unwrap().regions().len(),
        CAPACITY
    );
}

#[test]
fn the_abi_record() {
    let record = region(0x100000, 0x300000, Kind::AcpiNvs).to_e820();
    assert_eq!(record[..8], 0x100000u64.to_le_bytes());
    assert_eq!(record[8..16], 0x200000u64.to_le_bytes());
    assert_eq!(record[16..], 4u32.to_le_bytes());
}

#[test]
fn a_limit_cuts_ram_only() {
    let map = MemoryMap::normalise([
        region(0, 0x10000, Kind::Ram),
        region(0x20000, 0x21000, Kind::Reserved),
    ]);
    let map = map.unwrap().without_ram_above(0x8800);
    assert_eq!(
        map.regions(),
        [
            region(0, 0x8000, Kind::Ram),
            region(0x20000, 0x21000, Kind::Reserved)
        ]
    );
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(
        &[
            Kind::Ram,
            Kind::AcpiTables,
            Kind::AcpiNvs,
            Kind::Reserved,
            Kind::Unusable,
        ][..],
    )
}

/// Ranges whose ends fall on quarters of pages, within 64 pages.
fn raw() -> impl Strategy<Value = Vec<Region>> {
    prop::collection::vec(
        (0u64..256, 0u64..80, kind())
            .prop_map(|(at, quarters, kind)| region(at << 10, (at + quarters) << 10, kind)),
        0..20,
    )
}

proptest! {
    #[test]
    fn every_page_is_what_its_worst_quarter_says(raw in raw()) {
        let map = MemoryMap::normalise(raw.iter().copied()).unwrap();
        for pair in map.regions().windows(2) {
            prop_assert!(pair[0].end <= pair[1].start);
            prop_assert!(pair[0].end < pair[1].start || pair[0].kind != pair[1].kind, "not merged");
        }
        for page in 0u64..90 {
            let quarters = (0..4).map(|quarter| {
                let at = (page << 12) + (quarter << 10);
                raw.iter().filter(|r| r.start <= at && at < r.end).map(|r| r.kind).max()
            });
            let kinds: Vec<_> = quarters.collect();
            let worst = kinds.iter().copied().flatten().max();
            let expected = match worst {
                Some(Kind::Ram) if kinds.contains(&None) => None,
                other => other,
            };
            prop_assert_eq!(map.kind_at(page << 12), expected, "page {}", page);
            prop_assert_eq!(map.kind_at((page << 12) + 4095), expected, "page {}", page);
        }
    }

    #[test]
    fn free_ram_is_ram_that_is_not_taken(
        raw in raw(),
        taken in prop::collection::vec((0u64..300_000, 0u64..40_000).prop_map(|(at, n)| at..at + n), 0..6),
    ) {
        let map = MemoryMap::normalise(raw).unwrap();
        let mut pieces: Vec<Range<u64>> = Vec::new();
        map.free_ram(&taken, |piece| pieces.push(piece));
        for pair in pieces.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start);
        }
        for page in 0u64..90 {
            let at = page << 12;
            let free = map.kind_at(at) == Some(Kind::Ram)
                && !taken.iter().any(|t| t.start < t.end && t.start < at + 4096 && at < t.end);
            prop_assert_eq!(pieces.iter().any(|p| p.contains(&at)), free, "page {}", page);
        }
    }
}
