//! `vcpu_op` (`public/vcpu.h`): what a guest of one vCPU needs.

use super::sched::as_deadline;
use super::{Answer, Call, OK, Outcome};
use crate::running::Running;
use crate::timers;
use crate::vcpu::RunState;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::vcpu::*;
use xenolith_rules::time::{MIN_PERIOD_NS, Timeout};
use xenolith_rules::types::VcpuId;

/// One of the sub-operations of `vcpu_op(cmd, vcpu, arg)`.
pub fn vcpu_op(running: &mut Running, call: &Call) -> Answer {
    let vcpu = running
        .domain
        .vcpu(VcpuId(call.word(1)))
        .ok_or(Errno::ENOENT)?;
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
            vcpu.timers.set_period(arg.period_ns);
            timers::watch(vcpu);
        }
        VCPUOP_STOP_PERIODIC_TIMER => vcpu.timers.set_period(0),
        VCPUOP_SET_SINGLESHOT_TIMER if own => {
            let arg: VcpuSetSingleshotTimer = running.space().read(at)?;
            let timeout = Timeout::from_singleshot(arg.timeout_abs_ns);
            vcpu.timers.set_oneshot(as_deadline(timeout));
            timers::watch(vcpu);
        }
        VCPUOP_STOP_SINGLESHOT_TIMER if own => vcpu.timers.set_oneshot(0),
        VCPUOP_SET_SINGLESHOT_TIMER | VCPUOP_STOP_SINGLESHOT_TIMER => return Err(Errno::EINVAL),
        _ => return Err(Errno::ENOSYS),
    }
    OK
}
