//! The frame that every entry into the kernel must have, whatever the cause.

use super::event;
use super::say::Outcome;
use super::trap::{self, Code, Kind, Regs, Start, Trap};
use super::user;

/// Where a piece of code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// Kernel mode, events masked.
    Kernel,
    /// Kernel mode, events let in.
    KernelUnmasked,
    /// User mode, events let in.
    User,
}

impl Where {
    /// All three.
    pub const ALL: [Where; 3] = [Where::Kernel, Where::KernelUnmasked, Where::User];

    /// Whether this is user mode.
    pub fn is_user(self) -> bool {
        self == Where::User
    }

    /// Address of the code's first instruction.
    pub fn address(self, code: Code) -> u64 {
        match self {
            Where::User => user::CODE,
            _ => code as usize as u64,
        }
    }

    /// Runs code there.
    pub fn run(self, code: Code, regs: Regs) -> Trap {
        match self {
            Where::User => user::run(code, regs),
            Where::Kernel => trap::kernel(code, regs),
            Where::KernelUnmasked => {
                // The user's space is made with events masked, like everything else.
                user::space();
                let start = Start::kernel(code, regs);
                event::set_mask(false);
                let trap = trap::run(&start);
                event::set_mask(true);
                trap
            }
        }
    }
}

/// What a trap should be.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Vector.
    pub vector: u8,
    /// Error code, for the vectors that have one.
    pub code: Option<u64>,
    /// RIP, counted from the code's first instruction.
    pub at: u64,
    /// Flags of the frame besides IF and the bit that is always set, as far as `flag_mask` says.
    pub flags: u64,
    /// The flags that are compared; the arithmetic ones are left out by default.
    pub flag_mask: u64,
}

impl Expected {
    /// An exception without an error code at the first instruction.
    pub const fn fault(vector: u8) -> Expected {
        Expected {
            vector,
            code: None,
            at: 0,
            flags: 0,
            flag_mask: !0x8d5,
        }
    }

    /// With an error code.
    pub const fn code(mut self, code: u64) -> Expected {
        self.code = Some(code);
        self
    }

    /// At another instruction.
    pub const fn at(mut self, at: u64) -> Expected {
        self.at = at;
        self
    }
}

/// Runs code in a place and compares everything that the ABI says of the frame.
pub fn raises(
    place: Where,
    code: Code,
    regs: Regs,
    expected: Expected,
) -> Result<Trap, alloc::string::String> {
    let trap = place.run(code, regs);
    frame(&trap, place, place.address(code), expected)?;
    Ok(trap)
}

/// Compares everything that the ABI says of a frame, but for registers.
pub fn frame(trap: &Trap, place: Where, base: u64, expected: Expected) -> Outcome {
    let vector = expected.vector;
    check!(
        trap.kind == Kind::Vector(vector),
        "{place:?}: expected vector {vector}, seen {trap:x?}"
    );
    check!(
        trap.code == expected.code,
        "{place:?}: vector {vector}: expected error code {:x?}, seen {:x?}",
        expected.code,
        trap.code
    );
    let mask = u64::from(place == Where::Kernel);
    let cs = if place.is_user() { 0xe033 } else { 0xe030 };
    same!(
        trap.rip,
        base + expected.at,
        "{place:?}: vector {vector}: RIP"
    );
    same!(
        trap.cs,
        cs | mask << 32,
        "{place:?}: vector {vector}: CS and saved mask"
    );
    same!(trap.ss, 0xe02b, "{place:?}: vector {vector}: SS");
    let flags = 2 | (1 - mask) << 9 | expected.flags;
    same!(
        trap.rflags & expected.flag_mask,
        flags & expected.flag_mask,
        "{place:?}: vector {vector}: RFLAGS in the frame"
    );
    let words = if expected.code.is_some() { 8 } else { 7 };
    let top = if place.is_user() {
        same!(
            trap.rsp,
            user::STACK_TOP - 64,
            "{place:?}: vector {vector}: RSP"
        );
        user::space().kernel_stack
    } else {
        trap.rsp & !15
    };
    same!(
        trap.frame_at,
        top - words * 8,
        "{place:?}: vector {vector}: the frame's place"
    );
    same!(
        trap.mask,
        1,
        "{place:?}: vector {vector}: event mask in the handler"
    );
    // TF, NT, RF, VM, AC are cleared for the handler; the real IF stays set.
    same!(
        trap.own_rflags & 0x7_4300,
        0x200,
        "{place:?}: vector {vector}: the handler's RFLAGS"
    );
    Ok(())
}

/// Compares the registers of interrupted code with what they were.
pub fn registers(trap: &Trap, expected: &Regs) -> Outcome {
    for ((name, seen), (_, wanted)) in trap.regs.named().into_iter().zip(expected.named()) {
        same!(seen, wanted, "{:?}: {name}", trap.kind);
    }
    Ok(())
}
