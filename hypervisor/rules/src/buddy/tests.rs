//! The allocator against a set of free frames.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn storage(frames: u64) -> Vec<u64> {
    vec![!0; Buddy::words(frames)]
}

#[test]
fn too_little_storage_is_refused() {
    let mut words = storage(1000);
    words.pop();
    assert!(Buddy::new(&mut words, 1000).is_none());
    assert!(Buddy::new(&mut storage(0), 0).is_some());
}

#[test]
fn a_whole_range_comes_and_goes() {
    let mut words = storage(1 << 19);
    let mut buddy = Buddy::new(&mut words, 1 << 19).unwrap();
    buddy.add(Mfn(1 << 18), Mfn(1 << 19)).unwrap();
    assert_eq!(buddy.available(), 1 << 18);
    let all: Vec<_> = (0..1 << 18)
        .map(|_| buddy.allocate(0, None).unwrap())
        .collect();
    assert_eq!(all[0], Mfn((1 << 19) - 1), "high frames first");
    assert_eq!(buddy.allocate(0, None), None);
    for mfn in all {
        buddy.free(mfn, 0).unwrap();
    }
    assert_eq!(
        buddy.allocate(MAX_ORDER, None),
        Some(Mfn(1 << 18)),
        "joined again"
    );
    assert_eq!(buddy.allocate(MAX_ORDER + 1, None), None);
}

#[test]
fn limit_is_kept_and_great_blocks_give_their_low_part() {
    let mut words = storage(1 << 18);
    let mut buddy = Buddy::new(&mut words, 1 << 18).unwrap();
    buddy.add(Mfn(0), Mfn(1 << 18)).unwrap();
    // 18 address bits: 64 frames.
    assert_eq!(buddy.allocate(6, Some(64)), Some(Mfn(0)));
    assert_eq!(buddy.allocate(0, Some(64)), None);
    assert_eq!(buddy.allocate(0, Some(0)), None);
    assert_eq!(buddy.allocate(3, Some(77)), Some(Mfn(64)));
    assert_eq!(buddy.available(), (1 << 18) - 72);
}

#[test]
fn frames_that_are_not_ours_are_refused() {
    let mut words = storage(4096);
    let mut buddy = Buddy::new(&mut words, 4096).unwrap();
    buddy.add(Mfn(10), Mfn(100)).unwrap();
    buddy.add(Mfn(2048), Mfn(4096)).unwrap();
    assert_eq!(buddy.add(Mfn(99), Mfn(101)), Err(BuddyError::Overlap));
    assert_eq!(buddy.add(Mfn(4000), Mfn(4097)), Err(BuddyError::NotManaged));
    assert_eq!(buddy.free(Mfn(0), 0), Err(BuddyError::NotManaged));
    assert_eq!(buddy.free(Mfn(96), 3), Err(BuddyError::NotManaged));
    assert_eq!(buddy.free(Mfn(4096), 12), Err(BuddyError::NotManaged));
    assert_eq!(buddy.free(Mfn(2049), 1), Err(BuddyError::Alignment));
    assert_eq!(buddy.free(Mfn(2048), MAX_ORDER + 1), Err(BuddyError::Order));
    assert_eq!(buddy.free(Mfn(2048), 4), Err(BuddyError::DoubleFree));
    assert_eq!(buddy.reserve(Mfn(8), Mfn(12)), Err(BuddyError::NotManaged));
    buddy.reserve(Mfn(20), Mfn(30)).unwrap();
    assert_eq!(buddy.reserve(Mfn(29), Mfn(31)), Err(BuddyError::InUse));
    assert_eq!(buddy.available(), 90 + 2048 - 10);
    assert!(!buddy.is_free(Mfn(25)) && buddy.is_free(Mfn(30)));
}

#[test]
fn double_free_is_found_whole_and_in_part() {
    let mut words = storage(64);
    let mut buddy = Buddy::new(&mut words, 64).unwrap();
    buddy.add(Mfn(0), Mfn(64)).unwrap();
    let block = buddy.allocate(4, None).unwrap();
    buddy.free(Mfn(block.0 + 5), 0).unwrap();
    assert_eq!(buddy.free(block, 4), Err(BuddyError::DoubleFree));
    assert_eq!(buddy.free(Mfn(block.0 + 4), 1), Err(BuddyError::DoubleFree));
    buddy.free(block, 2).unwrap();
    assert_eq!(buddy.free(block, 0), Err(BuddyError::DoubleFree));
    assert_eq!(buddy.available(), 48 + 5);
}

const FRAMES: u64 = 3000;
const RANGES: [(u64, u64); 3] = [(1, 159), (256, 1280), (1500, 2999)];

#[derive(Clone, Debug)]
enum Step {
    Allocate(u32, Option<u64>),
    /// The n-th of what is held, whole or split into its frames.
    Free(prop::sample::Index, bool),
    FreeAny(u64, u32),
    Reserve(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let limit = prop::option::weighted(0.4, 0..FRAMES + 200);
    prop_oneof![
        6 => (0..9u32, limit).prop_map(|(order, limit)| Step::Allocate(order, limit)),
        5 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(n, whole)| Step::Free(n, whole)),
        1 => (0..FRAMES + 64, 0..5u32).prop_map(|(at, order)| Step::FreeAny(at, order)),
        1 => (0..FRAMES, 0..20u64).prop_map(|(at, len)| Step::Reserve(at, len)),
    ]
}

struct Model {
    free: BTreeSet<u64>,
    held: BTreeMap<u64, u32>,
}

impl Model {
    fn fits(&self, order: u32, limit: Option<u64>) -> bool {
        let size = 1 << order;
        let end = limit.unwrap_or(FRAMES).min(FRAMES);
        (0..end / size)
            .any(|block| (block * size..(block + 1) * size).all(|at| self.free.contains(&at)))
    }

    fn take(&mut self, buddy: &mut Buddy<'_>, step: Step) {
        match step {
            Step::Allocate(order, limit) => match buddy.allocate(order, limit) {
                Some(Mfn(first)) => {
                    assert_eq!(first % (1 << order), 0);
                    assert!(limit.is_none_or(|limit| first + (1 << order) <= limit));
                    for mfn in first..first + (1 << order) {
                        assert!(self.free.remove(&mfn), "frame {mfn} given out twice");
                    }
                    self.held.insert(first, order);
                }
                None => assert!(
                    !self.fits(order, limit),
                    "order {order} below {limit:?} exists"
                ),
            },
            Step::Free(n, whole) => {
                let Some((&first, &order)) = (!self.held.is_empty())
                    .then(|| self.held.iter().nth(n.index(self.held.len())).unwrap())
                else {
                    return;
                };
                self.held.remove(&first);
                self.free.extend(first..first + (1 << order));
                if whole {
                    assert_eq!(buddy.free(Mfn(first), order), Ok(()));
                } else {
                    (first..first + (1 << order)).for_each(|mfn| buddy.free(Mfn(mfn), 0).unwrap());
                }
            }
            Step::FreeAny(at, order) => {
                let first = at >> order << order;
                let mut frames = first..first + (1 << order);
                let ours = |mfn| RANGES.iter().any(|&(from, to)| (from..to).contains(&mfn));
                // Freeing what someone holds cannot be told from the holder's own free.
                if !frames.clone().all(ours) {
                    assert_eq!(buddy.free(Mfn(first), order), Err(BuddyError::NotManaged));
                } else if frames.any(|mfn| self.free.contains(&mfn)) {
                    assert_eq!(buddy.free(Mfn(first), order), Err(BuddyError::DoubleFree));
                }
            }
            Step::Reserve(at, len) => {
                let all = (at..at + len).all(|mfn| self.free.contains(&mfn));
                assert_eq!(buddy.reserve(Mfn(at), Mfn(at + len)).is_ok(), all);
                if all {
                    (at..at + len).for_each(|mfn| {
                        self.free.remove(&mfn);
                        self.held.insert(mfn, 0);
                    });
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn buddy_follows_its_model(steps in prop::collection::vec(step(), 1..100)) {
        let mut words = storage(FRAMES);
        let mut buddy = Buddy::new(&mut words, FRAMES).unwrap();
        let mut model = Model { free: BTreeSet::new(), held: BTreeMap::new() };
        for (first, end) in RANGES {
            buddy.add(Mfn(first), Mfn(end)).unwrap();
            model.free.extend(first..end);
        }
        for step in steps {
            model.take(&mut buddy, step);
            prop_assert_eq!(buddy.available(), model.free.len() as u64);
        }
        for mfn in 0..FRAMES {
            prop_assert_eq!(buddy.is_free(Mfn(mfn)), model.free.contains(&mfn));
        }
        // Everything back: joined into the same blocks as at first.
        for (first, order) in std::mem::take(&mut model.held) {
            buddy.free(Mfn(first), order).unwrap();
            model.free.extend(first..first + (1 << order));
        }
        prop_assert_eq!(buddy.available(), buddy.total());
        for order in 0..=MAX_ORDER {
            prop_assert_eq!(buddy.allocate(order, None).is_some(), model.fits(order, None));
            for (first, end) in RANGES {
                for mfn in first..end {
                    if !buddy.is_free(Mfn(mfn)) { buddy.free(Mfn(mfn), 0).unwrap(); }
                }
            }
        }
    }
}
