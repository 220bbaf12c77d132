//! Two domains that do what they like. After every step the books are audited from memory.

use super::machine::{DOMAINS, FRAMES, OWN, OWNED, TABLE, World, finish, slot};
use super::*;
use crate::frame::{Snapshot, Type};
use crate::paging::{Entry, Level, Machine};
use proptest::prelude::*;
use proptest::sample::select;
use pv_guest_abi::grant::*;
use std::collections::BTreeMap;

const REFS: u32 = 4;
const SLOTS: usize = 8;

#[derive(Clone, Debug)]
enum Op {
    Grant(usize, u32, EntryWord),
    Map(usize, usize, u32, u32, usize),
    Unmap(usize, prop::sample::Index, usize, bool, Option<usize>),
    /// Unmaps as it was mapped.
    Undo(usize, prop::sample::Index),
    Update(usize, usize, Entry),
    Pin(usize, u64, bool),
    Copy(usize, usize, u32, Access),
    Swap(usize, u32, u32),
    Surrender(usize, u64),
    End(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let domain = || 0..2usize;
    let flags = select(vec![
        GTF_INVALID,
        GTF_PERMIT_ACCESS,
        GTF_PERMIT_ACCESS,
        GTF_PERMIT_ACCESS | GTF_READONLY,
        GTF_ACCEPT_TRANSFER,
    ]);
    let word = (flags, domain(), 0..FRAMES as u32 + 1)
        .prop_map(|(flags, to, frame)| EntryWord::new(flags, DOMAINS[to], frame));
    let entry = (0..FRAMES, select(vec![0, 1, 3])).prop_map(|(f, bits)| Entry::new(Mfn(f), bits));
    let at = any::<prop::sample::Index>;
    prop_oneof![
        10 => (domain(), 0..REFS, word).prop_map(|(d, r, w)| Op::Grant(d, r, w)),
        20 => (domain(), domain(), 0..REFS + 1, 0..8u32, 0..SLOTS)
            .prop_map(|(a, b, r, f, s)| Op::Map(a, b, r, f, s)),
        6 => (domain(), at(), 0..SLOTS, any::<bool>(), prop::option::of(0..SLOTS))
            .prop_map(|(d, h, s, dev, from)| Op::Unmap(d, h, s, dev, from)),
        10 => (domain(), at()).prop_map(|(d, h)| Op::Undo(d, h)),
        6 => (domain(), 0..SLOTS, entry).prop_map(|(d, s, e)| Op::Update(d, s, e)),
        4 => (domain(), 0..OWNED, any::<bool>()).prop_map(|(d, f, pin)| Op::Pin(d, f, pin)),
        4 => (domain(), domain(), 0..REFS, select(vec![Access::Read, Access::Write]))
            .prop_map(|(a, b, r, access)| Op::Copy(a, b, r, access)),
        2 => (domain(), 0..REFS, 0..REFS).prop_map(|(d, a, b)| Op::Swap(d, a, b)),
        2 => (domain(), 2..OWNED).prop_map(|(d, f)| Op::Surrender(d, f)),
        1 => domain().prop_map(Op::End),
    ]
}

/// The world, and what the test knows of it.
struct Run {
    world: World,
    ended: [bool; 2],
    /// Mappings that were made, with their slots.
    handles: [Vec<(Handle, usize, MapFlags)>; 2],
    /// Entries that their owner wrote while they were in use: their marks prove nothing.
    spoilt: Vec<(usize, u32)>,
}

impl Run {
    fn new() -> Self {
        Self {
            world: World::new(),
            ended: [false; 2],
            handles: [vec![], vec![]],
            spoilt: vec![],
        }
    }

    fn step(&mut self, op: Op) {
        let world = &mut self.world;
        match op {
            Op::Grant(d, ..)
            | Op::Map(d, ..)
            | Op::Unmap(d, ..)
            | Op::Undo(d, _)
            | Op::Update(d, ..)
            | Op::Pin(d, ..)
            | Op::Copy(d, ..)
            | Op::Swap(d, ..)
            | Op::Surrender(d, _)
                if self.ended[d] => {}
            Op::Grant(domain, reference, word) => {
                if world.domains[domain]
                    .granted
                    .pins(GrantRef(reference))
                    .is_some()
                {
                    self.spoilt.push((domain, reference));
                } else {
                    self.spoilt.retain(|&at| at != (domain, reference));
                }
                world.grant(domain, reference, word);
            }
            Op::Map(mapper, granter, reference, flags, at) => {
                let mapped = world.map(mapper, granter, reference, flags, slot(mapper, at));
                if let Ok(handle) = mapped {
                    let flags = MapFlags::parse(flags).unwrap();
                    self.handles[mapper].push((handle, at, flags));
                }
            }
            Op::Unmap(mapper, which, at, device, from) => {
                let all = &self.handles[mapper];
                if !all.is_empty() {
                    let handle = which.get(all).0;
                    let from = from.map(|from| slot(mapper, from));
                    let _ = world.unmap(mapper, handle, Some(slot(mapper, at)), device, from);
                }
            }
            Op::Undo(mapper, which) => {
                let all = &self.handles[mapper];
                if !all.is_empty() {
                    let (handle, at, _) = *which.get(all);
                    let _ = world.unmap(mapper, handle, Some(slot(mapper, at)), true, None);
                }
            }
            Op::Update(domain, at, entry) => {
                let _ = world.update(domain, slot(domain, at), entry);
                world.settle(domain);
            }
            Op::Pin(domain, frame, pin) => {
                let (m, tables) = (&world.m, &mut world.domains[domain].tables);
                let frame = MfnClaim(OWN[domain] + frame);
                let _ = match pin {
                    true => finish(|b| tables.pin(m, b, frame, Level::L1)),
                    false => finish(|b| tables.unpin(m, b, frame)),
                };
                world.settle(domain);
            }
            Op::Copy(us, granter, reference, access) => {
                let uses = MapFlags {
                    host: true,
                    device: false,
                    readonly: access == Access::Read,
                    contains_pte: false,
                };
                let (m, granted) = (&world.m, &mut world.domains[granter].granted);
                let reference = GrantRef(reference);
                if granted
                    .pin(m, DOMAINS[us], reference, uses, Purpose::Copy)
                    .is_ok()
                {
                    granted.unpin(m, reference, uses);
                }
            }
            Op::Swap(domain, a, b) => {
                let granted = &world.domains[domain].granted;
                let _ = granted.swap(&world.m, GrantRef(a), GrantRef(b));
            }
            Op::Surrender(domain, frame) => {
                let (m, tables) = (&world.m, &mut world.domains[domain].tables);
                let frame = MfnClaim(OWN[domain] + frame);
                let _ = finish(|b| tables.surrender(m, b, frame));
                world.settle(domain);
            }
            Op::End(domain) => {
                world.end(domain);
                self.ended[domain] = true;
            }
        }
    }

    fn audit(&self) {
        self.pins_are_mappings();
        self.marks_tell_pins();
        self.counts_are_sums();
    }

    /// The handles' mappings: granter and entry, with how often each kind is mapped.
    fn mapped(&self) -> BTreeMap<(usize, GrantRef), Pins> {
        let mut all = BTreeMap::new();
        for domain in &self.world.domains {
            domain.maptrack.any(|mapping| {
                let pins: &mut Pins = all.entry((mapping.granter, mapping.reference)).or_default();
                *pins = pins.plus(mapping.flags).unwrap();
                false
            });
        }
        all
    }

    fn pins_are_mappings(&self) {
        let mapped = self.mapped();
        for (which, id) in DOMAINS.into_iter().enumerate() {
            for reference in (0..REFS).map(GrantRef) {
                let pins = self.world.domains[which].granted.pins(reference);
                let due = mapped.get(&(which, reference)).copied();
                assert_eq!(pins.map(|(.., pins)| pins), due, "d{which} {reference:?}");
                if let Some((_, mfn, _)) = pins {
                    let owner = self.world.m.frame(mfn).owner();
                    assert_eq!(owner, Some(id), "{mfn} in use was given away");
                }
            }
        }
    }

    fn marks_tell_pins(&self) {
        for which in (0..2).filter(|&which| !self.ended[which]) {
            for reference in 0..REFS {
                if self.spoilt.contains(&(which, reference)) {
                    continue;
                }
                let pins = self.world.domains[which].granted.pins(GrantRef(reference));
                let pins = pins.map(|(.., pins)| pins).unwrap_or_default();
                let flags = self.world.entry(which, reference).flags();
                assert_eq!(flags & GTF_READING != 0, pins.any(), "d{which} {reference}");
                assert_eq!(flags & GTF_WRITING != 0, pins.any_write());
            }
        }
    }

    fn live_entries(&self, mfn: Mfn, now: &Snapshot) -> Vec<Entry> {
        if now.kind != Type::L1 || now.uses == 0 {
            return vec![];
        }
        let entries = (0..512).map(|index| Entry(self.world.m.read(mfn, index)));
        entries
            .filter(|entry| entry.is_present() && entry.claim().0 < FRAMES)
            .collect()
    }

    /// Every reference has its reason: allocation, pin of a table, entry, grant.
    fn counts_are_sums(&self) {
        let mut due = BTreeMap::<u64, (u32, u32)>::new();
        let mut add = |mfn: u64, refs: u32, uses: u32| {
            let sum = due.entry(mfn).or_default();
            *sum = (sum.0 + refs, sum.1 + uses);
        };
        for mfn in 0..FRAMES {
            let now = self.world.m.frame(Mfn(mfn)).snapshot();
            let lent = now.shared && now.allocated;
            add(mfn, u32::from(now.allocated), u32::from(lent));
            add(mfn, u32::from(now.pinned), u32::from(now.pinned));
            for entry in self.live_entries(Mfn(mfn), &now) {
                add(entry.claim().0, 1, u32::from(entry.is_writable()));
            }
        }
        for domain in &self.world.domains {
            for reference in (0..REFS).map(GrantRef) {
                if let Some((_, mfn, pins)) = domain.granted.pins(reference) {
                    add(mfn.0, 1, u32::from(pins.any_write()));
                }
            }
        }
        for mfn in 0..FRAMES {
            let now = self.world.m.frame(Mfn(mfn)).snapshot();
            let due = due.get(&mfn).copied().unwrap_or_default();
            assert_eq!((now.refs, now.uses), due, "mfn {mfn:#x}: {now:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn books_balance(ops in prop::collection::vec(op(), 1..120)) {
        let mut run = Run::new();
        for op in ops {
            run.step(op);
            run.audit();
        }
        // The end of both, in either order, gives every frame back, once.
        for domain in [1, 0] {
            if !run.ended[domain] {
                run.world.end(domain);
                run.ended[domain] = true;
            }
        }
        let mut freed: Vec<_> = run.world.m.freed.borrow().iter().map(|(mfn, _)| mfn.0).collect();
        freed.sort_unstable();
        prop_assert_eq!(freed, (OWN[0]..TABLE[1] + 1).collect::<Vec<_>>());
    }
}
