//! The fixed segment selectors, and what a guest is told about them.
//!
//! Xen reserves GDT entries from 0xe000 up. The user descriptors keep Xen's
//! places; the ring-1 pair, which Xen does not have for 64-bit guests, takes
//! free ones behind them. A guest never sees the pair in a frame: its kernel's
//! CS is shown as Xen shows it, with RPL 0, because guests test `cs & 3`.

/// Hypervisor code, ring 0.
pub const HV_CODE64: u16 = 0xe008;
/// Hypervisor data, ring 0.
pub const HV_DATA: u16 = 0xe010;
/// Flat 32-bit code, ring 3 (`FLAT_RING3_CS32`).
pub const USER_CODE32: u16 = 0xe023;
/// Flat data and stack, ring 3 (`FLAT_RING3_SS64`).
pub const USER_DATA: u16 = 0xe02b;
/// Flat 64-bit code, ring 3 (`FLAT_RING3_CS64`).
pub const USER_CODE64: u16 = 0xe033;
/// 64-bit code of guest kernels, ring 1.
pub const KERNEL_CODE64: u16 = 0xe041;
/// Stack of guest kernels, ring 1.
pub const KERNEL_DATA: u16 = 0xe049;
/// The task state segment; two entries long.
pub const TSS: u16 = 0xe050;
/// The guest's LDT; two entries long.
pub const LDT: u16 = 0xe060;

/// The CS a guest reads in the frame of its interrupted kernel: Xen's flat
/// code selector with the RPL cleared.
pub const SHOWN_KERNEL_CODE64: u16 = 0xe030;
/// The SS a guest reads in the frame of its interrupted kernel.
pub const SHOWN_KERNEL_DATA: u16 = 0xe02b;

/// First selector of the reserved part of the GDT.
pub const FIRST_RESERVED: u16 = 0xe000;
/// Requested privilege level: the low two bits of a selector.
pub const RPL: u16 = 3;

/// Which half of a guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// The guest's kernel: CPL 1.
    Kernel,
    /// The guest's user programs: CPL 3.
    User,
}

impl Mode {
    /// The mode of a context that the CPU interrupted with this CS. Only RPL 3
    /// is user: a kernel that made itself a ring-2 segment is still supervisor.
    pub const fn of_cs(cs: u16) -> Self {
        if cs & RPL == 3 {
            Self::User
        } else {
            Self::Kernel
        }
    }

    /// Whether this is [`Mode::User`].
    pub const fn is_user(self) -> bool {
        matches!(self, Self::User)
    }
}

/// The CS to show to the guest for an interrupted context.
pub const fn shown_cs(mode: Mode, cs: u16) -> u16 {
    match mode {
        Mode::User => cs,
        Mode::Kernel if cs == KERNEL_CODE64 => SHOWN_KERNEL_CODE64,
        Mode::Kernel => cs & !RPL,
    }
}

/// The SS to show to the guest for an interrupted context.
pub const fn shown_ss(mode: Mode, ss: u16) -> u16 {
    match mode {
        Mode::Kernel if ss == KERNEL_DATA => SHOWN_KERNEL_DATA,
        _ => ss,
    }
}

/// The pair CS, SS to load for selectors that a guest names. A kernel always
/// gets the fixed ring-1 pair, whatever it names; user selectors keep their
/// index and get RPL 3, and the CPU checks the descriptor.
pub const fn loaded(mode: Mode, cs: u16, ss: u16) -> (u16, u16) {
    match mode {
        Mode::Kernel => (KERNEL_CODE64, KERNEL_DATA),
        Mode::User => (cs | RPL, ss | RPL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rpl_3_is_user() {
        assert_eq!(Mode::of_cs(USER_CODE64), Mode::User);
        assert_eq!(Mode::of_cs(0x33), Mode::User);
        assert_eq!(Mode::of_cs(KERNEL_CODE64), Mode::Kernel);
        assert_eq!(Mode::of_cs(0x12), Mode::Kernel);
        assert_eq!(Mode::of_cs(0x10), Mode::Kernel);
    }

    #[test]
    fn a_kernel_is_shown_rpl_0_and_loaded_with_the_ring_1_pair() {
        assert_eq!(shown_cs(Mode::Kernel, KERNEL_CODE64), 0xe030);
        assert_eq!(shown_cs(Mode::Kernel, 0x11), 0x10);
        assert_eq!(shown_ss(Mode::Kernel, KERNEL_DATA), 0xe02b);
        assert_eq!(shown_ss(Mode::Kernel, 0x19), 0x19);
        for cs in [0xe030, 0xe033, 0x10, 0x11, 0x12, KERNEL_CODE64, HV_CODE64] {
            assert_eq!(loaded(Mode::Kernel, cs, HV_DATA), (0xe041, 0xe049));
        }
    }

    #[test]
    fn user_selectors_keep_their_index() {
        assert_eq!(shown_cs(Mode::User, 0x33), 0x33);
        assert_eq!(shown_ss(Mode::User, 0x2b), 0x2b);
        assert_eq!(loaded(Mode::User, 0x33, 0x28), (0x33, 0x2b));
    }

    #[test]
    fn rings_are_in_the_selectors() {
        assert_eq!(KERNEL_CODE64 & RPL, 1);
        assert_eq!(KERNEL_DATA & RPL, 1);
        assert_eq!(USER_CODE64 & RPL, 3);
        assert_eq!(HV_CODE64 & RPL, 0);
    }
}
