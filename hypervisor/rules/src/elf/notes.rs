//! The Xen notes of a kernel: numbers and texts by type, wherever they were found.

use super::error::KernelError;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::note::{Note as ElfNote, NoteIterator};
use pv_guest_abi::elfnote::{
    NAME, XEN_ELFNOTE_BSD_SYMTAB, XEN_ELFNOTE_ENTRY, XEN_ELFNOTE_FEATURES, XEN_ELFNOTE_GUEST_OS,
    XEN_ELFNOTE_GUEST_VERSION, XEN_ELFNOTE_HV_START_LOW, XEN_ELFNOTE_HYPERCALL_PAGE,
    XEN_ELFNOTE_INFO, XEN_ELFNOTE_INIT_P2M, XEN_ELFNOTE_L1_MFN_VALID, XEN_ELFNOTE_LOADER,
    XEN_ELFNOTE_MOD_START_PFN, XEN_ELFNOTE_PADDR_OFFSET, XEN_ELFNOTE_PAE_MODE,
    XEN_ELFNOTE_PHYS32_ENTRY, XEN_ELFNOTE_SUPPORTED_FEATURES, XEN_ELFNOTE_SUSPEND_CANCEL,
    XEN_ELFNOTE_VIRT_BASE, XEN_ELFNOTE_XEN_VERSION,
};

/// Where the notes were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteSource {
    /// In a `PT_NOTE` segment.
    Segment,
    /// In a section of type `SHT_NOTE`.
    Section,
    /// In the section `__xen_guest`: the text of old kernels.
    GuestText,
}

/// A note's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number of 4 or 8 bytes.
    Number(u64),
    /// A text, with or without its NUL in the file.
    Text(&'a str),
    /// Something else.
    Bytes(&'a [u8]),
}

/// One note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// `XEN_ELFNOTE_*`
    pub kind: u32,
    /// Its value.
    pub value: Value<'a>,
}

/// A kernel's Xen notes, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notes<'a> {
    /// Where they were found.
    pub source: NoteSource,
    /// All of them.
    pub list: Vec<Note<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Number,
    Text,
    Bytes,
}

/// Every type of note, its name, and what its value is.
const TYPES: &[(u32, &str, Type)] = &[
    (XEN_ELFNOTE_INFO, "INFO", Type::Text),
    (XEN_ELFNOTE_ENTRY, "ENTRY", Type::Number),
    (XEN_ELFNOTE_HYPERCALL_PAGE, "HYPERCALL_PAGE", Type::Number),
    (XEN_ELFNOTE_VIRT_BASE, "VIRT_BASE", Type::Number),
    (XEN_ELFNOTE_PADDR_OFFSET, "PADDR_OFFSET", Type::Number),
    (XEN_ELFNOTE_XEN_VERSION, "XEN_VERSION", Type::Text),
    (XEN_ELFNOTE_GUEST_OS, "GUEST_OS", Type::Text),
    (XEN_ELFNOTE_GUEST_VERSION, "GUEST_VERSION", Type::Text),
    (XEN_ELFNOTE_LOADER, "LOADER", Type::Text),
    (XEN_ELFNOTE_PAE_MODE, "PAE_MODE", Type::Text),
    (XEN_ELFNOTE_FEATURES, "FEATURES", Type::Text),
    (XEN_ELFNOTE_BSD_SYMTAB, "BSD_SYMTAB", Type::Text),
    (XEN_ELFNOTE_HV_START_LOW, "HV_START_LOW", Type::Number),
    (XEN_ELFNOTE_L1_MFN_VALID, "L1_MFN_VALID", Type::Bytes),
    (XEN_ELFNOTE_SUSPEND_CANCEL, "SUSPEND_CANCEL", Type::Number),
    (XEN_ELFNOTE_INIT_P2M, "INIT_P2M", Type::Number),
    (XEN_ELFNOTE_MOD_START_PFN, "MOD_START_PFN", Type::Number),
    (
        XEN_ELFNOTE_SUPPORTED_FEATURES,
        "SUPPORTED_FEATURES",
        Type::Number,
    ),
    (XEN_ELFNOTE_PHYS32_ENTRY, "PHYS32_ENTRY", Type::Number),
];

/// A note type's name, `"?"` for one that nobody knows.
pub fn name(kind: u32) -> &'static str {
    TYPES
        .iter()
        .find(|(known, ..)| *known == kind)
        .map_or("?", |(_, name, _)| name)
}

/// Every type of note that a kernel may carry: number and name.
pub fn known() -> impl Iterator<Item = (u32, &'static str)> {
    TYPES.iter().map(|&(kind, name, _)| (kind, name))
}

impl<'a> Notes<'a> {
    /// The number that a note gives; the last one, should there be several.
    pub fn number(&self, kind: u32) -> Option<u64> {
        self.list
            .iter()
            .rev()
            .find(|note| note.kind == kind)
            .and_then(|note| match note.value {
                Value::Number(number) => Some(number),
                _ => None,
            })
    }

    /// The text that a note gives; the last one, should there be several.
    pub fn text(&self, kind: u32) -> Option<&'a str> {
        self.list
            .iter()
            .rev()
            .find(|note| note.kind == kind)
            .and_then(|note| match note.value {
                Value::Text(text) => Some(text),
                _ => None,
            })
    }

    /// Whether there is a note of this type.
    pub fn has(&self, kind: u32) -> bool {
        self.list.iter().any(|note| note.kind == kind)
    }

    /// The Xen notes in the contents of a note segment or section.
    ///
    /// Names of other notes go to `others`. Notes are always laid out with 4-byte
    /// words and 4-byte alignment, whatever the segment's alignment says.
    pub(super) fn read(
        data: &'a [u8],
        source: NoteSource,
        others: &mut String,
    ) -> Result<Self, KernelError> {
        let mut list = Vec::new();
        for note in NoteIterator::new(LittleEndian, Class::ELF32, 4, data) {
            match note {
                ElfNote::Unknown(note) if note.name_str().is_ok_and(|name| name == NAME) => {
                    // Wider types are no Xen notes: the field has 32 bits.
                    let Ok(kind) = u32::try_from(note.n_type) else {
                        continue;
                    };
                    list.push(Note {
                        kind,
                        value: value(kind, note.desc)?,
                    });
                }
                ElfNote::Unknown(note) => mention(others, note.name_str().unwrap_or("?")),
                ElfNote::GnuAbiTag(_) | ElfNote::GnuBuildId(_) => mention(others, "GNU"),
            }
        }
        Ok(Self { source, list })
    }

    /// The `KEY=VALUE,KEY=VALUE` text of a `__xen_guest` section.
    pub(super) fn read_text(data: &'a [u8]) -> Result<Self, KernelError> {
        let text = until_nul(data);
        let text = core::str::from_utf8(text).map_err(|_| KernelError::BadNote {
            note: "__xen_guest",
            found: String::from("not text"),
            expected: "KEY=VALUE pairs with commas between them",
        })?;
        let mut list = Vec::new();
        let mut hypercall_frame = None;
        for pair in text.split(',') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = key.trim();
            let kind = match key {
                "GUEST_OS" => XEN_ELFNOTE_GUEST_OS,
                "GUEST_VER" => XEN_ELFNOTE_GUEST_VERSION,
                "XEN_VER" => XEN_ELFNOTE_XEN_VERSION,
                "LOADER" => XEN_ELFNOTE_LOADER,
                "PAE" => XEN_ELFNOTE_PAE_MODE,
                "FEATURES" => XEN_ELFNOTE_FEATURES,
                "BSD_SYMTAB" => XEN_ELFNOTE_BSD_SYMTAB,
                "VIRT_BASE" => XEN_ELFNOTE_VIRT_BASE,
                "VIRT_ENTRY" => XEN_ELFNOTE_ENTRY,
                "ELF_PADDR_OFFSET" => XEN_ELFNOTE_PADDR_OFFSET,
                "HYPERCALL_PAGE" => {
                    hypercall_frame = Some(text_number("HYPERCALL_PAGE", value)?);
                    continue;
                }
                _ => continue,
            };
            let value = if type_of(kind) == Type::Number {
                Value::Number(text_number(name(kind), value)?)
            } else {
                Value::Text(value)
            };
            list.push(Note { kind, value });
        }
        let mut notes = Self {
            source: NoteSource::GuestText,
            list,
        };
        if let Some(frame) = hypercall_frame {
            // Here, unlike in the note, it counts pages from VIRT_BASE.
            let base = notes.number(XEN_ELFNOTE_VIRT_BASE).unwrap_or(0);
            let address = base.wrapping_add(frame.wrapping_mul(crate::types::PAGE_SIZE));
            notes.list.push(Note {
                kind: XEN_ELFNOTE_HYPERCALL_PAGE,
                value: Value::Number(address),
            });
        }
        Ok(notes)
    }
}

fn type_of(kind: u32) -> Type {
    TYPES
        .iter()
        .find(|(known, ..)| *known == kind)
        .map_or(Type::Bytes, |&(.., kind)| kind)
}

fn value(kind: u32, data: &[u8]) -> Result<Value<'_>, KernelError> {
    match type_of(kind) {
        Type::Number => {
            let number = match *data {
                [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
                [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
                _ => {
                    return Err(KernelError::BadNote {
                        note: name(kind),
                        found: format!("{} bytes wide", data.len()),
                        expected: "a number of 4 or 8 bytes",
                    });
                }
            };
            Ok(Value::Number(number))
        }
        Type::Text => match core::str::from_utf8(until_nul(data)) {
            Ok(text) => Ok(Value::Text(text)),
            Err(_) => Err(KernelError::BadNote {
                note: name(kind),
                found: String::from("not text"),
                expected: "a text",
            }),
        },
        // Some kernels give SUSPEND_CANCEL's like in odd widths; what is not used is not judged.
        Type::Bytes => Ok(Value::Bytes(data)),
    }
}

fn text_number(note: &'static str, text: &str) -> Result<u64, KernelError> {
    crate::cmdline::value::number(text.trim()).ok_or_else(|| KernelError::BadNote {
        note,
        found: format!("\"{text}\""),
        expected: "a number",
    })
}

fn until_nul(data: &[u8]) -> &[u8] {
    data.split(|&b| b == 0).next().unwrap_or(data)
}

fn mention(list: &mut String, name: &str) {
    if !list.split(", ").any(|known| known == name) {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(name);
    }
}
