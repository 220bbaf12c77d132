//! A vCPU while a pCPU has it: the context that every handler of an exit gets.

use crate::domain::{CrashReason, Domain};
use crate::guest_memory::{Fault, Space};
use crate::shared::VcpuInfo;
use crate::vcpu::{Vcpu, VcpuState};
use alloc::sync::Arc;
use xenolith_mech::guest;
use xenolith_rules::trap::{Bounce, EntryState, Frame, Interrupted, Mode};
use zerocopy::IntoBytes;

/// The vCPU that this pCPU runs, with its registers.
pub struct Running<'a> {
    /// What others may see of it too.
    pub vcpu: &'a Arc<Vcpu>,
    /// Its domain.
    pub domain: &'a Arc<Domain>,
    /// Its registers and handlers.
    pub state: &'a mut VcpuState,
}

impl Running<'_> {
    /// The guest kernel's address space, in which all pointers of hypercalls lie.
    pub fn space(&self) -> Space<'_> {
        Space::new(self.domain, self.state.kernel_root)
    }

    /// The words it shares with the guest.
    pub fn info(&self) -> VcpuInfo {
        self.domain.vcpu_info(self.vcpu.id)
    }

    /// The guest's present context, as the CPU described it.
    pub fn interrupted(&self) -> Interrupted {
        let regs = &self.state.regs;
        Interrupted {
            frame: Frame {
                rip: regs.rip,
                cs: regs.cs as u16,
                rflags: regs.rflags,
                rsp: regs.rsp,
                ss: regs.ss as u16,
            },
            rcx: regs.rcx,
            r11: regs.r11,
            mode: self.state.mode,
        }
    }

    /// What the rules must know to build a bounce frame.
    pub fn entry_state(&self) -> EntryState {
        EntryState {
            kernel_sp: self.state.kernel_sp,
            upcall_mask: self.info().upcall_mask(),
            shown_iopl: 0,
        }
    }

    /// Replaces the context that IRETQ will load.
    pub fn set_frame(&mut self, frame: Frame) {
        let regs = &mut self.state.regs;
        regs.rip = frame.rip;
        regs.cs = u64::from(frame.cs);
        regs.rflags = frame.rflags;
        regs.rsp = frame.rsp;
        regs.ss = u64::from(frame.ss);
    }

    /// Changes between kernel and user mode, and the GS base with it.
    pub fn set_mode(&mut self, mode: Mode) {
        if self.state.mode != mode {
            self.state.mode = mode;
            guest::swap_gs();
        }
    }

    /// Sets the guest's CR0.TS: its next FPU instruction traps.
    pub fn set_task_switched(&mut self, set: bool) {
        self.state.task_switched = set;
        guest::set_task_switched(set);
    }

    /// Pushes a frame and continues at the guest's handler.
    pub fn bounce(&mut self, bounce: &Bounce) {
        if let Err(Fault(at)) = self
            .space()
            .write_bytes(bounce.sp, bounce.words().as_bytes())
        {
            self.domain
                .crash(CrashReason::StackUnusable(at), self.state);
            return;
        }
        self.info().set_upcall_mask(bounce.upcall_mask);
        self.set_frame(bounce.frame);
        self.set_mode(Mode::Kernel);
    }
}
