//! `memory_op` (`public/memory.h`): a domain's reservation, and what it may know of
//! the machine's memory.

use super::{Answer, Call, Outcome};
use crate::domain::Rights;
use crate::pages::{self, LIVE};
use crate::running::Running;
use crate::{machine, reservation};
use pv_guest_abi::DOMID_SELF;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::memory::*;
use pv_guest_abi::shared::{ArchSharedInfo, SharedInfo};
use pv_guest_abi::xen_x86::{MACH2PHYS_VIRT_END, MACH2PHYS_VIRT_START};
use xenolith_mech::mm::{self, direct};
use xenolith_rules::paging::{Budget, Progress};
use xenolith_rules::types::{DomId, GuestAddr, MfnClaim, Pfn};
use zerocopy::IntoBytes;

/// Frames moved before others get a chance.
const SLICE: u64 = 256;
/// Largest extent: for a domain with device rights, and for others.
const MAX_ORDER_DEVICES: u32 = 12;
const MAX_ORDER: u32 = 9;

/// One of the sub-operations of `memory_op(cmd, arg)`.
pub fn memory_op(running: &mut Running, call: Call) -> Answer {
    let at = call.pointer(1);
    match call.word(0) {
        XENMEM_INCREASE_RESERVATION => extents(running, call, increase),
        XENMEM_DECREASE_RESERVATION => extents(running, call, decrease),
        XENMEM_POPULATE_PHYSMAP => extents(running, call, populate),
        XENMEM_MAXIMUM_RAM_PAGE => Ok(Outcome::Done(mm::highest_ram_frame().0 as i64)),
        XENMEM_CURRENT_RESERVATION => {
            own(running, running.space().read::<MemoryDomain>(at)?.domid)?;
            Ok(Outcome::Done(running.domain.pages.owned() as i64))
        }
        XENMEM_MAXIMUM_RESERVATION => {
            own(running, running.space().read::<MemoryDomain>(at)?.domid)?;
            Ok(Outcome::Done(running.domain.policy.max_pages as i64))
        }
        XENMEM_MAXIMUM_GPFN => {
            own(running, running.space().read::<MemoryDomain>(at)?.domid)?;
            Ok(Outcome::Done(maximum_gpfn(running)))
        }
        XENMEM_MACHINE_MEMORY_MAP => machine_memory_map(running, at),
        XENMEM_MACHPHYS_MAPPING => {
            let mapping = MachphysMapping {
                v_start: MACH2PHYS_VIRT_START,
                v_end: MACH2PHYS_VIRT_END,
                max_mfn: mm::highest_ram_frame().0,
            };
            running.space().write(at, &mapping)?;
            Ok(Outcome::Done(0))
        }
        XENMEM_ADD_TO_PHYSMAP => Err(Errno::EINVAL),
        // The memory map of a domain is set by a toolstack; without one there is none.
        _ => Err(Errno::ENOSYS),
    }
}

/// Operations on other domains' memory are the toolstack's, which is not there yet.
fn own(running: &Running, domid: u16) -> Result<(), Errno> {
    if domid == DOMID_SELF || DomId(domid) == running.domain.id {
        Ok(())
    } else {
        Err(Errno::ESRCH)
    }
}

/// `arch.max_pfn`, which the guest writes itself.
fn maximum_gpfn(running: &Running) -> i64 {
    let field =
        core::mem::offset_of!(SharedInfo, arch) + core::mem::offset_of!(ArchSharedInfo, max_pfn);
    direct::read_word(running.domain.shared_info, field / 8) as i64 - 1
}

/// Runs a reservation's extents; the answer is how many were done, also when one fails.
fn extents(
    running: &mut Running,
    mut call: Call,
    step: fn(&mut Running, &MemoryReservation, u64) -> Result<Progress, Errno>,
) -> Answer {
    let reservation: MemoryReservation = running.space().read(call.pointer(1))?;
    let max_order = if running.domain.may(Rights::IOMEM) {
        MAX_ORDER_DEVICES
    } else {
        MAX_ORDER
    };
    if reservation.extent_order > max_order {
        return Ok(Outcome::Done(call.done as i64));
    }
    own(running, reservation.domid)?;
    let mut frames = 0;
    while call.done < reservation.nr_extents {
        if frames >= SLICE {
            return Ok(Outcome::Again(call));
        }
        frames += 1 << reservation.extent_order;
        match step(running, &reservation, call.done) {
            Ok(Progress::Done(())) => call.done += 1,
            Ok(Progress::Again) => return Ok(Outcome::Again(call)),
            Err(_) => break,
        }
    }
    let mut budget = Budget::new(SLICE as u32 * 8);
    match running.domain.pages.tables().settle(&LIVE, &mut budget) {
        Progress::Again => Ok(Outcome::Again(call)),
        Progress::Done(()) => Ok(Outcome::Done(call.done as i64)),
    }
}

/// Gives the frames of one extent back.
fn decrease(
    running: &mut Running,
    reservation: &MemoryReservation,
    index: u64,
) -> Result<Progress, Errno> {
    let list = GuestAddr(reservation.extent_start);
    let first: u64 = running.space().read_element(list, index)?;
    for offset in 0..1 << reservation.extent_order {
        let frame = MfnClaim(first.wrapping_add(offset));
        // Debt is settled whole, so that an extent is not left half given.
        loop {
            let mut budget = Budget::new(u32::MAX);
            let given = running
                .domain
                .pages
                .tables()
                .surrender(&LIVE, &mut budget, frame);
            match given.map_err(pages::errno)? {
                Progress::Done(_) => break,
                Progress::Again => {}
            }
        }
    }
    Ok(Progress::Done(()))
}

/// Takes one extent of fresh frames and tells where it begins.
fn increase(
    running: &mut Running,
    reservation: &MemoryReservation,
    index: u64,
) -> Result<Progress, Errno> {
    let (order, bits) = (reservation.extent_order, reservation.mem_flags & 0xff);
    let first = reservation::take(running.domain, order, bits).ok_or(Errno::ENOMEM)?;
    if reservation.extent_start != 0 {
        let list = GuestAddr(reservation.extent_start);
        running.space().write_element(list, index, &first.0)?;
    }
    Ok(Progress::Done(()))
}

/// Takes one extent for the guest frames that the list names, and tells where it begins.
fn populate(
    running: &mut Running,
    reservation: &MemoryReservation,
    index: u64,
) -> Result<Progress, Errno> {
    let (order, bits) = (reservation.extent_order, reservation.mem_flags & 0xff);
    let list = GuestAddr(reservation.extent_start);
    let pfn: u64 = running.space().read_element(list, index)?;
    let first = reservation::take(running.domain, order, bits).ok_or(Errno::ENOMEM)?;
    for offset in 0..1 << order {
        let mfn = xenolith_rules::types::Mfn(first.0 + offset);
        pages::set_pfn(mfn, Pfn(pfn.wrapping_add(offset)));
    }
    running.space().write_element(list, index, &first.0)?;
    Ok(Progress::Done(()))
}

/// The firmware's memory map, for the domain that owns the machine.
fn machine_memory_map(running: &mut Running, at: GuestAddr) -> Answer {
    if !running.domain.may(Rights::CONTROL) {
        return Err(Errno::EPERM);
    }
    let mut arg: MemoryMap = running.space().read(at)?;
    let mut count = 0;
    for entry in machine::memory_map() {
        if count < arg.nr_entries {
            let to = GuestAddr(arg.buffer);
            running.space().write_element(to, u64::from(count), entry)?;
            count += 1;
        }
    }
    arg.nr_entries = count;
    running.space().write_bytes(at, arg.as_bytes())?;
    Ok(Outcome::Done(0))
}
