//! Traps as a guest sees them: which frame lands on its kernel's stack, which
//! registers it wakes up with, and which return frames it may hand back.
//!
//! Everything here is computation on values. The hypervisor proper reads the
//! registers, writes the words where [`Bounce::sp`] says and loads the new ones.
//!
//! * [`selectors`]: the fixed segment selectors, and what a guest is told about them.
//! * [`table`]: the virtual interrupt descriptor table (`set_trap_table`).
//! * [`callbacks`]: event, failsafe and system-call entry points.
//! * [`mod@bounce`]: the frame of an exception, an event or a system call.
//! * [`iret`]: the check of the frame that the `iret` hypercall takes.

pub mod bounce;
pub mod callbacks;
pub mod iret;
pub mod rflags;
pub mod selectors;
pub mod table;

pub use bounce::{
    Bounce, EntryState, Interrupted, StackFault, SyscallRefused, Undeliverable, bounce,
    check_kernel_stack, deliver, deliver_software, failsafe, syscall_entry,
};
pub use callbacks::{CallbackError, CallbackKind, Callbacks};
pub use iret::{IretFrame, IretTarget};
pub use selectors::Mode;
pub use table::{Gate, SetTrap, TrapTable};

use crate::types::GuestAddr;

/// The exception and interrupt vectors that the rules name.
pub mod vector {
    /// #DE, divide error.
    pub const DE: u8 = 0;
    /// #DB, debug.
    pub const DB: u8 = 1;
    /// Non-maskable interrupt.
    pub const NMI: u8 = 2;
    /// #BP, breakpoint (`int3`).
    pub const BP: u8 = 3;
    /// #OF, overflow (`into`).
    pub const OF: u8 = 4;
    /// #UD, invalid opcode.
    pub const UD: u8 = 6;
    /// #NM, device not available.
    pub const NM: u8 = 7;
    /// #DF, double fault.
    pub const DF: u8 = 8;
    /// #TS, invalid TSS.
    pub const TS: u8 = 10;
    /// #NP, segment not present.
    pub const NP: u8 = 11;
    /// #SS, stack fault.
    pub const SS: u8 = 12;
    /// #GP, general protection.
    pub const GP: u8 = 13;
    /// #PF, page fault.
    pub const PF: u8 = 14;
    /// #MF, x87 error.
    pub const MF: u8 = 16;
    /// #AC, alignment check.
    pub const AC: u8 = 17;
    /// #MC, machine check.
    pub const MC: u8 = 18;
    /// #XM, SIMD error.
    pub const XM: u8 = 19;
    /// #CP, control protection.
    pub const CP: u8 = 21;
    /// #SX, security exception (AMD).
    pub const SX: u8 = 30;
}

/// Bit n set: exception n pushes an error code.
pub const ERROR_CODE_VECTORS: u32 = 1 << vector::DF
    | 1 << vector::TS
    | 1 << vector::NP
    | 1 << vector::SS
    | 1 << vector::GP
    | 1 << vector::PF
    | 1 << vector::AC
    | 1 << vector::CP
    | 1 << vector::SX;

/// Whether the CPU pushes an error code for the exception, and so do we.
pub const fn has_error_code(vector: u8) -> bool {
    vector < 32 && ERROR_CODE_VECTORS >> vector & 1 != 0
}

/// What `IRETQ` loads, and what the CPU pushes at an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Frame {
    /// Instruction pointer.
    pub rip: u64,
    /// Code selector, as the CPU uses it (RPL 1 for a guest kernel).
    pub cs: u16,
    /// Flags, as the CPU uses them (IF set while a guest runs).
    pub rflags: u64,
    /// Stack pointer.
    pub rsp: u64,
    /// Stack selector.
    pub ss: u16,
}

/// A kernel entry point that has been checked: canonical, not zero and not in
/// the hypervisor's slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    address: GuestAddr,
    mask_events: bool,
}

impl Handler {
    /// Checks an address that a guest registers. `Ok(None)` for address 0, "no handler".
    ///
    /// # Errors
    /// The address is not canonical, or lies in the hypervisor's slots.
    pub const fn check(address: u64, mask_events: bool) -> Result<Option<Self>, BadHandler> {
        let address = GuestAddr(address);
        if address.0 == 0 {
            return Ok(None);
        }
        if !address.is_canonical() {
            return Err(BadHandler::NotCanonical);
        }
        if address.is_hypervisors() {
            return Err(BadHandler::Hypervisors);
        }
        Ok(Some(Self {
            address,
            mask_events,
        }))
    }

    /// Where the guest kernel wants to be entered.
    pub const fn address(self) -> GuestAddr {
        self.address
    }

    /// Whether the entry sets the vCPU's upcall mask.
    pub const fn masks_events(self) -> bool {
        self.mask_events
    }
}

/// Why an entry point was refused. The ABI's answer to all of them is `-EINVAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHandler {
    /// Bits 63..47 differ.
    NotCanonical,
    /// In root slots 256..271.
    Hypervisors,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_are_pushed_for_the_listed_vectors_only() {
        let with: Vec<u8> = (0..=255).filter(|&v| has_error_code(v)).collect();
        assert_eq!(with, [8, 10, 11, 12, 13, 14, 17, 21, 30]);
    }

    #[test]
    fn handlers_are_canonical_and_outside_the_hypervisors_slots() {
        assert_eq!(Handler::check(0, true), Ok(None));
        let good = Handler::check(0xffff_ffff_8100_0000, true)
            .unwrap()
            .unwrap();
        assert_eq!(good.address(), GuestAddr(0xffff_ffff_8100_0000));
        assert!(good.masks_events());
        assert!(Handler::check(0x40_0000, false).unwrap().is_some());
        assert_eq!(
            Handler::check(0x8000_0000_0000, false),
            Err(BadHandler::NotCanonical)
        );
        assert_eq!(
            Handler::check(0xffff_7fff_ffff_ffff, false),
            Err(BadHandler::NotCanonical)
        );
        assert_eq!(
            Handler::check(0xffff_8000_0000_0000, false),
            Err(BadHandler::Hypervisors)
        );
        assert_eq!(
            Handler::check(0xffff_87ff_ffff_ffff, false),
            Err(BadHandler::Hypervisors)
        );
        assert!(
            Handler::check(0xffff_8800_0000_0000, false)
                .unwrap()
                .is_some()
        );
    }
}
