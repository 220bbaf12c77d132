//! The families of probes, the list of all, and the choice by the command line.

mod clock;
mod debug;
mod descriptors;
mod emulation;
mod endings;
mod events;
mod grants;
mod iret;
mod isolation;
mod ldt;
mod lending;
mod memory;
mod multicall;
mod pointers;
mod policy;
mod ptwrites;
mod registers;
mod reservation;
mod rings;
mod segments;
mod tables;
mod traps;
mod validation;
mod vcpus;
mod version;

use guest_kernel_stub::start::Boot;
use guest_kernel_stub::{Xen, heap, power, println};

use crate::kit::{self, Outcome, event, mem, trap};

/// One question.
pub struct Probe {
    /// `family::function`.
    pub name: &'static str,
    /// Answers it; does not return if the question is about an end.
    pub run: fn() -> Outcome,
    /// Xen answers otherwise, on purpose: see the probe's documentation.
    pub only_here: bool,
}

/// Lists the probes of a family by its functions' names.
macro_rules! probes {
    ($family:ident: $($name:ident $($only_here:ident)?),+ $(,)?) => {
        /// This family's probes.
        pub const PROBES: &[$crate::families::Probe] = &[$(
            $crate::families::Probe {
                name: concat!(stringify!($family), "::", stringify!($name)),
                run: $name,
                only_here: probes!(@ $($only_here)?),
            }
        ),+];
    };
    (@) => { false };
    (@ only_here) => { true };
}
pub(crate) use probes;

const FAMILIES: &[&[Probe]] = &[
    rings::PROBES,
    isolation::PROBES,
    grants::PROBES,
    traps::PROBES,
    iret::PROBES,
    clock::PROBES,
    events::PROBES,
    multicall::PROBES,
    validation::PROBES,
    tables::PROBES,
    memory::PROBES,
    ptwrites::PROBES,
    reservation::PROBES,
    version::PROBES,
    pointers::PROBES,
    registers::PROBES,
    emulation::PROBES,
    descriptors::PROBES,
    segments::PROBES,
    ldt::PROBES,
    debug::PROBES,
];

/// Probes that need another hypervisor command line, or that do not come back: `all` leaves them out.
const APART: &[&[Probe]] = &[
    policy::PROBES,
    endings::PROBES,
    vcpus::bring_up::PROBES,
    vcpus::contexts::PROBES,
    vcpus::info::PROBES,
    vcpus::events::PROBES,
    vcpus::runstate::PROBES,
    vcpus::timers::PROBES,
    vcpus::flush::PROBES,
    vcpus::segments::PROBES,
    vcpus::sharing::PROBES,
];

/// Bytes for formatted failures.
const HEAP_PAGES: usize = 32;

/// Where the kernel begins.
pub fn main(boot: Boot) -> ! {
    mem::init(&boot);
    let pool = mem::pages(HEAP_PAGES);
    // SAFETY: the pages are the pool's, given away for good.
    unsafe { heap::init(pool..pool + HEAP_PAGES as u64 * mem::PAGE) };
    let shared = mem::page();
    let mapped = mem::map(shared, boot.info.shared_info | mem::WRITE);
    if mapped != 0 {
        println!("PROBE ? FAIL: shared info is not mapped: {mapped}");
        power::off();
    }
    event::init(shared as *mut _);
    // SAFETY: the page was just mapped, for good. Other vCPUs run with the stub's own handlers.
    unsafe { guest_kernel_stub::events::init(shared as *mut _) };
    if let Err(refusal) = trap::init() {
        println!("PROBE ? FAIL: the trap table is refused: {refusal}");
        power::off();
    }
    // The command line of a multiboot loader may begin with the file's name.
    let line = boot.command_line();
    let all = || FAMILIES.iter().copied().flatten();
    let apart = || APART.iter().copied().flatten();
    if line.split_whitespace().any(|word| word == "storm") {
        crate::storm::run(line);
        power::off();
    }
    match line.split_whitespace().last() {
        Some("list") => list(),
        Some("bench") => crate::bench::run(),
        Some("spin") => crate::loads::spin(),
        Some("flood") => crate::loads::flood(),
        Some("stay") => crate::loads::stay(),
        Some("lend") => ask(&end("lend", lending::lend)),
        Some("lend-on") => ask(&end("lend-on", lending::lend_on)),
        Some("borrow") => ask(&end("borrow", lending::borrow)),
        Some("borrow-and-die") => ask(&end("borrow-and-die", lending::borrow_and_die)),
        Some("all") => all().for_each(|probe| {
            restore();
            ask(probe);
        }),
        Some(family) if family.ends_with("::") => {
            let names = |probe: &&Probe| probe.name.starts_with(family);
            all().filter(names).for_each(|probe| {
                restore();
                ask(probe);
            });
        }
        Some(name) => match all().chain(apart()).find(|probe| probe.name == name) {
            Some(probe) => ask(probe),
            None => println!("PROBE {name} FAIL: there is no such probe"),
        },
        None => println!("PROBE ? FAIL: no probe is named on the command line"),
    }
    power::off()
}

/// One end of a question that two domains answer together; it is in no list.
const fn end(name: &'static str, run: fn() -> Outcome) -> Probe {
    Probe {
        name,
        run,
        only_here: true,
    }
}

fn list() {
    for probe in FAMILIES.iter().chain(APART).copied().flatten() {
        let only_here = if probe.only_here { " only_here" } else { "" };
        println!("LIST {}{only_here}", probe.name);
    }
    println!("LIST end");
}

fn ask(probe: &Probe) {
    match (probe.run)() {
        Ok(()) => println!("PROBE {} pass", probe.name),
        Err(why) => println!("PROBE {} FAIL: {why}", probe.name),
    }
}

/// Makes good what a probe may have left: with `all`, one comes after another.
fn restore() {
    event::set_mask(true);
    let _ = trap::init();
    let _ = Xen::vcpu_periodic_timer(0, Some(10_000_000));
    let _ = Xen::set_timer(0);
    debug::reset();
    kit::segments::set_gdt(&[], 0);
    mem::mmuext(pv_guest_abi::mmu::MMUEXT_SET_LDT, 0, 0);
    for port in 1..128 {
        let _ = Xen::close(port);
    }
    event::take_all();
    for word in 0..64 {
        event::masked(word).store(0, core::sync::atomic::Ordering::SeqCst);
    }
}
