//! Rings of requests and answers (`io/ring.h`).
//!
//! A shared ring is a [`SringHeader`] and a power of two of entries, each large enough for a request and an
//! answer. Indexes run freely; an entry lies at `index & (entries - 1)`. These helpers are the arithmetic: they
//! work on copies of the indexes, so that each is read from the shared page once. Between writing entries and
//! publishing an index, and between reading an index and the entries, the caller puts the memory barrier.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The head of a shared ring; the entries follow (64 bytes).
#[doc(alias = "blkif_sring")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SringHeader {
    /// Frontend: requests put.
    pub req_prod: u32,
    /// Backend: notify me when `req_prod` reaches this.
    pub req_event: u32,
    /// Backend: answers put.
    pub rsp_prod: u32,
    /// Frontend: notify me when `rsp_prod` reaches this.
    pub rsp_event: u32,
    /// Private to a protocol; zero.
    pub pvt: [u8; 4],
    /// Zero.
    pub __pad: [u8; 44],
}

impl SringHeader {
    /// A fresh ring: nothing put, notify at the first entry.
    #[doc(alias = "SHARED_RING_INIT")]
    pub const fn new() -> SringHeader {
        SringHeader {
            req_prod: 0,
            req_event: 1,
            rsp_prod: 0,
            rsp_event: 1,
            pvt: [0; 4],
            __pad: [0; 44],
        }
    }
}

/// Number of entries of `entry` bytes in a ring of `bytes` bytes: a power of two, 0 if there is no room.
#[doc(alias = "__RING_SIZE")]
#[doc(alias = "__CONST_RING_SIZE")]
pub const fn entries(bytes: usize, entry: usize) -> u32 {
    let fit = bytes.saturating_sub(size_of::<SringHeader>()) / entry;
    if fit == 0 { 0 } else { 1 << fit.ilog2() }
}

/// Byte offset of an entry from the start of the ring's page.
pub const fn entry_offset(index: u32, entries: u32, entry: usize) -> usize {
    size_of::<SringHeader>() + (index & (entries - 1)) as usize * entry
}

/// Whether the other side asked to be notified of the entries from `old` to `new`.
#[doc(alias = "RING_PUSH_REQUESTS_AND_CHECK_NOTIFY")]
#[doc(alias = "RING_PUSH_RESPONSES_AND_CHECK_NOTIFY")]
pub const fn must_notify(old: u32, new: u32, event: u32) -> bool {
    new.wrapping_sub(event) < new.wrapping_sub(old)
}

/// A frontend's private indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrontRing {
    /// Requests put, published or not.
    pub req_prod_pvt: u32,
    /// Answers taken.
    pub rsp_cons: u32,
    /// Entries in the ring.
    pub nr_ents: u32,
}

impl FrontRing {
    /// A fresh frontend.
    #[doc(alias = "FRONT_RING_INIT")]
    pub const fn new(nr_ents: u32) -> FrontRing {
        FrontRing {
            req_prod_pvt: 0,
            rsp_cons: 0,
            nr_ents,
        }
    }

    /// Entries that are free for requests.
    #[doc(alias = "RING_FREE_REQUESTS")]
    pub const fn free_requests(&self) -> u32 {
        self.nr_ents - self.req_prod_pvt.wrapping_sub(self.rsp_cons)
    }

    /// Answers waiting, given the backend's index; `None` if that is impossible: the backend misbehaves.
    #[doc(alias = "XEN_RING_NR_UNCONSUMED_RESPONSES")]
    #[doc(alias = "RING_RESPONSE_PROD_OVERFLOW")]
    pub const fn unconsumed_responses(&self, rsp_prod: u32) -> Option<u32> {
        let waiting = rsp_prod.wrapping_sub(self.rsp_cons);
        let asked = self.req_prod_pvt.wrapping_sub(self.rsp_cons);
        if waiting <= asked {
            Some(waiting)
        } else {
            None
        }
    }
}

/// A backend's private indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackRing {
    /// Answers put, published or not.
    pub rsp_prod_pvt: u32,
    /// Requests taken.
    pub req_cons: u32,
    /// Entries in the ring.
    pub nr_ents: u32,
}

impl BackRing {
    /// A fresh backend.
    #[doc(alias = "BACK_RING_INIT")]
    pub const fn new(nr_ents: u32) -> BackRing {
        BackRing {
            rsp_prod_pvt: 0,
            req_cons: 0,
            nr_ents,
        }
    }

    /// Requests waiting, given the frontend's index; `None` if that is impossible: the frontend misbehaves.
    #[doc(alias = "XEN_RING_NR_UNCONSUMED_REQUESTS")]
    #[doc(alias = "RING_REQUEST_PROD_OVERFLOW")]
    #[doc(alias = "RING_REQUEST_CONS_OVERFLOW")]
    pub const fn unconsumed_requests(&self, req_prod: u32) -> Option<u32> {
        if req_prod.wrapping_sub(self.rsp_prod_pvt) > self.nr_ents {
            return None;
        }
        Some(req_prod.wrapping_sub(self.req_cons))
    }
}

crate::zeroed_default!(SringHeader);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_two() {
        // The figures of C for one page.
        assert_eq!(entries(4096, 112), 32); // blkif
        assert_eq!(entries(4096, 12), 256); // netif, transmit
        assert_eq!(entries(4096, 8), 256); // netif, receive
        assert_eq!(entries(64, 8), 0);
        assert_eq!(entry_offset(33, 32, 112), 64 + 112);
    }

    #[test]
    fn notification_follows_the_event_index() {
        assert!(must_notify(0, 1, 1));
        assert!(!must_notify(1, 2, 1));
        assert!(must_notify(u32::MAX, 1, 0));
        assert!(!must_notify(3, 3, 3));
    }

    #[test]
    fn impossible_indexes_are_refused() {
        let mut front = FrontRing::new(4);
        front.req_prod_pvt = 2;
        assert_eq!(front.free_requests(), 2);
        assert_eq!(front.unconsumed_responses(2), Some(2));
        assert_eq!(front.unconsumed_responses(3), None);
        let back = BackRing {
            rsp_prod_pvt: u32::MAX,
            req_cons: 0,
            nr_ents: 4,
        };
        assert_eq!(back.unconsumed_requests(3), Some(3));
        assert_eq!(back.unconsumed_requests(4), None);
    }
}
