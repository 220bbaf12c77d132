//! The table of function names that is filled into the image after the link.
//!
//! Layout, little-endian: magic `XLKSYMS1`, count `u32`, bytes of names `u32`, then
//! `count` pairs {offset of the function from `layout::IMAGE`, offset of its name}, both
//! `u32`, by rising offset, then the names, each ended by a NUL. An unfilled section
//! begins with zeroes, and then there are no names.

/// What a filled table begins with.
pub const MAGIC: &[u8; 8] = b"XLKSYMS1";
const HEADER: usize = 16;
const PAIR: usize = 8;

/// A function's name, and how far behind its start an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The demangled name.
    pub name: &'static str,
    /// Bytes from its start.
    pub offset: u64,
}

/// The function that an address lies in, given as its offset from the image's start.
pub fn find(blob: &'static [u8], offset: u64) -> Option<Symbol> {
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
    Some(Symbol {
        name: core::str::from_utf8(name).ok()?,
        offset: offset - start_of(index)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn table(functions: &[(u32, &str)]) -> Vec<u8> {
        let mut names = Vec::new();
        let mut pairs = Vec::new();
        for (start, name) in functions {
            pairs.extend(start.to_le_bytes());
            pairs.extend((names.len() as u32).to_le_bytes());
            names.extend(name.bytes().chain([0]));
        }
        let counts = [functions.len() as u32, names.len() as u32].map(u32::to_le_bytes);
        [
            MAGIC.as_slice(),
            counts.as_flattened(),
            &pairs,
            &names,
            &[0; 32],
        ]
        .concat()
    }

    fn leaked(functions: &[(u32, &str)]) -> &'static [u8] {
        table(functions).leak()
    }

    #[test]
    fn finds_the_function_around_an_address() {
        let blob = leaked(&[(0x100, "first"), (0x180, "second::<T>")]);
        assert_eq!(find(blob, 0xff), None);
        assert_eq!(
            find(blob, 0x100),
            Some(Symbol {
                name: "first",
                offset: 0
            })
        );
        assert_eq!(
            find(blob, 0x17f),
            Some(Symbol {
                name: "first",
                offset: 0x7f
            })
        );
        assert_eq!(
            find(blob, 0x190),
            Some(Symbol {
                name: "second::<T>",
                offset: 0x10
            })
        );
    }

    #[test]
    fn an_unfilled_table_has_no_names() {
        assert_eq!(find(&[0; 64], 0x100), None);
        assert_eq!(find(leaked(&[]), 0x100), None);
    }

    proptest! {
        #[test]
        fn no_table_makes_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..64), at: u64, counts: [u8; 8]) {
            let head = [MAGIC.as_slice(), &counts].concat();
            if bytes.len() >= head.len() {
                bytes[..head.len()].copy_from_slice(&head);
            }
            let _ = find(bytes.leak(), at);
        }
    }
}
