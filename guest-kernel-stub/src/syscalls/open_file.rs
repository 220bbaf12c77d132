//! Descriptors and what they stand for.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;

use super::Result;
use super::error::Error;
use crate::files::File;

/// Most descriptors that a process may have.
const LIMIT: usize = 256;

/// What is open.
pub enum Kind {
    /// The console.
    Console,
    /// A file of the initrd.
    File(&'static File),
    /// A directory of the initrd: what is in it.
    Directory(Vec<(&'static str, bool)>),
    /// `/dev/null`.
    Null,
}

/// Something open, perhaps under several descriptors.
pub struct OpenFile {
    /// What it is.
    pub kind: Kind,
    /// Where the next read begins: bytes, or entries of a directory.
    pub position: AtomicU64,
}

impl OpenFile {
    /// Opened at its beginning.
    pub fn new(kind: Kind) -> Arc<Self> {
        Arc::new(Self {
            kind,
            position: AtomicU64::new(0),
        })
    }
}

/// The descriptors of a process.
pub struct OpenFiles(Vec<Option<Arc<OpenFile>>>);

impl OpenFiles {
    /// Input, output and error output are the console.
    pub fn console() -> Self {
        let console = OpenFile::new(Kind::Console);
        Self(vec![
            Some(console.clone()),
            Some(console.clone()),
            Some(console),
        ])
    }

    /// What a descriptor stands for.
    pub fn get(&self, descriptor: u64) -> Result<Arc<OpenFile>> {
        self.0
            .get(descriptor as usize)
            .and_then(Clone::clone)
            .ok_or(Error::EBADF)
    }

    /// Gives the lowest free descriptor.
    pub fn add(&mut self, file: Arc<OpenFile>) -> Result {
        let free = self
            .0
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.0.len());
        if free == LIMIT {
            return Err(Error::EMFILE);
        }
        if free == self.0.len() {
            self.0.push(None);
        }
        self.0[free] = Some(file);
        Ok(free as u64)
    }

    /// Frees a descriptor.
    pub fn close(&mut self, descriptor: u64) -> Result {
        let place = self.0.get_mut(descriptor as usize).ok_or(Error::EBADF)?;
        place.take().map(|_| 0).ok_or(Error::EBADF)
    }
}
