//! What is granted, mapped and refused, one question each.

use super::machine::{DOMAINS, FRAMES, OWN, TABLE, World, finish, slot};
use super::*;
use crate::frame::Type;
use crate::paging::{Entry, Level, Machine, Refusal};
use pv_guest_abi::grant::*;

const HOST: u32 = GNTMAP_HOST_MAP;
const DEVICE: u32 = GNTMAP_DEVICE_MAP;
const RO: u32 = GNTMAP_READONLY;
/// A frame of domain 0's.
const PAGE: u64 = OWN[0] + 5;
const REF: u32 = 8;

/// Domain 0 grants its page to domain 1.
fn granted(flags: u16) -> World {
    let world = World::new();
    world.grant(0, REF, EntryWord::new(flags, DOMAINS[1], PAGE as u32));
    world
}

fn refs(world: &World, mfn: u64) -> (u32, u32) {
    let now = world.m.frame(Mfn(mfn)).snapshot();
    (now.refs, now.uses)
}

#[test]
fn a_mapping_comes_and_goes() {
    let mut world = granted(GTF_PERMIT_ACCESS);
    let at = slot(1, 2);
    let handle = world.map(1, 0, REF, HOST, at).unwrap();
    let entry = Entry(world.m.read(Mfn(at.table.0), at.index));
    assert_eq!(entry.claim(), MfnClaim(PAGE));
    assert!(entry.is_writable() && !entry.is_user());
    assert_eq!(refs(&world, PAGE), (3, 2), "allocation, pin and entry");
    world.unmap(1, handle, Some(at), false, None).unwrap();
    assert_eq!(world.m.read(Mfn(at.table.0), at.index), 0);
    assert_eq!(refs(&world, PAGE), (1, 0));
    assert_eq!(world.entry(0, REF).flags(), GTF_PERMIT_ACCESS);
    let again = world.unmap(1, handle, Some(at), false, None);
    assert_eq!(again, Err(Status::BadHandle));
}

#[test]
fn a_domain_may_grant_to_itself() {
    let mut world = World::new();
    world.grant(
        0,
        3,
        EntryWord::new(GTF_PERMIT_ACCESS, DOMAINS[0], PAGE as u32),
    );
    let handle = world.map(0, 0, 3, HOST | RO, slot(0, 0)).unwrap();
    assert_eq!(refs(&world, PAGE), (3, 0));
    world
        .unmap(0, handle, Some(slot(0, 0)), false, None)
        .unwrap();
    assert_eq!(refs(&world, PAGE), (1, 0));
}

#[test]
fn what_is_not_granted_is_refused() {
    let mut world = granted(GTF_PERMIT_ACCESS | GTF_READONLY);
    let at = slot(1, 0);
    assert_eq!(world.map(1, 0, REF, 0, at), Err(Status::BadRef));
    assert_eq!(world.map(1, 0, 512, HOST, at), Err(Status::BadRef));
    assert_eq!(
        world.map(1, 0, REF + 1, HOST, at),
        Err(Status::GeneralError)
    );
    assert_eq!(world.map(1, 0, REF, HOST, at), Err(Status::GeneralError));
    assert_eq!(
        world.map(0, 0, REF, HOST | RO, at),
        Err(Status::GeneralError)
    );
    let nowhere = EntryWord::new(GTF_PERMIT_ACCESS, DOMAINS[1], 77_777);
    world.grant(0, REF, nowhere);
    assert_eq!(world.map(1, 0, REF, HOST, at), Err(Status::BadPage));
    let not_mine = EntryWord::new(GTF_PERMIT_ACCESS, DOMAINS[1], OWN[1] as u32 + 5);
    world.grant(0, REF, not_mine);
    assert_eq!(world.map(1, 0, REF, HOST, at), Err(Status::BadPage));
    assert_eq!(world.entry(0, REF), not_mine, "no mark is left");
    assert_eq!(world.domains[1].maptrack.used(), 0);
    assert_eq!(world.domains[0].granted.in_use(), 0);
}

#[test]
fn a_page_table_is_granted_for_reading_only() {
    let mut world = World::new();
    let table = EntryWord::new(GTF_PERMIT_ACCESS, DOMAINS[1], OWN[0] as u32);
    world.grant(0, REF, table);
    for flags in [HOST, DEVICE, HOST | DEVICE] {
        let refused = world.map(1, 0, REF, flags, slot(1, 0));
        assert_eq!(refused, Err(Status::GeneralError));
        assert_eq!(world.entry(0, REF), table);
    }
    let handle = world.map(1, 0, REF, HOST | RO, slot(1, 0)).unwrap();
    // A second, writing use of an entry in use is refused as well, and the first stays.
    let refused = world.map(1, 0, REF, DEVICE, slot(1, 0));
    assert_eq!(refused, Err(Status::GeneralError));
    assert_eq!(world.entry(0, REF).flags(), GTF_PERMIT_ACCESS | GTF_READING);
    world
        .unmap(1, handle, Some(slot(1, 0)), false, None)
        .unwrap();
    assert_eq!(world.entry(0, REF), table);
}

#[test]
fn a_granted_page_does_not_become_a_table_while_it_is_written() {
    let mut world = granted(GTF_PERMIT_ACCESS);
    let pin = |world: &mut World| {
        let (m, tables) = (&world.m, &mut world.domains[0].tables);
        finish(|b| tables.pin(m, b, MfnClaim(PAGE), Level::L1))
    };
    let handle = world.map(1, 0, REF, HOST, slot(1, 0)).unwrap();
    assert_eq!(pin(&mut world), Err(Refusal::InUseAs(Type::Writable)));
    // Not even when the mapper throws its entry away.
    world.update(1, slot(1, 0), Entry::EMPTY).unwrap();
    assert_eq!(pin(&mut world), Err(Refusal::InUseAs(Type::Writable)));
    let lost = world.unmap(1, handle, Some(slot(1, 0)), false, None);
    assert_eq!(lost, Err(Status::GeneralError), "the handle dangles");
    world.end(1);
    assert_eq!(pin(&mut world), Ok(()));
    assert_eq!(world.entry(0, REF).flags(), GTF_PERMIT_ACCESS);
}

#[test]
fn a_mapped_frame_outlives_its_owners_interest() {
    let mut world = granted(GTF_PERMIT_ACCESS);
    let handle = world.map(1, 0, REF, DEVICE | RO, slot(1, 0)).unwrap();
    {
        let (m, tables) = (&world.m, &mut world.domains[0].tables);
        finish(|b| tables.surrender(m, b, MfnClaim(PAGE))).unwrap();
    }
    world.end(0);
    assert!(world.m.freed.borrow().iter().all(|(mfn, _)| mfn.0 != PAGE));
    // The dead granter's table is kept for the one who still uses it.
    assert_eq!(refs(&world, TABLE[0]), (1, 1));
    let more = world.map(1, 0, REF, DEVICE | RO, slot(1, 0));
    assert_eq!(more, Err(Status::GeneralError));
    world.unmap(1, handle, None, true, None).unwrap();
    assert_eq!(refs(&world, PAGE), (0, 0));
    let left = world.domains[0].granted.take_frames();
    assert_eq!(left, [Mfn(TABLE[0])]);
}

#[test]
fn host_and_device_parts_go_one_by_one() {
    let mut world = granted(GTF_PERMIT_ACCESS);
    let at = slot(1, 0);
    let handle = world.map(1, 0, REF, HOST | DEVICE, at).unwrap();
    world.unmap(1, handle, None, false, None).unwrap();
    world.unmap(1, handle, Some(at), false, None).unwrap();
    world.unmap(1, handle, Some(at), false, None).unwrap();
    let marks = GTF_READING | GTF_WRITING;
    assert_eq!(world.entry(0, REF).flags() & marks, marks);
    world.unmap(1, handle, None, true, None).unwrap();
    assert_eq!(world.entry(0, REF).flags() & marks, 0);
    assert_eq!(
        world.unmap(1, handle, None, true, None),
        Err(Status::BadHandle)
    );
}

#[test]
fn an_entry_in_use_is_not_asked_again() {
    let mut world = granted(GTF_PERMIT_ACCESS);
    world.map(1, 0, REF, DEVICE | RO, slot(1, 0)).unwrap();
    // The granter breaks its own entry; what is in use stays so, for the same grantee.
    world.grant(0, REF, EntryWord::new(GTF_INVALID, DOMAINS[0], 1));
    let handle = world.map(1, 0, REF, HOST | RO, slot(1, 0)).unwrap();
    let mfn = world.m.read(Mfn(OWN[1]), 0) >> 12 & 0xfffff;
    assert_eq!(mfn, PAGE, "the frame of when the use began");
    world
        .unmap(1, handle, Some(slot(1, 0)), false, None)
        .unwrap();
    let other = world.map(0, 0, REF, HOST | RO, slot(0, 0));
    assert_eq!(other, Err(Status::GeneralError));
}

#[test]
fn uses_of_an_entry_are_counted_to_a_limit() {
    let mut world = granted(GTF_PERMIT_ACCESS);
    let map = |world: &mut World, flags| world.map(1, 0, REF, flags, slot(1, 0));
    for _ in 0..128 {
        map(&mut world, DEVICE | RO).unwrap();
    }
    assert_eq!(map(&mut world, DEVICE | RO), Err(Status::GeneralError));
    assert_eq!(
        map(&mut world, DEVICE | HOST | RO),
        Err(Status::GeneralError)
    );
    for _ in 0..128 {
        map(&mut world, DEVICE).unwrap();
    }
    // One frame of handles is all that there may be.
    assert_eq!(map(&mut world, HOST | RO), Err(Status::NoSpace));
    assert_eq!(refs(&world, PAGE), (2, 1));
    world.end(1);
    assert_eq!(refs(&world, PAGE), (1, 0));
    assert_eq!(world.entry(0, REF).flags(), GTF_PERMIT_ACCESS);
}

#[test]
fn handles_are_the_lowest_free() {
    let mut maptrack = Maptrack::<usize>::new(2);
    let handles: Vec<_> = (0..512).map(|_| maptrack.reserve().unwrap().0).collect();
    assert_eq!(handles, (0..512).collect::<Vec<_>>());
    assert_eq!(maptrack.reserve(), Err(Status::NoSpace));
    for freed in [400, 3, 200] {
        maptrack.free(Handle(freed));
    }
    let again: Vec<_> = (0..3).map(|_| maptrack.reserve().unwrap().0).collect();
    assert_eq!(again, [3, 200, 400]);
    // Reserved is not mapped.
    assert_eq!(maptrack.take(Handle(3)), Err(Status::BadHandle));
    assert_eq!(maptrack.take(Handle(512)), Err(Status::BadHandle));
    assert_eq!(maptrack.take(Handle(u32::MAX)), Err(Status::BadHandle));
}

#[test]
fn an_entry_moves_to_where_a_mapping_was() {
    let mut world = granted(GTF_PERMIT_ACCESS);
    let (at, from) = (slot(1, 0), slot(1, 5));
    let own = Entry::new(Mfn(OWN[1] + 4), Entry::PRESENT | Entry::WRITE);
    world.update(1, from, own).unwrap();
    let handle = world.map(1, 0, REF, HOST, at).unwrap();
    let same = world.unmap(1, handle, Some(at), false, Some(at));
    assert_eq!(same, Err(Status::GeneralError));
    let wrong = world.unmap(1, handle, Some(slot(1, 1)), false, Some(from));
    assert_eq!(wrong, Err(Status::GeneralError));
    assert_eq!(world.m.read(Mfn(from.table.0), from.index), own.0);
    world.unmap(1, handle, Some(at), false, Some(from)).unwrap();
    assert_eq!(world.m.read(Mfn(at.table.0), at.index), own.0);
    assert_eq!(world.m.read(Mfn(from.table.0), from.index), 0);
    assert_eq!(refs(&world, OWN[1] + 4), (2, 1));
    assert_eq!(refs(&world, PAGE), (1, 0));
}

#[test]
fn idle_entries_are_swapped_busy_ones_not() {
    let mut world = granted(GTF_PERMIT_ACCESS);
    let swap = |world: &World, a, b| {
        let granted = &world.domains[0].granted;
        granted.swap(&world.m, GrantRef(a), GrantRef(b))
    };
    let was = world.entry(0, REF);
    assert_eq!(swap(&world, REF, 9), Ok(()));
    assert_eq!(
        (world.entry(0, REF), world.entry(0, 9)),
        (EntryWord(0), was)
    );
    assert_eq!(swap(&world, 9, REF), Ok(()));
    assert_eq!(swap(&world, REF, 512), Err(Status::BadRef));
    world.map(1, 0, REF, DEVICE, slot(1, 0)).unwrap();
    assert_eq!(swap(&world, REF, 9), Err(Status::Again));
    assert_eq!(swap(&world, 9, REF), Err(Status::Again));
    assert_eq!(swap(&world, REF, REF), Ok(()));
}

#[test]
fn a_table_grows_to_its_limit_and_no_further() {
    let mut granted = Granted::new(DOMAINS[0], 2);
    assert_eq!(granted.entries(), 0);
    assert!(granted.add_frame(Mfn(TABLE[0])));
    assert!(granted.add_frame(Mfn(TABLE[1])));
    assert!(!granted.add_frame(Mfn(FRAMES)));
    assert_eq!(granted.entries(), 1024);
    assert_eq!(granted.take_frames(), [], "it is not closed");
}

#[test]
fn copies_stay_inside_pages() {
    let span = |offset, len| Span { offset, len };
    let good = span(0, 4096);
    assert_eq!(check_spans(good, good), Ok(()));
    assert_eq!(check_spans(span(4096, 0), good), Ok(()));
    for bad in [
        span(1, 4096),
        span(4097, 0),
        span(4090, 8),
        span(u16::MAX, u16::MAX),
    ] {
        assert_eq!(check_spans(bad, good), Err(Status::BadCopyArg));
        assert_eq!(check_spans(good, bad), Err(Status::BadCopyArg));
    }
}

#[test]
fn entry_bits_are_chosen_by_flags() {
    let always = Entry::PRESENT | Entry::CPU_SET | Entry::NO_EXECUTE;
    assert_eq!(entry_flags(HOST), always | Entry::WRITE);
    assert_eq!(entry_flags(HOST | RO), always);
    let user = HOST | RO | GNTMAP_APPLICATION_MAP;
    assert_eq!(entry_flags(user), always | Entry::USER);
    let avail = HOST | RO | GNTMAP_GUEST_AVAIL_MASK;
    assert_eq!(entry_flags(avail), always | Entry::AVAIL);
    assert_eq!(entry_flags(HOST | RO | 1 << 16), always | 1 << 9);
}
