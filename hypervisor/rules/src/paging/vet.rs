//! One entry: may it stand here, and what does it hold?

use super::machine::{drop_ref, drop_writable, take_writable};
use super::update::PageOwner;
use super::{Budget, Entry, Level, Machine, Progress, Refusal, Resolved, Tables, UserBit};
use crate::frame::Type;
use crate::types::Mfn;

impl Tables {
    /// Checks a *present* entry's bits for its level and applies the domain's user-bit policy.
    /// Takes nothing.
    pub(super) fn vet(&self, level: Level, entry: Entry) -> Result<Entry, Refusal> {
        let bad = entry.0 & !(level.allowed(self.cache_bits) | Entry::FRAME);
        if bad != 0 {
            return Err(Refusal::Bits(bad));
        }
        Ok(self.with_user_bit(level, entry))
    }

    /// A present entry with its user bit as the domain's policy wants it.
    pub(super) fn with_user_bit(&self, level: Level, entry: Entry) -> Entry {
        match (self.user_bit, level) {
            (UserBit::AsGiven, _) => entry,
            (UserBit::Forced, Level::L1) if !entry.is_user() => {
                Entry(entry.0 | Entry::USER | Entry::GUEST_KERNEL)
            }
            (UserBit::Forced, _) => Entry(entry.0 | Entry::USER),
        }
    }

    /// Takes the references of a vetted, present entry. After `Again` or an error nothing is held
    /// by the entry, though a table below may be suspended, or in debt.
    pub(super) fn take<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        budget: &mut Budget,
        level: Level,
        entry: Entry,
        owner: PageOwner,
    ) -> Result<Progress, Refusal> {
        match level.below() {
            None => self.take_mapped(m, entry, owner).map(Progress::Done),
            Some(below) => match m.resolve(entry.claim()) {
                Resolved::NotRam => Err(Refusal::NotRam),
                Resolved::Ram(mfn) => self.take_table(m, budget, mfn, below),
            },
        }
    }

    fn take_mapped<M: Machine + ?Sized>(
        &self,
        m: &M,
        entry: Entry,
        owner: PageOwner,
    ) -> Result<(), Refusal> {
        let mfn = match m.resolve(entry.claim()) {
            Resolved::Ram(mfn) => mfn,
            Resolved::NotRam => {
                let domains = [Some(self.domain), owner.foreign()];
                let permitted = domains
                    .into_iter()
                    .flatten()
                    .all(|d| m.iomem_permitted(d, entry.claim()));
                return if permitted {
                    Ok(())
                } else {
                    Err(Refusal::NoIomem)
                };
            }
        };
        let of = owner.of(self.domain).ok_or(Refusal::Unmappable)?;
        m.frame(mfn).get_ref(of).map_err(|_| Refusal::Unmappable)?;
        if entry.is_writable() && take_writable(m, mfn).is_err() {
            drop_ref(m, mfn);
            return Err(Refusal::Unmappable);
        }
        Ok(())
    }

    /// Drops what an entry of a validated table holds.
    pub(super) fn release<M: Machine + ?Sized>(&mut self, m: &M, level: Level, entry: Entry) {
        if !entry.is_present() {
            return;
        }
        let Resolved::Ram(mfn) = m.resolve(entry.claim()) else {
            return;
        };
        match level.below() {
            Some(_) => self.drop_table(m, mfn),
            None => {
                if entry.is_writable() {
                    drop_writable(m, mfn);
                } else {
                    self.look_for_descriptors(m, mfn);
                }
                drop_ref(m, mfn);
            }
        }
    }

    /// A read-only mapping goes. It may have been the way to an LDT.
    fn look_for_descriptors<M: Machine + ?Sized>(&self, m: &M, mfn: Mfn) {
        let now = m.frame(mfn).snapshot();
        if now.kind == Type::SegDesc && now.uses > 0 && now.owner == Some(self.domain) {
            m.descriptors_unmapped(mfn);
        }
    }

    /// The guest's own frame behind a claim.
    pub(super) fn own_ram<M: Machine + ?Sized>(
        &self,
        m: &M,
        claim: crate::types::MfnClaim,
    ) -> Result<Mfn, Refusal> {
        match m.resolve(claim) {
            Resolved::Ram(mfn) if m.frame(mfn).owner() == Some(self.domain) => Ok(mfn),
            Resolved::Ram(_) => Err(Refusal::NotOwner),
            Resolved::NotRam => Err(Refusal::NotRam),
        }
    }
}
