//! Names of functions for back traces: the section `.ksyms`, filled in after the link.
//!
//! Layout, little-endian: magic `XLKSYMS1`, count `u32`, bytes of names `u32`, then
//! `count` pairs {offset of the function from `layout::IMAGE`, offset of its name}, both
//! `u32`, by rising offset, then the names, each ended by a NUL. An unfilled section
//! begins with zeroes, and then there are no names.

use crate::layout;

/// Bytes reserved for names.
pub const SIZE: usize = 512 << 10;
const MAGIC: &[u8; 8] = b"XLKSYMS1";
const HEADER: usize = 16;
const PAIR: usize = 8;

#[repr(align(16))]
struct Blob([u8; SIZE]);

#[used]
#[unsafe(link_section = ".ksyms")]
static BLOB: Blob = Blob([0; SIZE]);

/// A function's name, and how far behind its start an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The demangled name.
    pub name: &'static str,
    /// Bytes from its start.
    pub offset: u64,
}

/// The function that an address lies in, if the table knows one.
pub fn find(address: u64) -> Option<Symbol> {
    // The section changes after the compiler has seen it: read it as if for the first time.
    let blob: &'static [u8] = core::hint::black_box(&BLOB.0);
    find_in(blob, address.checked_sub(layout::IMAGE)?)
}

fn find_in(blob: &'static [u8], offset: u64) -> Option<Symbol> {
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(blob.get(at..at + 4)?.try_into().ok()?))
    };
    if !blob.starts_with(MAGIC) {
        return None;
    }
    let (count, names_len) = (word(8)? as usize, word(12)? as usize);
    let start_of = |index: usize| word(HEADER + index * PAIR).map(u64::from);

    // The last function that starts at or before the offset.
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = (low + high) / 2;
        if start_of(middle)? <= offset {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let index = low.checked_sub(1)?;
    let names = HEADER + count.checked_mul(PAIR)?;
    let names = blob.get(names..names.checked_add(names_len)?)?;
    let name = names.get(word(HEADER + index * PAIR + 4)? as usize..)?;
    let name = &name[..name.iter().position(|&byte| byte == 0)?];
    Some(Symbol { name: core::str::from_utf8(name).ok()?, offset: offset - start_of(index)? })
}
