//! The bits of RFLAGS, and which of them a guest may own.

/// Bit 1, which always reads as one.
pub const FIXED: u64 = 1 << 1;
/// Single step.
pub const TF: u64 = 1 << 8;
/// Interrupts enabled.
pub const IF: u64 = 1 << 9;
/// Direction.
pub const DF: u64 = 1 << 10;
/// I/O privilege level, two bits.
pub const IOPL: u64 = 3 << 12;
/// First bit of [`IOPL`].
pub const IOPL_SHIFT: u32 = 12;
/// Nested task.
pub const NT: u64 = 1 << 14;
/// Resume.
pub const RF: u64 = 1 << 16;
/// Virtual-8086.
pub const VM: u64 = 1 << 17;
/// Alignment check.
pub const AC: u64 = 1 << 18;
/// CPUID can be toggled.
pub const ID: u64 = 1 << 21;

/// The arithmetic flags CF, PF, AF, ZF, SF and OF.
pub const ARITHMETIC: u64 = 0x8d5;

/// What a guest sets as it likes: arithmetic, TF, DF, NT, RF, AC, ID.
pub const GUEST: u64 = ARITHMETIC | TF | DF | NT | RF | AC | ID;

/// What every bounce clears on the way into the guest kernel.
pub const CLEARED_BY_BOUNCE: u64 = AC | VM | RF | NT | TF;

/// What the SYSCALL instruction must clear (MSR SFMASK): the ABI's fixed
/// value, and IF because ring 0 runs without interrupts.
pub const SFMASK: u64 = AC | DF | IF | NT | RF | TF | VM;

/// The real flags for flags that a guest asks for: interrupts stay on, because
/// the guest's own mask is `upcall_mask`, and IOPL stays 0, because anything
/// else would give ring 1 the true `cli` and every port.
pub const fn real(claimed: u64) -> u64 {
    claimed & GUEST | IF | FIXED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sfmask_is_the_abis_fixed_value() {
        // 0x74700: TF, IF, DF, NT, RF, VM, AC.
        assert_eq!(SFMASK, 0x7_4700);
    }

    #[test]
    fn real_flags_never_hold_iopl_vm_or_a_clear_if() {
        let all = real(u64::MAX);
        assert_eq!(all & (IOPL | VM), 0);
        assert_eq!(all, GUEST | IF | FIXED);
        assert_eq!(real(0), 0x202);
    }
}
