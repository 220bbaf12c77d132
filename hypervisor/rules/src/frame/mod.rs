//! The frame table: what each machine frame is, whose it is and who holds it.
//!
//! A [`Frame`] carries two counted words, each changed by one atomic step:
//!
//! * the **general word**: owner, and how many references keep the frame allocated;
//! * the **type word**: what the frame may be used for ([`Type`]), and how many uses
//!   depend on that. *A type changes only while that count is 0*, which is why a page
//!   table is never writable and a writable page never a page table.
//!
//! Every type reference goes with a general reference. A mapping holds a general
//! reference, a writable mapping a [`Type::Writable`] reference as well; an entry of an
//! upper table, a pin and a base pointer hold both on the table they name.
//!
//! Words change by compare-and-exchange only: other domains may take and drop
//! references (grants, foreign mappings) without the owner's page lock. Steps that
//! make or unmake a *page table* are taken under that lock (see `paging`).
//!
//! Stale TLB entries are the caller's duty, and the types say when: [`Frame::get_type`]
//! tells when a frame [changes type](Got::Retyped), and leaves it *unvalidated*, which
//! holds off every other user, until the caller has flushed and says so.

mod count;
mod kind;

#[cfg(test)]
mod tests;

use crate::types::{DomId, Mfn};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

pub use count::{Freed, GetError, Put};
pub use kind::{Got, PutType, Type, TypeError};

/// One entry of the frame table. All-zero bytes are a valid entry: a frame of the
/// hypervisor's own, or no RAM at all; no domain can get a reference to it.
#[repr(C)]
#[derive(Debug)]
pub struct Frame {
    /// Owner, flags and number of references; see `count`.
    general: AtomicU64,
    /// Type, flags and number of type references; see `kind`.
    kind: AtomicU64,
    /// Reading of the flush clock when the last use of the present type ended.
    stamp: AtomicU64,
    /// Entries whose references are held, of a table validated or dropped in part.
    progress: AtomicU32,
    /// Next frame of the list that this one is on: MFN + 1, or 0. Under the owner's page lock.
    link: AtomicU32,
}

const _: () = assert!(size_of::<Frame>() == 32);

impl Default for Frame {
    fn default() -> Self {
        Self::new()
    }
}

/// A reading of a frame's words, for reports, tests and audits. It is old when returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The owner; `None`: the hypervisor.
    pub owner: Option<DomId>,
    /// General references, the allocation's own included.
    pub refs: u32,
    /// Whether the allocation's own reference is still held.
    pub allocated: bool,
    /// Whether the frame is the hypervisor's, lent to its owner.
    pub shared: bool,
    /// The type, which outlives its last reference until the next one is taken.
    pub kind: Type,
    /// Type references.
    pub uses: u32,
    /// Whether the type has been established: flushed, and tables checked.
    pub validated: bool,
    /// Whether a pin holds one of the references.
    pub pinned: bool,
    /// Whether the frame is a table whose validation rests half way.
    pub partial: bool,
    /// Whether the frame is a table whose entries are being dropped.
    pub demoting: bool,
}

impl Frame {
    /// A frame of the hypervisor's.
    pub const fn new() -> Self {
        Self {
            general: AtomicU64::new(0),
            kind: AtomicU64::new(0),
            stamp: AtomicU64::new(0),
            progress: AtomicU32::new(0),
            link: AtomicU32::new(0),
        }
    }

    /// Reads both words.
    pub fn snapshot(&self) -> Snapshot {
        let general = count::General(self.general.load(Ordering::Acquire));
        let kind = kind::Kind(self.kind.load(Ordering::Acquire));
        Snapshot {
            owner: general.owner(),
            refs: general.refs(),
            allocated: general.has(count::ALLOCATED),
            shared: general.has(count::SHARED),
            kind: kind.kind(),
            uses: kind.uses(),
            validated: kind.has(kind::VALIDATED),
            pinned: kind.has(kind::PINNED),
            partial: kind.has(kind::PARTIAL),
            demoting: kind.has(kind::DEMOTING),
        }
    }

    /// The flush clock when the frame's last use ended. A CPU that has dropped all its
    /// TLB entries since holds none to this frame from before.
    pub fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::Acquire)
    }

    /// Notes that a use of the frame ends at flush clock `now`.
    pub(crate) fn set_stamp(&self, now: u64) {
        self.stamp.store(now, Ordering::Release);
    }

    /// Notes that the frame has become free at flush clock `now`.
    pub fn ends(&self, now: u64) {
        self.set_stamp(now);
    }

    pub(crate) fn progress(&self) -> usize {
        self.progress.load(Ordering::Relaxed) as usize
    }

    pub(crate) fn set_progress(&self, entries: usize) {
        self.progress.store(entries as u32, Ordering::Relaxed);
    }

    pub(crate) fn link(&self) -> Option<Mfn> {
        match self.link.load(Ordering::Relaxed) {
            0 => None,
            next => Some(Mfn(u64::from(next) - 1)),
        }
    }

    /// # Panics
    /// For a frame above 16 TiB, which the direct map cannot hold.
    pub(crate) fn set_link(&self, next: Option<Mfn>) {
        let word = next.map_or(0, |mfn| {
            u32::try_from(mfn.0 + 1).expect("frame above 16 TiB")
        });
        self.link.store(word, Ordering::Relaxed);
    }
}

/// Changes a word by compare-and-exchange until `step` accepts what it finds.
/// Returns what was found and what replaced it.
fn change<E>(
    word: &AtomicU64,
    mut step: impl FnMut(u64) -> Result<u64, E>,
) -> Result<(u64, u64), E> {
    let mut old = word.load(Ordering::Acquire);
    loop {
        let new = step(old)?;
        match word.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Ok((old, new)),
            Err(found) => old = found,
        }
    }
}
