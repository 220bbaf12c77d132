//! Fills the hypervisor's `.ksyms` section after linking.
//!
//! The names of functions are known only once the image is linked, so the linker
//! reserves the room and this fills it, leaving everything else where it is:
//!
//! ```text
//! u64 magic "XLKSYMS1"   u32 count   u32 bytes of names
//! count x { u32 offset of the function from the image's first byte, u32 offset of its name }
//! names, demangled, each with a NUL behind it
//! ```
//!
//! All numbers are little-endian, entries are sorted by offset and no two have the
//! same one. Entry code is linked elsewhere than it is loaded; it is listed where it
//! is loaded, since offsets follow load addresses.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SymbolKind};

/// The first eight bytes of a filled section.
pub const MAGIC: &[u8; 8] = b"XLKSYMS1";
const HEADER: usize = 16;
const ENTRY: usize = 8;
/// Longer names are cut: generic code has names of several hundred bytes.
const LONGEST_NAME: usize = 160;

/// Reads the linked image, fills its section, writes it to `to`.
pub fn fill_file(from: &Path, to: &Path) -> Result<usize> {
    let mut image =
        std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let count = fill(&mut image).with_context(|| from.display().to_string())?;
    // Written beside and moved: a QEMU that boots the old image keeps it whole.
    let beside = to.with_extension("new");
    std::fs::write(&beside, &image)
        .and_then(|()| std::fs::rename(&beside, to))
        .with_context(|| format!("cannot write {}", to.display()))?;
    Ok(count)
}

/// Fills the section of an image in memory; returns the number of functions listed.
pub fn fill(image: &mut [u8]) -> Result<usize> {
    let (place, functions) = survey(image)?;
    let blob = encode(&functions);
    let room = place.len();
    if blob.len() > room {
        bail!(
            "{} functions need {} bytes of .ksyms, the linker script reserves {room}",
            functions.len(),
            blob.len()
        );
    }
    let section = &mut image[place];
    section.fill(0);
    section[..blob.len()].copy_from_slice(&blob);
    Ok(functions.len())
}

/// Where the section lies in the file, and what goes into it: offset to name.
fn survey(image: &[u8]) -> Result<(std::ops::Range<usize>, BTreeMap<u32, String>)> {
    let elf = ElfFile64::<Endianness>::parse(image).context("not a 64-bit ELF")?;
    let section = elf
        .section_by_name(".ksyms")
        .context("the image has no .ksyms section to fill")?;
    let (start, size) = section
        .file_range()
        .context("its .ksyms section takes no room in the file")?;
    let place = usize::try_from(start)?..usize::try_from(start + size)?;
    if place.end > image.len() {
        bail!("its .ksyms section reaches beyond the file");
    }

    let endian = elf.endian();
    let loads: Vec<(u64, u64, u64)> = elf
        .elf_program_headers()
        .iter()
        .filter(|p| p.p_type(endian) == object::elf::PT_LOAD)
        .map(|p| (p.p_vaddr(endian), p.p_memsz(endian), p.p_paddr(endian)))
        .collect();
    let base = loads
        .iter()
        .map(|load| load.2)
        .min()
        .context("the image has nothing to load")?;

    let mut functions: BTreeMap<u32, (bool, String)> = BTreeMap::new();
    for symbol in elf.symbols() {
        // Labels of assembly have no type; data has nothing to do in a back trace.
        let typed = symbol.kind() == SymbolKind::Text;
        let in_text = symbol
            .section_index()
            .and_then(|index| elf.section_by_index(index).ok())
            .is_some_and(|s| s.kind() == object::SectionKind::Text);
        let name = symbol.name().unwrap_or("");
        if !in_text || name.is_empty() || name.starts_with('$') || name.starts_with(".L") {
            continue;
        }
        let address = symbol.address();
        let Some(load) = loads
            .iter()
            .find(|(vaddr, size, _)| address >= *vaddr && address - vaddr < *size)
        else {
            continue;
        };
        let Ok(offset) = u32::try_from(address - load.0 + load.2 - base) else {
            continue;
        };
        let name = readable(name);
        match functions.get(&offset) {
            // Of two names of one place, a function's wins over a label's.
            Some((true, _)) => {}
            Some((false, _)) if !typed => {}
            _ => {
                functions.insert(offset, (typed, name));
            }
        }
    }
    let functions = functions
        .into_iter()
        .map(|(offset, (_, name))| (offset, name))
        .collect();
    Ok((place, functions))
}

fn readable(name: &str) -> String {
    let mut name = format!("{:#}", rustc_demangle::demangle(name));
    if name.len() > LONGEST_NAME {
        let mut end = LONGEST_NAME - 3;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        name.push_str("...");
    }
    name
}

fn encode(functions: &BTreeMap<u32, String>) -> Vec<u8> {
    let mut names = Vec::new();
    let mut entries = Vec::with_capacity(functions.len() * ENTRY);
    for (offset, name) in functions {
        let at = u32::try_from(names.len()).expect("names are far below 4 GiB");
        entries.extend(offset.to_le_bytes());
        entries.extend(at.to_le_bytes());
        names.extend(name.bytes());
        names.push(0);
    }
    let count = u32::try_from(functions.len()).expect("offsets are u32");
    let names_len = u32::try_from(names.len()).expect("names are far below 4 GiB");
    let mut blob = Vec::with_capacity(HEADER + entries.len() + names.len());
    blob.extend(MAGIC);
    blob.extend(count.to_le_bytes());
    blob.extend(names_len.to_le_bytes());
    blob.extend(entries);
    blob.extend(names);
    blob
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blob_has_the_documented_layout() {
        let functions = BTreeMap::from([(0x10, "boot".to_string()), (0x200, "a::b".to_string())]);
        let blob = encode(&functions);
        let word = |at: usize| u32::from_le_bytes(blob[at..at + 4].try_into().unwrap());
        assert_eq!(&blob[..8], MAGIC);
        assert_eq!((word(8), word(12)), (2, 10));
        assert_eq!((word(16), word(20)), (0x10, 0));
        assert_eq!((word(24), word(28)), (0x200, 5));
        assert_eq!(&blob[32..], b"boot\0a::b\0");
    }

    #[test]
    fn names_are_demangled_without_the_hash_and_bounded() {
        assert_eq!(
            readable("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE"),
            "core::fmt::Write::write_fmt"
        );
        assert_eq!(readable(&"x".repeat(500)).len(), LONGEST_NAME);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        assert!(fill(&mut b"not an ELF".to_vec()).is_err());
    }
}
