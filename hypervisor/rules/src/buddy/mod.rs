//! The allocator of machine frames: power-of-two blocks, joined with their buddies when freed.
//!
//! All state is bitmaps that the caller provides ([`Buddy::words`] says how many words), so the
//! frames themselves are never touched, and holes between RAM ranges cost bits only. For each
//! order there is a set of free blocks; one more bitmap tells which frames are the allocator's to
//! give.
//!
//! Blocks come from high addresses first, which keeps low ones for devices with short address lines
//! ([`Buddy::allocate`]'s limit). Freeing what is free already, in whole or in part, is detected.

mod bits;

#[cfg(test)]
mod tests;

use crate::types::Mfn;
use bits::Bits;

/// The greatest order: blocks of 2^18 frames, 1 GiB.
pub const MAX_ORDER: u32 = 18;
const ORDERS: usize = MAX_ORDER as usize + 1;

/// Why a block or range is not accepted. Each is a mistake of the hypervisor's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuddyError {
    /// An order above [`MAX_ORDER`].
    Order,
    /// The first frame is not a multiple of the block's size.
    Alignment,
    /// Frames that were never added, or beyond what the bitmaps cover.
    NotManaged,
    /// Frames that were added before.
    Overlap,
    /// Frames that are free already.
    DoubleFree,
    /// Frames to be reserved that are in use.
    InUse,
}

/// A buddy allocator over the frames `0..frames`.
#[derive(Debug)]
pub struct Buddy<'a> {
    /// By order: the free blocks, as first frame >> order.
    free: [Bits<'a>; ORDERS],
    /// A bit for each frame that has been added.
    managed: &'a mut [u64],
    frames: u64,
    total: u64,
    available: u64,
}

impl<'a> Buddy<'a> {
    /// Words of bitmap storage that `frames` frames need: about 3 bits for each.
    pub const fn words(frames: u64) -> usize {
        let mut total = (frames as usize).div_ceil(64);
        let mut order = 0;
        while order < ORDERS {
            total += Bits::words(blocks(frames, order));
            order += 1;
        }
        total
    }

    /// An allocator that has no frames yet. `None`: `storage` has fewer than
    /// [`Buddy::words`] words.
    pub fn new(storage: &'a mut [u64], frames: u64) -> Option<Self> {
        if storage.len() < Self::words(frames) {
            return None;
        }
        let (managed, mut rest) = storage.split_at_mut((frames as usize).div_ceil(64));
        managed.fill(0);
        let mut sets: [Option<Bits<'a>>; ORDERS] = [const { None }; ORDERS];
        for (order, set) in sets.iter_mut().enumerate() {
            *set = Some(Bits::carve(&mut rest, blocks(frames, order))?);
        }
        let free = sets.map(|set| set.expect("every order was carved"));
        Some(Self {
            free,
            managed,
            frames,
            total: 0,
            available: 0,
        })
    }

    /// Frames that have been added.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Frames that are free.
    pub const fn available(&self) -> u64 {
        self.available
    }

    /// Whether the frame is free.
    pub fn is_free(&self, mfn: Mfn) -> bool {
        (0..ORDERS).any(|order| self.free[order].contains((mfn.0 >> order) as usize))
    }

    /// Adds the frames `first..end` of RAM, free.
    pub fn add(&mut self, first: Mfn, end: Mfn) -> Result<(), BuddyError> {
        if end.0 > self.frames || first.0 > end.0 {
            return Err(BuddyError::NotManaged);
        }
        if (first.0..end.0).any(|mfn| self.is_managed(mfn)) {
            return Err(BuddyError::Overlap);
        }
        for mfn in first.0..end.0 {
            self.managed[mfn as usize / 64] |= 1 << (mfn % 64);
        }
        self.total += end.0 - first.0;
        for (block, order) in blocks_of(first.0, end.0) {
            self.join(block, order);
        }
        Ok(())
    }

    /// Takes the free frames `first..end` out of the pool, e.g. because a boot module lies there.
    /// They can be [freed](Buddy::free) later. All or none.
    pub fn reserve(&mut self, first: Mfn, end: Mfn) -> Result<(), BuddyError> {
        for mfn in first.0..end.0 {
            if !self.is_managed(mfn) {
                return Err(BuddyError::NotManaged);
            }
            if !self.is_free(Mfn(mfn)) {
                return Err(BuddyError::InUse);
            }
        }
        for mfn in first.0..end.0 {
            let order = (0..ORDERS)
                .find(|&order| self.free[order].contains((mfn >> order) as usize))
                .expect("checked above") as u32;
            self.split(mfn >> order << order, order, mfn, 0);
        }
        Ok(())
    }

    /// Takes a block of 2^`order` frames that lies below frame number `limit` (`None`: anywhere),
    /// from as high as may be without breaking a greater block than needed.
    pub fn allocate(&mut self, order: u32, limit: Option<u64>) -> Option<Mfn> {
        if order > MAX_ORDER {
            return None;
        }
        // The greatest first frame that leaves room for the block.
        let most = limit
            .unwrap_or(u64::MAX)
            .min(self.frames)
            .checked_sub(1 << order)?;
        (order..=MAX_ORDER).find_map(|from| {
            let found = self.free[from as usize].last_up_to((most >> from) as usize)? as u64;
            let block = found << from;
            let last = block + (1 << from) - (1 << order);
            let wanted = last.min(most >> order << order);
            self.split(block, from, wanted, order);
            Some(Mfn(wanted))
        })
    }

    /// Gives a block of 2^`order` frames back, whole or as a part of the block it was taken with.
    pub fn free(&mut self, first: Mfn, order: u32) -> Result<(), BuddyError> {
        if order > MAX_ORDER {
            return Err(BuddyError::Order);
        }
        let size = 1u64 << order;
        if !first.0.is_multiple_of(size) {
            return Err(BuddyError::Alignment);
        }
        if !self.all_managed(first.0, order) {
            return Err(BuddyError::NotManaged);
        }
        let last = first.0 + size - 1;
        // A free block that holds this one has the first frame in it; one within it lies in the
        // range.
        let overlaps =
            |at: usize| self.free[at].any((first.0 >> at) as usize, (last >> at) as usize);
        if (0..ORDERS).any(overlaps) {
            return Err(BuddyError::DoubleFree);
        }
        self.join(first.0, order);
        Ok(())
    }

    /// Puts a block into the pool and joins it with its buddies while they are free.
    fn join(&mut self, first: u64, order: u32) {
        self.available += 1 << order;
        let mut at = first >> order;
        let mut order = order;
        while order < MAX_ORDER && self.free[order as usize].contains((at ^ 1) as usize) {
            self.free[order as usize].remove((at ^ 1) as usize);
            at >>= 1;
            order += 1;
        }
        self.free[order as usize].insert(at as usize);
    }

    /// Takes the block `wanted` of order `order` out of the free block `block` of order `from`,
    /// whose other parts stay free.
    fn split(&mut self, block: u64, from: u32, wanted: u64, order: u32) {
        self.free[from as usize].remove((block >> from) as usize);
        for half in (order..from).rev() {
            let buddy = (wanted >> half) ^ 1;
            self.free[half as usize].insert(buddy as usize);
        }
        self.available -= 1 << order;
    }

    fn is_managed(&self, mfn: u64) -> bool {
        mfn < self.frames && self.managed[mfn as usize / 64] >> (mfn % 64) & 1 != 0
    }

    fn all_managed(&self, first: u64, order: u32) -> bool {
        if order < 6 {
            return (first..first + (1 << order)).all(|mfn| self.is_managed(mfn));
        }
        let words = first as usize / 64..(first as usize + (1 << order)) / 64;
        self.managed
            .get(words)
            .is_some_and(|words| words.iter().all(|&word| word == u64::MAX))
    }
}

/// Blocks of an order that touch the frames `0..frames`.
const fn blocks(frames: u64, order: usize) -> usize {
    (frames as usize >> order) + 1
}

/// The greatest aligned blocks that make up `first..end`.
fn blocks_of(first: u64, end: u64) -> impl Iterator<Item = (u64, u32)> {
    let mut at = first;
    core::iter::from_fn(move || {
        let left = end.checked_sub(at).filter(|&left| left > 0)?;
        let order = at.trailing_zeros().min(left.ilog2()).min(MAX_ORDER);
        let block = at;
        at += 1 << order;
        Some((block, order))
    })
}
