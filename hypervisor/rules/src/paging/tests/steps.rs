//! What a guest may do, and how it is done: order, flushes, resting points.

use super::machine::{FRAMES, L1, L2, L3, L4, OWNER, PAGE};
use super::*;
use crate::frame::Type;

fn entry(mfn: u64, flags: u64) -> Entry {
    Entry::new(Mfn(mfn), flags)
}

#[test]
fn a_guest_bit_by_bit() {
    let mut world = World::new(UserBit::AsGiven);
    let kernel = entry(PAGE + 1, RW);
    world.m.poke(Mfn(L1), 2, kernel.0);
    finish(|b| world.tables.take_base(&world.m, b, claim(L4))).unwrap();
    world.bases.push(Mfn(L4));
    world.audit();
    assert_eq!(
        world.m.read(Mfn(L1), 2),
        kernel.0,
        "the user bit is the guest's"
    );
    assert!(world.m.writes.borrow().is_empty());
}

#[test]
fn forced_user_bit_as_xen_does() {
    let mut world = World::new(UserBit::Forced);
    world.m.poke(Mfn(L4), 0, entry(L3, RW).0);
    world.m.poke(Mfn(L1), 2, entry(PAGE + 1, RW).0);
    finish(|b| world.tables.take_base(&world.m, b, claim(L4))).unwrap();
    world.bases.push(Mfn(L4));
    world.audit();
    assert_eq!(world.m.read(Mfn(L4), 0), entry(L3, RW | U).0);
    assert_eq!(
        world.m.read(Mfn(L1), 2),
        entry(PAGE + 1, RW | U | Entry::GUEST_KERNEL).0
    );
    assert_eq!(world.m.read(Mfn(L1), 0), entry(PAGE, RW | U).0);
    finish(|b| {
        world
            .tables
            .update_l1(&world.m, b, claim(L1), 3, entry(PAGE, P), PageOwner::Own)
    })
    .unwrap();
    assert_eq!(
        world.m.read(Mfn(L1), 3),
        entry(PAGE, P | U | Entry::GUEST_KERNEL).0
    );
    world.audit();
}

#[test]
fn plain_pages_take_plain_writes() {
    let mut world = World::running();
    for frame in [PAGE, PAGE + 5] {
        let junk = (Entry(!0), Keep::AccessedDirty);
        finish(|b| {
            world
                .tables
                .write_word(&world.m, b, claim(frame), 511, junk, PageOwner::Own)
        })
        .unwrap();
        assert_eq!(world.m.read(Mfn(frame), 511), !0);
        world.audit();
    }
}

#[test]
fn what_the_cpu_set_is_kept_if_asked() {
    let mut world = World::running();
    let mut update = |value: u64, keep| {
        world.m.cpu_sets_bits.set(true);
        let value = (Entry(value), keep);
        finish(|b| {
            world
                .tables
                .write_word(&world.m, b, claim(L1), 0, value, PageOwner::Own)
        })
        .unwrap();
        world.audit();
        world.m.read(Mfn(L1), 0)
    };
    let read_only = entry(PAGE, P | U).0;
    assert_eq!(
        update(read_only, Keep::AccessedDirty),
        read_only | Entry::CPU_SET
    );
    assert_eq!(update(read_only, Keep::Nothing), read_only);
    assert_eq!(
        update(0x1230, Keep::AccessedDirty),
        0x1230,
        "absent entries are the guest's"
    );
}

#[test]
fn emulated_store_finds_what_the_cpu_set() {
    let mut world = World::running();
    let old = Entry(world.m.read(Mfn(L1), 0));
    let new = Entry(old.0 & !Entry::WRITE);
    world.m.cpu_sets_bits.set(true);
    let mut exchange = |expected| {
        let done = finish(|b| {
            world
                .tables
                .compare_exchange(&world.m, b, claim(L1), 0, (expected, new))
        });
        world.audit();
        done
    };
    let Ok(Exchange::Found(live)) = exchange(old) else {
        panic!("A and D were lost")
    };
    assert_eq!(live.0, old.0 | Entry::CPU_SET);
    assert_eq!(exchange(live), Ok(Exchange::Stored));
    assert_eq!(world.m.frame(Mfn(PAGE)).snapshot().uses, 0);
    let upper = finish(|b| {
        world
            .tables
            .compare_exchange(&world.m, b, claim(L2), 0, (Entry::EMPTY, Entry::EMPTY))
    });
    assert_eq!(
        upper,
        Err(Refusal::NotTable),
        "stores to upper tables are not emulated"
    );
}

#[test]
fn update_va_mapping_wants_an_l1() {
    let mut world = World::running();
    for (table, index) in [(L2, 0), (PAGE, 0), (L1, 512)] {
        let done = finish(|b| {
            world.tables.update_l1(
                &world.m,
                b,
                claim(table),
                index,
                Entry::EMPTY,
                PageOwner::Own,
            )
        });
        assert!(done.is_err());
    }
    finish(|b| {
        world
            .tables
            .update_l1(&world.m, b, claim(L1), 0, Entry::EMPTY, PageOwner::Own)
    })
    .unwrap();
    assert_eq!(world.m.read(Mfn(L1), 0), 0);
    world.audit();
}

#[test]
fn a_page_that_was_writable_is_flushed_before_it_is_a_table() {
    let mut world = World::running();
    finish(|b| {
        world
            .tables
            .update_l1(&world.m, b, claim(L1), 0, Entry::EMPTY, PageOwner::Own)
    })
    .unwrap();
    world.audit();
    let before = world.m.flushes.get();
    finish(|b| world.tables.pin(&world.m, b, claim(PAGE), Level::L1)).unwrap();
    assert_eq!(world.m.flushes.get(), before + 1);
    world.audit();
    finish(|b| world.tables.unpin(&world.m, b, claim(PAGE))).unwrap();
    world.settle();
    // All CPUs flush for reasons of their own: no need to do it again.
    world.m.flush_all();
    let entry = entry(PAGE, RW);
    finish(|b| {
        world
            .tables
            .update_l1(&world.m, b, claim(L1), 0, entry, PageOwner::Own)
    })
    .unwrap();
    assert_eq!(world.m.flushes.get(), before + 1);
    world.audit();
}

#[test]
fn a_budget_of_one_entry_still_arrives() {
    let mut world = World::new(UserBit::AsGiven);
    let mut rests = 0;
    while world
        .tables
        .take_base(&world.m, &mut Budget::new(1), claim(L4))
        == Ok(Progress::Again)
    {
        world.audit();
        rests += 1;
    }
    assert!((1500..2100).contains(&rests), "{rests}");
    world.bases.push(Mfn(L4));
    world.audit();
    world.bases.clear();
    world.tables.drop_base(&world.m, Mfn(L4));
    while world.tables.settle(&world.m, &mut Budget::new(1)) == Progress::Again {
        world.audit();
    }
    for table in [L1, L2, L3, L4] {
        assert_eq!(world.m.frame(Mfn(table)).snapshot().uses, 0);
    }
    assert_eq!(*world.m.roots_gone.borrow(), [Mfn(L4)]);
}

#[test]
fn a_failed_validation_gives_everything_back() {
    let mut world = World::new(UserBit::AsGiven);
    // Bad only at the very end of the lowest table.
    world.m.poke(Mfn(L1), 511, entry(1, P).0);
    let failed = finish(|b| world.tables.take_base(&world.m, b, claim(L4)));
    assert_eq!(failed, Err(Refusal::Unmappable));
    assert!(world.tables.in_debt());
    world.audit();
    world.settle();
    world.audit();
    for mfn in 3..30 {
        let now = world.m.frame(Mfn(mfn)).snapshot();
        assert_eq!((now.refs, now.uses), (1, 0));
    }
    // And the frames can be plain pages again.
    finish(|b| {
        world.tables.write_word(
            &world.m,
            b,
            claim(L1),
            511,
            (Entry::EMPTY, Keep::Nothing),
            PageOwner::Own,
        )
    })
    .unwrap();
    finish(|b| world.tables.take_base(&world.m, b, claim(L4))).unwrap();
}

#[test]
fn another_vcpu_may_finish_what_one_began() {
    let mut world = World::new(UserBit::AsGiven);
    let half = world
        .tables
        .take_base(&world.m, &mut Budget::new(700), claim(L4));
    assert_eq!(half, Ok(Progress::Again));
    world.audit();
    let partial = |mfn| world.m.frame(Mfn(mfn)).snapshot().partial;
    assert!(partial(L4) && partial(L3) && partial(L2));
    // While it rests it can be neither written nor used otherwise.
    let write = finish(|b| {
        let junk = (Entry(0), Keep::Nothing);
        world
            .tables
            .write_word(&world.m, b, claim(L2), 0, junk, PageOwner::Own)
    });
    assert_eq!(write, Err(Refusal::InUseAs(Type::L2)));
    finish(|b| world.tables.pin(&world.m, b, claim(L2), Level::L2)).unwrap();
    world.audit();
    finish(|b| world.tables.unpin(&world.m, b, claim(L2))).unwrap();
    world.settle();
    world.audit();
    finish(|b| world.tables.take_base(&world.m, b, claim(L4))).unwrap();
    world.bases.push(Mfn(L4));
    world.audit();
}

#[test]
fn a_domain_dies_half_way_through_a_validation() {
    let mut world = World::new(UserBit::AsGiven);
    let half = world
        .tables
        .take_base(&world.m, &mut Budget::new(700), claim(L4));
    assert_eq!(half, Ok(Progress::Again));
    let mut sweep = Sweep::default();
    let end = Mfn(FRAMES);
    while world
        .tables
        .relinquish(&world.m, &mut Budget::new(3), &mut sweep, end)
        == Progress::Again
    {
        world.audit();
    }
    world.audit();
    let freed = world.m.freed.borrow();
    assert_eq!(freed.len(), 27, "all but the lent pages");
    assert!(freed.iter().all(|(_, was)| was.owner == OWNER));
}

#[test]
fn holds_keep_a_page_from_becoming_a_table() {
    let mut world = World::running();
    let page = PAGE + 2;
    {
        let held = Held::writable(&world.m, Mfn(page), OWNER).unwrap();
        assert_eq!(held.mfn(), Mfn(page));
        let pin = world
            .tables
            .pin(&world.m, &mut Budget::new(600), claim(page), Level::L1);
        assert_eq!(pin, Err(Refusal::InUseAs(Type::Writable)));
        assert!(Held::writable(&world.m, Mfn(L1), OWNER).is_err());
        assert!(Held::readable(&world.m, Mfn(L1), OWNER).is_ok());
        assert!(Held::mapped(&world.m, Mfn(0), false).is_err());
        assert!(Held::mapped(&world.m, Mfn(L1), true).is_err());
    }
    world.audit();
    let kept = Held::mapped(&world.m, Mfn(page), true).unwrap().keep();
    world.held.push((kept, true));
    world.audit();
    drop_writable(&world.m, kept);
    drop_ref(&world.m, kept);
    world.held.clear();
    world.audit();
    finish(|b| world.tables.pin(&world.m, b, claim(page), Level::L1)).unwrap();
}
