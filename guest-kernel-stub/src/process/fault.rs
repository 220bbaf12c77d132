//! What a process did wrong, and what it may go on after.

use alloc::vec;

use super::begin::{self, Refused};
use super::image::{Image, Segment};
use super::schedule;
use crate::memory::PAGE_SIZE;
use crate::memory::areas::Protection;
use crate::memory::space::{Access, Refusal};
use crate::println;
use crate::traps::{self, Frame, PAGE_FAULT, PageFault};

/// Signals by which Linux would end the process.
const SIGILL: i32 = 4;
const SIGTRAP: i32 = 5;
const SIGBUS: i32 = 7;
const SIGFPE: i32 = 8;
const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;

/// An exception in user mode: the page is made present, or the process ends.
pub(super) fn user_fault(frame: &mut Frame, address: u64) {
    let Some(process) = schedule::current() else {
        panic!("user mode runs without a process:\n{frame}");
    };
    let signal = match frame.vector {
        PAGE_FAULT => match page_in(address, access(frame.code)) {
            Ok(()) => return,
            Err(Refusal::NotAllowed) => SIGSEGV,
            Err(Refusal::OutOfMemory) => SIGKILL,
        },
        0 | 16 | 19 => SIGFPE,
        1 | 3 => SIGTRAP,
        6 => SIGILL,
        17 => SIGBUS,
        _ => SIGSEGV,
    };
    let status = 128 + signal;
    let what = traps::name(frame.vector);
    println!(
        "{}[{}]: {what}{} at rip {:#x}",
        process.name,
        process.id,
        Detail(frame, address),
        frame.rip
    );
    if signal == SIGKILL {
        println!("{}[{}]: no memory is left for it", process.name, process.id);
    }
    process.finish(status);
}

/// A program of six bytes that stores to address 0, and what comes of it.
pub fn demonstration() -> Result<i32, Refused> {
    // xor eax, eax; mov [rax], eax; ud2
    const CODE: [u8; 6] = [0x31, 0xc0, 0x89, 0x00, 0x0f, 0x0b];
    const PLACE: u64 = 0x40_0000;
    let protection = Protection {
        read: true,
        write: false,
        execute: true,
    };
    let segment = Segment {
        pages: PLACE..PLACE + PAGE_SIZE,
        start: PLACE,
        data: &CODE,
        protection,
    };
    let image = Image {
        entry: PLACE,
        headers: 0,
        header_count: 0,
        header_size: 0,
        segments: vec![segment],
    };
    let process = begin::begin_image(&image, "demo", &["demo"], true)?;
    schedule::run_until(|| process.status().is_some());
    schedule::bury();
    Ok(process.status().unwrap_or_default())
}

/// A page fault of the kernel at an address of the process.
pub(super) fn missing_page(address: u64, write: bool) -> bool {
    let access = if write { Access::Write } else { Access::Read };
    page_in(address, access).is_ok()
}

fn page_in(address: u64, access: Access) -> Result<(), Refusal> {
    let process = schedule::current().ok_or(Refusal::NotAllowed)?;
    process.space.lock().fault_in(address, access)
}

fn access(code: u64) -> Access {
    match code {
        code if code & PageFault::FETCH != 0 => Access::Fetch,
        code if code & PageFault::WRITE != 0 => Access::Write,
        _ => Access::Read,
    }
}

/// What there is to say of a fault beside its name.
struct Detail<'a>(&'a Frame, u64);

impl core::fmt::Display for Detail<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self(frame, address) = self;
        if frame.vector != PAGE_FAULT {
            return if frame.code == 0 {
                Ok(())
            } else {
                write!(out, " (error code {:#x})", frame.code)
            };
        }
        let verb = match access(frame.code) {
            Access::Read => "read",
            Access::Write => "write",
            Access::Fetch => "execute",
        };
        write!(out, " (cannot {verb} {address:#x})")
    }
}
