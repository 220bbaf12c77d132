//! Callbacks into the guest kernel: `callback_op` (`callback.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Event upcall.
#[doc(alias = "CALLBACKTYPE_event")]
pub const CALLBACKTYPE_EVENT: u16 = 0;
/// Failsafe: a segment or the return context could not be loaded.
#[doc(alias = "CALLBACKTYPE_failsafe")]
pub const CALLBACKTYPE_FAILSAFE: u16 = 1;
/// System call of a 64-bit user program.
#[doc(alias = "CALLBACKTYPE_syscall")]
pub const CALLBACKTYPE_SYSCALL: u16 = 2;
/// Old number of `CALLBACKTYPE_SYSENTER`.
#[doc(alias = "CALLBACKTYPE_sysenter_deprecated")]
pub const CALLBACKTYPE_SYSENTER_DEPRECATED: u16 = 3;
/// NMI.
#[doc(alias = "CALLBACKTYPE_nmi")]
pub const CALLBACKTYPE_NMI: u16 = 4;
/// SYSENTER of a 32-bit user program.
#[doc(alias = "CALLBACKTYPE_sysenter")]
pub const CALLBACKTYPE_SYSENTER: u16 = 5;
/// SYSCALL of a 32-bit user program.
#[doc(alias = "CALLBACKTYPE_syscall32")]
pub const CALLBACKTYPE_SYSCALL32: u16 = 7;
/// Events are masked when the callback is entered (always so for event and NMI).
#[doc(alias = "CALLBACKF_mask_events")]
pub const CALLBACKF_MASK_EVENTS: u16 = 1 << 0;
/// Register; [`CallbackRegister`].
#[doc(alias = "CALLBACKOP_register")]
pub const CALLBACKOP_REGISTER: u32 = 0;
/// Unregister; [`CallbackUnregister`]. Fails with `EINVAL` for types that must be there.
#[doc(alias = "CALLBACKOP_unregister")]
pub const CALLBACKOP_UNREGISTER: u32 = 1;

/// Argument of `CALLBACKOP_register` (16 bytes).
#[doc(alias = "callback_register")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct CallbackRegister {
    /// `CALLBACKTYPE_*`.
    #[doc(alias = "type")]
    pub kind: u16,
    /// `CALLBACKF_*`.
    pub flags: u16,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Address of the callback.
    pub address: u64,
}

/// Argument of `CALLBACKOP_unregister`.
#[doc(alias = "callback_unregister")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct CallbackUnregister {
    /// `CALLBACKTYPE_*`.
    #[doc(alias = "type")]
    pub kind: u16,
    /// Zero.
    pub _unused: u16,
}

crate::zeroed_default!(CallbackRegister, CallbackUnregister);
