//! A machine of a few frames that remembers who could still have what in a TLB.

use super::*;
use crate::frame::{Frame, Freed, Type};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// Frames of RAM; the first [`HYPERVISORS`] are the hypervisor's.
pub const FRAMES: u64 = 40;
pub const HYPERVISORS: u64 = 3;
/// Frame numbers of device memory, which only [`OWNER`] may map, and only the first ten.
pub const DEVICE: u64 = 5000;
/// The domain whose tables are tested.
pub const OWNER: DomId = DomId(3);
/// Another domain.
pub const OTHER: DomId = DomId(4);

#[derive(Default)]
pub struct Model {
    frames: Vec<Frame>,
    words: RefCell<Vec<BTreeMap<usize, u64>>>,
    clock: Cell<u64>,
    last_flush: Cell<u64>,
    /// Frames that some CPU may still write through an old entry.
    pub stale_writable: RefCell<BTreeSet<Mfn>>,
    /// Frames that some CPU may still walk as a table.
    pub stale_table: RefCell<BTreeSet<Mfn>>,
    pub freed: RefCell<Vec<(Mfn, Freed)>>,
    pub roots_changed: RefCell<Vec<(Mfn, usize, Entry)>>,
    pub roots_gone: RefCell<Vec<Mfn>>,
    /// Every write: frame, index, value.
    pub writes: RefCell<Vec<(Mfn, usize, u64)>>,
    pub flushes: Cell<u32>,
    /// The CPU sets A and D of an entry just before it is exchanged.
    pub cpu_sets_bits: Cell<bool>,
    pub bad_descriptors: Cell<bool>,
    /// Frames of descriptors that have lost a mapping.
    pub descriptors_unmapped: RefCell<Vec<Mfn>>,
}

impl Model {
    pub fn new() -> Self {
        let model = Self {
            frames: (0..FRAMES).map(|_| Frame::new()).collect(),
            words: RefCell::new(vec![BTreeMap::new(); FRAMES as usize]),
            ..Self::default()
        };
        model.clock.set(1);
        model
    }

    /// Words of a frame that are not zero.
    pub fn entries(&self, frame: Mfn) -> Vec<(usize, Entry)> {
        let words = self.words.borrow();
        words[frame.0 as usize]
            .iter()
            .map(|(&at, &word)| (at, Entry(word)))
            .collect()
    }

    pub fn all(&self) -> impl Iterator<Item = (Mfn, &Frame)> {
        self.frames
            .iter()
            .enumerate()
            .map(|(at, frame)| (Mfn(at as u64), frame))
    }

    /// A store past the rules: by a boot loader, or a guest to its writable page.
    pub fn poke(&self, frame: Mfn, index: usize, value: u64) {
        let word = &mut self.words.borrow_mut()[frame.0 as usize];
        if value == 0 {
            word.remove(&index);
        } else {
            word.insert(index, value);
        }
    }

    /// All CPUs drop their TLBs by themselves.
    pub fn flush_all(&self) {
        self.last_flush.set(self.clock.get() + 1);
        self.clock.set(self.clock.get() + 1);
        self.stale_writable.borrow_mut().clear();
        self.stale_table.borrow_mut().clear();
    }
}

impl Model {
    /// What an allocator's user does before a frame gets a new life.
    pub fn flush_before_reuse(&self, mfn: Mfn) {
        if self.last_flush.get() <= self.frame(mfn).stamp() {
            self.flush_all();
        }
    }
}

impl Machine for Model {
    fn resolve(&self, claim: MfnClaim) -> Resolved {
        if claim.0 < FRAMES {
            Resolved::Ram(Mfn(claim.0))
        } else {
            Resolved::NotRam
        }
    }
    fn frame(&self, mfn: Mfn) -> &Frame {
        &self.frames[mfn.0 as usize]
    }
    fn read(&self, frame: Mfn, index: usize) -> u64 {
        self.words.borrow()[frame.0 as usize]
            .get(&index)
            .copied()
            .unwrap_or(0)
    }
    fn write(&self, frame: Mfn, index: usize, value: u64) {
        let now = self.frame(frame).snapshot();
        assert!(
            now.uses > 0 && now.kind != Type::None,
            "{frame} written without a type"
        );
        self.writes.borrow_mut().push((frame, index, value));
        self.poke(frame, index, value);
    }
    fn compare_exchange(&self, frame: Mfn, index: usize, old: u64, new: u64) -> Result<(), u64> {
        let now = self.frame(frame).snapshot();
        assert!(now.uses > 0 && now.validated && now.kind.is_table());
        let live = self.read(frame, index);
        if live & P != 0 && self.cpu_sets_bits.take() {
            self.poke(frame, index, live | Entry::CPU_SET);
        }
        let live = self.read(frame, index);
        if live != old {
            return Err(live);
        }
        self.writes.borrow_mut().push((frame, index, new));
        self.poke(frame, index, new);
        Ok(())
    }
    fn flush_clock(&self) -> u64 {
        self.clock.get()
    }
    fn flush_before_retype(&self, frame: Mfn, stamp: u64) {
        assert!(
            !self.frame(frame).snapshot().validated,
            "flush comes before validation"
        );
        if self.last_flush.get() <= stamp {
            self.flushes.set(self.flushes.get() + 1);
            self.flush_all();
        }
    }
    fn root_changed(&self, root: Mfn, slot: usize, entry: Entry) {
        assert_eq!(self.read(root, slot), entry.0);
        self.roots_changed.borrow_mut().push((root, slot, entry));
    }
    fn root_gone(&self, root: Mfn) {
        assert!(self.frame(root).snapshot().demoting);
        self.roots_gone.borrow_mut().push(root);
    }
    fn iomem_permitted(&self, domain: DomId, claim: MfnClaim) -> bool {
        domain == OWNER && (DEVICE..DEVICE + 10).contains(&claim.0)
    }
    fn vet_descriptors(&self, _frame: Mfn) -> bool {
        !self.bad_descriptors.get()
    }
    fn descriptors_unmapped(&self, frame: Mfn) {
        self.descriptors_unmapped.borrow_mut().push(frame);
    }
    fn frame_free(&self, frame: Mfn, was: Freed) {
        let now = self.frame(frame).snapshot();
        assert!(now.refs == 0 && now.uses == 0 && now.owner.is_none());
        self.freed.borrow_mut().push((frame, was));
    }
}

/// A machine, the tables of [`OWNER`], and what the rest of a hypervisor would hold.
pub struct World {
    pub m: Model,
    pub tables: Tables,
    /// Base pointers of vCPUs.
    pub bases: Vec<Mfn>,
    /// Frames held as GDT or LDT.
    pub descriptors: Vec<Mfn>,
    /// Frames held by others, e.g. by grants; whether writable.
    pub held: Vec<(Mfn, bool)>,
}

/// Frames by their role in [`World::new`].
pub const L4: u64 = 4;
pub const L3: u64 = 5;
pub const L2: u64 = 6;
pub const L1: u64 = 7;
pub const PAGE: u64 = 8;
pub const SHARED: u64 = 30;
pub const FOREIGN: u64 = 32;

impl World {
    /// Frames 3..30 are the owner's, 30 and 31 the hypervisor's lent to it, 32..38 another
    /// domain's. Frames 4 to 7 are filled as tables, not yet validated, that map frame 8.
    pub fn new(user_bit: UserBit) -> Self {
        let m = Model::new();
        (HYPERVISORS..30).for_each(|mfn| m.frame(Mfn(mfn)).allocate(OWNER));
        (30..32).for_each(|mfn| m.frame(Mfn(mfn)).share(OWNER));
        (32..38).for_each(|mfn| m.frame(Mfn(mfn)).allocate(OTHER));
        m.poke(Mfn(L4), 0, Entry::new(Mfn(L3), RW | U).0);
        m.poke(Mfn(L3), 0, Entry::new(Mfn(L2), RW | U).0);
        m.poke(Mfn(L2), 0, Entry::new(Mfn(L1), RW | U).0);
        m.poke(Mfn(L1), 0, Entry::new(Mfn(PAGE), RW | U).0);
        m.poke(Mfn(L1), 1, Entry::new(Mfn(L1), P | U).0);
        let tables = Tables::new(OWNER, user_bit, false);
        Self {
            m,
            tables,
            bases: vec![],
            descriptors: vec![],
            held: vec![],
        }
    }

    /// As [`World::new`], running on the root.
    pub fn running() -> Self {
        let mut world = Self::new(UserBit::AsGiven);
        let root = finish(|b| world.tables.take_base(&world.m, b, claim(L4))).unwrap();
        world.bases.push(root);
        world.audit();
        world
    }

    pub fn settle(&mut self) {
        while self.tables.settle(&self.m, &mut Budget::new(100)) == Progress::Again {
            self.audit();
        }
    }
}
