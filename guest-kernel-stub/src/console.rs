//! The console: print, and lines that are typed.
//!
//! Domain 0 writes to and reads from the hypervisor's own console by `console_io`;
//! VIRQ_CONSOLE says that something was typed. (A domU's console is a shared ring.)

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

use pv_guest_abi::virq::VIRQ_CONSOLE;
use spin::Mutex;

use crate::line::{Line, Step};
use crate::{Xen, events};

/// Prints as `print!` does.
#[macro_export]
macro_rules! print {
    ($($what:tt)*) => { $crate::console::write_fmt(format_args!($($what)*)) };
}

/// Prints as `println!` does.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($what:tt)*) => { $crate::console::write_fmt(format_args!("{}\n", format_args!($($what)*))) };
}

/// Collects a message, so that it goes out in few hypercalls and stays in one piece.
struct Pieces {
    bytes: [u8; 256],
    used: usize,
}

impl Pieces {
    fn send(&mut self) {
        write(&self.bytes[..core::mem::take(&mut self.used)]);
    }
}

impl Write for Pieces {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.used == self.bytes.len() {
                self.send();
            }
            self.bytes[self.used] = byte;
            self.used += 1;
        }
        Ok(())
    }
}

/// What `print!` calls.
pub fn write_fmt(message: fmt::Arguments) {
    let mut pieces = Pieces {
        bytes: [0; 256],
        used: 0,
    };
    // A Display implementation that fails leaves its message short.
    let _ = pieces.write_fmt(message);
    pieces.send();
}

/// Writes bytes as they are. There is nobody to tell when the console refuses.
pub fn write(bytes: &[u8]) {
    for part in bytes.chunks(1024) {
        let _ = Xen::console_write(part);
    }
}

/// Most bytes that are kept for a reader; what is typed beyond is lost.
const MOST_TYPED: usize = 4096;
/// Ctrl-C.
const INTERRUPT: u8 = 0x03;

/// What was typed and not yet read.
static TYPED: Mutex<VecDeque<u8>> = Mutex::new(VecDeque::new());
/// The line being typed.
static LINE: Mutex<Line> = Mutex::new(Line::new());
/// The rest of a line of which a program has read a part.
static READY: Mutex<VecDeque<u8>> = Mutex::new(VecDeque::new());
/// Somebody pressed Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// One line of input.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// A line, without its end.
    Line(String),
    /// Ctrl-C instead of a line.
    Interrupted,
    /// Ctrl-D on an empty line.
    End,
}

/// Listens for input.
pub fn listen() {
    let bound = events::bind_virq(VIRQ_CONSOLE, "console", take_typed);
    if let Err(refusal) = bound {
        println!("console: no input: the hypervisor does not give us VIRQ_CONSOLE ({refusal})");
    }
    take_typed();
}

/// Takes what the hypervisor has for us.
fn take_typed() {
    let mut bytes = [0; 64];
    while let Ok(count @ 1..) = Xen::console_read(&mut bytes) {
        let bytes = &bytes[..count.min(bytes.len())];
        if bytes.contains(&INTERRUPT) {
            INTERRUPTED.store(true, Ordering::Relaxed);
        }
        let mut typed = TYPED.lock();
        let room = MOST_TYPED.saturating_sub(typed.len());
        typed.extend(bytes.iter().take(room));
    }
}

/// Whether Ctrl-C was pressed since the last time somebody asked.
pub fn take_interrupt() -> bool {
    INTERRUPTED.swap(false, Ordering::Relaxed)
}

/// Forgets what was typed up to the last Ctrl-C, and shows it: whoever waited was ended by it.
pub fn drop_interrupted() {
    let mut typed = TYPED.lock();
    if let Some(last) = typed.iter().rposition(|byte| *byte == INTERRUPT) {
        typed.drain(..=last);
    }
    *LINE.lock() = Line::new();
    READY.lock().clear();
    println!("^C");
}

/// Whether something was typed that nobody has looked at.
pub fn has_input() -> bool {
    !TYPED.lock().is_empty() || !READY.lock().is_empty()
}

/// Up to `count` bytes of a line with its end, for a program: none at the end of input,
/// `None` while no line is complete. What does not fit is kept.
pub fn take_line(count: usize) -> Option<Vec<u8>> {
    if READY.lock().is_empty() {
        match poll_line()? {
            Input::Line(line) => READY.lock().extend(line.bytes().chain([b'\n'])),
            Input::Interrupted => return None,
            Input::End => return Some(Vec::new()),
        }
    }
    let mut ready = READY.lock();
    let count = count.min(ready.len());
    Some(ready.drain(..count).collect())
}

/// Forgets what a program left of its last line.
pub fn drop_line() {
    READY.lock().clear();
}

/// The next line if it is complete; shows what is typed meanwhile.
pub fn poll_line() -> Option<Input> {
    loop {
        let byte = TYPED.lock().pop_front()?;
        let step = LINE.lock().take(byte);
        match step {
            Step::Nothing => {}
            Step::Echo(text) => print!("{text}"),
            Step::EchoByte(byte) => print!("{}", char::from(byte)),
            Step::Done(line) => {
                println!();
                return Some(Input::Line(line));
            }
            Step::Interrupted => {
                println!("^C");
                return Some(Input::Interrupted);
            }
            Step::EndOfInput => return Some(Input::End),
        }
    }
}
