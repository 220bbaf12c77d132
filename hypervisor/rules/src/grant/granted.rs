//! The granter's side: its table, and who uses which entry.

use super::map::{Access, MapFlags};
use super::word::{self, EntryWord};
use super::{ENTRIES_PER_FRAME, GrantRef, Pins, Status};
use crate::paging::{Machine, Resolved, drop_ref, drop_writable, take_writable};
use crate::types::{DomId, Mfn, MfnClaim};
use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;
use pv_guest_abi::grant::*;

/// The machine with a view of the entries that guests share.
pub trait SharedEntries: Machine {
    /// Word `index` of a frame of a grant table, which its owner writes at the same time.
    fn shared_entry(&self, frame: Mfn, index: usize) -> &AtomicU64;
}

/// What an entry is to be pinned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A mapping: the whole page must be granted.
    Map,
    /// A copy.
    Copy,
}

/// An entry in use.
#[derive(Clone, Copy, Debug)]
struct Active {
    pins: Pins,
    grantee: DomId,
    mfn: Mfn,
}

const UNUSED: Active = Active {
    pins: Pins {
        host_read: 0,
        host_write: 0,
        device_read: 0,
        device_write: 0,
    },
    grantee: DomId(0),
    mfn: Mfn(0),
};

/// One domain's grant table: what the granter's lock protects.
#[derive(Debug)]
pub struct Granted {
    owner: DomId,
    limit: u32,
    frames: Vec<Mfn>,
    /// For each frame of the table its 512 entries.
    active: Vec<Vec<Active>>,
    /// Entries that have pins.
    in_use: u32,
    closed: bool,
}

impl Granted {
    /// A table without frames, of at most `limit`.
    pub const fn new(owner: DomId, limit: u32) -> Self {
        Self {
            owner,
            limit,
            frames: Vec::new(),
            active: Vec::new(),
            in_use: 0,
            closed: false,
        }
    }

    /// Whose table it is.
    pub const fn owner(&self) -> DomId {
        self.owner
    }

    /// The frames of the table.
    pub fn frames(&self) -> &[Mfn] {
        &self.frames
    }

    /// Most frames that it may have.
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// How many entries it has.
    pub fn entries(&self) -> u32 {
        self.frames.len() as u32 * ENTRIES_PER_FRAME
    }

    /// Entries that somebody uses.
    pub const fn in_use(&self) -> u32 {
        self.in_use
    }

    /// Adds a frame, which is zeroed and lent to the owner. `false`, and the frame stays the
    /// caller's: the table is as large as it may be, closed, or there is no memory to keep books.
    #[must_use]
    pub fn add_frame(&mut self, frame: Mfn) -> bool {
        let mut page = Vec::new();
        let count = ENTRIES_PER_FRAME as usize;
        let room = self.frames.try_reserve(1).is_ok()
            && self.active.try_reserve(1).is_ok()
            && page.try_reserve_exact(count).is_ok();
        if !room || self.closed || self.frames.len() as u32 >= self.limit {
            return false;
        }
        page.resize(count, UNUSED);
        self.frames.push(frame);
        self.active.push(page);
        true
    }

    fn place(&self, reference: GrantRef) -> Result<(usize, usize), Status> {
        let page = (reference.0 / ENTRIES_PER_FRAME) as usize;
        if page >= self.frames.len() {
            return Err(Status::BadRef);
        }
        Ok((page, (reference.0 % ENTRIES_PER_FRAME) as usize))
    }

    fn word<'m, M: SharedEntries + ?Sized>(
        &self,
        m: &'m M,
        (page, index): (usize, usize),
    ) -> &'m AtomicU64 {
        m.shared_entry(self.frames[page], index)
    }

    /// Takes an entry into use for `grantee`, if it grants that: marks it, holds its frame, counts
    /// the uses. Gives the frame, which is held as long as the pin lasts.
    pub fn pin<M: SharedEntries + ?Sized>(
        &mut self,
        m: &M,
        grantee: DomId,
        reference: GrantRef,
        uses: MapFlags,
        purpose: Purpose,
    ) -> Result<Mfn, Status> {
        let at = self.place(reference)?;
        let entry = self.word(m, at);
        let mut active = self.active[at.0][at.1];
        let first = !active.pins.any();
        if self.closed || !first && active.grantee != grantee {
            return Err(Status::GeneralError);
        }
        let pins = active.pins.plus(uses).ok_or(Status::GeneralError)?;
        let first_write = pins.any_write() && !active.pins.any_write();
        if first {
            let granted = word::mark(entry, Some((grantee, mask(purpose))), uses.access())?;
            let held = hold(m, self.owner, granted.frame());
            active.mfn = held.inspect_err(|_| word::clear(entry, GTF_READING | GTF_WRITING))?;
            active.grantee = grantee;
        } else if first_write {
            word::mark(entry, None, Access::Write)?;
        }
        if first_write && take_writable(m, active.mfn).is_err() {
            if first {
                drop_ref(m, active.mfn);
            }
            let marks = if first {
                GTF_READING | GTF_WRITING
            } else {
                GTF_WRITING
            };
            word::clear(entry, marks);
            return Err(Status::GeneralError);
        }
        self.in_use += u32::from(first);
        self.active[at.0][at.1] = Active { pins, ..active };
        Ok(active.mfn)
    }

    /// Ends uses of an entry. With the last one its frame is let go; only then does the entry tell
    /// the granter so. The caller has made sure that no CPU has translations left.
    ///
    /// # Panics
    /// If the entry has no such use: an invariant of the hypervisor is broken.
    pub fn unpin<M: SharedEntries + ?Sized>(&mut self, m: &M, reference: GrantRef, uses: MapFlags) {
        let at = self.place(reference).expect("a pinned entry exists");
        let entry = self.word(m, at);
        let active = &mut self.active[at.0][at.1];
        let (before, after) = (active.pins, active.pins.minus(uses));
        active.pins = after;
        let mfn = active.mfn;
        let mut marks = 0;
        if before.any_write() && !after.any_write() {
            drop_writable(m, mfn);
            marks |= GTF_WRITING;
        }
        if before.any() && !after.any() {
            drop_ref(m, mfn);
            marks |= GTF_READING;
            self.in_use -= 1;
        }
        if marks != 0 {
            word::clear(entry, marks);
        }
    }

    /// The uses of an entry, for reports and tests.
    pub fn pins(&self, reference: GrantRef) -> Option<(DomId, Mfn, Pins)> {
        let (page, index) = self.place(reference).ok()?;
        let active = self.active[page][index];
        active
            .pins
            .any()
            .then_some((active.grantee, active.mfn, active.pins))
    }

    /// Exchanges two entries that nobody uses.
    pub fn swap<M: SharedEntries + ?Sized>(
        &self,
        m: &M,
        a: GrantRef,
        b: GrantRef,
    ) -> Result<(), Status> {
        let (at_a, at_b) = (self.place(a)?, self.place(b)?);
        if a == b {
            return Ok(());
        }
        if self.pins(a).is_some() || self.pins(b).is_some() {
            return Err(Status::Again);
        }
        use core::sync::atomic::Ordering::SeqCst;
        let (word_a, word_b) = (self.word(m, at_a), self.word(m, at_b));
        let was_a = word_a.load(SeqCst);
        word_a.store(word_b.swap(was_a, SeqCst), SeqCst);
        Ok(())
    }

    /// Commits an entry that waits for a frame from `giver`: from now on the frame must come.
    pub fn commit_transfer<M: SharedEntries + ?Sized>(
        &self,
        m: &M,
        giver: DomId,
        reference: GrantRef,
    ) -> Result<(), Status> {
        let at = self.place(reference).map_err(|_| Status::GeneralError)?;
        if self.closed {
            return Err(Status::GeneralError);
        }
        word::commit_transfer(self.word(m, at), giver)
    }

    /// Tells in a committed entry which frame has come. Gives the guest frame number that stood
    /// there.
    pub fn complete_transfer<M: SharedEntries + ?Sized>(
        &self,
        m: &M,
        reference: GrantRef,
        frame: Mfn,
    ) -> u64 {
        match self.place(reference) {
            Ok(at) => word::complete_transfer(self.word(m, at), frame.0 as u32),
            Err(_) => unreachable!("a table never shrinks while it can be transferred to"),
        }
    }

    /// An entry as its owner has it now.
    pub fn entry<M: SharedEntries + ?Sized>(
        &self,
        m: &M,
        reference: GrantRef,
    ) -> Option<EntryWord> {
        let at = self.place(reference).ok()?;
        Some(word::load(self.word(m, at)))
    }

    /// The owner comes to its end: nothing is granted any more. What is in use stays so until its
    /// users let go.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether the owner has come to its end.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// The frames of a closed table that nobody uses, to be given back; once.
    pub fn take_frames(&mut self) -> Vec<Mfn> {
        if !self.closed || self.in_use != 0 {
            return Vec::new();
        }
        self.active = Vec::new();
        core::mem::take(&mut self.frames)
    }
}

/// The flags that must be just [`GTF_PERMIT_ACCESS`].
const fn mask(purpose: Purpose) -> u16 {
    match purpose {
        Purpose::Map => GTF_TYPE_MASK | GTF_SUB_PAGE,
        Purpose::Copy => GTF_TYPE_MASK,
    }
}

fn hold<M: Machine + ?Sized>(m: &M, owner: DomId, claim: MfnClaim) -> Result<Mfn, Status> {
    match m.resolve(claim) {
        Resolved::Ram(mfn) if m.frame(mfn).get_ref(owner).is_ok() => Ok(mfn),
        _ => Err(Status::BadPage),
    }
}
