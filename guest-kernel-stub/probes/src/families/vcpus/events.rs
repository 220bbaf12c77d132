//! Notifications between vCPUs: IPIs, polls, NMIs.

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use guest_kernel_stub::{Xen, events, traps, vcpus};
use pv_guest_abi::errno::{EINVAL, ENOENT};
use pv_guest_abi::vcpu::*;

use super::probes;
use crate::kit::vcpus::{MS, Words, all, at_least, call, finish, op, post, runstate, until, words};
use crate::kit::{Outcome, event, mem};

probes!(vcpus:
    ipis_go_round,
    ipi_reaches_its_vcpu_only,
    event_of_a_vcpu_that_is_down_waits,
    poll_of_another_is_woken,
    poll_is_woken_by_another,
    spinlock_by_poll,
    blocked_vcpu_wakes_with_each_event,
    nmi_reaches_another,
    nmi_of_a_vcpu_that_is_down_waits,
    nmi_argument_must_be_null,
    bind_of_absent_vcpus,
);

static PORTS: Words = words();
static COUNTS: Words = words();
static WANTED: AtomicU64 = AtomicU64::new(0);
static LAST: AtomicU64 = AtomicU64::new(0);

/// Passes a token on to the next vCPU.
fn pass_on() {
    let me = vcpus::this().id as usize;
    COUNTS[me].fetch_add(1, SeqCst);
    let next = me as u64 + 1;
    let next = if next > LAST.load(SeqCst) { 1 } else { next };
    if COUNTS[next as usize].load(SeqCst) < WANTED.load(SeqCst) {
        let _ = events::notify(PORTS[next as usize].load(SeqCst) as u32);
    }
}

/// Does a token that each vCPU passes to the next by an IPI go round, with nothing lost and
/// nothing twice?
fn ipis_go_round() -> Outcome {
    let count = all(2)?;
    const ROUNDS: u64 = 200;
    WANTED.store(ROUNDS, SeqCst);
    LAST.store(u64::from(count) - 1, SeqCst);
    for id in 1..count {
        call(
            id,
            |id| {
                let port = events::bind_ipi("token", pass_on).unwrap_or(0);
                PORTS[id as usize].store(port.into(), SeqCst);
            },
            id.into(),
        )?;
        check!(
            PORTS[id as usize].load(SeqCst) != 0,
            "vCPU {id} has no port"
        );
    }
    events::notify(PORTS[1].load(SeqCst) as u32).map_err(|e| alloc::format!("send: {e}"))?;
    until("the token has gone round", || {
        (1..count).all(|id| COUNTS[id as usize].load(SeqCst) >= ROUNDS)
    })?;
    for id in 1..count {
        same!(
            COUNTS[id as usize].load(SeqCst),
            ROUNDS,
            "events of vCPU {id}"
        );
    }
    Ok(())
}

/// Does a port bound for one vCPU mark that one's words, and no other's?
fn ipi_reaches_its_vcpu_only() -> Outcome {
    let count = at_least(3)?.min(32);
    for id in 1..count {
        let port = Xen::bind_ipi(id).map_err(|e| alloc::format!("bind_ipi({id}): {e}"))?;
        Xen::unmask(port).map_err(|e| alloc::format!("unmask: {e}"))?;
        Xen::send(port).map_err(|e| alloc::format!("send: {e}"))?;
        for other in 0..count as usize {
            // SAFETY: fields of a page that is mapped for good.
            let (pending, selector) = unsafe {
                let info = &raw const (*event::shared()).vcpu_info[other];
                (
                    (&raw const (*info).evtchn_upcall_pending).read_volatile(),
                    (&raw const (*info).evtchn_pending_sel).read_volatile(),
                )
            };
            let there = other as u32 <= id && other != 0;
            same!(
                pending,
                u8::from(there),
                "vCPU {other} after a send to {id}"
            );
            same!(
                selector,
                u64::from(there),
                "selector of vCPU {other} after a send to {id}"
            );
        }
        check!(event::is_pending(port), "the port is not pending");
    }
    Ok(())
}

/// Does an event for a vCPU that is down wait until it is up?
fn event_of_a_vcpu_that_is_down_waits() -> Outcome {
    all(2)?;
    call(
        1,
        |_| {
            let port = events::bind_ipi("count", || {
                COUNTS[1].fetch_add(1, SeqCst);
            });
            PORTS[1].store(port.unwrap_or(0).into(), SeqCst);
        },
        0,
    )?;
    let port = PORTS[1].load(SeqCst) as u32;
    for round in 1..=5 {
        vcpus::down(1).map_err(|error| alloc::format!("down: {error}"))?;
        events::notify(port).map_err(|e| alloc::format!("send: {e}"))?;
        event::spin(2 * MS);
        same!(COUNTS[1].load(SeqCst), round - 1, "events while it is down");
        returns!(op(VCPUOP_IS_UP, 1, 0), 0, "is_up after the event");
        check!(event::is_pending(port), "the port is not pending");
        returns!(op(VCPUOP_UP, 1, 0), 0, "up");
        until("the event is handled", || COUNTS[1].load(SeqCst) == round)?;
        finish(1)?;
    }
    Ok(())
}

/// Does a vCPU that polls a masked port wake when another sends to it?
fn poll_of_another_is_woken() -> Outcome {
    all(2)?;
    for round in 1..=20 {
        post(1, poll_once, round)?;
        until("vCPU 1 is about to poll", || PORTS[1].load(SeqCst) != 0)?;
        if round % 2 == 0 {
            until("vCPU 1 sleeps", || {
                runstate(1).is_ok_and(|info| info.state == RUNSTATE_BLOCKED)
            })?;
        }
        let port = PORTS[1].swap(0, SeqCst) as u32;
        Xen::send(port).map_err(|e| alloc::format!("send: {e}"))?;
        finish(1)?;
        same!(
            COUNTS[1].load(SeqCst),
            round,
            "polls that ended with the port pending"
        );
    }
    Ok(())
}

/// Binds a port, polls it without a time limit, and sees whether it is pending.
fn poll_once(_: u64) {
    let Ok(port) = Xen::bind_ipi(vcpus::this().id) else {
        return;
    };
    event::mask_port(port, true);
    PORTS[1].store(port.into(), SeqCst);
    let _ = Xen::poll(&[port], None);
    if event::is_pending(port) {
        COUNTS[1].fetch_add(1, SeqCst);
    }
    event::clear_pending(port);
    let _ = Xen::close(port);
}

/// Does vCPU 0, which polls several ports, wake when another vCPU sends to the last?
fn poll_is_woken_by_another() -> Outcome {
    all(2)?;
    let mut ports = [0; 3];
    for port in &mut ports {
        *port = Xen::bind_ipi(0).map_err(|e| alloc::format!("bind_ipi: {e}"))?;
        event::mask_port(*port, true);
    }
    for round in 0..20 {
        post(
            1,
            |port| {
                // Long enough that vCPU 0 sleeps by then, most times.
                event::spin(MS / 2);
                let _ = Xen::send(port as u32);
            },
            ports[round % 3].into(),
        )?;
        Xen::poll(&ports, None).map_err(|e| alloc::format!("poll: {e}"))?;
        check!(
            event::is_pending(ports[round % 3]),
            "round {round}: woken without its event"
        );
        event::clear_pending(ports[round % 3]);
        finish(1)?;
    }
    Ok(())
}

/// A ticket lock whose waiters sleep, as PV kernels make it.
static TICKET: AtomicU64 = AtomicU64::new(0);
static SERVING: AtomicU64 = AtomicU64::new(0);
/// Which vCPU holds a ticket, plus one.
static HOLDERS: Words = words();
/// What the lock guards: changed by a load and a store.
static GUARDED: AtomicU64 = AtomicU64::new(0);
static SLEPT: AtomicU64 = AtomicU64::new(0);
const LOCKED_ROUNDS: u64 = 200;

fn lock_rounds(_: u64) {
    let me = vcpus::this().id;
    let kick = PORTS[me as usize].load(SeqCst) as u32;
    for _ in 0..LOCKED_ROUNDS {
        let ticket = TICKET.fetch_add(1, SeqCst);
        let holder = &HOLDERS[ticket as usize % vcpus::MOST];
        holder.store(u64::from(me) + 1, SeqCst);
        let mut looked = 0;
        while SERVING.load(SeqCst) != ticket {
            looked += 1;
            if looked > 20 {
                event::clear_pending(kick);
                if SERVING.load(SeqCst) != ticket {
                    let _ = Xen::poll(&[kick], None);
                    SLEPT.fetch_add(1, SeqCst);
                }
            }
        }
        let value = GUARDED.load(SeqCst);
        for _ in 0..20 {
            core::hint::spin_loop();
        }
        GUARDED.store(value + 1, SeqCst);
        holder.store(0, SeqCst);
        SERVING.store(ticket + 1, SeqCst);
        let next = HOLDERS[(ticket + 1) as usize % vcpus::MOST].load(SeqCst);
        if next != 0 {
            let _ = Xen::send(PORTS[next as usize - 1].load(SeqCst) as u32);
        }
    }
}

/// Does a lock hold whose waiters sleep by `poll` and are woken by their own event, with no
/// wake-up lost?
fn spinlock_by_poll() -> Outcome {
    let count = all(2)?;
    for id in 1..count {
        let port = Xen::bind_ipi(id).map_err(|e| alloc::format!("bind_ipi({id}): {e}"))?;
        event::mask_port(port, true);
        PORTS[id as usize].store(port.into(), SeqCst);
    }
    for id in 1..count {
        post(id, lock_rounds, 0)?;
    }
    for id in 1..count {
        finish(id)?;
    }
    let wanted = LOCKED_ROUNDS * u64::from(count - 1);
    same!(
        GUARDED.load(SeqCst),
        wanted,
        "what was counted under the lock"
    );
    Ok(())
}

/// Does `block` return once for each event, also for one that comes as the vCPU falls asleep?
fn blocked_vcpu_wakes_with_each_event() -> Outcome {
    all(2)?;
    call(
        1,
        |_| {
            let port = events::bind_ipi("wake", || {
                COUNTS[1].fetch_add(1, SeqCst);
            });
            PORTS[1].store(port.unwrap_or(0).into(), SeqCst);
        },
        0,
    )?;
    let port = PORTS[1].load(SeqCst) as u32;
    for round in 1..=500 {
        events::notify(port).map_err(|e| alloc::format!("send: {e}"))?;
        until("the event is handled", || COUNTS[1].load(SeqCst) == round)?;
    }
    Ok(())
}

/// Does an NMI reach another vCPU, though its events are masked, and one that sleeps?
fn nmi_reaches_another() -> Outcome {
    all(2)?;
    for round in 1..=10 {
        if round % 2 == 1 {
            post(
                1,
                |round| {
                    COUNTS[1].store(round, SeqCst);
                    while traps::counts(2).0 < round {
                        core::hint::spin_loop();
                    }
                },
                round,
            )?;
            until("vCPU 1 spins", || COUNTS[1].load(SeqCst) == round)?;
        } else {
            until("vCPU 1 sleeps", || {
                runstate(1).is_ok_and(|info| info.state == RUNSTATE_BLOCKED)
            })?;
        }
        returns!(op(VCPUOP_SEND_NMI, 1, 0), 0, "send_nmi");
        until("the NMI is handled", || traps::counts(2).0 == round)?;
        finish(1)?;
    }
    Ok(())
}

/// Does an NMI for a vCPU that is down wait until it is up, and come once?
fn nmi_of_a_vcpu_that_is_down_waits() -> Outcome {
    all(2)?;
    vcpus::down(1).map_err(|error| alloc::format!("down: {error}"))?;
    for _ in 0..3 {
        returns!(op(VCPUOP_SEND_NMI, 1, 0), 0, "send_nmi");
    }
    event::spin(2 * MS);
    same!(traps::counts(2).0, 0, "NMIs while it is down");
    returns!(op(VCPUOP_IS_UP, 1, 0), 0, "is_up after the NMIs");
    returns!(op(VCPUOP_UP, 1, 0), 0, "up");
    until("the NMI is handled", || traps::counts(2).0 == 1)?;
    call(1, |_| {}, 0)?;
    same!(traps::counts(2).0, 1, "NMIs in all");
    Ok(())
}

/// Is send_nmi with an argument refused?
fn nmi_argument_must_be_null() -> Outcome {
    at_least(2)?;
    returns!(
        op(VCPUOP_SEND_NMI, 1, mem::page()),
        -EINVAL,
        "send_nmi with an argument"
    );
    Ok(())
}

/// Are ports for vCPUs that are not there refused?
fn bind_of_absent_vcpus() -> Outcome {
    let count = vcpus::count();
    for vcpu in [count, 64, 8191, u32::MAX] {
        let ipi = Xen::bind_ipi(vcpu);
        check!(
            ipi.is_err_and(|errno| errno.to_return() == -ENOENT),
            "bind_ipi({vcpu}): expected -ENOENT, seen {ipi:?}"
        );
        let virq = Xen::bind_virq(pv_guest_abi::virq::VIRQ_TIMER, vcpu);
        check!(
            virq.is_err_and(|errno| errno.to_return() == -ENOENT),
            "bind_virq(VIRQ_TIMER, {vcpu}): expected -ENOENT, seen {virq:?}"
        );
    }
    Ok(())
}
