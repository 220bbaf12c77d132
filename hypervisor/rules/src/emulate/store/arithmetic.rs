//! What integer instructions do to values and to the arithmetic flags (Intel SDM 1, 3.4.3.1).
//!
//! Flags that the manual calls undefined are left as common CPUs leave them.

use crate::trap::rflags;

const CF: u64 = 1 << 0;
const PF: u64 = 1 << 2;
const AF: u64 = 1 << 4;
pub(super) const ZF: u64 = 1 << 6;
const SF: u64 = 1 << 7;
const OF: u64 = 1 << 11;

/// Bytes of an operand: 1, 2, 4 or 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Width(pub u8);

impl Width {
    pub const fn bytes(self) -> u64 {
        self.0 as u64
    }
    pub const fn bits(self) -> u32 {
        self.0 as u32 * 8
    }
    /// All ones of this width.
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits())
    }
    const fn sign(self) -> u64 {
        1 << (self.bits() - 1)
    }
}

/// Operations of two operands whose result replaces the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    AddCarry,
    Subtract,
    SubtractBorrow,
    And,
    Or,
    Xor,
}

/// What becomes of one bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bit {
    Set,
    Reset,
    Complement,
}

/// The result, and the flags with the arithmetic ones replaced.
pub(super) fn binary(how: Binary, a: u64, b: u64, width: Width, flags: u64) -> (u64, u64) {
    let (a, b) = (a & width.mask(), b & width.mask());
    let carry = flags & CF;
    match how {
        Binary::Add => add(a, b, 0, width, flags),
        Binary::AddCarry => add(a, b, carry, width, flags),
        Binary::Subtract => subtract(a, b, 0, width, flags),
        Binary::SubtractBorrow => subtract(a, b, carry, width, flags),
        Binary::And => logic(a & b, width, flags),
        Binary::Or => logic(a | b, width, flags),
        Binary::Xor => logic(a ^ b, width, flags),
    }
}

/// `inc` and `dec`: as adding or subtracting one, but the carry stays.
pub(super) fn step(up: bool, a: u64, width: Width, flags: u64) -> (u64, u64) {
    let how = if up { Binary::Add } else { Binary::Subtract };
    let (result, new) = binary(how, a, 1, width, flags);
    (result, new & !CF | flags & CF)
}

/// `bts`, `btr`, `btc`: the carry becomes the bit as it was, other flags stay.
pub(super) fn bit(how: Bit, a: u64, index: u32, flags: u64) -> (u64, u64) {
    let mask = 1 << index;
    let result = match how {
        Bit::Set => a | mask,
        Bit::Reset => a & !mask,
        Bit::Complement => a ^ mask,
    };
    (result, flags & !CF | a >> index & 1)
}

fn add(a: u64, b: u64, carry: u64, width: Width, flags: u64) -> (u64, u64) {
    let wide = u128::from(a) + u128::from(b) + u128::from(carry);
    let result = wide as u64 & width.mask();
    let overflow = (a ^ result) & (b ^ result) & width.sign() != 0;
    let carried = wide >> width.bits() != 0;
    (
        result,
        arithmetic(result, a ^ b, carried, overflow, width, flags),
    )
}

fn subtract(a: u64, b: u64, borrow: u64, width: Width, flags: u64) -> (u64, u64) {
    let result = a.wrapping_sub(b).wrapping_sub(borrow) & width.mask();
    let overflow = (a ^ b) & (a ^ result) & width.sign() != 0;
    let borrowed = u128::from(a) < u128::from(b) + u128::from(borrow);
    (
        result,
        arithmetic(result, a ^ b, borrowed, overflow, width, flags),
    )
}

fn logic(result: u64, width: Width, flags: u64) -> (u64, u64) {
    // With `differ` the result itself, there is never an auxiliary carry.
    (
        result,
        arithmetic(result, result, false, false, width, flags),
    )
}

/// `differ`: the operands' exclusive or, which tells of the carry out of bit 3.
fn arithmetic(
    result: u64,
    differ: u64,
    carry: bool,
    overflow: bool,
    width: Width,
    flags: u64,
) -> u64 {
    let set = |flag, on| if on { flag } else { 0 };
    flags & !rflags::ARITHMETIC
        | set(CF, carry)
        | set(PF, (result as u8).count_ones().is_multiple_of(2))
        | (differ ^ result) & AF
        | set(ZF, result == 0)
        | set(SF, result & width.sign() != 0)
        | set(OF, overflow)
}
