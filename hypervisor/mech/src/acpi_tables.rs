//! What the ACPI tables say of this machine, as owned values.

use crate::mm;
use crate::power::{ResetPort, SoftOff};
use acpi::address::{AddressSpace, GenericAddress};
use acpi::fadt::Fadt;
use acpi::madt::{Madt, MadtEntry};
use acpi::{AcpiError, AcpiHandler, AcpiTables, HpetInfo, PhysicalMapping};
use alloc::vec::Vec;
use core::fmt;
use core::ptr::NonNull;
use xenolith_rules::multiboot::Rsdp;
use xenolith_rules::soft_off;

/// A CPU that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// Its local APIC's id.
    pub apic_id: u32,
    /// The number by which ACPI's own code names it.
    pub acpi_id: u32,
}

/// An I/O APIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoApic {
    /// Machine address of its registers.
    pub maddr: u64,
    /// Number of its first line among all lines (its GSI base).
    pub first_line: u32,
}

/// An interrupt line and how it signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number among all lines (its GSI).
    pub number: u32,
    /// By level, not by edge.
    pub level: bool,
    /// Active when low.
    pub active_low: bool,
}

/// The ACPI PM timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PmTimer {
    /// Its I/O port.
    pub port: u16,
    /// 32 bits, not 24.
    pub is_wide: bool,
}

/// The machine, as its tables describe it.
#[derive(Clone, Debug, Default)]
pub struct Platform {
    /// Usable CPUs, in the order of the table.
    pub cpus: Vec<Cpu>,
    /// The I/O APICs.
    pub io_apics: Vec<IoApic>,
    /// ISA interrupts that are not wired one to one.
    pub overrides: Vec<(u8, Line)>,
    /// How to switch the machine off.
    pub soft_off: Option<SoftOff>,
    /// How to reset it.
    pub reset: Option<ResetPort>,
    /// The PM timer.
    pub pm_timer: Option<PmTimer>,
    /// Machine address of the HPET.
    pub hpet: Option<u64>,
    /// CMOS register that holds the century, or 0.
    pub century_register: u8,
}

/// Why the tables cannot be used.
#[derive(Debug)]
pub enum TablesError {
    /// There is no root pointer.
    NoRootPointer,
    /// The crate that reads them says this of a table.
    Table(&'static str, AcpiError),
}

impl fmt::Display for TablesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRootPointer => f.write_str(
                "no ACPI root pointer: boot by multiboot2 on UEFI machines, and do not disable ACPI",
            ),
            Self::Table(name, error) => write!(f, "the ACPI table {name} cannot be used: {error:?}"),
        }
    }
}

/// Maps firmware's tables, once each and for good: they are small, and few.
#[derive(Clone)]
struct Mapper;

impl AcpiHandler for Mapper {
    unsafe fn map_physical_region<T>(&self, at: usize, size: usize) -> PhysicalMapping<Self, T> {
        let start: NonNull<u8> = mm::device::firmware(at as u64, size as u64)
            .unwrap_or_else(|error| panic!("ACPI tables at {at:#x}: {error}"));
        // SAFETY: `size` bytes are mapped at `start`, read-only, and stay so.
        unsafe { PhysicalMapping::new(at, start.cast(), size, size, Self) }
    }

    fn unmap_physical_region<T>(_region: &PhysicalMapping<Self, T>) {}
}

/// Reads the tables that the hypervisor needs: MADT, FADT with the DSDT's `\_S5`, HPET.
///
/// # Errors
/// There are no tables, or the MADT is unusable. Without the others something is missing
/// in [`Platform`], and a warning says what.
pub fn read(rsdp: Option<Rsdp>) -> Result<Platform, TablesError> {
    let rsdp = rsdp.ok_or(TablesError::NoRootPointer)?;
    // SAFETY: the root pointer's checksum was right, so this is where the firmware put its tables.
    let tables = unsafe { AcpiTables::from_rsdt(Mapper, rsdp.revision, rsdp.table as usize) }
        .map_err(|error| TablesError::Table("RSDT", error))?;
    let mut platform = Platform::default();
    read_madt(&tables, &mut platform).map_err(|error| TablesError::Table("MADT", error))?;
    if let Err(error) = read_fadt(&tables, &mut platform) {
        log::warn!("ACPI FADT: {error:?}; power off and reset may not work");
    }
    platform.hpet = HpetInfo::new(&tables)
        .ok()
        .map(|hpet| hpet.base_address as u64);
    Ok(platform)
}

fn read_madt(tables: &AcpiTables<Mapper>, platform: &mut Platform) -> Result<(), AcpiError> {
    const ENABLED: u32 = 1;
    let madt = tables.find_table::<Madt>()?;
    for entry in madt.get().entries() {
        match entry {
            MadtEntry::LocalApic(cpu) if cpu.flags & ENABLED != 0 => platform.cpus.push(Cpu {
                apic_id: u32::from(cpu.apic_id),
                acpi_id: u32::from(cpu.processor_id),
            }),
            MadtEntry::LocalX2Apic(cpu) if cpu.flags & ENABLED != 0 => {
                platform.cpus.push(Cpu {
                    apic_id: cpu.x2apic_id,
                    acpi_id: cpu.processor_uid,
                });
            }
            MadtEntry::IoApic(unit) => platform.io_apics.push(IoApic {
                maddr: u64::from(unit.io_apic_address),
                first_line: unit.global_system_interrupt_base,
            }),
            MadtEntry::InterruptSourceOverride(line) => {
                // MPS INTI flags: polarity in bits 0-1, trigger in bits 2-3; ISA's own
                // way (high, edge) if they say "as the bus does".
                let flags = line.flags;
                platform.overrides.push((
                    line.irq,
                    Line {
                        number: line.global_system_interrupt,
                        active_low: flags & 0b11 == 0b11,
                        level: flags >> 2 & 0b11 == 0b11,
                    },
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_fadt(tables: &AcpiTables<Mapper>, platform: &mut Platform) -> Result<(), AcpiError> {
    let fadt = tables.find_table::<Fadt>()?;
    let flags = fadt.flags;
    platform.century_register = fadt.century;
    platform.pm_timer = fadt
        .pm_timer_block()?
        .as_ref()
        .and_then(io_port)
        .map(|port| PmTimer {
            port,
            is_wide: flags.pm_timer_is_32_bit(),
        });
    if flags.supports_system_reset_via_fadt() {
        platform.reset = io_port(&fadt.reset_register()?).map(|port| ResetPort {
            port,
            value: fadt.reset_value,
        });
    }
    let dsdt = tables.dsdt()?;
    let bytes = mm::device::firmware(dsdt.address as u64, u64::from(dsdt.length));
    let Ok(bytes) = bytes else { return Ok(()) };
    // SAFETY: mapped just now, read-only and for good.
    let bytes = unsafe { core::slice::from_raw_parts(bytes.as_ptr(), dsdt.length as usize) };
    let control = io_port(&fadt.pm1a_control_block()?);
    platform.soft_off = soft_off::find_s5(bytes)
        .zip(control)
        .map(|(sleep_type, port)| SoftOff {
            pm1a_control: port,
            pm1b_control: fadt
                .pm1b_control_block()
                .ok()
                .flatten()
                .as_ref()
                .and_then(io_port),
            sleep_type,
        });
    Ok(())
}

fn io_port(at: &GenericAddress) -> Option<u16> {
    let port = u16::try_from(at.address).ok()?;
    (at.address_space == AddressSpace::SystemIo && port != 0).then_some(port)
}

impl Platform {
    /// The line that an ISA interrupt is wired to.
    pub fn isa_line(&self, irq: u8) -> Line {
        let wired = self.overrides.iter().find(|(source, _)| *source == irq);
        wired.map_or(
            Line {
                number: u32::from(irq),
                level: false,
                active_low: false,
            },
            |(_, line)| *line,
        )
    }
}
