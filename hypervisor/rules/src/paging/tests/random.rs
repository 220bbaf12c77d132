//! Random guests. After every step of every operation the whole state is audited.

use super::machine::{DEVICE, FRAMES, HYPERVISORS, OTHER, OWNER};
use super::*;
use proptest::prelude::*;
use proptest::sample::select;

#[derive(Clone, Debug)]
enum Op {
    /// A guest writes a page that it has, or may have, mapped writable.
    Poke(u64, usize, Entry),
    Write(u64, usize, Entry, Keep, PageOwner),
    UpdateL1(u64, usize, Entry),
    Exchange(u64, usize, Entry),
    Pin(u64, Level),
    Unpin(u64),
    TakeBase(u64),
    DropBase(prop::sample::Index),
    Surrender(u64),
    TakeBack(u64),
    TakeDescriptors(u64),
    DropDescriptors,
    Hold(u64, bool),
    Unhold(prop::sample::Index),
    FlushAll,
}

fn frame() -> impl Strategy<Value = u64> {
    prop_oneof![12 => 3..20u64, 2 => 20..32u64, 2 => 32..38u64, 1 => 0..HYPERVISORS, 1 => DEVICE..DEVICE + 12]
}

/// Frames that play a level's part more often than not.
fn table(level: Level) -> impl Strategy<Value = u64> {
    let base = 3 + 3 * (4 - level as u64);
    prop_oneof![8 => base..base + 3, 1 => frame()]
}

fn any_table() -> impl Strategy<Value = u64> {
    prop_oneof![
        table(Level::L1),
        table(Level::L1),
        table(Level::L2),
        table(Level::L3),
        table(Level::L4)
    ]
}

fn index() -> impl Strategy<Value = usize> {
    select(vec![0, 1, 2, 255, 256, 271, 272, 300, 511])
}

fn flags() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => select(vec![P, RW, RW | U, P | U | Entry::NO_EXECUTE, RW | Entry::CPU_SET]),
        1 => select(vec![P | Entry::PAT_OR_LARGE, P | Entry::PCD, RW | Entry::GLOBAL, 0, U | Entry::WRITE]),
    ]
}

fn entry_for(level: Level) -> BoxedStrategy<Entry> {
    let target = match level.below() {
        Some(below) => table(below).boxed(),
        None => prop_oneof![6 => 15..24u64, 2 => any_table(), 1 => frame()].boxed(),
    };
    prop_oneof![5 => (target, flags()).prop_map(|(mfn, flags)| Entry::new(Mfn(mfn), flags)), 1 => Just(Entry::EMPTY)]
        .boxed()
}

/// A table and a value that fits its part, mostly.
fn store() -> impl Strategy<Value = (u64, usize, Entry)> {
    select(vec![Level::L1, Level::L1, Level::L2, Level::L3, Level::L4])
        .prop_flat_map(|level| (table(level), index(), entry_for(level)))
}

fn op() -> impl Strategy<Value = Op> {
    let owner = prop_oneof![
        6 => Just(PageOwner::Own), 1 => Just(PageOwner::Foreign(OTHER)), 1 => Just(PageOwner::Io)
    ];
    let keep = select(vec![Keep::Nothing, Keep::AccessedDirty]);
    let at = any::<prop::sample::Index>;
    prop_oneof![
        8 => store().prop_map(|(t, i, e)| Op::Poke(t, i, e)),
        10 => (store(), keep, owner).prop_map(|((t, i, e), keep, owner)| Op::Write(t, i, e, keep, owner)),
        4 => (table(Level::L1), index(), entry_for(Level::L1)).prop_map(|(t, i, e)| Op::UpdateL1(t, i, e)),
        3 => (table(Level::L1), index(), entry_for(Level::L1)).prop_map(|(t, i, e)| Op::Exchange(t, i, e)),
        5 => select(vec![Level::L1, Level::L2, Level::L3, Level::L4])
            .prop_flat_map(|level| table(level).prop_map(move |t| Op::Pin(t, level))),
        4 => any_table().prop_map(Op::Unpin),
        4 => table(Level::L4).prop_map(Op::TakeBase),
        2 => at().prop_map(Op::DropBase),
        1 => frame().prop_map(Op::Surrender),
        1 => frame().prop_map(Op::TakeBack),
        1 => frame().prop_map(Op::TakeDescriptors),
        1 => Just(Op::DropDescriptors),
        2 => (frame(), any::<bool>()).prop_map(|(mfn, write)| Op::Hold(mfn, write)),
        2 => at().prop_map(Op::Unhold),
        1 => Just(Op::FlushAll),
    ]
}

/// An operation, the budget of each of its steps, and after how many steps its guest loses
/// interest.
#[derive(Clone, Debug)]
struct Turn {
    op: Op,
    budget: u32,
    patience: u32,
}

fn turn() -> impl Strategy<Value = Turn> {
    let budget = select(vec![64, 100, 300, 513, 700, 1100, 3000]);
    let patience = prop_oneof![4 => Just(1000u32), 1 => 1..6u32];
    (op(), budget, patience).prop_map(|(op, budget, patience)| Turn {
        op,
        budget,
        patience,
    })
}

impl World {
    fn take_turn(&mut self, turn: &Turn) {
        for _ in 0..turn.patience {
            let mut budget = Budget::new(turn.budget);
            let again = self.step(&turn.op, &mut budget);
            self.audit();
            if !again {
                break;
            }
        }
        while self.tables.settle(&self.m, &mut Budget::new(turn.budget)) == Progress::Again {
            self.audit();
        }
        self.audit();
    }

    /// Whether the operation wants to be called again.
    fn step(&mut self, op: &Op, b: &mut Budget) -> bool {
        let Self {
            m,
            tables,
            bases,
            descriptors,
            held,
        } = self;
        fn again<T>(done: Result<Progress<T>, Refusal>) -> bool {
            matches!(done, Ok(Progress::Again))
        }
        match *op {
            Op::Poke(frame, index, value) => {
                if frame < FRAMES
                    && let Ok(held) = Held::writable(m, Mfn(frame), OWNER)
                {
                    m.poke(held.mfn(), index, value.0);
                }
                false
            }
            Op::Write(frame, index, value, keep, owner) => {
                m.cpu_sets_bits.set(keep == Keep::AccessedDirty);
                again(tables.write_word(m, b, claim(frame), index, (value, keep), owner))
            }
            Op::UpdateL1(frame, index, value) => {
                again(tables.update_l1(m, b, claim(frame), index, value, PageOwner::Own))
            }
            Op::Exchange(frame, index, value) => {
                if frame >= FRAMES {
                    return false;
                }
                m.cpu_sets_bits.set(index == 0);
                let old = Entry(m.read(Mfn(frame), index));
                again(tables.compare_exchange(m, b, claim(frame), index, (old, value)))
            }
            Op::Pin(frame, level) => again(tables.pin(m, b, claim(frame), level)),
            Op::Unpin(frame) => again(tables.unpin(m, b, claim(frame))),
            Op::TakeBase(frame) => match tables.take_base(m, b, claim(frame)) {
                Ok(Progress::Done(root)) => {
                    bases.push(root);
                    false
                }
                done => again(done),
            },
            Op::DropBase(which) => {
                if !bases.is_empty() {
                    let root = bases.swap_remove(which.index(bases.len()));
                    tables.drop_base(m, root);
                }
                false
            }
            Op::Surrender(frame) => again(tables.surrender(m, b, claim(frame))),
            Op::TakeBack(frame) => {
                // What the hypervisor takes it gives to the owner again, as if fresh.
                if let Ok(mfn) = tables.take_back(m, claim(frame)) {
                    m.flush_before_reuse(mfn);
                    m.frame(mfn).allocate(OWNER);
                }
                false
            }
            Op::TakeDescriptors(frame) => {
                descriptors.extend(tables.take_descriptors(m, claim(frame)));
                false
            }
            Op::DropDescriptors => {
                if let Some(mfn) = descriptors.pop() {
                    tables.drop_descriptors(m, mfn);
                }
                false
            }
            Op::Hold(frame, write) => {
                if frame < FRAMES
                    && let Ok(hold) = Held::mapped(m, Mfn(frame), write)
                {
                    held.push((hold.keep(), write));
                }
                false
            }
            Op::Unhold(which) => {
                if !held.is_empty() {
                    let (mfn, write) = held.swap_remove(which.index(held.len()));
                    if write {
                        drop_writable(m, mfn);
                    }
                    drop_ref(m, mfn);
                }
                false
            }
            Op::FlushAll => {
                m.flush_all();
                false
            }
        }
    }

    /// Takes the domain down in small steps; others then let go; nothing may be left.
    fn die(mut self) {
        while let Some(root) = self.bases.pop() {
            self.tables.drop_base(&self.m, root);
            self.audit();
        }
        for mfn in std::mem::take(&mut self.descriptors) {
            self.tables.drop_descriptors(&self.m, mfn);
        }
        let mut sweep = Sweep::default();
        let end = Mfn(FRAMES);
        while self
            .tables
            .relinquish(&self.m, &mut Budget::new(97), &mut sweep, end)
            == Progress::Again
        {
            self.audit();
        }
        self.audit();
        for (mfn, write) in std::mem::take(&mut self.held) {
            if write {
                drop_writable(&self.m, mfn);
            }
            drop_ref(&self.m, mfn);
        }
        self.audit();
        for (mfn, frame) in self.m.all() {
            let now = frame.snapshot();
            let expected = match mfn.0 {
                30..32 => (Some(OWNER), 1),
                32..38 => (Some(OTHER), 1),
                _ => (None, 0),
            };
            assert_eq!((now.owner, now.refs), expected, "{mfn}: {now:?}");
        }
        let mut freed: Vec<_> = self.m.freed.borrow().iter().map(|&(mfn, _)| mfn).collect();
        freed.sort();
        assert_eq!(
            freed,
            (HYPERVISORS..30).map(Mfn).collect::<Vec<_>>(),
            "each freed once"
        );
    }
}

fn live(user_bit: UserBit, turns: &[Turn]) {
    let mut world = World::new(user_bit);
    for turn in turns {
        world.take_turn(turn);
    }
    world.die();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_guests_break_nothing(turns in prop::collection::vec(turn(), 1..100)) {
        live(UserBit::AsGiven, &turns);
    }

    #[test]
    fn random_guests_break_nothing_with_forced_user_bit(turns in prop::collection::vec(turn(), 1..40)) {
        live(UserBit::Forced, &turns);
    }
}
