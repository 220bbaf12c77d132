//! The mapper's side: what its handles stand for.

use super::{GrantRef, HANDLES_PER_FRAME, MapFlags, Status};
use crate::types::Mfn;
use alloc::vec::Vec;

/// A handle, as a guest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(pub u32);

/// What a handle stands for. `G` names the granter: in the hypervisor it keeps it in existence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping<G> {
    /// Whose grant it is.
    pub granter: G,
    /// Which of its grants.
    pub reference: GrantRef,
    /// The frame, pinned by this mapping.
    pub mfn: Mfn,
    /// What of it is mapped, and how.
    pub flags: MapFlags,
}

#[derive(Clone, Debug)]
enum Slot<G> {
    Free,
    /// A mapping is being made or unmade by somebody who does not hold the lock.
    Busy,
    Mapped(Mapping<G>),
}

/// One domain's handles: what the mapper's lock protects.
#[derive(Debug)]
pub struct Maptrack<G> {
    /// Most frames of handles.
    limit: u32,
    frames: Vec<Page<G>>,
    used: u32,
}

/// A frame's worth of handles.
#[derive(Debug)]
struct Page<G> {
    slots: Vec<Slot<G>>,
    used: u32,
}

impl<G: Clone> Maptrack<G> {
    /// No handles yet, at most `limit` frames of them.
    pub const fn new(limit: u32) -> Self {
        Self {
            limit,
            frames: Vec::new(),
            used: 0,
        }
    }

    /// Handles in use.
    pub const fn used(&self) -> u32 {
        self.used
    }

    /// Handles there are room for without growing.
    fn room(&self) -> u32 {
        self.frames.len() as u32 * HANDLES_PER_FRAME
    }

    fn slot(&mut self, handle: Handle) -> Option<&mut Slot<G>> {
        let page = self
            .frames
            .get_mut((handle.0 / HANDLES_PER_FRAME) as usize)?;
        page.slots.get_mut((handle.0 % HANDLES_PER_FRAME) as usize)
    }

    /// Takes the lowest free handle, for a mapping to come. Looks at each frame, and at the
    /// handles of one.
    pub fn reserve(&mut self) -> Result<Handle, Status> {
        if self.used == self.room() {
            self.grow()?;
        }
        let mut pages = self.frames.iter_mut().enumerate();
        let (at, page) = pages
            .find(|(_, page)| page.used < HANDLES_PER_FRAME)
            .expect("not all handles are used");
        let mut slots = page.slots.iter_mut().enumerate();
        let (index, slot) = slots
            .find(|(_, slot)| matches!(slot, Slot::Free))
            .expect("not all handles of the frame are used");
        *slot = Slot::Busy;
        page.used += 1;
        self.used += 1;
        Ok(Handle(at as u32 * HANDLES_PER_FRAME + index as u32))
    }

    fn grow(&mut self) -> Result<(), Status> {
        let mut slots = Vec::new();
        let count = HANDLES_PER_FRAME as usize;
        let room = self.frames.try_reserve(1).is_ok() && slots.try_reserve_exact(count).is_ok();
        if !room || self.frames.len() as u32 >= self.limit {
            return Err(Status::NoSpace);
        }
        slots.resize(count, Slot::Free);
        self.frames.push(Page { slots, used: 0 });
        Ok(())
    }

    fn put(&mut self, handle: Handle, new: Slot<G>) {
        *self.slot(handle).expect("the handle exists") = new;
    }

    /// Gives a handle that is reserved, or [taken](Maptrack::take), its meaning.
    pub fn set(&mut self, handle: Handle, mapping: Mapping<G>) {
        debug_assert!(matches!(self.slot(handle), Some(Slot::Busy)));
        self.put(handle, Slot::Mapped(mapping));
    }

    /// Frees a handle that is reserved, or [taken](Maptrack::take).
    pub fn free(&mut self, handle: Handle) {
        debug_assert!(matches!(self.slot(handle), Some(Slot::Busy)));
        self.put(handle, Slot::Free);
        self.frames[(handle.0 / HANDLES_PER_FRAME) as usize].used -= 1;
        self.used -= 1;
    }

    /// Takes what a handle stands for, to unmap it: nobody else finds it until
    /// [`Maptrack::set`] or [`Maptrack::free`].
    pub fn take(&mut self, handle: Handle) -> Result<Mapping<G>, Status> {
        let slot = self.slot(handle).ok_or(Status::BadHandle)?;
        match slot {
            Slot::Mapped(_) => match core::mem::replace(slot, Slot::Busy) {
                Slot::Mapped(mapping) => Ok(mapping),
                Slot::Free | Slot::Busy => unreachable!(),
            },
            Slot::Free | Slot::Busy => Err(Status::BadHandle),
        }
    }

    /// Takes the mapping with the lowest handle from `from` on, and frees its handle: for a
    /// domain that comes to its end.
    pub fn take_next(&mut self, from: u32) -> Option<(Handle, Mapping<G>)> {
        for handle in (from..self.room()).map(Handle) {
            if let Ok(mapping) = self.take(handle) {
                self.free(handle);
                return Some((handle, mapping));
            }
        }
        None
    }

    /// Whether one of the mappings is as described.
    pub fn any(&self, mut is: impl FnMut(&Mapping<G>) -> bool) -> bool {
        let slots = self.frames.iter().flat_map(|page| &page.slots);
        slots
            .filter_map(|slot| match slot {
                Slot::Mapped(mapping) => Some(mapping),
                Slot::Free | Slot::Busy => None,
            })
            .any(&mut is)
    }
}
