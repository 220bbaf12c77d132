//! `increase_reservation`, `decrease_reservation`, `populate_physmap`: lists of extents.
//!
//! The answer is always how many extents are done, counted from the list's beginning; an extent
//! that fails ends the list. How far the call has come is kept in frames, so that one large
//! extent can be done in slices.

use super::{SLICE, frame_numbers, max_order, target};
use crate::calls::{Answer, Call, Outcome};
use crate::domain::Domain;
use crate::pages::{self, LIVE};
use crate::reservation::Fresh;
use crate::running::Running;
use alloc::sync::Arc;
use pv_guest_abi::memory::*;
use xenolith_mech::mm;
use xenolith_rules::paging::{Budget, Progress, Refusal};
use xenolith_rules::reservation::{MAX_EXTENTS, address_bits};
use xenolith_rules::types::{GuestAddr, MfnClaim, Pfn};

/// Table entries that are dropped in one slice, of tables that were given back.
const ENTRIES: u32 = 2048;

/// What is done with the extents of a list.
struct Work<'a> {
    domain: &'a Arc<Domain>,
    list: GuestAddr,
    order: u32,
    bits: u32,
    /// Frames that may still be moved in this slice.
    frames: u64,
}

/// Why a list ends.
enum End {
    /// This extent cannot be done.
    Failed,
    /// The slice is over.
    Again,
}

impl<E: Into<pv_guest_abi::errno::Errno>> From<E> for End {
    fn from(_: E) -> Self {
        Self::Failed
    }
}

/// Runs a list from extent `start`.
pub fn run(running: &mut Running, mut call: Call, operation: u32, start: u64) -> Answer {
    let nothing = Ok(Outcome::Done(start as i64));
    let Ok(list) = running.space().read::<MemoryReservation>(call.pointer(1)) else {
        return nothing;
    };
    let (order, extents) = (list.extent_order, list.nr_extents);
    if extents > MAX_EXTENTS || start >= extents || order > max_order(running) {
        return nothing;
    }
    let Ok(domain) = target(running, list.domid) else {
        return nothing;
    };
    let Ok(bits) = address_bits(list.mem_flags, frame_numbers()) else {
        return nothing;
    };
    // Nobody populates on demand: guests of ours are never translated.
    let on_demand = list.mem_flags & XENMEMF_POPULATE_ON_DEMAND != 0;
    if on_demand && operation == XENMEM_POPULATE_PHYSMAP {
        return nothing;
    }
    call.done = call.done.max(start << order);
    let mut work = Work {
        domain: &domain,
        list: GuestAddr(list.extent_start),
        order,
        bits,
        frames: SLICE,
    };
    while call.done >> order < extents {
        let step = match operation {
            XENMEM_DECREASE_RESERVATION => decrease(running, &mut call, &mut work),
            XENMEM_INCREASE_RESERVATION => increase(running, &mut call, &mut work),
            _ => populate(running, &mut call, &mut work),
        };
        match step {
            Ok(()) => {}
            Err(End::Again) => return Ok(Outcome::Again(call)),
            Err(End::Failed) => break,
        }
    }
    let mut budget = Budget::new(ENTRIES);
    match domain.pages.tables().settle(&LIVE, &mut budget) {
        Progress::Again => Ok(Outcome::Again(call)),
        Progress::Done(()) => Ok(Outcome::Done((call.done >> order) as i64)),
    }
}

/// Gives the next frame back.
fn decrease(running: &Running, call: &mut Call, work: &mut Work) -> Result<(), End> {
    if work.frames == 0 {
        return Err(End::Again);
    }
    work.frames -= 1;
    let (index, offset) = (call.done >> work.order, call.done & ((1 << work.order) - 1));
    let first: u64 = running.space().read_element(work.list, index)?;
    let frame = MfnClaim(first.wrapping_add(offset));
    let mut budget = Budget::new(ENTRIES);
    let given = work
        .domain
        .pages
        .tables()
        .surrender(&LIVE, &mut budget, frame);
    match given {
        Ok(Progress::Done(_)) => {}
        Ok(Progress::Again) => return Err(End::Again),
        // Given back before, and still in use: no harm, and no error in Xen.
        Err(Refusal::NotAllocated) if !is_lent(frame) => {}
        Err(_) => return Err(End::Failed),
    }
    call.done += 1;
    Ok(())
}

/// Whether the frame is the hypervisor's own, which its guest cannot give away.
fn is_lent(frame: MfnClaim) -> bool {
    pages::ram(frame).is_none_or(|mfn| mm::frame(mfn).snapshot().shared)
}

/// Takes the next extent of fresh frames and tells where it begins.
fn increase(running: &Running, call: &mut Call, work: &mut Work) -> Result<(), End> {
    take(call, work, |_| Ok(None))?;
    deliver(running, call, work)
}

/// Takes the next extent for the guest frames that the list names, and tells where it begins.
fn populate(running: &Running, call: &mut Call, work: &mut Work) -> Result<(), End> {
    let list = work.list;
    take(call, work, |index| {
        let pfn: u64 = running.space().read_element(list, index)?;
        Ok(Some(Pfn(pfn)))
    })?;
    deliver(running, call, work)
}

/// Gets the extent that the call has begun, or begins one, and brings all of it to the domain.
fn take(
    call: &mut Call,
    work: &mut Work,
    pfn: impl FnOnce(u64) -> Result<Option<Pfn>, End>,
) -> Result<(), End> {
    if call.fresh.is_none() {
        let pfn = pfn(call.done >> work.order)?;
        let fresh = Fresh::reserve(work.domain, work.order, work.bits, pfn);
        call.fresh = Some(fresh.ok_or(End::Failed)?);
    }
    let fresh = call.fresh.as_mut().ok_or(End::Failed)?;
    if work.frames > 0 && fresh.hand_over(work.domain, &mut work.frames) {
        Ok(())
    } else {
        Err(End::Again)
    }
}

/// Tells the guest where the extent begins that it has got. It keeps the extent also if that
/// cannot be written.
fn deliver(running: &Running, call: &mut Call, work: &Work) -> Result<(), End> {
    let first = call.fresh.take().ok_or(End::Failed)?.first();
    if work.list.0 != 0 {
        let index = call.done >> work.order;
        running.space().write_element(work.list, index, &first.0)?;
    }
    call.done += 1 << work.order;
    Ok(())
}
