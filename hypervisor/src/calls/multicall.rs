//! `multicall(list, count)`: runs a list of hypercalls, in order.

use super::{Answer, Call, OK, Outcome, serve};
use crate::running::Running;
use alloc::boxed::Box;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::hypercall;
use pv_guest_abi::mmu::MulticallEntry;

/// Entries run before others get a chance.
const SLICE: u64 = 64;

/// Each entry's result goes into the entry; the call's own is 0, unless an entry
/// cannot be read or its result not be written.
pub fn multicall(running: &mut Running, mut call: Call) -> Answer {
    let (list, count) = (call.pointer(0), u64::from(call.word(1)));
    let slice_end = call.done.saturating_add(SLICE);
    while call.done < count {
        if call.done == slice_end {
            return Ok(Outcome::Again(call));
        }
        let mut entry: MulticallEntry = running.space().read_element(list, call.done)?;
        let [a, b, c, d, e, _] = entry.args;
        let inner = call.inner.take().map_or(
            Call {
                number: entry.op as u32,
                args: [a, b, c, d, e],
                done: 0,
                inner: None,
                fresh: None,
            },
            |inner| *inner,
        );
        entry.result = match run_entry(running, inner) {
            Ok(Outcome::Done(value)) => value as u64,
            Ok(Outcome::NoReturn) => 0,
            Err(errno) => i64::from(errno) as u64,
            Ok(Outcome::Again(inner)) => {
                call.inner = Some(Box::new(inner));
                return Ok(Outcome::Again(call));
            }
        };
        running.space().write_element(list, call.done, &entry)?;
        call.done += 1;
        if running.domain.is_down() {
            return Ok(Outcome::NoReturn);
        }
    }
    OK
}

/// A list within a list is refused, and so is `iret`, which has no result to give.
fn run_entry(running: &mut Running, inner: Call) -> Answer {
    match inner.number {
        hypercall::MULTICALL | hypercall::IRET => Err(Errno::EINVAL),
        _ => serve(running, inner),
    }
}
