//! Instructions that trap in ring 1 or 3 and that a guest expects to work.
//!
//! Given the bytes at RIP, the registers and a few answers about the vCPU
//! ([`Guest`]), [`general_protection`] and [`invalid_opcode`] say what is to happen
//! ([`Emulation`]). Nothing is done here: the caller performs the [`Action`], may
//! complete the new registers with its result, and only then takes them over. If
//! the action fails, the guest gets #GP(0) at the instruction, whose registers
//! are still the old ones.
//!
//! The bytes can be others than those that trapped, if another vCPU writes them.
//! That gives the guest nothing: what is allowed depends on its mode alone.

mod control;
pub mod debug;
mod port;
mod registers;
pub mod store;

#[cfg(test)]
mod tests;

pub use registers::{Registers, gpr};

use crate::cpuid::Leaf;
use crate::msr::{MsrRead, MsrWrite};
use crate::trap::{Gate, Mode, rflags, vector};
use crate::types::{GuestAddr, MfnClaim};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic};

/// Bytes of the longest instruction.
pub const MAX_CODE: usize = 15;

/// The forced-emulation prefix, `ud2` and "xen", and the CPUID behind it.
pub const FORCED_CPUID: [u8; 7] = [0x0f, 0x0b, b'x', b'e', b'n', 0x0f, 0xa2];

/// An instruction that trapped.
#[derive(Clone, Copy, Debug)]
pub struct Trapped<'a> {
    /// The bytes at RIP, as many as could be read, up to [`MAX_CODE`].
    pub code: &'a [u8],
    /// Registers of the trapped context.
    pub regs: &'a Registers,
    /// Which half of the guest it is.
    pub mode: Mode,
    /// Whether its code segment is a 64-bit one; user code may have others.
    pub long_mode: bool,
}

/// What must be known of the vCPU and its domain.
pub trait Guest {
    /// The CPUID policy's answer.
    fn cpuid(&self, leaf: u32, subleaf: u32) -> Leaf;
    /// Whether the guest wants CPUID of its user code to fault.
    fn user_cpuid_faults(&self) -> bool;
    /// The MSR rules' answer.
    fn read_msr(&self, msr: u32) -> MsrRead;
    /// The MSR rules' answer.
    fn write_msr(&self, msr: u32, value: u64) -> MsrWrite;
    /// Virtual CR0.TS.
    fn task_switched(&self) -> bool;
    /// Virtual CR2.
    fn cr2(&self) -> u64;
    /// Machine address of the kernel's root table.
    fn cr3(&self) -> u64;
    /// CR4 bits that the guest has set of those it may change.
    fn cr4(&self) -> u64;
    /// CR4 bits that it may change.
    fn cr4_changeable(&self) -> u64;
    /// XCR0 bits that it may set; 0 without XSAVE.
    fn xcr0_max(&self) -> u64;
    /// Its debug registers.
    fn debug(&self) -> debug::DebugRegisters;
    /// Virtual IOPL (`PHYSDEVOP_set_iopl`).
    fn iopl(&self) -> u8;
    /// Whether its kernel counts as ring 0 to the virtual IOPL, not as ring 1.
    fn architectural_iopl(&self) -> bool;
    /// Whether its domain was granted these ports.
    fn has_ports(&self, port: u16, bytes: u8) -> bool;
    /// Whether its domain has devices, so that caches matter.
    fn has_devices(&self) -> bool;
    /// Base of FS or GS.
    fn segment_base(&self, segment: Segment) -> u64;
    /// The trap table's gate.
    fn gate(&self, vector: u8) -> Option<Gate>;
}

/// The segments that have a base in 64-bit mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// FS.
    Fs,
    /// GS, as live in the trapped context.
    Gs,
}

/// What the caller is to do before the new registers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Set virtual CR0.TS: the next FPU instruction gives #NM, or no longer does.
    SetTaskSwitched(bool),
    /// Set virtual CR2.
    SetCr2(u64),
    /// Load this root table, as `MMUEXT_NEW_BASEPTR` does.
    SetCr3(MfnClaim),
    /// Set virtual CR4: the bits that may be changed, and no others.
    SetCr4(u64),
    /// Load XCR0.
    SetXcr0(u64),
    /// The debug registers are now these.
    SetDebug(debug::DebugRegisters),
    /// Read a register that only the caller knows, and give its value to
    /// [`Registers::set_edx_eax`]. Never a value or a fault.
    ReadMsr(MsrRead),
    /// Write a register. Never a fault.
    WriteMsr(MsrWrite),
    /// Read the TSC, give it to [`Registers::set_edx_eax`]; with `aux` set ECX to TSC_AUX.
    ReadTsc {
        /// RDTSCP rather than RDTSC.
        aux: bool,
    },
    /// Write back caches.
    FlushCaches,
    /// Read a port, give the value to [`Registers::set_in`].
    In {
        /// First port.
        port: u16,
        /// 1, 2 or 4.
        bytes: u8,
    },
    /// Write a port.
    Out {
        /// First port.
        port: u16,
        /// 1, 2 or 4.
        bytes: u8,
        /// What.
        value: u32,
    },
    /// Read a port, or all ones without one, and write the value to the guest's memory.
    InString {
        /// First port, if the guest has it.
        port: Option<u16>,
        /// 1, 2 or 4.
        bytes: u8,
        /// Where to.
        to: GuestAddr,
    },
    /// Read the guest's memory and write the value to a port.
    OutString {
        /// First port, if the guest has it.
        port: Option<u16>,
        /// 1, 2 or 4.
        bytes: u8,
        /// Where from.
        from: GuestAddr,
    },
}

/// What comes of a trapped instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // lives on the stack for a moment
pub enum Emulation {
    /// It works: do the action, then take over the registers. If TF is set in them,
    /// a #DB follows ([`Registers::single_steps`]).
    Done {
        /// What to do first.
        action: Action,
        /// The registers afterwards.
        regs: Registers,
    },
    /// `int n`: bounce through the trap table from the registers, which are behind
    /// the instruction, without error code.
    SoftwareInterrupt {
        /// Which vector.
        vector: u8,
        /// The registers afterwards.
        regs: Registers,
    },
    /// The guest gets an exception at the instruction.
    Inject {
        /// Which.
        vector: u8,
        /// Its error code, for those that have one.
        error: u32,
    },
}

/// #GP(0).
const REFUSED: Emulation = Emulation::Inject {
    vector: vector::GP,
    error: 0,
};
/// #UD.
const INVALID: Emulation = Emulation::Inject {
    vector: vector::UD,
    error: 0,
};

/// An instruction raised #UD: CPUID behind the forced-emulation prefix works for kernel
/// and user; anything else is the guest's own #UD.
pub fn invalid_opcode(at: &Trapped, guest: &impl Guest) -> Emulation {
    if !at.code.starts_with(&FORCED_CPUID) {
        return INVALID;
    }
    cpuid(at.regs.after(FORCED_CPUID.len()), guest)
}

/// An instruction raised #GP with this error code.
pub fn general_protection(at: &Trapped, error: u32, guest: &impl Guest) -> Emulation {
    let reflected = Emulation::Inject {
        vector: vector::GP,
        error,
    };
    let bits = if at.long_mode { 64 } else { 32 };
    let code = &at.code[..at.code.len().min(MAX_CODE)];
    let mut decoder = Decoder::with_ip(bits, code, at.regs.rip, DecoderOptions::NONE);
    let instruction = decoder.decode();
    if instruction.is_invalid() {
        return reflected;
    }
    let next = at.regs.after(instruction.len());
    // Emulators differ in the error code of `int n`, so the bytes decide.
    if instruction.mnemonic() == Mnemonic::Int {
        return software_interrupt(instruction.immediate8(), next, at.mode, guest);
    }
    if error != 0 {
        return reflected;
    }
    emulate(at, &instruction, next, guest).unwrap_or(reflected)
}

/// The instructions that raise #GP(0) for want of privilege. `None`: not one that we know.
fn emulate(
    at: &Trapped,
    instruction: &Instruction,
    next: Registers,
    guest: &impl Guest,
) -> Option<Emulation> {
    match instruction.mnemonic() {
        Mnemonic::Cpuid if at.mode.is_user() && guest.user_cpuid_faults() => Some(REFUSED),
        Mnemonic::Cpuid => Some(cpuid(next, guest)),
        Mnemonic::In | Mnemonic::Out => Some(port::plain(at, instruction, next, guest)),
        Mnemonic::Insb | Mnemonic::Insw | Mnemonic::Insd => {
            Some(port::string(at, instruction, next, guest))
        }
        Mnemonic::Outsb | Mnemonic::Outsw | Mnemonic::Outsd => {
            Some(port::string(at, instruction, next, guest))
        }
        // Ignored where the guest has the level for it, and never the event mask: what
        // POPF does to it cannot be seen, and half an interrupt flag is worse than none.
        Mnemonic::Cli | Mnemonic::Sti if has_iopl(at.mode, guest) => Some(done(Action::None, next)),
        // All that follows is the kernel's.
        _ if at.mode.is_user() => None,
        Mnemonic::Rdmsr => Some(rdmsr(next, guest)),
        Mnemonic::Wrmsr => Some(wrmsr(next, guest)),
        Mnemonic::Rdtsc => Some(done(Action::ReadTsc { aux: false }, next)),
        Mnemonic::Rdtscp => Some(done(Action::ReadTsc { aux: true }, next)),
        Mnemonic::Mov => control::moved(instruction, next, guest),
        Mnemonic::Clts => Some(done(Action::SetTaskSwitched(false), next)),
        Mnemonic::Xsetbv => Some(control::xsetbv(next, guest)),
        Mnemonic::Wbinvd | Mnemonic::Wbnoinvd => {
            let action = if guest.has_devices() {
                Action::FlushCaches
            } else {
                Action::None
            };
            Some(done(action, next))
        }
        // hlt, lgdt, lidt, lldt, ltr, lmsw, swapgs, sysret, sysexit, invd, invlpg, rdpmc and
        // whatever else: the guest has calls for these, or no business with them.
        _ => None,
    }
}

const fn done(action: Action, regs: Registers) -> Emulation {
    Emulation::Done { action, regs }
}

fn cpuid(mut regs: Registers, guest: &impl Guest) -> Emulation {
    let leaf = guest.cpuid(regs.rax() as u32, regs.rcx() as u32);
    regs.set_rax(u64::from(leaf.eax));
    regs.set_rbx(u64::from(leaf.ebx));
    regs.set_rcx(u64::from(leaf.ecx));
    regs.set_rdx(u64::from(leaf.edx));
    done(Action::None, regs)
}

fn rdmsr(mut regs: Registers, guest: &impl Guest) -> Emulation {
    match guest.read_msr(regs.rcx() as u32) {
        MsrRead::Fault => REFUSED,
        MsrRead::Value(value) => {
            regs.set_edx_eax(value);
            done(Action::None, regs)
        }
        known_to_caller => done(Action::ReadMsr(known_to_caller), regs),
    }
}

fn wrmsr(regs: Registers, guest: &impl Guest) -> Emulation {
    match guest.write_msr(regs.rcx() as u32, regs.edx_eax()) {
        MsrWrite::Fault => REFUSED,
        MsrWrite::Ignore => done(Action::None, regs),
        write => done(Action::WriteMsr(write), regs),
    }
}

fn software_interrupt(vector: u8, regs: Registers, mode: Mode, guest: &impl Guest) -> Emulation {
    if guest.gate(vector).is_some_and(|gate| gate.allows(mode)) {
        return Emulation::SoftwareInterrupt { vector, regs };
    }
    // The gate's index, and bit 1 for "in the IDT", as the CPU has it.
    Emulation::Inject {
        vector: vector::GP,
        error: u32::from(vector) << 3 | 2,
    }
}

/// Whether the virtual IOPL suffices in this mode.
fn has_iopl(mode: Mode, guest: &impl Guest) -> bool {
    let level = match mode {
        Mode::User => 3,
        Mode::Kernel if guest.architectural_iopl() => 0,
        Mode::Kernel => 1,
    };
    level <= guest.iopl()
}

impl Registers {
    /// The registers with RIP behind an instruction of `len` bytes, which has also
    /// used up RF.
    fn after(&self, len: usize) -> Self {
        let mut next = *self;
        next.rip = next.rip.wrapping_add(len as u64);
        next.rflags &= !rflags::RF;
        next
    }

    /// Whether a #DB follows the instruction that left these registers.
    pub const fn single_steps(&self) -> bool {
        self.rflags & rflags::TF != 0
    }
}
