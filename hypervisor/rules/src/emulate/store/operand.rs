//! Operands of decoded instructions: registers, immediates, addresses.

use super::arithmetic::Width;
use super::{Registers, Segment, gpr};
use iced_x86::{Instruction, MemorySize, OpKind, Register};

/// A general register, or the part of one, by its name in code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    index: usize,
    width: Width,
    /// AH, CH, DH or BH.
    high: bool,
}

impl Place {
    /// `None`: not a general register.
    pub fn of(register: Register) -> Option<Self> {
        // The decoder numbers registers of a kind in the order of their numbers in code.
        let from = |first: Register| register as usize - first as usize;
        let (index, width, high) = match register as usize {
            n if n < Register::AL as usize => return None,
            n if n < Register::AH as usize => (from(Register::AL), 1, false),
            n if n < Register::SPL as usize => (from(Register::AH), 1, true),
            n if n < Register::AX as usize => (from(Register::SPL) + gpr::RSP, 1, false),
            n if n < Register::EAX as usize => (from(Register::AX), 2, false),
            n if n < Register::RAX as usize => (from(Register::EAX), 4, false),
            n if n <= Register::R15 as usize => (from(Register::RAX), 8, false),
            _ => return None,
        };
        Some(Self {
            index,
            width: Width(width),
            high,
        })
    }

    /// AL, AX, EAX or RAX.
    pub const fn accumulator(width: Width) -> Self {
        Self {
            index: gpr::RAX,
            width,
            high: false,
        }
    }

    const fn shift(self) -> u32 {
        if self.high { 8 } else { 0 }
    }

    /// Its value.
    pub const fn get(self, regs: &Registers) -> u64 {
        regs.gpr[self.index] >> self.shift() & self.width.mask()
    }

    /// Writes it: a 32-bit write clears the upper half, smaller ones leave the rest.
    pub const fn put(self, regs: &mut Registers, value: u64) {
        let mask = self.width.mask() << self.shift();
        let value = value << self.shift() & mask;
        regs.gpr[self.index] = match self.width.0 {
            4 | 8 => value,
            _ => regs.gpr[self.index] & !mask | value,
        };
    }
}

/// Bytes of the memory operand, if it is an integer of at most 8.
pub(super) fn width(instruction: &Instruction) -> Option<Width> {
    Some(Width(match instruction.memory_size() {
        MemorySize::UInt8 | MemorySize::Int8 => 1,
        MemorySize::UInt16 | MemorySize::Int16 => 2,
        MemorySize::UInt32 | MemorySize::Int32 => 4,
        MemorySize::UInt64 | MemorySize::Int64 => 8,
        _ => return None,
    }))
}

/// A register or immediate operand, as far as it is general.
pub(super) fn value(instruction: &Instruction, operand: u32, regs: &Registers) -> Option<u64> {
    match instruction.op_kind(operand) {
        OpKind::Register => {
            Place::of(instruction.op_register(operand)).map(|place| place.get(regs))
        }
        OpKind::Immediate8
        | OpKind::Immediate16
        | OpKind::Immediate32
        | OpKind::Immediate8to16
        | OpKind::Immediate8to32
        | OpKind::Immediate8to64
        | OpKind::Immediate32to64 => Some(instruction.immediate(operand)),
        _ => None,
    }
}

/// The linear address of a memory operand.
pub(super) fn address(
    instruction: &Instruction,
    operand: u32,
    regs: &Registers,
    base: impl Fn(Segment) -> u64,
) -> Option<u64> {
    instruction.virtual_address(operand, 0, |register, _, _| match register {
        Register::FS => Some(base(Segment::Fs)),
        Register::GS => Some(base(Segment::Gs)),
        Register::CS | Register::DS | Register::ES | Register::SS => Some(0),
        general => Place::of(general).map(|place| place.get(regs)),
    })
}

/// A value of this width as a signed one.
pub(super) const fn sign_extend(value: u64, width: Width) -> i64 {
    let unused = 64 - width.bits();
    (value << unused) as i64 >> unused
}
