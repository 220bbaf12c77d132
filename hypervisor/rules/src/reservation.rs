//! What a request of `memory_op` may ask for: sizes, places, and the arithmetic of an exchange.
//!
//! Answers are Xen 4.17's; the numbers that have no name in the ABI are those of its source
//! configuration.

use pv_guest_abi::errno::Errno;
use pv_guest_abi::memory::{
    MemoryExchange, MemoryReservation, XENMEMF_EXACT_NODE_REQUEST, XENMEMF_VNODE,
};

use crate::types::PAGE_SHIFT;

/// Bits of the first argument that name the operation; above them stands the extent to begin
/// with.
pub const COMMAND_BITS: u32 = 6;
/// Most extents of one request: they must fit beside the operation in 32 bits.
pub const MAX_EXTENTS: u64 = (u32::MAX >> COMMAND_BITS) as u64;
/// Nodes that a request can name.
const NODES: u32 = 64;
/// Widest machine address.
const ANY_BITS: u32 = 64;

/// Largest extent, as log2 of its frames, for a domain that controls others, for one with
/// devices, and for any other.
const MAX_ORDER_CONTROL: u32 = 18;
const MAX_ORDER_DEVICES: u32 = 12;
const MAX_ORDER: u32 = 9;

/// Largest extent that a domain may ask for, as log2 of its frames.
pub const fn max_order(controls: bool, has_devices: bool) -> u32 {
    match (controls, has_devices) {
        (true, _) => MAX_ORDER_CONTROL,
        (false, true) => MAX_ORDER_DEVICES,
        (false, false) => MAX_ORDER,
    }
}

/// Largest extent of an exchange. One chunk of it is done at a stretch, so it is bounded for all.
pub const fn max_exchange_order(controls: bool, has_devices: bool) -> u32 {
    let order = max_order(controls, has_devices);
    if order < MAX_ORDER_DEVICES {
        order
    } else {
        MAX_ORDER_DEVICES
    }
}

/// There is no frame at the place that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nowhere;

/// Machine address bits that frames may have, by a request's flags, on a machine of one node with
/// `frames` frame numbers.
pub fn address_bits(mem_flags: u32, frames: u64) -> Result<u32, Nowhere> {
    let node = (mem_flags >> 8 & 0xff).checked_sub(1);
    let exact = mem_flags & XENMEMF_EXACT_NODE_REQUEST != 0;
    // A guest that was given no virtual nodes cannot name one.
    if let (Some(node), 0) = (node, mem_flags & XENMEMF_VNODE)
        && (node >= NODES || exact && node != 0)
    {
        return Err(Nowhere);
    }
    let machine = frames.next_power_of_two().trailing_zeros() + PAGE_SHIFT;
    match mem_flags & 0xff {
        0 => Ok(ANY_BITS),
        bits if bits >= machine => Ok(ANY_BITS),
        bits if bits <= PAGE_SHIFT => Err(Nowhere),
        bits => Ok(bits),
    }
}

/// An exchange that can be begun. It goes on in *chunks*, each all or nothing: one extent of the
/// side with the larger ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// log2 of the extents that a chunk takes, and that it gives.
    take: u32,
    give: u32,
    /// The next chunk, and their number.
    next: u64,
    chunks: u64,
}

impl Exchange {
    /// Checks a request. `None`: it is done already. `usable` tells whether a range of guest
    /// addresses, by its first byte and its length, is the guest's at all.
    pub fn check(
        request: &MemoryExchange,
        max_order: u32,
        usable: impl Fn(u64, u64) -> bool,
    ) -> Result<Option<Self>, Errno> {
        let (take, give) = (&request.input, &request.out);
        if take.extent_order.max(give.extent_order) > max_order {
            return Err(Errno::EPERM);
        }
        let (taken, given) = (frames(take), frames(give));
        if request.nr_exchanged > take.nr_extents
            || take.domid != give.domid
            || taken.is_none()
            || taken != given
        {
            return Err(Errno::EINVAL);
        }
        if request.nr_exchanged == take.nr_extents {
            return Ok(None);
        }
        let larger = take.extent_order.max(give.extent_order);
        let chunks = Self {
            take: larger - take.extent_order,
            give: larger - give.extent_order,
            next: request.nr_exchanged >> (larger - take.extent_order),
            chunks: take.nr_extents >> (larger - take.extent_order),
        };
        for (side, first) in [
            (take, chunks.next << chunks.take),
            (give, chunks.next << chunks.give),
        ] {
            let words = |extents: u64| extents.checked_mul(8).ok_or(Errno::EFAULT);
            let start = side.extent_start.checked_add(words(first)?);
            let bytes = words(side.nr_extents.saturating_sub(first))?;
            if !start.is_some_and(|start| usable(start, bytes)) {
                return Err(Errno::EFAULT);
            }
        }
        Ok(Some(chunks))
    }

    /// The next chunk: the indices of the extents that it takes, and of those that it gives.
    pub fn chunk(&self) -> Option<[core::ops::Range<u64>; 2]> {
        let range = |shift| self.next << shift..(self.next + 1) << shift;
        (self.next < self.chunks).then(|| [range(self.take), range(self.give)])
    }

    /// That chunk is done.
    pub const fn advance(&mut self) {
        self.next += 1;
    }

    /// The extents that have been taken, as the guest is told.
    pub const fn exchanged(&self) -> u64 {
        self.next << self.take
    }
}

/// Frames of a list, if they can be counted.
fn frames(list: &MemoryReservation) -> Option<u64> {
    let fits = u64::MAX >> list.extent_order >= list.nr_extents;
    fits.then(|| list.nr_extents << list.extent_order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MACHINE: u64 = 0xffe0;

    #[test]
    fn orders() {
        assert_eq!(max_order(true, true), 18);
        assert_eq!(max_order(false, true), 12);
        assert_eq!(max_order(false, false), 9);
        assert_eq!(max_exchange_order(true, true), 12);
        assert_eq!(max_exchange_order(false, false), 9);
    }

    #[test]
    fn places() {
        // The machine's addresses have 28 bits.
        for (flags, bits) in [
            (0, Ok(64)),
            (1, Err(Nowhere)),
            (12, Err(Nowhere)),
            (13, Ok(13)),
            (27, Ok(27)),
            (28, Ok(64)),
            (255, Ok(64)),
            (1 << 8, Ok(64)),
            (2 << 8, Ok(64)),
            (64 << 8, Ok(64)),
            (65 << 8, Err(Nowhere)),
            (XENMEMF_EXACT_NODE_REQUEST, Ok(64)),
            (XENMEMF_EXACT_NODE_REQUEST | 1 << 8, Ok(64)),
            (XENMEMF_EXACT_NODE_REQUEST | 2 << 8, Err(Nowhere)),
            (XENMEMF_VNODE | XENMEMF_EXACT_NODE_REQUEST | 9 << 8, Ok(64)),
        ] {
            assert_eq!(address_bits(flags, MACHINE), bits, "flags {flags:#x}");
        }
    }

    fn request(take: (u64, u32), give: (u64, u32), done: u64) -> MemoryExchange {
        let list = |(nr_extents, extent_order)| MemoryReservation {
            extent_start: 0x1000,
            nr_extents,
            extent_order,
            ..Default::default()
        };
        MemoryExchange {
            input: list(take),
            out: list(give),
            nr_exchanged: done,
        }
    }

    fn check(request: &MemoryExchange) -> Result<Option<Exchange>, Errno> {
        Exchange::check(request, 12, |_, _| true)
    }

    #[test]
    fn chunks_are_extents_of_the_larger_side() {
        let mut exchange = check(&request((128, 0), (2, 6), 0)).unwrap().unwrap();
        assert_eq!(exchange.chunk(), Some([0..64, 0..1]));
        exchange.advance();
        assert_eq!(exchange.exchanged(), 64);
        assert_eq!(exchange.chunk(), Some([64..128, 1..2]));
        exchange.advance();
        assert_eq!((exchange.chunk(), exchange.exchanged()), (None, 128));

        let exchange = check(&request((2, 3), (16, 0), 1)).unwrap().unwrap();
        assert_eq!(exchange.chunk(), Some([1..2, 8..16]));
    }

    #[test]
    fn refusals() {
        assert_eq!(check(&request((1, 13), (1, 13), 0)), Err(Errno::EPERM));
        for bad in [
            request((8, 0), (8, 0), 9),
            request((8, 0), (8, 1), 0),
            request((1 << 63, 1), (1 << 63, 1), 0),
            MemoryExchange {
                out: MemoryReservation {
                    domid: 1,
                    ..request((8, 0), (8, 0), 0).out
                },
                ..request((8, 0), (8, 0), 0)
            },
        ] {
            assert_eq!(check(&bad), Err(Errno::EINVAL), "{bad:?}");
        }
        let huge = request((1 << 62, 0), (1 << 62, 0), 0);
        assert_eq!(check(&huge), Err(Errno::EFAULT));
        let taken = request((8, 0), (8, 0), 0);
        assert_eq!(Exchange::check(&taken, 0, |_, _| false), Err(Errno::EFAULT));
        assert_eq!(check(&request((8, 0), (8, 0), 8)), Ok(None));
        assert_eq!(check(&request((0, 0), (0, 0), 0)), Ok(None));
    }

    proptest! {
        /// Whatever is accepted, both sides' extents come once each, in order.
        #[test]
        fn chunks_cover_both_lists(orders in [0_u32..8, 0_u32..8], extents in 1_u64..64) {
            let larger = orders[0].max(orders[1]);
            let count = |order| extents << (larger - order);
            let request = request((count(orders[0]), orders[0]), (count(orders[1]), orders[1]), 0);
            let mut exchange = check(&request).unwrap().unwrap();
            let mut next = [0, 0];
            while let Some(chunk) = exchange.chunk() {
                for (next, part) in next.iter_mut().zip(chunk) {
                    prop_assert_eq!(*next, part.start);
                    *next = part.end;
                }
                exchange.advance();
            }
            prop_assert_eq!(next, [count(orders[0]), count(orders[1])]);
            prop_assert_eq!(exchange.exchanged(), request.input.nr_extents);
        }
    }
}
