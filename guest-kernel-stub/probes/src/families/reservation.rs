//! Does memory_op answer every request, also those that it refuses, as the ABI says?

use alloc::vec::Vec;

use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::errno::{EACCES, EDOM, EFAULT, EINVAL, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM, ESRCH};
use pv_guest_abi::hypercall::MEMORY_OP;
use pv_guest_abi::memory::*;

use super::probes;
use crate::kit::mem::{self, PAGE, WRITE};
use crate::kit::{Outcome, at, at_mut, event, hypercall};

probes!(reservation:
    list_begins_where_the_command_says,
    lists_that_are_not_begun,
    address_widths,
    nodes,
    populate_on_demand,
    page_given_back_twice,
    increase_without_a_list,
    list_that_cannot_be_written,
    fresh_frames_are_zero only_here,
    large_extents,
    exchange_gives_other_frames,
    exchange_for_one_large_extent,
    exchange_of_one_large_extent,
    exchange_below_an_address,
    exchange_stops_at_the_first_bad_frame,
    exchange_of_used_frames,
    exchange_refusals,
    exchange_that_cannot_be_told,
    highest_frame_number,
    highest_pfn,
    own_memory_map,
    machines_memory_map,
    m2p_frames,
    claims,
    physmap_is_for_others,
    nothing_on_demand,
    other_refusals,
    commands_that_begin_nowhere,
);

/// An address at which nothing is mapped.
const NOWHERE: u64 = 8;
/// The operations with extents.
const LISTS: [u32; 3] = [
    XENMEM_INCREASE_RESERVATION,
    XENMEM_DECREASE_RESERVATION,
    XENMEM_POPULATE_PHYSMAP,
];

fn memory_op(command: u32, argument: u64) -> i64 {
    hypercall(MEMORY_OP, &[command.into(), argument])
}

/// A list of our own.
fn list(words: &mut [u64], order: u32) -> MemoryReservation {
    MemoryReservation {
        extent_start: at_mut(words),
        nr_extents: words.len() as u64,
        extent_order: order,
        domid: DOMID_SELF,
        ..Default::default()
    }
}

fn pages_now() -> i64 {
    memory_op(XENMEM_CURRENT_RESERVATION, at(&DOMID_SELF))
}

/// A page's frame, which nothing maps any more.
fn unmapped(page: u64) -> Result<u64, alloc::string::String> {
    returns!(mem::map(page, 0), 0, "unmapping a page");
    Ok(mem::mfn(page))
}

/// Gives pages of ours back, so that as many can be taken.
fn make_room(pages: usize) -> Result<Vec<u64>, alloc::string::String> {
    let pages: Vec<u64> = (0..pages).map(|_| mem::page()).collect();
    let mut frames = Vec::new();
    for page in &pages {
        frames.push(unmapped(*page)?);
    }
    let given = memory_op(XENMEM_DECREASE_RESERVATION, at(&list(&mut frames, 0)));
    returns!(given, pages.len() as i64, "decrease_reservation");
    Ok(pages)
}

/// Maps a frame at a page of ours.
fn mapped(page: u64, mfn: u64) -> Outcome {
    mem::set_p2m(mem::pfn(page), mfn);
    returns!(
        mem::map(page, mem::entry(page, WRITE)),
        0,
        "mapping frame {mfn:#x}"
    );
    Ok(())
}

/// Does a command with a number of extents above its own bits begin there?
fn list_begins_where_the_command_says() -> Outcome {
    let pages = make_room(4)?;
    let mut words: Vec<u64> = pages.iter().map(|page| mem::pfn(*page)).collect();
    let argument = list(&mut words, 0);
    let from_2 = XENMEM_POPULATE_PHYSMAP | 2 << 6;
    returns!(
        memory_op(from_2, at(&argument)),
        4,
        "populate_physmap from 2"
    );
    for (n, page) in pages.iter().enumerate() {
        let is_pfn = words[n] == mem::pfn(*page);
        check!(is_pfn == (n < 2), "word {n}: seen {:#x}", words[n]);
    }
    for n in 2..4 {
        mapped(pages[n], words[n])?;
    }
    for command in LISTS {
        for begin in [4, 5] {
            let result = memory_op(command | begin << 6, at(&argument));
            returns!(result, begin.into(), "operation {command} from {begin}");
        }
    }
    Ok(())
}

/// Is the answer where the list would begin, if its argument is not usable?
fn lists_that_are_not_begun() -> Outcome {
    let before = pages_now();
    let mut words = [0u64; 4];
    let good = list(&mut words, 0);
    for command in LISTS {
        for begin in [0, 3] {
            let run = |argument| memory_op(command | begin << 6, argument);
            let wrong = |change: fn(&mut MemoryReservation)| {
                let mut argument = good;
                change(&mut argument);
                run(at(&argument))
            };
            let begin: i64 = begin.into();
            returns!(run(NOWHERE), begin, "operation {command}: no argument");
            let long = wrong(|list| list.nr_extents = (u64::from(u32::MAX) >> 6) + 1);
            returns!(long, begin, "operation {command}: too long");
            let missing = wrong(|list| list.domid = 99);
            returns!(missing, begin, "operation {command}: no such domain");
            let narrow = wrong(|list| list.mem_flags = 12);
            returns!(narrow, begin, "operation {command}: 12 address bits");
            let large = wrong(|list| list.extent_order = 19);
            returns!(large, begin, "operation {command}: order 19");
        }
    }
    same!(pages_now(), before, "current_reservation");
    Ok(())
}

/// Do frames have as many address bits as was asked for?
fn address_widths() -> Outcome {
    let pages = make_room(16)?;
    for (page, bits) in pages.iter().zip([24, 27, 28, 32, 64]) {
        let mut words = [mem::pfn(*page)];
        let mut argument = list(&mut words, 0);
        argument.mem_flags = bits;
        returns!(
            memory_op(XENMEM_POPULATE_PHYSMAP, at(&argument)),
            1,
            "{bits} bits"
        );
        let fits = bits >= 52 || words[0] >> (bits - 12) == 0;
        check!(fits, "{bits} bits: seen frame {:#x}", words[0]);
        mapped(*page, words[0])?;
    }
    // Nobody has memory in the lowest megabyte.
    for bits in [1, 11, 12, 13, 20] {
        for command in [XENMEM_INCREASE_RESERVATION, XENMEM_POPULATE_PHYSMAP] {
            let mut words = [77];
            let mut argument = list(&mut words, 0);
            argument.mem_flags = bits;
            returns!(
                memory_op(command, at(&argument)),
                0,
                "operation {command}, {bits} bits"
            );
            same!(words[0], 77, "the list's word");
        }
    }
    Ok(())
}

/// Is another node than the first only a wish, unless it is asked for exactly?
fn nodes() -> Outcome {
    make_room(8)?;
    for (flags, wanted) in [
        (node(0), 1),
        (node(0) | XENMEMF_EXACT_NODE_REQUEST, 1),
        (node(1), 1),
        (node(1) | XENMEMF_EXACT_NODE_REQUEST, 0),
        (node(200), 0),
        (XENMEMF_EXACT_NODE_REQUEST, 1),
        (XENMEMF_VNODE | node(5), 1),
    ] {
        let mut words = [0];
        let mut argument = list(&mut words, 0);
        argument.mem_flags = flags;
        let result = memory_op(XENMEM_INCREASE_RESERVATION, at(&argument));
        returns!(result, wanted, "flags {flags:#x}");
    }
    Ok(())
}

/// Can nobody populate its own memory on demand?
fn populate_on_demand() -> Outcome {
    let pages = make_room(1)?;
    let mut words = [mem::pfn(pages[0])];
    let mut argument = list(&mut words, 0);
    argument.mem_flags = XENMEMF_POPULATE_ON_DEMAND;
    returns!(
        memory_op(XENMEM_POPULATE_PHYSMAP, at(&argument)),
        0,
        "populate_physmap"
    );
    same!(words[0], mem::pfn(pages[0]), "the list's word");
    Ok(())
}

/// Is a page that is in use given back as often as one likes, but counted once?
fn page_given_back_twice() -> Outcome {
    let page = mem::page();
    let before = pages_now();
    let mut words = [mem::mfn(page); 2];
    let argument = list(&mut words, 0);
    let result = memory_op(XENMEM_DECREASE_RESERVATION, at(&argument));
    returns!(result, 2, "a mapped page twice");
    same!(
        pages_now(),
        before,
        "current_reservation while it is mapped"
    );
    returns!(mem::map(page, 0), 0, "unmapping it");
    same!(pages_now(), before - 1, "current_reservation");
    let result = memory_op(XENMEM_DECREASE_RESERVATION, at(&argument));
    returns!(result, 0, "when it is gone");
    Ok(())
}

/// Can increase_reservation do without a list?
fn increase_without_a_list() -> Outcome {
    make_room(2)?;
    let before = pages_now();
    let argument = MemoryReservation {
        nr_extents: 2,
        domid: DOMID_SELF,
        ..Default::default()
    };
    returns!(
        memory_op(XENMEM_INCREASE_RESERVATION, at(&argument)),
        2,
        "increase_reservation"
    );
    same!(pages_now(), before + 2, "current_reservation");
    let result = memory_op(XENMEM_POPULATE_PHYSMAP, at(&argument));
    returns!(result, 0, "populate_physmap without a list");
    Ok(())
}

/// Is the frame ours, though we are not told, if the list cannot be written?
fn list_that_cannot_be_written() -> Outcome {
    make_room(2)?;
    let before = pages_now();
    let mut argument = list(&mut [0], 0);
    argument.extent_start = NOWHERE;
    returns!(
        memory_op(XENMEM_INCREASE_RESERVATION, at(&argument)),
        0,
        "increase_reservation"
    );
    same!(pages_now(), before + 1, "current_reservation");
    returns!(
        memory_op(XENMEM_POPULATE_PHYSMAP, at(&argument)),
        0,
        "populate_physmap"
    );
    same!(pages_now(), before + 1, "current_reservation");
    Ok(())
}

/// Is nothing left in a frame of what was there before? (Xen scrubs between domains only.)
fn fresh_frames_are_zero() -> Outcome {
    let pages: Vec<u64> = (0..32).map(|_| mem::page()).collect();
    for page in &pages {
        (0..512).for_each(|word| mem::write(page + word * 8, !0));
    }
    let mut words = Vec::new();
    for page in &pages {
        words.push(unmapped(*page)?);
    }
    let result = memory_op(XENMEM_DECREASE_RESERVATION, at(&list(&mut words, 0)));
    returns!(result, 32, "decrease_reservation");
    let mut words: Vec<u64> = pages.iter().map(|page| mem::pfn(*page)).collect();
    let result = memory_op(XENMEM_POPULATE_PHYSMAP, at(&list(&mut words, 0)));
    returns!(result, 32, "populate_physmap");
    for (page, mfn) in pages.iter().zip(words) {
        mapped(*page, mfn)?;
        for word in 0..512 {
            same!(
                mem::read(page + word * 8),
                0,
                "word {word} of frame {mfn:#x}"
            );
        }
    }
    Ok(())
}

/// Does an extent of 512 frames come in one piece, and go in one?
fn large_extents() -> Outcome {
    make_room(512)?;
    let before = pages_now();
    let mut words = [0x4000];
    let result = memory_op(XENMEM_POPULATE_PHYSMAP, at(&list(&mut words, 9)));
    returns!(result, 1, "populate_physmap of order 9");
    same!(pages_now(), before + 512, "current_reservation");
    let first = words[0];
    same!(first % 512, 0, "the first frame's alignment");
    for n in 0..512 {
        same!(mem::m2p(first + n), 0x4000 + n, "M2P of frame {n}");
    }
    let result = memory_op(XENMEM_DECREASE_RESERVATION, at(&list(&mut words, 9)));
    returns!(result, 1, "decrease_reservation of order 9");
    same!(pages_now(), before, "current_reservation");
    check!(
        mem::m2p(first) >= 0x4000 + 512,
        "M2P of a frame that is gone: {:#x}",
        mem::m2p(first)
    );
    Ok(())
}

/// An exchange of our own pages.
fn exchange(input: MemoryReservation, out: MemoryReservation, done: u64) -> (i64, u64) {
    let mut argument = MemoryExchange {
        input,
        out,
        nr_exchanged: done,
    };
    let result = memory_op(XENMEM_EXCHANGE, at_mut(&mut argument));
    (result, argument.nr_exchanged)
}

/// Frames of unmapped pages, and their PFNs.
fn for_exchange(pages: &[u64]) -> Result<(Vec<u64>, Vec<u64>), alloc::string::String> {
    let mut frames = Vec::new();
    for page in pages {
        frames.push(unmapped(*page)?);
    }
    Ok((frames, pages.iter().map(|page| mem::pfn(*page)).collect()))
}

/// Do pages get other frames, one for one?
fn exchange_gives_other_frames() -> Outcome {
    let pages: Vec<u64> = (0..40).map(|_| mem::page()).collect();
    let before = pages_now();
    let (mut frames, mut words) = for_exchange(&pages)?;
    let (result, done) = exchange(list(&mut frames, 0), list(&mut words, 0), 0);
    returns!(result, 0, "exchange");
    same!(done, 40, "nr_exchanged");
    same!(pages_now(), before, "current_reservation");
    for (page, mfn) in pages.iter().zip(words) {
        same!(mem::m2p(mfn), mem::pfn(*page), "M2P of a new frame");
        mapped(*page, mfn)?;
        same!(mem::read(*page), 0, "its first word");
    }
    let (result, done) = exchange(list(&mut frames, 0), list(&mut [0; 40], 0), 40);
    returns!(result, 0, "one that is done already");
    same!(done, 40, "nr_exchanged");
    Ok(())
}

/// Do 64 single frames become one extent of 64, all at once?
fn exchange_for_one_large_extent() -> Outcome {
    let start = mem::pages(64);
    let pages: Vec<u64> = (0..64).map(|n| start + n * PAGE).collect();
    let before = pages_now();
    let (mut frames, pfns) = for_exchange(&pages)?;
    let mut words = [pfns[0]];
    let (result, done) = exchange(list(&mut frames, 0), list(&mut words, 6), 0);
    returns!(result, 0, "exchange");
    same!(done, 64, "nr_exchanged");
    same!(pages_now(), before, "current_reservation");
    same!(words[0] % 64, 0, "the extent's alignment");
    for (n, page) in (0..).zip(&pages) {
        same!(mem::m2p(words[0] + n), mem::pfn(*page), "M2P of frame {n}");
        mapped(*page, words[0] + n)?;
    }
    Ok(())
}

/// Does one extent of 16 become 16 single frames?
fn exchange_of_one_large_extent() -> Outcome {
    let start = mem::pages(16);
    let pages: Vec<u64> = (0..16).map(|n| start + n * PAGE).collect();
    let (mut frames, mut pfns) = for_exchange(&pages)?;
    let mut one = [pfns[0]];
    let (result, _) = exchange(list(&mut frames, 0), list(&mut one, 4), 0);
    returns!(result, 0, "exchange for an extent of 16");
    let (result, done) = exchange(list(&mut one, 4), list(&mut pfns, 0), 0);
    returns!(result, 0, "exchange for single frames");
    same!(done, 1, "nr_exchanged");
    for (page, mfn) in pages.iter().zip(pfns) {
        same!(mem::m2p(mfn), mem::pfn(*page), "M2P of a new frame");
        mapped(*page, mfn)?;
    }
    Ok(())
}

/// Do new frames lie below an address, or is it -ENOMEM and all as before?
fn exchange_below_an_address() -> Outcome {
    let page = mem::page();
    mem::write(page, 4711);
    let old = unmapped(page)?;
    for bits in [1, 12, 13, 20] {
        let mut words = [mem::pfn(page)];
        let mut out = list(&mut words, 0);
        out.mem_flags = bits;
        let (result, done) = exchange(list(&mut [old], 0), out, 0);
        returns!(result, -ENOMEM, "{bits} bits");
        same!(done, 0, "nr_exchanged");
        same!(words[0], mem::pfn(page), "the list's word");
    }
    // The frame is the page's yet, with all that is in it.
    same!(mem::m2p(old), mem::pfn(page), "M2P of the old frame");
    mapped(page, old)?;
    same!(mem::read(page), 4711, "the page's word");
    for bits in [24, 27, 63] {
        let old = unmapped(page)?;
        let mut words = [mem::pfn(page)];
        let mut out = list(&mut words, 0);
        out.mem_flags = bits;
        let (result, _) = exchange(list(&mut [old], 0), out, 0);
        returns!(result, 0, "{bits} bits");
        check!(
            words[0] >> (bits - 12) == 0,
            "{bits} bits: seen frame {:#x}",
            words[0]
        );
        mapped(page, words[0])?;
    }
    Ok(())
}

/// Is -EINVAL told with the number of those before, and are the others as they were?
fn exchange_stops_at_the_first_bad_frame() -> Outcome {
    let pages: Vec<u64> = (0..8).map(|_| mem::page()).collect();
    let before = pages_now();
    let (good, pfns) = for_exchange(&pages)?;
    let mut frames = good.clone();
    frames[5] = 1 << 30;
    let mut words = pfns.clone();
    let (result, done) = exchange(list(&mut frames, 0), list(&mut words, 0), 0);
    returns!(result, -EINVAL, "with a bad sixth frame");
    same!(done, 5, "nr_exchanged");
    for n in 0..8 {
        let mfn = if n < 5 { words[n] } else { good[n] };
        if n >= 5 {
            same!(words[n], pfns[n], "word {n}");
        }
        same!(mem::m2p(mfn), pfns[n], "M2P of frame {n}");
        mapped(pages[n], mfn)?;
    }
    // All or nothing, where four make one.
    let (mut frames, _) = for_exchange(&pages)?;
    let good = frames.clone();
    frames[6] = 1 << 30;
    let mut words = [pfns[0], pfns[4]];
    let (result, done) = exchange(list(&mut frames, 0), list(&mut words, 2), 0);
    returns!(result, -EINVAL, "with a bad seventh frame");
    same!(done, 4, "nr_exchanged");
    same!(words[1], pfns[4], "the second word");
    for n in 4..8 {
        mapped(pages[n], good[n])?;
    }
    same!(pages_now(), before, "current_reservation");
    Ok(())
}

/// Are frames refused that are mapped, tables, or shared info?
fn exchange_of_used_frames() -> Outcome {
    let page = mem::page();
    mem::write(page, 4711);
    let shared = mem::read(mem::entry_at(event::shared() as u64, 1)) & mem::FRAME;
    for mfn in [mem::mfn(page), mem::mfn(mem::root()), shared / PAGE] {
        let (result, done) = exchange(list(&mut [mfn], 0), list(&mut [1], 0), 0);
        returns!(result, -EINVAL, "frame {mfn:#x}");
        same!(done, 0, "nr_exchanged");
    }
    same!(mem::read(page), 4711, "the page's word");
    Ok(())
}

/// Does every bad request get its error, and nr_exchanged stay?
fn exchange_refusals() -> Outcome {
    let (mut frames, mut words) = ([1u64 << 30; 8], [1u64; 8]);
    let (input, out) = (list(&mut frames, 0), list(&mut words, 0));
    let with = |list: MemoryReservation, extents, order| MemoryReservation {
        nr_extents: extents,
        extent_order: order,
        ..list
    };
    let from = |list: MemoryReservation, extent_start| MemoryReservation {
        extent_start,
        ..list
    };
    let of = |list: MemoryReservation, domid| MemoryReservation { domid, ..list };
    for (name, input, out, done, wanted) in [
        ("more than all are done", input, out, 9, -EINVAL),
        ("the fourth frame is bad", input, out, 3, -EINVAL),
        ("two domains", input, of(out, 0), 0, -EINVAL),
        ("no domain", of(input, 99), of(out, 99), 0, -ESRCH),
        ("sizes differ", input, with(out, 8, 1), 0, -EINVAL),
        ("order 19", input, with(out, 8, 19), 0, -EPERM),
        (
            "more than can be counted",
            with(input, 1 << 63, 1),
            with(out, 1 << 63, 1),
            0,
            -EINVAL,
        ),
        (
            "beyond all addresses",
            with(input, 1 << 62, 0),
            with(out, 1 << 62, 0),
            0,
            -EFAULT,
        ),
        ("nothing", with(input, 0, 0), with(out, 0, 0), 0, 0),
        ("no input", from(input, NOWHERE), out, 0, -EFAULT),
        (
            "the hypervisor's input",
            from(input, mem::M2P),
            out,
            0,
            -EFAULT,
        ),
        (
            "the hypervisor's output",
            input,
            from(out, mem::M2P),
            0,
            -EFAULT,
        ),
    ] {
        let (result, told) = exchange(input, out, done);
        returns!(result, wanted, "{name}");
        same!(told, done, "{name}: nr_exchanged");
    }
    returns!(memory_op(XENMEM_EXCHANGE, NOWHERE), -EFAULT, "no argument");
    Ok(())
}

/// Is a chunk done though the list cannot be read, and -EFAULT?
fn exchange_that_cannot_be_told() -> Outcome {
    let before = pages_now();
    let old = unmapped(mem::page())?;
    let mut out = list(&mut [0], 0);
    out.extent_start = NOWHERE;
    let (result, done) = exchange(list(&mut [old], 0), out, 0);
    returns!(result, -EFAULT, "exchange");
    same!(done, 0, "nr_exchanged");
    same!(pages_now(), before, "current_reservation");
    same!(mem::m2p(old), !0, "M2P of the old frame");
    Ok(())
}

/// Is maximum_ram_page one more than the highest frame of machphys_mapping?
fn highest_frame_number() -> Outcome {
    let mut mapping = MachphysMapping::default();
    returns!(
        memory_op(XENMEM_MACHPHYS_MAPPING, at_mut(&mut mapping)),
        0,
        "machphys_mapping"
    );
    let frames = memory_op(XENMEM_MAXIMUM_RAM_PAGE, NOWHERE);
    same!(mapping.max_mfn + 1, frames as u64, "max_mfn");
    returns!(
        memory_op(XENMEM_MACHPHYS_MAPPING, NOWHERE),
        -EFAULT,
        "no argument"
    );
    Ok(())
}

/// Is maximum_gpfn what we say ourselves in shared info, less one?
fn highest_pfn() -> Outcome {
    let gpfn = || memory_op(XENMEM_MAXIMUM_GPFN, at(&DOMID_SELF));
    // SAFETY: the page is mapped for good, and the word ours to write.
    let say =
        |max_pfn| unsafe { (&raw mut (*event::shared()).arch.max_pfn).write_volatile(max_pfn) };
    for (said, wanted) in [(0, 0), (1, 0), (0x1234, 0x1233)] {
        say(said);
        returns!(gpfn(), wanted, "with a max_pfn of {said:#x}");
    }
    say(0);
    returns!(
        memory_op(XENMEM_MAXIMUM_GPFN, NOWHERE),
        -EFAULT,
        "no argument"
    );
    Ok(())
}

/// An empty entry.
fn entry() -> E820Entry {
    E820Entry {
        addr: 0.into(),
        size: 0.into(),
        kind: 0.into(),
    }
}

/// Is there no memory map until one is set, and then that one?
fn own_memory_map() -> Outcome {
    let mut seen = [entry(); 4];
    let ask = |seen: &mut [E820Entry], room| {
        let mut argument = MemoryMap {
            nr_entries: room,
            buffer: at_mut(seen),
            ..Default::default()
        };
        let result = memory_op(XENMEM_MEMORY_MAP, at_mut(&mut argument));
        (result, argument.nr_entries)
    };
    returns!(ask(&mut seen, 4).0, -ENOSYS, "memory_map before");
    let map: [E820Entry; 2] = core::array::from_fn(|n| E820Entry {
        addr: (n as u64 * 0x1000_0000).into(),
        size: 0x0800_0000.into(),
        kind: (1 + n as u32).into(),
    });
    let set = |domid, entries, buffer| {
        let argument = ForeignMemoryMap {
            domid,
            map: MemoryMap {
                nr_entries: entries,
                buffer,
                ..Default::default()
            },
            ..Default::default()
        };
        memory_op(XENMEM_SET_MEMORY_MAP, at(&argument))
    };
    returns!(set(DOMID_SELF, 1025, at(&map)), -EINVAL, "too many entries");
    returns!(set(99, 2, at(&map)), -ESRCH, "no such domain");
    returns!(set(DOMID_SELF, 2, NOWHERE), -EFAULT, "no entries");
    returns!(
        memory_op(XENMEM_SET_MEMORY_MAP, NOWHERE),
        -EFAULT,
        "no argument"
    );
    returns!(ask(&mut seen, 4).0, -ENOSYS, "memory_map after refusals");
    returns!(set(DOMID_SELF, 2, at(&map)), 0, "set_memory_map");
    for (room, entries) in [(4, 2), (2, 2), (1, 1), (0, 0)] {
        seen = [entry(); 4];
        let (result, count) = ask(&mut seen, room);
        returns!(result, 0, "memory_map with room for {room}");
        same!(count, entries, "entries with room for {room}");
        check!(
            seen[..count as usize] == map[..count as usize],
            "expected {map:?}, seen {seen:?}"
        );
    }
    returns!(set(DOMID_SELF, 0, at(&map)), 0, "set_memory_map of none");
    returns!(ask(&mut seen, 4).0, -ENOSYS, "memory_map after");
    Ok(())
}

/// Has domain 0 the firmware's map, given room for one entry more than that has?
fn machines_memory_map() -> Outcome {
    let mut map = [entry(); 64];
    let mut ask = |room| {
        let mut argument = MemoryMap {
            nr_entries: room,
            buffer: at_mut(&mut map),
            ..Default::default()
        };
        let result = memory_op(XENMEM_MACHINE_MEMORY_MAP, at_mut(&mut argument));
        (result, argument.nr_entries)
    };
    let (result, entries) = ask(64);
    returns!(result, 0, "machine_memory_map");
    check!(
        (2..64).contains(&entries),
        "expected some entries, seen {entries}"
    );
    for room in [0, 1, entries - 1, entries] {
        let (result, count) = ask(room);
        returns!(result, -EINVAL, "room for {room}");
        same!(count, room, "nr_entries");
    }
    let (result, count) = ask(entries + 1);
    returns!(result, 0, "room for one more");
    same!(count, entries, "nr_entries");
    let ram: u64 = map[..entries as usize]
        .iter()
        .filter(|entry| entry.kind.get() == 1)
        .map(|entry| entry.size.get())
        .sum();
    check!(
        ram / PAGE >= mem::nr_pages(),
        "expected RAM for our pages, seen {ram:#x} bytes"
    );
    returns!(
        memory_op(XENMEM_MACHINE_MEMORY_MAP, NOWHERE),
        -EFAULT,
        "no argument"
    );
    Ok(())
}

/// Are the M2P's frames told, 2 MiB each, and are they not ours to write?
fn m2p_frames() -> Outcome {
    let mut words = [0u64; 16];
    let mut argument = MachphysMfnList {
        max_extents: 16,
        extent_start: at_mut(&mut words),
        ..Default::default()
    };
    returns!(
        memory_op(XENMEM_MACHPHYS_MFN_LIST, at_mut(&mut argument)),
        0,
        "machphys_mfn_list"
    );
    let frames = memory_op(XENMEM_MAXIMUM_RAM_PAGE, NOWHERE) as u64;
    same!(
        u64::from(argument.nr_extents),
        frames.div_ceil(1 << 18),
        "blocks of 2 MiB"
    );
    for mfn in &words[..argument.nr_extents as usize] {
        same!(mfn % 512, 0, "a block's alignment");
        let page = mem::page();
        check!(
            mem::map(page, (mfn * PAGE) | WRITE) < 0,
            "frame {mfn:#x} could be mapped writable"
        );
    }
    argument.max_extents = 0;
    returns!(
        memory_op(XENMEM_MACHPHYS_MFN_LIST, at_mut(&mut argument)),
        0,
        "without room"
    );
    same!(argument.nr_extents, 0, "blocks told without room");
    (argument.max_extents, argument.extent_start) = (1, NOWHERE);
    let result = memory_op(XENMEM_MACHPHYS_MFN_LIST, at_mut(&mut argument));
    returns!(result, -EFAULT, "without a list");
    let result = memory_op(XENMEM_MACHPHYS_COMPAT_MFN_LIST, at_mut(&mut argument));
    returns!(result, -EOPNOTSUPP, "for 32-bit guests");
    Ok(())
}

/// Can memory be claimed for a domain once, as far as there is enough?
fn claims() -> Outcome {
    let claim = |domid, pages| {
        let argument = MemoryReservation {
            nr_extents: pages,
            domid,
            ..Default::default()
        };
        memory_op(XENMEM_CLAIM_PAGES, at(&argument))
    };
    make_room(1)?;
    let now = pages_now() as u64;
    returns!(claim(0, now), -EINVAL, "no more than there is");
    returns!(claim(0, now + 1), 0, "one more");
    returns!(claim(0, now + 1), -EINVAL, "again");
    returns!(claim(0, 0), 0, "none");
    returns!(claim(0, 0), 0, "none again");
    returns!(claim(0, 1 << 40), -EINVAL, "more than the most");
    returns!(claim(DOMID_SELF, 0), -EINVAL, "for self");
    returns!(claim(99, 0), -EINVAL, "for no domain");
    for wrong in [
        MemoryReservation {
            extent_order: 1,
            ..Default::default()
        },
        MemoryReservation {
            mem_flags: 1,
            ..Default::default()
        },
        MemoryReservation {
            extent_start: NOWHERE,
            ..Default::default()
        },
    ] {
        returns!(
            memory_op(XENMEM_CLAIM_PAGES, at(&wrong)),
            -EINVAL,
            "{wrong:?}"
        );
    }
    returns!(
        memory_op(XENMEM_CLAIM_PAGES, NOWHERE),
        -EFAULT,
        "no argument"
    );
    Ok(())
}

/// Are additions to a physical map, which is for translated guests, refused with -EACCES?
fn physmap_is_for_others() -> Outcome {
    for space in 0..7 {
        let wanted = if space == XENMAPSPACE_GMFN_FOREIGN {
            -ENOSYS
        } else {
            -EACCES
        };
        let argument = AddToPhysmap {
            domid: DOMID_SELF,
            space,
            ..Default::default()
        };
        returns!(
            memory_op(XENMEM_ADD_TO_PHYSMAP, at(&argument)),
            wanted,
            "space {space}"
        );
        let wanted = if space == XENMAPSPACE_GMFN_RANGE {
            -EOPNOTSUPP
        } else {
            -EACCES
        };
        let argument = AddToPhysmapBatch {
            domid: DOMID_SELF,
            space: space as u16,
            ..Default::default()
        };
        let result = memory_op(XENMEM_ADD_TO_PHYSMAP_BATCH, at(&argument));
        returns!(result, wanted, "space {space}, batch");
    }
    let argument = AddToPhysmap {
        domid: 99,
        ..Default::default()
    };
    returns!(
        memory_op(XENMEM_ADD_TO_PHYSMAP, at(&argument)),
        -ESRCH,
        "no domain"
    );
    let far = XENMEM_ADD_TO_PHYSMAP | 65536 << 6;
    returns!(memory_op(far, at(&argument)), -EDOM, "from 65536");
    for (domid, gpfn, wanted) in [
        (DOMID_SELF, 1, -EACCES),
        (DOMID_SELF, 1 << 40, -EACCES),
        (99, 1, -ESRCH),
    ] {
        let argument = RemoveFromPhysmap {
            domid,
            gpfn,
            ..Default::default()
        };
        let result = memory_op(XENMEM_REMOVE_FROM_PHYSMAP, at(&argument));
        returns!(result, wanted, "remove of {gpfn:#x} from {domid}");
    }
    for command in [
        XENMEM_ADD_TO_PHYSMAP,
        XENMEM_ADD_TO_PHYSMAP_BATCH,
        XENMEM_REMOVE_FROM_PHYSMAP,
    ] {
        returns!(
            memory_op(command, NOWHERE),
            -EFAULT,
            "operation {command}: no argument"
        );
    }
    Ok(())
}

/// Are targets of populate-on-demand -EINVAL?
fn nothing_on_demand() -> Outcome {
    for command in [XENMEM_SET_POD_TARGET, XENMEM_GET_POD_TARGET] {
        for (domid, wanted) in [(DOMID_SELF, -EINVAL), (0, -EINVAL), (99, -ESRCH)] {
            let argument = PodTarget {
                domid,
                target_pages: 5,
                ..Default::default()
            };
            returns!(
                memory_op(command, at(&argument)),
                wanted,
                "operation {command} for {domid}"
            );
        }
        returns!(
            memory_op(command, NOWHERE),
            -EFAULT,
            "operation {command}: no argument"
        );
    }
    Ok(())
}

/// Does each of the rest have its own refusal?
fn other_refusals() -> Outcome {
    let mut nodes = VnumaTopologyInfo {
        domid: DOMID_SELF,
        ..Default::default()
    };
    returns!(
        memory_op(XENMEM_GET_VNUMAINFO, at(&nodes)),
        -EOPNOTSUPP,
        "get_vnumainfo"
    );
    nodes.domid = 99;
    returns!(
        memory_op(XENMEM_GET_VNUMAINFO, at(&nodes)),
        -ESRCH,
        "for no domain"
    );
    nodes.pad = 1;
    returns!(
        memory_op(XENMEM_GET_VNUMAINFO, at(&nodes)),
        -EINVAL,
        "with padding"
    );
    let mut devices = ReservedDeviceMemoryMap {
        nr_entries: 3,
        ..Default::default()
    };
    let result = memory_op(XENMEM_RESERVED_DEVICE_MEMORY_MAP, at_mut(&mut devices));
    returns!(result, 0, "reserved_device_memory_map");
    same!(devices.nr_entries, 0, "its entries");
    devices.flags = 2;
    let result = memory_op(XENMEM_RESERVED_DEVICE_MEMORY_MAP, at_mut(&mut devices));
    returns!(result, -EINVAL, "with an unknown flag");
    for (domid, wanted) in [(0, -EPERM), (DOMID_SELF, -ESRCH), (99, -ESRCH)] {
        let argument = MemAcquireResource {
            domid,
            kind: XENMEM_RESOURCE_GRANT_TABLE,
            ..Default::default()
        };
        let result = memory_op(XENMEM_ACQUIRE_RESOURCE, at(&argument));
        returns!(result, wanted, "acquire_resource of {domid:#x}");
    }
    returns!(
        memory_op(XENMEM_ACCESS_OP, at(&MemAccessOp::default())),
        -EPERM,
        "access_op on oneself"
    );
    for command in [
        XENMEM_GET_SHARING_FREED_PAGES,
        XENMEM_GET_SHARING_SHARED_PAGES,
    ] {
        returns!(memory_op(command, NOWHERE), 0, "operation {command}");
    }
    for command in [8, XENMEM_PAGING_OP, XENMEM_SHARING_OP, 29, 63] {
        returns!(memory_op(command, NOWHERE), -ENOSYS, "operation {command}");
    }
    Ok(())
}

/// Is an extent to begin with refused where there are none?
fn commands_that_begin_nowhere() -> Outcome {
    for command in [
        XENMEM_MAXIMUM_RAM_PAGE,
        XENMEM_CURRENT_RESERVATION,
        XENMEM_MAXIMUM_RESERVATION,
        XENMEM_MAXIMUM_GPFN,
        XENMEM_EXCHANGE,
        XENMEM_CLAIM_PAGES,
        XENMEM_REMOVE_FROM_PHYSMAP,
        XENMEM_GET_VNUMAINFO,
        XENMEM_RESERVED_DEVICE_MEMORY_MAP,
    ] {
        returns!(
            memory_op(command | 1 << 6, at(&DOMID_SELF)),
            -EINVAL,
            "operation {command}"
        );
    }
    Ok(())
}
