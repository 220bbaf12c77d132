//! How long a vCPU has been running, waiting, sleeping and offline.

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use guest_kernel_stub::{Xen, events, time, vcpus};
use pv_guest_abi::assist::{VMASST_CMD_ENABLE, VMASST_TYPE_RUNSTATE_UPDATE_FLAG};
use pv_guest_abi::errno::EFAULT;
use pv_guest_abi::time::VcpuTimeInfo;
use pv_guest_abi::vcpu::*;

use super::probes;
use crate::kit::vcpus::{
    MS, Words, all, at_least, call, op, post, runstate, start_spinning, stop_spinning, until, words,
};
use crate::kit::{Outcome, at, event, mem};

probes!(vcpus:
    times_add_up,
    states_are_told,
    waiting_is_counted,
    sleeping_vcpus_do_not_run,
    area_addresses,
    area_follows_the_state,
    area_update_is_flagged,
    time_area_is_a_clock,
);

static COUNTS: Words = words();

/// Total of a vCPU's times, between two readings of the clock.
fn total(id: u32) -> Result<(u64, u64, u64), alloc::string::String> {
    let before = event::now();
    let info = runstate(id)?;
    let after = event::now();
    Ok((before, info.time.iter().sum(), after))
}

/// Do the four times of each vCPU grow together as the clock does, whatever it does?
fn times_add_up() -> Outcome {
    let count = all(2)?;
    start_spinning(1..2, &COUNTS)?;
    if count > 3 {
        vcpus::down(3).map_err(|error| alloc::format!("down: {error}"))?;
    }
    let mut first = [(0, 0, 0); vcpus::MOST];
    for id in 0..count {
        first[id as usize] = total(id)?;
    }
    event::spin(30 * MS);
    for id in 0..count {
        let (least, most) = (first[id as usize].2, first[id as usize].0);
        let (before, sum, after) = total(id)?;
        let grown = sum - first[id as usize].1;
        check!(
            (before - least..=after - most).contains(&grown),
            "vCPU {id}: expected {}..={} ns more, seen {grown}",
            before - least,
            after - most
        );
    }
    stop_spinning(1..2)
}

/// Is the state told that a vCPU is in?
fn states_are_told() -> Outcome {
    at_least(2)?;
    same!(runstate(0)?.state, RUNSTATE_RUNNING, "our own");
    let before = runstate(1)?;
    same!(
        before.state,
        RUNSTATE_OFFLINE,
        "of a vCPU that was never up"
    );
    same!(
        before.time[0] + before.time[1] + before.time[2],
        0,
        "its other times"
    );
    all(2)?;
    until("vCPU 1 sleeps", || {
        runstate(1).is_ok_and(|info| info.state == RUNSTATE_BLOCKED)
    })?;
    let asleep = runstate(1)?;
    event::spin(2 * MS);
    let later = runstate(1)?;
    same!(
        later.state_entry_time,
        asleep.state_entry_time,
        "when it fell asleep"
    );
    check!(
        later.time[2] >= asleep.time[2] + 2 * MS,
        "expected 2 ms of sleep more, seen {} and {} ns",
        asleep.time[2],
        later.time[2]
    );
    same!(
        later.time[0],
        asleep.time[0],
        "running time while it sleeps"
    );
    call(
        1,
        |_| {
            let state = runstate(1).map_or(-1, |info| info.state);
            COUNTS[1].store(state as u64, SeqCst);
        },
        0,
    )?;
    same!(COUNTS[1].load(SeqCst), 0, "its own state while it runs");
    vcpus::down(1).map_err(|error| alloc::format!("down: {error}"))?;
    until("vCPU 1 is offline", || {
        runstate(1).is_ok_and(|info| info.state == RUNSTATE_OFFLINE)
    })
}

/// Does a vCPU that could run, but shares its pCPU, count the time that it waits? (One pCPU.)
fn waiting_is_counted() -> Outcome {
    let count = all(3)?;
    start_spinning(1..count, &COUNTS)?;
    for id in 1..count {
        let (ran, waited) = (runstate(id)?.time[0], runstate(id)?.time[1]);
        until("each vCPU runs and waits", || {
            runstate(id).is_ok_and(|info| info.time[0] > ran + MS && info.time[1] > waited + MS)
        })?;
    }
    stop_spinning(1..count)
}

/// Do vCPUs that sleep and are not woken use no time at all?
fn sleeping_vcpus_do_not_run() -> Outcome {
    let count = all(2)?;
    for id in 1..count {
        until("the vCPUs sleep", || {
            runstate(id).is_ok_and(|info| info.state == RUNSTATE_BLOCKED)
        })?;
    }
    let mut before = [0; vcpus::MOST];
    for id in 1..count {
        before[id as usize] = runstate(id)?.time[0] + runstate(id)?.time[1];
    }
    event::spin(50 * MS);
    for id in 1..count {
        let after = runstate(id)?;
        same!(
            after.time[0] + after.time[1],
            before[id as usize],
            "vCPU {id}: ns that it wanted to run"
        );
    }
    Ok(())
}

fn register_area(vcpu: u32, address: u64) -> i64 {
    let area = VcpuRegisterRunstateMemoryArea { addr: address };
    op(VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA, vcpu, at(&area))
}

fn register_time(vcpu: u32, address: u64) -> i64 {
    let area = VcpuRegisterTimeMemoryArea { addr: address };
    op(VCPUOP_REGISTER_VCPU_TIME_MEMORY_AREA, vcpu, at(&area))
}

/// Are areas in the hypervisor's addresses refused, and those that are not mapped taken, for
/// the time when they are?
fn area_addresses() -> Outcome {
    at_least(2)?;
    for vcpu in [0, 1] {
        for (name, register) in [
            ("run state", register_area as fn(u32, u64) -> i64),
            ("clock", register_time),
        ] {
            returns!(
                register(vcpu, 0xffff_8080_0000_0000),
                -EFAULT,
                "{name}: the hypervisor's"
            );
            returns!(register(vcpu, 0x5_f000), 0, "{name}: not mapped");
            returns!(register(vcpu, mem::page() + 1), 0, "{name}: not aligned");
            returns!(register(vcpu, 0), 0, "{name}: none");
        }
    }
    returns!(
        op(VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA, 0, 0),
        -EFAULT,
        "no argument"
    );
    Ok(())
}

fn area(address: u64) -> VcpuRunstateInfo {
    // SAFETY: the address is that of a page of the probe's; any bytes are a VcpuRunstateInfo.
    unsafe { (address as *const VcpuRunstateInfo).read_volatile() }
}

/// Is a registered area written at once, and with each change of the state, so that another
/// vCPU sees whether it runs, waits, sleeps, or is down?
fn area_follows_the_state() -> Outcome {
    all(2)?;
    let page = mem::page();
    until("vCPU 1 sleeps", || {
        runstate(1).is_ok_and(|info| info.state == RUNSTATE_BLOCKED)
    })?;
    returns!(register_area(1, page), 0, "register");
    same!(area(page).state, RUNSTATE_BLOCKED, "at once");
    check!(area(page).time[2] > 0, "expected time asleep, seen none");
    start_spinning(1..2, &COUNTS)?;
    until("vCPU 1 runs", || COUNTS[1].load(SeqCst) > 0)?;
    until("the area says that it runs or waits", || {
        area(page).state != RUNSTATE_BLOCKED
    })?;
    stop_spinning(1..2)?;
    until("the area says that it sleeps", || {
        area(page).state == RUNSTATE_BLOCKED
    })?;
    let told = area(page);
    let asked = runstate(1)?;
    same!(
        told.state_entry_time,
        asked.state_entry_time,
        "when it fell asleep"
    );
    same!(told.time[0], asked.time[0], "how long it ran");
    vcpus::down(1).map_err(|error| alloc::format!("down: {error}"))?;
    until("the area says that it is offline", || {
        area(page).state == RUNSTATE_OFFLINE
    })?;
    returns!(op(VCPUOP_UP, 1, 0), 0, "up");
    until("the area says that it sleeps again", || {
        area(page).state == RUNSTATE_BLOCKED
    })
}

static DONE: AtomicU64 = AtomicU64::new(0);

/// With the assistance for it: does a reader that retries while bit 63 of the entry time is set,
/// or the time changes, always see times that belong together?
fn area_update_is_flagged() -> Outcome {
    all(2)?;
    let enabled = Xen::vm_assist(VMASST_CMD_ENABLE, VMASST_TYPE_RUNSTATE_UPDATE_FLAG);
    check!(enabled.is_ok(), "vm_assist: {enabled:?}");
    let page = mem::page();
    returns!(register_area(1, page), 0, "register");
    DONE.store(0, SeqCst);
    post(
        1,
        |_| {
            // Sleeps of half a millisecond: its state changes all the time.
            for _ in 0..200 {
                let _ = Xen::poll(&[], Some(time::now_ns() + MS / 2));
            }
            DONE.store(1, SeqCst);
        },
        0,
    )?;
    let entry_time = (page + 8) as *const u64;
    let (mut last, mut changes) = (0, 0);
    while DONE.load(SeqCst) == 0 {
        // SAFETY: a word of the probe's own page.
        let before = unsafe { entry_time.read_volatile() };
        core::sync::atomic::fence(SeqCst);
        let info = area(page);
        core::sync::atomic::fence(SeqCst);
        // SAFETY: as above.
        let after = unsafe { entry_time.read_volatile() };
        if before != after || before & XEN_RUNSTATE_UPDATE != 0 {
            let _ = Xen::yield_now();
            continue;
        }
        // All time before the last change is in one of the four states.
        let sum: u64 = info.time.iter().sum();
        check!(sum >= last, "expected at least {last} ns, seen {sum}");
        changes += u64::from(sum != last);
        last = sum;
        let _ = Xen::yield_now();
    }
    check!(changes > 0, "the area never changed");
    crate::kit::vcpus::finish(1)?;
    until("no update is under way", || {
        area(page).state_entry_time & XEN_RUNSTATE_UPDATE == 0
    })
}

/// Is a registered clock a copy of the vCPU's own, complete at once and after it has slept?
fn time_area_is_a_clock() -> Outcome {
    all(2)?;
    let page = mem::page();
    returns!(register_time(0, page), 0, "register for ourselves");
    let own = clock(page)?;
    check!(own <= event::now(), "our clock is ahead");
    let other = mem::page();
    returns!(register_time(1, other), 0, "register for vCPU 1");
    for _ in 0..5 {
        call(1, |_| events::mask(), 0)?;
        let before = event::now();
        let seen = clock(other)?;
        let after = event::now();
        // One clock for all, but each vCPU's was written at another time: they differ by what the rate was off.
        const ROUNDING: u64 = MS;
        check!(
            (before - ROUNDING..=after + ROUNDING).contains(&seen),
            "expected {before}..={after}, seen {seen}"
        );
    }
    Ok(())
}

/// System time by a clock in a page.
fn clock(page: u64) -> Result<u64, alloc::string::String> {
    // SAFETY: the address is that of a page of the probe's; any bytes are a VcpuTimeInfo.
    let info = unsafe { (page as *const VcpuTimeInfo).read_volatile() };
    check!(
        info.version != 0 && info.version & 1 == 0,
        "expected a version that is even and not 0, seen {}",
        info.version
    );
    check!(info.tsc_to_system_mul != 0, "the clock's rate is 0");
    // SAFETY: reads a counter.
    Ok(info.system_time_at(unsafe { core::arch::x86_64::_rdtsc() }))
}
