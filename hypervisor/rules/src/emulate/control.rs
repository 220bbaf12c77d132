//! Control registers, debug registers and XCR0.

use super::debug;
use super::{Action, Emulation, Guest, INVALID, REFUSED, Registers, done};
use crate::types::MfnClaim;
use iced_x86::{Instruction, Register};

/// CR0 as a guest reads it, without TS: PE, MP, ET, NE, WP, AM, PG.
pub const CR0: u64 = 0x8005_0033;
/// CR0: the next FPU instruction traps.
const TS: u64 = 1 << 3;
/// CR4 as a guest reads it, without what it may change: PAE, MCE, OSFXSR, OSXMMEXCPT.
pub const CR4: u64 = 1 << 5 | 1 << 6 | 1 << 9 | 1 << 10;

/// A `mov` that faulted: from or to a control or debug register. `None` for others,
/// and for the 32-bit forms, which a 64-bit kernel has not.
pub(super) fn moved(
    instruction: &Instruction,
    next: Registers,
    guest: &impl Guest,
) -> Option<Emulation> {
    let (to, from) = (instruction.op0_register(), instruction.op1_register());
    if let Some(to) = number(to, Register::RAX) {
        if let Some(cr) = number(from, Register::CR0) {
            return Some(from_control(cr, to, next, guest));
        }
        let dr = number(from, Register::DR0)?;
        return Some(from_debug(dr, to, next, guest));
    }
    let value = next.gpr[number(from, Register::RAX)?];
    if let Some(cr) = number(to, Register::CR0) {
        return Some(to_control(cr, value, next, guest));
    }
    let dr = number(to, Register::DR0)?;
    Some(to_debug(dr, value, next, guest))
}

/// A register's number among the sixteen that begin with `first`.
fn number(register: Register, first: Register) -> Option<usize> {
    (register as usize)
        .checked_sub(first as usize)
        .filter(|number| *number < 16)
}

fn from_control(cr: usize, to: usize, mut next: Registers, guest: &impl Guest) -> Emulation {
    next.gpr[to] = match cr {
        0 => cr0(guest),
        2 => guest.cr2(),
        3 => guest.cr3(),
        4 => CR4 | guest.cr4(),
        // CR8 is the task priority of an APIC that is not there.
        _ => return REFUSED,
    };
    done(Action::None, next)
}

fn to_control(cr: usize, value: u64, next: Registers, guest: &impl Guest) -> Emulation {
    let action = match cr {
        0 if (value ^ cr0(guest)) & !TS != 0 => return REFUSED,
        0 => Action::SetTaskSwitched(value & TS != 0),
        2 => Action::SetCr2(value),
        // A frame number too large to exist is refused where it is looked up.
        3 => Action::SetCr3(MfnClaim(value >> 12)),
        // What it may not change keeps its value without a word, as in Xen.
        4 => Action::SetCr4(value & guest.cr4_changeable()),
        _ => return REFUSED,
    };
    done(action, next)
}

fn from_debug(dr: usize, to: usize, mut next: Registers, guest: &impl Guest) -> Emulation {
    let Some(dr) = debug_number(dr, guest) else {
        return INVALID;
    };
    next.gpr[to] = guest.debug().read(dr).unwrap_or(0);
    done(Action::None, next)
}

fn to_debug(dr: usize, value: u64, next: Registers, guest: &impl Guest) -> Emulation {
    let Some(dr) = debug_number(dr, guest) else {
        return INVALID;
    };
    match guest.debug().write(dr, value) {
        Ok(debug) => done(Action::SetDebug(debug), next),
        Err(_) => REFUSED,
    }
}

/// The debug register that an instruction names.
fn debug_number(dr: usize, guest: &impl Guest) -> Option<u32> {
    debug::register(dr as u64, guest.cr4())
}

/// Loads XCR0: x87 is always there, AVX needs SSE, AVX-512 comes as a whole and needs AVX.
pub(super) fn xsetbv(next: Registers, guest: &impl Guest) -> Emulation {
    const X87: u64 = 1;
    const SSE: u64 = 1 << 1;
    const AVX: u64 = 1 << 2;
    const AVX512: u64 = 0b111 << 5;
    let (index, value, max) = (next.rcx() as u32, next.edx_eax(), guest.xcr0_max());
    if max == 0 {
        return INVALID;
    }
    let whole = value & AVX512 == 0 || value & AVX512 == AVX512;
    let ordered =
        (value & AVX == 0 || value & SSE != 0) && (value & AVX512 == 0 || value & AVX != 0);
    if index != 0 || value & X87 == 0 || value & !max != 0 || !whole || !ordered {
        return REFUSED;
    }
    done(Action::SetXcr0(value), next)
}

fn cr0(guest: &impl Guest) -> u64 {
    CR0 | if guest.task_switched() { TS } else { 0 }
}
