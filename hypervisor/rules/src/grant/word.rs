//! The shared entry: eight bytes that granter and hypervisor both write.
//!
//! The granter may change its entry at any moment, also faster than we can exchange it; so
//! attempts are few, and an entry that will not hold still is refused. All eight bytes are exchanged
//! at once: what was granted is one consistent entry, frame included.

use super::Status;
use super::map::Access;
use crate::types::{DomId, MfnClaim};
use core::sync::atomic::{AtomicU64, Ordering};
use pv_guest_abi::grant::*;

/// Attempts to exchange an entry.
const ATTEMPTS: u32 = 5;

/// An entry of version 1, read at once: flags in the low 16 bits, then the domain, then the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryWord(pub u64);

impl EntryWord {
    /// An entry from its parts.
    pub const fn new(flags: u16, domain: DomId, frame: u32) -> Self {
        Self(flags as u64 | (domain.0 as u64) << 16 | (frame as u64) << 32)
    }
    /// `GTF_*`.
    pub const fn flags(self) -> u16 {
        self.0 as u16
    }
    /// Who gets the right.
    pub const fn domain(self) -> DomId {
        DomId((self.0 >> 16) as u16)
    }
    /// The frame, not checked.
    pub const fn frame(self) -> MfnClaim {
        MfnClaim(self.0 >> 32)
    }
    const fn with(self, flags: u16) -> Self {
        Self(self.0 | flags as u64)
    }
}

/// Reads an entry.
pub(super) fn load(word: &AtomicU64) -> EntryWord {
    EntryWord(word.load(Ordering::SeqCst))
}

/// Exchanges an entry for what `step` makes of it, unless that refuses. The entry as it is now.
fn exchange(
    word: &AtomicU64,
    step: impl Fn(EntryWord) -> Option<EntryWord>,
) -> Result<EntryWord, Status> {
    let mut found = load(word);
    for _ in 0..ATTEMPTS {
        let new = step(found).ok_or(Status::GeneralError)?;
        match word.compare_exchange(found.0, new.0, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => return Ok(new),
            Err(now) => found = EntryWord(now),
        }
    }
    Err(Status::GeneralError)
}

/// Marks an entry as in use for `access`, if it grants that. `first`: it is not in use yet, so it
/// must be a grant for that domain; the bits of the mask must be just [`GTF_PERMIT_ACCESS`].
pub(super) fn mark(
    word: &AtomicU64,
    first: Option<(DomId, u16)>,
    access: Access,
) -> Result<EntryWord, Status> {
    exchange(word, |entry| {
        let fits = first.is_none_or(|(grantee, mask)| {
            entry.flags() & mask == GTF_PERMIT_ACCESS && entry.domain() == grantee
        });
        match access {
            _ if !fits => None,
            Access::Read => Some(entry.with(GTF_READING)),
            Access::Write if entry.flags() & GTF_READONLY != 0 => None,
            Access::Write => Some(entry.with(GTF_READING | GTF_WRITING)),
        }
    })
}

/// Clears flags of an entry, in one step that the granter cannot delay.
pub(super) fn clear(word: &AtomicU64, flags: u16) {
    word.fetch_and(!u64::from(flags), Ordering::SeqCst);
}

/// Commits an entry that waits for a frame from `giver`.
pub(super) fn commit_transfer(word: &AtomicU64, giver: DomId) -> Result<(), Status> {
    exchange(word, |entry| {
        let waits = entry.flags() == GTF_ACCEPT_TRANSFER && entry.domain() == giver;
        waits.then(|| entry.with(GTF_TRANSFER_COMMITTED))
    })
    .map(|_| ())
}

/// Tells in a committed entry which frame has come: first the frame, then the flag. Gives the
/// guest's own number for it, which stood there before.
pub(super) fn complete_transfer(word: &AtomicU64, frame: u32) -> u64 {
    let mut old = word.load(Ordering::SeqCst);
    // The granter has no reason to write now. If it does, it spoils its own entry only.
    for _ in 0..ATTEMPTS {
        let new = old & 0xffff_ffff | u64::from(frame) << 32;
        match word.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => break,
            Err(now) => old = now,
        }
    }
    word.fetch_or(u64::from(GTF_TRANSFER_COMPLETED), Ordering::SeqCst);
    old >> 32
}
