//! The console: a serial line, a ring of what was said, and the `log` facade over both.
//!
//! Lines of the hypervisor begin with [`PREFIX`]; what domain 0 writes goes out as it
//! is, by [`write_raw`]. A panic takes the line by force ([`seize`]): nothing here
//! waits without an end.

mod serial;

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use log::{Level, LevelFilter, Log, Metadata, Record};
use serial::Uart;
use spin::Mutex;
use xenolith_rules::cmdline::Serial;
use xenolith_rules::ring::Ring;

/// Begins every line of the hypervisor's own.
pub const PREFIX: &str = "(XL) ";
/// Bytes of what was said that are kept.
const LOG_SIZE: usize = 64 << 10;
/// Bytes received and not yet asked for that are kept.
const INPUT_SIZE: usize = 4 << 10;

struct Console {
    uart: Option<Uart>,
    log: Ring<LOG_SIZE>,
    input: Ring<INPUT_SIZE>,
    /// Whether the last byte sent ended a line.
    at_line_start: bool,
}

static CONSOLE: Mutex<Console> = Mutex::new(Console {
    uart: None,
    log: Ring::new(),
    input: Ring::new(),
    at_line_start: true,
});

/// Set by [`seize`]: only the panicking CPU still speaks.
static SEIZED: AtomicBool = AtomicBool::new(false);

struct Logger;
static LOGGER: Logger = Logger;

/// Opens COM1 with its usual settings and takes over the `log` facade.
pub fn start() {
    configure(&Serial::COM1);
    // A second call changes nothing and is no error worth a word.
    let _ = log::set_logger(&LOGGER);
    set_levels(LevelFilter::Info, LevelFilter::Info);
}

/// Uses another line or other settings from now on. Says whether a UART answers there;
/// if none does, only the log ring is written.
pub fn configure(settings: &Serial) -> bool {
    let mut console = CONSOLE.lock();
    console.uart = Uart::open(settings);
    console.uart.is_some()
}

/// Turns the serial line off; the log ring is still written.
pub fn close() {
    CONSOLE.lock().uart = None;
}

/// The `target` of messages on account of a guest, which have a level of their own.
pub const GUEST: &str = "guest";

/// Which messages are shown: the hypervisor's own, and those on account of guests.
static LEVELS: [AtomicUsize; 2] = [const { AtomicUsize::new(LevelFilter::Info as usize) }; 2];

/// Which messages are shown: the hypervisor's own (`loglvl=`), and those with the target
/// [`GUEST`] (`guest_loglvl=`).
pub fn set_levels(own: LevelFilter, guest: LevelFilter) {
    LEVELS[0].store(own as usize, Ordering::Relaxed);
    LEVELS[1].store(guest as usize, Ordering::Relaxed);
    log::set_max_level(own.max(guest));
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        let level = &LEVELS[usize::from(metadata.target() == GUEST)];
        metadata.level() as usize <= level.load(Ordering::Relaxed)
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) || SEIZED.load(Ordering::Relaxed) {
            return;
        }
        let mut console = CONSOLE.lock();
        let mark = match record.level() {
            Level::Error => "error: ",
            Level::Warn => "warning: ",
            Level::Info | Level::Debug | Level::Trace => "",
        };
        console.line(format_args!("{mark}{}", record.args()));
    }

    fn flush(&self) {}
}

impl Console {
    fn byte(&mut self, byte: u8) {
        self.log.push(byte);
        if let Some(uart) = &self.uart {
            if byte == b'\n' {
                uart.send(b'\r');
            }
            uart.send(byte);
        }
        self.at_line_start = byte == b'\n';
    }

    fn line(&mut self, args: fmt::Arguments) {
        self.bare_line(format_args!("{PREFIX}{args}"));
    }

    fn bare_line(&mut self, args: fmt::Arguments) {
        if !self.at_line_start {
            self.byte(b'\n');
        }
        // Formatting into a console cannot fail.
        let _ = writeln!(self, "{args}");
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.byte(byte));
        Ok(())
    }
}

/// Writes bytes as they are, a carriage return before each line feed. What a guest sends
/// passes here: the caller bounds its length.
pub fn write_raw(bytes: &[u8]) {
    if SEIZED.load(Ordering::Relaxed) {
        return;
    }
    let mut console = CONSOLE.lock();
    bytes.iter().for_each(|&byte| console.byte(byte));
}

/// Writes a line that is not the hypervisor's own, on a line of its own.
pub fn write_line(args: fmt::Arguments) {
    if !SEIZED.load(Ordering::Relaxed) {
        CONSOLE.lock().bare_line(args);
    }
}

/// The next byte that was typed, if there is one.
pub fn read_byte() -> Option<u8> {
    let mut console = CONSOLE.lock();
    console.drain();
    console.input.pop()
}

/// Moves what the UART has received into the input ring; says whether there is something
/// to read. For the handler of its interrupt.
pub fn on_interrupt() -> bool {
    let mut console = CONSOLE.lock();
    console.drain();
    !console.input.is_empty()
}

/// Lets the UART raise its interrupt when bytes have come.
pub fn enable_receive_interrupt() {
    if let Some(uart) = &CONSOLE.lock().uart {
        uart.enable_receive_interrupt();
    }
}

impl Console {
    fn drain(&mut self) {
        // Bounded: a line that never runs dry must not hold the CPU.
        for _ in 0..INPUT_SIZE {
            match self.uart.as_ref().and_then(Uart::receive) {
                Some(byte) => self.input.push(byte),
                None => break,
            }
        }
    }
}

/// Copies from the log ring, for a reader that asks piece by piece; see [`Ring::copy_from`].
pub fn read_log(position: u64, out: &mut [u8]) -> (usize, u64) {
    CONSOLE.lock().log.copy_from(position, out)
}

/// Lines of a CPU that is about to stop the machine.
#[derive(Debug)]
pub struct LastWords(());

/// Takes the console from whoever holds it. The first caller gets it, and is the only one
/// that speaks from then on.
pub fn seize() -> Option<LastWords> {
    (!SEIZED.swap(true, Ordering::Relaxed)).then_some(LastWords(()))
}

impl LastWords {
    /// Writes one line with the usual prefix.
    pub fn line(&mut self, args: fmt::Arguments) {
        const PATIENCE: usize = 10_000_000;
        // Somebody may be finishing a line. But it may be this CPU, or one that is stopped.
        for _ in 0..PATIENCE {
            if let Some(mut console) = CONSOLE.try_lock() {
                console.line(args);
                return;
            }
            core::hint::spin_loop();
        }
        // SAFETY: new users of the console check SEIZED first, and the holder has not moved
        // for long: it is stopped, or below us on this stack. A torn line is better than none.
        unsafe { CONSOLE.force_unlock() };
        if let Some(mut console) = CONSOLE.try_lock() {
            console.line(args);
        }
    }
}
