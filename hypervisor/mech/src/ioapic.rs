//! The I/O APICs: which device line raises which vector where.
//!
//! All lines are masked at start, and the old 8259 controllers silenced. Lines are then
//! opened one by one, by their ISA number.

use crate::acpi_tables::{IoApic, Platform};
use crate::mm::{self, OutOfMemory};
use crate::{apic, port};
use alloc::vec::Vec;
use core::ptr::NonNull;
use spin::Mutex;
use xenolith_rules::types::CpuId;

// Register numbers and bits (Intel 82093AA data sheet).
const SELECT: usize = 0x00;
const WINDOW: usize = 0x10;
const VERSION: u32 = 1;
const REDIRECTION: u32 = 0x10;
const MASKED: u32 = 1 << 16;
const LEVEL: u32 = 1 << 15;
const ACTIVE_LOW: u32 = 1 << 13;

struct Unit {
    registers: NonNull<u8>,
    first_line: u32,
    lines: u32,
}

// SAFETY: the registers are mapped for good in all roots, and used under the lock only.
unsafe impl Send for Unit {}

static UNITS: Mutex<Vec<Unit>> = Mutex::new(Vec::new());

impl Unit {
    fn read(&self, register: u32) -> u32 {
        // SAFETY: select and window are two registers of the mapped page.
        unsafe {
            self.registers
                .add(SELECT)
                .cast::<u32>()
                .write_volatile(register);
            self.registers.add(WINDOW).cast::<u32>().read_volatile()
        }
    }

    fn write(&self, register: u32, value: u32) {
        // SAFETY: as for `read`; an interrupt's vector or destination touches no memory.
        unsafe {
            self.registers
                .add(SELECT)
                .cast::<u32>()
                .write_volatile(register);
            self.registers
                .add(WINDOW)
                .cast::<u32>()
                .write_volatile(value);
        }
    }
}

/// Maps all I/O APICs and masks all lines.
///
/// # Errors
/// No memory is left to map them.
pub fn start(units: &[IoApic]) -> Result<(), OutOfMemory> {
    let mut all = UNITS.lock();
    for unit in units {
        let registers = mm::device::registers(unit.maddr, 4096)?;
        let mut unit = Unit {
            registers,
            first_line: unit.first_line,
            lines: 0,
        };
        unit.lines = (unit.read(VERSION) >> 16 & 0xff) + 1;
        for line in 0..unit.lines {
            unit.write(REDIRECTION + 2 * line, MASKED);
        }
        all.push(unit);
    }
    Ok(())
}

/// Moves the 8259s' vectors behind the exceptions and masks all their lines.
///
/// Before the local APIC stops to accept their interrupts: one that is pending in the CPU
/// must be taken back by its source, or QEMU 7.2 later delivers it without a vector.
pub(crate) fn silence_8259() {
    const COMMANDS: [u16; 2] = [0x20, 0xa0];
    const INIT_WITH_4: u8 = 0x11;
    const MODE_8086: u8 = 1;
    for (command, (vector, cascade)) in COMMANDS.into_iter().zip([(0x20, 4), (0x28, 2)]) {
        for (port, value) in [
            (command, INIT_WITH_4),
            (command + 1, vector),
            (command + 1, cascade),
            (command + 1, MODE_8086),
            (command + 1, 0xff),
        ] {
            // SAFETY: the 8259s' ports, which transfer no memory.
            unsafe { port::write_u8(port, value) };
        }
    }
}

/// Lets an ISA interrupt raise `vector` on a CPU. Says whether there is such a line.
pub fn route_isa(platform: &Platform, irq: u8, vector: u8, cpu: CpuId) -> bool {
    let line = platform.isa_line(irq);
    let units = UNITS.lock();
    let unit = units
        .iter()
        .find(|unit| (unit.first_line..unit.first_line + unit.lines).contains(&line.number));
    let (Some(unit), Some(id)) = (unit, apic::id_of(cpu)) else {
        return false;
    };
    let register = REDIRECTION + 2 * (line.number - unit.first_line);
    let trigger = if line.level { LEVEL } else { 0 };
    let polarity = if line.active_low { ACTIVE_LOW } else { 0 };
    unit.write(register + 1, id << 24);
    unit.write(register, trigger | polarity | u32::from(vector));
    true
}
