//! Port input and output.
//!
//! Without the virtual IOPL for it the instruction faults. With it, it works on
//! ports that the domain was granted, and elsewhere finds what an empty bus gives:
//! reads are all ones, writes are lost.

use super::registers::gpr;
use super::{Action, Emulation, Guest, REFUSED, Registers, Segment, Trapped, done, has_iopl};
use crate::trap::rflags;
use crate::types::GuestAddr;
use iced_x86::{Code, Instruction, Mnemonic, OpKind, Register};

/// `in` and `out`.
pub(super) fn plain(
    at: &Trapped,
    instruction: &Instruction,
    mut next: Registers,
    guest: &impl Guest,
) -> Emulation {
    if !has_iopl(at.mode, guest) {
        return REFUSED;
    }
    let (port_operand, data) = match instruction.mnemonic() {
        Mnemonic::In => (1, instruction.op0_register()),
        _ => (0, instruction.op1_register()),
    };
    let port = match instruction.op_kind(port_operand) {
        OpKind::Immediate8 => u16::from(instruction.immediate8()),
        _ => at.regs.rdx() as u16,
    };
    let bytes = match data {
        Register::AL => 1,
        Register::AX => 2,
        _ => 4,
    };
    let granted = has_ports(guest, port, bytes);
    match (instruction.mnemonic(), granted) {
        (Mnemonic::In, true) => done(Action::In { port, bytes }, next),
        (Mnemonic::In, false) => {
            next.set_in(bytes, u32::MAX);
            done(Action::None, next)
        }
        (_, true) => {
            let mask = u32::MAX >> (32 - 8 * u32::from(bytes));
            done(
                Action::Out {
                    port,
                    bytes,
                    value: at.regs.rax() as u32 & mask,
                },
                next,
            )
        }
        (_, false) => done(Action::None, next),
    }
}

/// `ins` and `outs`, one iteration. With REP, RIP stays at the instruction until
/// the count is used up, so the guest comes back for the next one.
pub(super) fn string(
    at: &Trapped,
    instruction: &Instruction,
    mut next: Registers,
    guest: &impl Guest,
) -> Emulation {
    if !has_iopl(at.mode, guest) {
        return REFUSED;
    }
    let input = matches!(
        instruction.mnemonic(),
        Mnemonic::Insb | Mnemonic::Insw | Mnemonic::Insd
    );
    let bytes = match instruction.code() {
        Code::Insb_m8_DX | Code::Outsb_DX_m8 => 1,
        Code::Insw_m16_DX | Code::Outsw_DX_m16 => 2,
        _ => 4,
    };
    // The operand is addressed by RDI, EDI or DI, or their like for the source.
    let index = if input { gpr::RDI } else { gpr::RSI };
    let mask = match instruction.op_kind(if input { 0 } else { 1 }) {
        OpKind::MemoryESRDI | OpKind::MemorySegRSI => u64::MAX,
        OpKind::MemoryESEDI | OpKind::MemorySegESI => 0xffff_ffff,
        _ => 0xffff,
    };
    if instruction.has_rep_prefix() || instruction.has_repne_prefix() {
        let count = at.regs.rcx() & mask;
        if count == 0 {
            return done(Action::None, next);
        }
        next.gpr[gpr::RCX] = put(at.regs.rcx(), count - 1, mask);
        if count > 1 {
            next.rip = at.regs.rip;
        }
    }
    let base = match instruction.memory_segment() {
        _ if input => 0,
        Register::FS => guest.segment_base(Segment::Fs),
        Register::GS => guest.segment_base(Segment::Gs),
        _ => 0,
    };
    let address = GuestAddr(base.wrapping_add(at.regs.gpr[index] & mask));
    let step = u64::from(bytes);
    let moved = if at.regs.rflags & rflags::DF == 0 {
        at.regs.gpr[index].wrapping_add(step)
    } else {
        at.regs.gpr[index].wrapping_sub(step)
    };
    next.gpr[index] = put(at.regs.gpr[index], moved & mask, mask);
    let port = at.regs.rdx() as u16;
    let port = has_ports(guest, port, bytes).then_some(port);
    done(
        if input {
            Action::InString {
                port,
                bytes,
                to: address,
            }
        } else {
            Action::OutString {
                port,
                bytes,
                from: address,
            }
        },
        next,
    )
}

/// A register after a write of the width that `mask` tells.
const fn put(old: u64, new: u64, mask: u64) -> u64 {
    if mask == 0xffff {
        old & !mask | new
    } else {
        new
    }
}

/// Whether all of the ports are there and granted.
fn has_ports(guest: &impl Guest, port: u16, bytes: u8) -> bool {
    port.checked_add(u16::from(bytes) - 1).is_some() && guest.has_ports(port, bytes)
}
