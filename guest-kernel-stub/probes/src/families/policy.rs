//! Who decides on the user bit? By default the guest; with `dom0=force-user-bit`, as in Xen,
//! the hypervisor sets it in every entry.

use super::probes;
use crate::kit::mem::{self, P, PAGE, US};
use crate::kit::{Outcome, user};

probes!(policy:
    user_bit_as_given only_here,
    user_bit_forced,
);

/// Entries of each level without U: level, place, content.
fn entries() -> [(u32, u64, u64); 4] {
    let space = user::space();
    let page = mem::page();
    let address = user::FREE + 8 * PAGE;
    [
        (
            1,
            space.l1 + mem::index(address, 1) * 8,
            mem::entry(page, mem::READ),
        ),
        (
            2,
            space.l2 + 8 * 300,
            mem::entry(space.l1, mem::TABLE & !US),
        ),
        (
            3,
            space.l3 + 8 * 300,
            mem::entry(space.l2, mem::TABLE & !US),
        ),
        (
            4,
            mem::root() + 8 * 300,
            mem::entry(space.l3, mem::TABLE & !US),
        ),
    ]
}

/// Is an entry read back as it was written, without U and with?
fn user_bit_as_given() -> Outcome {
    for (level, at, value) in entries() {
        for value in [value, value | US] {
            returns!(mem::set_entry(at, value), 0, "L{level} entry");
            same!(mem::read(at), value, "L{level} entry");
        }
        returns!(mem::set_entry(at, 0), 0, "L{level} entry cleared");
    }
    // What the builder made: its page of tables is no user's.
    let built = mem::read(mem::entry_at(mem::root(), 1));
    same!(
        built & (P | US),
        P,
        "P and U of the builder's entry for the root table"
    );
    Ok(())
}

/// Does every entry get U, an L1 entry that had none also bit 52?
fn user_bit_forced() -> Outcome {
    for (level, at, value) in entries() {
        returns!(mem::set_entry(at, value), 0, "L{level} entry without U");
        same!(mem::read(at) & US, US, "U in the L{level} entry");
        if level == 1 {
            same!(mem::read(at) >> 52 & 1, 1, "bit 52 of the L1 entry");
        }
        returns!(mem::set_entry(at, value | US), 0, "L{level} entry with U");
        same!(mem::read(at) & US, US, "U in the L{level} entry");
        same!(
            mem::read(at) >> 52 & 1,
            0,
            "bit 52 of the L{level} entry that had U"
        );
        returns!(mem::set_entry(at, 0), 0, "L{level} entry cleared");
    }
    let built = mem::read(mem::entry_at(mem::root(), 1));
    same!(
        built & (P | US),
        P | US,
        "P and U of the builder's entry for the root table"
    );
    Ok(())
}
