//! `vcpu_op` (`public/vcpu.h`): what a guest of one vCPU needs.

use super::sched::deadline;
use super::{Answer, Call, OK, Outcome};
use crate::running::Running;
use crate::vcpu::RunState;
use core::sync::atomic::Ordering::SeqCst;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::vcpu::*;
use xenolith_mech::clock;
use xenolith_rules::types::VcpuId;

/// Shortest period of the periodic timer.
const MIN_PERIOD_NS: u64 = 1_000_000;

/// One of the sub-operations of `vcpu_op(cmd, vcpu, arg)`.
pub fn vcpu_op(running: &mut Running, call: &Call) -> Answer {
    let vcpu = running.domain.vcpu(VcpuId(call.word(1))).ok_or(Errno::ENOENT)?;
    let own = vcpu.id == running.vcpu.id;
    let at = call.pointer(2);
    match call.word(0) {
        VCPUOP_IS_UP => {
            let up = vcpu.run_state() != RunState::Offline;
            return Ok(Outcome::Done(i64::from(up)));
        }
        VCPUOP_SET_PERIODIC_TIMER => {
            let arg: VcpuSetPeriodicTimer = running.space().read(at)?;
            if arg.period_ns < MIN_PERIOD_NS || arg.period_ns > i64::MAX as u64 {
                return Err(Errno::EINVAL);
            }
            vcpu.timers.set_periodic(arg.period_ns);
        }
        VCPUOP_STOP_PERIODIC_TIMER => vcpu.timers.set_periodic(0),
        VCPUOP_SET_SINGLESHOT_TIMER if own => {
            let arg: VcpuSetSingleshotTimer = running.space().read(at)?;
            if arg.flags & VCPU_SSHOTTMR_FUTURE != 0 && arg.timeout_abs_ns < clock::now_ns() {
                return Err(Errno::ETIME);
            }
            // 0 is a time in the past: it fires at once, where `set_timer_op` would stop.
            vcpu.timers.oneshot.store(deadline(arg.timeout_abs_ns).max(1), SeqCst);
        }
        VCPUOP_STOP_SINGLESHOT_TIMER if own => vcpu.timers.oneshot.store(0, SeqCst),
        VCPUOP_SET_SINGLESHOT_TIMER | VCPUOP_STOP_SINGLESHOT_TIMER => return Err(Errno::EINVAL),
        _ => return Err(Errno::ENOSYS),
    }
    OK
}
