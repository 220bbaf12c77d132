//! Run-time assistances: `vm_assist` (`xen.h`).
//!
//! The first argument is the command, the second the type. `EINVAL` for a type that is not there.

/// Switch on.
#[doc(alias = "VMASST_CMD_enable")]
pub const VMASST_CMD_ENABLE: u32 = 0;
/// Switch off.
#[doc(alias = "VMASST_CMD_disable")]
pub const VMASST_CMD_DISABLE: u32 = 1;
/// Emulate 4 GiB segments (32-bit guests).
#[doc(alias = "VMASST_TYPE_4gb_segments")]
pub const VMASST_TYPE_4GB_SEGMENTS: u32 = 0;
/// Trap on each such emulation (32-bit guests).
#[doc(alias = "VMASST_TYPE_4gb_segments_notify")]
pub const VMASST_TYPE_4GB_SEGMENTS_NOTIFY: u32 = 1;
/// Page tables may be mapped writable and are validated when used.
#[doc(alias = "VMASST_TYPE_writable_pagetables")]
pub const VMASST_TYPE_WRITABLE_PAGETABLES: u32 = 2;
/// CR3 above 4 GiB for PAE (32-bit guests).
#[doc(alias = "VMASST_TYPE_pae_extended_cr3")]
pub const VMASST_TYPE_PAE_EXTENDED_CR3: u32 = 3;
/// IOPL behaves as the architecture says, in the pushed flags.
#[doc(alias = "VMASST_TYPE_architectural_iopl")]
pub const VMASST_TYPE_ARCHITECTURAL_IOPL: u32 = 4;
/// `XEN_RUNSTATE_UPDATE` is set while run-state information changes.
#[doc(alias = "VMASST_TYPE_runstate_update_flag")]
pub const VMASST_TYPE_RUNSTATE_UPDATE_FLAG: u32 = 5;
/// The M2P is not mapped for user mode.
#[doc(alias = "VMASST_TYPE_m2p_strict")]
pub const VMASST_TYPE_M2P_STRICT: u32 = 32;
