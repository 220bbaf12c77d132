//! `console_io(cmd, count, buffer)` (`public/console.h`).

use super::{Answer, Call, Outcome};
use crate::domain::{Domain, Rights};
use crate::guest_memory::Access;
use crate::running::Running;
use pv_guest_abi::console::{CONSOLEIO_READ, CONSOLEIO_WRITE};
use pv_guest_abi::errno::Errno;
use xenolith_mech::{clock, console};
use xenolith_rules::guest_console::{GuestConsole, Print};
use xenolith_rules::types::GuestAddr;

/// Bytes moved before others get a chance.
const SLICE: usize = 128;

/// Reads from or writes to the machine's console, for the domain that has it. What others write is
/// printed too, line by line, as Xen's debug builds do; they cannot read.
pub fn console_io(running: &mut Running, mut call: Call) -> Answer {
    let own = running.domain.may(Rights::CONSOLE);
    if !own && call.word(0) != CONSOLEIO_WRITE {
        return Err(Errno::EPERM);
    }
    // The ABI's count is a signed int.
    let count = u64::try_from(call.args[1] as i32).map_err(|_| Errno::EINVAL)?;
    let mut buffer = [0; SLICE];
    match call.word(0) {
        CONSOLEIO_WRITE => {
            let part = (count - call.done).min(SLICE as u64);
            let from = GuestAddr(call.args[2].wrapping_add(call.done));
            let bytes = &mut buffer[..part as usize];
            running.space().read_bytes(from, bytes, Access::Read)?;
            if own {
                console::write_raw(bytes);
            } else {
                write_lines(running.domain, bytes);
            }
            call.done += part;
            if call.done < count {
                return Ok(Outcome::Again(call));
            }
            Ok(Outcome::Done(0))
        }
        CONSOLEIO_READ => {
            let mut len = 0;
            while len < SLICE.min(count as usize) {
                let Some(byte) = console::read_byte() else {
                    break;
                };
                buffer[len] = byte;
                len += 1;
            }
            running
                .space()
                .write_bytes(call.pointer(2), &buffer[..len])?;
            Ok(Outcome::Done(len as i64))
        }
        _ => Err(Errno::ENOSYS),
    }
}

/// Prints what a domain writes that does not have the console, as far as its ration goes.
fn write_lines(domain: &Domain, bytes: &[u8]) {
    let mut lines = domain.console.lock();
    lines.write(bytes, clock::now_ns(), |print| show(domain, print));
}

/// Prints what is left when a domain has come to its end.
pub fn close(domain: &Domain) {
    let mut lines = core::mem::replace(&mut *domain.console.lock(), GuestConsole::new());
    lines.close(clock::now_ns(), |print| show(domain, print));
}

fn show(domain: &Domain, print: Print) {
    let id = domain.id;
    match print {
        Print::Line(line) => console::write_line(format_args!("({id}) {line}")),
        Print::Dropped(1) => console::write_line(format_args!("({id}) ... 1 line left out")),
        Print::Dropped(count) => console::write_line(format_args!(
            "({id}) ... {count} lines left out: it writes faster than it may"
        )),
    }
}
