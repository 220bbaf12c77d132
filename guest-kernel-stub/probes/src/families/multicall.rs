//! Does a multicall run its list in order, to the end, and tell each result?

use alloc::vec;
use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::errno::{EFAULT, EINVAL, ENOSYS};
use pv_guest_abi::hypercall::{
    EVENT_CHANNEL_OP, MMU_UPDATE, MULTICALL, SCHED_OP, STACK_SWITCH, UPDATE_VA_MAPPING, XEN_VERSION,
};
use pv_guest_abi::mmu::{MmuUpdate, MulticallEntry};
use pv_guest_abi::xen_x86::FLAT_KERNEL_SS;

use super::probes;
use crate::kit::{Outcome, at, at_mut, hypercall, mem};

probes!(multicall:
    empty_list,
    results_are_told,
    order_is_kept,
    failing_entry_does_not_stop,
    nested_is_refused,
    unknown_entry,
    five_thousand_entries,
    results_of_continued_entries,
    list_that_cannot_be_read,
    list_that_ends_at_an_absent_page,
    mappings_of_earlier_entries_hold,
);

/// Marks a result that was not written.
const UNTOUCHED: u64 = 0x5a5a_5a5a_5a5a_5a5a;

fn entry(op: u32, args: &[u64]) -> MulticallEntry {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    MulticallEntry {
        op: op.into(),
        result: UNTOUCHED,
        args: all,
    }
}

fn version() -> MulticallEntry {
    entry(XEN_VERSION, &[0, 0])
}

fn multicall(list: &mut [MulticallEntry]) -> i64 {
    hypercall(MULTICALL, &[at_mut(list), list.len() as u64])
}

/// Is an empty list 0, wherever it lies?
fn empty_list() -> Outcome {
    returns!(multicall(&mut []), 0, "an empty list");
    Ok(())
}

/// Is each result written into its entry, and nothing else changed?
fn results_are_told() -> Outcome {
    let mut list = [
        version(),
        entry(XEN_VERSION, &[7, 0]),
        entry(STACK_SWITCH, &[FLAT_KERNEL_SS.into(), mem::page() + 4096]),
    ];
    let before = list;
    returns!(multicall(&mut list), 0, "multicall");
    same!(list[0].result >> 16, 4, "version");
    same!(list[1].result, 4096, "page size");
    same!(list[2].result, 0, "stack_switch");
    for (seen, expected) in list.iter().zip(before) {
        check!(
            seen.op == expected.op && seen.args == expected.args,
            "expected op and arguments kept, seen {seen:x?}"
        );
    }
    Ok(())
}

/// Do later entries come after earlier ones?
fn order_is_kept() -> Outcome {
    let page = mem::page();
    let writes: [MmuUpdate; 20] = core::array::from_fn(|n| MmuUpdate {
        ptr: mem::machine(page),
        val: n as u64 + 1,
    });
    let mut list = writes.map(|_| entry(0, &[]));
    for (call, write) in list.iter_mut().zip(&writes) {
        *call = entry(MMU_UPDATE, &[at(write), 1, 0, DOMID_SELF.into()]);
    }
    returns!(multicall(&mut list), 0, "multicall");
    same!(mem::read(page), 20, "the word that each entry wrote");
    Ok(())
}

/// Does an entry that fails leave the others to run, and the whole 0?
fn failing_entry_does_not_stop() -> Outcome {
    let mut list = [
        version(),
        entry(UPDATE_VA_MAPPING, &[0x7000_0000_0000, 0, 0]),
        entry(XEN_VERSION, &[6, 8]),
        version(),
    ];
    returns!(multicall(&mut list), 0, "multicall");
    same!(list[0].result >> 16, 4, "the first entry's result");
    same!(list[1].result as i64, -EINVAL, "the second entry's result");
    same!(list[2].result as i64, -EFAULT, "the third entry's result");
    same!(list[3].result >> 16, 4, "the fourth entry's result");
    Ok(())
}

/// Is a multicall in a multicall -EINVAL, without running its list?
fn nested_is_refused() -> Outcome {
    let mut inner = [version()];
    let mut list = [
        version(),
        entry(MULTICALL, &[at_mut(&mut inner), 1]),
        version(),
    ];
    returns!(multicall(&mut list), 0, "multicall");
    same!(
        list[1].result as i64,
        -EINVAL,
        "the inner multicall's result"
    );
    same!(list[2].result >> 16, 4, "the result behind it");
    same!(inner[0].result, UNTOUCHED, "the inner entry's result");
    Ok(())
}

/// Are calls that do not exist -ENOSYS?
fn unknown_entry() -> Outcome {
    let mut list = [
        entry(11, &[]),
        entry(63, &[]),
        entry(64, &[]),
        entry(1000, &[]),
        entry(u32::MAX, &[]),
        version(),
    ];
    returns!(multicall(&mut list), 0, "multicall");
    for call in &list[..5] {
        same!(call.result as i64, -ENOSYS, "result of call {}", call.op);
    }
    same!(list[5].result >> 16, 4, "the result behind them");
    Ok(())
}

/// Does a list of 5000 run to its end?
fn five_thousand_entries() -> Outcome {
    let page = mem::page();
    let count = 1500;
    let writes: vec::Vec<MmuUpdate> = (0..count)
        .map(|n| MmuUpdate {
            ptr: mem::machine(page),
            val: n + 1,
        })
        .collect();
    let first = mem::pages(5000 * 64 / 4096 + 1) as *mut MulticallEntry;
    // SAFETY: the pages are this probe's, and hold 5000 entries.
    let list = unsafe { core::slice::from_raw_parts_mut(first, 5000) };
    for (n, call) in list.iter_mut().enumerate() {
        *call = match writes.get(n) {
            Some(write) => entry(MMU_UPDATE, &[at(write), 1, 0, DOMID_SELF.into()]),
            None => version(),
        };
    }
    returns!(multicall(list), 0, "multicall");
    same!(mem::read(page), count, "the word that each write wrote");
    for (n, call) in list.iter().enumerate() {
        let expected = if n < writes.len() { 0 } else { 4 };
        same!(call.result >> 16, expected, "result of entry {n}");
    }
    Ok(())
}

/// Does a long call inside a multicall end with its own result, before the next?
fn results_of_continued_entries() -> Outcome {
    let page = mem::page();
    let writes: vec::Vec<MmuUpdate> = (0..4000)
        .map(|n| MmuUpdate {
            ptr: mem::machine(page),
            val: n + 1,
        })
        .collect();
    let (mut done, mut last) = (
        0u32,
        MmuUpdate {
            ptr: mem::machine(page),
            val: 0,
        },
    );
    last.val = 9999;
    let mut list = [
        version(),
        entry(
            MMU_UPDATE,
            &[at(&writes[..]), 4000, at_mut(&mut done), DOMID_SELF.into()],
        ),
        entry(MMU_UPDATE, &[at(&last), 1, 0, DOMID_SELF.into()]),
        entry(SCHED_OP, &[0, 0]),
        entry(EVENT_CHANNEL_OP, &[99, 0]),
    ];
    returns!(multicall(&mut list), 0, "multicall");
    same!(list[1].result, 0, "the long call's result");
    same!(done, 4000, "its count");
    same!(list[2].result, 0, "the next one's result");
    same!(mem::read(page), 9999, "the word that both wrote");
    same!(list[3].result, 0, "yield's result");
    same!(list[4].result as i64, -ENOSYS, "the last one's result");
    Ok(())
}

/// Is a list that cannot be read -EFAULT?
fn list_that_cannot_be_read() -> Outcome {
    for address in [0x7000_0000_0000, 1 << 63, 0xffff_8300_0000_0000, 8] {
        returns!(
            hypercall(MULTICALL, &[address, 2]),
            -EFAULT,
            "a list at {address:#x}"
        );
    }
    Ok(())
}

/// Do the entries before an absent page run, and is the end -EFAULT?
fn list_that_ends_at_an_absent_page() -> Outcome {
    let pages = mem::pages(2);
    returns!(mem::map(pages + 4096, 0), 0, "unmapping a page");
    let place = (pages + 4096 - 128) as *mut MulticallEntry;
    // SAFETY: two entries fit before the page's end.
    unsafe { place.write(version()) };
    // SAFETY: as above.
    unsafe { place.add(1).write(version()) };
    returns!(
        hypercall(MULTICALL, &[place as u64, 3]),
        -EFAULT,
        "a list into an absent page"
    );
    // SAFETY: as above.
    let results = unsafe { [place.read().result, place.add(1).read().result] };
    for result in results {
        same!(result >> 16, 4, "result of an entry before the absent page");
    }
    returns!(
        mem::map(pages + 4096, mem::entry(pages + 4096, mem::WRITE)),
        0,
        "mapping it again"
    );
    Ok(())
}

/// Can an entry use what an earlier one mapped?
fn mappings_of_earlier_entries_hold() -> Outcome {
    let [page, other] = core::array::from_fn(|_| mem::page());
    mem::write(other, 0);
    returns!(mem::map(page, 0), 0, "unmapping a page");
    // The second call reads its argument at `page`, which the first one maps to `other`.
    let mut list = [
        entry(UPDATE_VA_MAPPING, &[page, mem::entry(other, mem::WRITE), 2]),
        entry(XEN_VERSION, &[6, page]),
    ];
    returns!(multicall(&mut list), 0, "multicall");
    same!(list[0].result, 0, "update_va_mapping");
    same!(list[1].result, 0, "get_features");
    check!(
        mem::read(other) >> 32 != 0,
        "expected features at the new place, seen none"
    );
    returns!(
        mem::map(page, mem::entry(page, mem::WRITE)),
        0,
        "mapping it again"
    );
    Ok(())
}
