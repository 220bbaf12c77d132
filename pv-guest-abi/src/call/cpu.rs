//! Traps, callbacks, stacks, descriptors and segment bases of the calling vCPU.

use super::{Calls, Gate, address};
use crate::callback::{
    CALLBACKOP_REGISTER, CALLBACKOP_UNREGISTER, CallbackRegister, CallbackUnregister,
};
use crate::errno::Errno;
use crate::hypercall::Hypercall;
use crate::trap::TrapInfo;

impl<G: Gate> Calls<G> {
    /// Adds gates to the virtual IDT. The list must end with an entry whose address is 0.
    ///
    /// # Safety
    ///
    /// Each address must be a handler that understands the frame which the hypervisor pushes.
    pub unsafe fn set_trap_table(gates: &[TrapInfo]) -> Result<(), Errno> {
        if gates.last().is_none_or(|last| last.address != 0) {
            return Err(Errno::EINVAL);
        }
        // SAFETY: the hypervisor reads up to the end mark, which was checked; the rest is the caller's.
        unsafe { Self::raw(Hypercall::SetTrapTable, [address(gates), 0, 0, 0, 0]) }.map(drop)
    }

    /// Registers a callback: `CALLBACKTYPE_*`, its address, and whether it is entered with events masked.
    ///
    /// # Safety
    ///
    /// The address must be an entry point that understands the frame of that callback.
    pub unsafe fn register_callback(kind: u16, handler: u64, mask: bool) -> Result<(), Errno> {
        let callback = CallbackRegister {
            kind,
            flags: if mask {
                crate::callback::CALLBACKF_MASK_EVENTS
            } else {
                0
            },
            address: handler,
            ..Default::default()
        };
        Self::with_in(Hypercall::CallbackOp, CALLBACKOP_REGISTER, &callback).map(drop)
    }

    /// Unregisters a callback.
    pub fn unregister_callback(kind: u16) -> Result<(), Errno> {
        let callback = CallbackUnregister { kind, _unused: 0 };
        Self::with_in(Hypercall::CallbackOp, CALLBACKOP_UNREGISTER, &callback).map(drop)
    }

    /// Sets the stack that the hypervisor switches to on the way from user to kernel mode.
    ///
    /// # Safety
    ///
    /// `sp` must be the end of a mapped, writable stack that nothing else uses.
    pub unsafe fn stack_switch(ss: u16, sp: u64) -> Result<(), Errno> {
        // SAFETY: passed on to the caller.
        unsafe { Self::raw(Hypercall::StackSwitch, [ss.into(), sp, 0, 0, 0]) }.map(drop)
    }

    /// Sets (or clears) the virtual CR0.TS, so that the next use of the FPU traps.
    pub fn fpu_taskswitch(set: bool) -> Result<(), Errno> {
        Self::plain(Hypercall::FpuTaskswitch, [set.into(), 0, 0, 0, 0]).map(drop)
    }

    /// Sets a segment base, `SEGBASE_*`.
    ///
    /// # Safety
    ///
    /// Code that addresses memory through that segment must be right with the new base.
    pub unsafe fn set_segment_base(which: u32, base: u64) -> Result<(), Errno> {
        // SAFETY: passed on to the caller.
        unsafe { Self::raw(Hypercall::SetSegmentBase, [which.into(), base, 0, 0, 0]) }.map(drop)
    }

    /// Makes a GDT of `entries` descriptors out of these machine frames.
    ///
    /// # Safety
    ///
    /// The frames must be unmapped or read-only everywhere, and the selectors in use must stay valid.
    pub unsafe fn set_gdt(frames: &[u64], entries: u32) -> Result<(), Errno> {
        let pages = u64::from(entries).div_ceil(512);
        if frames.len() as u64 != pages {
            return Err(Errno::EINVAL);
        }
        // SAFETY: the hypervisor reads one number for each page of descriptors; the rest is the caller's.
        unsafe {
            Self::raw(
                Hypercall::SetGdt,
                [address(frames), entries.into(), 0, 0, 0],
            )
        }
        .map(drop)
    }

    /// Writes one descriptor at a machine address.
    ///
    /// # Safety
    ///
    /// Selectors in use must stay valid.
    pub unsafe fn update_descriptor(machine: u64, descriptor: u64) -> Result<(), Errno> {
        let args = [machine, descriptor, 0, 0, 0];
        // SAFETY: passed on to the caller.
        unsafe { Self::raw(Hypercall::UpdateDescriptor, args) }.map(drop)
    }

    /// Sets a virtual debug register.
    pub fn set_debugreg(register: u32, value: u64) -> Result<(), Errno> {
        Self::plain(Hypercall::SetDebugreg, [register.into(), value, 0, 0, 0]).map(drop)
    }

    /// Reads a virtual debug register. A value with bit 63 set cannot be told from an error.
    pub fn get_debugreg(register: u32) -> Result<u64, Errno> {
        Self::plain(Hypercall::GetDebugreg, [register.into(), 0, 0, 0, 0])
    }
}
