//! Reads a cpio archive of the "newc" form, as Linux's initrd has it.
//!
//! An entry is a header of 110 ASCII characters, a name that ends with a NUL, and
//! the data; name and data are padded to four bytes. `TRAILER!!!` ends the archive.
//! Pure: it borrows the bytes and copies nothing.

/// Bytes of a header: a magic of six and thirteen fields of eight hex digits.
const HEADER: usize = 110;
/// Position of a field in the header.
const fn field(index: usize) -> usize {
    6 + 8 * index
}
const MODE: usize = field(1);
const FILE_SIZE: usize = field(6);
const NAME_SIZE: usize = field(11);

/// The bits of a mode that hold the kind of file, and the kind "regular file".
const MODE_KIND: u32 = 0o170_000;
const MODE_REGULAR: u32 = 0o100_000;

/// One file of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// Path without a leading `/` or `./`.
    pub name: &'a str,
    /// Content.
    pub data: &'a [u8],
    /// Kind and permission bits as in `stat`.
    pub mode: u32,
}

impl File<'_> {
    /// Whether this is a regular file and not a directory, link or device.
    pub fn is_regular(&self) -> bool {
        self.mode & MODE_KIND == MODE_REGULAR
    }
}

/// Why an archive could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No archive of this form: the first bytes are not its magic.
    NotCpio,
    /// The bytes end inside a header, a name or a file at this offset.
    Truncated {
        /// Offset of the entry that is cut off.
        at: usize,
    },
    /// An entry in the middle that makes no sense.
    Damaged {
        /// Offset of that entry.
        at: usize,
    },
}

/// Goes through the entries of `archive`; stops after the first error.
pub fn entries(archive: &[u8]) -> Entries<'_> {
    Entries {
        archive,
        at: 0,
        done: false,
    }
}

/// Iterator over the entries; see [`entries`].
pub struct Entries<'a> {
    archive: &'a [u8],
    at: usize,
    done: bool,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<File<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let entry = self.entry();
        self.done = !matches!(entry, Ok(Some(_)));
        entry.transpose()
    }
}

impl<'a> Entries<'a> {
    /// The entry at the current offset, or `None` for the trailer.
    fn entry(&mut self) -> Result<Option<File<'a>>, Error> {
        let at = self.at;
        let bytes = &self.archive[at..];
        let magic_is = |magic: &[u8]| bytes.get(..6) == Some(magic);
        if !magic_is(b"070701") && !magic_is(b"070702") {
            return Err(match (at, bytes.len()) {
                (0, _) => Error::NotCpio,
                (_, 0..6) => Error::Truncated { at },
                _ => Error::Damaged { at },
            });
        }
        let header = bytes.get(..HEADER).ok_or(Error::Truncated { at })?;
        let number = |position| hex(&header[position..position + 8]).ok_or(Error::Damaged { at });
        let (mode, size, name_size) = (number(MODE)?, number(FILE_SIZE)?, number(NAME_SIZE)?);

        let name_end = HEADER + name_size as usize;
        let data_start = name_end.next_multiple_of(4);
        let data_end = data_start + size as usize;
        let name = bytes.get(HEADER..name_end).ok_or(Error::Truncated { at })?;
        let name = name.strip_suffix(b"\0").ok_or(Error::Damaged { at })?;
        let name = core::str::from_utf8(name).map_err(|_| Error::Damaged { at })?;
        if name == "TRAILER!!!" {
            return Ok(None);
        }
        let data = bytes
            .get(data_start..data_end)
            .ok_or(Error::Truncated { at })?;
        // The padding behind the last file may be missing: the next look sees it.
        self.at = (at + data_end).next_multiple_of(4).min(self.archive.len());
        Ok(Some(File {
            name: plain(name),
            data,
            mode,
        }))
    }
}

/// A path as the archive names it: without the root in front.
pub fn plain(path: &str) -> &str {
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./").or_else(|| path.strip_prefix('/')) {
        path = rest;
    }
    path
}

fn hex(digits: &[u8]) -> Option<u32> {
    let text = core::str::from_utf8(digits).ok()?;
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn push(archive: &mut Vec<u8>, name: &str, mode: u32, data: &[u8]) {
        let fields = [
            1,
            mode,
            0,
            0,
            1,
            0,
            data.len() as u32,
            0,
            0,
            0,
            0,
            name.len() as u32 + 1,
            0,
        ];
        archive.extend(b"070701");
        for value in fields {
            archive.extend(format!("{value:08x}").bytes());
        }
        archive.extend(name.bytes().chain([0]));
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(data);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }

    fn sample() -> Vec<u8> {
        let mut archive = Vec::new();
        push(&mut archive, ".", 0o040_755, b"");
        push(&mut archive, "./hello", 0o100_755, b"12345");
        push(&mut archive, "etc/motd", 0o100_644, b"");
        push(&mut archive, "TRAILER!!!", 0, b"");
        archive
    }

    #[test]
    fn reads_files_in_order() {
        let archive = sample();
        let files: Result<Vec<_>, _> = entries(&archive).collect();
        let files = files.unwrap();
        assert_eq!(files.len(), 3);
        assert!(!files[0].is_regular());
        assert_eq!((files[1].name, files[1].data), ("hello", &b"12345"[..]));
        assert!(files[2].is_regular() && files[2].data.is_empty());
    }

    #[test]
    fn a_cut_archive_says_so_wherever_it_is_cut() {
        let archive = sample();
        // Cutting the padding behind the trailer's name takes nothing away.
        let whole = archive.len() - 4;
        for length in 6..whole {
            let last = entries(&archive[..length]).last().unwrap();
            assert!(
                matches!(last, Err(Error::Truncated { .. })),
                "cut at {length}: {last:?}"
            );
        }
        assert_eq!(entries(b"\x7fELF....").next(), Some(Err(Error::NotCpio)));
        assert_eq!(entries(b"").next(), Some(Err(Error::NotCpio)));
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0usize..400) {
            let mut archive = sample();
            archive.truncate(cut);
            archive.extend(bytes);
            prop_assert!(entries(&archive).count() < 100);
        }
    }
}
