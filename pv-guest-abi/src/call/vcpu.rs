//! Other vCPUs, run states and timers.

use super::{Calls, Gate, address, address_mut};
use crate::errno::Errno;
use crate::hypercall::Hypercall;
use crate::vcpu::{
    VCPU_SSHOTTMR_FUTURE, VCPUOP_DOWN, VCPUOP_GET_RUNSTATE_INFO, VCPUOP_INITIALISE, VCPUOP_IS_UP,
    VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA, VCPUOP_REGISTER_VCPU_INFO, VCPUOP_SEND_NMI,
    VCPUOP_SET_PERIODIC_TIMER, VCPUOP_SET_SINGLESHOT_TIMER, VCPUOP_STOP_PERIODIC_TIMER,
    VCPUOP_STOP_SINGLESHOT_TIMER, VCPUOP_UP, VcpuRegisterRunstateMemoryArea, VcpuRegisterVcpuInfo,
    VcpuRunstateInfo, VcpuSetPeriodicTimer, VcpuSetSingleshotTimer,
};
use crate::xen_x86::VcpuGuestContext;

impl<G: Gate> Calls<G> {
    fn vcpu_plain(command: u32, vcpu: u32) -> Result<u64, Errno> {
        Self::plain(Hypercall::VcpuOp, [command.into(), vcpu.into(), 0, 0, 0])
    }

    unsafe fn vcpu_at(command: u32, vcpu: u32, at: u64) -> Result<(), Errno> {
        // SAFETY: passed on to the caller.
        unsafe { Self::raw(Hypercall::VcpuOp, [command.into(), vcpu.into(), at, 0, 0]) }.map(drop)
    }

    /// Gives a vCPU its first state.
    ///
    /// # Safety
    ///
    /// The context must describe an entry point, a stack and page tables that the new vCPU can run on.
    pub unsafe fn vcpu_initialise(vcpu: u32, context: &VcpuGuestContext) -> Result<(), Errno> {
        // SAFETY: the context is borrowed; what it starts is the caller's.
        unsafe { Self::vcpu_at(VCPUOP_INITIALISE, vcpu, address(context)) }
    }

    /// Starts a vCPU.
    ///
    /// # Safety
    ///
    /// As for [`Calls::vcpu_initialise`]: it runs in parallel from now on.
    pub unsafe fn vcpu_up(vcpu: u32) -> Result<(), Errno> {
        Self::vcpu_plain(VCPUOP_UP, vcpu).map(drop)
    }

    /// Stops a vCPU.
    pub fn vcpu_down(vcpu: u32) -> Result<(), Errno> {
        Self::vcpu_plain(VCPUOP_DOWN, vcpu).map(drop)
    }

    /// Whether a vCPU is up. `ENOENT`: there is no such vCPU.
    pub fn vcpu_is_up(vcpu: u32) -> Result<bool, Errno> {
        Self::vcpu_plain(VCPUOP_IS_UP, vcpu).map(|up| up != 0)
    }

    /// Sends an NMI to a vCPU.
    pub fn vcpu_send_nmi(vcpu: u32) -> Result<(), Errno> {
        Self::vcpu_plain(VCPUOP_SEND_NMI, vcpu).map(drop)
    }

    /// What a vCPU does and has done.
    pub fn vcpu_runstate(vcpu: u32) -> Result<VcpuRunstateInfo, Errno> {
        let mut info = VcpuRunstateInfo::default();
        // SAFETY: the structure is borrowed mutably for the call.
        unsafe { Self::vcpu_at(VCPUOP_GET_RUNSTATE_INFO, vcpu, address_mut(&mut info))? };
        Ok(info)
    }

    /// Has the hypervisor keep a [`VcpuRunstateInfo`] at this address up to date from now on.
    ///
    /// # Safety
    ///
    /// The area must be mapped, writable and the hypervisor's for as long as the vCPU lives.
    pub unsafe fn vcpu_register_runstate(vcpu: u32, area: u64) -> Result<(), Errno> {
        let argument = VcpuRegisterRunstateMemoryArea { addr: area };
        // SAFETY: the argument is borrowed; the area is the caller's.
        unsafe {
            Self::vcpu_at(
                VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA,
                vcpu,
                address(&argument),
            )
        }
    }

    /// Moves the vCPU's `VcpuInfo` into a frame of the guest's, once.
    ///
    /// # Safety
    ///
    /// The place must be the hypervisor's for as long as the vCPU lives.
    pub unsafe fn vcpu_register_info(vcpu: u32, mfn: u64, offset: u32) -> Result<(), Errno> {
        let argument = VcpuRegisterVcpuInfo {
            mfn,
            offset,
            rsvd: 0,
        };
        // SAFETY: the argument is borrowed; the place is the caller's.
        unsafe { Self::vcpu_at(VCPUOP_REGISTER_VCPU_INFO, vcpu, address(&argument)) }
    }

    /// Starts the periodic timer (nanoseconds), or stops it.
    pub fn vcpu_periodic_timer(vcpu: u32, period_ns: Option<u64>) -> Result<(), Errno> {
        let Some(period_ns) = period_ns else {
            return Self::vcpu_plain(VCPUOP_STOP_PERIODIC_TIMER, vcpu).map(drop);
        };
        let argument = VcpuSetPeriodicTimer { period_ns };
        // SAFETY: the argument is borrowed and only read.
        unsafe { Self::vcpu_at(VCPUOP_SET_PERIODIC_TIMER, vcpu, address(&argument)) }
    }

    /// Sets the one-shot timer to a system time in nanoseconds, or stops it.
    ///
    /// With `must_be_future`, a time that has passed is `ETIME`; else it fires at once.
    pub fn vcpu_singleshot_timer(
        vcpu: u32,
        at_ns: Option<u64>,
        must_be_future: bool,
    ) -> Result<(), Errno> {
        let Some(timeout_abs_ns) = at_ns else {
            return Self::vcpu_plain(VCPUOP_STOP_SINGLESHOT_TIMER, vcpu).map(drop);
        };
        let flags = if must_be_future {
            VCPU_SSHOTTMR_FUTURE
        } else {
            0
        };
        let argument = VcpuSetSingleshotTimer {
            timeout_abs_ns,
            flags,
            ..Default::default()
        };
        // SAFETY: the argument is borrowed and only read.
        unsafe { Self::vcpu_at(VCPUOP_SET_SINGLESHOT_TIMER, vcpu, address(&argument)) }
    }
}
