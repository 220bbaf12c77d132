//! Boot modules: files that the loader left in RAM, until they have been read.
//!
//! [`super::init`] keeps the allocator off their frames and lists them here. [`take`]
//! gives one of them out as plain Rust memory, once; when that is dropped, its frames
//! become free RAM like any other.

use super::{LOW_MEMORY_END, frames, ram};
use crate::layout::DIRECT_MAP;
use alloc::vec::Vec;
use core::ops::{Deref, Range};
use spin::Mutex;
use xenolith_rules::types::{Mfn, PAGE_SIZE};

/// Modules that nobody has taken: machine addresses of their bytes.
static WAITING: Mutex<Vec<Range<u64>>> = Mutex::new(Vec::new());

/// Lists the modules. One that shares a page with another, or with what is `taken`
/// besides, is left out: its memory is not its own.
pub(super) fn init(modules: &[Range<u64>], taken: &[Range<u64>]) {
    let pages = |range: &Range<u64>| ram::frames_of(range.clone());
    let mut waiting = WAITING.lock();
    for (index, module) in modules.iter().enumerate() {
        let own = pages(module);
        let others = modules
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        let mut others = others
            .map(|(_, range)| pages(range))
            .chain(taken.iter().map(pages));
        if !others.any(|other| other.start < own.end && own.start < other.end) {
            waiting.push(module.clone());
        }
    }
}

/// A boot module's bytes. Its frames cannot be reached by number meanwhile; they are
/// free once this is dropped.
#[derive(Debug)]
pub struct ModuleBytes {
    range: Range<u64>,
}

/// Takes a module by the addresses of its bytes, as given to [`super::init`]. `None`: it was
/// taken before, is no module with memory of its own, or is not all in RAM.
pub fn take(range: Range<u64>) -> Option<ModuleBytes> {
    let mut waiting = WAITING.lock();
    let index = waiting.iter().position(|waiting| *waiting == range)?;
    let frames = ram::frames_of(range.clone());
    if range.end < range.start || !frames.clone().all(|frame| ram::is_open(Mfn(frame))) {
        return None;
    }
    waiting.swap_remove(index);
    ram::close(frames);
    Some(ModuleBytes { range })
}

impl Deref for ModuleBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let start = (DIRECT_MAP + self.range.start) as *const u8;
        let len = (self.range.end - self.range.start) as usize;
        // SAFETY: `take` has found the range to be RAM, which the direct map shows for good, and
        // a module's, which the allocator never had and which is given out once. Its frames
        // are closed to access by number until `drop`, so nobody writes to them.
        unsafe { core::slice::from_raw_parts(start, len) }
    }
}

impl Drop for ModuleBytes {
    fn drop(&mut self) {
        let own = ram::frames_of(self.range.clone());
        ram::open(own.clone());
        let start = (own.start * PAGE_SIZE).max(LOW_MEMORY_END);
        let end = own.end * PAGE_SIZE;
        if start < end {
            frames::release(start..end);
        }
    }
}
