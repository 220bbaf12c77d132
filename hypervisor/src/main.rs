//! The Xenolith hypervisor: boot, on one page.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

mod accounts;
mod areas;
mod build;
mod calls;
mod context;
mod debug;
mod domain;
mod emulate;
mod events;
mod grants;
mod guest_memory;
mod machine;
mod pages;
mod ptwrite;
mod quiet;
mod reaper;
mod reservation;
mod run;
mod running;
mod sched;
mod segments;
mod shared;
mod timers;
mod traps;
mod vcpu;

use alloc::vec::Vec;
use log::{error, info, warn};
use spin::Once;
use xenolith_mech::acpi_tables::{self, Platform};
use xenolith_mech::boot::{self, BootInfo, Handoff};
use xenolith_mech::{apic, clock, console, entry, guest, ioapic, last_words, mm, percpu, power};
use xenolith_mech::{smp, timer};
use xenolith_rules::cmdline::{self, LogLevel, Options};
use xenolith_rules::memmap::MemoryMap;
use xenolith_rules::types::CpuId;

xenolith_mech::entry_points!(boot = main);

/// What the boot CPU has learnt when it moves to its own root and stack.
struct Found {
    boot: BootInfo,
    options: Options,
    platform: Platform,
}

static FOUND: Once<Found> = Once::new();

/// The boot CPU, on the loader's stack and early tables.
fn main(handoff: Handoff) -> ! {
    let boot = handoff
        .read()
        .unwrap_or_else(|error| machine::refuse_boot(error));
    let options = take_options(&boot);
    info!("Xenolith {}", env!("CARGO_PKG_VERSION"));
    boot::describe(&boot)
        .iter()
        .for_each(|line| info!("{line}"));

    start_memory(&boot, &options);
    let platform = start_devices(&boot);
    FOUND.call_once(|| Found {
        boot,
        options,
        platform,
    });
    mm::build_roots(CpuId(0)).unwrap_or_else(|error| machine::refuse_boot(error));
    smp::enter(CpuId(0), first_cpu)
}

/// The boot CPU, on its own root and stack.
fn first_cpu(cpu: CpuId) -> ! {
    start_cpu(cpu);
    let found = FOUND.get().expect("main has found it");
    let limit = found.options.maxcpus.unwrap_or(u32::MAX);
    for missing in smp::start_others(&found.platform, limit, other_cpu) {
        warn!("{missing}");
    }
    info!("CPUs: {}", smp::count());
    check_tables();
    machine::remember(&found.boot, found.options);
    if let Err(why) = build::start(&found.boot, &found.options) {
        machine::refuse_boot(why);
    }
    run::pcpu_loop()
}

/// Every other CPU, on its own root and stack.
fn other_cpu(cpu: CpuId) -> ! {
    start_cpu(cpu);
    run::pcpu_loop()
}

/// Gives this CPU what it needs to run guests: its data, its entry area, its registers.
fn start_cpu(cpu: CpuId) {
    let roots = mm::roots_of(cpu).expect("a CPU starts on roots of its own");
    percpu::init(cpu, roots.hypervisor, roots.guest);
    let area = entry::area::build(roots.hypervisor, roots.guest);
    entry::init_cpu(&area);
    guest::init_cpu();
}

/// Reads the command line and sets up the console and the ways to end as it says.
fn take_options(boot: &BootInfo) -> Options {
    let mut complaints = Vec::new();
    let line = cmdline::split_dom0_arguments(&boot.command_line).options;
    let options = Options::parse(line, |complaint| complaints.push(complaint));
    if let Some(port) = options.com1.or(options.com2) {
        console::configure(&port);
    }
    console::set_levels(
        filter(options.loglvl.always),
        filter(options.guest_loglvl.always),
    );
    last_words::set_stay(options.noreboot);
    if let Some(port) = options.debug_exit {
        power::set_debug_exit_port(port);
    }
    complaints.iter().for_each(|complaint| warn!("{complaint}"));
    options
}

/// Xen's levels as those of the `log` crate.
fn filter(level: LogLevel) -> log::LevelFilter {
    match level {
        LogLevel::None => log::LevelFilter::Off,
        LogLevel::Error => log::LevelFilter::Error,
        LogLevel::Warning => log::LevelFilter::Warn,
        LogLevel::Info => log::LevelFilter::Info,
        LogLevel::All => log::LevelFilter::Trace,
    }
}

fn start_memory(boot: &BootInfo, options: &Options) {
    let map = MemoryMap::normalise(boot.memory_map.iter().copied())
        .unwrap_or_else(|e| machine::refuse_boot(e));
    let map = options
        .mem_bytes
        .map_or(map.clone(), |bytes| map.without_ram_above(bytes));
    let taken: Vec<_> = boot
        .modules
        .iter()
        .map(|module| module.range.clone())
        .collect();
    mm::init(&map, &taken).unwrap_or_else(|error| machine::refuse_boot(error));
    info!(
        "{} of {} MiB of memory free",
        mm::free_count() >> 8,
        map.ram_bytes() >> 20
    );
}

fn start_devices(boot: &BootInfo) -> Platform {
    let platform = acpi_tables::read(boot.rsdp).unwrap_or_else(|error| machine::refuse_boot(error));
    power::configure(platform.soft_off, platform.reset);
    let no_memory = |error| machine::refuse_boot(error);
    apic::start().unwrap_or_else(no_memory);
    ioapic::start(&platform.io_apics).unwrap_or_else(no_memory);
    clock::start(&platform);
    timer::start();
    if ioapic::route_isa(&platform, 4, apic::SERIAL_VECTOR, CpuId(0)) {
        console::enable_receive_interrupt();
    }
    platform
}

fn check_tables() {
    let findings = mm::audit();
    findings.broken.iter().for_each(|line| error!("{line}"));
    info!(
        "page tables checked: {} mappings in {} tables, {} broken promises",
        findings.mappings,
        findings.tables,
        findings.broken.len()
    );
}
