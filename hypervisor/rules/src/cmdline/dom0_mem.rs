//! `dom0_mem=`: how much memory domain 0 gets.

use super::value::{number, size};
use crate::types::PAGE_SIZE;

/// An amount of memory, in part absolute and in part a share of the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryAmount {
    /// Bytes; with [`Self::leave`] the bytes that are *not* to be given.
    pub bytes: u64,
    /// Percent of the available memory, 0 to 100, on top of the bytes.
    pub percent: u8,
    /// Written with a minus sign: all the available memory but this.
    pub leave: bool,
}

impl MemoryAmount {
    fn parse(text: &str) -> Option<Self> {
        let (text, leave) = match text.strip_prefix('-') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let percent = |text: &str| {
            number(text.strip_suffix('%')?)
                .filter(|&n| n <= 100)
                .and_then(|n| u8::try_from(n).ok())
        };
        let (bytes, percent) = match text.split_once('+') {
            Some((bytes, share)) => (size(bytes)?, percent(share)?),
            None if text.ends_with('%') => (0, percent(text)?),
            None => (size(text)?, 0),
        };
        Some(Self {
            bytes,
            percent,
            leave,
        })
    }

    /// The amount in pages, when `available` pages are to be had. Not clipped to them.
    pub fn pages(&self, available: u64) -> u64 {
        let share = u128::from(available) * u128::from(self.percent) / 100;
        let pages = (self.bytes / PAGE_SIZE).saturating_add(share as u64);
        if self.leave {
            available.saturating_sub(pages)
        } else {
            pages
        }
    }
}

/// What `dom0_mem=` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dom0Memory {
    /// The size at start.
    pub start: Option<MemoryAmount>,
    /// At least this much, if it is to be had.
    pub min: Option<MemoryAmount>,
    /// At most this much, now and later.
    pub max: Option<MemoryAmount>,
}

/// The accepted form, for complaints.
pub const FORM: &str = "[min:<size>,][max:<size>,]<size> with <size> = <number>[B|K|M|G|T], \
                        -<size> (all but that), <n>% or <size>+<n>%; a bare number counts KiB";

impl Dom0Memory {
    /// Reads the comma list over what earlier options have set.
    pub fn parse(self, text: &str) -> Option<Self> {
        let mut memory = self;
        for part in text.split(',') {
            if let Some(amount) = part.strip_prefix("min:") {
                memory.min = Some(MemoryAmount::parse(amount)?);
            } else if let Some(amount) = part.strip_prefix("max:") {
                memory.max = Some(MemoryAmount::parse(amount)?);
            } else {
                memory.start = Some(MemoryAmount::parse(part)?);
            }
        }
        Some(memory)
    }

    /// Domain 0's pages at start, of `available` free ones.
    ///
    /// Without `dom0_mem=` a sixteenth, at most 128 MiB, is left for the
    /// hypervisor and for later domains, as Xen does. Never more than `available`:
    /// asked for more, a domain gets what there is.
    pub fn start_pages(&self, available: u64) -> u64 {
        let mut pages = match self.start {
            Some(amount) => amount.pages(available),
            None => available - (available / 16).min((128 << 20) / PAGE_SIZE),
        };
        if let Some(min) = self.min {
            pages = pages.max(min.pages(available));
        }
        if let Some(max) = self.max {
            pages = pages.min(max.pages(available));
        }
        pages.min(available)
    }

    /// The ceiling that domain 0 may grow to later; never below its start.
    /// `None`: no ceiling was asked for.
    pub fn max_pages(&self, available: u64) -> Option<u64> {
        self.max
            .map(|max| max.pages(available).max(self.start_pages(available)))
    }
}
