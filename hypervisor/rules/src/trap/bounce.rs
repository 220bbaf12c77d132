//! The bounce frame: what a guest kernel finds on its stack when an exception,
//! an event or a system call enters it.
//!
//! ```text
//!   higher addresses      SS
//!                         RSP
//!                         RFLAGS   IF = not upcall_mask, IOPL as shown
//!                         CS       bits 32..39: upcall_mask before the entry
//!                         RIP
//!                        [error code]
//!                         R11
//!   new RSP ->            RCX
//! ```
//! From user the frame starts at the kernel stack of `stack_switch`, from the
//! kernel at its own stack pointer; both are first aligned down to 16.

use super::rflags;
use super::selectors::{self, Mode};
use super::{Frame, Handler, TrapTable, has_error_code};
use crate::types::GuestAddr;

/// Words of the longest frame, the failsafe callback's.
pub const MAX_WORDS: usize = 11;

/// The context that was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// Where it was, with the real selectors and flags.
    pub frame: Frame,
    /// Its RCX.
    pub rcx: u64,
    /// Its R11.
    pub r11: u64,
    /// Which half of the guest it was.
    pub mode: Mode,
}

impl Interrupted {
    /// A context that the CPU itself described: the mode comes from its CS.
    pub const fn by_cpu(frame: Frame, rcx: u64, r11: u64) -> Self {
        Self {
            frame,
            rcx,
            r11,
            mode: Mode::of_cs(frame.cs),
        }
    }

    /// A context that executed `SYSCALL`, which leaves RIP in RCX, RFLAGS in R11
    /// and no selectors: they are the flat ones of its mode.
    pub const fn by_syscall(rcx: u64, r11: u64, rsp: u64, mode: Mode) -> Self {
        let (cs, ss) = selectors::loaded(mode, selectors::USER_CODE64, selectors::USER_DATA);
        let frame = Frame {
            rip: rcx,
            cs,
            rflags: rflags::real(r11),
            rsp,
            ss,
        };
        Self {
            frame,
            rcx,
            r11,
            mode,
        }
    }
}

/// What else of the vCPU shows in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryState {
    /// Kernel stack pointer of `stack_switch`, for entries from user.
    pub kernel_sp: u64,
    /// `vcpu_info.evtchn_upcall_mask` as the guest left it.
    pub upcall_mask: u8,
    /// Virtual IOPL to show in RFLAGS: 0 unless the guest asked for architectural_iopl.
    pub shown_iopl: u8,
}

/// A frame to push and the registers to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounce {
    words: [u64; MAX_WORDS],
    len: usize,
    /// Where the words go, lowest first; also the new RSP.
    pub sp: GuestAddr,
    /// What to load: handler, ring-1 selectors, filtered flags, new stack.
    pub frame: Frame,
    /// The upcall mask from now on.
    pub upcall_mask: u8,
    /// The entry leaves user mode: swap the GS base, note the mode.
    pub from_user: bool,
}

impl Bounce {
    /// The words in ascending order of address, the first of them at [`Bounce::sp`].
    pub fn words(&self) -> &[u64] {
        &self.words[..self.len]
    }
}

/// Why a stack cannot take a frame. Such a domain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackFault {
    /// The frame would touch a non-canonical address.
    NotCanonical(GuestAddr),
    /// The frame would touch the hypervisor's slots.
    Hypervisors(GuestAddr),
}

/// Why a trap cannot be delivered. Such a domain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeliverable {
    /// The guest has no handler for the vector.
    NoHandler(u8),
    /// Its stack cannot take the frame.
    Stack(StackFault),
}

impl From<StackFault> for Undeliverable {
    fn from(fault: StackFault) -> Self {
        Self::Stack(fault)
    }
}

/// Why a system call of a guest's user was not bounced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyscallRefused {
    /// No callback: deliver #UD at this context, which is back at the instruction.
    InvalidOpcode(Interrupted),
    /// The domain ends.
    Stack(StackFault),
}

/// Checks a kernel stack pointer at its registration, for the longest frame.
///
/// # Errors
/// A frame pushed below it would touch non-canonical or the hypervisor's addresses.
pub fn check_kernel_stack(sp: u64) -> Result<GuestAddr, StackFault> {
    place(sp, MAX_WORDS).map(|_| GuestAddr(sp))
}

/// The new stack pointer for a frame of so many words pushed at `top`.
fn place(top: u64, words: usize) -> Result<GuestAddr, StackFault> {
    let aligned = top & !15;
    let low = GuestAddr(aligned.wrapping_sub(words as u64 * 8));
    // The frame is far smaller than any slot, so its ends speak for all of it.
    for end in [low, GuestAddr(aligned.wrapping_sub(1))] {
        if !end.is_canonical() {
            return Err(StackFault::NotCanonical(end));
        }
        if end.is_hypervisors() {
            return Err(StackFault::Hypervisors(end));
        }
    }
    Ok(low)
}

/// Enters the guest kernel at `handler`.
///
/// # Errors
/// The stack cannot take the frame: the domain ends.
pub fn bounce(
    at: &Interrupted,
    vcpu: &EntryState,
    handler: Handler,
    error: Option<u32>,
) -> Result<Bounce, StackFault> {
    let mut frame = Words::new();
    frame.push_context(at, vcpu);
    if let Some(error) = error {
        frame.push(u64::from(error));
    }
    frame.push(at.r11);
    frame.push(at.rcx);
    enter(at, vcpu, handler, frame)
}

/// Delivers an exception or software interrupt through the guest's trap table.
/// The error code counts only for the vectors that have one.
///
/// # Errors
/// No handler, or no stack: the domain ends.
pub fn deliver(
    at: &Interrupted,
    vcpu: &EntryState,
    table: &TrapTable,
    vector: u8,
    error: u32,
) -> Result<Bounce, Undeliverable> {
    let gate = table.gate(vector).ok_or(Undeliverable::NoHandler(vector))?;
    let error = has_error_code(vector).then_some(error);
    Ok(bounce(at, vcpu, gate.handler, error)?)
}

/// Delivers `int n` through the guest's trap table: no error code, whatever the vector.
/// That the gate is open to the caller has been checked ([`super::Gate::allows`]).
///
/// # Errors
/// No handler, or no stack: the domain ends.
pub fn deliver_software(
    at: &Interrupted,
    vcpu: &EntryState,
    table: &TrapTable,
    vector: u8,
) -> Result<Bounce, Undeliverable> {
    let gate = table.gate(vector).ok_or(Undeliverable::NoHandler(vector))?;
    Ok(bounce(at, vcpu, gate.handler, None)?)
}

/// Enters the guest kernel for a `SYSCALL` of its user. Unlike other entries
/// this one clears DF, as the instruction itself would by the fixed SFMASK.
///
/// # Errors
/// Without a callback the caller delivers #UD; with a bad stack the domain ends.
pub fn syscall_entry(
    user: &Interrupted,
    vcpu: &EntryState,
    callback: Option<Handler>,
) -> Result<Bounce, SyscallRefused> {
    let Some(callback) = callback else {
        // SYSCALL is two bytes long.
        let mut back = *user;
        back.frame.rip = back.frame.rip.wrapping_sub(2);
        return Err(SyscallRefused::InvalidOpcode(back));
    };
    let mut entered = bounce(user, vcpu, callback, None).map_err(SyscallRefused::Stack)?;
    entered.frame.rflags &= !rflags::DF;
    Ok(entered)
}

/// Enters the failsafe callback because a data segment of a returning context could
/// not be loaded. `segments` are the selectors DS, ES, FS, GS that it wanted.
///
/// # Errors
/// The stack cannot take the frame: the domain ends.
pub fn failsafe(
    at: &Interrupted,
    vcpu: &EntryState,
    callback: Handler,
    segments: [u16; 4],
) -> Result<Bounce, StackFault> {
    let mut frame = Words::new();
    frame.push_context(at, vcpu);
    for selector in segments.iter().rev() {
        frame.push(u64::from(*selector));
    }
    frame.push(at.r11);
    frame.push(at.rcx);
    enter(at, vcpu, callback, frame)
}

fn enter(
    at: &Interrupted,
    vcpu: &EntryState,
    handler: Handler,
    frame: Words,
) -> Result<Bounce, StackFault> {
    let from_user = at.mode.is_user();
    let top = if from_user {
        vcpu.kernel_sp
    } else {
        at.frame.rsp
    };
    let sp = place(top, frame.len)?;
    Ok(Bounce {
        words: frame.ascending(),
        len: frame.len,
        sp,
        frame: Frame {
            rip: handler.address().0,
            cs: selectors::KERNEL_CODE64,
            rflags: rflags::real(at.frame.rflags & !rflags::CLEARED_BY_BOUNCE),
            rsp: sp.0,
            ss: selectors::KERNEL_DATA,
        },
        upcall_mask: if handler.masks_events() {
            1
        } else {
            vcpu.upcall_mask
        },
        from_user,
    })
}

/// Words in the order in which they are pushed.
struct Words {
    pushed: [u64; MAX_WORDS],
    len: usize,
}

impl Words {
    const fn new() -> Self {
        Self {
            pushed: [0; MAX_WORDS],
            len: 0,
        }
    }

    fn push(&mut self, word: u64) {
        self.pushed[self.len] = word;
        self.len += 1;
    }

    /// SS, RSP, RFLAGS, CS with the saved mask, RIP.
    fn push_context(&mut self, at: &Interrupted, vcpu: &EntryState) {
        let frame = &at.frame;
        let mut flags = frame.rflags & !(rflags::IF | rflags::IOPL);
        flags |= u64::from(vcpu.shown_iopl & 3) << rflags::IOPL_SHIFT;
        if vcpu.upcall_mask == 0 {
            flags |= rflags::IF;
        }
        self.push(u64::from(selectors::shown_ss(at.mode, frame.ss)));
        self.push(frame.rsp);
        self.push(flags);
        self.push(
            u64::from(selectors::shown_cs(at.mode, frame.cs)) | u64::from(vcpu.upcall_mask) << 32,
        );
        self.push(frame.rip);
    }

    fn ascending(&self) -> [u64; MAX_WORDS] {
        let mut words = [0; MAX_WORDS];
        for (word, pushed) in words.iter_mut().zip(self.pushed[..self.len].iter().rev()) {
            *word = *pushed;
        }
        words
    }
}

#[cfg(test)]
#[path = "bounce_tests.rs"]
mod tests;
