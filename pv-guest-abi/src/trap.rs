//! The virtual IDT: `set_trap_table` (`arch-x86/xen.h`).
//!
//! The argument of the hypercall is the guest address of an array of [`TrapInfo`] which ends with an entry
//! whose `address` is 0; a null pointer clears the whole table.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`TrapInfo::flags`]: mask of the least privileged ring that may raise the trap by `int`.
pub const TI_DPL_MASK: u8 = 3;
/// [`TrapInfo::flags`]: events are masked when the handler is entered.
pub const TI_MASK_EVENTS: u8 = 4;

/// One gate of the virtual IDT (16 bytes).
#[doc(alias = "trap_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct TrapInfo {
    /// Exception or software interrupt vector.
    pub vector: u8,
    /// Bits 0 and 1: DPL; bit 2: mask events.
    pub flags: u8,
    /// Code selector of the handler.
    pub cs: u16,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Address of the handler; 0 ends the list.
    pub address: u64,
}

impl TrapInfo {
    /// A gate for the flat kernel code selector.
    pub const fn new(vector: u8, dpl: u8, mask_events: bool, address: u64) -> TrapInfo {
        let flags = (dpl & TI_DPL_MASK) | if mask_events { TI_MASK_EVENTS } else { 0 };
        TrapInfo {
            vector,
            flags,
            cs: crate::xen_x86::FLAT_KERNEL_CS,
            _pad0: [0; 4],
            address,
        }
    }

    /// The least privileged ring that may raise the trap by `int`.
    #[doc(alias = "TI_GET_DPL")]
    pub const fn dpl(&self) -> u8 {
        self.flags & TI_DPL_MASK
    }

    /// Whether events are masked when the handler is entered.
    #[doc(alias = "TI_GET_IF")]
    pub const fn masks_events(&self) -> bool {
        self.flags & TI_MASK_EVENTS != 0
    }
}

crate::zeroed_default!(TrapInfo);
