//! The general word: who owns a frame, and what keeps it allocated.
//!
//! A domain's frame has one reference for its *allocation* and one for each use. When
//! the domain gives the frame up, the allocation's reference goes; the frame is free
//! when the last use has gone as well. Only the caller who sees [`Put::Free`] may then
//! hand it to the allocator, and nobody can get a reference any more.

use super::{Frame, change};
use crate::frame::kind::{Kind, SHARED_WORD};
use crate::types::DomId;
use core::sync::atomic::Ordering;

/// The allocation's own reference is held.
pub(super) const ALLOCATED: u64 = 1 << 40;
/// The hypervisor's own page, lent to its owner (shared info, grant table).
pub(super) const SHARED: u64 = 1 << 41;
const REFS: u64 = 0xffff_ffff;
const REFS_MAX: u64 = 1 << 31;
const OWNER_SHIFT: u32 = 48;

/// Why a general reference cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetError {
    /// The frame is free, the hypervisor's, or another domain's.
    NotOwner,
    /// 2^31 references exist.
    TooMany,
}

/// A frame whose last reference has gone: it is in nobody's hands but the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the frame is lost unless it goes back to the allocator"]
pub struct Freed {
    /// Whose it was.
    pub owner: DomId,
    /// Whether it was the hypervisor's page, lent to the owner.
    pub shared: bool,
}

/// What dropping a general reference came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Put {
    /// Others hold the frame.
    Held,
    /// That was the last one.
    Free(Freed),
}

#[derive(Clone, Copy)]
pub(super) struct General(pub u64);

impl General {
    pub fn refs(self) -> u32 {
        (self.0 & REFS) as u32
    }
    pub fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }
    /// The owner is stored plus one, so that zero is the hypervisor.
    pub fn owner(self) -> Option<DomId> {
        ((self.0 >> OWNER_SHIFT) as u16).checked_sub(1).map(DomId)
    }
    fn of(owner: DomId, flags: u64) -> u64 {
        assert!(owner.0 < u16::MAX, "no such domain can own frames");
        (u64::from(owner.0) + 1) << OWNER_SHIFT | flags | 1
    }
    fn get(self) -> Result<u64, GetError> {
        match self.0 & REFS {
            0 => Err(GetError::NotOwner),
            refs if refs >= REFS_MAX => Err(GetError::TooMany),
            _ => Ok(self.0 + 1),
        }
    }
    /// One reference less. The word of a free frame is all zero.
    fn put(self) -> u64 {
        match self.refs() {
            0 => panic!("reference of a frame dropped twice"),
            1 => 0,
            _ => self.0 - 1,
        }
    }
}

impl Frame {
    /// Gives the frame, which comes from the allocator, to `owner`, with the allocation's
    /// reference. The caller has scrubbed it, and has flushed the TLB of every CPU that
    /// may hold entries from before [`stamp`](Frame::stamp).
    ///
    /// # Panics
    /// If the frame is in use: an invariant of the hypervisor is broken.
    pub fn allocate(&self, owner: DomId) {
        self.claim_free(0, General::of(owner, ALLOCATED));
    }

    /// Lends the hypervisor's own frame to `owner`, who may map it read-write. It can never
    /// become anything else, and the owner cannot free it: [`Frame::unshare`] does.
    ///
    /// # Panics
    /// If the frame is in use already.
    pub fn share(&self, owner: DomId) {
        self.claim_free(SHARED_WORD, General::of(owner, ALLOCATED | SHARED));
    }

    fn claim_free(&self, kind: u64, general: u64) {
        assert_eq!(
            Kind(self.kind.load(Ordering::Acquire)).uses(),
            0,
            "free frame has uses"
        );
        self.kind.store(kind, Ordering::Release);
        self.set_progress(0);
        self.set_link(None);
        change(
            &self.general,
            |old| if old == 0 { Ok(general) } else { Err(old) },
        )
        .expect("frame given out twice");
    }

    /// The owner at this moment; `None`: the hypervisor, or the frame is free.
    pub fn owner(&self) -> Option<DomId> {
        General(self.general.load(Ordering::Acquire)).owner()
    }

    /// Takes a reference to a frame of `owner`'s.
    pub fn get_ref(&self, owner: DomId) -> Result<(), GetError> {
        change(&self.general, |old| match General(old) {
            word if word.owner() == Some(owner) => word.get(),
            _ => Err(GetError::NotOwner),
        })?;
        Ok(())
    }

    /// Takes a reference to a frame of whichever domain, and says whose it is.
    pub fn get_ref_any(&self) -> Result<DomId, GetError> {
        let (old, _) = change(&self.general, |old| General(old).get())?;
        General(old).owner().ok_or(GetError::NotOwner)
    }

    /// Drops a reference that the caller holds.
    ///
    /// # Panics
    /// If there is none: an invariant of the hypervisor is broken.
    pub fn put_ref(&self) -> Put {
        let Ok((old, new)) = change(&self.general, |old| Ok::<_, ()>(General(old).put())) else {
            unreachable!()
        };
        self.outcome(General(old), new)
    }

    /// Drops the allocation's reference, once. `None`: it was gone already, or the frame
    /// is not `owner`'s own to give up.
    pub fn give_up(&self, owner: DomId) -> Option<Put> {
        self.end_allocation(|word| word.owner() == Some(owner) && !word.has(SHARED))
    }

    /// Ends the lending of a [shared](Frame::share) frame: its permanent type use goes, and the
    /// allocation's reference. `None`: it is not shared.
    pub fn unshare(&self) -> Option<Put> {
        let put = self.end_allocation(|word| word.has(SHARED));
        if put.is_some() {
            // The base use; mappings hold theirs until they go.
            let _ = change(&self.kind, |old| Ok::<_, ()>(old - 1));
        }
        put
    }

    fn end_allocation(&self, mine: impl Fn(General) -> bool) -> Option<Put> {
        let (old, new) = change(&self.general, |old| {
            let word = General(old);
            if !word.has(ALLOCATED) || !mine(word) {
                return Err(());
            }
            Ok(General(old & !ALLOCATED).put())
        })
        .ok()?;
        Some(self.outcome(General(old), new))
    }

    /// Takes the frame away from `owner` if nothing but its allocation holds it: in one step, so
    /// that no reference can appear. The caller then owns it.
    pub fn steal(&self, owner: DomId) -> Option<Freed> {
        let alone = General::of(owner, ALLOCATED);
        change(
            &self.general,
            |old| if old == alone { Ok(0) } else { Err(()) },
        )
        .ok()?;
        Some(Freed {
            owner,
            shared: false,
        })
    }

    fn outcome(&self, old: General, new: u64) -> Put {
        match (new, old.owner()) {
            (0, Some(owner)) => Put::Free(Freed {
                owner,
                shared: old.has(SHARED),
            }),
            _ => Put::Held,
        }
    }
}
