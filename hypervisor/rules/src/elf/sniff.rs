//! What a file that is no ELF looks like, so that the message can say what to do.

use core::fmt;

/// The look of a file that is no ELF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A Linux boot image: the kernel is packed inside.
    BzImage,
    /// Packed by the named program.
    Packed(&'static str),
    /// A cpio archive: an initrd.
    Cpio,
    /// A Windows or UEFI program.
    Pe,
    /// A script.
    Script,
    /// Plain text.
    Text,
    /// Its first bytes are all zero.
    Zeros,
    /// None of these; its first four bytes.
    Unknown([u8; 4]),
}

/// First bytes of packed files, and the program that unpacks them.
const PACKED: &[(&[u8], &str)] = &[
    (&[0x1f, 0x8b], "gzip"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (b"BZh", "bzip2"),
    (&[0x5d, 0, 0], "lzma"),
    (&[0x02, 0x21, 0x4c, 0x18], "lz4"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    (&[0x89, b'L', b'Z', b'O'], "lzop"),
];

impl FileKind {
    /// What the bytes look like.
    pub fn of(file: &[u8]) -> Self {
        // The setup header's magic, at the same place since boot protocol 2.00.
        if file.get(0x202..0x206) == Some(b"HdrS") {
            return Self::BzImage;
        }
        if let Some((_, program)) = PACKED.iter().find(|(magic, _)| file.starts_with(magic)) {
            return Self::Packed(program);
        }
        if file.starts_with(b"07070") {
            return Self::Cpio;
        }
        if file.starts_with(b"MZ") {
            return Self::Pe;
        }
        if file.starts_with(b"#!") {
            return Self::Script;
        }
        let head = file.get(..file.len().min(64)).unwrap_or(file);
        if head.iter().all(|&b| b == 0) {
            return Self::Zeros;
        }
        if head
            .iter()
            .all(|&b| b == b'\n' || b == b'\t' || b == b'\r' || (b' '..0x7f).contains(&b))
        {
            return Self::Text;
        }
        let mut first = [0; 4];
        for (to, &from) in first.iter_mut().zip(file) {
            *to = from;
        }
        Self::Unknown(first)
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BzImage => write!(
                f,
                "a Linux bzImage, a compressed kernel: unpack it first \
                 (scripts/extract-vmlinux of the Linux source writes the ELF within)"
            ),
            Self::Packed(program) => write!(
                f,
                "compressed by {program}: unpack it first ({program} -dc FILE > KERNEL)"
            ),
            Self::Cpio => write!(
                f,
                "a cpio archive: is the initrd where the kernel should be?"
            ),
            Self::Pe => write!(
                f,
                "a PE (UEFI or Windows) program: give a PV kernel's ELF file"
            ),
            Self::Script => write!(f, "a script: give a PV kernel's ELF file"),
            Self::Text => write!(f, "a text: give a PV kernel's ELF file"),
            Self::Zeros => write!(
                f,
                "only zeros: the file may not have been read or written in full"
            ),
            Self::Unknown([a, b, c, d]) => write!(
                f,
                "of unknown kind (it begins {a:02x} {b:02x} {c:02x} {d:02x}, not 7f 45 4c 46): \
                 give a PV kernel's ELF file"
            ),
        }
    }
}
