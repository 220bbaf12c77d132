//! Locks with a ladder: each lock has a level, and a pCPU that holds a level may
//! take only higher ones. It is checked as they run; `docs/locks.md`
//! names the levels.

use crate::percpu;
use core::ops::{Deref, DerefMut};
use spin::mutex::{SpinMutex, SpinMutexGuard};

/// The ladder, from the first taken to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// One domain's life cycle and settings.
    Domain,
    /// One domain's page tables.
    Pages,
    /// One domain's grant table, or its handles: never two at once.
    Grants,
    /// One domain's event channels (two domains: the lower domid first).
    Events,
    /// A second domain's event channels.
    EventsPeer,
    /// A vCPU's parking slot and timers.
    Vcpu,
    /// The scheduler.
    Scheduler,
    /// The vCPUs whose timers a pCPU keeps.
    Timers,
    /// How long a vCPU has been in which state.
    Accounts,
    /// The table of domains; held for a look-up only.
    Domains,
    /// The frame allocator.
    Frames,
    /// The heap.
    Heap,
    /// The console and its log ring.
    Console,
}

/// A spin lock with its place on the ladder.
pub struct Lock<T> {
    level: Level,
    inner: SpinMutex<T>,
}

/// The right to use what a [`Lock`] guards.
pub struct Guard<'a, T> {
    level: Level,
    inner: SpinMutexGuard<'a, T>,
}

impl<T> Lock<T> {
    /// A lock of `level` around `value`.
    pub const fn new(level: Level, value: T) -> Self {
        Self {
            level,
            inner: SpinMutex::new(value),
        }
    }

    /// Waits for the lock.
    ///
    /// # Panics
    /// When this pCPU holds a lock of this level or a higher one.
    pub fn lock(&self) -> Guard<'_, T> {
        self.lock_at(self.level)
    }

    /// Waits for the lock, counting it as one of `level`: for the second of two
    /// locks of a kind, whose order the caller defines.
    ///
    /// # Panics
    /// As [`Lock::lock`].
    pub fn lock_at(&self, level: Level) -> Guard<'_, T> {
        climb(level);
        Guard {
            level,
            inner: self.inner.lock(),
        }
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let inner = self.inner.try_lock()?;
        climb(self.level);
        Some(Guard {
            level: self.level,
            inner,
        })
    }
}

fn climb(level: Level) {
    if let Some(this) = percpu::try_this() {
        let held = this.locks_held.get();
        debug_assert!(
            held >> level as u8 == 0,
            "lock {level:?} taken while holding levels {held:#b}"
        );
        this.locks_held.set(held | 1 << level as u8);
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if let Some(this) = percpu::try_this() {
            let held = this.locks_held.get();
            this.locks_held.set(held & !(1 << self.level as u8));
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}
