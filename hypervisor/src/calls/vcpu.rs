//! `vcpu_op` (`public/vcpu.h`): a guest brings its vCPUs up and down, and says where
//! they keep what they share with the hypervisor.

use super::sched::as_deadline;
use super::{Answer, Call, OK, Outcome};
use crate::pages;
use crate::running::Running;
use crate::shared::{LEGACY_VCPUS, VcpuInfo};
use crate::vcpu::{RunState, Vcpu};
use crate::{areas, context, timers};
use alloc::sync::Arc;
use core::sync::atomic::Ordering::SeqCst;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::sched::SHUTDOWN_POWEROFF;
use pv_guest_abi::shared::VcpuInfo as VcpuInfoAbi;
use pv_guest_abi::vcpu::*;
use xenolith_rules::time::{MIN_PERIOD_NS, Timeout};
use xenolith_rules::types::{GuestAddr, MfnClaim, PAGE_SIZE, VcpuId};

/// One of the sub-operations of `vcpu_op(cmd, vcpu, arg)`.
pub fn vcpu_op(running: &mut Running, call: Call) -> Answer {
    let id = VcpuId(call.word(1));
    let vcpu = running.domain.vcpu(id).ok_or(Errno::ENOENT)?.clone();
    let own = id == running.vcpu.id;
    let at = call.pointer(2);
    match call.word(0) {
        VCPUOP_INITIALISE => return context::initialise(running, &vcpu, call),
        VCPUOP_UP if !vcpu.is_initialised() => return Err(Errno::EINVAL),
        VCPUOP_UP => vcpu.bring_up(),
        VCPUOP_DOWN => down(running, &vcpu),
        VCPUOP_IS_UP => {
            let up = vcpu.run_state() != RunState::Offline;
            return Ok(Outcome::Done(i64::from(up)));
        }
        VCPUOP_GET_RUNSTATE_INFO => running.space().write(at, &vcpu.runstate())?,
        VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA => {
            let arg: VcpuRegisterRunstateMemoryArea = running.space().read(at)?;
            let area = guests_own(arg.addr)?;
            vcpu.runstate_area.store(area, SeqCst);
            areas::publish_runstate(running.domain, &vcpu, &running.space());
        }
        VCPUOP_REGISTER_VCPU_TIME_MEMORY_AREA => {
            let arg: VcpuRegisterTimeMemoryArea = running.space().read(at)?;
            let area = guests_own(arg.addr)?;
            vcpu.time_area.store(area, SeqCst);
            areas::publish_time(&vcpu, &running.space());
        }
        VCPUOP_REGISTER_VCPU_INFO => {
            let arg: VcpuRegisterVcpuInfo = running.space().read(at)?;
            register_info(running, &vcpu, &arg)?;
        }
        VCPUOP_SET_PERIODIC_TIMER => {
            let arg: VcpuSetPeriodicTimer = running.space().read(at)?;
            if arg.period_ns < MIN_PERIOD_NS || arg.period_ns > i64::MAX as u64 {
                return Err(Errno::EINVAL);
            }
            vcpu.timers.set_period(arg.period_ns);
            timers::watch(&vcpu);
        }
        VCPUOP_STOP_PERIODIC_TIMER => vcpu.timers.set_period(0),
        VCPUOP_SET_SINGLESHOT_TIMER if own => {
            let arg: VcpuSetSingleshotTimer = running.space().read(at)?;
            let timeout = Timeout::from_singleshot(arg.timeout_abs_ns);
            vcpu.timers.set_oneshot(as_deadline(timeout));
            timers::watch(&vcpu);
        }
        VCPUOP_STOP_SINGLESHOT_TIMER if own => vcpu.timers.set_oneshot(0),
        VCPUOP_SET_SINGLESHOT_TIMER | VCPUOP_STOP_SINGLESHOT_TIMER => return Err(Errno::EINVAL),
        VCPUOP_SEND_NMI if at.0 != 0 => return Err(Errno::EINVAL),
        VCPUOP_SEND_NMI => vcpu.send_nmi(),
        // Only for a domain whose vCPUs are pinned to pCPUs one to one, which none is.
        VCPUOP_GET_PHYSID => return Err(Errno::EINVAL),
        _ => return Err(Errno::ENOSYS),
    }
    OK
}

/// An address for a copy that is written later: if it cannot be written then, that is the guest's
/// own loss, so it need not be mapped now.
fn guests_own(address: u64) -> Result<u64, Errno> {
    let address = GuestAddr(address);
    if !address.is_canonical() || address.is_hypervisors() {
        return Err(Errno::EFAULT);
    }
    Ok(address.0)
}

/// Takes a vCPU down. The last one that goes takes the domain with it, as on Xen.
fn down(running: &mut Running, vcpu: &Vcpu) {
    let others_up = running
        .domain
        .vcpus()
        .iter()
        .any(|other| other.id != vcpu.id && other.run_state() != RunState::Offline);
    if others_up {
        vcpu.take_down();
    } else {
        running.domain.shut_down(SHUTDOWN_POWEROFF);
    }
}

/// Moves a vCPU's `vcpu_info` to where the guest wants it: once, for a vCPU that is down or is the
/// caller, and never across a page's end.
fn register_info(
    running: &Running,
    vcpu: &Arc<Vcpu>,
    arg: &VcpuRegisterVcpuInfo,
) -> Result<(), Errno> {
    let offset = arg.offset as usize;
    let size = size_of::<VcpuInfoAbi>();
    if offset > PAGE_SIZE as usize - size || !offset.is_multiple_of(align_of::<VcpuInfoAbi>()) {
        return Err(Errno::ENXIO);
    }
    let at_rest = vcpu.id == running.vcpu.id || vcpu.run_state() == RunState::Offline;
    if !at_rest || vcpu.registered_info().is_some() {
        return Err(Errno::EINVAL);
    }
    let held = pages::hold_writable(running.domain.id, MfnClaim(arg.mfn)).ok_or(Errno::EINVAL)?;
    let old = running.domain.vcpu_info(vcpu.id);
    let new = VcpuInfo::at(held.mfn(), offset);
    new.take_over(&old);
    if vcpu.id.0 >= LEGACY_VCPUS {
        // It had no place before, so nobody has unmasked it.
        new.set_upcall_mask(1);
    }
    new.publish_time();
    if !vcpu.register_info(held.mfn(), offset) {
        return Err(Errno::EINVAL);
    }
    // Only now: who raises an event has set its pending bit before it looks for this place, so
    // what it still wrote to the old one is found by looking at every port.
    new.look_at_every_port();
    // The references stay with the vCPU for the domain's life.
    let _ = held.keep();
    Ok(())
}
