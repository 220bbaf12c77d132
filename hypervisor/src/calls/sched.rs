//! `sched_op` and `set_timer_op` (`public/sched.h`).

use super::{Answer, Call, OK, Outcome};
use crate::running::Running;
use crate::{events, sched, timers};
use pv_guest_abi::errno::Errno;
use pv_guest_abi::sched::{
    SCHEDOP_BLOCK, SCHEDOP_POLL, SCHEDOP_SHUTDOWN, SCHEDOP_SHUTDOWN_CODE, SCHEDOP_YIELD, SchedPoll,
    SchedShutdown,
};
use xenolith_mech::{clock, console};
use xenolith_rules::time::Timeout;
use xenolith_rules::types::{GuestAddr, Port};

/// Most ports of one poll.
const MAX_POLL: u32 = 128;

/// One of the sub-operations of `sched_op(cmd, arg)`.
pub fn sched_op(running: &mut Running, call: &Call) -> Answer {
    let at = call.pointer(1);
    match call.word(0) {
        SCHEDOP_YIELD => {
            sched::give_way();
            OK
        }
        SCHEDOP_BLOCK => {
            let info = running.info();
            info.set_upcall_mask(0);
            running
                .vcpu
                .block_unless(|| events::vcpu_words(&info).is_pending());
            OK
        }
        SCHEDOP_SHUTDOWN => {
            let arg: SchedShutdown = running.space().read(at)?;
            running.domain.shut_down(arg.reason);
            OK
        }
        SCHEDOP_SHUTDOWN_CODE => {
            let arg: SchedShutdown = running.space().read(at)?;
            log::info!(target: console::GUEST, "{}: shutdown code {}", running.domain.id, arg.reason);
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
        *port = running
            .space()
            .read_element(GuestAddr(arg.ports), index as u64)?;
    }
    let (domain, info) = (running.domain, running.info());
    for &port in &*ports {
        domain
            .events
            .with(|table| table.port(port))
            .map_err(|error| error.errno())?;
    }
    let timeout = Timeout::from_poll(arg.timeout);
    running.vcpu.start_poll(ports, as_deadline(timeout));
    running.vcpu.block_unless(|| {
        events::vcpu_words(&info).upcall_due()
            || ports
                .iter()
                .any(|&port| events::is_pending(domain, Port(port)))
            || timeout.is_due(clock::now_ns())
    });
    OK
}

/// `set_timer_op(timeout)`: raises `VIRQ_TIMER` at that system time; 0 stops it.
pub fn set_timer_op(running: &mut Running, call: &Call) -> Answer {
    let timeout = Timeout::from_set_timer_op(call.args[0], clock::now_ns());
    running.vcpu.timers.set_oneshot(as_deadline(timeout));
    timers::watch(running.vcpu);
    Ok(Outcome::Done(0))
}

/// A timeout as a timer takes it: 0 is "not set", and system time 0 is past anyway.
pub fn as_deadline(timeout: Timeout) -> u64 {
    match timeout {
        Timeout::Never => 0,
        Timeout::At(at) => at.max(1),
    }
}
