//! The parts of a guest's context that stay in the CPU while ring 0 runs: segment
//! bases and the FPU. Ring 0 uses neither (its code is soft-float and reaches
//! per-CPU data by address), so they move only when a pCPU changes vCPUs.
//!
//! GS: `IA32_GS_BASE` holds the base of the mode the guest is in, kernel or user,
//! `IA32_KERNEL_GS_BASE` that of the other; [`swap_gs`] follows the mode.

use core::arch::asm;
use x86_64::VirtAddr;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags};
use x86_64::registers::model_specific::{FsBase, GsBase, KernelGsBase};

/// Segment bases of a vCPU that does not run, or of one that runs, read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bases {
    /// FS.
    pub fs: u64,
    /// GS of the mode the guest is in.
    pub gs: u64,
    /// GS of the other mode.
    pub other_gs: u64,
}

/// A base must be canonical, or loading it would fault; others are cut to 0. Guests'
/// words are refused earlier, so this only keeps the promise of the type `VirtAddr`.
fn address(base: u64) -> VirtAddr {
    VirtAddr::try_new(base).unwrap_or(VirtAddr::zero())
}

impl Bases {
    /// Loads the bases into this pCPU.
    pub fn load(&self) {
        FsBase::write(address(self.fs));
        GsBase::write(address(self.gs));
        KernelGsBase::write(address(self.other_gs));
    }

    /// Reads back what the guest left.
    pub fn current() -> Self {
        Self {
            fs: FsBase::read().as_u64(),
            gs: GsBase::read().as_u64(),
            other_gs: KernelGsBase::read().as_u64(),
        }
    }
}

/// Follows the guest's change between kernel and user mode.
pub fn swap_gs() {
    // SAFETY: ring 0 does not use GS, so exchanging the two bases of the guest's
    // touches nothing of ours.
    unsafe { asm!("swapgs", options(nomem, nostack, preserves_flags)) };
}

/// x87 and SSE state as FXSAVE lays it out.
#[repr(C, align(16))]
pub struct FpuState([u8; 512]);

/// Initial x87 control word and MXCSR (SDM volume 1, 8.1.5 and 10.2.3.1).
const FCW_INIT: u16 = 0x37f;
const MXCSR_INIT: u32 = 0x1f80;

impl Default for FpuState {
    /// The state of a new vCPU: everything zero, exceptions masked.
    fn default() -> Self {
        let mut area = [0; 512];
        area[..2].copy_from_slice(&FCW_INIT.to_le_bytes());
        area[24..28].copy_from_slice(&MXCSR_INIT.to_le_bytes());
        Self(area)
    }
}

/// Where FXSAVE puts MXCSR, and the mask of the bits that this CPU knows.
const MXCSR: usize = 24;
const MXCSR_MASK: usize = 28;

impl FpuState {
    /// A state that a guest has given. Bits of MXCSR that this CPU does not know, which would make
    /// loading it fault, are dropped.
    pub fn from_fxsave(area: &[u8; 512]) -> Self {
        let mut known = Self::default();
        known.save();
        let mut given = Self(*area);
        for byte in 0..4 {
            given.0[MXCSR + byte] &= known.0[MXCSR_MASK + byte];
        }
        given
    }

    /// Loads this state into the pCPU.
    pub fn load(&self) {
        // SAFETY: the area is 512 bytes, 16-aligned, and was written by `save` or
        // `default`, so MXCSR has no reserved bit; CR0.TS and EM are clear (init_cpu).
        unsafe { asm!("fxrstor64 [{}]", in(reg) self, options(nostack)) };
    }

    /// Saves the pCPU's state here.
    pub fn save(&mut self) {
        // SAFETY: the area is 512 bytes, 16-aligned and ours alone.
        unsafe { asm!("fxsave64 [{}]", in(reg) self, options(nostack)) };
    }
}

/// Sets the control registers under which guests run on this pCPU: FPU usable, no
/// global pages, no SMAP, SMEP or UMIP, no rdpmc, no XSAVE (docs/entry.md gives reasons).
pub fn init_cpu() {
    // SAFETY: write protection stays on and paging as it is; what is set lets
    // guests use SSE, what is cleared takes features away from guests only.
    unsafe {
        Cr0::update(|cr0| {
            cr0.insert(
                Cr0Flags::WRITE_PROTECT
                    | Cr0Flags::ALIGNMENT_MASK
                    | Cr0Flags::MONITOR_COPROCESSOR
                    | Cr0Flags::NUMERIC_ERROR,
            );
            cr0.remove(Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED);
        });
        Cr4::write(
            Cr4Flags::PHYSICAL_ADDRESS_EXTENSION
                | Cr4Flags::MACHINE_CHECK_EXCEPTION
                | Cr4Flags::OSFXSR
                | Cr4Flags::OSXMMEXCPT_ENABLE,
        );
    }
    FpuState::default().load();
}

/// Sets the guest's FS base.
pub fn set_fs(base: u64) {
    FsBase::write(address(base));
}

/// Sets the GS base of the mode the guest is in.
pub fn set_gs(base: u64) {
    GsBase::write(address(base));
}

/// Sets the GS base of the mode the guest is not in.
pub fn set_other_gs(base: u64) {
    KernelGsBase::write(address(base));
}

/// Makes the guest's next FPU instruction trap, or lets it run.
pub fn set_task_switched(set: bool) {
    // SAFETY: CR0.TS decides only whether FPU instructions trap; ring 0 uses none
    // while it is set (`FpuState` is loaded and saved with it clear).
    unsafe { Cr0::update(|cr0| cr0.set(Cr0Flags::TASK_SWITCHED, set)) };
}
