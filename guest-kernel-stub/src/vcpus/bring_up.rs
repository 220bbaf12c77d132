//! Bringing vCPUs up and down.

use core::sync::atomic::Ordering;

use alloc::boxed::Box;

use pv_guest_abi::errno::Errno;
use pv_guest_abi::shared::XEN_LEGACY_MAX_VCPUS;
use pv_guest_abi::xen_x86::{
    FLAT_KERNEL_CS, FLAT_KERNEL_SS, VGCF_IN_KERNEL, VcpuGuestContext, pfn_to_cr3,
};

use super::data::{MOST, get, this};
use super::{is_up, jobs};
use crate::memory::PAGE_SIZE;
use crate::{Xen, start, traps};

/// Bytes of a vCPU's stack; the lowest page is unmapped, to stop an overflow.
const STACK_SIZE: u64 = 5 * PAGE_SIZE;

#[repr(C, align(4096))]
struct Stack([u8; STACK_SIZE as usize]);

#[unsafe(link_section = ".bss_pages")]
static mut STACKS: [Stack; MOST] = [const { Stack([0; STACK_SIZE as usize]) }; MOST];

core::arch::global_asm!(include_str!("start.s"));

unsafe extern "C" {
    static vcpu_start: u8;
}

/// Why a vCPU does not come up or go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VcpuError {
    /// This kernel has no place for a vCPU of that number.
    NoPlace,
    /// It is down.
    IsDown,
    /// The hypervisor refuses.
    Refused(Errno),
}

impl From<Errno> for VcpuError {
    fn from(errno: Errno) -> Self {
        Self::Refused(errno)
    }
}

impl core::fmt::Display for VcpuError {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoPlace => write!(out, "this kernel has places for vCPUs 0 to {}", MOST - 1),
            Self::IsDown => out.write_str("it is down"),
            Self::Refused(Errno::ENOENT) => out.write_str("the domain has no such vCPU"),
            Self::Refused(errno) => write!(out, "the hypervisor refuses ({errno})"),
        }
    }
}

/// The end of a vCPU's stack.
pub fn stack_top(id: u32) -> u64 {
    // SAFETY: only the place of an element is computed; the index is checked.
    let bottom = unsafe { &raw const STACKS[id as usize] } as u64;
    bottom + STACK_SIZE
}

/// Machine frame of the root table that maps the kernel: the one that the builder made.
pub fn root() -> u64 {
    start::builder_frame(start::info().pt_base)
}

/// A context in which a vCPU begins `main` on its own stack and with the kernel's handlers.
/// Events are masked, as they are for any vCPU until it unmasks them.
pub fn context(id: u32, main: extern "C" fn() -> !) -> Box<VcpuGuestContext> {
    let mut context = Box::new(VcpuGuestContext::default());
    context.flags = VGCF_IN_KERNEL;
    context.user_regs.rip = &raw const vcpu_start as u64;
    context.user_regs.rsp = stack_top(id);
    context.user_regs.rdi = main as usize as u64;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.kernel_ss = FLAT_KERNEL_SS.into();
    context.kernel_sp = stack_top(id);
    context.gs_base_kernel = get(id).gs_base();
    context.ctrlreg[3] = pfn_to_cr3(root());
    for gate in traps::gates() {
        context.trap_ctxt[usize::from(gate.vector)] = gate;
    }
    context.event_callback_eip = traps::event_callback();
    context.syscall_callback_eip = traps::syscall_callback();
    context
}

/// Brings a vCPU up: for the first time with a context, later where it went down.
pub fn up(id: u32) -> Result<(), VcpuError> {
    if id as usize >= MOST {
        return Err(VcpuError::NoPlace);
    }
    if get(id).started.load(Ordering::Acquire) == 0 {
        return start(id, jobs::serve);
    }
    // SAFETY: it has its context, and a stack that nobody else uses.
    unsafe { Xen::vcpu_up(id) }?;
    Ok(())
}

/// Brings a vCPU up for the first time, to run `main`.
pub fn start(id: u32, main: extern "C" fn() -> !) -> Result<(), VcpuError> {
    if id as usize >= MOST {
        return Err(VcpuError::NoPlace);
    }
    let vcpu = get(id);
    if id as usize >= XEN_LEGACY_MAX_VCPUS && vcpu.info().is_none() {
        vcpu.move_info()?;
    }
    let guard = stack_top(id) - STACK_SIZE;
    // SAFETY: the stack is nobody's yet.
    unsafe { Xen::update_va_mapping(guard, 0, pv_guest_abi::call::Flush::Nothing)? };
    let context = context(id, main);
    // SAFETY: entry point, stack, handlers and tables are made for it, and are there for good.
    unsafe {
        Xen::vcpu_initialise(id, &context)?;
        vcpu.started.store(1, Ordering::Release);
        Xen::vcpu_up(id)?;
    }
    Ok(())
}

/// Has a vCPU take itself down, and waits until it is. It finishes its job before, and it
/// goes on here when it is brought up again.
pub fn down(id: u32) -> Result<(), VcpuError> {
    if !Xen::vcpu_is_up(id)? {
        return Err(VcpuError::IsDown);
    }
    let go: jobs::Job = |_| {
        // A refusal shows: the vCPU stays up, and whoever waits sees it.
        let _ = Xen::vcpu_down(this().id);
    };
    while !jobs::post(id, go, 0) {
        let _ = Xen::yield_now();
    }
    while is_up(id) {
        let _ = Xen::yield_now();
    }
    Ok(())
}
