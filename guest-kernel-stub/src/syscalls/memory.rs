//! Memory of a program: its heap, and what it maps.

use alloc::sync::Arc;
use core::ops::Range;

use spin::MutexGuard;

use super::Result;
use super::error::Error;
use super::open_file::Kind;
use crate::memory::areas::Protection;
use crate::memory::space::AddressSpace;
use crate::memory::{PAGE_SIZE, USER_SPACE};
use crate::process::Process;

/// Where a mapping goes for which the program names no address.
const MAPPINGS: Range<u64> = 0x7000_0000_0000..0x7ff0_0000_0000;

const PROT_READ: u64 = 1;
const PROT_WRITE: u64 = 2;
const PROT_EXEC: u64 = 4;
const MAP_FIXED: u64 = 0x10;
const MAP_ANONYMOUS: u64 = 0x20;
const MAP_FIXED_NOREPLACE: u64 = 0x10_0000;

fn protection(bits: u64) -> Protection {
    Protection {
        read: bits & PROT_READ != 0,
        write: bits & PROT_WRITE != 0,
        execute: bits & PROT_EXEC != 0,
    }
}

/// The whole pages of a range of the program's part.
fn pages(address: u64, size: u64) -> Result<Range<u64>> {
    let end = address
        .checked_add(size)
        .and_then(|end| end.checked_next_multiple_of(PAGE_SIZE));
    let range = address..end.ok_or(Error::EINVAL)?;
    let inside = USER_SPACE.start <= range.start && range.end <= USER_SPACE.end;
    (inside && size > 0 && address.is_multiple_of(PAGE_SIZE))
        .then_some(range)
        .ok_or(Error::EINVAL)
}

/// The address space, unless it is in too many pieces already.
fn space_with_room(process: &Process) -> Result<MutexGuard<'_, AddressSpace>> {
    let space = process.space.lock();
    if space.areas().has_room() {
        Ok(space)
    } else {
        Err(Error::ENOMEM)
    }
}

/// `brk`: moves the heap's end, if it can; gives where it is.
pub fn set_break(process: &Arc<Process>, wanted: u64) -> Result {
    let mut heap = process.heap.lock();
    let mut space = process.space.lock();
    let [old, new] = [heap.end, wanted].map(|end| end.next_multiple_of(PAGE_SIZE));
    let possible = heap.start <= wanted && wanted < MAPPINGS.start;
    if possible && (new <= old || space.areas().is_free(&(old..new))) {
        if new < old {
            space.remove(new..old);
        } else {
            space.set(old..new, Protection::READ_WRITE);
        }
        heap.end = wanted;
    }
    Ok(heap.end)
}

/// `mmap`: zeros, or a copy of a part of a file.
pub fn map(
    process: &Arc<Process>,
    [address, size, rights, flags, descriptor, offset]: [u64; 6],
) -> Result {
    let fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) != 0;
    let content = if flags & MAP_ANONYMOUS != 0 {
        &[][..]
    } else {
        match &process.files.lock().get(descriptor)?.kind {
            Kind::File(file) => file.data.get(offset as usize..).ok_or(Error::EINVAL)?,
            _ => return Err(Error::ENODEV),
        }
    };
    let content = &content[..content.len().min(size as usize)];
    let mut space = space_with_room(process)?;
    let range = match pages(address, size) {
        Ok(range) if fixed || address != 0 && space.areas().is_free(&range) => range,
        Err(error) if fixed => return Err(error),
        _ => {
            let size = size
                .checked_next_multiple_of(PAGE_SIZE)
                .filter(|size| *size > 0)
                .ok_or(Error::EINVAL)?;
            let start = space
                .areas()
                .find_free(size, MAPPINGS)
                .ok_or(Error::ENOMEM)?;
            start..start + size
        }
    };
    space.set(range.clone(), protection(rights));
    if !content.is_empty() {
        let filled = range.start..range.start + (content.len() as u64).next_multiple_of(PAGE_SIZE);
        space.add_pages(filled)?;
        space.write(range.start, content);
    }
    Ok(range.start)
}

/// `munmap`.
pub fn unmap(process: &Arc<Process>, address: u64, size: u64) -> Result {
    let range = pages(address, size)?;
    space_with_room(process)?.remove(range);
    Ok(0)
}

/// `mprotect`.
pub fn protect(process: &Arc<Process>, address: u64, size: u64, rights: u64) -> Result {
    if size == 0 {
        return Ok(0);
    }
    let range = pages(address, size)?;
    process.space.lock().protect(range, protection(rights))?;
    Ok(0)
}

/// `madvise`: "don't need" gives the pages back, zeros come in their place; all else is advice.
pub fn advise(process: &Arc<Process>, address: u64, size: u64, advice: u64) -> Result {
    const DONT_NEED: u64 = 4;
    if advice == DONT_NEED && size > 0 {
        let range = pages(address, size)?;
        process.space.lock().drop_pages(range);
    }
    Ok(0)
}
