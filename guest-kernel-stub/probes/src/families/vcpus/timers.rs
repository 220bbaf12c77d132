//! Each vCPU's own timers.

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use guest_kernel_stub::{Xen, events, time, vcpus};
use pv_guest_abi::errno::EINVAL;
use pv_guest_abi::vcpu::*;
use pv_guest_abi::virq::VIRQ_TIMER;

use super::probes;
use crate::kit::vcpus::{MS, Words, all, at_least, finish, op, post, until, words};
use crate::kit::{Outcome, at, event};

probes!(vcpus:
    one_shots_fire_on_their_vcpus,
    one_shot_of_another_is_refused,
    set_timer_is_the_callers,
    ticks_of_a_new_vcpu,
    periodic_timers_are_each_vcpus_own,
    ticks_stop_and_start_from_outside,
    ticks_wake_nobody,
    polls_end_in_time,
    timer_fires_while_others_spin,
);

static COUNTS: Words = words();
static EARLY: AtomicU64 = AtomicU64::new(0);
static DUE: Words = words();
static FAILED: AtomicU64 = AtomicU64::new(0);

fn count_event() {
    let me = vcpus::this().id as usize;
    COUNTS[me].fetch_add(1, SeqCst);
    if time::now_ns() < DUE[me].load(SeqCst) {
        EARLY.fetch_add(1, SeqCst);
    }
}

fn note(result: Result<(), pv_guest_abi::Errno>) {
    if let Err(errno) = result {
        FAILED.store(errno.to_return() as u64, SeqCst);
    }
}

/// Sets its one-shot timer so many times, each some milliseconds ahead, and waits for each.
fn one_shots(times: u64) {
    let me = vcpus::this().id as usize;
    note(events::bind_virq(VIRQ_TIMER, "timer", count_event).map(drop));
    for round in 1..=times {
        let due = time::now_ns() + (1 + me as u64 % 7) * MS;
        DUE[me].store(due, SeqCst);
        note(Xen::vcpu_singleshot_timer(me as u32, Some(due), false));
        while COUNTS[me].load(SeqCst) < round {
            events::wait();
        }
    }
}

/// Does each vCPU's one-shot timer fire on that vCPU, once for each setting, and never early?
fn one_shots_fire_on_their_vcpus() -> Outcome {
    let count = all(2)?;
    for id in 1..count {
        post(id, one_shots, 20)?;
    }
    for id in 1..count {
        finish(id)?;
        same!(
            COUNTS[id as usize].load(SeqCst),
            20,
            "timer events of vCPU {id}"
        );
    }
    same!(FAILED.load(SeqCst), 0, "a timer or its port");
    same!(EARLY.load(SeqCst), 0, "events before their time");
    Ok(())
}

/// Are setting and stopping another vCPU's one-shot timer refused?
fn one_shot_of_another_is_refused() -> Outcome {
    at_least(2)?;
    let timer = VcpuSetSingleshotTimer {
        timeout_abs_ns: event::now() + MS,
        ..Default::default()
    };
    returns!(
        op(VCPUOP_SET_SINGLESHOT_TIMER, 1, at(&timer)),
        -EINVAL,
        "set"
    );
    returns!(op(VCPUOP_STOP_SINGLESHOT_TIMER, 1, 0), -EINVAL, "stop");
    Ok(())
}

/// Does `set_timer_op` set the timer of the vCPU that calls?
fn set_timer_is_the_callers() -> Outcome {
    all(2)?;
    let port = Xen::bind_virq(VIRQ_TIMER, 0).map_err(|e| alloc::format!("bind_virq: {e}"))?;
    let _ = Xen::vcpu_periodic_timer(0, None);
    event::clear_pending(port);
    post(
        1,
        |_| {
            note(events::bind_virq(VIRQ_TIMER, "timer", count_event).map(drop));
            note(Xen::set_timer(time::now_ns() + MS));
            while COUNTS[1].load(SeqCst) == 0 {
                events::wait();
            }
        },
        0,
    )?;
    finish(1)?;
    same!(FAILED.load(SeqCst), 0, "the timer or its port");
    check!(!event::is_pending(port), "vCPU 0's timer fired");
    Ok(())
}

extern "C" fn count_ticks() -> ! {
    note(events::bind_virq(VIRQ_TIMER, "timer", count_event).map(drop));
    if let Some(info) = vcpus::this().info() {
        // SAFETY: a byte of this vCPU's own words; the handler is there.
        unsafe { (&raw mut (*info).evtchn_upcall_mask).write_volatile(0) };
    }
    loop {
        core::hint::spin_loop();
    }
}

/// Does a new vCPU's timer tick by itself, as the first one's does?
fn ticks_of_a_new_vcpu() -> Outcome {
    at_least(2)?;
    vcpus::start(1, count_ticks).map_err(|error| alloc::format!("start: {error}"))?;
    until("three ticks", || COUNTS[1].load(SeqCst) >= 3)?;
    same!(FAILED.load(SeqCst), 0, "the port");
    returns!(op(VCPUOP_STOP_PERIODIC_TIMER, 1, 0), 0, "stop");
    Ok(())
}

/// Do periodic timers of several vCPUs tick side by side, each at its rate?
fn periodic_timers_are_each_vcpus_own() -> Outcome {
    let count = all(2)?;
    for id in 1..count {
        post(
            id,
            |id| {
                note(events::bind_virq(VIRQ_TIMER, "timer", count_event).map(drop));
                let began = time::now_ns();
                let period = (1 + id % 4) * 2 * MS;
                note(Xen::vcpu_periodic_timer(id as u32, Some(period)));
                while COUNTS[id as usize].load(SeqCst) < 10 {
                    // Ticks come to a vCPU that runs.
                    let _ = Xen::version();
                    unmask_for_a_moment();
                }
                note(Xen::vcpu_periodic_timer(id as u32, None));
                // A tick is late at times, and then the next is the sooner; but on the whole
                // there are not more than time has passed for.
                let most = (time::now_ns() - began) / period + 1;
                if COUNTS[id as usize].load(SeqCst) > most {
                    EARLY.fetch_add(1, SeqCst);
                }
            },
            id.into(),
        )?;
    }
    for id in 1..count {
        finish(id)?;
    }
    same!(FAILED.load(SeqCst), 0, "a timer or its port");
    same!(EARLY.load(SeqCst), 0, "vCPUs that saw too many ticks");
    Ok(())
}

fn unmask_for_a_moment() {
    // SAFETY: a byte of this vCPU's own words.
    if let Some(info) = vcpus::this().info() {
        // SAFETY: a byte of this vCPU's own words; the handler is there.
        unsafe { (&raw mut (*info).evtchn_upcall_mask).write_volatile(0) };
    }
    let _ = Xen::version();
    events::mask();
}

/// May another vCPU stop and start a vCPU's ticks?
fn ticks_stop_and_start_from_outside() -> Outcome {
    at_least(2)?;
    vcpus::start(1, count_ticks).map_err(|error| alloc::format!("start: {error}"))?;
    until("the first tick", || COUNTS[1].load(SeqCst) >= 1)?;
    returns!(op(VCPUOP_STOP_PERIODIC_TIMER, 1, 0), 0, "stop");
    // One may be on its way, and is seen when the vCPU has its next turn: with one pCPU for
    // both that is some turns of 10 ms away.
    event::spin(150 * MS);
    let stopped = COUNTS[1].load(SeqCst);
    event::spin(30 * MS);
    same!(COUNTS[1].load(SeqCst), stopped, "ticks after the stop");
    let period = VcpuSetPeriodicTimer { period_ns: 2 * MS };
    returns!(op(VCPUOP_SET_PERIODIC_TIMER, 1, at(&period)), 0, "start");
    until("ticks again", || COUNTS[1].load(SeqCst) > stopped + 3)?;
    returns!(op(VCPUOP_STOP_PERIODIC_TIMER, 1, 0), 0, "stop");
    Ok(())
}

/// Do ticks come only to a vCPU that runs, so that one asleep stays so?
fn ticks_wake_nobody() -> Outcome {
    all(2)?;
    crate::kit::vcpus::call(
        1,
        |_| {
            note(events::bind_virq(VIRQ_TIMER, "timer", count_event).map(drop));
            note(Xen::vcpu_periodic_timer(1, Some(2 * MS)));
        },
        0,
    )?;
    event::spin(5 * MS);
    let before = COUNTS[1].load(SeqCst);
    event::spin(50 * MS);
    same!(COUNTS[1].load(SeqCst), before, "ticks while it sleeps");
    same!(FAILED.load(SeqCst), 0, "the timer or its port");
    Ok(())
}

/// Do polls of several vCPUs end at their times, not before?
fn polls_end_in_time() -> Outcome {
    let count = all(2)?;
    for id in 1..count {
        post(
            id,
            |id| {
                // Its own port, where nothing comes: with none or several, any event may wake it.
                let port = Xen::bind_ipi(id as u32).unwrap_or(0);
                event::mask_port(port, true);
                for _ in 0..20 {
                    let until = time::now_ns() + (1 + id % 5) * MS;
                    note(Xen::poll(&[port], Some(until)));
                    if time::now_ns() < until {
                        EARLY.fetch_add(1, SeqCst);
                    }
                }
            },
            id.into(),
        )?;
    }
    for id in 1..count {
        finish(id)?;
    }
    same!(FAILED.load(SeqCst), 0, "a poll");
    same!(EARLY.load(SeqCst), 0, "polls that ended before their time");
    Ok(())
}

/// Do timers fire, and their vCPUs run, though others keep all pCPUs busy?
fn timer_fires_while_others_spin() -> Outcome {
    let count = all(3)?;
    crate::kit::vcpus::start_spinning(2..count, &DUE)?;
    post(1, one_shots, 20)?;
    finish(1)?;
    same!(COUNTS[1].load(SeqCst), 20, "timer events");
    crate::kit::vcpus::stop_spinning(2..count)
}
