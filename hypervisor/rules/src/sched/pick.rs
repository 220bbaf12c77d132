//! Waking, sleeping, and taking turns.

use super::{SLICE_NS, Scheduler, WAKE_BONUS_NS, Who};
use crate::types::CpuId;

/// What a pCPU does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Runs this vCPU until `until` at most, if others wait then.
    Run {
        /// Which one.
        who: Who,
        /// System time.
        until: u64,
    },
    /// Nothing: halts. If `look_again`, a capped domain gets a new budget at that time.
    Idle {
        /// System time.
        look_again: Option<u64>,
    },
}

impl Scheduler {
    /// A vCPU wants to run. The answer is the pCPU to tell, if one should change what it does:
    /// one of `idle` (a bit mask), or one whose vCPU should give way.
    pub fn wake(&mut self, who: Who, idle: u64) -> Option<CpuId> {
        let floor = self.floor;
        let entity = self.entity_mut(who)?;
        if entity.ready {
            return None;
        }
        entity.ready = true;
        // Sleep saves up nothing but a head start of one bonus.
        entity.time = entity.time.max(floor.saturating_sub(WAKE_BONUS_NS));
        self.count_ready(who, 1);
        self.place(who, idle)
    }

    /// The pCPU that should take a vCPU that has become ready.
    fn place(&self, who: Who, idle: u64) -> Option<CpuId> {
        let entity = self.entity(who)?;
        if entity.running.is_some() {
            return None;
        }
        if let Some(cpu) = entity.choose(idle) {
            return Some(cpu);
        }
        // No pCPU is idle: the one whose vCPU is furthest ahead gives way, if it is ahead enough.
        self.entities
            .iter()
            .filter_map(|other| Some((other.running?, other.time)))
            .filter(|&(cpu, _)| entity.affinity.may(cpu))
            .max_by_key(|&(_, time)| time)
            .filter(|&(_, time)| time > entity.time + WAKE_BONUS_NS / 2)
            .map(|(cpu, _)| cpu)
    }

    /// One of the `idle` pCPUs (a bit mask) that should take a vCPU which waits, and may run now. To
    /// be asked whenever a pCPU has chosen: what it put back or passed over may suit another.
    pub fn offer(&mut self, idle: u64, now: u64) -> Option<CpuId> {
        if idle == 0 {
            return None;
        }
        (0..self.entities.len()).find_map(|index| {
            let entity = &self.entities[index];
            if !entity.waits() {
                return None;
            }
            let (who, cpu) = (entity.who, entity.choose(idle)?);
            (self.allowance(who, now) != Some(0)).then_some(cpu)
        })
    }

    /// A vCPU does not want to run any more. It may still be on its pCPU.
    pub fn sleep(&mut self, who: Who) {
        if let Some(entity) = self.entity_mut(who).filter(|entity| entity.ready) {
            entity.ready = false;
            self.count_ready(who, -1);
        }
    }

    /// A pCPU has run a vCPU for `ran_ns` and looks around: charges the time.
    pub fn charge(&mut self, who: Who, ran_ns: u64) {
        let Some(share) = self
            .shares
            .iter_mut()
            .find(|share| share.domain == who.domain)
        else {
            return;
        };
        share.spend(ran_ns);
        let virtual_ns = share.virtual_time(ran_ns);
        if let Some(entity) = self.entity_mut(who) {
            entity.ran += ran_ns;
            entity.time += virtual_ns;
        }
        self.raise_floor();
    }

    /// A vCPU leaves its pCPU.
    pub fn put(&mut self, who: Who) {
        if let Some(entity) = self.entity_mut(who) {
            entity.running = None;
        }
    }

    /// Chooses what `cpu`, which runs nothing at this moment, does from `now` on.
    pub fn take(&mut self, cpu: CpuId, now: u64) -> Turn {
        let Some((index, _)) = self.best(cpu, now) else {
            return Turn::Idle {
                look_again: self.next_budget(cpu),
            };
        };
        let who = self.entities[index].who;
        for entity in &mut self.entities {
            // Once is enough: whoever gave way is not passed over again.
            entity.gives_way &= !entity.affinity.may(cpu);
        }
        let entity = &mut self.entities[index];
        entity.gives_way = false;
        entity.running = Some(cpu);
        entity.last = cpu;
        Turn::Run {
            who,
            until: self.turn_end(who, now),
        }
    }

    /// When a turn of the vCPU that begins, or is extended, at `now` ends.
    pub fn turn_end(&mut self, who: Who, now: u64) -> u64 {
        now + self
            .allowance(who, now)
            .map_or(SLICE_NS, |left| left.min(SLICE_NS))
    }

    /// `who`, which runs on `cpu`, gives its turn to any other that waits; whether one does. It
    /// keeps its place otherwise: it is passed over once, and loses none of its share.
    pub fn give_way(&mut self, cpu: CpuId, who: Who, now: u64) -> bool {
        let another = self.best(cpu, now).is_some();
        if let Some(entity) = self.entity_mut(who).filter(|_| another) {
            entity.gives_way = true;
        }
        another
    }

    /// Whether `cpu`, which runs `who`, should change to another vCPU now: its turn has ended and
    /// one waits that is not further on; or one waits that is behind by more than the bonus.
    pub fn should_yield(&mut self, cpu: CpuId, who: Who, until: u64, now: u64) -> bool {
        let Some(entity) = self.entity(who) else {
            return true;
        };
        if !entity.ready || !entity.affinity.may(cpu) {
            return true;
        }
        let time = entity.time;
        if self.allowance(who, now) == Some(0) {
            return true;
        }
        let lead = if now >= until { 0 } else { WAKE_BONUS_NS / 2 };
        self.best(cpu, now)
            .is_some_and(|(_, best)| best + lead < time || best + lead == time && lead == 0)
    }

    /// The waiting vCPU with the least virtual time that may run on `cpu`. One that would rather run
    /// elsewhere, or ran elsewhere last, counts as a little later; one that gives way, as the last.
    fn best(&mut self, cpu: CpuId, now: u64) -> Option<(usize, u64)> {
        let mut best: Option<(usize, u64, (bool, u64))> = None;
        for index in 0..self.entities.len() {
            let entity = &self.entities[index];
            if !entity.waits() || !entity.affinity.may(cpu) {
                continue;
            }
            let (who, time) = (entity.who, entity.time);
            let away = u64::from(!entity.affinity.likes(cpu)) * WAKE_BONUS_NS
                + u64::from(entity.last != cpu) * (WAKE_BONUS_NS / 4);
            let key = (entity.gives_way, time.saturating_add(away));
            if best.is_some_and(|(_, _, least)| least <= key) || self.allowance(who, now) == Some(0)
            {
                continue;
            }
            best = Some((index, time, key));
        }
        best.map(|(index, time, _)| (index, time))
    }

    /// When a domain with a vCPU that waits for `cpu` gets a new budget.
    fn next_budget(&self, cpu: CpuId) -> Option<u64> {
        self.entities
            .iter()
            .filter(|entity| entity.waits() && entity.affinity.may(cpu))
            .filter_map(|entity| {
                let share = self
                    .shares
                    .iter()
                    .find(|share| share.domain == entity.who.domain)?;
                (share.weight.cap != 0).then(|| share.next_budget())
            })
            .min()
    }

    fn allowance(&mut self, who: Who, now: u64) -> Option<u64> {
        self.shares
            .iter_mut()
            .find(|share| share.domain == who.domain)?
            .allowance(now)
    }

    fn count_ready(&mut self, who: Who, change: i32) {
        if let Some(share) = self
            .shares
            .iter_mut()
            .find(|share| share.domain == who.domain)
        {
            share.ready = share.ready.saturating_add_signed(change);
        }
    }

    /// The floor follows the least virtual time of those that are ready.
    fn raise_floor(&mut self) {
        let least = self
            .entities
            .iter()
            .filter(|entity| entity.ready)
            .map(|entity| entity.time)
            .min();
        self.floor = self.floor.max(least.unwrap_or(0));
    }
}
