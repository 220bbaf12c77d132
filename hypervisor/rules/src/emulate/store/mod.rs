//! Plain stores to read-only page tables.
//!
//! A guest kernel with the *writable page tables* assist writes entries of its lowest page
//! tables with ordinary instructions, although they are mapped read-only. Each such fault is
//! one instruction: [`Store::decode`] reads it, [`Store::apply`] says what the entry becomes.
//! The caller puts that into the table by the checked compare-and-exchange of
//! [`paging`](crate::paging), tries again with the entry it found if that was another one, and
//! only then takes over the registers.
//!
//! The instruction must be the one that faulted: it writes memory, into the 8-byte word of CR2,
//! naturally aligned. All else is refused, and the guest gets its page fault.

mod arithmetic;
mod operand;

#[cfg(test)]
mod tests;

use super::{MAX_CODE, Registers, Segment, Trapped, gpr};
use crate::trap::rflags;
use crate::types::GuestAddr;
use arithmetic::{Binary, Bit, Width, ZF};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind};
use operand::Place;

/// An instruction that stores into a page-table entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    operation: Operation,
    width: Width,
    /// Of the operand within the entry, in bytes.
    offset: u32,
    /// Where a string move reads.
    source: Option<GuestAddr>,
    /// The registers behind the instruction, as far as they do not depend on the entry.
    next: Registers,
}

/// What an entry becomes, and what the instruction leaves in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The new entry; the same as before if nothing is written.
    pub entry: u64,
    /// The registers afterwards.
    pub regs: Registers,
}

/// How the operand changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// `mov`, `movnti`, `stos`.
    Put(u64),
    /// `movs`: what is read from the source.
    Copy,
    /// `xchg`.
    Exchange(Place),
    /// `cmpxchg` with RAX.
    CompareExchange(Place),
    /// `cmpxchg8b`.
    CompareExchangePair,
    Binary(Binary, u64),
    /// `xadd`.
    ExchangeAdd(Place),
    /// `inc` or `dec`.
    Step {
        up: bool,
    },
    Negate,
    Not,
    Bit(Bit, u32),
}

impl Store {
    /// The store at RIP that raised a page fault at `cr2`; `base` gives the bases of FS and GS.
    /// `None`: not an instruction that is carried out here.
    pub fn decode(at: &Trapped, cr2: u64, base: impl Fn(Segment) -> u64) -> Option<Self> {
        if at.mode.is_user() || !at.long_mode {
            return None;
        }
        let code = &at.code[..at.code.len().min(MAX_CODE)];
        let mut decoder = Decoder::with_ip(64, code, at.regs.rip, DecoderOptions::NONE);
        let instruction = decoder.decode();
        if instruction.is_invalid() {
            return None;
        }
        let address = |operand| operand::address(&instruction, operand, at.regs, &base);
        let mut next = at.regs.after(instruction.len());
        let width = operand::width(&instruction)?;
        let mut to = match instruction.op0_kind() {
            OpKind::Memory | OpKind::MemoryESRDI | OpKind::MemoryESEDI => address(0)?,
            _ => return None,
        };
        let mut source = None;
        let operation = match instruction.mnemonic() {
            Mnemonic::Stosb | Mnemonic::Stosw | Mnemonic::Stosd | Mnemonic::Stosq => {
                advance(&instruction, at.regs, &mut next, width, &[(0, gpr::RDI)])?;
                Operation::Put(at.regs.rax())
            }
            Mnemonic::Movsb | Mnemonic::Movsw | Mnemonic::Movsd | Mnemonic::Movsq => {
                let indices = [(0, gpr::RDI), (1, gpr::RSI)];
                advance(&instruction, at.regs, &mut next, width, &indices)?;
                source = Some(GuestAddr(address(1)?));
                Operation::Copy
            }
            Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc => {
                let index = operand::value(&instruction, 1, at.regs)?;
                if instruction.op1_kind() == OpKind::Register {
                    // The index is signed and reaches beyond the operand.
                    let words = operand::sign_extend(index, width) >> width.bits().trailing_zeros();
                    to = to.wrapping_add_signed(words.wrapping_mul(width.bytes() as i64));
                }
                let how = match instruction.mnemonic() {
                    Mnemonic::Bts => Bit::Set,
                    Mnemonic::Btr => Bit::Reset,
                    _ => Bit::Complement,
                };
                Operation::Bit(how, index as u32 % width.bits())
            }
            _ => Operation::of(&instruction, at.regs)?,
        };
        let same_word = (to ^ cr2) & !7 == 0;
        (same_word && to % width.bytes() == 0).then_some(Self {
            operation,
            width,
            offset: to as u32 % 8,
            source,
            next,
        })
    }

    /// Where the value is to be read that is stored, and how many bytes of it. To be given to
    /// [`Store::with_source`] before [`Store::apply`].
    pub fn source(&self) -> Option<(GuestAddr, usize)> {
        self.source.map(|at| (at, usize::from(self.width.0)))
    }

    /// The store with the bytes that were read at its [`source`](Store::source).
    pub fn with_source(self, bytes: [u8; 8]) -> Self {
        Self {
            operation: Operation::Put(u64::from_le_bytes(bytes)),
            source: None,
            ..self
        }
    }

    /// What the store makes of an entry.
    pub fn apply(&self, entry: u64) -> Applied {
        let shift = self.offset * 8;
        let mask = self.width.mask();
        let mut regs = self.next;
        let new = self.operate(entry >> shift & mask, &mut regs) & mask;
        Applied {
            entry: entry & !(mask << shift) | new << shift,
            regs,
        }
    }

    /// The operand's new value; changes the registers that depend on the old one.
    fn operate(&self, old: u64, regs: &mut Registers) -> u64 {
        let (width, flags) = (self.width, regs.rflags);
        let (new, flags) = match self.operation {
            Operation::Put(value) => (value, flags),
            // Without its source, nothing changes.
            Operation::Copy => (old, flags),
            Operation::Exchange(place) => {
                let value = place.get(regs);
                place.put(regs, old);
                (value, flags)
            }
            Operation::CompareExchange(place) => {
                let value = place.get(regs);
                let accumulator = Place::accumulator(width);
                let expected = accumulator.get(regs);
                let (_, flags) = arithmetic::binary(Binary::Subtract, expected, old, width, flags);
                if expected == old {
                    (value, flags)
                } else {
                    accumulator.put(regs, old);
                    (old, flags)
                }
            }
            Operation::CompareExchangePair => {
                if regs.edx_eax() == old {
                    let value = regs.gpr[gpr::RCX] << 32 | regs.gpr[gpr::RBX] & 0xffff_ffff;
                    (value, flags | ZF)
                } else {
                    regs.set_edx_eax(old);
                    (old, flags & !ZF)
                }
            }
            Operation::Binary(how, value) => arithmetic::binary(how, old, value, width, flags),
            Operation::ExchangeAdd(place) => {
                let value = place.get(regs);
                place.put(regs, old);
                arithmetic::binary(Binary::Add, old, value, width, flags)
            }
            Operation::Step { up } => arithmetic::step(up, old, width, flags),
            Operation::Negate => arithmetic::binary(Binary::Subtract, 0, old, width, flags),
            Operation::Not => (!old, flags),
            Operation::Bit(how, index) => arithmetic::bit(how, old, index, flags),
        };
        regs.rflags = flags;
        new
    }
}

impl Operation {
    /// The operations whose operands are as they are written.
    fn of(instruction: &Instruction, regs: &Registers) -> Option<Self> {
        let value = || operand::value(instruction, 1, regs);
        let place = || Place::of(instruction.op1_register());
        let binary = |how| value().map(|value| Self::Binary(how, value));
        match instruction.mnemonic() {
            Mnemonic::Mov | Mnemonic::Movnti => value().map(Self::Put),
            Mnemonic::Xchg => place().map(Self::Exchange),
            Mnemonic::Cmpxchg => place().map(Self::CompareExchange),
            Mnemonic::Cmpxchg8b => Some(Self::CompareExchangePair),
            Mnemonic::Xadd => place().map(Self::ExchangeAdd),
            Mnemonic::Add => binary(Binary::Add),
            Mnemonic::Adc => binary(Binary::AddCarry),
            Mnemonic::Sub => binary(Binary::Subtract),
            Mnemonic::Sbb => binary(Binary::SubtractBorrow),
            Mnemonic::And => binary(Binary::And),
            Mnemonic::Or => binary(Binary::Or),
            Mnemonic::Xor => binary(Binary::Xor),
            Mnemonic::Inc => Some(Self::Step { up: true }),
            Mnemonic::Dec => Some(Self::Step { up: false }),
            Mnemonic::Neg => Some(Self::Negate),
            Mnemonic::Not => Some(Self::Not),
            _ => None,
        }
    }
}

/// One step of a string instruction: index registers move on, and with REP the count falls and
/// RIP stays until it is used up, so the guest comes back for the next one. `None`: nothing is
/// left to be done, so this was not what faulted. `indices`: operand and its register.
fn advance(
    instruction: &Instruction,
    regs: &Registers,
    next: &mut Registers,
    width: Width,
    indices: &[(u32, usize)],
) -> Option<()> {
    let wide = instruction.op0_kind() == OpKind::MemoryESRDI;
    let mask = if wide { u64::MAX } else { 0xffff_ffff };
    for &(_, index) in indices {
        let moved = if regs.rflags & rflags::DF == 0 {
            regs.gpr[index].wrapping_add(width.bytes())
        } else {
            regs.gpr[index].wrapping_sub(width.bytes())
        };
        next.gpr[index] = moved & mask;
    }
    if instruction.has_rep_prefix() || instruction.has_repne_prefix() {
        let count = regs.rcx() & mask;
        next.gpr[gpr::RCX] = count.checked_sub(1)?;
        if count > 1 {
            next.rip = regs.rip;
            next.rflags |= regs.rflags & rflags::RF;
        }
    }
    Some(())
}
