//! Further vCPUs for a probe: jobs for them, and waits that end.
//!
//! vCPU 0 runs the probe. The others run jobs of [`guest_kernel_stub::vcpus`] with that
//! kernel's own handlers, so a job may use its events, its clock and its `copy_may_fault`.
//! vCPU 0 keeps its events masked: it waits by yielding or by `poll`.

use alloc::boxed::Box;
use alloc::format;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use guest_kernel_stub::Xen;
use guest_kernel_stub::vcpus::{self, Job};
use pv_guest_abi::hypercall::VCPU_OP;
use pv_guest_abi::vcpu::{VCPUOP_INITIALISE, VcpuRunstateInfo};
use pv_guest_abi::xen_x86::VcpuGuestContext;

use super::{Outcome, at, event, hypercall};

/// Nanoseconds of a millisecond.
pub const MS: u64 = 1_000_000;
/// How long a wait may take, in system time: longer than anything that works.
const PATIENCE: u64 = 30_000 * MS;

/// Words that the vCPUs of a probe share.
pub type Words = [AtomicU64; vcpus::MOST];

/// Words of zeros.
pub const fn words() -> Words {
    [const { AtomicU64::new(0) }; vcpus::MOST]
}

/// `vcpu_op(command, vcpu, argument)`.
pub fn op(command: u32, vcpu: u32, argument: u64) -> i64 {
    hypercall(VCPU_OP, &[command.into(), vcpu.into(), argument])
}

/// Gives a vCPU a context.
pub fn initialise(vcpu: u32, context: &VcpuGuestContext) -> i64 {
    op(VCPUOP_INITIALISE, vcpu, at(context))
}

/// The context in which the stub starts a vCPU.
pub fn context(vcpu: u32, main: extern "C" fn() -> !) -> Box<VcpuGuestContext> {
    vcpus::context(vcpu, main)
}

/// The vCPUs of the domain: at least so many, or the machine is too small for the probe.
pub fn at_least(wanted: u32) -> Result<u32, alloc::string::String> {
    let count = vcpus::count();
    check!(
        count >= wanted,
        "expected {wanted} vCPUs (dom0_max_vcpus=), seen {count}"
    );
    Ok(count)
}

/// Brings all vCPUs of the domain up; how many there are.
pub fn all(wanted: u32) -> Result<u32, alloc::string::String> {
    let count = at_least(wanted)?;
    for id in 1..count {
        vcpus::up(id).map_err(|error| format!("vCPU {id} does not come up: {error}"))?;
    }
    for id in 1..count {
        call(id, |_| {}, 0)?;
    }
    Ok(count)
}

/// Waits, yielding, until something has come true.
pub fn until(what: &str, done: impl Fn() -> bool) -> Outcome {
    let deadline = event::now() + PATIENCE;
    while !done() {
        check!(event::now() < deadline, "waited in vain: {what}");
        let _ = Xen::yield_now();
    }
    Ok(())
}

/// Gives a vCPU a job.
pub fn post(id: u32, job: Job, argument: u64) -> Outcome {
    check!(
        vcpus::post(id, job, argument),
        "vCPU {id} does not take a job"
    );
    Ok(())
}

/// Waits until a vCPU has done its job.
pub fn finish(id: u32) -> Outcome {
    until(&format!("vCPU {id} does its job"), || {
        vcpus::get(id).is_idle()
    })
}

/// Gives a vCPU a job and waits until it is done.
pub fn call(id: u32, job: Job, argument: u64) -> Outcome {
    post(id, job, argument)?;
    finish(id)
}

/// How long a vCPU has been in which state.
pub fn runstate(id: u32) -> Result<VcpuRunstateInfo, alloc::string::String> {
    Xen::vcpu_runstate(id).map_err(|errno| format!("get_runstate_info of vCPU {id}: {errno}"))
}

/// Set to end jobs that go round and round.
pub static STOP: AtomicU64 = AtomicU64::new(0);

/// A job that runs until [`STOP`], counting its rounds in a word.
pub fn spin(count: u64) {
    // SAFETY: the poster passes the address of a static word.
    let count = unsafe { &*(count as *const AtomicU64) };
    while STOP.load(SeqCst) == 0 {
        count.fetch_add(1, SeqCst);
    }
}

/// Has vCPUs spin, each counting in its word.
pub fn start_spinning(ids: core::ops::Range<u32>, counts: &'static Words) -> Outcome {
    STOP.store(0, SeqCst);
    ids.into_iter()
        .try_for_each(|id| post(id, spin, at(&counts[id as usize])))
}

/// Ends what [`start_spinning`] began.
pub fn stop_spinning(ids: core::ops::Range<u32>) -> Outcome {
    STOP.store(1, SeqCst);
    ids.into_iter().try_for_each(finish)
}
