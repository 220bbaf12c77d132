//! Memory by frame number, through the direct map.
//!
//! The only way to the bytes of a frame that is not Rust's own. Guests write to the
//! same memory meanwhile, so nothing here makes a plain reference to it: words are
//! atomics, blocks are copied by instructions that the compiler does not see into.
//! Every function panics for a frame that [`ram`] does not let be reached, so a wrong
//! number is a bug report and not a wild access.

use super::ram;
use crate::layout::DIRECT_MAP;
use core::arch::asm;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use xenolith_rules::types::{Mfn, PAGE_SIZE};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Bytes of a page, as a length.
const PAGE: usize = PAGE_SIZE as usize;
/// Eight-byte words in a page.
pub const WORDS: usize = PAGE / 8;

/// Where the direct map shows a frame.
///
/// # Panics
/// If the frame may not be reached by number.
#[track_caller]
pub(crate) fn address(mfn: Mfn) -> u64 {
    assert!(
        ram::is_open(mfn),
        "{mfn} is no frame to be reached by number"
    );
    DIRECT_MAP + mfn.maddr()
}

/// The frame as 512 words. For page tables, and for whatever others write at the same time.
///
/// # Panics
/// If the frame may not be reached by number.
#[track_caller]
pub fn words(mfn: Mfn) -> &'static [AtomicU64; WORDS] {
    // SAFETY: the frame is RAM, mapped writable for good, and no Rust reference that is
    // not to atomics exists to it (`ram`'s promise).
    unsafe { &*(address(mfn) as *const [AtomicU64; WORDS]) }
}

/// One byte of the frame.
///
/// # Panics
/// If the frame may not be reached by number, or the offset is outside of it.
#[track_caller]
pub fn byte(mfn: Mfn, offset: usize) -> &'static AtomicU8 {
    assert!(offset < PAGE, "offset {offset} is outside of a page");
    // SAFETY: as for `words`; the offset is inside the page.
    unsafe { &*((address(mfn) + offset as u64) as *const AtomicU8) }
}

/// Reads one of the frame's 512 words.
///
/// # Panics
/// As [`words`], and if there is no such word.
#[track_caller]
pub fn read_word(mfn: Mfn, index: usize) -> u64 {
    words(mfn)[index].load(Relaxed)
}

/// Writes one of the frame's 512 words.
///
/// # Panics
/// As [`words`], and if there is no such word.
#[track_caller]
pub fn write_word(mfn: Mfn, index: usize, value: u64) {
    words(mfn)[index].store(value, Relaxed);
}

/// Writes words from the frame's beginning on.
///
/// # Panics
/// As [`words`], and if they are more than a page.
#[track_caller]
pub fn write_words(mfn: Mfn, values: &[u64]) {
    write_bytes(mfn, 0, values.as_bytes());
}

/// Writes a value at the frame's beginning.
///
/// # Panics
/// As [`words`], and if it is larger than a page.
#[track_caller]
pub fn write_value<T: IntoBytes + Immutable>(mfn: Mfn, value: T) {
    write_bytes(mfn, 0, value.as_bytes());
}

/// Reads a value. It is a copy, made once: others may be changing the frame.
///
/// # Panics
/// As [`words`], and if the value is not all inside the page.
#[track_caller]
pub fn read<T: FromBytes>(mfn: Mfn, offset: usize) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    let from = inside(mfn, offset, size_of::<T>());
    // SAFETY: `inside` has checked the source; any bytes are a `T` (FromBytes).
    unsafe {
        copy(value.as_mut_ptr().cast(), from as *const u8, size_of::<T>());
        value.assume_init()
    }
}

/// Writes a value.
///
/// # Panics
/// As [`words`], and if the value is not all inside the page.
#[track_caller]
pub fn write<T: IntoBytes + Immutable>(mfn: Mfn, offset: usize, value: &T) {
    write_bytes(mfn, offset, value.as_bytes());
}

/// Copies from the frame.
///
/// # Panics
/// As [`words`], and if the bytes are not all inside the page.
#[track_caller]
pub fn read_bytes(mfn: Mfn, offset: usize, buffer: &mut [u8]) {
    let from = inside(mfn, offset, buffer.len());
    // SAFETY: `inside` has checked the source; the target is a Rust slice, which a frame
    // reached by number never overlaps.
    unsafe { copy(buffer.as_mut_ptr(), from as *const u8, buffer.len()) };
}

/// Copies to the frame.
///
/// # Panics
/// As [`words`], and if the bytes are not all inside the page.
#[track_caller]
pub fn write_bytes(mfn: Mfn, offset: usize, bytes: &[u8]) {
    let to = inside(mfn, offset, bytes.len());
    // SAFETY: `inside` has checked the target; the source is a Rust slice, which a frame
    // reached by number never overlaps.
    unsafe { copy(to as *mut u8, bytes.as_ptr(), bytes.len()) };
}

/// Fills the frame with zeroes.
///
/// # Panics
/// As [`words`].
#[track_caller]
pub fn zero(mfn: Mfn) {
    fill(mfn, 0);
}

/// Fills the frame with one word.
///
/// # Panics
/// As [`words`].
#[track_caller]
pub fn fill(mfn: Mfn, word: u64) {
    let to = address(mfn);
    // SAFETY: the whole page is RAM that may be written by number.
    unsafe {
        asm!("rep stosq", inout("rdi") to => _, inout("rcx") WORDS => _, in("rax") word,
            options(nostack, preserves_flags));
    }
}

/// Copies a whole frame.
///
/// # Panics
/// As [`words`], for either frame.
#[track_caller]
pub fn copy_frame(to: Mfn, from: Mfn) {
    copy_words(to, from, 0..WORDS);
}

/// Copies the words of a range to the same places of another frame.
///
/// # Panics
/// As [`words`], for either frame, and if the range is not inside a page.
#[track_caller]
pub fn copy_words(to: Mfn, from: Mfn, range: core::ops::Range<usize>) {
    assert!(
        range.start <= range.end && range.end <= WORDS,
        "{range:?} is outside of a page"
    );
    let offset = range.start as u64 * 8;
    let (to, from) = (address(to) + offset, address(from) + offset);
    // SAFETY: both ranges are inside frames that may be reached by number.
    unsafe { copy(to as *mut u8, from as *const u8, range.len() * 8) };
}

/// Where `len` bytes of the frame are, all of them inside the page.
#[track_caller]
fn inside(mfn: Mfn, offset: usize, len: usize) -> u64 {
    assert!(
        offset <= PAGE && len <= PAGE - offset,
        "{len} bytes at offset {offset} are outside of a page"
    );
    address(mfn) + offset as u64
}

/// Copies bytes, eight at a time (QEMU's TCG is slow at single ones), by instructions
/// that the compiler knows nothing of: the other side may change them meanwhile.
///
/// # Safety
/// Both ranges are mapped and may be accessed so.
unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "rep movsq",
            "mov ecx, {rest:e}",
            "rep movsb",
            rest = in(reg) len % 8,
            inout("rdi") to => _,
            inout("rsi") from => _,
            inout("rcx") len / 8 => _,
            options(nostack, preserves_flags),
        );
    }
}
