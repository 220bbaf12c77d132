//! `memory_op` (`public/memory.h`): a domain's reservation, and what it may know of
//! the machine's memory.

mod exchange;
mod extents;
mod maps;
mod refused;

use super::{Answer, Call, OK, Outcome};
use crate::domain::{self, Domain, Rights};
use crate::running::Running;
use alloc::sync::Arc;
use pv_guest_abi::DOMID_SELF;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::memory::*;
use pv_guest_abi::shared::{ArchSharedInfo, SharedInfo};
use xenolith_mech::mm::{self, direct};
use xenolith_rules::reservation::{self, COMMAND_BITS};
use xenolith_rules::types::{DomId, GuestAddr};

/// Frames moved before others get a chance.
const SLICE: u64 = 256;

/// One of the sub-operations of `memory_op(cmd, arg)`. Above the operation's own bits `cmd` has
/// the extent to begin with, for those that have extents.
pub fn memory_op(running: &mut Running, call: Call) -> Answer {
    let (command, at) = (call.args[0], call.pointer(1));
    let operation = command as u32 & ((1 << COMMAND_BITS) - 1);
    let start = command >> COMMAND_BITS;
    match operation {
        XENMEM_INCREASE_RESERVATION | XENMEM_DECREASE_RESERVATION | XENMEM_POPULATE_PHYSMAP => {
            return extents::run(running, call, operation, start);
        }
        XENMEM_ADD_TO_PHYSMAP => return refused::add_to_physmap(running, at, start),
        XENMEM_ADD_TO_PHYSMAP_BATCH => return refused::add_to_physmap_batch(running, at, start),
        XENMEM_ACCESS_OP => return refused::access_op(running, at),
        XENMEM_ACQUIRE_RESOURCE => return refused::acquire_resource(running, at),
        XENMEM_GET_SHARING_FREED_PAGES | XENMEM_GET_SHARING_SHARED_PAGES if start != 0 => {
            return Err(Errno::ENOSYS);
        }
        XENMEM_PAGING_OP | XENMEM_SHARING_OP => return Err(Errno::ENOSYS),
        _ => {}
    }
    if start != 0 {
        return match operation {
            ..=XENMEM_ACQUIRE_RESOURCE => Err(Errno::EINVAL),
            _ => Err(Errno::ENOSYS),
        };
    }
    match operation {
        XENMEM_MAXIMUM_RAM_PAGE => Ok(Outcome::Done(frame_numbers() as i64)),
        XENMEM_CURRENT_RESERVATION => {
            let domain = named(running, at)?;
            Ok(Outcome::Done(domain.pages.owned() as i64))
        }
        XENMEM_MAXIMUM_RESERVATION => {
            let domain = named(running, at)?;
            Ok(Outcome::Done(domain.policy.max_pages as i64))
        }
        XENMEM_MAXIMUM_GPFN => {
            let domain = named(running, at)?;
            Ok(Outcome::Done(maximum_gpfn(&domain)))
        }
        XENMEM_EXCHANGE => exchange::exchange(running, call),
        XENMEM_CLAIM_PAGES => claim_pages(running, at),
        XENMEM_MEMORY_MAP => maps::memory_map(running, at),
        XENMEM_SET_MEMORY_MAP => maps::set_memory_map(running, at),
        XENMEM_MACHINE_MEMORY_MAP => maps::machine_memory_map(running, at),
        XENMEM_MACHPHYS_MAPPING => maps::machphys_mapping(running, at),
        XENMEM_MACHPHYS_MFN_LIST => maps::machphys_mfn_list(running, at),
        XENMEM_RESERVED_DEVICE_MEMORY_MAP => maps::reserved_device_memory(running, at),
        XENMEM_REMOVE_FROM_PHYSMAP => refused::remove_from_physmap(running, at),
        XENMEM_SET_POD_TARGET | XENMEM_GET_POD_TARGET => refused::pod_target(running, at),
        XENMEM_GET_VNUMAINFO => refused::virtual_nodes(running, at),
        // There are no 32-bit guests to ask for a table of theirs.
        XENMEM_MACHPHYS_COMPAT_MFN_LIST => Err(Errno::EOPNOTSUPP),
        // No page is ever shared between domains by content.
        XENMEM_GET_SHARING_FREED_PAGES | XENMEM_GET_SHARING_SHARED_PAGES => OK,
        _ => Err(Errno::ENOSYS),
    }
}

/// Frame numbers that the machine's RAM has.
fn frame_numbers() -> u64 {
    mm::highest_ram_frame().0 + 1
}

/// The domain whose memory an operation is about: the caller's, or another over which it has
/// rights.
fn target(running: &Running, domid: u16) -> Result<Arc<Domain>, Errno> {
    if domid == DOMID_SELF || DomId(domid) == running.domain.id {
        return Ok(running.domain.clone());
    }
    let domain = domain::find(DomId(domid)).ok_or(Errno::ESRCH)?;
    if !running.domain.may(Rights::CONTROL) {
        return Err(Errno::EPERM);
    }
    // Its burial waits until this slice is over, and then finds all that it gives.
    if domain.is_dying() {
        return Err(Errno::ESRCH);
    }
    Ok(domain)
}

/// As [`target`], by an argument that is a domain's number.
fn named(running: &Running, at: GuestAddr) -> Result<Arc<Domain>, Errno> {
    target(running, running.space().read::<MemoryDomain>(at)?.domid)
}

/// Largest extent that the caller may ask for.
fn max_order(running: &Running) -> u32 {
    let has = |right| running.domain.may(right);
    reservation::max_order(has(Rights::CONTROL), has(Rights::IOMEM))
}

/// By `arch.max_pfn`, which the guest writes itself.
fn maximum_gpfn(domain: &Domain) -> i64 {
    let field =
        core::mem::offset_of!(SharedInfo, arch) + core::mem::offset_of!(ArchSharedInfo, max_pfn);
    direct::read_word(domain.shared_info, field / 8).max(1) as i64 - 1
}

/// Promises a domain that it can be filled up to a number of frames. Frames are not set aside:
/// the promise is only checked against what is free now.
fn claim_pages(running: &Running, at: GuestAddr) -> Answer {
    let claim: MemoryReservation = running.space().read(at)?;
    if claim.extent_start != 0 || claim.extent_order != 0 || claim.mem_flags != 0 {
        return Err(Errno::EINVAL);
    }
    let domain = domain::find(DomId(claim.domid)).ok_or(Errno::EINVAL)?;
    if !running.domain.may(Rights::CONTROL) {
        return Err(Errno::EPERM);
    }
    let wanted = claim.nr_extents;
    if wanted == 0 {
        domain.pages.end_promise();
        return OK;
    }
    let owned = domain.pages.owned();
    if wanted <= owned || wanted > domain.policy.max_pages || domain.pages.is_promised() {
        return Err(Errno::EINVAL);
    }
    if wanted - owned > mm::free_count() {
        return Err(Errno::ENOMEM);
    }
    domain.pages.promise();
    OK
}
