//! Does an initrd look whole? For a warning only: what is in it is the kernel's affair.

use core::fmt;

/// Why an initrd is most likely not what was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// No bytes.
    Empty,
    /// A cpio archive that ends before its trailer.
    Truncated {
        /// Bytes that the member at the end would need to be there.
        needed: u64,
        /// Bytes that are there.
        have: u64,
    },
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the initrd is empty: was it written in full?"),
            Self::Truncated { needed, have } => write!(
                f,
                "the initrd is truncated: its cpio archive goes on to {needed} bytes at least, there \
                 are {have}; copy it again in full"
            ),
        }
    }
}

/// Bytes of a "newc" header: the magic and 13 numbers of 8 hexadecimal digits.
const HEADER: usize = 110;
/// Name of the last member of every archive.
const TRAILER: &[u8] = b"TRAILER!!!\0";

/// Looks at an initrd: a plain cpio archive ("newc") is followed to its trailer; other
/// formats are not judged.
pub fn inspect(initrd: &[u8]) -> Option<Suspicion> {
    if initrd.is_empty() {
        return Some(Suspicion::Empty);
    }
    let have = initrd.len() as u64;
    let mut at = 0usize;
    loop {
        let truncated = |needed: usize| {
            Some(Suspicion::Truncated {
                needed: needed as u64,
                have,
            })
        };
        let rest = initrd.get(at..).unwrap_or(&[]);
        let magic = rest.get(..6.min(rest.len())).unwrap_or(&[]);
        if !b"070701".starts_with(magic) && !b"070702".starts_with(magic) {
            // Not this format, or damaged within: the kernel will say.
            return None;
        }
        let Some(header) = rest.get(..HEADER) else {
            return truncated(at + HEADER);
        };
        let file = field(header, 6)?;
        let name = field(header, 11)?;
        let name_start = at + HEADER;
        let data_start = name_start.checked_add(name)?.checked_next_multiple_of(4)?;
        let next = data_start.checked_add(file)?.checked_next_multiple_of(4)?;
        if initrd
            .get(name_start..)
            .is_some_and(|names| names.starts_with(TRAILER))
        {
            return None;
        }
        if data_start.checked_add(file)? > initrd.len() || next >= initrd.len() {
            // The trailer has to follow.
            return truncated(next.checked_add(HEADER + TRAILER.len())?);
        }
        at = next;
    }
}

/// The n-th number of a header.
fn field(header: &[u8], n: usize) -> Option<usize> {
    let digits = header.get(6 + 8 * n..14 + 8 * n)?;
    usize::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::vec::Vec;

    fn member(archive: &mut Vec<u8>, name: &str, data: &[u8]) {
        let number = |n: usize| format!("{n:08x}");
        let mut header = std::string::String::from("070701");
        for field in 0..13 {
            header += &match field {
                6 => number(data.len()),
                11 => number(name.len() + 1),
                _ => number(0),
            };
        }
        archive.extend(header.bytes().chain(name.bytes()).chain([0]));
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(data);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }

    #[test]
    fn a_whole_archive_and_every_part_of_it() {
        let mut archive = Vec::new();
        member(&mut archive, "init", &[1; 1001]);
        member(&mut archive, "empty", b"");
        member(&mut archive, "etc/motd", b"hello");
        let end = archive.len();
        member(&mut archive, "TRAILER!!!", b"");
        assert_eq!(inspect(&archive), None);
        // Padding, or another archive, may follow.
        assert_eq!(inspect(&[&archive[..], &[0; 512]].concat()), None);
        for len in 1..=end {
            let found = inspect(&archive[..len]);
            assert!(
                matches!(found, Some(Suspicion::Truncated { needed, .. }) if needed > len as u64),
                "{len}: {found:?}"
            );
        }
        assert_eq!(inspect(b""), Some(Suspicion::Empty));
        assert!(
            inspect(&archive[..500])
                .map(|s| format!("{s}"))
                .is_some_and(|s| s.contains("truncated"))
        );
    }

    #[test]
    fn other_formats_are_not_judged() {
        assert_eq!(inspect(&[0x1f, 0x8b, 8]), None);
        assert_eq!(inspect(b"\x7fELF"), None);
        assert_eq!(inspect(&[0x5a; 5000]), None);
        let mut odd = b"070701".to_vec();
        odd.resize(200, b'z');
        assert_eq!(inspect(&odd), None);
    }
}
