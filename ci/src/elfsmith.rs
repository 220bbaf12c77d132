//! Small made-up kernels, right and wrong, for the tests of bad input.
//!
//! What is wrong with each is one field, so that a test says which message it wants.
//! The notes are those of `xen/include/public/elfnote.h`.

/// A note's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A NUL-terminated string.
    Text(&'static str),
    /// A number of the kernel's word size.
    Number(u64),
}

/// `XEN_ELFNOTE_ENTRY`.
pub const ENTRY: u32 = 1;
/// `XEN_ELFNOTE_HYPERCALL_PAGE`.
pub const HYPERCALL_PAGE: u32 = 2;
/// `XEN_ELFNOTE_VIRT_BASE`.
pub const VIRT_BASE: u32 = 3;
/// `XEN_ELFNOTE_PADDR_OFFSET`.
pub const PADDR_OFFSET: u32 = 4;
/// `XEN_ELFNOTE_XEN_VERSION`.
pub const XEN_VERSION: u32 = 5;
/// `XEN_ELFNOTE_GUEST_OS`.
pub const GUEST_OS: u32 = 6;
/// `XEN_ELFNOTE_LOADER`.
pub const LOADER: u32 = 8;
/// `XEN_ELFNOTE_PAE_MODE`.
pub const PAE_MODE: u32 = 9;
/// `XEN_ELFNOTE_FEATURES`.
pub const FEATURES: u32 = 10;

/// Where the kernel is linked.
pub const BASE: u64 = 0xffff_ffff_8000_0000;
const HYPERCALLS_AT: u64 = 0x1000;

/// A kernel of one page of code, its hypercall page, and notes.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// 64-bit ELF, or else 32-bit.
    pub elf64: bool,
    /// `e_machine`: 62 for x86-64, 3 for i386.
    pub machine: u16,
    /// The notes, in order.
    pub notes: Vec<(u32, Value)>,
    /// What stands at the entry.
    pub code: Vec<u8>,
    /// Bytes of memory that the kernel claims beyond its file.
    pub bss: u64,
}

impl Default for Kernel {
    /// A kernel with nothing wrong, which loops for ever.
    fn default() -> Kernel {
        Kernel {
            elf64: true,
            machine: 62,
            notes: vec![
                (GUEST_OS, Value::Text("elfsmith")),
                (XEN_VERSION, Value::Text("xen-3.0")),
                (LOADER, Value::Text("generic")),
                (PAE_MODE, Value::Text("yes")),
                (VIRT_BASE, Value::Number(BASE)),
                (PADDR_OFFSET, Value::Number(0)),
                (ENTRY, Value::Number(BASE)),
                (HYPERCALL_PAGE, Value::Number(BASE + HYPERCALLS_AT)),
            ],
            code: vec![0xeb, 0xfe], // jmp .
            bss: 0x1000,
        }
    }
}

impl Kernel {
    /// The same with a note set to another value (added if it was not there).
    pub fn note(mut self, kind: u32, value: Value) -> Kernel {
        match self.notes.iter_mut().find(|(k, _)| *k == kind) {
            Some(note) => note.1 = value,
            None => self.notes.push((kind, value)),
        }
        self
    }

    /// The same without a note.
    pub fn without(mut self, kind: u32) -> Kernel {
        self.notes.retain(|(k, _)| *k != kind);
        self
    }

    /// A 32-bit kernel.
    pub fn thirty_two_bit(mut self) -> Kernel {
        self.elf64 = false;
        self.machine = 3;
        self
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        const HEADERS: usize = 0x200;
        const TEXT: usize = 0x1000;
        let notes = self.note_bytes();
        let file_size = 0x2000u64;
        let mut out = Vec::new();
        out.extend(b"\x7fELF");
        out.extend([if self.elf64 { 2 } else { 1 }, 1, 1, 0]);
        out.extend([0; 8]);
        out.extend(2u16.to_le_bytes()); // an executable
        out.extend(self.machine.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        let (header_size, segment_size, section_size): (u16, u16, u16) = if self.elf64 {
            (64, 56, 64)
        } else {
            (52, 32, 40)
        };
        self.word(&mut out, BASE);
        self.word(&mut out, u64::from(header_size)); // program headers follow
        self.word(&mut out, 0); // no sections
        out.extend(0u32.to_le_bytes());
        for half in [header_size, segment_size, 2, section_size, 0, 0] {
            out.extend(half.to_le_bytes());
        }
        self.segment(
            &mut out,
            1,
            7,
            TEXT as u64,
            BASE,
            file_size,
            file_size + self.bss,
        );
        let notes_len = notes.len() as u64;
        self.segment(&mut out, 4, 4, HEADERS as u64, 0, notes_len, notes_len);
        out.resize(HEADERS, 0);
        out.extend(&notes);
        assert!(out.len() <= TEXT, "too many notes");
        out.resize(TEXT, 0);
        out.extend(&self.code);
        out.resize(TEXT + file_size as usize, 0);
        out
    }

    fn word(&self, out: &mut Vec<u8>, value: u64) {
        let bytes = value.to_le_bytes();
        out.extend(&bytes[..if self.elf64 { 8 } else { 4 }]);
    }

    #[allow(clippy::too_many_arguments)] // the fields of a program header
    fn segment(
        &self,
        out: &mut Vec<u8>,
        kind: u32,
        flags: u32,
        offset: u64,
        address: u64,
        in_file: u64,
        in_memory: u64,
    ) {
        out.extend(kind.to_le_bytes());
        if self.elf64 {
            out.extend(flags.to_le_bytes());
        }
        let physical = address.saturating_sub(BASE);
        for value in [offset, address, physical, in_file, in_memory] {
            self.word(out, value);
        }
        if !self.elf64 {
            out.extend(flags.to_le_bytes());
        }
        self.word(out, 4);
    }

    fn note_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, value) in &self.notes {
            let mut desc = Vec::new();
            match value {
                Value::Text(text) => {
                    desc.extend(text.as_bytes());
                    desc.push(0);
                }
                Value::Number(number) => self.word(&mut desc, *number),
            }
            out.extend(4u32.to_le_bytes());
            out.extend((desc.len() as u32).to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend(b"Xen\0");
            out.extend(&desc);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::read::elf::{ElfFile32, ElfFile64, FileHeader};
    use object::{Endianness, Object};

    #[test]
    fn the_default_is_an_elf64_with_all_its_notes() {
        let kernel = Kernel::default();
        let bytes = kernel.bytes();
        let elf = ElfFile64::<Endianness>::parse(&*bytes).unwrap();
        assert_eq!(elf.entry(), BASE);
        let endian = elf.endian();
        let header = elf.elf_header();
        let mut kinds = Vec::new();
        for segment in header.program_headers(endian, &*bytes).unwrap() {
            use object::read::elf::ProgramHeader;
            if let Some(mut notes) = segment.notes(endian, &*bytes).unwrap() {
                while let Some(note) = notes.next().unwrap() {
                    assert_eq!(note.name(), b"Xen");
                    kinds.push(note.n_type(endian).0);
                }
            }
        }
        let expected: Vec<u32> = kernel.notes.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, expected);
    }

    #[test]
    fn the_32_bit_one_is_an_elf32() {
        let bytes = Kernel::default().thirty_two_bit().bytes();
        let elf = ElfFile32::<Endianness>::parse(&*bytes).unwrap();
        assert_eq!(elf.architecture(), object::Architecture::I386);
    }
}
