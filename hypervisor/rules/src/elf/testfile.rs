//! Builds small kernel files for tests, right by default and wrong on request.
//!
//! Depends on nothing: tests of other crates include it by path.
#![allow(dead_code)]

/// Where the notes go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Segment,
    Section,
    GuestText,
    Nowhere,
}

/// A kernel file to be built.
#[derive(Clone)]
pub struct TestFile {
    pub class: u8,
    pub machine: u16,
    pub kind: u16,
    pub e_entry: u64,
    /// p_vaddr, p_paddr, contents, p_memsz
    pub segments: Vec<(u64, u64, Vec<u8>, u64)>,
    /// name, type, contents
    pub notes: Vec<(&'static str, u32, Vec<u8>)>,
    pub guest_text: &'static str,
    pub place: Place,
}

pub const VIRT_BASE: u64 = 0xffff_ffff_8000_0000;

impl Default for TestFile {
    /// A kernel of two segments at 1 MiB and 2 MiB, the second with 12 KiB of zeros behind it.
    fn default() -> Self {
        Self {
            class: 2,
            machine: 62,
            kind: 2,
            e_entry: 0,
            segments: vec![
                (VIRT_BASE + 0x10_0000, 0x10_0000, vec![0xaa; 0x1800], 0x1800),
                // As Linux's per-CPU segment: its p_vaddr says nothing.
                (0, 0x20_0000, vec![0xbb; 0x1000], 0x4000),
            ],
            notes: Vec::new(),
            guest_text: "",
            place: Place::Segment,
        }
        .text(6, "test")
        .text(5, "xen-3.0")
        .text(8, "generic")
        .number(3, VIRT_BASE)
        .number(1, VIRT_BASE + 0x10_0040)
    }
}

impl TestFile {
    pub fn note(mut self, name: &'static str, kind: u32, value: &[u8]) -> Self {
        self.notes.push((name, kind, value.to_vec()));
        self
    }

    pub fn number(self, kind: u32, value: u64) -> Self {
        self.note("Xen", kind, &value.to_le_bytes())
    }

    pub fn text(self, kind: u32, value: &str) -> Self {
        self.note("Xen", kind, format!("{value}\0").as_bytes())
    }

    pub fn without(mut self, kind: u32) -> Self {
        self.notes.retain(|note| note.1 != kind);
        self
    }

    pub fn build(&self) -> Vec<u8> {
        let mut notes = Vec::new();
        for (name, kind, value) in &self.notes {
            for word in [name.len() as u32 + 1, value.len() as u32, *kind] {
                notes.extend(word.to_le_bytes());
            }
            notes.extend(name.bytes().chain([0]));
            notes.resize(notes.len().next_multiple_of(4), 0);
            notes.extend(value);
            notes.resize(notes.len().next_multiple_of(4), 0);
        }

        let with_notes = self.place == Place::Segment;
        let headers = self.segments.len() + usize::from(with_notes);
        let mut at = 64 + 56 * headers as u64;
        let mut table = Vec::new();
        let mut contents = Vec::new();
        let mut header = |kind: u32, virt: u64, phys: u64, bytes: &[u8], mem: u64| {
            table.extend(kind.to_le_bytes());
            table.extend(7u32.to_le_bytes());
            for word in [at, virt, phys, bytes.len() as u64, mem, 4096] {
                table.extend(word.to_le_bytes());
            }
            contents.extend(bytes);
            at += bytes.len() as u64;
        };
        for (virt, phys, bytes, mem) in &self.segments {
            header(1, *virt, *phys, bytes, *mem);
        }
        if with_notes {
            header(4, 0, 0, &notes, notes.len() as u64);
        }

        // Sections: null, names, and one with the notes or the text.
        let names = b"\0.shstrtab\0.note.Xen\0__xen_guest\0";
        let names_at = at;
        let text = [self.guest_text.as_bytes(), b"\0"].concat();
        let (name, kind, data) = match self.place {
            Place::Section => (11u32, 7u32, &notes),
            Place::GuestText => (21, 1, &text),
            Place::Segment | Place::Nowhere => (0, 0, &Vec::new()),
        };
        let data_at = names_at + names.len() as u64;
        let sections_at = data_at + data.len() as u64;
        let mut sections = vec![0; 64];
        for (name, kind, offset, len) in [
            (1u32, 3u32, names_at, names.len() as u64),
            (name, kind, data_at, data.len() as u64),
        ] {
            sections.extend(name.to_le_bytes());
            sections.extend(kind.to_le_bytes());
            for word in [0, 0, offset, len, 0, 4, 0] {
                sections.extend(u64::to_le_bytes(word));
            }
        }

        let mut file = vec![0x7f, b'E', b'L', b'F', self.class, 1, 1];
        file.resize(16, 0);
        file.extend(self.kind.to_le_bytes());
        file.extend(self.machine.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend(self.e_entry.to_le_bytes());
        file.extend(64u64.to_le_bytes());
        file.extend(sections_at.to_le_bytes());
        file.extend(0u32.to_le_bytes());
        for half in [64u16, 56, headers as u16, 64, 3, 1] {
            file.extend(half.to_le_bytes());
        }
        [
            file,
            table,
            contents,
            names.to_vec(),
            data.clone(),
            sections,
        ]
        .concat()
    }
}
