//! Does memory_op give, take and count pages as it says?

use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::errno::{EBUSY, ENOSYS, ESRCH};
use pv_guest_abi::hypercall::MEMORY_OP;
use pv_guest_abi::memory::{
    MachphysMapping, MemoryReservation, XENMEM_CURRENT_RESERVATION, XENMEM_DECREASE_RESERVATION,
    XENMEM_INCREASE_RESERVATION, XENMEM_MACHPHYS_MAPPING, XENMEM_MAXIMUM_RAM_PAGE,
    XENMEM_MAXIMUM_RESERVATION, XENMEM_POPULATE_PHYSMAP,
};
use pv_guest_abi::mmu::{MMU_MACHPHYS_UPDATE, MMUEXT_PIN_L1_TABLE};

use super::probes;
use crate::kit::mem::{self, M2P, PAGE, READ, TABLE, WRITE};
use crate::kit::{Outcome, at, at_mut, hypercall, user};

probes!(memory:
    reservations_of_oneself,
    reservation_of_no_domain,
    highest_page,
    m2p_is_where_it_says,
    page_goes_and_comes_back,
    page_given_back_cannot_be_mapped,
    page_in_use_stays_until_it_is_not,
    table_in_use_stays_a_table,
    frames_of_others_cannot_be_given_back,
    increase_gives_fresh_frames,
    many_pages_at_once,
    extents_of_eight_pages,
    extents_too_large,
    empty_list,
    list_that_ends_at_an_absent_page,
    unknown_operation,
);

fn reservation(operation: u32, list: &mut [u64], order: u32, domid: u16) -> i64 {
    let argument = MemoryReservation {
        extent_start: at_mut(list),
        nr_extents: list.len() as u64,
        extent_order: order,
        domid,
        ..Default::default()
    };
    hypercall(MEMORY_OP, &[operation.into(), at(&argument)])
}

fn decrease(list: &mut [u64]) -> i64 {
    reservation(XENMEM_DECREASE_RESERVATION, list, 0, DOMID_SELF)
}

fn populate(list: &mut [u64]) -> i64 {
    reservation(XENMEM_POPULATE_PHYSMAP, list, 0, DOMID_SELF)
}

fn pages_now() -> i64 {
    hypercall(
        MEMORY_OP,
        &[XENMEM_CURRENT_RESERVATION.into(), at(&DOMID_SELF)],
    )
}

/// Unmaps a page and gives its frame back.
fn give(page: u64) -> Result<u64, alloc::string::String> {
    let mfn = mem::mfn(page);
    returns!(mem::map(page, 0), 0, "unmapping the page");
    returns!(decrease(&mut [mfn]), 1, "decrease_reservation");
    Ok(mfn)
}

/// Gets a frame for the page again and maps it.
fn take(page: u64) -> Outcome {
    let mut list = [mem::pfn(page)];
    returns!(populate(&mut list), 1, "populate_physmap");
    same!(
        mem::m2p(list[0]),
        mem::pfn(page),
        "the M2P's entry of the new frame"
    );
    mem::set_p2m(mem::pfn(page), list[0]);
    returns!(
        mem::map(page, mem::entry(page, WRITE)),
        0,
        "mapping the new frame"
    );
    Ok(())
}

/// Are the pages of now those of start info, and not more than the most?
fn reservations_of_oneself() -> Outcome {
    let now = pages_now();
    returns!(now, mem::nr_pages() as i64, "current_reservation");
    let most = hypercall(
        MEMORY_OP,
        &[XENMEM_MAXIMUM_RESERVATION.into(), at(&DOMID_SELF)],
    );
    check!(
        most >= now,
        "expected a maximum of {now} or more, returned {most}"
    );
    returns!(
        hypercall(MEMORY_OP, &[XENMEM_CURRENT_RESERVATION.into(), at(&0u16)]),
        now,
        "by its number"
    );
    Ok(())
}

/// Is a domain that is not there -ESRCH?
fn reservation_of_no_domain() -> Outcome {
    for operation in [XENMEM_CURRENT_RESERVATION, XENMEM_MAXIMUM_RESERVATION] {
        for domid in [99u16, 0x7ff4] {
            let result = hypercall(MEMORY_OP, &[operation.into(), at(&domid)]);
            returns!(
                result,
                -ESRCH,
                "operation {operation} for domain {domid:#x}"
            );
        }
    }
    for operation in [
        XENMEM_INCREASE_RESERVATION,
        XENMEM_DECREASE_RESERVATION,
        XENMEM_POPULATE_PHYSMAP,
    ] {
        let result = reservation(operation, &mut [1], 0, 99);
        check!(
            result <= 0,
            "operation {operation} for domain 99: expected nothing done, returned {result}"
        );
    }
    Ok(())
}

/// Is the highest frame of RAM at least as high as ours?
fn highest_page() -> Outcome {
    let highest = hypercall(MEMORY_OP, &[XENMEM_MAXIMUM_RAM_PAGE.into(), 0]);
    let ours = (0..mem::nr_pages()).map(mem::p2m).max().unwrap_or(0) as i64;
    check!(
        highest >= ours,
        "expected {ours:#x} or more, returned {highest:#x}"
    );
    Ok(())
}

/// Does machphys_mapping name the window in which the M2P is?
fn m2p_is_where_it_says() -> Outcome {
    let mut mapping = MachphysMapping::default();
    returns!(
        hypercall(
            MEMORY_OP,
            &[XENMEM_MACHPHYS_MAPPING.into(), at_mut(&mut mapping)]
        ),
        0,
        "machphys_mapping"
    );
    same!(mapping.v_start, M2P, "v_start");
    check!(
        mapping.v_end > M2P && mapping.v_end <= M2P + (1 << 38),
        "expected v_end in 256 GiB above, seen {:#x}",
        mapping.v_end
    );
    let highest = hypercall(MEMORY_OP, &[XENMEM_MAXIMUM_RAM_PAGE.into(), 0]) as u64;
    // Xen counts the pages, and so names one more.
    check!(
        mapping.max_mfn + 1 >= highest,
        "expected max_mfn {highest:#x} or more, seen {:#x}",
        mapping.max_mfn
    );
    Ok(())
}

/// Can a page be given back and be had again, writable and with a right M2P, many times?
fn page_goes_and_comes_back() -> Outcome {
    let page = mem::page();
    let before = pages_now();
    for round in 1..20 {
        mem::write(page, round);
        give(page)?;
        returns!(
            pages_now(),
            before - 1,
            "current_reservation without the page"
        );
        take(page)?;
        returns!(pages_now(), before, "current_reservation with it");
        mem::write(page + 8, round);
        same!(mem::read(page + 8), round, "the new page's word");
    }
    Ok(())
}

/// Is a frame that was given back refused, as a page and as a table?
fn page_given_back_cannot_be_mapped() -> Outcome {
    let page = mem::page();
    let mfn = give(page)?;
    for flags in [READ, WRITE] {
        let result = mem::map(page, (mfn * PAGE) | flags);
        check!(
            result < 0,
            "with {flags:#x}: expected an error, returned {result}"
        );
    }
    let result = mem::mmuext(MMUEXT_PIN_L1_TABLE, mfn, 0);
    check!(
        result < 0,
        "as a table: expected an error, returned {result}"
    );
    let result = mem::mmu_update(mfn * PAGE, 1);
    check!(
        result < 0,
        "a plain write: expected an error, returned {result}"
    );
    let again = decrease(&mut [mfn]);
    returns!(again, 0, "the second decrease_reservation");
    take(page)
}

/// Does a page that is mapped while it is given back stay as it is until it is unmapped?
fn page_in_use_stays_until_it_is_not() -> Outcome {
    let page = mem::page();
    let mfn = mem::mfn(page);
    mem::write(page, 4711);
    returns!(
        decrease(&mut [mfn]),
        1,
        "decrease_reservation of a mapped page"
    );
    let others: [u64; 16] = core::array::from_fn(|_| mem::page());
    for other in others {
        give(other)?;
        take(other)?;
        check!(
            mem::mfn(other) != mfn,
            "expected another frame, seen the one that is still mapped"
        );
    }
    same!(mem::read(page), 4711, "the page's word");
    mem::write(page, 4712);
    same!(mem::read(page), 4712, "the page's word");
    returns!(mem::map(page, 0), 0, "unmapping it");
    let result = mem::map(page, (mfn * PAGE) | READ);
    check!(
        result < 0,
        "mapping it again: expected an error, returned {result}"
    );
    take(page)
}

/// Does a table that is given back stay one as long as an upper table holds it?
fn table_in_use_stays_a_table() -> Outcome {
    let page = mem::page();
    let mfn = mem::mfn(page);
    let upper = user::space().l2 + 8 * 300;
    returns!(mem::freeze(page), 0, "read-only");
    returns!(
        mem::set_entry(upper, mem::entry(page, TABLE)),
        0,
        "the L2's entry"
    );
    returns!(decrease(&mut [mfn]), 1, "decrease_reservation of a table");
    returns!(mem::thaw(page), -EBUSY, "writable while the L2 holds it");
    same!(mem::read(page), 0, "the table's first entry");
    let inside = mfn * PAGE;
    returns!(mem::mmu_update(inside, 0), 0, "an update of the table");
    returns!(mem::set_entry(upper, 0), 0, "the L2's entry cleared");
    returns!(mem::map(page, 0), 0, "unmapping it");
    let result = mem::map(page, (mfn * PAGE) | READ);
    check!(
        result < 0,
        "mapping it again: expected an error, returned {result}"
    );
    take(page)
}

/// Are frames that are not ours left alone?
fn frames_of_others_cannot_be_given_back() -> Outcome {
    let before = pages_now();
    let highest = hypercall(MEMORY_OP, &[XENMEM_MAXIMUM_RAM_PAGE.into(), 0]) as u64;
    let others = (0x100..highest).filter(|mfn| {
        let pfn = mem::m2p(*mfn);
        pfn >= mem::nr_pages() || mem::p2m(pfn) != *mfn
    });
    for mfn in others
        .step_by(97)
        .take(200)
        .chain([1 << 30, 1 << 40, u64::MAX])
    {
        returns!(decrease(&mut [mfn]), 0, "frame {mfn:#x}");
    }
    returns!(pages_now(), before, "current_reservation");
    Ok(())
}

/// Does increase_reservation name a frame that can be mapped, without a PFN until it gets one?
fn increase_gives_fresh_frames() -> Outcome {
    let page = mem::page();
    give(page)?;
    let mut list = [0u64];
    returns!(
        reservation(XENMEM_INCREASE_RESERVATION, &mut list, 0, DOMID_SELF),
        1,
        "increase_reservation"
    );
    let mfn = list[0];
    check!(
        mem::m2p(mfn) >= mem::nr_pages(),
        "expected no PFN in the M2P, seen {:#x}",
        mem::m2p(mfn)
    );
    returns!(
        mem::mmu_update((mfn * PAGE) | MMU_MACHPHYS_UPDATE, mem::pfn(page)),
        0,
        "M2P update"
    );
    mem::set_p2m(mem::pfn(page), mfn);
    returns!(mem::map(page, mem::entry(page, WRITE)), 0, "mapping it");
    mem::write(page, 1);
    same!(mem::read(page), 1, "the page's word");
    Ok(())
}

/// Can hundreds of pages go in one call and come back in another?
fn many_pages_at_once() -> Outcome {
    const COUNT: usize = 300;
    let pages: alloc::vec::Vec<u64> = (0..COUNT).map(|_| mem::page()).collect();
    let before = pages_now();
    let mut frames: alloc::vec::Vec<u64> = pages.iter().map(|page| mem::mfn(*page)).collect();
    for page in &pages {
        returns!(mem::map(*page, 0), 0, "unmapping a page");
    }
    returns!(decrease(&mut frames), COUNT as i64, "decrease_reservation");
    returns!(pages_now(), before - COUNT as i64, "current_reservation");
    let mut list: alloc::vec::Vec<u64> = pages.iter().map(|page| mem::pfn(*page)).collect();
    returns!(populate(&mut list), COUNT as i64, "populate_physmap");
    for (page, mfn) in pages.iter().zip(&list) {
        same!(
            mem::m2p(*mfn),
            mem::pfn(*page),
            "the M2P's entry of a new frame"
        );
        mem::set_p2m(mem::pfn(*page), *mfn);
        returns!(
            mem::map(*page, mem::entry(*page, WRITE)),
            0,
            "mapping a new frame"
        );
        mem::write(*page, *mfn);
    }
    for page in &pages {
        same!(mem::read(*page), mem::mfn(*page), "a page's word");
    }
    let mut sorted = list.clone();
    sorted.sort_unstable();
    sorted.dedup();
    same!(sorted.len(), COUNT, "different frames");
    Ok(())
}

/// Is an extent of order 3 eight frames in a row, aligned, with their PFNs in the M2P?
fn extents_of_eight_pages() -> Outcome {
    let pages = mem::pages(8);
    let mut frames: [u64; 8] = core::array::from_fn(|n| mem::mfn(pages + n as u64 * PAGE));
    for n in 0..8 {
        returns!(mem::map(pages + n * PAGE, 0), 0, "unmapping a page");
    }
    returns!(decrease(&mut frames), 8, "decrease_reservation");
    let mut list = [mem::pfn(pages)];
    returns!(
        reservation(XENMEM_POPULATE_PHYSMAP, &mut list, 3, DOMID_SELF),
        1,
        "populate_physmap of order 3"
    );
    same!(list[0] % 8, 0, "alignment of the first frame");
    for n in 0..8 {
        same!(
            mem::m2p(list[0] + n),
            mem::pfn(pages) + n,
            "the M2P's entry {n}"
        );
        mem::set_p2m(mem::pfn(pages) + n, list[0] + n);
        returns!(
            mem::map(pages + n * PAGE, mem::entry(pages + n * PAGE, WRITE)),
            0,
            "mapping frame {n}"
        );
    }
    Ok(())
}

/// Is nothing done for extents that no machine has?
fn extents_too_large() -> Outcome {
    for order in [21, 30, 64, 0xffff_ffff] {
        for operation in [
            XENMEM_INCREASE_RESERVATION,
            XENMEM_DECREASE_RESERVATION,
            XENMEM_POPULATE_PHYSMAP,
        ] {
            let result = reservation(operation, &mut [0], order, DOMID_SELF);
            check!(
                result <= 0,
                "operation {operation}, order {order}: expected nothing done, returned {result}"
            );
        }
    }
    Ok(())
}

/// Is an empty list 0?
fn empty_list() -> Outcome {
    for operation in [
        XENMEM_INCREASE_RESERVATION,
        XENMEM_DECREASE_RESERVATION,
        XENMEM_POPULATE_PHYSMAP,
    ] {
        returns!(
            reservation(operation, &mut [], 0, DOMID_SELF),
            0,
            "operation {operation}"
        );
    }
    Ok(())
}

/// Are the extents before an absent page of the list done, and counted?
fn list_that_ends_at_an_absent_page() -> Outcome {
    let [first, second] = core::array::from_fn(|_| mem::page());
    let list = mem::pages(2);
    for (n, page) in [first, second].into_iter().enumerate() {
        mem::write(list + PAGE - 16 + n as u64 * 8, mem::mfn(page));
        returns!(mem::map(page, 0), 0, "unmapping a page");
    }
    returns!(
        mem::map(list + PAGE, 0),
        0,
        "unmapping the list's second page"
    );
    let argument = MemoryReservation {
        extent_start: list + PAGE - 16,
        nr_extents: 3,
        domid: DOMID_SELF,
        ..Default::default()
    };
    let done = hypercall(
        MEMORY_OP,
        &[XENMEM_DECREASE_RESERVATION.into(), at(&argument)],
    );
    returns!(done, 2, "decrease_reservation");
    returns!(
        mem::map(list + PAGE, mem::entry(list + PAGE, WRITE)),
        0,
        "mapping the list's second page"
    );
    take(first)?;
    take(second)
}

/// Is an operation that does not exist -ENOSYS?
fn unknown_operation() -> Outcome {
    for operation in [63, 8, 40] {
        returns!(
            hypercall(MEMORY_OP, &[operation, at(&[0u64; 16])]),
            -ENOSYS,
            "operation {operation}"
        );
    }
    Ok(())
}
