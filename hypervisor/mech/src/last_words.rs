//! The hypervisor's end: every CPU stopped, the cause told, the machine left as asked.
//!
//! One CPU speaks: the first to get here. The others are stopped by NMI (their handler
//! asks [`is_stopping`] and calls [`halt`]) and say nothing.

use crate::{backtrace, console, power, smp, symbols};
use core::fmt::{self, Display};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};
use x86_64::registers::control::{Cr2, Cr3, Cr3Flags, Cr4};

/// The registers at a fatal exception.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // the names are the registers'
pub struct Registers {
    pub rax: u64,
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rbp: u64,
    pub rsp: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rip: u64,
    pub rflags: u64,
    pub cs: u64,
    pub ss: u64,
}

/// Set while one CPU says its last words.
static STOPPING: AtomicBool = AtomicBool::new(false);
/// `noreboot`: stay after the last words instead of resetting the machine.
static STAY: AtomicBool = AtomicBool::new(false);

/// What follows the last words: stay halted (`noreboot`) or reset.
pub fn set_stay(stay: bool) {
    STAY.store(stay, Ordering::Relaxed);
}

/// Whether the machine is being stopped: an NMI handler then calls [`halt`].
pub fn is_stopping() -> bool {
    STOPPING.load(Ordering::Relaxed)
}

/// Stops this CPU for good.
pub fn halt() -> ! {
    loop {
        x86_64::instructions::interrupts::disable();
        x86_64::instructions::hlt();
    }
}

/// Ends the machine on an exception in the hypervisor's own code.
pub fn exception(vector: u8, error_code: u64, registers: &Registers) -> ! {
    let cr2 = Cr2::read_raw();
    die(
        format_args!(
            "{} (vector {vector}, error code {error_code:#x}, CR2 {cr2:#x})",
            exception_name(vector)
        ),
        Some(registers),
        backtrace::Frames::from(registers.rbp),
    )
}

/// Ends the machine on a Rust panic.
pub fn panic(info: &PanicInfo) -> ! {
    match info.location() {
        Some(at) => die(
            format_args!("{} ({}:{})", info.message(), at.file(), at.line()),
            None,
            backtrace::Frames::here(),
        ),
        None => die(
            format_args!("{}", info.message()),
            None,
            backtrace::Frames::here(),
        ),
    }
}

#[cfg(target_os = "none")]
#[panic_handler]
fn on_panic(info: &PanicInfo) -> ! {
    panic(info)
}

fn die(cause: fmt::Arguments, registers: Option<&Registers>, frames: backtrace::Frames) -> ! {
    x86_64::instructions::interrupts::disable();
    let first = !STOPPING.swap(true, Ordering::SeqCst);
    let Some(mut out) = console::seize().filter(|_| first) else {
        // A second fault, here or on another CPU: the first one's words are the ones to keep.
        finish();
    };
    smp::stop_others();

    out.line(format_args!(
        "The hypervisor stops on {}: {cause}",
        smp::here()
    ));
    if let Some(r) = registers {
        show_registers(&mut out, r);
    }
    let (root, flags): (_, Cr3Flags) = Cr3::read();
    out.line(format_args!(
        "CR3 {:#x} CR4 {:#x}",
        root.start_address().as_u64() | flags.bits(),
        Cr4::read_raw()
    ));
    out.line(format_args!("Back trace:"));
    if let Some(r) = registers {
        out.line(format_args!("  {}", Place(r.rip)));
    }
    for address in frames {
        out.line(format_args!("  {}", Place(address)));
    }
    finish()
}

fn show_registers(out: &mut console::LastWords, r: &Registers) {
    out.line(format_args!("RIP {:#06x}:{}", r.cs, Place(r.rip)));
    out.line(format_args!(
        "RSP {:#06x}:{:#018x} RFLAGS {:#x}",
        r.ss, r.rsp, r.rflags
    ));
    out.line(format_args!(
        "RAX {:#018x} RBX {:#018x} RCX {:#018x}",
        r.rax, r.rbx, r.rcx
    ));
    out.line(format_args!(
        "RDX {:#018x} RSI {:#018x} RDI {:#018x}",
        r.rdx, r.rsi, r.rdi
    ));
    out.line(format_args!(
        "RBP {:#018x} R8  {:#018x} R9  {:#018x}",
        r.rbp, r.r8, r.r9
    ));
    out.line(format_args!(
        "R10 {:#018x} R11 {:#018x} R12 {:#018x}",
        r.r10, r.r11, r.r12
    ));
    out.line(format_args!(
        "R13 {:#018x} R14 {:#018x} R15 {:#018x}",
        r.r13, r.r14, r.r15
    ));
}

fn finish() -> ! {
    power::debug_exit(power::Verdict::HypervisorPanic);
    if STAY.load(Ordering::Relaxed) {
        halt();
    }
    power::reset()
}

/// An address in code, with its function's name if that is known.
#[derive(Clone, Copy, Debug)]
pub struct Place(pub u64);

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)?;
        match symbols::find(self.0) {
            Some(symbol) => write!(f, " {}+{:#x}", symbol.name, symbol.offset),
            None => Ok(()),
        }
    }
}

fn exception_name(vector: u8) -> &'static str {
    match vector {
        0 => "divide error",
        1 => "debug exception",
        2 => "NMI",
        3 => "breakpoint",
        4 => "overflow",
        5 => "bound range exceeded",
        6 => "invalid opcode",
        7 => "device not available",
        8 => "double fault",
        10 => "invalid TSS",
        11 => "segment not present",
        12 => "stack fault",
        13 => "general protection fault",
        14 => "page fault",
        16 => "x87 error",
        17 => "alignment check",
        18 => "machine check",
        19 => "SIMD error",
        21 => "control protection fault",
        _ => "unexpected exception",
    }
}
