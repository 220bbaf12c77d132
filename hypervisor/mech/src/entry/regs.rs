//! The registers of an interrupted guest, as entry code lays them out.
//!
//! The order is that of Xen's `cpu_user_regs` (`public/arch-x86/xen-x86_64.h`)
//! up to SS, so that a guest's context can be copied in and out field by field
//! without a second order to remember.

/// General registers and the CPU's own exception frame, lowest address first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs)] // the registers' own names
pub struct Regs {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// The CPU's error code, or 0.
    pub error_code: u32,
    /// IDT vector, or [`SYSCALL_VECTOR`] / [`SYSCALL32_VECTOR`]; plus [`IRET_FAULTED`].
    pub entry_vector: u32,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

/// `entry_vector` of a 64-bit SYSCALL: outside the IDT's range.
pub const SYSCALL_VECTOR: u32 = 0x100;
/// `entry_vector` of a SYSCALL from compatibility mode.
pub const SYSCALL32_VECTOR: u32 = 0x101;
/// Set in `entry_vector` when not the guest but our IRETQ into it faulted.
pub const IRET_FAULTED: u32 = 0x200;

/// Eight-byte words in [`Regs`].
pub const REGS_WORDS: usize = size_of::<Regs>() / 8;

const _: () = {
    assert!(core::mem::offset_of!(Regs, rip) == 128);
    assert!(size_of::<Regs>() == 168);
};
