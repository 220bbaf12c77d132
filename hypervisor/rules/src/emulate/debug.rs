//! The guest's debug registers: what `set_debugreg` and `mov dr` may put there.

use crate::types::GuestAddr;

/// DR6: bits that always read as one.
const DR6_ONES: u64 = 0xffff_0ff0;
/// DR6: bits that may be set: B0 to B3, BD, BS, BT.
const DR6_KNOWN: u64 = 0xf | 0b111 << 13;
/// DR7: the bit that always reads as one.
const DR7_ONE: u64 = 1 << 10;
/// DR7: trap accesses to debug registers.
const DR7_GD: u64 = 1 << 13;
/// DR7: enables, exact bits, conditions and lengths.
const DR7_KNOWN: u64 = 0xffff_0000 | 0x3ff;
/// DR7: the enable bits of all breakpoints.
const ENABLES: u64 = 0xff;
/// DR7 condition: I/O.
const ON_IO: u64 = 2;

/// The registers of one vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebugRegisters {
    /// DR0 to DR3.
    pub address: [u64; 4],
    /// DR6.
    pub status: u64,
    /// DR7. Breakpoints are live when any of its low eight bits is set.
    pub control: u64,
}

/// Why a value was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugError {
    /// No such register: `-EINVAL`.
    NoSuchRegister,
    /// An address that is not the guest's, or a condition that would act on the
    /// hypervisor: `-EPERM`.
    NotAllowed,
    /// Bits above the low 32: `-EINVAL`. Reserved ones below are set as the CPU has them.
    Reserved,
}

impl Default for DebugRegisters {
    /// As after reset: nothing armed.
    fn default() -> Self {
        Self {
            address: [0; 4],
            status: DR6_ONES,
            control: DR7_ONE,
        }
    }
}

/// CR4: DR4 and DR5 are invalid, not DR6 and DR7.
pub const CR4_DE: u64 = 1 << 3;

/// The register that a number means under a CR4: DR4 and DR5 are DR6 and DR7, unless debugging
/// extensions are on.
pub const fn register(number: u64, cr4: u64) -> Option<u32> {
    match number {
        0..=3 | 6 | 7 => Some(number as u32),
        4 | 5 if cr4 & CR4_DE == 0 => Some(number as u32 + 2),
        _ => None,
    }
}

impl DebugRegisters {
    /// DR0-3, DR6 or DR7; `None` for others.
    pub const fn read(&self, register: u32) -> Option<u64> {
        match register {
            0..=3 => Some(self.address[register as usize]),
            6 => Some(self.status),
            7 => Some(self.control),
            _ => None,
        }
    }

    /// The registers after a write.
    ///
    /// # Errors
    /// See [`DebugError`].
    pub fn write(&self, register: u32, value: u64) -> Result<Self, DebugError> {
        let mut new = *self;
        match register {
            0..=3 => {
                let address = GuestAddr(value);
                if !address.is_canonical() || address.is_hypervisors() {
                    return Err(DebugError::NotAllowed);
                }
                new.address[register as usize] = value;
            }
            6 => {
                if value >> 32 != 0 {
                    return Err(DebugError::Reserved);
                }
                new.status = value & DR6_KNOWN | DR6_ONES;
            }
            7 => {
                if value >> 32 != 0 {
                    return Err(DebugError::Reserved);
                }
                if value & DR7_GD != 0 {
                    return Err(DebugError::NotAllowed);
                }
                let on_io = (0..4).any(|i| value >> (16 + i * 4) & 3 == ON_IO);
                if on_io && value & ENABLES != 0 {
                    return Err(DebugError::NotAllowed);
                }
                new.control = value & DR7_KNOWN | DR7_ONE;
            }
            _ => return Err(DebugError::NoSuchRegister),
        }
        Ok(new)
    }

    /// Adds what the CPU's DR6 says after a #DB.
    pub const fn note(&mut self, status: u64) {
        self.status |= status & !DR6_ONES;
        self.status &= status | !DR6_ONES;
    }

    /// Adds a single step.
    pub const fn note_step(&mut self) {
        const BS: u64 = 1 << 14;
        self.note(BS | DR6_ONES);
    }

    /// Whether any breakpoint is enabled, so that the real registers are needed.
    pub const fn armed(&self) -> bool {
        self.control & ENABLES != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_the_guests() {
        let none = DebugRegisters::default();
        for good in [0, 0x40_0000, 0xffff_ffff_8100_0000] {
            assert_eq!(none.write(2, good).unwrap().read(2), Some(good));
        }
        for bad in [
            0x8000_0000_0000,
            0xffff_8000_0000_0000,
            0xffff_87ff_ffff_ffff,
        ] {
            assert_eq!(none.write(2, bad), Err(DebugError::NotAllowed), "{bad:#x}");
        }
    }

    #[test]
    fn status_and_control_have_fixed_bits() {
        let none = DebugRegisters::default();
        assert_eq!(
            (none.read(6), none.read(7)),
            (Some(0xffff_0ff0), Some(0x400))
        );
        assert_eq!(none.write(6, 0).unwrap().read(6), Some(0xffff_0ff0));
        assert_eq!(none.write(6, 0x400f).unwrap().read(6), Some(0xffff_4fff));
        assert_eq!(none.write(6, 1 << 32), Err(DebugError::Reserved));
        assert_eq!(none.write(7, 1).unwrap().read(7), Some(0x401));
        assert_eq!(none.write(7, 1 << 32), Err(DebugError::Reserved));
        assert_eq!(none.write(7, 0xd801).unwrap().read(7), Some(0x401));
        assert_eq!(none.write(6, 1 << 12).unwrap().read(6), Some(0xffff_0ff0));
        assert_eq!(none.write(7, 1 << 32 | 1 << 13), Err(DebugError::Reserved));
    }

    #[test]
    fn no_general_detect_and_no_io_breakpoints() {
        let none = DebugRegisters::default();
        assert_eq!(none.write(7, 1 << 13), Err(DebugError::NotAllowed));
        assert_eq!(none.write(7, 1 | 2 << 16), Err(DebugError::NotAllowed));
        assert_eq!(
            none.write(7, 1 | 2 << 20),
            Err(DebugError::NotAllowed),
            "of another"
        );
        assert!(none.write(7, 2 << 16).is_ok(), "not armed");
        assert!(none.write(7, 1 | 3 << 16).unwrap().armed());
        assert!(!none.armed());
    }

    #[test]
    fn what_the_cpu_tells_is_added() {
        let mut registers = DebugRegisters::default();
        registers.note(0xffff_0ff2);
        registers.note_step();
        assert_eq!(registers.read(6), Some(0xffff_4ff2));
        // A transaction's bit is set where nothing happened.
        registers.note(0xfffe_0ff0);
        assert_eq!(registers.read(6), Some(0xfffe_4ff2));
    }

    #[test]
    fn there_is_no_dr4() {
        let none = DebugRegisters::default();
        for dr in [4, 5, 8] {
            assert_eq!(none.write(dr, 0), Err(DebugError::NoSuchRegister));
            assert_eq!(none.read(dr), None);
        }
    }
}
