//! What a guest must not do, one attempt per test, with the error number it gets.

use super::machine::{DEVICE, FOREIGN, L1, L2, L3, L4, OTHER, PAGE, SHARED};
use super::*;
use crate::frame::Type;
use pv_guest_abi::errno;

impl World {
    fn store(&mut self, table: u64, index: usize, entry: Entry) -> Result<(), Refusal> {
        self.store_for(table, index, entry, PageOwner::Own)
    }

    fn store_for(
        &mut self,
        table: u64,
        index: usize,
        entry: Entry,
        owner: PageOwner,
    ) -> Result<(), Refusal> {
        let done = finish(|b| {
            self.tables.write_word(
                &self.m,
                b,
                claim(table),
                index,
                (entry, Keep::Nothing),
                owner,
            )
        });
        self.settle();
        self.audit();
        done
    }
}

fn entry(mfn: u64, flags: u64) -> Entry {
    Entry::new(Mfn(mfn), flags)
}

#[test]
fn page_tables_cannot_be_mapped_writable() {
    let mut world = World::running();
    for table in [L1, L2, L3, L4] {
        let refusal = world.store(L1, 5, entry(table, RW)).unwrap_err();
        assert_eq!(
            (refusal, refusal.errno()),
            (Refusal::Unmappable, errno::EBUSY)
        );
        world.store(L1, 5, entry(table, P)).unwrap();
        // Nor can a mapping that is there be made writable.
        assert_eq!(
            world.store(L1, 5, entry(table, RW)),
            Err(Refusal::Unmappable)
        );
    }
}

#[test]
fn writable_pages_cannot_be_tables() {
    let mut world = World::running();
    assert_eq!(
        world.store(L2, 5, entry(PAGE, RW)),
        Err(Refusal::InUseAs(Type::Writable))
    );
    for level in [Level::L1, Level::L2, Level::L3, Level::L4] {
        let refusal = finish(|b| world.tables.pin(&world.m, b, claim(PAGE), level)).unwrap_err();
        assert_eq!(refusal.errno(), errno::EINVAL);
    }
    world.store(L1, 0, Entry::EMPTY).unwrap();
    world.store(L2, 5, entry(PAGE, RW)).unwrap();
}

#[test]
fn levels_do_not_mix() {
    let mut world = World::running();
    assert_eq!(
        world.store(L3, 1, entry(L1, RW)),
        Err(Refusal::InUseAs(Type::L1))
    );
    assert_eq!(
        world.store(L2, 1, entry(L2, P)),
        Err(Refusal::InUseAs(Type::L2)),
        "linear table"
    );
    assert_eq!(
        world.store(L4, 1, entry(L4, P)),
        Err(Refusal::InUseAs(Type::L4)),
        "linear table"
    );
    let pin = finish(|b| world.tables.pin(&world.m, b, claim(L3), Level::L4));
    assert_eq!(pin, Err(Refusal::InUseAs(Type::L3)));
}

#[test]
fn hypervisor_slots_are_neither_taken_nor_written() {
    let mut world = World::new(UserBit::AsGiven);
    // Rubbish in all of them does not disturb validation, and holds nothing.
    (256..272).for_each(|slot| world.m.poke(Mfn(L4), slot, entry(1, RW | U | Entry::PCD).0));
    let root = finish(|b| world.tables.take_base(&world.m, b, claim(L4))).unwrap();
    world.bases.push(root);
    world.audit();
    for slot in 256..272 {
        for value in [entry(L3, RW), Entry::EMPTY] {
            let refusal = world.store(L4, slot, value).unwrap_err();
            assert_eq!(
                (refusal, refusal.errno()),
                (Refusal::HypervisorSlot, errno::EINVAL)
            );
        }
    }
    for slot in [255, 272] {
        world.store(L4, slot, entry(L3, RW | U)).unwrap();
    }
    assert_eq!(world.m.roots_changed.borrow().len(), 2);
}

#[test]
fn frames_of_others_need_an_owner_named() {
    let mut world = World::running();
    let refusal = world.store(L1, 9, entry(FOREIGN, P)).unwrap_err();
    assert_eq!(refusal.errno(), errno::EBUSY);
    world
        .store_for(L1, 9, entry(FOREIGN, RW), PageOwner::Foreign(OTHER))
        .unwrap();
    assert_eq!(
        world.store_for(L1, 10, entry(PAGE, P), PageOwner::Foreign(OTHER)),
        Err(Refusal::Unmappable),
        "the owner named must be the owner"
    );
    assert_eq!(
        world.store_for(L1, 10, entry(PAGE, P), PageOwner::Io),
        Err(Refusal::Unmappable)
    );
    assert_eq!(
        world.store_for(L2, 9, entry(FOREIGN, P), PageOwner::Foreign(OTHER)),
        Err(Refusal::ForeignTable)
    );
    assert_eq!(
        world.store(L2, 9, entry(FOREIGN, P)),
        Err(Refusal::NotOwner)
    );
    assert_eq!(
        world.store(FOREIGN, 0, Entry::EMPTY),
        Err(Refusal::NotOwner)
    );
    // A foreign table cannot be pinned, loaded or freed either.
    assert!(finish(|b| world.tables.pin(&world.m, b, claim(FOREIGN), Level::L1)).is_err());
    assert!(finish(|b| world.tables.take_base(&world.m, b, claim(FOREIGN))).is_err());
    assert!(finish(|b| world.tables.surrender(&world.m, b, claim(FOREIGN))).is_err());
    world.store(L1, 9, Entry::EMPTY).unwrap();
}

#[test]
fn the_hypervisors_frames_are_out_of_reach() {
    let mut world = World::running();
    for mfn in 0..machine::HYPERVISORS {
        for owner in [PageOwner::Own, PageOwner::Foreign(OTHER), PageOwner::Io] {
            assert_eq!(
                world.store_for(L1, 9, entry(mfn, P), owner),
                Err(Refusal::Unmappable)
            );
        }
        assert_eq!(world.store(mfn, 0, Entry(7)), Err(Refusal::NotOwner));
        assert!(finish(|b| world.tables.pin(&world.m, b, claim(mfn), Level::L4)).is_err());
    }
}

#[test]
fn forbidden_bits_are_refused_and_absent_entries_are_free() {
    let mut world = World::running();
    let refused = |world: &mut World, table, bits| {
        let refusal = world.store(table, 9, entry(PAGE, P | bits)).unwrap_err();
        assert_eq!(
            (refusal, refusal.errno()),
            (Refusal::Bits(bits), errno::EINVAL)
        );
    };
    for table in [L2, L3, L4] {
        for bits in [Entry::PAT_OR_LARGE, Entry::PCD, Entry::PWT, Entry::GLOBAL] {
            refused(&mut world, table, bits);
        }
    }
    for bits in [Entry::PCD, Entry::PWT, Entry::PAT_OR_LARGE] {
        refused(&mut world, L1, bits);
    }
    world
        .store(
            L1,
            9,
            entry(PAGE, RW | Entry::GLOBAL | Entry::AVAIL | Entry::AVAIL_HIGH),
        )
        .unwrap();
    for table in [L1, L2, L3, L4] {
        for value in [0xdead_beef_dead_bee0, !1, 2] {
            world.store(table, 9, Entry(value)).unwrap();
            assert_eq!(world.m.read(Mfn(table), 9), value);
        }
    }
    world.tables.cache_bits = true;
    world.store(L1, 10, entry(DEVICE, RW | Entry::PCD)).unwrap();
}

#[test]
fn device_memory_needs_permission_and_the_lowest_level() {
    let mut world = World::running();
    world.store(L1, 9, entry(DEVICE, RW)).unwrap();
    world
        .store_for(L1, 9, entry(DEVICE + 1, RW), PageOwner::Io)
        .unwrap();
    let refusal = world.store(L1, 9, entry(DEVICE + 10, RW)).unwrap_err();
    assert_eq!((refusal, refusal.errno()), (Refusal::NoIomem, errno::EPERM));
    let foreign = world.store_for(L1, 9, entry(DEVICE, RW), PageOwner::Foreign(OTHER));
    assert_eq!(
        foreign,
        Err(Refusal::NoIomem),
        "both domains must be permitted"
    );
    assert_eq!(world.store(L2, 9, entry(DEVICE, RW)), Err(Refusal::NotRam));
    assert_eq!(world.store(DEVICE, 9, Entry::EMPTY), Err(Refusal::NotRam));
}

#[test]
fn lent_pages_can_be_mapped_but_not_used_otherwise() {
    let mut world = World::running();
    world.store(L1, 9, entry(SHARED, RW)).unwrap();
    assert_eq!(
        world.store(L2, 9, entry(SHARED, P)),
        Err(Refusal::InUseAs(Type::Shared))
    );
    assert_eq!(
        world.store(SHARED, 0, Entry(1)),
        Err(Refusal::InUseAs(Type::Shared))
    );
    let freed = finish(|b| world.tables.surrender(&world.m, b, claim(SHARED)));
    assert_eq!(freed, Err(Refusal::NotAllocated));
    assert_eq!(
        world.tables.take_back(&world.m, claim(SHARED)),
        Err(Refusal::InUse)
    );
    world.audit();
}

#[test]
fn descriptor_frames_are_never_writable_by_the_guest() {
    let mut world = World::running();
    let gdt = PAGE + 1;
    assert!(
        world
            .tables
            .take_descriptors(&world.m, claim(PAGE))
            .is_err(),
        "mapped writable"
    );
    world.m.bad_descriptors.set(true);
    let bad = world.tables.take_descriptors(&world.m, claim(gdt));
    assert_eq!(bad, Err(Refusal::BadDescriptor));
    world.audit();
    world.m.bad_descriptors.set(false);
    let held = world.tables.take_descriptors(&world.m, claim(gdt)).unwrap();
    world.descriptors.push(held);
    world.audit();
    assert_eq!(world.store(L1, 9, entry(gdt, RW)), Err(Refusal::Unmappable));
    world.store(L1, 9, entry(gdt, P)).unwrap();
    let refusal = world.store(gdt, 0, Entry(1)).unwrap_err();
    assert_eq!(
        (refusal, refusal.errno()),
        (Refusal::InUseAs(Type::SegDesc), errno::EINVAL)
    );
    world
        .tables
        .write_descriptor(&world.m, claim(gdt), 3, 77)
        .unwrap();
    world
        .tables
        .write_descriptor(&world.m, claim(PAGE), 3, 77)
        .unwrap();
    assert!(
        world
            .tables
            .write_descriptor(&world.m, claim(L1), 3, 77)
            .is_err()
    );
    assert_eq!(*world.m.descriptors_unmapped.borrow(), []);
    world.store(L1, 9, Entry(0)).unwrap();
    assert_eq!(
        *world.m.descriptors_unmapped.borrow(),
        [held],
        "an LDT may have been mapped there"
    );
    world.descriptors.clear();
    world.tables.drop_descriptors(&world.m, held);
    world.store(L1, 9, entry(gdt, RW)).unwrap();
    world.store(L1, 9, Entry(0)).unwrap();
    assert_eq!(world.m.descriptors_unmapped.borrow().len(), 1);
}

#[test]
fn pins_come_and_go_once() {
    let mut world = World::running();
    let pin = |world: &mut World| {
        let done = finish(|b| world.tables.pin(&world.m, b, claim(L4), Level::L4));
        world.audit();
        done
    };
    let unpin = |world: &mut World| {
        let done = finish(|b| world.tables.unpin(&world.m, b, claim(L4)));
        world.settle();
        world.audit();
        done
    };
    assert_eq!(unpin(&mut world), Err(Refusal::NotPinned));
    assert_eq!(pin(&mut world), Ok(()));
    assert_eq!(pin(&mut world), Err(Refusal::Pinned));
    // The root in use stays a root without its pin.
    assert_eq!(unpin(&mut world), Ok(()));
    assert_eq!(unpin(&mut world), Err(Refusal::NotPinned));
    assert!(world.m.frame(Mfn(L4)).snapshot().validated);
    assert_eq!(world.store(L1, 9, entry(L4, RW)), Err(Refusal::Unmappable));
}

#[test]
fn frames_in_use_are_freed_late_and_never_taken_back() {
    let mut world = World::running();
    assert_eq!(
        world.tables.take_back(&world.m, claim(PAGE)),
        Err(Refusal::InUse)
    );
    assert_eq!(
        finish(|b| world.tables.surrender(&world.m, b, claim(PAGE))),
        Ok(Mfn(PAGE))
    );
    let again = finish(|b| world.tables.surrender(&world.m, b, claim(PAGE)));
    assert_eq!(again, Err(Refusal::NotAllocated));
    assert!(world.m.freed.borrow().is_empty(), "still mapped");
    world.store(L1, 0, Entry::EMPTY).unwrap();
    assert_eq!(world.m.freed.borrow().len(), 1);
    assert_eq!(
        world.tables.take_back(&world.m, claim(PAGE + 1)),
        Ok(Mfn(PAGE + 1))
    );
    assert_eq!(
        world.tables.take_back(&world.m, claim(PAGE + 1)),
        Err(Refusal::NotOwner)
    );
    world.audit();
}

#[test]
fn commands_that_xen_lacks() {
    for low in 4..8 {
        assert_eq!(
            MmuCommand::parse(0x5000 | low).map_err(Refusal::errno),
            Err(errno::ENOSYS)
        );
    }
    let write = MmuCommand::Write {
        frame: claim(5),
        index: 3,
        keep: Keep::AccessedDirty,
    };
    assert_eq!(MmuCommand::parse(0x501a), Ok(write));
    assert_eq!(
        MmuCommand::parse(0x5001),
        Ok(MmuCommand::Machphys { frame: claim(5) })
    );
}
