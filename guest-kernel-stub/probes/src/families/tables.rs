//! How does a page become a page table, and when is it one no more?

use alloc::vec::Vec;

use pv_guest_abi::errno::{EBUSY, EINVAL, ENOSYS, ESRCH};
use pv_guest_abi::hypercall::MMUEXT_OP;
use pv_guest_abi::mmu::{
    MMUEXT_CLEAR_PAGE, MMUEXT_COPY_PAGE, MMUEXT_INVLPG_ALL, MMUEXT_INVLPG_LOCAL,
    MMUEXT_INVLPG_MULTI, MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR, MMUEXT_PIN_L1_TABLE,
    MMUEXT_TLB_FLUSH_ALL, MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_TLB_FLUSH_MULTI, MMUEXT_UNPIN_TABLE,
    MmuextOp,
};

use super::probes;
use crate::kit::mem::{self, PAGE, READ, TABLE, US, WRITE};
use crate::kit::trap::{Kind, Regs};
use crate::kit::{Outcome, at, at_mut, hypercall, user};

probes!(tables:
    pin_each_level,
    writable_page_is_no_table,
    table_becomes_writable_again,
    pin_twice,
    unpin_unpinned,
    pin_as_another_level,
    entry_of_another_level,
    table_in_use_stays_one,
    bad_entry_spoils_the_table,
    table_that_maps_itself_writable,
    live_root_can_be_unpinned,
    new_root_is_run_on,
    base_pointer_refusals,
    user_base_pointer_refusals,
    user_base_pointer_keeps_its_table,
    root_entries_256_to_271_are_not_read,
    one_table_in_two_places,
    hundreds_of_tables,
    operations_stop_at_the_first_error,
    flushes,
    unknown_operation,
    clear_and_copy_pages,
    foreign_owner,
);

/// A frozen page: a table of zeros.
fn table() -> u64 {
    let page = mem::page();
    assert_eq!(mem::freeze(page), 0, "a page is made read-only");
    page
}

fn pin(level: u32, table: u64) -> i64 {
    mem::mmuext(MMUEXT_PIN_L1_TABLE + level - 1, mem::mfn(table), 0)
}

fn unpin(table: u64) -> i64 {
    mem::mmuext(MMUEXT_UNPIN_TABLE, mem::mfn(table), 0)
}

/// Can an empty table of each level be pinned and unpinned, again and again?
fn pin_each_level() -> Outcome {
    let (page, root) = (table(), table());
    for _ in 0..3 {
        for level in 1..=3 {
            returns!(pin(level, page), 0, "pin as L{level}");
            returns!(unpin(page), 0, "unpin of an L{level}");
        }
        // Xen leaves entries of its own in a root table.
        returns!(pin(4, root), 0, "pin as L4");
        returns!(unpin(root), 0, "unpin of an L4");
    }
    Ok(())
}

/// Is a page with a writable mapping refused as a table of any level?
fn writable_page_is_no_table() -> Outcome {
    let page = mem::page();
    for level in 1..=4 {
        returns!(pin(level, page), -EINVAL, "pin as L{level}");
    }
    let space = user::space();
    for (level, entry) in [
        (1, space.l2 + 8 * 300),
        (2, space.l3 + 8 * 300),
        (3, mem::root() + 8 * 300),
    ] {
        returns!(
            mem::set_entry(entry, mem::entry(page, TABLE)),
            -EINVAL,
            "as L{level} by an entry"
        );
        same!(mem::read(entry), 0, "the refused entry");
    }
    returns!(mem::freeze(page), 0, "read-only");
    returns!(pin(1, page), 0, "pin without the mapping");
    returns!(unpin(page), 0, "unpin");
    Ok(())
}

/// Is a table writable again when nothing uses it as one, and not before?
fn table_becomes_writable_again() -> Outcome {
    let page = table();
    for level in 1..=4 {
        returns!(pin(level, page), 0, "pin as L{level}");
        returns!(mem::thaw(page), -EBUSY, "writable while it is an L{level}");
        returns!(unpin(page), 0, "unpin");
        returns!(mem::thaw(page), 0, "writable behind it");
        mem::write(page, 0);
        returns!(mem::freeze(page), 0, "read-only again");
    }
    Ok(())
}

/// Is a second pin -EINVAL?
fn pin_twice() -> Outcome {
    let page = table();
    returns!(pin(1, page), 0, "pin");
    returns!(pin(1, page), -EINVAL, "the second pin");
    returns!(unpin(page), 0, "unpin");
    returns!(pin(1, page), 0, "pin behind it");
    returns!(unpin(page), 0, "unpin");
    Ok(())
}

/// Is an unpin without a pin -EINVAL?
fn unpin_unpinned() -> Outcome {
    let page = table();
    returns!(unpin(page), -EINVAL, "a page that is no table");
    returns!(
        unpin(user::space().l1),
        -EINVAL,
        "a table that only an entry holds"
    );
    returns!(pin(2, page), 0, "pin");
    returns!(unpin(page), 0, "unpin");
    returns!(unpin(page), -EINVAL, "the second unpin");
    returns!(
        mem::mmuext(MMUEXT_UNPIN_TABLE, 1 << 39, 0),
        -EINVAL,
        "a frame that no machine has"
    );
    Ok(())
}

/// Is a table refused as one of another level?
fn pin_as_another_level() -> Outcome {
    let space = user::space();
    for (is, page) in [
        (1, space.l1),
        (2, space.l2),
        (3, space.l3),
        (4, space.user_l4),
        (4, mem::root()),
    ] {
        for level in (1..=4).filter(|level| *level != is) {
            let result = pin(level, page);
            check!(
                result < 0,
                "L{is} as L{level}: expected an error, returned {result}"
            );
        }
    }
    Ok(())
}

/// And by an entry of an upper table?
fn entry_of_another_level() -> Outcome {
    let space = user::space();
    for (what, entry, page) in [
        ("L2 as L1", space.l2 + 8 * 300, space.l3),
        ("L4 as L1", space.l2 + 8 * 300, space.user_l4),
        ("L1 as L2", space.l3 + 8 * 300, space.l1),
        ("L4 as L2", space.l3 + 8 * 300, space.user_l4),
        ("L1 as L3", mem::root() + 8 * 300, space.l1),
        ("L2 as L3", mem::root() + 8 * 300, space.l2),
    ] {
        returns!(
            mem::set_entry(entry, mem::entry(page, TABLE)),
            -EINVAL,
            "{what}"
        );
    }
    Ok(())
}

/// Does a table stay one as long as an upper table or a pin holds it?
fn table_in_use_stays_one() -> Outcome {
    let page = table();
    let entry = user::space().l2 + 8 * 300;
    returns!(
        mem::set_entry(entry, mem::entry(page, TABLE)),
        0,
        "an L1 by an entry"
    );
    returns!(mem::thaw(page), -EBUSY, "writable while the entry holds it");
    returns!(pin(1, page), 0, "pin");
    returns!(mem::set_entry(entry, 0), 0, "the entry cleared");
    returns!(mem::thaw(page), -EBUSY, "writable while the pin holds it");
    returns!(unpin(page), 0, "unpin");
    returns!(mem::thaw(page), 0, "writable when nothing holds it");
    Ok(())
}

/// Is a table with one bad entry refused, and left as if nothing had been?
fn bad_entry_spoils_the_table() -> Outcome {
    let good = mem::page();
    let lower = mem::page();
    returns!(mem::freeze(lower), 0, "a lower table");
    for (level, bad) in [
        (1, mem::entry(mem::root(), WRITE)),
        (1, mem::FRAME | WRITE),
        (2, mem::entry(good, TABLE)),
        (2, mem::entry(lower, TABLE | mem::PSE)),
        (3, mem::entry(user::space().l1, TABLE)),
        (4, mem::entry(user::space().l2, TABLE)),
    ] {
        for slot in [0u64, 300, 511] {
            let page = mem::page();
            let fine = match level {
                1 => mem::entry(good, WRITE),
                2 => mem::entry(lower, TABLE),
                _ => 0,
            };
            for other in (0..512).filter(|other| other % 16 == 0) {
                mem::write(page + other * 8, fine);
            }
            mem::write(page + slot * 8, bad);
            returns!(mem::freeze(page), 0, "read-only");
            let result = pin(level, page);
            check!(
                result < 0,
                "L{level} with {bad:#x} at {slot}: expected an error, returned {result}"
            );
            returns!(mem::thaw(page), 0, "writable behind the refusal");
            same!(mem::read(page + slot * 8), bad, "the entry");
        }
    }
    returns!(mem::thaw(lower), 0, "the lower table writable");
    returns!(mem::freeze(good), 0, "the good page read-only");
    returns!(
        pin(1, good),
        0,
        "the good page as a table: no mapping is left over"
    );
    returns!(unpin(good), 0, "unpin");
    Ok(())
}

/// Is a table refused that would map itself, or another table, writable?
fn table_that_maps_itself_writable() -> Outcome {
    let page = mem::page();
    for target in [page, mem::root(), user::space().l1] {
        mem::write(page, mem::entry(target, WRITE));
        returns!(mem::freeze(page), 0, "read-only");
        returns!(pin(1, page), -EBUSY, "pin");
        returns!(mem::thaw(page), 0, "writable behind the refusal");
    }
    mem::write(page, mem::entry(page, READ));
    returns!(mem::freeze(page), 0, "read-only");
    returns!(pin(1, page), 0, "a table that maps itself read-only");
    returns!(unpin(page), 0, "unpin");
    Ok(())
}

/// Can the root table that runs be unpinned, run on, and be pinned again?
fn live_root_can_be_unpinned() -> Outcome {
    returns!(unpin(mem::root()), 0, "unpin of the live root");
    returns!(mem::thaw(mem::root()), -EBUSY, "writable while it runs");
    let page = mem::page();
    returns!(mem::freeze(page), 0, "a mapping changed");
    returns!(mem::mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0, "a flush");
    same!(mem::read(page), 0, "a page read");
    returns!(unpin(mem::root()), -EINVAL, "the second unpin");
    returns!(pin(4, mem::root()), 0, "pin again");
    Ok(())
}

/// A root table with the live one's entries.
fn copy_of_root() -> Result<u64, alloc::string::String> {
    let copy = mem::page();
    for slot in (0..512).filter(|slot| !(256..272).contains(slot)) {
        mem::write(copy + slot * 8, mem::read(mem::root() + slot * 8));
    }
    returns!(mem::freeze(copy), 0, "read-only");
    Ok(copy)
}

/// Does a new base pointer take effect, without a pin of its own, and can the old one go?
fn new_root_is_run_on() -> Outcome {
    let data = user::space().l3;
    let copy = copy_of_root()?;
    let slot = 300 * 8;
    // The same L3 at another place of the copy: seen only on it.
    returns!(mem::thaw(copy), 0, "writable before it is a table");
    mem::write(copy + slot, mem::entry(data, TABLE));
    returns!(mem::freeze(copy), 0, "read-only");
    let there = 0xffff_0000_0000_0000 | 300 << 39 | user::DATA;
    mem::write(user::space().data, 0x4242);
    for _ in 0..3 {
        returns!(
            mem::mmuext(MMUEXT_NEW_BASEPTR, mem::mfn(copy), 0),
            0,
            "the copy as base pointer"
        );
        same!(
            mem::read(there),
            0x4242,
            "a word seen by the copy's entry 300"
        );
        returns!(mem::thaw(copy), -EBUSY, "the copy writable while it runs");
        let back = mem::mmuext(MMUEXT_NEW_BASEPTR, mem::mfn(mem::root()), 0);
        returns!(back, 0, "the old base pointer");
    }
    returns!(
        mem::thaw(copy),
        0,
        "the copy writable when nothing holds it"
    );
    Ok(())
}

/// Is a base pointer refused that is no root table, and the old one kept?
fn base_pointer_refusals() -> Outcome {
    let space = user::space();
    for mfn in [
        mem::mfn(space.l1),
        mem::mfn(space.l3),
        mem::mfn(mem::page()),
        1 << 39,
    ] {
        let result = mem::mmuext(MMUEXT_NEW_BASEPTR, mfn, 0);
        check!(
            result < 0,
            "frame {mfn:#x}: expected an error, returned {result}"
        );
    }
    let result = mem::mmuext(MMUEXT_NEW_BASEPTR, 0, 0);
    check!(result < 0, "frame 0: expected an error, returned {result}");
    Ok(())
}

/// The same for the user's, where 0 is allowed?
fn user_base_pointer_refusals() -> Outcome {
    let space = user::space();
    for mfn in [
        mem::mfn(space.l1),
        mem::mfn(space.l3),
        mem::mfn(mem::page()),
        1 << 39,
    ] {
        let result = mem::mmuext(MMUEXT_NEW_USER_BASEPTR, mfn, 0);
        check!(
            result < 0,
            "frame {mfn:#x}: expected an error, returned {result}"
        );
    }
    returns!(mem::mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0, "none");
    let again = mem::mmuext(MMUEXT_NEW_USER_BASEPTR, mem::mfn(space.user_l4), 0);
    returns!(again, 0, "the user's L4");
    Ok(())
}

code! {
    system_call: "syscall";
}

/// Is the user's root a table as long as it is loaded, also without its pin?
fn user_base_pointer_keeps_its_table() -> Outcome {
    let space = user::space();
    returns!(unpin(space.user_l4), 0, "unpin");
    returns!(
        mem::thaw(space.user_l4),
        -EBUSY,
        "writable while it is loaded"
    );
    let trap = user::run(system_call, Regs::MARKED);
    check!(
        trap.kind == Kind::Syscall,
        "expected the system call, seen {trap:x?}"
    );
    returns!(mem::mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0, "none loaded");
    returns!(mem::thaw(space.user_l4), 0, "writable behind it");
    returns!(mem::freeze(space.user_l4), 0, "read-only");
    returns!(pin(4, space.user_l4), 0, "pin");
    let again = mem::mmuext(MMUEXT_NEW_USER_BASEPTR, mem::mfn(space.user_l4), 0);
    returns!(again, 0, "loaded again");
    Ok(())
}

/// May a root table hold anything in the hypervisor's slots, without effect?
fn root_entries_256_to_271_are_not_read() -> Outcome {
    let copy = copy_of_root()?;
    returns!(mem::thaw(copy), 0, "writable before it is a table");
    for slot in 256..272 {
        mem::write(copy + slot * 8, mem::entry(user::space().l3, TABLE));
    }
    returns!(mem::freeze(copy), 0, "read-only");
    returns!(
        mem::mmuext(MMUEXT_NEW_BASEPTR, mem::mfn(copy), 0),
        0,
        "the copy as base pointer"
    );
    let mfn = mem::mfn(copy);
    same!(mem::m2p(mfn), mem::pfn(copy), "the M2P, seen on the copy");
    let back = mem::mmuext(MMUEXT_NEW_BASEPTR, mem::mfn(mem::root()), 0);
    returns!(back, 0, "the old base pointer");
    returns!(mem::thaw(copy), 0, "the copy writable");
    Ok(())
}

/// May one L1 hang in two places, and is a change seen in both?
fn one_table_in_two_places() -> Outcome {
    let space = user::space();
    let page = mem::page();
    let l1 = mem::page();
    returns!(mem::freeze(l1), 0, "read-only");
    for slot in [300, 301] {
        returns!(
            mem::set_entry(space.l2 + 8 * slot, mem::entry(l1, TABLE)),
            0,
            "entry {slot}"
        );
    }
    mem::write(page, 31337);
    returns!(
        mem::set_entry(l1 + 8, mem::entry(page, WRITE | US)),
        0,
        "the L1's entry"
    );
    for slot in [300u64, 301] {
        let address = slot << 21 | PAGE;
        same!(mem::read(address), 31337, "the page at {address:#x}");
    }
    for slot in [300, 301] {
        returns!(mem::thaw(l1), -EBUSY, "writable while an entry holds it");
        returns!(
            mem::set_entry(space.l2 + 8 * slot, 0),
            0,
            "entry {slot} cleared"
        );
    }
    returns!(mem::thaw(l1), 0, "writable when none does");
    Ok(())
}

/// Can a tree of hundreds of tables, full of mappings, be pinned, run on, and taken down?
fn hundreds_of_tables() -> Outcome {
    const TABLES: u64 = 300;
    let target = mem::page();
    let l1s: Vec<u64> = (0..TABLES).map(|_| mem::page()).collect();
    let [l2, l3] = core::array::from_fn(|_| mem::page());
    let root = mem::page();
    for l1 in &l1s {
        for slot in 0..512 {
            mem::write(l1 + slot * 8, mem::entry(target, WRITE));
        }
    }
    for (slot, l1) in l1s.iter().enumerate() {
        mem::write(l2 + slot as u64 * 8, mem::entry(*l1, TABLE));
    }
    mem::write(l3, mem::entry(l2, TABLE));
    for slot in (0..512).filter(|slot| !(256..272).contains(slot)) {
        mem::write(root + slot * 8, mem::read(mem::root() + slot * 8));
    }
    mem::write(root + 300 * 8, mem::entry(l3, TABLE));
    for table in l1s.iter().chain([&l2, &l3, &root]) {
        returns!(mem::freeze(*table), 0, "read-only");
    }
    returns!(pin(4, root), 0, "pin of the root");
    returns!(
        mem::mmuext(MMUEXT_NEW_BASEPTR, mem::mfn(root), 0),
        0,
        "run on it"
    );
    let base = 0xffff_0000_0000_0000 | 300 << 39;
    for n in 0..TABLES {
        mem::write(base + (n << 21) + (n << 12), n);
        same!(mem::read(target), n, "the word written through table {n}");
    }
    // Every table counts: none can be made writable.
    for l1 in &l1s {
        returns!(mem::thaw(*l1), -EBUSY, "a table writable");
    }
    let back = mem::mmuext(MMUEXT_NEW_BASEPTR, mem::mfn(mem::root()), 0);
    returns!(back, 0, "the old base pointer");
    returns!(unpin(root), 0, "unpin");
    for table in l1s.iter().chain([&l2, &l3, &root]) {
        returns!(mem::thaw(*table), 0, "writable behind it");
    }
    mem::write(target, 0);
    returns!(mem::freeze(target), 0, "the target read-only");
    returns!(
        pin(1, target),
        0,
        "the target as a table: no mapping is left over"
    );
    returns!(unpin(target), 0, "unpin");
    Ok(())
}

/// Does a list of operations end at the first error, with the number done before?
fn operations_stop_at_the_first_error() -> Outcome {
    let flush = MmuextOp::on_address(MMUEXT_TLB_FLUSH_LOCAL, 0);
    let bad = MmuextOp::on_frame(MMUEXT_UNPIN_TABLE, mem::mfn(mem::page()));
    for position in 0..4 {
        let mut list = [flush; 4];
        list[position] = bad;
        let (result, done) = mem::mmuext_ops(&list);
        returns!(result, -EINVAL, "a list with an error at {position}");
        same!(done as usize, position, "operations done");
    }
    Ok(())
}

/// Are all flushes 0, with masks of vCPUs that are not there too?
fn flushes() -> Outcome {
    let everyone = [u64::MAX; 128];
    for cmd in [
        MMUEXT_TLB_FLUSH_LOCAL,
        MMUEXT_TLB_FLUSH_ALL,
        MMUEXT_INVLPG_LOCAL,
        MMUEXT_INVLPG_ALL,
    ] {
        for address in [0, user::CODE, mem::root(), 0x7000_0000_0000] {
            returns!(
                mem::mmuext(cmd, address, 0),
                0,
                "operation {cmd} at {address:#x}"
            );
        }
    }
    for cmd in [MMUEXT_TLB_FLUSH_MULTI, MMUEXT_INVLPG_MULTI] {
        returns!(
            mem::mmuext(cmd, mem::root(), at(&everyone)),
            0,
            "operation {cmd}"
        );
    }
    Ok(())
}

/// Is an operation that does not exist -ENOSYS?
fn unknown_operation() -> Outcome {
    for cmd in [14, 21, 99] {
        returns!(mem::mmuext(cmd, 0, 0), -ENOSYS, "operation {cmd}");
    }
    Ok(())
}

/// Can pages of ours be cleared and copied, but no page tables?
fn clear_and_copy_pages() -> Outcome {
    let [from, to] = core::array::from_fn(|_| mem::page());
    for word in 0..512 {
        mem::write(from + word * 8, word + 1);
        mem::write(to + word * 8, 7);
    }
    returns!(
        mem::mmuext(MMUEXT_COPY_PAGE, mem::mfn(to), mem::mfn(from)),
        0,
        "copy"
    );
    for word in 0..512 {
        same!(
            mem::read(to + word * 8),
            word + 1,
            "word {word} of the copy"
        );
    }
    returns!(mem::mmuext(MMUEXT_CLEAR_PAGE, mem::mfn(to), 0), 0, "clear");
    for word in 0..512 {
        same!(
            mem::read(to + word * 8),
            0,
            "word {word} of the cleared page"
        );
    }
    for table in [mem::root(), user::space().l1] {
        let result = mem::mmuext(MMUEXT_CLEAR_PAGE, mem::mfn(table), 0);
        check!(
            result < 0,
            "clear of a table: expected an error, returned {result}"
        );
        let result = mem::mmuext(MMUEXT_COPY_PAGE, mem::mfn(table), mem::mfn(from));
        check!(
            result < 0,
            "copy onto a table: expected an error, returned {result}"
        );
    }
    Ok(())
}

/// Is an owner that is no domain -ESRCH?
fn foreign_owner() -> Outcome {
    let op = MmuextOp::on_address(MMUEXT_TLB_FLUSH_LOCAL, 0);
    let mut done = 0u32;
    for owner in [99, 0x7ff4] {
        returns!(
            hypercall(MMUEXT_OP, &[at(&op), 1, at_mut(&mut done), owner]),
            -ESRCH,
            "owner {owner:#x}"
        );
    }
    Ok(())
}
