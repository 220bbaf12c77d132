//! Who runs next, and for how long: proportional shares over all pCPUs.
//!
//! Every vCPU has a *virtual time*: the time it has run, divided by its share. One
//! queue serves all pCPUs, each taking the vCPU with the least virtual time that may
//! run there, so shares hold over the whole machine and not only within a pCPU's own queue.
//!
//! * A domain's **weight** is divided among those of its vCPUs that want to run.
//! * A **cap** bounds a domain to so many per cent of one pCPU, by a budget that is
//!   filled up once in a period; a domain that has spent it waits.
//! * **Hard affinity** says where a vCPU may run, **soft affinity** where it rather
//!   would; of two equals, a vCPU stays where it ran last.
//! * A vCPU that **wakes** is placed a little before those that waited, so that one that mostly
//!   sleeps runs at once; never further, so that sleeping saves up nothing.
//!
//! [`Scheduler`] is plain data: times come in as arguments. The live half puts it behind a
//! lock and does what it says.

mod domain;
mod entity;
mod pick;

#[cfg(test)]
mod tests;

use crate::types::{CpuId, DomId, VcpuId};
use alloc::vec::Vec;
use domain::Share;
use entity::Entity;

pub use domain::{CAP_PERIOD_NS, DEFAULT_WEIGHT, Weight};
pub use entity::Affinity;
pub use pick::Turn;

/// How long a vCPU runs while others wait.
pub const SLICE_NS: u64 = 10_000_000;
/// How far before the others' virtual time a vCPU that wakes is placed, and by how much one must
/// be behind to take a pCPU from another within its slice.
pub const WAKE_BONUS_NS: u64 = 1_000_000;

/// A vCPU of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who {
    /// Its domain.
    pub domain: DomId,
    /// Its number there.
    pub vcpu: VcpuId,
}

/// All vCPUs and domains that take part.
#[derive(Debug, Default)]
pub struct Scheduler {
    entities: Vec<Entity>,
    shares: Vec<Share>,
    /// The virtual time of those that run and wait: never goes back.
    floor: u64,
}

impl Scheduler {
    /// Nobody.
    pub const fn new() -> Self {
        Self {
            entities: Vec::new(),
            shares: Vec::new(),
            floor: 0,
        }
    }

    /// Lets a domain take part. Its vCPUs are added one by one.
    pub fn add_domain(&mut self, domain: DomId, weight: Weight) {
        self.shares.push(Share::new(domain, weight));
    }

    /// Forgets a domain and its vCPUs.
    pub fn remove_domain(&mut self, domain: DomId) {
        self.entities.retain(|entity| entity.who.domain != domain);
        self.shares.retain(|share| share.domain != domain);
    }

    /// Adds a vCPU, asleep, of a domain that takes part.
    pub fn add(&mut self, who: Who, affinity: Affinity, last: CpuId) {
        self.entities
            .push(Entity::new(who, affinity, last, self.floor));
    }

    /// Changes a domain's weight and cap.
    pub fn set_weight(&mut self, domain: DomId, weight: Weight) {
        if let Some(share) = self.shares.iter_mut().find(|share| share.domain == domain) {
            share.weight = weight;
        }
    }

    /// A domain's weight and cap.
    pub fn weight(&self, domain: DomId) -> Option<Weight> {
        Some(
            self.shares
                .iter()
                .find(|share| share.domain == domain)?
                .weight,
        )
    }

    /// Changes where a vCPU may run. It goes on where it is until its turn ends; the answer is
    /// the pCPU to tell if it is one where it may not stay.
    pub fn set_affinity(&mut self, who: Who, affinity: Affinity) -> Option<CpuId> {
        let entity = self.entity_mut(who)?;
        entity.affinity = affinity;
        entity.running.filter(|&cpu| !affinity.may(cpu))
    }

    /// Where a vCPU may run.
    pub fn affinity(&self, who: Who) -> Option<Affinity> {
        Some(self.entity(who)?.affinity)
    }

    /// The pCPU on which a vCPU runs.
    pub fn running_on(&self, who: Who) -> Option<CpuId> {
        self.entity(who)?.running
    }

    /// Whether the vCPU wants to run.
    pub fn is_ready(&self, who: Who) -> bool {
        self.entity(who).is_some_and(|entity| entity.ready)
    }

    /// Time that a vCPU has run, in ns.
    pub fn ran_ns(&self, who: Who) -> u64 {
        self.entity(who).map_or(0, |entity| entity.ran)
    }

    fn entity(&self, who: Who) -> Option<&Entity> {
        self.entities.iter().find(|entity| entity.who == who)
    }

    fn entity_mut(&mut self, who: Who) -> Option<&mut Entity> {
        self.entities.iter_mut().find(|entity| entity.who == who)
    }
}
