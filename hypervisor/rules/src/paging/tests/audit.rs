//! The audit: every count and every promise, from nothing but memory and the frame words.

use super::machine::{FRAMES, HYPERVISORS, OTHER, OWNER};
use super::*;
use crate::frame::{Snapshot, Type};
use std::collections::BTreeMap;

/// General references and type references that a frame ought to have.
type Due = BTreeMap<Mfn, (u32, u32)>;

/// How many entries of a table hold references.
fn held_entries(m: &Model, mfn: Mfn, now: &Snapshot) -> usize {
    match now.kind.is_table() && now.uses > 0 {
        false => 0,
        true if now.validated => 512,
        true => m.frame(mfn).progress(),
    }
}

/// The entries of a table that hold references.
fn live_entries(m: &Model, mfn: Mfn, now: &Snapshot) -> Vec<Entry> {
    let Some(level) = Level::of(now.kind) else {
        return vec![];
    };
    let held = held_entries(m, mfn, now);
    let present = m.entries(mfn).into_iter().filter(|&(at, entry)| {
        at < held && level.is_guests(at) && entry.is_present() && entry.claim().0 < FRAMES
    });
    present.map(|(_, entry)| entry).collect()
}

impl World {
    /// Panics if a promise of the paging rules does not hold.
    pub fn audit(&self) {
        self.counts_are_sums();
        self.entries_are_lawful();
        self.no_stale_use();
        for &base in &self.bases {
            self.walk(base, Level::L4);
        }
    }

    fn counts_are_sums(&self) {
        let mut due = Due::new();
        let mut add = |mfn: Mfn, refs: u32, uses: u32| {
            let entry = due.entry(mfn).or_default();
            *entry = (entry.0 + refs, entry.1 + uses);
        };
        for (mfn, frame) in self.m.all() {
            let now = frame.snapshot();
            add(
                mfn,
                u32::from(now.allocated),
                u32::from(now.shared && now.allocated),
            );
            for holds in [now.pinned, now.partial, now.demoting] {
                add(mfn, u32::from(holds), u32::from(holds));
            }
            for entry in live_entries(&self.m, mfn, &now) {
                let uses = now.kind != Type::L1 || entry.is_writable();
                add(Mfn(entry.claim().0), 1, u32::from(uses));
            }
        }
        self.bases
            .iter()
            .chain(&self.descriptors)
            .for_each(|&mfn| add(mfn, 1, 1));
        self.held
            .iter()
            .for_each(|&(mfn, writable)| add(mfn, 1, u32::from(writable)));
        for (mfn, frame) in self.m.all() {
            let now = frame.snapshot();
            let due = due.get(&mfn).copied().unwrap_or_default();
            assert_eq!((now.refs, now.uses), due, "{mfn}: {now:?}");
            assert_eq!(now.refs == 0, now.owner.is_none());
        }
    }

    fn entries_are_lawful(&self) {
        for (table, frame) in self.m.all() {
            let now = frame.snapshot();
            for entry in live_entries(&self.m, table, &now) {
                let target = self.m.frame(Mfn(entry.claim().0)).snapshot();
                assert!(
                    entry.claim().0 >= HYPERVISORS,
                    "{table} maps the hypervisor's {entry:?}"
                );
                if now.kind == Type::L1 {
                    let lent = matches!(target.kind, Type::Writable | Type::Shared);
                    assert!(
                        !entry.is_writable() || lent && target.validated,
                        "{entry:?} {target:?}"
                    );
                    assert!(matches!(target.owner, Some(OWNER | OTHER)));
                } else {
                    let below = Level::of(now.kind).and_then(Level::below).unwrap();
                    assert_eq!(target.kind, below.kind());
                    assert_eq!(target.owner, now.owner);
                    assert!(target.uses > 0);
                }
                let allowed = Level::of(now.kind).unwrap().allowed(false) | Entry::FRAME;
                assert_eq!(entry.0 & !allowed, 0, "{entry:?} in {table}");
                assert!(entry.is_user() || self.tables.user_bit == UserBit::AsGiven);
            }
        }
    }

    /// No table in use can be written through an old TLB entry; no writable frame walked through
    /// one.
    fn no_stale_use(&self) {
        let mut writable = self.m.stale_writable.borrow_mut();
        let mut tables = self.m.stale_table.borrow_mut();
        for (mfn, frame) in self.m.all() {
            let now = frame.snapshot();
            if now.uses > 0 && now.kind.is_table() {
                assert!(
                    !writable.contains(&mfn),
                    "{mfn} may still be written: {now:?}"
                );
            }
            if now.uses > 0 && now.kind == Type::Writable {
                assert!(!tables.contains(&mfn), "{mfn} may still be walked: {now:?}");
            }
        }
        for (mfn, frame) in self.m.all() {
            let now = frame.snapshot();
            if now.kind == Type::Writable && now.uses > 0 {
                writable.insert(mfn);
            }
            if now.kind.is_table() && now.uses > 0 {
                tables.insert(mfn);
            }
        }
    }

    /// What a CPU can reach from a root is validated, level by level.
    fn walk(&self, table: Mfn, level: Level) {
        let now = self.m.frame(table).snapshot();
        assert!(
            now.validated && now.kind == level.kind(),
            "{table} at {level:?}: {now:?}"
        );
        if let Some(below) = level.below() {
            for entry in live_entries(&self.m, table, &now) {
                self.walk(Mfn(entry.claim().0), below);
            }
        }
    }
}
