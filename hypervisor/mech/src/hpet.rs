//! The HPET's main counter, as a ruler for the TSC.

use crate::mm;
use core::ptr::NonNull;

// Registers and bits (IA-PC HPET specification 1.0a, section 2.3).
const CAPABILITIES: usize = 0x000;
const CONFIGURATION: usize = 0x010;
const COUNTER: usize = 0x0f0;
const ENABLE: u64 = 1;
const REGISTER_BYTES: u64 = 1024;
/// The longest period that the specification allows, in femtoseconds.
const MAX_PERIOD_FS: u64 = 100_000_000;

/// A running HPET.
#[derive(Debug)]
pub struct Hpet {
    registers: NonNull<u8>,
    period_fs: u64,
}

impl Hpet {
    /// Starts the counter of the HPET whose registers are at `maddr`, if there is one.
    pub fn open(maddr: u64) -> Option<Self> {
        let registers = mm::device::registers(maddr, REGISTER_BYTES).ok()?;
        let mut hpet = Self {
            registers,
            period_fs: 0,
        };
        hpet.period_fs = hpet.read(CAPABILITIES) >> 32;
        if hpet.period_fs == 0 || hpet.period_fs > MAX_PERIOD_FS {
            return None;
        }
        let configuration = hpet.read(CONFIGURATION) | ENABLE;
        // SAFETY: a register of the mapped page; counting touches no memory.
        unsafe {
            hpet.registers
                .add(CONFIGURATION)
                .cast()
                .write_volatile(configuration)
        };
        Some(hpet)
    }

    /// Nanoseconds since an earlier reading of [`Self::count`]. A counter of 32 bits is allowed for.
    pub fn ns_since(&self, earlier: u64) -> u64 {
        let ticks = u64::from(self.count().wrapping_sub(earlier) as u32);
        (u128::from(ticks) * u128::from(self.period_fs) / 1_000_000) as u64
    }

    /// The counter.
    pub fn count(&self) -> u64 {
        self.read(COUNTER)
    }

    fn read(&self, register: usize) -> u64 {
        // SAFETY: a register of the mapped page.
        unsafe { self.registers.add(register).cast::<u64>().read_volatile() }
    }
}
