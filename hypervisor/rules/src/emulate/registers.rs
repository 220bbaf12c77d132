//! A vCPU's registers as the emulator sees them.

/// General registers, RIP and RFLAGS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Registers {
    /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15: the order of their numbers in code.
    pub gpr: [u64; 16],
    /// Instruction pointer.
    pub rip: u64,
    /// Flags.
    pub rflags: u64,
}

/// Places in [`Registers::gpr`].
pub mod gpr {
    #![allow(missing_docs)]
    pub const RAX: usize = 0;
    pub const RCX: usize = 1;
    pub const RDX: usize = 2;
    pub const RBX: usize = 3;
    pub const RSP: usize = 4;
    pub const RBP: usize = 5;
    pub const RSI: usize = 6;
    pub const RDI: usize = 7;
}

impl Registers {
    /// RAX.
    pub const fn rax(&self) -> u64 {
        self.gpr[gpr::RAX]
    }

    /// RCX.
    pub const fn rcx(&self) -> u64 {
        self.gpr[gpr::RCX]
    }

    /// RDX.
    pub const fn rdx(&self) -> u64 {
        self.gpr[gpr::RDX]
    }

    /// Sets RAX.
    pub const fn set_rax(&mut self, value: u64) {
        self.gpr[gpr::RAX] = value;
    }

    /// Sets RBX.
    pub const fn set_rbx(&mut self, value: u64) {
        self.gpr[gpr::RBX] = value;
    }

    /// Sets RCX.
    pub const fn set_rcx(&mut self, value: u64) {
        self.gpr[gpr::RCX] = value;
    }

    /// Sets RDX.
    pub const fn set_rdx(&mut self, value: u64) {
        self.gpr[gpr::RDX] = value;
    }

    /// The 64-bit value in EDX and EAX.
    pub const fn edx_eax(&self) -> u64 {
        self.rdx() << 32 | self.rax() & 0xffff_ffff
    }

    /// Puts a 64-bit value into EDX and EAX.
    pub const fn set_edx_eax(&mut self, value: u64) {
        self.set_rax(value & 0xffff_ffff);
        self.set_rdx(value >> 32);
    }

    /// Puts what was read from a port into AL, AX or EAX. As always a 32-bit write
    /// clears the upper half, and the others leave the rest.
    pub const fn set_in(&mut self, bytes: u8, value: u32) {
        let value = value as u64;
        self.set_rax(match bytes {
            1 => self.rax() & !0xff | value & 0xff,
            2 => self.rax() & !0xffff | value & 0xffff,
            _ => value,
        });
    }
}
