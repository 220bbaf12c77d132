//! Copies of a vCPU's run state and clock at addresses that its guest has registered.
//!
//! They are written through the guest kernel's tables when the vCPU gets a pCPU; the run state also
//! when it leaves it, so that others see that it waits or sleeps. An address that is not mapped then
//! is the guest's own loss: the copy is skipped, as on Xen.

use crate::domain::Domain;
use crate::guest_memory::Space;
use crate::vcpu::Vcpu;
use core::mem::offset_of;
use core::sync::atomic::Ordering::SeqCst;
use pv_guest_abi::assist::VMASST_TYPE_RUNSTATE_UPDATE_FLAG;
use pv_guest_abi::time::VcpuTimeInfo;
use pv_guest_abi::vcpu::{VcpuRunstateInfo, XEN_RUNSTATE_UPDATE};
use xenolith_mech::clock;
use xenolith_rules::types::GuestAddr;

/// Writes all copies of a vCPU that has got a pCPU.
pub fn publish(domain: &Domain, vcpu: &Vcpu, space: &Space) {
    publish_runstate(domain, vcpu, space);
    publish_time(vcpu, space);
}

/// Writes the run state of a vCPU that is about to leave its pCPU: its time counts as waiting,
/// sleeping or offline from here on.
pub fn publish_rest(domain: &Domain, vcpu: &Vcpu, space: &Space) {
    vcpu.rests(clock::now_ns());
    publish_runstate(domain, vcpu, space);
}

/// Writes the run state; a guest that has asked for it can see by a flag that this is under way.
pub fn publish_runstate(domain: &Domain, vcpu: &Vcpu, space: &Space) {
    let at = vcpu.runstate_area.load(SeqCst);
    if at == 0 {
        return;
    }
    let mut info = vcpu.runstate();
    let entry_time = GuestAddr(at + offset_of!(VcpuRunstateInfo, state_entry_time) as u64);
    if !domain.is_assisted(VMASST_TYPE_RUNSTATE_UPDATE_FLAG) {
        let _ = space.write(GuestAddr(at), &info);
        return;
    }
    info.state_entry_time |= XEN_RUNSTATE_UPDATE;
    let under_way = space
        .write(entry_time, &info.state_entry_time)
        .and_then(|()| space.write(GuestAddr(at), &info));
    if under_way.is_ok() {
        info.state_entry_time &= !XEN_RUNSTATE_UPDATE;
        let _ = space.write(entry_time, &info.state_entry_time);
    }
}

/// Writes the clock, with the version odd while it is being written.
pub fn publish_time(vcpu: &Vcpu, space: &Space) {
    let at = GuestAddr(vcpu.time_area.load(SeqCst));
    if at.0 == 0 {
        return;
    }
    let Ok(old) = space.read::<VcpuTimeInfo>(at) else {
        return;
    };
    let time = clock::vcpu_time();
    let mut info = VcpuTimeInfo {
        version: old.version | 1,
        tsc_timestamp: time.tsc_timestamp,
        system_time: time.system_time,
        tsc_to_system_mul: time.tsc_to_system_mul,
        tsc_shift: time.tsc_shift,
        flags: time.flags,
        ..VcpuTimeInfo::default()
    };
    if space.write(at, &info.version).is_ok() && space.write(at, &info).is_ok() {
        info.version = info.version.wrapping_add(1);
        let _ = space.write(at, &info.version);
    }
}
