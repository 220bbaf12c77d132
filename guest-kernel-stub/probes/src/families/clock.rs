//! Does time go on, and do timers, block and poll wake as they should?
//!
//! A limit here is a minute of the guest's own clock, only there to end a probe that failed.

use guest_kernel_stub::Xen;
use pv_guest_abi::errno::{EINVAL, ENOENT};
use pv_guest_abi::hypercall::{SCHED_OP, VCPU_OP};
use pv_guest_abi::sched::SCHEDOP_POLL;
use pv_guest_abi::sched::SchedPoll;
use pv_guest_abi::vcpu::{VCPUOP_SET_PERIODIC_TIMER, VcpuSetPeriodicTimer};
use pv_guest_abi::virq::VIRQ_TIMER;

use super::probes;
use crate::kit::trap::{self, Kind, Regs};
use crate::kit::{Outcome, at, event, hypercall, user};

probes!(clock:
    time_information_is_valid,
    system_time_never_goes_back,
    system_time_follows_the_tsc,
    wall_clock_is_plausible,
    one_shot_fires_and_block_wakes,
    one_shot_in_the_past_fires,
    one_shot_of_vcpu_op_fires,
    one_shot_must_be_future,
    set_timer_0_stops,
    later_deadline_replaces,
    far_future_is_not_now,
    periodic_timer_is_on_at_start,
    periodic_timer_can_be_set_and_stopped,
    periodic_timer_too_fast,
    timer_interrupts_the_user,
    block_unmasks_events,
    block_returns_when_pending,
    poll_returns_when_pending,
    poll_wakes_by_port,
    poll_wakes_by_time,
    poll_of_too_many_ports,
    yield_returns,
    vcpus_that_are_not_there,
);

const MS: u64 = 1_000_000;
const LIMIT: u64 = 60_000 * MS;

/// Binds the timer without the periodic one; the port is not masked.
fn timer() -> Result<u32, alloc::string::String> {
    Xen::vcpu_periodic_timer(0, None).map_err(|e| alloc::format!("stop_periodic_timer: {e}"))?;
    let port = bind()?;
    event::take_all();
    Ok(port)
}

fn bind() -> Result<u32, alloc::string::String> {
    let port = Xen::bind_virq(VIRQ_TIMER, 0).map_err(|e| alloc::format!("bind_virq: {e}"))?;
    event::mask_port(port, false);
    Ok(port)
}

fn done(port: u32) -> Outcome {
    event::set_mask(true);
    Xen::set_timer(0).map_err(|e| alloc::format!("set_timer(0): {e}"))?;
    event::take_all();
    Xen::close(port).map_err(|e| alloc::format!("close: {e}"))
}

/// Waits until the port is pending, without hypercalls; when it was seen.
fn wait_for(port: u32) -> Result<u64, alloc::string::String> {
    let limit = event::now() + LIMIT;
    while !event::is_pending(port) {
        check!(
            event::now() < limit,
            "expected port {port} to become pending, waited in vain"
        );
    }
    Ok(event::now())
}

/// Is vCPU 0's time information valid: an even version, a rate, flags that are defined?
fn time_information_is_valid() -> Outcome {
    let time = event::time();
    same!(time.version & 1, 0, "version");
    check!(time.tsc_to_system_mul != 0, "expected a rate, seen 0");
    check!(time.tsc_timestamp != 0, "expected a time stamp, seen 0");
    check!(
        (-31..=31).contains(&time.tsc_shift),
        "expected a shift below 32, seen {}",
        time.tsc_shift
    );
    Ok(())
}

/// Does system time never go back over many reads and several timer interrupts?
fn system_time_never_goes_back() -> Outcome {
    let port = bind()?;
    let begin = event::now();
    let (mut last, mut versions, mut seen) = (begin, 0u32, event::time().version);
    let mut reads = 0u64;
    while reads < 200_000 || last - begin < 50 * MS {
        let now = event::now();
        check!(
            now >= last,
            "read {reads}: expected at least {last} ns, seen {now}"
        );
        last = now;
        reads += 1;
        let version = event::time().version;
        if version != seen {
            (versions, seen) = (versions + 1, version);
        }
        if reads.is_multiple_of(1000) {
            let _ = Xen::yield_now();
        }
    }
    let _ = versions;
    done(port)
}

/// Do nanoseconds and ticks keep their ratio between two hypercalls?
fn system_time_follows_the_tsc() -> Outcome {
    let first = event::time();
    event::spin(30 * MS);
    let _ = Xen::yield_now();
    let second = event::time();
    same!(
        second.tsc_to_system_mul,
        first.tsc_to_system_mul,
        "the rate"
    );
    same!(second.tsc_shift, first.tsc_shift, "the shift");
    let by_first = first.system_time_at(second.tsc_timestamp);
    let off = by_first.abs_diff(second.system_time);
    check!(
        off < 10 * MS,
        "expected {by_first} ns by the first reading, seen {}",
        second.system_time
    );
    Ok(())
}

/// Is the wall clock between 2020 and 2100?
fn wall_clock_is_plausible() -> Outcome {
    let shared = event::shared();
    // SAFETY: the page is mapped, and the hypervisor sets the fields before the guest starts.
    let (version, seconds, ns) = unsafe {
        (
            (&raw const (*shared).wc_version).read_volatile(),
            u64::from((&raw const (*shared).wc_sec).read_volatile())
                | u64::from((&raw const (*shared).wc_sec_hi).read_volatile()) << 32,
            (&raw const (*shared).wc_nsec).read_volatile(),
        )
    };
    same!(version & 1, 0, "wc_version");
    check!(
        ns < 1_000_000_000,
        "expected less than a second, seen {ns} ns"
    );
    check!(
        (1_577_836_800..4_102_444_800).contains(&seconds),
        "expected seconds of 2020 to 2100, seen {seconds}"
    );
    Ok(())
}

/// Does set_timer_op wake block, not before its time?
fn one_shot_fires_and_block_wakes() -> Outcome {
    let port = timer()?;
    for wait in [MS, 5 * MS, 30 * MS] {
        let deadline = event::now() + wait;
        Xen::set_timer(deadline).map_err(|e| alloc::format!("set_timer: {e}"))?;
        let before = trap::upcalls();
        Xen::block().map_err(|e| alloc::format!("block: {e}"))?;
        let now = event::now();
        event::set_mask(true);
        check!(
            now >= deadline,
            "expected to sleep until {deadline}, woken at {now}"
        );
        same!(trap::upcalls() - before, 1, "upcalls during block");
    }
    done(port)
}

/// Does a deadline that has passed fire at once?
fn one_shot_in_the_past_fires() -> Outcome {
    let port = timer()?;
    for deadline in [1, event::now() / 2, event::now()] {
        Xen::set_timer(deadline).map_err(|e| alloc::format!("set_timer: {e}"))?;
        wait_for(port)?;
        event::take_all();
    }
    done(port)
}

/// Does vcpu_op's one-shot timer fire, in the future and in the past, and can it be stopped?
fn one_shot_of_vcpu_op_fires() -> Outcome {
    let port = timer()?;
    for deadline in [event::now() + 3 * MS, 1] {
        Xen::vcpu_singleshot_timer(0, Some(deadline), false)
            .map_err(|e| alloc::format!("set: {e}"))?;
        let now = wait_for(port)?;
        check!(now >= deadline, "expected {deadline} or later, seen {now}");
        event::take_all();
    }
    let deadline = event::now() + 20 * MS;
    Xen::vcpu_singleshot_timer(0, Some(deadline), false).map_err(|e| alloc::format!("set: {e}"))?;
    Xen::vcpu_singleshot_timer(0, None, false).map_err(|e| alloc::format!("stop: {e}"))?;
    event::spin(40 * MS);
    check!(
        !event::is_pending(port),
        "expected no event after the stop, seen one"
    );
    done(port)
}

/// Does a past time fire at once also with VCPU_SSHOTTMR_future? (Xen 4.17 has given up
/// the -ETIME that the flag asked for.)
fn one_shot_must_be_future() -> Outcome {
    let port = timer()?;
    Xen::vcpu_singleshot_timer(0, Some(1), true).map_err(|e| alloc::format!("set: {e}"))?;
    wait_for(port)?;
    done(port)
}

/// Does set_timer_op(0) stop the timer?
fn set_timer_0_stops() -> Outcome {
    let port = timer()?;
    Xen::set_timer(event::now() + 20 * MS).map_err(|e| alloc::format!("set_timer: {e}"))?;
    Xen::set_timer(0).map_err(|e| alloc::format!("set_timer(0): {e}"))?;
    event::spin(40 * MS);
    check!(
        !event::is_pending(port),
        "expected no event after the stop, seen one"
    );
    done(port)
}

/// Does a second deadline replace the first?
fn later_deadline_replaces() -> Outcome {
    let port = timer()?;
    let begin = event::now();
    Xen::set_timer(begin + 10 * MS).map_err(|e| alloc::format!("set_timer: {e}"))?;
    Xen::set_timer(begin + 40 * MS).map_err(|e| alloc::format!("set_timer: {e}"))?;
    let now = wait_for(port)?;
    check!(
        now >= begin + 40 * MS,
        "expected the later deadline, seen an event {} ns early",
        begin + 40 * MS - now
    );
    done(port)
}

/// Is a time in the far future no time in the past?
fn far_future_is_not_now() -> Outcome {
    let port = timer()?;
    for deadline in [event::now() + (1 << 40), i64::MAX as u64] {
        Xen::set_timer(deadline).map_err(|e| alloc::format!("set_timer: {e}"))?;
        event::spin(10 * MS);
        check!(
            !event::is_pending(port),
            "{deadline:#x}: expected no event yet, seen one"
        );
    }
    done(port)
}

/// Does VIRQ_TIMER come by itself after the start, again and again?
fn periodic_timer_is_on_at_start() -> Outcome {
    let port = bind()?;
    for _ in 0..5 {
        event::take_all();
        wait_for(port)?;
    }
    done(port)
}

/// Can the period be set, and the timer be stopped?
fn periodic_timer_can_be_set_and_stopped() -> Outcome {
    let port = timer()?;
    event::spin(30 * MS);
    check!(
        !event::is_pending(port),
        "expected no event after the stop, seen one"
    );
    Xen::vcpu_periodic_timer(0, Some(2 * MS)).map_err(|e| alloc::format!("set: {e}"))?;
    let begin = event::now();
    for _ in 0..5 {
        event::take_all();
        wait_for(port)?;
    }
    let took = event::now() - begin;
    check!(
        took >= 8 * MS,
        "expected five periods of 2 ms, seen them in {took} ns"
    );
    Xen::vcpu_periodic_timer(0, None).map_err(|e| alloc::format!("stop: {e}"))?;
    event::spin(4 * MS);
    event::take_all();
    event::spin(10 * MS);
    check!(
        !event::is_pending(port),
        "expected no event after the second stop, seen one"
    );
    done(port)
}

/// Is a period below a millisecond refused?
fn periodic_timer_too_fast() -> Outcome {
    let period = VcpuSetPeriodicTimer { period_ns: MS - 1 };
    returns!(
        hypercall(VCPU_OP, &[VCPUOP_SET_PERIODIC_TIMER.into(), 0, at(&period)]),
        -EINVAL,
        "a period of 999999 ns"
    );
    Ok(())
}

code! {
    spin: "2: add rax, 1", "jmp 2b";
}

/// Does the timer interrupt a user that only counts, with the frame that an event has?
fn timer_interrupts_the_user() -> Outcome {
    let start = user::start(
        spin,
        Regs {
            rax: 0,
            ..Regs::MARKED
        },
    );
    let port = timer()?;
    Xen::set_timer(event::now() + 5 * MS).map_err(|e| alloc::format!("set_timer: {e}"))?;
    trap::catch_events(true);
    let trap = trap::run(&start);
    trap::catch_events(false);
    check!(
        trap.kind == Kind::Event && trap.from_user(),
        "expected an event in user mode, seen {trap:x?}"
    );
    check!(
        (user::CODE..user::CODE + 16).contains(&trap.rip),
        "expected RIP in the loop, seen {:#x}",
        trap.rip
    );
    check!(
        event::is_pending(port),
        "expected port {port} pending, seen it clear"
    );
    same!(
        trap.frame_at,
        user::space().kernel_stack - 56,
        "the frame's place"
    );
    same!(trap.saved_mask(), 0, "event mask in the frame");
    same!(trap.mask, 1, "event mask in the handler");
    let regs = Regs {
        rax: trap.regs.rax,
        ..Regs::MARKED
    };
    check!(
        trap.regs == regs,
        "expected the registers kept, seen {:x?}",
        trap.regs
    );
    done(port)
}

/// Does block clear the event mask, and return 0?
fn block_unmasks_events() -> Outcome {
    let port = timer()?;
    Xen::set_timer(event::now() + MS).map_err(|e| alloc::format!("set_timer: {e}"))?;
    event::set_mask(true);
    returns!(hypercall(SCHED_OP, &[1, 0]), 0, "block");
    same!(event::mask_byte(), 0, "event mask behind block");
    done(port)
}

/// Does block return when an event is pending already?
fn block_returns_when_pending() -> Outcome {
    let port = timer()?;
    Xen::send(Xen::bind_ipi(0).map_err(|e| alloc::format!("bind_ipi: {e}"))?)
        .map_err(|e| alloc::format!("send: {e}"))?;
    let before = trap::upcalls();
    // The IPI's port is the one behind the timer's, and masked as no port is at the start.
    returns!(hypercall(SCHED_OP, &[1, 0]), 0, "block");
    event::set_mask(true);
    same!(trap::upcalls() - before, 1, "upcalls");
    done(port)
}

fn poll(ports: &[u32], timeout: u64) -> i64 {
    let poll = SchedPoll {
        ports: at(ports),
        nr_ports: ports.len() as u32,
        timeout,
        ..Default::default()
    };
    hypercall(SCHED_OP, &[SCHEDOP_POLL.into(), at(&poll)])
}

/// Does poll return at once for a port that is pending, masked or not, and leave it pending?
fn poll_returns_when_pending() -> Outcome {
    let port = timer()?;
    let ipi = Xen::bind_ipi(0).map_err(|e| alloc::format!("bind_ipi: {e}"))?;
    for masked in [false, true] {
        event::mask_port(ipi, masked);
        Xen::send(ipi).map_err(|e| alloc::format!("send: {e}"))?;
        returns!(poll(&[port, ipi], 0), 0, "poll");
        check!(
            event::is_pending(ipi),
            "expected the port to stay pending, seen it clear"
        );
        event::take_all();
    }
    done(port)
}

/// Does poll sleep until a masked port becomes pending?
fn poll_wakes_by_port() -> Outcome {
    let port = timer()?;
    event::mask_port(port, true);
    let deadline = event::now() + 5 * MS;
    Xen::set_timer(deadline).map_err(|e| alloc::format!("set_timer: {e}"))?;
    returns!(poll(&[port], 0), 0, "poll");
    let now = event::now();
    check!(
        now >= deadline,
        "expected to sleep until {deadline}, woken at {now}"
    );
    check!(
        event::is_pending(port),
        "expected the port pending, seen it clear"
    );
    same!(event::mask_byte(), 1, "event mask behind poll");
    done(port)
}

/// Does poll sleep until its time has come?
fn poll_wakes_by_time() -> Outcome {
    let port = timer()?;
    let ipi = Xen::bind_ipi(0).map_err(|e| alloc::format!("bind_ipi: {e}"))?;
    let deadline = event::now() + 10 * MS;
    returns!(poll(&[ipi], deadline), 0, "poll");
    let now = event::now();
    check!(
        now >= deadline,
        "expected to sleep until {deadline}, woken at {now}"
    );
    returns!(poll(&[ipi], 1), 0, "poll until a time that has passed");
    done(port)
}

/// Are more than 128 ports, and ports that are none, refused?
fn poll_of_too_many_ports() -> Outcome {
    returns!(poll(&[0; 129], 1), -EINVAL, "poll of 129 ports");
    returns!(poll(&[0xffff_ffff], 1), -EINVAL, "poll of port 0xffffffff");
    Ok(())
}

/// Does yield return 0?
fn yield_returns() -> Outcome {
    for _ in 0..100 {
        returns!(hypercall(SCHED_OP, &[0, 0]), 0, "yield");
    }
    Ok(())
}

/// Is a vCPU that is not there -ENOENT, and ours up?
fn vcpus_that_are_not_there() -> Outcome {
    returns!(hypercall(VCPU_OP, &[3, 0, 0]), 1, "is_up of vCPU 0");
    for vcpu in [32, 8191, 0xffff_ffff] {
        returns!(
            hypercall(VCPU_OP, &[3, vcpu, 0]),
            -ENOENT,
            "is_up of vCPU {vcpu}"
        );
    }
    Ok(())
}
