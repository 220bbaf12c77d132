//! Power off, reset, and the verdict that tests read.
//!
//! Every way ends the machine; where one does not work the next is tried, and the last
//! is to halt for good. [`configure`] takes what ACPI says; before that, only the ways
//! that every PC has are known.

use crate::{clock, last_words, port};
use core::sync::atomic::{AtomicU16, Ordering};
use spin::Mutex;

/// Why the machine ends, for a test runner outside (`debug_exit=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// Domain 0 crashed.
    Dom0Crashed = 1,
    /// Something needed for boot was missing or malformed.
    BootRefused = 2,
    /// The hypervisor panicked.
    HypervisorPanic = 3,
    /// Domain 0's watchdog expired.
    Watchdog = 4,
}

/// How to enter a sleep state: the values for SLP_TYP in the PM1 control registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftOff {
    /// I/O port of PM1a_CNT.
    pub pm1a_control: u16,
    /// I/O port of PM1b_CNT, if there is one.
    pub pm1b_control: Option<u16>,
    /// SLP_TYPa and SLP_TYPb of `\_S5`.
    pub sleep_type: (u8, u8),
}

/// ACPI's reset register, if it is an I/O port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetPort {
    /// The port.
    pub port: u16,
    /// What is written to it.
    pub value: u8,
}

/// How long the machine may take to end before the next way is tried.
const PATIENCE_NS: u64 = 500_000_000;

#[derive(Clone, Copy)]
struct Ways {
    off: Option<SoftOff>,
    reset: Option<ResetPort>,
}

static WAYS: Mutex<Ways> = Mutex::new(Ways {
    off: None,
    reset: None,
});
/// 0: none.
static DEBUG_EXIT_PORT: AtomicU16 = AtomicU16::new(0);

/// Takes what the ACPI tables say.
pub fn configure(off: Option<SoftOff>, reset: Option<ResetPort>) {
    *WAYS.lock() = Ways { off, reset };
}

/// `debug_exit=`: the port that takes a [`Verdict`] at the end.
pub fn set_debug_exit_port(port: u16) {
    DEBUG_EXIT_PORT.store(port, Ordering::Relaxed);
}

/// Tells a verdict to the outside, if there is a port for it; QEMU then ends at once.
pub fn debug_exit(verdict: Verdict) {
    let port = DEBUG_EXIT_PORT.load(Ordering::Relaxed);
    if port != 0 {
        // SAFETY: the owner of the machine named this port for this use.
        unsafe { port::write_u8(port, verdict as u8) };
    }
}

/// What is known, even if a CPU was stopped while it held the lock.
fn ways() -> Ways {
    WAYS.try_lock().map_or(
        Ways {
            off: None,
            reset: None,
        },
        |ways| *ways,
    )
}

/// Switches the machine off.
pub fn off() -> ! {
    const SLP_EN: u16 = 1 << 13;
    const SLP_TYP_SHIFT: u16 = 10;
    const SLP_MASK: u16 = SLP_EN | 7 << SLP_TYP_SHIFT;
    x86_64::instructions::interrupts::disable();
    if let Some(off) = ways().off {
        let enter = |port: u16, sleep_type: u8| {
            // SAFETY: PM1 control registers, as the FADT names them; they end the machine.
            unsafe {
                let kept = port::read_u16(port) & !SLP_MASK;
                port::write_u16(
                    port,
                    kept | u16::from(sleep_type & 7) << SLP_TYP_SHIFT | SLP_EN,
                );
            }
        };
        enter(off.pm1a_control, off.sleep_type.0);
        if let Some(control) = off.pm1b_control {
            enter(control, off.sleep_type.1);
        }
        clock::wait_roughly_ns(PATIENCE_NS);
    }
    log::error!("This machine cannot be switched off by software; it is safe to do it by hand.");
    last_words::halt()
}

/// Resets the machine: by ACPI, by the chipset's reset register, by the keyboard
/// controller, by a triple fault.
pub fn reset() -> ! {
    const CHIPSET_RESET: u16 = 0xcf9;
    const KEYBOARD: u16 = 0x64;
    const KEYBOARD_PULSE_RESET: u8 = 0xfe;
    x86_64::instructions::interrupts::disable();
    let pause = || clock::wait_roughly_ns(PATIENCE_NS);
    // SAFETY: each of these ports resets the machine or does nothing.
    unsafe {
        if let Some(reset) = ways().reset {
            port::write_u8(reset.port, reset.value);
            pause();
        }
        // Hard reset, then the transition that triggers it.
        port::write_u8(CHIPSET_RESET, 0x02);
        port::write_u8(CHIPSET_RESET, 0x06);
        pause();
        port::write_u8(KEYBOARD, KEYBOARD_PULSE_RESET);
        pause();
        let none = x86_64::structures::DescriptorTablePointer {
            limit: 0,
            base: x86_64::VirtAddr::zero(),
        };
        x86_64::instructions::tables::lidt(&none);
        core::arch::asm!("int3", options(nomem, nostack));
    }
    last_words::halt()
}
