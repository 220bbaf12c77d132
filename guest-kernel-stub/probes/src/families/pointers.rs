//! Is a bad pointer -EFAULT at every hypercall that takes one?

use alloc::vec;
use alloc::vec::Vec;

use guest_kernel_stub::Xen;
use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::errno::EFAULT;
use pv_guest_abi::hypercall::{
    CALLBACK_OP, CONSOLE_IO, EVENT_CHANNEL_OP, MEMORY_OP, MMU_UPDATE, MMUEXT_OP, MULTICALL,
    SCHED_OP, SET_GDT, SET_TRAP_TABLE, VCPU_OP, XEN_VERSION,
};
use pv_guest_abi::sched::{SCHEDOP_POLL, SchedPoll};

use super::probes;
use crate::kit::mem::{self, PAGE};
use crate::kit::{Outcome, at, hypercall, user};

probes!(pointers:
    absent,
    not_canonical,
    of_the_hypervisor,
    across_the_end_of_a_page,
    results_into_a_read_only_page,
    pointers_in_structures,
    structure_over_two_frames,
    structure_of_the_user,
    end_of_the_address_space,
    reservations,
);

/// A call with a pointer among its arguments.
struct Call {
    name: &'static str,
    number: u32,
    args: Vec<u64>,
    /// Which argument is the pointer.
    pointer: usize,
}

fn call(name: &'static str, number: u32, args: &[u64], pointer: usize) -> Call {
    Call {
        name,
        number,
        args: args.to_vec(),
        pointer,
    }
}

impl Call {
    fn with(&self, pointer: u64) -> i64 {
        let mut args = self.args.clone();
        args[self.pointer] = pointer;
        hypercall(self.number, &args)
    }
}

/// Calls whose pointer is read (and some of which write through it later).
fn readers() -> Vec<Call> {
    let own = u64::from(DOMID_SELF);
    let mut calls = vec![
        call("set_trap_table", SET_TRAP_TABLE, &[0], 0),
        call("mmu_update", MMU_UPDATE, &[0, 1, 0, own], 0),
        call("mmuext_op", MMUEXT_OP, &[0, 1, 0, own], 0),
        call("set_gdt", SET_GDT, &[0, 512], 0),
        call("multicall", MULTICALL, &[0, 1], 0),
        call("get_features", XEN_VERSION, &[6, 0], 1),
        call("console_io write", CONSOLE_IO, &[0, 8, 0], 2),
        call("sched_op shutdown", SCHED_OP, &[2, 0], 1),
        call("sched_op poll", SCHED_OP, &[3, 0], 1),
        call("callback_op register", CALLBACK_OP, &[0, 0], 1),
        call("callback_op unregister", CALLBACK_OP, &[1, 0], 1),
        call("set_periodic_timer", VCPU_OP, &[6, 0, 0], 2),
        call("set_singleshot_timer", VCPU_OP, &[8, 0, 0], 2),
    ];
    for operation in [0, 1, 3, 4, 5, 6, 7, 8, 9] {
        calls.push(call(
            "event_channel_op",
            EVENT_CHANNEL_OP,
            &[operation, 0],
            1,
        ));
    }
    // The operations on lists (0, 1, 6) count what they have done: see `reservations`.
    for operation in [3, 4] {
        calls.push(call("memory_op", MEMORY_OP, &[operation, 0], 1));
    }
    calls
}

/// Calls that only write through their pointer.
fn writers() -> Vec<Call> {
    let mut calls = vec![call("machphys_mapping", MEMORY_OP, &[12, 0], 1)];
    for command in [1, 2, 3, 4, 5, 8, 9] {
        calls.push(call("xen_version", XEN_VERSION, &[command, 0], 1));
    }
    calls
}

fn all_fault(pointer: u64, what: &str) -> Outcome {
    for call in readers().iter().chain(&writers()) {
        let operation = call.args[0];
        returns!(
            call.with(pointer),
            -EFAULT,
            "{} {operation:#x} with {what} ({pointer:#x})",
            call.name
        );
    }
    Ok(())
}

/// At an address with no page?
fn absent() -> Outcome {
    let page = mem::page();
    returns!(mem::map(page, 0), 0, "unmapping a page");
    for pointer in [
        page,
        0x7000_0000_0000,
        0x7fff_ffff_f000,
        0xffff_9000_0000_0000,
    ] {
        all_fault(pointer, "an absent page")?;
    }
    Ok(())
}

/// At a non-canonical address?
fn not_canonical() -> Outcome {
    for pointer in [1 << 63, 0x0000_8000_0000_0000, 0xffff_7fff_ffff_f000] {
        all_fault(pointer, "a non-canonical address")?;
    }
    Ok(())
}

/// In the hypervisor's slots?
fn of_the_hypervisor() -> Outcome {
    for pointer in [
        0xffff_8080_0000_0000,
        0xffff_8200_0000_0000,
        0xffff_82d0_4000_0000,
        0xffff_8300_0000_0000,
        0xffff_87ff_ffff_f000,
    ] {
        all_fault(pointer, "an address of the hypervisor")?;
    }
    for call in writers() {
        returns!(
            call.with(mem::M2P),
            -EFAULT,
            "{} {:#x} into the M2P",
            call.name,
            call.args[0]
        );
    }
    Ok(())
}

/// In a structure that goes over into an absent page?
fn across_the_end_of_a_page() -> Outcome {
    let pages = mem::pages(2);
    returns!(mem::map(pages + PAGE, 0), 0, "unmapping the second page");
    for call in readers().iter().chain(&writers()) {
        // Two bytes belong to the first page: no argument is shorter but domain numbers.
        let two_bytes = call.name == "memory_op" && matches!(call.args[0], 3 | 4);
        let at = pages + PAGE - if two_bytes { 1 } else { 2 };
        returns!(
            call.with(at),
            -EFAULT,
            "{} {:#x} over the end of a page",
            call.name,
            call.args[0]
        );
    }
    returns!(
        mem::map(pages + PAGE, mem::entry(pages + PAGE, mem::WRITE)),
        0,
        "mapping it again"
    );
    Ok(())
}

/// For results that go to a page which may only be read?
fn results_into_a_read_only_page() -> Outcome {
    let page = mem::page();
    returns!(mem::freeze(page), 0, "read-only");
    for call in writers() {
        returns!(
            call.with(page),
            -EFAULT,
            "{} {:#x} into a read-only page",
            call.name,
            call.args[0]
        );
        same!(mem::read(page), 0, "{}: the page's word", call.name);
    }
    let features = call("get_features", XEN_VERSION, &[6, 0], 1);
    returns!(
        features.with(page),
        -EFAULT,
        "get_features into a read-only page"
    );
    Ok(())
}

/// For pointers that stand in a structure?
fn pointers_in_structures() -> Outcome {
    for pointer in [0x7000_0000_0000, 1 << 63, 0xffff_8300_0000_0000] {
        let poll = SchedPoll {
            ports: pointer,
            nr_ports: 1,
            timeout: 1,
            ..Default::default()
        };
        returns!(
            hypercall(SCHED_OP, &[SCHEDOP_POLL.into(), at(&poll)]),
            -EFAULT,
            "poll of ports at {pointer:#x}"
        );
    }
    Ok(())
}

/// Is a structure read and written whole when its two pages are not neighbours in the machine?
fn structure_over_two_frames() -> Outcome {
    let place = mem::pages(2);
    let [low, high] = core::array::from_fn(|_| mem::page());
    // The frames of the two pages in reverse order.
    returns!(
        mem::map(place, mem::entry(high, mem::WRITE)),
        0,
        "the first page"
    );
    returns!(
        mem::map(place + PAGE, mem::entry(low, mem::WRITE)),
        0,
        "the second page"
    );
    for offset in [1, 4, 8, 15, 100, 600] {
        let at = place + PAGE - offset;
        let text = at as *mut u8;
        // SAFETY: both pages are this probe's.
        unsafe { text.write_bytes(0xaa, 1024) };
        returns!(
            hypercall(XEN_VERSION, &[3, at]),
            0,
            "capabilities over two frames"
        );
        // SAFETY: as above.
        let seen = unsafe { core::slice::from_raw_parts(text, 1024) };
        check!(
            seen.starts_with(b"xen-3.0-x86_64") && !seen[1000..].contains(&0xaa),
            "{offset} bytes before the edge: expected the text whole, seen {:x?}",
            &seen[..32]
        );
    }
    for (page, own) in [(place, place), (place + PAGE, place + PAGE)] {
        returns!(
            mem::map(page, mem::entry(own, mem::WRITE)),
            0,
            "the pages as before"
        );
    }
    Ok(())
}

/// May the kernel pass a structure that lies in a page of its user's?
fn structure_of_the_user() -> Outcome {
    user::space();
    returns!(
        hypercall(XEN_VERSION, &[3, user::DATA]),
        0,
        "capabilities into a user page"
    );
    same!(
        mem::read(user::DATA) as u32,
        u32::from_le_bytes(*b"xen-"),
        "the text's start"
    );
    Ok(())
}

/// At the very end of the address space, where adding to an address wraps?
fn end_of_the_address_space() -> Outcome {
    for pointer in [u64::MAX, u64::MAX - 1, u64::MAX - 7, u64::MAX - 4095] {
        for call in readers().iter().chain(&writers()) {
            let result = call.with(pointer);
            returns!(
                result,
                -EFAULT,
                "{} {:#x} at {pointer:#x}",
                call.name,
                call.args[0]
            );
        }
    }
    // The list's length makes the address wrap.
    for count in [1u64 << 60, u64::MAX / 16] {
        let page = mem::page();
        let result = hypercall(MMU_UPDATE, &[page, count, 0, DOMID_SELF.into()]);
        check!(
            result <= 0,
            "mmu_update of {count:#x}: expected an error, returned {result}"
        );
    }
    Xen::flush_tlb(false).map_err(|e| alloc::format!("flush: {e}"))
}

/// Do the memory operations that count what they have done count nothing with a bad pointer?
fn reservations() -> Outcome {
    for operation in [0, 1, 6] {
        for pointer in [
            0x7000_0000_0000,
            1 << 63,
            0xffff_8300_0000_0000,
            u64::MAX - 7,
        ] {
            let result = hypercall(MEMORY_OP, &[operation, pointer]);
            check!(
                result == 0 || result == -EFAULT,
                "operation {operation} at {pointer:#x}: expected 0 or -EFAULT, returned {result}"
            );
        }
    }
    Ok(())
}
