//! `sched_op` and `set_timer_op` (`public/sched.h`).

use super::{Answer, Call, OK, Outcome};
use crate::events;
use crate::running::Running;
use core::sync::atomic::Ordering::SeqCst;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::sched::{
    SCHEDOP_BLOCK, SCHEDOP_POLL, SCHEDOP_SHUTDOWN, SCHEDOP_SHUTDOWN_CODE, SCHEDOP_YIELD, SchedPoll,
    SchedShutdown,
};
use xenolith_mech::clock;
use xenolith_rules::types::{GuestAddr, Port};

/// Most ports of one poll.
const MAX_POLL: u32 = 128;
/// Timeouts from here on are "never" (as Xen treats those with bit 63 or more than
/// 2^50 ns ahead: the guest's arithmetic has overflowed, or it does not care).
const FAR_FUTURE_NS: u64 = 1 << 50;

/// One of the sub-operations of `sched_op(cmd, arg)`.
pub fn sched_op(running: &mut Running, call: &Call) -> Answer {
    let at = call.pointer(1);
    match call.word(0) {
        SCHEDOP_YIELD => OK,
        SCHEDOP_BLOCK => {
            let info = running.info();
            info.set_upcall_mask(0);
            running.vcpu.block_unless(|| events::vcpu_words(&info).is_pending());
            OK
        }
        SCHEDOP_SHUTDOWN => {
            let arg: SchedShutdown = running.space().read(at)?;
            running.domain.shut_down(arg.reason);
            OK
        }
        SCHEDOP_SHUTDOWN_CODE => {
            let arg: SchedShutdown = running.space().read(at)?;
            log::info!("{}: shutdown code {}", running.domain.id, arg.reason);
            OK
        }
        SCHEDOP_POLL => poll(running, at),
        _ => Err(Errno::ENOSYS),
    }
}

/// Sleeps until one of the ports has an event, or the time has come.
fn poll(running: &mut Running, at: GuestAddr) -> Answer {
    let arg: SchedPoll = running.space().read(at)?;
    if arg.nr_ports > MAX_POLL {
        return Err(Errno::EINVAL);
    }
    let mut ports = [0; MAX_POLL as usize];
    let ports = &mut ports[..arg.nr_ports as usize];
    for (index, port) in ports.iter_mut().enumerate() {
        *port = running.space().read_element(GuestAddr(arg.ports), index as u64)?;
    }
    let (domain, info) = (running.domain, running.info());
    for &port in &*ports {
        domain.events.with(|table| table.port(port)).map_err(|error| error.errno())?;
    }
    running.vcpu.start_poll(ports, arg.timeout);
    running.vcpu.block_unless(|| {
        events::vcpu_words(&info).upcall_due()
            || ports.iter().any(|&port| events::is_pending(domain, Port(port)))
            || arg.timeout != 0 && arg.timeout <= clock::now_ns()
    });
    OK
}

/// `set_timer_op(deadline)`: raises `VIRQ_TIMER` at that system time; 0 stops it.
pub fn set_timer_op(running: &mut Running, call: &Call) -> Answer {
    running.vcpu.timers.oneshot.store(deadline(call.args[0]), SeqCst);
    Ok(Outcome::Done(0))
}

/// A guest's absolute time as a timer takes it: 0 is "not set".
pub fn deadline(wanted: u64) -> u64 {
    if wanted > clock::now_ns().saturating_add(FAR_FUTURE_NS) {
        0
    } else {
        wanted
    }
}
