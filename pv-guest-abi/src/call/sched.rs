//! Yield, sleep, shut down; the one-shot timer and assistances.

use super::{Calls, Gate, address};
use crate::errno::Errno;
use crate::hypercall::Hypercall;
use crate::sched::{
    SCHEDOP_BLOCK, SCHEDOP_POLL, SCHEDOP_REMOTE_SHUTDOWN, SCHEDOP_SHUTDOWN, SCHEDOP_WATCHDOG,
    SCHEDOP_YIELD, SHUTDOWN_CRASH, SHUTDOWN_SUSPEND, SchedPoll, SchedRemoteShutdown, SchedShutdown,
    SchedWatchdog,
};

impl<G: Gate> Calls<G> {
    /// Gives up the pCPU for now.
    pub fn yield_now() -> Result<(), Errno> {
        Self::plain(Hypercall::SchedOp, [SCHEDOP_YIELD.into(), 0, 0, 0, 0]).map(drop)
    }

    /// Unmasks events and sleeps until one is pending for this vCPU.
    pub fn block() -> Result<(), Errno> {
        Self::plain(Hypercall::SchedOp, [SCHEDOP_BLOCK.into(), 0, 0, 0, 0]).map(drop)
    }

    /// Sleeps until one of the ports is pending (masked or not) or the system time, in nanoseconds, has come.
    pub fn poll(ports: &[u32], until_ns: Option<u64>) -> Result<(), Errno> {
        let poll = SchedPoll {
            ports: address(ports),
            nr_ports: ports.len() as u32,
            timeout: until_ns.unwrap_or(0),
            ..Default::default()
        };
        Self::with_in(Hypercall::SchedOp, SCHEDOP_POLL, &poll).map(drop)
    }

    /// Ends the domain for one of the reasons `SHUTDOWN_*`.
    pub fn shutdown(reason: u32) -> ! {
        let mut how = SchedShutdown { reason };
        loop {
            let _ = Self::with_in(Hypercall::SchedOp, SCHEDOP_SHUTDOWN, &how);
            // Only a refused reason comes back.
            how.reason = SHUTDOWN_CRASH;
        }
    }

    /// Suspends the domain; returns whether that was cancelled.
    ///
    /// # Safety
    ///
    /// When it was not cancelled, the domain may run on another machine: machine frame numbers, the shared info
    /// page, event channels and grants have changed, and the start info page in `start_info_mfn` was written anew.
    pub unsafe fn suspend(start_info_mfn: u64) -> Result<bool, Errno> {
        let how = SchedShutdown {
            reason: SHUTDOWN_SUSPEND,
        };
        let args = [SCHEDOP_SHUTDOWN.into(), address(&how), start_info_mfn, 0, 0];
        // SAFETY: passed on to the caller.
        unsafe { Self::raw(Hypercall::SchedOp, args) }.map(|cancelled| cancelled != 0)
    }

    /// Ends another domain.
    pub fn remote_shutdown(domain: u16, reason: u32) -> Result<(), Errno> {
        let how = SchedRemoteShutdown {
            domain_id: domain,
            reason,
            ..Default::default()
        };
        Self::with_in(Hypercall::SchedOp, SCHEDOP_REMOTE_SHUTDOWN, &how).map(drop)
    }

    /// Makes (`id` 0, returns its number), kicks or stops (`seconds` 0) a watchdog.
    pub fn watchdog(id: u32, seconds: u32) -> Result<u32, Errno> {
        let watchdog = SchedWatchdog {
            id,
            timeout: seconds,
        };
        Self::with_in(Hypercall::SchedOp, SCHEDOP_WATCHDOG, &watchdog).map(|id| id as u32)
    }

    /// Sets the one-shot timer to a system time in nanoseconds; 0 stops it.
    pub fn set_timer(system_time_ns: u64) -> Result<(), Errno> {
        Self::plain(Hypercall::SetTimerOp, [system_time_ns, 0, 0, 0, 0]).map(drop)
    }

    /// Enables or disables an assistance: `VMASST_CMD_*` and `VMASST_TYPE_*`.
    pub fn vm_assist(command: u32, kind: u32) -> Result<(), Errno> {
        Self::plain(Hypercall::VmAssist, [command.into(), kind.into(), 0, 0, 0]).map(drop)
    }
}
