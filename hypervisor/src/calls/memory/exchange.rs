//! `XENMEM_exchange`: frames for other frames, of other sizes or at other addresses.
//!
//! It goes on chunk by chunk, and a chunk is all or nothing: the frames that it takes must be in
//! no use but their allocation, and are the domain's again if the new ones cannot be had.

use super::{SLICE, frame_numbers, target};
use crate::calls::{Answer, Call, OK, Outcome};
use crate::domain::{Domain, Rights};
use crate::pages::LIVE;
use crate::reservation::Fresh;
use crate::running::Running;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::{self, offset_of};
use core::ops::Range;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::memory::MemoryExchange;
use xenolith_mech::mm;
use xenolith_mech::tlb;
use xenolith_rules::reservation::{Exchange, address_bits, max_exchange_order};
use xenolith_rules::types::{GuestAddr, Mfn, MfnClaim, Pfn};

/// The call, from where the guest's own count says that it has come to.
pub fn exchange(running: &mut Running, call: Call) -> Answer {
    let at = call.pointer(1);
    let request: MemoryExchange = running.space().read(at)?;
    let has = |right| running.domain.may(right);
    let max_order = max_exchange_order(has(Rights::CONTROL), has(Rights::IOMEM));
    let usable = |start: u64, bytes: u64| {
        let end = start.checked_add(bytes).map(GuestAddr);
        let ours = |at: GuestAddr| at.is_canonical() && !at.is_hypervisors();
        ours(GuestAddr(start)) && end.is_some_and(ours)
    };
    let Some(mut chunks) = Exchange::check(&request, max_order, usable)? else {
        return OK;
    };
    let domain = target(running, request.input.domid)?;
    let tell = |running: &Running, exchanged: u64| {
        let field = GuestAddr(at.0.wrapping_add(offset_of!(MemoryExchange, nr_exchanged) as u64));
        running.space().write(field, &exchanged)
    };
    let mut frames = 0;
    while let Some([take, give]) = chunks.chunk() {
        if frames >= SLICE {
            tell(running, chunks.exchanged())?;
            return Ok(Outcome::Again(call));
        }
        frames += (take.end - take.start) << request.input.extent_order;
        if let Err(errno) = exchange_chunk(running, &domain, &request, take, give) {
            tell(running, chunks.exchanged())?;
            return Err(errno);
        }
        chunks.advance();
    }
    tell(running, request.input.nr_extents)?;
    OK
}

/// Frames that were taken away from their domain, whose again they are unless they are
/// [freed](Taken::free).
struct Taken<'a> {
    domain: &'a Domain,
    frames: Vec<Mfn>,
}

impl<'a> Taken<'a> {
    fn room(domain: &'a Domain, frames: usize) -> Result<Self, Errno> {
        let mut list = Vec::new();
        list.try_reserve_exact(frames).map_err(|_| Errno::ENOMEM)?;
        let frames = list;
        Ok(Self { domain, frames })
    }

    fn add(&mut self, frame: MfnClaim) -> Result<(), Errno> {
        let taken = self.domain.pages.tables().take_back(&LIVE, frame);
        self.frames.push(taken.map_err(|_| Errno::EINVAL)?);
        Ok(())
    }

    fn free(mut self) {
        for mfn in mem::take(&mut self.frames) {
            mm::m2p::set(mfn, None);
            mm::free_frame(mfn);
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for &mfn in &self.frames {
            // It comes back without a type, and so without the memory that it may be in TLBs.
            tlb::flush_older_than(mm::frame(mfn).stamp());
            mm::frame(mfn).allocate(self.domain.id);
        }
    }
}

/// Blocks from the allocator, which go back unless they are used.
struct Blocks {
    order: u32,
    first: Vec<Mfn>,
}

impl Blocks {
    fn get(count: u64, order: u32, bits: u32) -> Result<Self, Errno> {
        let mut first = Vec::new();
        first
            .try_reserve_exact(count as usize)
            .map_err(|_| Errno::ENOMEM)?;
        let mut blocks = Self { order, first };
        for _ in 0..count {
            let block = mm::alloc_frames_below(order, bits).ok_or(Errno::ENOMEM)?;
            blocks.first.push(block);
        }
        Ok(blocks)
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        for &first in &self.first {
            mm::free_frames(first, self.order);
        }
    }
}

fn exchange_chunk(
    running: &Running,
    domain: &Arc<Domain>,
    request: &MemoryExchange,
    take: Range<u64>,
    give: Range<u64>,
) -> Result<(), Errno> {
    let space = running.space();
    let (input, out) = (&request.input, &request.out);
    let size = 1 << input.extent_order;
    let mut taken = Taken::room(domain, ((take.end - take.start) * size) as usize)?;
    for index in take {
        let first: u64 = space.read_element(GuestAddr(input.extent_start), index)?;
        for offset in 0..size {
            taken.add(MfnClaim(first.wrapping_add(offset)))?;
        }
    }
    let bits = address_bits(out.mem_flags, frame_numbers()).map_err(|_| Errno::ENOMEM)?;
    let mut blocks = Blocks::get(give.end - give.start, out.extent_order, bits)?;

    // From here on the chunk is done, whatever can be told of it.
    taken.free();
    let list = GuestAddr(out.extent_start);
    let mut told = Ok(());
    for (first, index) in mem::take(&mut blocks.first).into_iter().zip(give) {
        let pfn = space.read_element::<u64>(list, index);
        let known = pfn.ok().map(Pfn);
        let mut all = u64::MAX;
        Fresh::of_block(domain, first, out.extent_order, known).hand_over(domain, &mut all);
        if pfn
            .and_then(|_| space.write_element(list, index, &first.0))
            .is_err()
        {
            told = Err(Errno::EFAULT);
        }
    }
    told
}
