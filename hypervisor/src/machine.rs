//! What the machine as a whole is asked: how it was started, what its memory looks
//! like, its devices' interrupts, and its end.

use crate::domain::{self, Domain, Shutdown};
use crate::events;
use crate::vcpu::VcpuState;
use alloc::vec::Vec;
use pv_guest_abi::memory::E820Entry;
use pv_guest_abi::sched::{SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT, SHUTDOWN_WATCHDOG};
use spin::Once;
use xenolith_mech::boot::BootInfo;
use xenolith_mech::{apic, console, last_words, power};
use xenolith_rules::cmdline::Options;
use xenolith_rules::memmap::Region;
use xenolith_rules::types::DomId;
use zerocopy::FromBytes;

/// How the machine was started.
struct Start {
    command_line: &'static str,
    options: Options,
    memory_map: Vec<E820Entry>,
}

static START: Once<Start> = Once::new();

/// Remembers how the machine was started.
pub fn remember(boot: &'static BootInfo, options: Options) {
    START.call_once(|| Start {
        command_line: &boot.command_line,
        options,
        memory_map: boot.memory_map.iter().map(e820_entry).collect(),
    });
}

fn e820_entry(region: &Region) -> E820Entry {
    E820Entry::read_from_bytes(&region.to_e820()).expect("an e820 record has 20 bytes")
}

/// The hypervisor's command line.
pub fn command_line() -> &'static str {
    START.get().map_or("", |start| start.command_line)
}

/// The firmware's memory map.
pub fn memory_map() -> &'static [E820Entry] {
    START.get().map_or(&[], |start| &start.memory_map)
}

/// Serves a device's interrupt that this pCPU got.
pub fn interrupt(vector: u8) {
    if vector == apic::SERIAL_VECTOR
        && console::on_interrupt()
        && let Some(reader) = domain::find(DomId(0))
    {
        events::raise_console(&reader);
    }
}

/// Stops the machine because the domain that it lives for has come to its end.
pub fn stop_after(id: DomId, how: Shutdown) -> ! {
    match how {
        Shutdown::Asked(SHUTDOWN_POWEROFF) => {
            log::info!("{id} asked for power off");
            power::off()
        }
        Shutdown::Asked(SHUTDOWN_REBOOT) => {
            log::info!("{id} asked for a reboot");
            power::reset()
        }
        Shutdown::Asked(SHUTDOWN_WATCHDOG) => {
            log::error!("{id}: its watchdog has run out");
            end(power::Verdict::Watchdog)
        }
        Shutdown::Asked(reason) => {
            log::error!("{id} crashed: it shut down with reason {reason}");
            end(power::Verdict::Dom0Crashed)
        }
        Shutdown::Crashed(reason) => {
            log::error!("{id} has been ended: {reason}");
            end(power::Verdict::Dom0Crashed)
        }
    }
}

/// Stops the machine because it could not be started as asked.
pub fn refuse_boot(why: impl core::fmt::Display) -> ! {
    log::error!("Cannot start: {why}");
    end(power::Verdict::BootRefused)
}

fn end(verdict: power::Verdict) -> ! {
    power::debug_exit(verdict);
    if START.get().is_some_and(|start| start.options.noreboot) {
        log::error!("Halted ('noreboot'). Reset the machine to start again");
        last_words::halt()
    }
    power::reset()
}

/// Prints a guest's registers.
pub fn log_guest(domain: &Domain, state: &VcpuState) {
    let regs = &state.regs;
    let id = domain.id;
    log::error!(target: console::GUEST, "{id} {:?} mode, root {}, CR2 {:#x}",
        state.mode,
        state.root(),
        state.cr2
    );
    log::error!(target: console::GUEST, "{id} RIP {:#x} CS {:#x} RFLAGS {:#x} RSP {:#x} SS {:#x}",
        regs.rip,
        regs.cs,
        regs.rflags,
        regs.rsp,
        regs.ss
    );
    for line in [
        [
            ("RAX", regs.rax),
            ("RBX", regs.rbx),
            ("RCX", regs.rcx),
            ("RDX", regs.rdx),
        ],
        [
            ("RSI", regs.rsi),
            ("RDI", regs.rdi),
            ("RBP", regs.rbp),
            ("R8 ", regs.r8),
        ],
        [
            ("R9 ", regs.r9),
            ("R10", regs.r10),
            ("R11", regs.r11),
            ("R12", regs.r12),
        ],
        [
            ("R13", regs.r13),
            ("R14", regs.r14),
            ("R15", regs.r15),
            ("KSP", state.kernel_sp),
        ],
    ] {
        let [(a, av), (b, bv), (c, cv), (d, dv)] = line;
        log::error!(target: console::GUEST, "{id} {a} {av:016x} {b} {bv:016x} {c} {cv:016x} {d} {dv:016x}");
    }
}
