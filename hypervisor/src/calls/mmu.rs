//! Page tables: `mmu_update`, `update_va_mapping`, `mmuext_op` (`public/xen.h`).
//!
//! All rules are in `xenolith_rules::paging`; here requests are read, and the
//! vCPU's base pointers change hands. A list stops at its first error and tells how
//! far it came. Each slice of work is bounded by a budget; tables that have lost
//! their last use are taken apart before the guest gets its answer.

use super::{Answer, Call, Outcome};
use crate::domain::{self, Domain, Rights};
use crate::guest_memory::Access;
use crate::pages::{self, LIVE, errno};
use crate::running::Running;
use crate::segments;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::mmu::*;
use pv_guest_abi::{DOMID_IO, DOMID_SELF};
use xenolith_mech::mm::{self, direct};
use xenolith_mech::{cache, tlb};
use xenolith_rules::paging::{
    Budget, Entry, Level, MmuCommand, PageOwner, Progress, Refusal, Tables,
};
use xenolith_rules::types::{DomId, GuestAddr, MfnClaim, Pfn};

/// Table entries looked at before others get a chance.
const SLICE: u32 = 2048;

/// `mmu_update(requests, count, *done, foreigndom)`.
pub fn mmu_update(running: &mut Running, mut call: Call) -> Answer {
    let count = u64::from(call.word(1));
    let result = owner_of_pages(running.domain, call.args[3] as u32)
        .and_then(|owner| run_list(running, &mut call, count, |r, c, b| update(r, c, b, owner)));
    finish_list(running, call, result)
}

/// `mmuext_op(operations, count, *done, foreigndom)`.
pub fn mmuext_op(running: &mut Running, mut call: Call) -> Answer {
    let count = u64::from(call.word(1));
    let result = match owner_of_pages(running.domain, call.args[3] as u32) {
        Ok(PageOwner::Own) => run_list(running, &mut call, count, extended),
        // Operations on another domain's tables are the domain builder's.
        Ok(_) => Err(Errno::EPERM),
        Err(errno) => Err(errno),
    };
    finish_list(running, call, result)
}

/// `update_va_mapping(va, entry, flags)`.
pub fn update_va_mapping(running: &mut Running, mut call: Call) -> Answer {
    let mut budget = Budget::new(SLICE);
    if call.done == 0 {
        let (va, entry) = (call.pointer(0), Entry(call.args[1]));
        let mut tables = running.domain.pages.tables();
        let (l1, slot) = running.space().l1_slot(va).ok_or(Errno::EINVAL)?;
        let (l1, owner) = (MfnClaim(l1.0), PageOwner::Own);
        match tables
            .update_l1(&LIVE, &mut budget, l1, slot, entry, owner)
            .map_err(errno)?
        {
            Progress::Again => {
                drop(tables);
                return Ok(Outcome::Again(call));
            }
            Progress::Done(()) => call.done = 1,
        }
    }
    if let Progress::Again = running.domain.pages.tables().settle(&LIVE, &mut budget) {
        return Ok(Outcome::Again(call));
    }
    // This pCPU drops its translations on the way back to the guest in any case.
    let flags = call.args[2];
    if flags & UVMF_FLUSHTYPE_MASK != 0 {
        match flags & !UVMF_FLUSHTYPE_MASK {
            UVMF_LOCAL => {}
            UVMF_ALL => flush_all(running.domain),
            mask => flush_some(running, GuestAddr(mask & !UVMF_ALL))?,
        }
    }
    Ok(Outcome::Done(0))
}

/// Makes all vCPUs of the domain forget their translations. Only those that are on a pCPU have any.
pub fn flush_all(domain: &Domain) {
    tlb::flush(pcpus_of(domain, |_| true));
}

/// The same for the vCPUs of a bit map that the guest has in memory: as many bytes as the domain has vCPUs for.
fn flush_some(running: &Running, bitmap: GuestAddr) -> Result<(), Errno> {
    let mut bits = [0; 8];
    let bytes = running.domain.vcpus().len().div_ceil(8).min(bits.len());
    running
        .space()
        .read_bytes(bitmap, &mut bits[..bytes], Access::Read)?;
    let wanted = u64::from_le_bytes(bits);
    tlb::flush(pcpus_of(running.domain, |id| wanted >> (id % 64) & 1 != 0));
    Ok(())
}

/// The pCPUs on which the chosen vCPUs are at this moment.
fn pcpus_of(domain: &Domain, chosen: impl Fn(u32) -> bool) -> u64 {
    domain
        .vcpus()
        .iter()
        .filter(|vcpu| chosen(vcpu.id.0))
        .filter_map(|vcpu| vcpu.cpu())
        .fold(0, |mask, cpu| mask | 1 << cpu.0)
}

/// Runs a list from where the call has come to, until its end, its first error, or
/// the end of the slice.
fn run_list(
    running: &mut Running,
    call: &mut Call,
    count: u64,
    mut step: impl FnMut(&mut Running, &Call, &mut Budget) -> Result<Progress, Errno>,
) -> Result<Progress, Errno> {
    let mut budget = Budget::new(SLICE);
    while call.done < count {
        if budget.is_spent() {
            return Ok(Progress::Again);
        }
        budget.spend(1);
        match step(running, call, &mut budget)? {
            Progress::Done(()) => call.done += 1,
            Progress::Again => return Ok(Progress::Again),
        }
    }
    Ok(running.domain.pages.tables().settle(&LIVE, &mut budget))
}

/// Tells the guest how far the list came. A `done` word that cannot be written is
/// its own loss, as in Xen.
fn finish_list(running: &mut Running, call: Call, result: Result<Progress, Errno>) -> Answer {
    if let Ok(Progress::Again) = result {
        return Ok(Outcome::Again(call));
    }
    let done_at = call.pointer(2);
    if done_at.0 != 0 {
        let _ = running.space().write(done_at, &(call.done as u32));
    }
    result.map(|_| Outcome::Done(0))
}

/// Whose frames the entries of a call may name: the low half of `foreigndom` is the
/// frames' owner, the high half the tables' owner plus one.
fn owner_of_pages(us: &Domain, foreigndom: u32) -> Result<PageOwner, Errno> {
    let (frames, tables) = (foreigndom as u16, (foreigndom >> 16) as u16);
    if let Some(owner) = tables.checked_sub(1)
        && DomId(owner) != us.id
        && owner != DOMID_SELF
    {
        controlled(us, DomId(owner))?;
        // Writing another domain's tables is the domain builder's.
        return Err(Errno::EPERM);
    }
    match frames {
        DOMID_SELF => Ok(PageOwner::Own),
        DOMID_IO => Ok(PageOwner::Io),
        id if DomId(id) == us.id => Ok(PageOwner::Own),
        id => controlled(us, DomId(id)).map(PageOwner::Foreign),
    }
}

/// The access check for acting on another domain.
fn controlled(us: &Domain, other: DomId) -> Result<DomId, Errno> {
    domain::find(other).ok_or(Errno::ESRCH)?;
    if us.may(Rights::CONTROL) {
        Ok(other)
    } else {
        Err(Errno::EPERM)
    }
}

/// One request of `mmu_update`.
fn update(
    running: &mut Running,
    call: &Call,
    budget: &mut Budget,
    owner: PageOwner,
) -> Result<Progress, Errno> {
    let request: MmuUpdate = running.space().read_element(call.pointer(0), call.done)?;
    let mut tables = running.domain.pages.tables();
    match MmuCommand::parse(request.ptr).map_err(errno)? {
        MmuCommand::Write { frame, index, keep } => {
            let value = (Entry(request.val), keep);
            tables
                .write_word(&LIVE, budget, frame, index, value, owner)
                .map_err(errno)
        }
        MmuCommand::Machphys { frame } => {
            let mfn = tables.own_for_m2p(&LIVE, frame).map_err(errno)?;
            pages::set_pfn(mfn, Pfn(request.val));
            Ok(Progress::Done(()))
        }
    }
}

/// One operation of `mmuext_op`.
fn extended(running: &mut Running, call: &Call, budget: &mut Budget) -> Result<Progress, Errno> {
    let op: MmuextOp = running.space().read_element(call.pointer(0), call.done)?;
    let domain = running.domain;
    let frame = MfnClaim(op.arg1);
    let done = match op.cmd {
        MMUEXT_PIN_L1_TABLE => return pin(domain, budget, frame, Level::L1),
        MMUEXT_PIN_L2_TABLE => return pin(domain, budget, frame, Level::L2),
        MMUEXT_PIN_L3_TABLE => return pin(domain, budget, frame, Level::L3),
        MMUEXT_PIN_L4_TABLE => return pin(domain, budget, frame, Level::L4),
        MMUEXT_UNPIN_TABLE => {
            return domain
                .pages
                .tables()
                .unpin(&LIVE, budget, frame)
                .map_err(errno);
        }
        MMUEXT_NEW_BASEPTR => return new_base(running, budget, frame),
        MMUEXT_NEW_USER_BASEPTR => return new_user_base(running, budget, frame),
        // This pCPU drops its translations on the way back to the guest in any case.
        MMUEXT_TLB_FLUSH_LOCAL | MMUEXT_INVLPG_LOCAL => Ok(()),
        MMUEXT_TLB_FLUSH_MULTI | MMUEXT_INVLPG_MULTI => {
            // -EINVAL, as Xen answers, where other unreadable arguments are -EFAULT.
            flush_some(running, GuestAddr(op.arg2)).map_err(|_| Errno::EINVAL)
        }
        MMUEXT_TLB_FLUSH_ALL | MMUEXT_INVLPG_ALL => {
            flush_all(domain);
            Ok(())
        }
        MMUEXT_FLUSH_CACHE | MMUEXT_FLUSH_CACHE_GLOBAL if domain.may(Rights::IOMEM) => {
            cache::write_back();
            Ok(())
        }
        MMUEXT_FLUSH_CACHE => Err(Errno::EACCES),
        MMUEXT_FLUSH_CACHE_GLOBAL => Err(Errno::EINVAL),
        MMUEXT_SET_LDT => {
            let ldt = segments::Ldt::check(op.arg1, op.nr_ents())?;
            segments::set_ldt(running, ldt);
            Ok(())
        }
        MMUEXT_CLEAR_PAGE => clear_page(domain, frame),
        MMUEXT_COPY_PAGE => copy_page(domain, frame, MfnClaim(op.arg2)),
        MMUEXT_MARK_SUPER | MMUEXT_UNMARK_SUPER => Err(Errno::EOPNOTSUPP),
        _ => Err(Errno::ENOSYS),
    };
    done.map(Progress::Done)
}

fn pin(
    domain: &Domain,
    budget: &mut Budget,
    frame: MfnClaim,
    level: Level,
) -> Result<Progress, Errno> {
    domain
        .pages
        .tables()
        .pin(&LIVE, budget, frame, level)
        .map_err(errno)
}

/// Takes a reference to a root table; the old one's is dropped by the caller after
/// the vCPU has let go of it.
fn take_base(
    tables: &mut Tables,
    budget: &mut Budget,
    frame: MfnClaim,
) -> Result<Progress<xenolith_rules::types::Mfn>, Errno> {
    tables
        .take_base(&LIVE, budget, frame)
        .map_err(|refusal: Refusal| errno(refusal))
}

fn new_base(
    running: &mut Running,
    budget: &mut Budget,
    frame: MfnClaim,
) -> Result<Progress, Errno> {
    let mut tables = running.domain.pages.tables();
    let Progress::Done(root) = take_base(&mut tables, budget, frame)? else {
        return Ok(Progress::Again);
    };
    let old = core::mem::replace(&mut running.state.kernel_root, root);
    mm::forget_guest_root();
    tables.drop_base(&LIVE, old);
    drop(tables);
    segments::forget_own_ldt(running);
    Ok(Progress::Done(()))
}

/// Loads a root table as the kernel's, as far as one slice of work reaches: what
/// `mov cr3` does. To be tried again until it is `Done`.
pub fn load_base(running: &mut Running, frame: MfnClaim) -> Result<Progress, Errno> {
    let mut budget = Budget::new(SLICE);
    match new_base(running, &mut budget, frame)? {
        Progress::Done(()) => Ok(running.domain.pages.tables().settle(&LIVE, &mut budget)),
        Progress::Again => Ok(Progress::Again),
    }
}

fn new_user_base(
    running: &mut Running,
    budget: &mut Budget,
    frame: MfnClaim,
) -> Result<Progress, Errno> {
    let mut tables = running.domain.pages.tables();
    let new = if frame.0 == 0 {
        None
    } else {
        let Progress::Done(root) = take_base(&mut tables, budget, frame)? else {
            return Ok(Progress::Again);
        };
        Some(root)
    };
    let old = core::mem::replace(&mut running.state.user_root, new);
    mm::forget_guest_root();
    if let Some(old) = old {
        tables.drop_base(&LIVE, old);
    }
    Ok(Progress::Done(()))
}

fn clear_page(domain: &Domain, frame: MfnClaim) -> Result<(), Errno> {
    let held = pages::hold_writable(domain.id, frame).ok_or(Errno::EINVAL)?;
    direct::zero(held.mfn());
    Ok(())
}

fn copy_page(domain: &Domain, to: MfnClaim, from: MfnClaim) -> Result<(), Errno> {
    let from = pages::hold(domain.id, from).ok_or(Errno::EINVAL)?;
    let to = pages::hold_writable(domain.id, to).ok_or(Errno::EINVAL)?;
    direct::copy_frame(to.mfn(), from.mfn());
    Ok(())
}
