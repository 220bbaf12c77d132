//! What does the hypervisor refuse to have in a page table, and what not?

use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::errno::{EBUSY, EINVAL, ESRCH};
use pv_guest_abi::hypercall::{MMU_UPDATE, UPDATE_VA_MAPPING};
use pv_guest_abi::mmu::{
    MMU_MACHPHYS_UPDATE, MMU_PT_UPDATE_NO_TRANSLATE, MMU_PT_UPDATE_PRESERVE_AD, MmuUpdate,
};

use super::probes;
use crate::kit::mem::{
    self, A, D, FRAME, G, NX, P, PAGE, PCD, PSE, PWT, READ, RW, TABLE, US, WRITE,
};
use crate::kit::trap::{self, Kind, Regs};
use crate::kit::{Outcome, at, at_mut, hypercall, user};

probes!(validation:
    map_page_table_writable,
    map_page_table_read_only,
    store_to_page_table_faults,
    store_to_l1_faults only_here,
    upper_level_large_page,
    upper_level_cache_and_global_bits,
    cache_bits_in_l1,
    frames_of_nobody_and_of_the_hypervisor,
    frame_beyond_the_address_width,
    local_apic,
    shared_info_can_be_mapped,
    not_present_entries_may_hold_anything,
    no_l1_for_the_address,
    new_mapping_is_seen_at_once,
    plain_write_to_a_writable_page,
    command_no_translate,
    preserve_accessed_and_dirty,
    m2p_update,
    m2p_update_of_frames_of_others,
    count_and_done,
    long_list,
    count_of_zero,
    unknown_owner,
    without_done,
    flags_that_only_software_reads,
    access_rights_change_both_ways,
);

/// Entry of the user's L1 that the probes may play with, and the address it maps.
fn spare() -> (u64, u64) {
    let address = user::FREE + 8 * PAGE;
    (user::space().l1 + mem::index(address, 1) * 8, address)
}

fn refused(what: &str, result: i64) -> Outcome {
    check!(
        result < 0,
        "{what}: expected an error, returned {result:#x}"
    );
    Ok(())
}

/// Can no page table be mapped writable, whatever its level, by either call?
fn map_page_table_writable() -> Outcome {
    let space = user::space();
    let (entry, _) = spare();
    for (what, table) in [
        ("an L1", space.l1),
        ("an L2", space.l2),
        ("an L3", space.l3),
        ("a user's L4", space.user_l4),
        ("the live L4", mem::root()),
        (
            "a builder's L3",
            mem::table(mem::read(mem::entry_at(mem::root(), 4))),
        ),
        (
            "a builder's L2",
            mem::table(mem::read(mem::entry_at(mem::root(), 3))),
        ),
        (
            "a builder's L1",
            mem::table(mem::read(mem::entry_at(mem::root(), 2))),
        ),
    ] {
        returns!(
            mem::map(table, mem::entry(table, WRITE)),
            -EBUSY,
            "{what} writable where it is"
        );
        returns!(
            mem::set_entry(entry, mem::entry(table, WRITE | US)),
            -EBUSY,
            "{what} writable elsewhere"
        );
        same!(mem::read(entry), 0, "the refused entry");
    }
    Ok(())
}

/// May each page table be mapped read-only a second time?
fn map_page_table_read_only() -> Outcome {
    let space = user::space();
    let (entry, _) = spare();
    for table in [space.l1, space.l2, space.l3, space.user_l4, mem::root()] {
        returns!(
            mem::set_entry(entry, mem::entry(table, READ)),
            0,
            "a table read-only"
        );
        returns!(mem::set_entry(entry, 0), 0, "the entry cleared");
    }
    Ok(())
}

code! {
    store: "mov [rdx], rax", "ret";
    load: "mov rax, [rdx]", "ret";
}

/// Does a plain store to a table above L1 fault in the guest, and change nothing?
fn store_to_page_table_faults() -> Outcome {
    let space = user::space();
    stores_fault(&[space.l2, space.l3, space.user_l4, mem::root()])
}

/// And to an L1, unless the guest asks for help with vm_assist? (Xen helps domain 0 unasked.)
fn store_to_l1_faults() -> Outcome {
    stores_fault(&[user::space().l1])
}

fn stores_fault(tables: &[u64]) -> Outcome {
    for &table in tables {
        let before = mem::read(table + 4088);
        let trap = trap::kernel(
            store,
            Regs {
                rdx: table + 4088,
                rax: 0x1234_5000,
                ..Regs::MARKED
            },
        );
        check!(
            trap.kind == Kind::Vector(14) && trap.code == Some(3),
            "expected #PF(3), seen {trap:x?}"
        );
        same!(mem::read(table + 4088), before, "the entry");
    }
    Ok(())
}

/// The entries of each upper level that a probe may change: level, address, a frame for it.
fn upper_entries() -> [(u32, u64, u64); 3] {
    let space = user::space();
    [
        (2, space.l2 + 8 * 300, mem::entry(space.l1, 0)),
        (3, space.l3 + 8 * 300, mem::entry(space.l2, 0)),
        (4, mem::root() + 8 * 300, mem::entry(space.l3, 0)),
    ]
}

/// Are large pages refused at every level, of memory of ours and as tables?
fn upper_level_large_page() -> Outcome {
    let page = mem::entry(mem::page(), 0);
    for (level, at, table) in upper_entries() {
        for frame in [page, table, 0] {
            returns!(
                mem::set_entry(at, frame | TABLE | PSE),
                -EINVAL,
                "L{level} entry with PSE"
            );
            same!(mem::read(at), 0, "the refused entry");
        }
    }
    Ok(())
}

/// Are PWT, PCD and G refused at the upper levels?
fn upper_level_cache_and_global_bits() -> Outcome {
    for (level, at, table) in upper_entries() {
        for bit in [PWT, PCD, G] {
            returns!(
                mem::set_entry(at, table | TABLE | bit),
                -EINVAL,
                "L{level} entry with bit {bit:#x}"
            );
        }
        returns!(
            mem::set_entry(at, table | TABLE),
            0,
            "L{level} entry without"
        );
        returns!(mem::set_entry(at, 0), 0, "L{level} entry cleared");
    }
    Ok(())
}

/// May domain 0 choose how a page of its own is cached?
fn cache_bits_in_l1() -> Outcome {
    let page = mem::page();
    for bits in [PWT, PCD, PWT | PCD] {
        returns!(
            mem::map(page, mem::entry(page, WRITE | bits)),
            0,
            "L1 entry with {bits:#x}"
        );
        mem::write(page, bits);
        same!(mem::read(page), bits, "the page's word");
    }
    returns!(
        mem::map(page, mem::entry(page, WRITE)),
        0,
        "L1 entry without"
    );
    Ok(())
}

/// Can none of the frames of RAM that are not ours be mapped?
fn frames_of_nobody_and_of_the_hypervisor() -> Outcome {
    let highest = hypercall(pv_guest_abi::hypercall::MEMORY_OP, &[2, 0]) as u64;
    let mut ours = alloc::vec![false; highest as usize + 1];
    for pfn in 0..mem::nr_pages() {
        ours[mem::p2m(pfn) as usize] = true;
    }
    // SAFETY: only the page's address is asked for.
    let shared = mem::read(mem::entry_at(crate::kit::event::shared() as u64, 1)) & FRAME;
    ours[(shared / PAGE) as usize] = true;
    let (entry, _) = spare();
    let others = (0x100..highest).filter(|mfn| !ours[*mfn as usize]);
    let mut tried = 0;
    for mfn in others.step_by(11) {
        for flags in [READ, WRITE, WRITE | US] {
            let result = mem::set_entry(entry, (mfn * PAGE) | flags);
            check!(
                result < 0,
                "frame {mfn:#x} with {flags:#x}: expected an error, returned {result}"
            );
        }
        // As a table neither.
        let upper = user::space().l2 + 8 * 300;
        refused(
            "such a frame as a table",
            mem::set_entry(upper, (mfn * PAGE) | TABLE),
        )?;
        tried += 1;
    }
    check!(
        tried > 100,
        "expected more than 100 frames of others, seen {tried}"
    );
    Ok(())
}

/// Is a frame refused that no machine has?
fn frame_beyond_the_address_width() -> Outcome {
    let (entry, _) = spare();
    for flags in [READ, WRITE] {
        refused("frame 0xffffffffff", mem::set_entry(entry, FRAME | flags))?;
    }
    Ok(())
}

/// Is the local APIC out of reach?
fn local_apic() -> Outcome {
    let (entry, _) = spare();
    for flags in [READ, WRITE] {
        refused(
            "the local APIC's page",
            mem::set_entry(entry, 0xfee0_0000 | flags | PCD),
        )?;
    }
    Ok(())
}

/// May the shared info page be mapped more than once, writable and read-only?
fn shared_info_can_be_mapped() -> Outcome {
    let shared = mem::read(mem::entry_at(crate::kit::event::shared() as u64, 1)) & FRAME;
    let page = mem::page();
    for flags in [READ, WRITE] {
        returns!(
            mem::map(page, shared | flags),
            0,
            "shared info with {flags:#x}"
        );
        same!(
            mem::read(page + 3072) as u32 & 1,
            0,
            "wc_version read there"
        );
    }
    let as_table = mem::set_entry(user::space().l2 + 8 * 300, shared | TABLE);
    returns!(as_table, -EINVAL, "shared info as a table");
    returns!(
        mem::map(page, mem::entry(page, WRITE)),
        0,
        "the page as before"
    );
    Ok(())
}

/// May an entry that is not present hold any 63 bits, and read back so?
fn not_present_entries_may_hold_anything() -> Outcome {
    let (entry, _) = spare();
    for value in [
        2,
        0x7fff_ffff_ffff_fffe,
        FRAME,
        PSE | RW | US,
        0xaaaa_aaaa_aaaa_aaaa,
        u64::MAX << 1,
        0,
    ] {
        returns!(mem::set_entry(entry, value), 0, "the value {value:#x}");
        same!(mem::read(entry), value, "the entry");
    }
    for (level, at, _) in upper_entries() {
        returns!(
            mem::set_entry(at, 0xff00_0000_0000_0ffe),
            0,
            "L{level} entry not present"
        );
        returns!(mem::set_entry(at, 0), 0, "L{level} entry cleared");
    }
    Ok(())
}

/// Is update_va_mapping of an address without an L1 -EINVAL?
fn no_l1_for_the_address() -> Outcome {
    let page = mem::entry(mem::page(), READ);
    for address in [
        0x7000_0000_0000,
        0x4000_0000,
        0xffff_9000_0000_0000,
        mem::M2P,
        0xffff_8280_0000_0000,
    ] {
        returns!(
            hypercall(UPDATE_VA_MAPPING, &[address, page, 0]),
            -EINVAL,
            "address {address:#x}"
        );
    }
    refused(
        "a non-canonical address",
        hypercall(UPDATE_VA_MAPPING, &[1 << 63, page, 0]),
    )
}

/// Is the new page seen behind the call, with each kind of flush?
fn new_mapping_is_seen_at_once() -> Outcome {
    let [place, first, second] = core::array::from_fn(|_| mem::page());
    mem::write(first, 1111);
    mem::write(second, 2222);
    let mut everyone = 1u64;
    let bitmap = at_mut(&mut everyone);
    for flags in [1, 2, 5, 6, bitmap | 1, bitmap | 2] {
        for (page, word) in [(first, 1111), (second, 2222)] {
            let call = hypercall(UPDATE_VA_MAPPING, &[place, mem::entry(page, WRITE), flags]);
            returns!(call, 0, "update_va_mapping with flags {flags:#x}");
            same!(mem::read(place), word, "the page's word, flags {flags:#x}");
        }
    }
    returns!(
        mem::map(place, mem::entry(place, WRITE)),
        0,
        "the page as before"
    );
    Ok(())
}

/// Does mmu_update write 8 bytes into a page that is no table, mapped or not?
fn plain_write_to_a_writable_page() -> Outcome {
    let page = mem::page();
    for (offset, value) in [(0, 1), (8, u64::MAX), (4088, 0x1234_5678_9abc_def0)] {
        returns!(
            mem::mmu_update(mem::machine(page) + offset, value),
            0,
            "offset {offset}"
        );
        same!(mem::read(page + offset), value, "the word at {offset}");
    }
    let machine = mem::machine(page);
    returns!(mem::map(page, 0), 0, "unmapping the page");
    returns!(mem::mmu_update(machine, 77), 0, "a page that is not mapped");
    returns!(
        mem::map(page, mem::entry(page, WRITE)),
        0,
        "mapping it again"
    );
    same!(mem::read(page), 77, "its word");
    Ok(())
}

/// Does command 3 work as command 0?
fn command_no_translate() -> Outcome {
    let (entry, address) = spare();
    let page = mem::page();
    mem::write(page, 99);
    let ptr = mem::machine(entry) | MMU_PT_UPDATE_NO_TRANSLATE;
    returns!(mem::mmu_update(ptr, mem::entry(page, READ)), 0, "command 3");
    same!(mem::read(address), 99, "the page's word");
    returns!(mem::set_entry(entry, 0), 0, "the entry cleared");
    Ok(())
}

/// Does PRESERVE_AD keep the live accessed and dirty bits, and command 0 not?
fn preserve_accessed_and_dirty() -> Outcome {
    let (entry, address) = spare();
    let page = mem::page();
    let clean = mem::entry(page, P | RW | NX);
    returns!(mem::set_entry(entry, clean), 0, "an entry without A and D");
    mem::write(address, 5);
    same!(mem::read(entry) & (A | D), A | D, "A and D behind a store");
    let ptr = mem::machine(entry) | MMU_PT_UPDATE_PRESERVE_AD;
    returns!(mem::mmu_update(ptr, clean & !RW), 0, "PRESERVE_AD");
    same!(
        mem::read(entry) & (A | D | RW),
        A | D,
        "A, D and RW behind it"
    );
    returns!(mem::set_entry(entry, clean), 0, "command 0");
    same!(mem::read(entry) & (A | D), 0, "A and D behind it");
    returns!(mem::set_entry(entry, 0), 0, "the entry cleared");
    Ok(())
}

/// Can the M2P entry of a frame of ours be changed?
fn m2p_update() -> Outcome {
    let page = mem::page();
    let ptr = (mem::mfn(page) * PAGE) | MMU_MACHPHYS_UPDATE;
    for value in [0x1234, mem::pfn(page)] {
        returns!(mem::mmu_update(ptr, value), 0, "M2P update");
        same!(mem::m2p(mem::mfn(page)), value, "the M2P's entry");
    }
    Ok(())
}

/// And of no other's?
fn m2p_update_of_frames_of_others() -> Outcome {
    let highest = hypercall(pv_guest_abi::hypercall::MEMORY_OP, &[2, 0]) as u64;
    let other = (0x100..highest).find(|mfn| {
        let pfn = mem::m2p(*mfn);
        pfn >= mem::nr_pages() || mem::p2m(pfn) != *mfn
    });
    let Some(mfn) = other else {
        check!(false, "expected a frame that is not ours, seen none");
        return Ok(());
    };
    for mfn in [mfn, 1 << 30, 1 << 39] {
        refused(
            "M2P update",
            mem::mmu_update((mfn * PAGE) | MMU_MACHPHYS_UPDATE, 7),
        )?;
    }
    Ok(())
}

/// Does a list end at its first error, with the number of updates done before?
fn count_and_done() -> Outcome {
    let page = mem::machine(mem::page());
    let good = |n: u64| MmuUpdate {
        ptr: page + n * 8,
        val: n,
    };
    let (entry, _) = spare();
    let bad = MmuUpdate {
        ptr: mem::machine(entry),
        val: mem::entry(mem::root(), WRITE),
    };
    for at in 0..5 {
        let mut list = [good(1), good(2), good(3), good(4), good(5)];
        list[at as usize] = bad;
        let (result, done) = mem::mmu_updates(&list);
        returns!(result, -EBUSY, "a list with an error at {at}");
        same!(done, at, "updates done");
    }
    let (result, done) = mem::mmu_updates(&[good(1), good(2)]);
    returns!(result, 0, "a list without");
    same!(done, 2, "updates done");
    Ok(())
}

/// Is a list of thousands done to its end?
fn long_list() -> Outcome {
    let page = mem::page();
    let list: alloc::vec::Vec<MmuUpdate> = (0..5000)
        .map(|n| MmuUpdate {
            ptr: mem::machine(page),
            val: n,
        })
        .collect();
    let (result, done) = mem::mmu_updates(&list);
    returns!(result, 0, "5000 updates");
    same!(done, 5000, "updates done");
    same!(mem::read(page), 4999, "the word that each wrote");
    Ok(())
}

/// Is an empty list 0, with nothing done?
fn count_of_zero() -> Outcome {
    let (result, done) = mem::mmu_updates(&[]);
    returns!(result, 0, "no updates");
    same!(done, 0, "updates done");
    let (result, _) = mem::mmuext_ops(&[]);
    returns!(result, 0, "no operations");
    Ok(())
}

/// Is an owner that is no domain -ESRCH?
fn unknown_owner() -> Outcome {
    let page = mem::page();
    let update = MmuUpdate {
        ptr: mem::machine(page),
        val: 1,
    };
    for owner in [99, 0x7ff4, 100 << 16] {
        let mut done = 0u32;
        let args = [at(&update), 1, at_mut(&mut done), owner];
        returns!(hypercall(MMU_UPDATE, &args), -ESRCH, "owner {owner:#x}");
    }
    same!(mem::read(page), 0, "the word");
    Ok(())
}

/// May the address for the count be 0?
fn without_done() -> Outcome {
    let page = mem::page();
    let update = MmuUpdate {
        ptr: mem::machine(page),
        val: 1,
    };
    let args = [at(&update), 1, 0, DOMID_SELF.into()];
    returns!(hypercall(MMU_UPDATE, &args), 0, "mmu_update");
    same!(mem::read(page), 1, "the word");
    Ok(())
}

/// Are the bits that software may use kept as they are?
fn flags_that_only_software_reads() -> Outcome {
    let (entry, _) = spare();
    let page = mem::page();
    for bits in [1 << 9, 1 << 10, 1 << 11, 7 << 9] {
        returns!(
            mem::set_entry(entry, mem::entry(page, READ | US | bits)),
            0,
            "with {bits:#x}"
        );
        same!(mem::read(entry) & 7 << 9, bits, "the entry's bits 9 to 11");
    }
    returns!(mem::set_entry(entry, 0), 0, "the entry cleared");
    Ok(())
}

/// Do RW and NX of a live entry act at once, in both directions?
fn access_rights_change_both_ways() -> Outcome {
    let page = mem::page();
    let regs = Regs {
        rdx: page,
        ..Regs::MARKED
    };
    for _ in 0..3 {
        returns!(mem::freeze(page), 0, "read-only");
        let trap = trap::kernel(store, regs);
        check!(
            trap.kind == Kind::Vector(14),
            "read-only: expected #PF at a store, seen {trap:x?}"
        );
        let trap = trap::kernel(load, regs);
        check!(
            trap.kind == Kind::Returned,
            "read-only: expected a load, seen {trap:x?}"
        );
        returns!(mem::thaw(page), 0, "writable");
        let trap = trap::kernel(store, regs);
        check!(
            trap.kind == Kind::Returned,
            "writable: expected a store, seen {trap:x?}"
        );
    }
    Ok(())
}
