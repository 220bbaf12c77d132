//! This CPU's local APIC: interrupts acknowledged and sent, the timer's registers.
//!
//! In xAPIC mode the registers are memory at one physical address, where each CPU sees
//! its own; if firmware has switched to x2APIC mode they are MSRs, and stay so.

use crate::ioapic;
use crate::mm::{self, OutOfMemory};
use crate::percpu::MAX_CPUS;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use x86_64::registers::model_specific::Msr;
use xenolith_rules::types::CpuId;

/// The vector of the serial line's interrupt.
pub const SERIAL_VECTOR: u8 = 0xe4;
/// The vector of an interrupt that was withdrawn too late; it is not acknowledged.
pub const SPURIOUS_VECTOR: u8 = 0xff;

/// Registers, by their byte offset in xAPIC mode (SDM vol. 3, table 11-1).
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Register {
    Id = 0x20,
    TaskPriority = 0x80,
    EndOfInterrupt = 0xb0,
    Spurious = 0xf0,
    ErrorStatus = 0x280,
    CommandLow = 0x300,
    CommandHigh = 0x310,
    Timer = 0x320,
    Lint0 = 0x350,
    Lint1 = 0x360,
    Error = 0x370,
    InitialCount = 0x380,
    CurrentCount = 0x390,
    Divide = 0x3e0,
}

const BASE_MSR: u32 = 0x1b;
const BASE_X2APIC: u64 = 1 << 10;
const BASE_ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const BASE_ENABLED: u64 = 1 << 11;
/// x2APIC registers are MSRs from here on, one for 16 bytes.
const X2APIC_MSRS: u32 = 0x800;

const SOFTWARE_ENABLE: u32 = 1 << 8;
pub(crate) const MASKED: u32 = 1 << 16;
const DELIVER_NMI: u32 = 0b100 << 8;
const DELIVER_INIT: u32 = 0b101 << 8;
const DELIVER_STARTUP: u32 = 0b110 << 8;
const LEVEL_ASSERT: u32 = 1 << 14;
const PENDING: u32 = 1 << 12;

/// Looks at a command that is being delivered before it is taken for lost.
const PATIENCE: u32 = 100_000;

/// 0: not there yet. 1: by MSRs. Else the linear address of the registers.
static REGISTERS: AtomicU64 = AtomicU64::new(0);
const BY_MSR: u64 = 1;

/// The APIC id of each CPU, plus one; 0 for none.
static IDS: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(0) }; MAX_CPUS];

/// Finds the registers and enables the boot CPU's APIC.
///
/// # Errors
/// No memory is left to map them.
pub fn start() -> Result<(), OutOfMemory> {
    // SAFETY: every 64-bit CPU has this MSR.
    let base = unsafe { Msr::new(BASE_MSR).read() };
    if base & BASE_X2APIC != 0 {
        REGISTERS.store(BY_MSR, Relaxed);
    } else {
        let registers = mm::device::registers(base & BASE_ADDRESS, 4096)?;
        // SAFETY: only sets the enable bit, which firmware leaves set.
        unsafe { Msr::new(BASE_MSR).write(base | BASE_ENABLED) };
        REGISTERS.store(registers.as_ptr() as u64, Relaxed);
    }
    know(CpuId(0), id());
    ioapic::silence_8259();
    enable();
    Ok(())
}

/// Whether the registers can be reached.
pub(crate) fn is_there() -> bool {
    REGISTERS.load(Relaxed) != 0
}

/// Accepts interrupts on this CPU: every local source masked but NMI.
pub(crate) fn enable() {
    write(
        Register::Spurious,
        SOFTWARE_ENABLE | u32::from(SPURIOUS_VECTOR),
    );
    write(Register::TaskPriority, 0);
    for source in [Register::Timer, Register::Lint0, Register::Error] {
        write(source, MASKED);
    }
    write(Register::Lint1, DELIVER_NMI);
    write(Register::ErrorStatus, 0);
    eoi();
}

/// This CPU's APIC id.
pub fn id() -> u32 {
    let raw = read(Register::Id);
    if by_msr() { raw } else { raw >> 24 }
}

/// Notes which APIC a CPU has.
pub(crate) fn know(cpu: CpuId, id: u32) {
    IDS[cpu.0 as usize].store(id + 1, Relaxed);
}

/// Forgets a CPU that does not start.
pub(crate) fn forget(cpu: CpuId) {
    IDS[cpu.0 as usize].store(0, Relaxed);
}

/// The APIC id of a CPU.
pub fn id_of(cpu: CpuId) -> Option<u32> {
    IDS.get(cpu.0 as usize)?.load(Relaxed).checked_sub(1)
}

/// Which CPU this is, by its APIC.
pub(crate) fn this_cpu() -> Option<CpuId> {
    if !is_there() {
        return None;
    }
    let id = id();
    (0..MAX_CPUS as u32)
        .map(CpuId)
        .find(|&cpu| id_of(cpu) == Some(id))
}

/// Acknowledges the interrupt that this CPU is serving.
pub fn eoi() {
    write(Register::EndOfInterrupt, 0);
}

/// Sends an interrupt to another CPU, or to this one. Nothing happens for a CPU that has
/// not been started.
pub fn send_ipi(cpu: CpuId, vector: u8) {
    if let Some(id) = id_of(cpu) {
        command(id, LEVEL_ASSERT | u32::from(vector));
    }
}

/// Sends an NMI to all other CPUs that have been started. One by one: those that have not
/// (`maxcpus=`) would be woken by it in QEMU, to run whatever is there.
pub(crate) fn nmi_others() {
    if !is_there() {
        return;
    }
    let me = id();
    for id in (0..MAX_CPUS as u32).filter_map(|cpu| id_of(CpuId(cpu))) {
        if id != me {
            command(id, LEVEL_ASSERT | DELIVER_NMI);
        }
    }
}

/// Whether interrupts can be sent to an APIC id in the mode the APICs are in.
pub(crate) fn reaches(id: u32) -> bool {
    // 0xff is "all".
    by_msr() || id < 0xff
}

/// Resets a CPU: it then waits to be told where to start.
pub(crate) fn send_init(id: u32) {
    command(id, LEVEL_ASSERT | DELIVER_INIT);
}

/// Starts a CPU that waits, in real mode at the beginning of page `page` of the first MiB.
pub(crate) fn send_startup(id: u32, page: u8) {
    command(id, LEVEL_ASSERT | DELIVER_STARTUP | u32::from(page));
}

fn command(id: u32, low: u32) {
    if by_msr() {
        // SAFETY: an interrupt command touches no memory of ours; what the target runs
        // on it is in place before anyone may send.
        unsafe {
            Msr::new(msr_of(Register::CommandLow)).write(u64::from(id) << 32 | u64::from(low));
        }
        return;
    }
    write(Register::CommandHigh, id << 24);
    write(Register::CommandLow, low);
    // Delivery within the machine takes a few bus cycles; an APIC that is stuck must not
    // stop a CPU that has last words to say.
    for _ in 0..PATIENCE {
        if read(Register::CommandLow) & PENDING == 0 {
            break;
        }
        core::hint::spin_loop();
    }
}

fn by_msr() -> bool {
    REGISTERS.load(Relaxed) == BY_MSR
}

fn msr_of(register: Register) -> u32 {
    X2APIC_MSRS + (register as u32 >> 4)
}

pub(crate) fn read(register: Register) -> u32 {
    match REGISTERS.load(Relaxed) {
        0 => panic!("the local APIC is used before it is there"),
        // SAFETY: in x2APIC mode the MSRs of `Register` exist.
        BY_MSR => unsafe { Msr::new(msr_of(register)).read() as u32 },
        // SAFETY: the registers are mapped uncached at this address, for good.
        base => unsafe { ((base + register as u64) as *const u32).read_volatile() },
    }
}

pub(crate) fn write(register: Register, value: u32) {
    match REGISTERS.load(Relaxed) {
        0 => panic!("the local APIC is used before it is there"),
        // SAFETY: as for `read`; the values written here affect interrupts only.
        BY_MSR => unsafe { Msr::new(msr_of(register)).write(u64::from(value)) },
        // SAFETY: as above.
        base => unsafe { ((base + register as u64) as *mut u32).write_volatile(value) },
    }
}
