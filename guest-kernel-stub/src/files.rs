//! The files of the initrd: read-only, in memory, found by their whole path.

use alloc::vec::Vec;

use spin::Once;

use crate::cpio::{self, Error};
use crate::println;

/// A file of the initrd.
pub type File = cpio::File<'static>;

static FILES: Once<Vec<File>> = Once::new();

/// Reads the initrd's table of contents. A damaged one is reported, and gives what could be read.
pub fn init(initrd: Option<&'static [u8]>) {
    let Some(initrd) = initrd else {
        println!(
            "initrd: none; there are no programs to run (give one after the kernel: -initrd \"kernel,initrd\")"
        );
        FILES.call_once(Vec::new);
        return;
    };
    let mut files = Vec::new();
    for entry in cpio::entries(initrd) {
        match entry {
            Ok(file) => files.push(file),
            Err(error) => report(error, initrd.len(), files.last()),
        }
    }
    FILES.call_once(|| files);
}

fn report(error: Error, bytes: usize, last: Option<&File>) {
    match error {
        Error::NotCpio => println!(
            "initrd: its {bytes} bytes are no cpio archive; remedy: make it with mkinitrd.sh, or with cpio -o -H newc, \
             and do not compress it"
        ),
        Error::Truncated { at } => println!(
            "initrd: truncated: its {bytes} bytes end inside the entry at {at}{}; remedy: build or copy it again. \
             Going on with what is whole",
            After(last)
        ),
        Error::Damaged { at } => println!(
            "initrd: damaged: the entry at {at}{} makes no sense; remedy: build or copy it again. Going on with \
             what is whole",
            After(last)
        ),
    }
}

/// Names the entry before a bad one.
struct After<'a>(Option<&'a File>);

impl core::fmt::Display for After<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(file) => write!(out, ", after \"{}\"", file.name),
            None => Ok(()),
        }
    }
}

/// All entries of the initrd.
pub fn all() -> &'static [File] {
    FILES.get().map_or(&[], Vec::as_slice)
}

/// The file of this path, which may begin with `/` or `./`.
pub fn find(path: &str) -> Option<&'static File> {
    let name = cpio::plain(path);
    all()
        .iter()
        .find(|file| file.name == name && file.is_regular())
}

/// Whether a path names a directory: the root, an entry of that kind, or a prefix of another's path.
pub fn is_directory(path: &str) -> bool {
    let name = directory_name(path);
    name.is_empty()
        || all().iter().any(|file| {
            file.name == name && !file.is_regular() || within(file.name, name).is_some()
        })
}

/// The names in a directory, each once, and whether each is a directory itself.
pub fn list(path: &str) -> Vec<(&'static str, bool)> {
    let directory = directory_name(path);
    let mut names = Vec::new();
    for file in all() {
        let Some(rest) = within(file.name, directory) else {
            continue;
        };
        let (name, deeper) = rest
            .split_once('/')
            .map_or((rest, false), |(name, _)| (name, true));
        let known = names.iter().any(|(other, _)| *other == name);
        if !known && !name.is_empty() && name != "." {
            names.push((name, deeper || !file.is_regular()));
        }
    }
    names
}

fn directory_name(path: &str) -> &str {
    let name = cpio::plain(path).trim_end_matches('/');
    if name == "." { "" } else { name }
}

/// The rest of a path behind a directory's name.
fn within<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    if directory.is_empty() {
        return Some(path);
    }
    path.strip_prefix(directory)?.strip_prefix('/')
}
