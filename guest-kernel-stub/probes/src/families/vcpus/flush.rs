//! What other vCPUs see of changed page tables.
//!
//! A vCPU goes round reading (or writing) a page. The tables are changed on vCPU 0, which then
//! says so by a word: what the other does after it has seen that word must be by the new tables.

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use guest_kernel_stub::{Xen, traps};
use pv_guest_abi::errno::{EFAULT, EINVAL};
use pv_guest_abi::hypercall::UPDATE_VA_MAPPING;
use pv_guest_abi::mmu::*;

use super::probes;
use crate::kit::vcpus::{all, at_least, finish, post, until};
use crate::kit::{Outcome, at, hypercall, mem};

probes!(vcpus:
    remote_flush_shows_the_new_page,
    masks_may_name_any_vcpu,
    masks_that_cannot_be_read,
    stale_writer_faults_on_a_page_table,
    stale_reader_faults_on_an_unmapped_page,
    sibling_sees_the_root_change,
    many_vcpus_change_tables_at_once,
    rights_are_taken_from_all,
);

/// What vCPU 1 looks at.
static PLACE: AtomicU64 = AtomicU64::new(0);
/// What vCPU 0 has come to; `END` ends vCPU 1's job.
static ROUND: AtomicU64 = AtomicU64::new(0);
const END: u64 = u64::MAX;
/// The last round that vCPU 1 saw *before* it looked, and what it saw.
static SEEN_ROUND: AtomicU64 = AtomicU64::new(0);
static SEEN: AtomicU64 = AtomicU64::new(0);
/// What vCPU 1 says of an access that faulted.
const FAULTED: u64 = 0xfa17_fa17;
/// Its accesses.
static ACCESSES: AtomicU64 = AtomicU64::new(0);

/// Reads the place again and again.
fn reader(_: u64) {
    loop {
        let round = ROUND.load(SeqCst);
        if round == END {
            return;
        }
        let seen = traps::probe_read(PLACE.load(SeqCst)).unwrap_or(FAULTED);
        ACCESSES.fetch_add(1, SeqCst);
        SEEN.store(seen, SeqCst);
        SEEN_ROUND.store(round, SeqCst);
    }
}

/// Writes zeros to the place until the round changes, and then something else, once.
fn writer(_: u64) {
    let place = PLACE.load(SeqCst) as *mut u8;
    let write = |value: u64| {
        // SAFETY: a page of the probe's, to which no reference points; a fault has a landing.
        unsafe { traps::copy_may_fault(place, (&raw const value).cast(), 8) == 0 }
    };
    while ROUND.load(SeqCst) == 0 {
        write(0);
        ACCESSES.fetch_add(1, SeqCst);
    }
    SEEN.store(if write(0xbad0_bad0) { 0 } else { FAULTED }, SeqCst);
}

fn start(job: guest_kernel_stub::vcpus::Job, place: u64) -> Outcome {
    PLACE.store(place, SeqCst);
    ROUND.store(0, SeqCst);
    ACCESSES.store(0, SeqCst);
    post(1, job, 0)?;
    until("vCPU 1 uses the page", || ACCESSES.load(SeqCst) > 50)
}

/// What vCPU 1 sees from now on.
fn sees(round: u64) -> Result<u64, alloc::string::String> {
    ROUND.store(round, SeqCst);
    until("vCPU 1 looks", || SEEN_ROUND.load(SeqCst) == round)?;
    Ok(SEEN.load(SeqCst))
}

fn stop() -> Outcome {
    ROUND.store(END, SeqCst);
    finish(1)
}

/// Changes the entry of a page without any flush.
fn change(address: u64, entry: u64) -> i64 {
    hypercall(UPDATE_VA_MAPPING, &[address, entry, UVMF_NONE])
}

/// A way to change an entry and have all vCPUs, or those of a mask, forget the old one.
type Way = fn(address: u64, entry: u64, mask: &u64) -> i64;

const WAYS: &[(&str, Way)] = &[
    ("UVMF_INVLPG | UVMF_ALL", |address, entry, _| {
        hypercall(UPDATE_VA_MAPPING, &[address, entry, UVMF_INVLPG | UVMF_ALL])
    }),
    ("UVMF_TLB_FLUSH | UVMF_ALL", |address, entry, _| {
        hypercall(
            UPDATE_VA_MAPPING,
            &[address, entry, UVMF_TLB_FLUSH | UVMF_ALL],
        )
    }),
    ("UVMF_INVLPG by a mask", |address, entry, mask| {
        hypercall(UPDATE_VA_MAPPING, &[address, entry, UVMF_INVLPG | at(mask)])
    }),
    ("UVMF_TLB_FLUSH by a mask", |address, entry, mask| {
        hypercall(
            UPDATE_VA_MAPPING,
            &[address, entry, UVMF_TLB_FLUSH | at(mask)],
        )
    }),
    ("TLB_FLUSH_MULTI", |address, entry, mask| {
        change(address, entry) + mem::mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, at(mask))
    }),
    ("INVLPG_MULTI", |address, entry, mask| {
        change(address, entry) + mem::mmuext(MMUEXT_INVLPG_MULTI, address, at(mask))
    }),
    ("TLB_FLUSH_ALL", |address, entry, _| {
        change(address, entry) + mem::mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0)
    }),
    ("INVLPG_ALL", |address, entry, _| {
        change(address, entry) + mem::mmuext(MMUEXT_INVLPG_ALL, address, 0)
    }),
    ("mmu_update and INVLPG_ALL", |address, entry, _| {
        mem::set_entry(mem::entry_at(address, 1), entry)
            + mem::mmuext(MMUEXT_INVLPG_ALL, address, 0)
    }),
];

/// Does a vCPU that spins on a page see another page there as soon as each kind of remote flush
/// has returned?
fn remote_flush_shows_the_new_page() -> Outcome {
    all(2)?;
    let [window, first, second] = core::array::from_fn(|_| mem::page());
    mem::write(first, 0x1111);
    mem::write(second, 0x2222);
    returns!(mem::map(window, mem::entry(first, mem::READ)), 0, "map");
    start(reader, window)?;
    let mut round = 0;
    for (name, way) in WAYS {
        for _ in 0..6 {
            round += 1;
            let (page, content) = if round % 2 == 1 {
                (second, 0x2222)
            } else {
                (first, 0x1111)
            };
            returns!(way(window, mem::entry(page, mem::READ), &2), 0, "{name}");
            same!(sees(round)?, content, "{name}: what vCPU 1 sees");
        }
    }
    stop()
}

/// Are masks good that name vCPUs which are offline, were never up, or are not there?
fn masks_may_name_any_vcpu() -> Outcome {
    let count = at_least(2)?;
    let page = mem::page();
    for mask in [0, 1, 2, 1 << (count - 1), u64::MAX] {
        for (name, way) in WAYS {
            returns!(
                way(page, mem::entry(page, mem::WRITE), &mask),
                0,
                "{name} with {mask:#x}"
            );
        }
    }
    Ok(())
}

/// Is a mask that cannot be read refused, and the entry changed for all that?
fn masks_that_cannot_be_read() -> Outcome {
    let page = mem::page();
    const NOWHERE: u64 = 0x5_f000;
    returns!(
        mem::mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, NOWHERE),
        -EINVAL,
        "TLB_FLUSH_MULTI"
    );
    returns!(
        mem::mmuext(MMUEXT_INVLPG_MULTI, page, NOWHERE),
        -EINVAL,
        "INVLPG_MULTI"
    );
    let entry = mem::entry(page, mem::READ);
    let called = hypercall(UPDATE_VA_MAPPING, &[page, entry, UVMF_INVLPG | NOWHERE]);
    returns!(called, -EFAULT, "update_va_mapping");
    same!(mem::read(mem::entry_at(page, 1)), entry, "the entry");
    Ok(())
}

/// Does a vCPU that has a page in its TLB as writable fault at its next store once another has made
/// the page a page table, without any flush that the guest asked for?
fn stale_writer_faults_on_a_page_table() -> Outcome {
    all(2)?;
    // Stores to an L1 table are emulated for guests that ask for it, on Xen for all.
    for level in [
        MMUEXT_PIN_L2_TABLE,
        MMUEXT_PIN_L3_TABLE,
        MMUEXT_PIN_L4_TABLE,
    ] {
        for _ in 0..3 {
            let page = mem::page();
            let mfn = mem::mfn(page);
            start(writer, page)?;
            returns!(
                change(page, mem::entry(page, mem::READ)),
                0,
                "mapping read-only"
            );
            returns!(mem::mmuext(level, mfn, 0), 0, "pinning");
            ROUND.store(1, SeqCst);
            finish(1)?;
            same!(
                SEEN.load(SeqCst),
                FAULTED,
                "vCPU 1's store to a page table of level {level}"
            );
            same!(mem::read(page), 0, "the table's first entry");
            returns!(mem::mmuext(MMUEXT_UNPIN_TABLE, mfn, 0), 0, "unpinning");
            returns!(
                mem::map(page, mem::entry(page, mem::WRITE)),
                0,
                "mapping writable"
            );
        }
    }
    Ok(())
}

/// Does a vCPU that reads a page fault once the page is unmapped and flushed everywhere?
fn stale_reader_faults_on_an_unmapped_page() -> Outcome {
    all(2)?;
    let page = mem::page();
    mem::write(page, 0x3333);
    start(reader, page)?;
    for round in (1..20).step_by(2) {
        returns!(mem::map(page, 0), 0, "unmap");
        same!(sees(round)?, FAULTED, "what vCPU 1 sees");
        returns!(mem::map(page, mem::entry(page, mem::READ)), 0, "map");
        same!(sees(round + 1)?, 0x3333, "what vCPU 1 sees");
    }
    stop()
}

/// Is a new root entry seen by a sibling on the same root at once, and one that is gone, gone
/// after a flush?
fn sibling_sees_the_root_change() -> Outcome {
    all(2)?;
    const SLOT: u64 = 300;
    let place = 0xffff_0000_0000_0000 | SLOT << 39;
    let [l3, l2, l1, data] = core::array::from_fn(|_| mem::page());
    mem::write(data, 0x4444);
    mem::write(l1, mem::entry(data, mem::READ));
    mem::write(l2, mem::entry(l1, mem::TABLE));
    mem::write(l3, mem::entry(l2, mem::TABLE));
    for table in [l1, l2, l3] {
        returns!(mem::freeze(table), 0, "a table becomes read-only");
    }
    start(reader, place)?;
    for round in (1..20).step_by(2) {
        let slot = mem::root() + SLOT * 8;
        returns!(mem::set_entry(slot, mem::entry(l3, mem::TABLE)), 0, "set");
        same!(sees(round)?, 0x4444, "what vCPU 1 sees");
        returns!(mem::set_entry(slot, 0), 0, "clear");
        returns!(mem::mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0, "flush");
        same!(sees(round + 1)?, FAULTED, "what vCPU 1 sees");
    }
    stop()
}

/// The last operation that failed: its place in the round, the round, and its result.
static FAILED: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// Makes its page a page table and back again, over and over, flushing everybody.
fn change_tables(page: u64) {
    let (mfn, frame) = (mem::mfn(page), mem::entry(page, 0));
    for round in 0..60 {
        let done = [
            mem::map(page, frame | mem::READ),
            mem::mmuext(MMUEXT_PIN_L1_TABLE + round % 4, mfn, 0),
            mem::mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0),
            mem::mmuext(MMUEXT_UNPIN_TABLE, mfn, 0),
            mem::map(page, frame | mem::WRITE),
        ];
        if let Some(place) = done.iter().position(|&result| result != 0) {
            FAILED[0].store(place as u64 + 1, SeqCst);
            FAILED[1].store(round.into(), SeqCst);
            FAILED[2].store(done[place] as u64, SeqCst);
        } else {
            mem::write(page, 0);
        }
        ACCESSES.fetch_add(1, SeqCst);
    }
}

/// Do vCPUs that all change tables and flush each other come to their ends?
fn many_vcpus_change_tables_at_once() -> Outcome {
    let count = all(2)?;
    for id in 1..count {
        post(id, change_tables, mem::page())?;
    }
    change_tables(mem::page());
    for id in 1..count {
        finish(id)?;
    }
    let [place, round, result] = [0, 1, 2].map(|word: usize| FAILED[word].load(SeqCst));
    check!(
        place == 0,
        "operation {place} of round {round} returned {}",
        crate::kit::say::result(result as i64)
    );
    same!(ACCESSES.load(SeqCst), 60 * u64::from(count), "rounds");
    Ok(())
}

/// Does a vCPU that writes fault at its next store once the page is read-only and flushed?
fn rights_are_taken_from_all() -> Outcome {
    all(2)?;
    for (name, way) in WAYS {
        let page = mem::page();
        start(writer, page)?;
        returns!(way(page, mem::entry(page, mem::READ), &2), 0, "{name}");
        ROUND.store(1, SeqCst);
        finish(1)?;
        same!(SEEN.load(SeqCst), FAULTED, "{name}: vCPU 1's store");
        let _ = Xen::yield_now();
    }
    Ok(())
}
