//! A machine of a few frames and two domains, and the steps that the kernel proper takes.

use super::*;
use crate::frame::{Frame, Freed, Put};
use crate::paging::{
    Budget, Entry, GrantedEntry, L1Slot, Level, Machine, PageOwner, Progress, Refusal, Resolved,
    Sweep, Tables, UserBit,
};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::cell::RefCell;

pub const FRAMES: u64 = 32;
/// Where each domain's frames begin; the first two of its frames are its L1 tables.
pub const OWN: [u64; 2] = [2, 12];
/// How many frames each has.
pub const OWNED: u64 = 10;
/// Each domain's grant table.
pub const TABLE: [u64; 2] = [22, 23];
pub const DOMAINS: [DomId; 2] = [DomId(0), DomId(7)];

pub struct Memory {
    frames: Vec<Frame>,
    words: Vec<[AtomicU64; 512]>,
    clock: AtomicU64,
    pub freed: RefCell<Vec<(Mfn, Freed)>>,
}

impl Memory {
    fn new() -> Self {
        let empty = || core::array::from_fn(|_| AtomicU64::new(0));
        Self {
            frames: (0..FRAMES).map(|_| Frame::new()).collect(),
            words: (0..FRAMES).map(|_| empty()).collect(),
            clock: AtomicU64::new(1),
            freed: RefCell::default(),
        }
    }
    fn word(&self, frame: Mfn, index: usize) -> &AtomicU64 {
        &self.words[frame.0 as usize][index]
    }
}

impl Machine for Memory {
    fn resolve(&self, claim: MfnClaim) -> Resolved {
        match claim.0 < FRAMES {
            true => Resolved::Ram(Mfn(claim.0)),
            false => Resolved::NotRam,
        }
    }
    fn frame(&self, mfn: Mfn) -> &Frame {
        &self.frames[mfn.0 as usize]
    }
    fn read(&self, frame: Mfn, index: usize) -> u64 {
        self.word(frame, index).load(SeqCst)
    }
    fn write(&self, frame: Mfn, index: usize, value: u64) {
        self.word(frame, index).store(value, SeqCst);
    }
    fn compare_exchange(&self, frame: Mfn, index: usize, old: u64, new: u64) -> Result<(), u64> {
        let exchanged = self
            .word(frame, index)
            .compare_exchange(old, new, SeqCst, SeqCst);
        exchanged.map(|_| ())
    }
    fn flush_clock(&self) -> u64 {
        self.clock.fetch_add(1, SeqCst)
    }
    fn flush_before_retype(&self, _frame: Mfn, _stamp: u64) {}
    fn root_changed(&self, _root: Mfn, _slot: usize, _entry: Entry) {}
    fn root_gone(&self, _root: Mfn) {}
    fn iomem_permitted(&self, _domain: DomId, _claim: MfnClaim) -> bool {
        false
    }
    fn vet_descriptors(&self, _frame: Mfn) -> bool {
        true
    }
    fn descriptors_unmapped(&self, _frame: Mfn) {}
    fn frame_free(&self, frame: Mfn, was: Freed) {
        self.freed.borrow_mut().push((frame, was));
    }
}

impl SharedEntries for Memory {
    fn shared_entry(&self, frame: Mfn, index: usize) -> &AtomicU64 {
        self.word(frame, index)
    }
}

/// One domain's books.
pub struct Domain {
    pub tables: Tables,
    pub granted: Granted,
    pub maptrack: Maptrack<usize>,
}

/// The machine and its two domains.
pub struct World {
    pub m: Memory,
    pub domains: [Domain; 2],
}

/// A place for a mapping: one of a domain's two L1 tables, and an entry.
pub fn slot(domain: usize, which: usize) -> L1Slot {
    L1Slot {
        table: MfnClaim(OWN[domain] + which as u64 / 4),
        index: which % 4,
    }
}

pub fn finish<T>(
    mut op: impl FnMut(&mut Budget) -> Result<Progress<T>, Refusal>,
) -> Result<T, Refusal> {
    loop {
        if let Progress::Done(value) = op(&mut Budget::new(600))? {
            return Ok(value);
        }
    }
}

impl World {
    /// Two domains of ten frames, with a grant table of one frame and two pinned L1 tables each.
    pub fn new() -> Self {
        let m = Memory::new();
        for which in 0..2 {
            let own = OWN[which]..OWN[which] + OWNED;
            own.for_each(|mfn| m.frame(Mfn(mfn)).allocate(DOMAINS[which]));
            m.frame(Mfn(TABLE[which])).share(DOMAINS[which]);
        }
        let domains = core::array::from_fn(|which| {
            let mut tables = Tables::new(DOMAINS[which], UserBit::AsGiven, false);
            for table in OWN[which]..OWN[which] + 2 {
                finish(|b| tables.pin(&m, b, MfnClaim(table), Level::L1)).unwrap();
            }
            let mut granted = Granted::new(DOMAINS[which], 1);
            assert!(granted.add_frame(Mfn(TABLE[which])));
            Domain {
                tables,
                granted,
                maptrack: Maptrack::new(1),
            }
        });
        Self { m, domains }
    }

    /// A domain writes an entry of its grant table.
    pub fn grant(&self, domain: usize, reference: u32, word: EntryWord) {
        self.m.write(Mfn(TABLE[domain]), reference as usize, word.0);
    }

    /// An entry as it stands.
    pub fn entry(&self, domain: usize, reference: u32) -> EntryWord {
        EntryWord(self.m.read(Mfn(TABLE[domain]), reference as usize))
    }

    pub fn map(
        &mut self,
        mapper: usize,
        granter: usize,
        reference: u32,
        raw: u32,
        at: L1Slot,
    ) -> Result<Handle, Status> {
        let flags = MapFlags::parse(raw)?;
        let reference = GrantRef(reference);
        let handle = self.domains[mapper].maptrack.reserve()?;
        match self.map_pinned(mapper, granter, reference, raw, at) {
            Ok(mfn) => {
                let mapping = Mapping {
                    granter,
                    reference,
                    mfn,
                    flags,
                };
                self.domains[mapper].maptrack.set(handle, mapping);
                Ok(handle)
            }
            Err(status) => {
                self.domains[mapper].maptrack.free(handle);
                Err(status)
            }
        }
    }

    fn map_pinned(
        &mut self,
        mapper: usize,
        granter: usize,
        reference: GrantRef,
        raw: u32,
        at: L1Slot,
    ) -> Result<Mfn, Status> {
        let (m, flags) = (&self.m, MapFlags::parse(raw)?);
        let granted = &mut self.domains[granter].granted;
        let mfn = granted.pin(m, DOMAINS[mapper], reference, flags, Purpose::Map)?;
        if flags.host {
            let tables = &mut self.domains[mapper].tables;
            let what = (mfn, entry_flags(raw));
            let mapped = finish(|b| tables.map_granted(m, b, at, what, DOMAINS[granter]));
            if mapped.is_err() {
                self.domains[granter].granted.unpin(m, reference, flags);
                return Err(Status::GeneralError);
            }
        }
        Ok(mfn)
    }

    /// Unmaps the host's part at `at`, and the devices' part if `device`; `from`: see
    /// [`Tables::replace_granted`].
    pub fn unmap(
        &mut self,
        mapper: usize,
        handle: Handle,
        at: Option<L1Slot>,
        device: bool,
        from: Option<L1Slot>,
    ) -> Result<(), Status> {
        let m = &self.m;
        let mut mapping = self.domains[mapper].maptrack.take(handle)?;
        let gone = MapFlags {
            host: mapping.flags.host && at.is_some(),
            device: mapping.flags.device && device,
            ..mapping.flags
        };
        let granted = GrantedEntry {
            mfn: mapping.mfn,
            writable: !mapping.flags.readonly,
        };
        let tables = &mut self.domains[mapper].tables;
        let done = match (at.filter(|_| gone.host), from) {
            (None, _) => Ok(()),
            (Some(at), None) => finish(|b| tables.unmap_granted(m, b, at, granted)),
            (Some(at), Some(from)) => finish(|b| tables.replace_granted(m, b, at, granted, from)),
        };
        if done.is_ok() {
            mapping.flags = mapping.flags.without(gone);
            let granter = &mut self.domains[mapping.granter].granted;
            granter.unpin(m, mapping.reference, gone);
        }
        let maptrack = &mut self.domains[mapper].maptrack;
        if mapping.flags.is_none() {
            maptrack.free(handle);
        } else {
            maptrack.set(handle, mapping);
        }
        done.map_err(|_| Status::GeneralError)
    }

    /// A guest writes an entry of its own table.
    pub fn update(&mut self, domain: usize, at: L1Slot, entry: Entry) -> Result<(), Refusal> {
        let (m, tables) = (&self.m, &mut self.domains[domain].tables);
        finish(|b| tables.update_l1(m, b, at.table, at.index, entry, PageOwner::Own))
    }

    pub fn settle(&mut self, domain: usize) {
        let (m, tables) = (&self.m, &mut self.domains[domain].tables);
        finish(|b| Ok(tables.settle(m, b))).unwrap();
    }

    /// A domain comes to its end: grants first, then memory.
    pub fn end(&mut self, domain: usize) {
        let Self { m, domains } = self;
        domains[domain].granted.close();
        while let Some((_, mapping)) = domains[domain].maptrack.take_next(0) {
            let granter = &mut domains[mapping.granter].granted;
            granter.unpin(m, mapping.reference, mapping.flags);
        }
        let mut sweep = Sweep::default();
        let tables = &mut domains[domain].tables;
        finish(|b| Ok(tables.relinquish(m, b, &mut sweep, Mfn(FRAMES)))).unwrap();
        for domain in domains {
            for frame in domain.granted.take_frames() {
                if let Some(Put::Free(was)) = m.frame(frame).unshare() {
                    m.frame_free(frame, was);
                }
            }
        }
    }
}
