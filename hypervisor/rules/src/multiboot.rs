//! What a multiboot loader left in memory, as owned values.
//!
//! Reads the information structures of multiboot 0.6.96 and multiboot2 2.0 and the
//! ACPI root pointer through [`Physical`], which on the machine is the first 4 GiB
//! and in tests a vector. Every address and length in these structures is the
//! loader's claim: what does not fit is refused by name, never followed.

use crate::cmdline::strip_image_name;
use crate::memmap::Region;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// EAX at entry from a multiboot 1 loader.
pub const MB1_BOOT_MAGIC: u32 = 0x2bad_b002;
/// EAX at entry from a multiboot 2 loader.
pub const MB2_BOOT_MAGIC: u32 = 0x36d7_6289;
/// Multiboot2 information: command line.
pub const MB2_INFO_CMDLINE: u32 = 1;
/// Multiboot2 information: a module.
pub const MB2_INFO_MODULE: u32 = 3;
/// Multiboot2 information: the memory map.
pub const MB2_INFO_MEMORY_MAP: u32 = 6;
/// Multiboot2 information: a copy of an ACPI 1.0 root pointer.
pub const MB2_INFO_RSDP1: u32 = 14;
/// Multiboot2 information: a copy of an ACPI 2.0 root pointer.
pub const MB2_INFO_RSDP2: u32 = 15;

/// Longest string taken from a loader, in bytes.
const MAX_STRING: u64 = 4096;
/// Most modules taken from a loader.
const MAX_MODULES: u32 = 64;
/// Most bytes of a multiboot2 information structure or multiboot1 memory map.
const MAX_INFO: u64 = 1 << 20;

/// Physical memory as a loader left it.
pub trait Physical {
    /// The bytes of a range, or `None` if it is empty or cannot be read whole.
    fn bytes(&self, range: Range<u64>) -> Option<&[u8]>;
}

/// A file that the loader put into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Machine addresses of its bytes.
    pub range: Range<u64>,
    /// Its arguments, without a file name in front.
    pub string: String,
}

/// Where ACPI's tables begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rsdp {
    /// 0 for ACPI 1.0: `table` is an RSDT; else an XSDT.
    pub revision: u8,
    /// Machine address of the RSDT or XSDT.
    pub table: u64,
}

/// Everything the loader told, checked for form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootInfo {
    /// Options, without a file name in front.
    pub command_line: String,
    /// The memory map as the loader gave it: to be normalised by `memmap`.
    pub memory_map: Vec<Region>,
    /// The modules, in the loader's order.
    pub modules: Vec<Module>,
    /// The ACPI root pointer, if the loader had one.
    pub rsdp: Option<Rsdp>,
}

/// Why a loader's information cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootError {
    /// EAX held neither magic.
    UnknownMagic(u32),
    /// A structure of this name lies outside of what can be read, or is cut short.
    Unreadable(&'static str, u64),
    /// There is no memory map.
    NoMemoryMap,
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownMagic(magic) => write!(
                f,
                "boot magic {magic:#x} is neither multiboot 1 ({MB1_BOOT_MAGIC:#x}) nor multiboot 2 ({MB2_BOOT_MAGIC:#x})"
            ),
            Self::Unreadable(what, at) => {
                write!(f, "the boot loader's {what} at {at:#x} cannot be read")
            }
            Self::NoMemoryMap => {
                f.write_str("the boot loader gave no memory map; use GRUB 2 or QEMU's -kernel")
            }
        }
    }
}

/// Reads the information that belongs to `magic` and lies at `info`.
///
/// # Errors
/// What is missing or malformed, for the console.
pub fn parse(memory: &impl Physical, magic: u32, info: u32) -> Result<BootInfo, BootError> {
    let parsed = match magic {
        MB1_BOOT_MAGIC => parse1(memory, u64::from(info))?,
        MB2_BOOT_MAGIC => parse2(memory, u64::from(info))?,
        other => return Err(BootError::UnknownMagic(other)),
    };
    if parsed.memory_map.is_empty() {
        return Err(BootError::NoMemoryMap);
    }
    Ok(parsed)
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let raw = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_le_bytes(raw.try_into().ok()?))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let raw = bytes.get(offset..offset.checked_add(8)?)?;
    Some(u64::from_le_bytes(raw.try_into().ok()?))
}

/// The text up to its NUL, or to the end; bytes that are no UTF-8 are marked.
fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().into()
}

/// The string that starts at an address, as far as it can be read.
fn text_from(memory: &impl Physical, start: u64) -> String {
    let mut out = Vec::new();
    for at in start..start.saturating_add(MAX_STRING) {
        match memory.bytes(at..at + 1) {
            Some(&[byte]) if byte != 0 => out.push(byte),
            _ => break,
        }
    }
    text(&out)
}

// Multiboot 1: offsets and flag bits of the information structure.
const MB1_INFO_SIZE: u64 = 116;
const MB1_HAS_CMDLINE: u32 = 1 << 2;
const MB1_HAS_MODULES: u32 = 1 << 3;
const MB1_HAS_MEMORY_MAP: u32 = 1 << 6;
const MB1_HAS_LOADER: u32 = 1 << 9;

fn parse1(memory: &impl Physical, at: u64) -> Result<BootInfo, BootError> {
    let unreadable = BootError::Unreadable("multiboot information", at);
    let info = memory
        .bytes(at..at.saturating_add(MB1_INFO_SIZE))
        .ok_or(unreadable)?;
    let field = |offset| u32_at(info, offset).ok_or(unreadable);
    let flags = field(0)?;

    let loader = if flags & MB1_HAS_LOADER != 0 {
        Some(text_from(memory, u64::from(field(64)?)))
    } else {
        None
    };
    let string_at = |at| String::from(strip_image_name(&text_from(memory, at), loader.as_deref()));

    let mut out = BootInfo::default();
    if flags & MB1_HAS_CMDLINE != 0 {
        out.command_line = string_at(u64::from(field(16)?));
    }
    if flags & MB1_HAS_MODULES != 0 {
        let (count, list) = (field(20)?.min(MAX_MODULES), u64::from(field(24)?));
        for index in 0..u64::from(count) {
            let start = list + index * 16;
            let bad = BootError::Unreadable("module list", start);
            let entry = memory.bytes(start..start + 16).ok_or(bad)?;
            let range =
                u64::from(u32_at(entry, 0).ok_or(bad)?)..u64::from(u32_at(entry, 4).ok_or(bad)?);
            let string = u64::from(u32_at(entry, 8).ok_or(bad)?);
            if range.end < range.start {
                return Err(BootError::Unreadable("module", range.start));
            }
            let string = if string == 0 {
                String::new()
            } else {
                string_at(string)
            };
            out.modules.push(Module { range, string });
        }
    }
    if flags & MB1_HAS_MEMORY_MAP != 0 {
        let (length, start) = (u64::from(field(44)?), u64::from(field(48)?));
        let bad = BootError::Unreadable("memory map", start);
        let map = memory
            .bytes(start..start + length.min(MAX_INFO))
            .ok_or(bad)?;
        let mut offset = 0;
        while offset < map.len() {
            // The size does not count itself.
            let size = u32_at(map, offset).ok_or(bad)? as usize;
            if size < 20 {
                return Err(bad);
            }
            out.memory_map.push(Region::from_e820(
                u64_at(map, offset + 4).ok_or(bad)?,
                u64_at(map, offset + 12).ok_or(bad)?,
                u32_at(map, offset + 20).ok_or(bad)?,
            ));
            offset = offset.saturating_add(4).saturating_add(size);
        }
    }
    Ok(out)
}

fn parse2(memory: &impl Physical, at: u64) -> Result<BootInfo, BootError> {
    let unreadable = BootError::Unreadable("multiboot2 information", at);
    let head = memory.bytes(at..at.saturating_add(8)).ok_or(unreadable)?;
    let size = u64::from(u32_at(head, 0).ok_or(unreadable)?);
    if !(16..=MAX_INFO).contains(&size) {
        return Err(unreadable);
    }
    let info = memory.bytes(at..at + size).ok_or(unreadable)?;

    let mut out = BootInfo::default();
    let mut offset = 8;
    loop {
        let bad = BootError::Unreadable("multiboot2 tag", at + offset as u64);
        let kind = u32_at(info, offset).ok_or(bad)?;
        let size = u32_at(info, offset + 4).ok_or(bad)? as usize;
        if kind == 0 {
            return Ok(out);
        }
        if size < 8 {
            return Err(bad);
        }
        let tag = info.get(offset + 8..offset + size).ok_or(bad)?;
        match kind {
            MB2_INFO_CMDLINE => out.command_line = text(tag),
            MB2_INFO_MODULE if out.modules.len() < MAX_MODULES as usize => {
                let start = u64::from(u32_at(tag, 0).ok_or(bad)?);
                let end = u64::from(u32_at(tag, 4).ok_or(bad)?);
                if end < start {
                    return Err(bad);
                }
                out.modules.push(Module {
                    range: start..end,
                    string: text(&tag[8..]),
                });
            }
            MB2_INFO_MEMORY_MAP => {
                let entry_size = u32_at(tag, 0).ok_or(bad)? as usize;
                if entry_size < 24 {
                    return Err(bad);
                }
                for entry in tag.get(8..).ok_or(bad)?.chunks_exact(entry_size) {
                    out.memory_map.push(Region::from_e820(
                        u64_at(entry, 0).ok_or(bad)?,
                        u64_at(entry, 8).ok_or(bad)?,
                        u32_at(entry, 16).ok_or(bad)?,
                    ));
                }
            }
            // The newer one wins, whatever their order.
            MB2_INFO_RSDP1 => out.rsdp = out.rsdp.or(parse_rsdp(tag)),
            MB2_INFO_RSDP2 => out.rsdp = parse_rsdp(tag).or(out.rsdp),
            _ => {}
        }
        offset = offset.saturating_add(size).next_multiple_of(8);
    }
}

const RSDP1_SIZE: usize = 20;
const RSDP2_SIZE: usize = 36;

/// Reads a root system description pointer (ACPI 6.5, section 5.2.5.3), if it is one.
pub fn parse_rsdp(bytes: &[u8]) -> Option<Rsdp> {
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    let first = bytes.get(..RSDP1_SIZE)?;
    if !first.starts_with(b"RSD PTR ") || sum(first) != 0 {
        return None;
    }
    let revision = first[15];
    if revision >= 2 {
        let whole = bytes.get(..RSDP2_SIZE)?;
        let table = u64_at(whole, 24)?;
        if sum(whole) == 0 && table != 0 {
            return Some(Rsdp { revision, table });
        }
    }
    Some(Rsdp {
        revision: 0,
        table: u64::from(u32_at(first, 16)?),
    })
}

/// Looks for the root pointer where a BIOS puts it: the first KiB of the EBDA and
/// the ROM area below 1 MiB, on 16-byte boundaries.
pub fn scan_for_rsdp(memory: &impl Physical) -> Option<Rsdp> {
    const EBDA_SEGMENT: u64 = 0x40e;
    let segment = memory.bytes(EBDA_SEGMENT..EBDA_SEGMENT + 2)?;
    let ebda = u64::from(u16::from_le_bytes(segment.try_into().ok()?)) << 4;
    let ebda = (0x8_0000..0xa_0000)
        .contains(&ebda)
        .then_some(ebda..ebda + 1024);
    [ebda, Some(0xe_0000..0x10_0000)]
        .into_iter()
        .flatten()
        .find_map(|area| {
            let bytes = memory.bytes(area)?;
            (0..bytes.len())
                .step_by(16)
                .find_map(|offset| parse_rsdp(&bytes[offset..]))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memmap::Kind;
    use proptest::prelude::*;

    struct Bytes(Vec<u8>);

    impl Physical for Bytes {
        fn bytes(&self, range: Range<u64>) -> Option<&[u8]> {
            if range.is_empty() {
                return None;
            }
            self.0
                .get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
        }
    }

    impl Bytes {
        fn put(&mut self, at: usize, words: &[u32]) {
            for (index, word) in words.iter().enumerate() {
                self.0[at + index * 4..][..4].copy_from_slice(&word.to_le_bytes());
            }
        }
        fn put_text(&mut self, at: usize, text: &str) {
            self.0[at..at + text.len()].copy_from_slice(text.as_bytes());
            self.0[at + text.len()] = 0;
        }
    }

    fn multiboot1(loader: &str) -> Bytes {
        let mut memory = Bytes(std::vec![0; 0x2000]);
        let flags = MB1_HAS_CMDLINE | MB1_HAS_MODULES | MB1_HAS_MEMORY_MAP | MB1_HAS_LOADER;
        memory.put(0x100, &[flags, 0, 0, 0, 0x400, 1, 0x300]);
        memory.put(0x100 + 44, &[24, 0x500]);
        memory.put(0x100 + 64, &[0x480]);
        memory.put(0x300, &[0x1000, 0x1800, 0x440, 0]);
        memory.put_text(0x400, "xenolith com1=115200 loglvl=all");
        memory.put_text(0x440, "kernel a,b");
        memory.put_text(0x480, loader);
        memory.put(0x500, &[20, 0x10_0000, 0, 0x800_0000, 0, 1]);
        memory
    }

    #[test]
    fn multiboot1_from_qemu_loses_the_file_names() {
        let info = parse(&multiboot1("qemu"), MB1_BOOT_MAGIC, 0x100).unwrap();
        assert_eq!(info.command_line, "com1=115200 loglvl=all");
        assert_eq!(
            info.modules,
            [Module {
                range: 0x1000..0x1800,
                string: "a,b".into()
            }]
        );
        assert_eq!(
            info.memory_map,
            [Region {
                start: 0x10_0000,
                end: 0x810_0000,
                kind: Kind::Ram
            }]
        );
    }

    #[test]
    fn multiboot1_from_grub_keeps_every_word() {
        let info = parse(&multiboot1("GRUB 2.06"), MB1_BOOT_MAGIC, 0x100).unwrap();
        assert_eq!(info.command_line, "xenolith com1=115200 loglvl=all");
        assert_eq!(info.modules[0].string, "kernel a,b");
    }

    fn rsdp(revision: u8) -> Vec<u8> {
        let mut bytes = b"RSD PTR \0BOCHS \0".to_vec();
        bytes[15] = revision;
        bytes.extend(0x1234_u32.to_le_bytes());
        bytes[8] = bytes.iter().fold(0_u8, |sum, &b| sum.wrapping_sub(b));
        bytes.extend(36_u32.to_le_bytes());
        bytes.extend(0x1_0000_5678_u64.to_le_bytes());
        bytes.extend([0; 4]);
        bytes[32] = bytes.iter().fold(0_u8, |sum, &b| sum.wrapping_sub(b));
        bytes
    }

    #[test]
    fn multiboot2_tags() {
        let mut tags: Vec<u8> = Vec::new();
        let mut tag = |kind: u32, body: &[u8]| {
            tags.extend(kind.to_le_bytes());
            tags.extend((body.len() as u32 + 8).to_le_bytes());
            tags.extend(body);
            tags.resize(tags.len().next_multiple_of(8), 0);
        };
        tag(MB2_INFO_CMDLINE, b"com1=115200\0");
        let mut module = Vec::new();
        module.extend(0x20_0000_u32.to_le_bytes());
        module.extend(0x30_0000_u32.to_le_bytes());
        module.extend(b"args\0");
        tag(MB2_INFO_MODULE, &module);
        let mut map = Vec::new();
        map.extend(24_u32.to_le_bytes());
        map.extend(0_u32.to_le_bytes());
        map.extend(0_u64.to_le_bytes());
        map.extend(0x9_f000_u64.to_le_bytes());
        map.extend(1_u32.to_le_bytes());
        map.extend(0_u32.to_le_bytes());
        tag(MB2_INFO_MEMORY_MAP, &map);
        tag(MB2_INFO_RSDP2, &rsdp(2));
        tag(MB2_INFO_RSDP1, &rsdp(0)[..20]);
        tag(0, b"");
        let mut memory = std::vec![0; 64];
        memory.extend((tags.len() as u32 + 8).to_le_bytes());
        memory.extend([0; 4]);
        memory.extend(&tags);

        let info = parse(&Bytes(memory), MB2_BOOT_MAGIC, 64).unwrap();
        assert_eq!(info.command_line, "com1=115200");
        assert_eq!(
            info.modules,
            [Module {
                range: 0x20_0000..0x30_0000,
                string: "args".into()
            }]
        );
        assert_eq!(
            info.memory_map,
            [Region {
                start: 0,
                end: 0x9_f000,
                kind: Kind::Ram
            }]
        );
        assert_eq!(
            info.rsdp,
            Some(Rsdp {
                revision: 2,
                table: 0x1_0000_5678
            })
        );
    }

    #[test]
    fn root_pointer_is_found_in_the_rom_area() {
        let mut memory = Bytes(std::vec![0; 0x10_0000]);
        memory.0[0xf_5ab0..][..36].copy_from_slice(&rsdp(2));
        assert_eq!(
            scan_for_rsdp(&memory),
            Some(Rsdp {
                revision: 2,
                table: 0x1_0000_5678
            })
        );
        memory.0[0xf_5ab0] = b'X';
        assert_eq!(scan_for_rsdp(&memory), None);
    }

    #[test]
    fn a_root_pointer_of_version_1_names_the_rsdt() {
        assert_eq!(
            parse_rsdp(&rsdp(0)[..20]),
            Some(Rsdp {
                revision: 0,
                table: 0x1234
            })
        );
    }

    #[test]
    fn unknown_magic_is_refused_by_name() {
        let error = parse(&Bytes(Vec::new()), 7, 0).unwrap_err();
        assert_eq!(error, BootError::UnknownMagic(7));
    }

    proptest! {
        #[test]
        fn nothing_a_loader_leaves_makes_it_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..512),
            at in 0_u32..600,
            second: bool,
        ) {
            let magic = if second { MB2_BOOT_MAGIC } else { MB1_BOOT_MAGIC };
            let _ = parse(&Bytes(bytes), magic, at);
        }

        #[test]
        fn no_change_of_one_byte_makes_it_panic(at in 0_usize..0x600, byte: u8) {
            let mut memory = multiboot1("qemu");
            memory.0[at] = byte;
            let _ = parse(&memory, MB1_BOOT_MAGIC, 0x100);
        }
    }
}
