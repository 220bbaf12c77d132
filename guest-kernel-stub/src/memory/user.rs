//! Copies to and from the memory of the process that is loaded.
//!
//! An address that a program gives is a claim. It must lie in the program's part; then
//! it is simply tried: a page that is missing is made present by the page-fault handler,
//! and what cannot be accessed ends the copy (`traps::copy_may_fault`).

use alloc::string::String;
use alloc::vec::Vec;
use core::mem::size_of;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{PAGE_SIZE, USER_SPACE};
use crate::traps::copy_may_fault;

/// The program gave an address that it cannot use so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAddress;

fn check(address: u64, count: usize) -> Result<(), BadAddress> {
    let end = address.checked_add(count as u64).ok_or(BadAddress)?;
    let inside = USER_SPACE.start <= address && end <= USER_SPACE.end;
    (inside || count == 0).then_some(()).ok_or(BadAddress)
}

/// Reads bytes of the program.
pub fn read_bytes(address: u64, to: &mut [u8]) -> Result<(), BadAddress> {
    check(address, to.len())?;
    // SAFETY: the target is borrowed; the source is in the program's part, read as bytes.
    let left = unsafe { copy_may_fault(to.as_mut_ptr(), address as *const u8, to.len()) };
    (left == 0).then_some(()).ok_or(BadAddress)
}

/// Writes bytes of the program.
pub fn write_bytes(address: u64, from: &[u8]) -> Result<(), BadAddress> {
    check(address, from.len())?;
    // SAFETY: the target is in the program's part, into which the kernel has no references.
    let left = unsafe { copy_may_fault(address as *mut u8, from.as_ptr(), from.len()) };
    (left == 0).then_some(()).ok_or(BadAddress)
}

/// Reads a value.
pub fn read<T: FromBytes + IntoBytes>(address: u64) -> Result<T, BadAddress> {
    let mut value = T::new_zeroed();
    read_bytes(address, value.as_mut_bytes())?;
    Ok(value)
}

/// Writes a value.
pub fn write<T: IntoBytes + Immutable>(address: u64, value: &T) -> Result<(), BadAddress> {
    debug_assert!(size_of::<T>() <= PAGE_SIZE as usize);
    write_bytes(address, value.as_bytes())
}

/// Reads a text that ends with a NUL, at most a page of it.
pub fn read_text(address: u64) -> Result<String, BadAddress> {
    let mut text = Vec::new();
    let mut at = address;
    while text.len() < PAGE_SIZE as usize {
        // Not beyond the page: the next one need not be there.
        let mut part = [0; 64];
        let count = part.len().min((PAGE_SIZE - at % PAGE_SIZE) as usize);
        read_bytes(at, &mut part[..count])?;
        if let Some(end) = part[..count].iter().position(|byte| *byte == 0) {
            text.extend(&part[..end]);
            return String::from_utf8(text).map_err(|_| BadAddress);
        }
        text.extend(&part[..count]);
        at += count as u64;
    }
    Err(BadAddress)
}
