//! From a program file to a process that is ready for its first turn.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem::size_of;

use pv_guest_abi::xen_x86::{FLAT_USER_CS, FLAT_USER_SS};

use super::image::{self, Image};
use super::schedule;
use super::stack::KernelStack;
use super::state::Process;
use crate::files::File;
use crate::memory::areas::Protection;
use crate::memory::space::AddressSpace;
use crate::memory::{OutOfMemory, PAGE_SIZE, USER_SPACE};
use crate::random;
use crate::traps::{Frame, trap_return};

/// Bytes that a program's stack may grow to.
const STACK_SIZE: u64 = 8 << 20;
/// Interrupt flag and the bit that is always one.
const RFLAGS: u64 = 0x202;
/// Words that `switch_stacks` takes before the return address.
const SWITCH_WORDS: usize = 6;

/// Why a program was not started.
#[derive(Debug)]
pub enum Refused {
    /// The file is no program for this kernel.
    Image(image::Error),
    /// There is no memory for it.
    OutOfMemory,
    /// The arguments take more than a page.
    ArgumentsTooLong,
}

impl From<OutOfMemory> for Refused {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(out),
            Self::OutOfMemory => OutOfMemory.fmt(out),
            Self::ArgumentsTooLong => out.write_str("its arguments are too long"),
        }
    }
}

/// Starts a program. `arguments` begin with its name.
pub fn begin(file: &File, arguments: &[&str], foreground: bool) -> Result<Arc<Process>, Refused> {
    let image = Image::parse(file.data).map_err(Refused::Image)?;
    begin_image(&image, file.name, arguments, foreground)
}

/// Starts what `image` plans.
pub(super) fn begin_image(
    image: &Image,
    name: &str,
    arguments: &[&str],
    foreground: bool,
) -> Result<Arc<Process>, Refused> {
    let mut space = AddressSpace::new()?;
    for segment in &image.segments {
        space.set(segment.pages.clone(), segment.protection);
        space.add_pages(segment.pages.clone())?;
        space.write(segment.start, segment.data);
    }
    let top = USER_SPACE.end;
    space.set(top - STACK_SIZE..top, Protection::READ_WRITE);
    let rsp = fill_stack(&mut space, top, image, arguments)?;

    let frame = Frame {
        rip: image.entry,
        cs: FLAT_USER_CS.into(),
        rflags: RFLAGS,
        rsp,
        ss: FLAT_USER_SS.into(),
        ..Frame::default()
    };
    let stack = KernelStack::new()?;
    let stack_pointer = first_stack(&stack, frame);
    let id = schedule::new_id();
    let process = Process::new(
        id,
        name.to_string(),
        foreground,
        space,
        image.end(),
        stack,
        stack_pointer,
    );
    Ok(schedule::add(process))
}

/// Lets the kernel stack look as if the process had just entered the kernel and waited.
fn first_stack(stack: &KernelStack, frame: Frame) -> u64 {
    let frame_place = stack.top() - size_of::<Frame>() as u64;
    let return_place = frame_place - 8;
    // SAFETY: the stack is mapped, new, and larger than this.
    unsafe {
        (frame_place as *mut Frame).write(frame);
        (return_place as *mut u64).write(&raw const trap_return as u64);
    }
    return_place - 8 * SWITCH_WORDS as u64
}

/// Entries of the auxiliary vector (`elf.h`).
mod auxiliary {
    pub const NULL: u64 = 0;
    pub const PHDR: u64 = 3;
    pub const PHENT: u64 = 4;
    pub const PHNUM: u64 = 5;
    pub const PAGESZ: u64 = 6;
    pub const ENTRY: u64 = 9;
    pub const UID: u64 = 11;
    pub const EUID: u64 = 12;
    pub const GID: u64 = 13;
    pub const EGID: u64 = 14;
    pub const CLKTCK: u64 = 17;
    pub const SECURE: u64 = 23;
    pub const RANDOM: u64 = 25;
    pub const EXECFN: u64 = 31;
}

/// Puts on the stack what a Linux program finds there: from its pointer upwards the
/// number of arguments, their addresses, 0, those of the environment, 0, and the
/// auxiliary vector; above them the texts. Returns the pointer.
fn fill_stack(
    space: &mut AddressSpace,
    top: u64,
    image: &Image,
    arguments: &[&str],
) -> Result<u64, Refused> {
    let environment = ["PATH=/", "HOME=/", "TERM=vt100"];
    let mut texts = Vec::new();
    let mut place = |bytes: &[u8]| {
        texts.extend(bytes);
        texts.push(0);
        texts.len() as u64 - bytes.len() as u64 - 1
    };
    let random_at = place(&random::bytes::<16>());
    let argument_at: Vec<u64> = arguments
        .iter()
        .map(|text| place(text.as_bytes()))
        .collect();
    let environment_at: Vec<u64> = environment
        .iter()
        .map(|text| place(text.as_bytes()))
        .collect();
    let texts_start = (top - texts.len() as u64) / 16 * 16;
    let address = |offset: &u64| texts_start + offset;

    let mut words = Vec::new();
    words.push(arguments.len() as u64);
    words.extend(argument_at.iter().map(address));
    words.push(0);
    words.extend(environment_at.iter().map(address));
    words.push(0);
    for (kind, value) in [
        (auxiliary::PHDR, image.headers),
        (auxiliary::PHENT, image.header_size),
        (auxiliary::PHNUM, image.header_count),
        (auxiliary::PAGESZ, PAGE_SIZE),
        (auxiliary::ENTRY, image.entry),
        (auxiliary::UID, 0),
        (auxiliary::EUID, 0),
        (auxiliary::GID, 0),
        (auxiliary::EGID, 0),
        (auxiliary::CLKTCK, 100),
        (auxiliary::SECURE, 0),
        (auxiliary::RANDOM, address(&random_at)),
        (auxiliary::EXECFN, argument_at.first().map_or(0, address)),
        (auxiliary::NULL, 0),
    ] {
        words.extend([kind, value]);
    }
    let words_start = (texts_start - 8 * words.len() as u64) / 16 * 16;
    if top - words_start > PAGE_SIZE {
        return Err(Refused::ArgumentsTooLong);
    }
    space.add_pages(top - PAGE_SIZE..top)?;
    space.write(texts_start, &texts);
    for (at, word) in (words_start..).step_by(8).zip(words) {
        space.write(at, &word.to_le_bytes());
    }
    Ok(words_start)
}
