//! `grant_table_op(cmd, list, count)` (`public/grant_table.h`).
//!
//! A list's operations are done in order, each with a status of its own in the list; the call
//! itself fails only when the list cannot be read or written. Statuses are Xen 4.17's, with the
//! table held at version 1.

use super::{Answer, Call, OK, Outcome};
use crate::domain::{self, Domain, Rights};
use crate::grants::{self, CopyEnd, MapRequest, UnmapRequest, Unmapped};
use crate::pages::{self, LIVE};
use crate::running::Running;
use alloc::sync::Arc;
use alloc::vec::Vec;
use pv_guest_abi::DOMID_SELF;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::grant::*;
use xenolith_mech::{cache, mm};
use xenolith_rules::grant::{Access, GrantRef, Handle, MapFlags, Span, Status, check_spans, code};
use xenolith_rules::paging::Progress;
use xenolith_rules::types::{DomId, GuestAddr, Mfn, MfnClaim, PAGE_SIZE};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Operations of a list before others get a chance. Of unmaps, so many share one flush.
const SLICE: u64 = 32;
/// The command's number; the bits above are an operation's own.
const COMMAND: u32 = 0xf_ffff;

/// One of the sub-operations of `grant_table_op(cmd, list, count)`.
pub fn grant_table_op(running: &mut Running, call: Call) -> Answer {
    let (command, more) = (call.word(0) & COMMAND, call.word(0) & !COMMAND);
    if (call.word(2) as i32) < 0 || command != GNTTABOP_CACHE_FLUSH && more != 0 {
        return Err(Errno::EINVAL);
    }
    match command {
        GNTTABOP_MAP_GRANT_REF => list(running, call, map),
        GNTTABOP_UNMAP_GRANT_REF => unmap_list(running, call, |op: &mut GnttabUnmapGrantRef| {
            let request = UnmapRequest {
                handle: Handle(op.handle),
                host_addr: op.host_addr,
                dev_bus_addr: op.dev_bus_addr,
                new_addr: 0,
            };
            (request, &mut op.status)
        }),
        GNTTABOP_UNMAP_AND_REPLACE => {
            unmap_list(running, call, |op: &mut GnttabUnmapAndReplace| {
                let request = UnmapRequest {
                    handle: Handle(op.handle),
                    host_addr: op.host_addr,
                    dev_bus_addr: 0,
                    new_addr: op.new_addr,
                };
                (request, &mut op.status)
            })
        }
        GNTTABOP_SETUP_TABLE => setup_table(running, &call),
        GNTTABOP_TRANSFER => list(running, call, transfer),
        GNTTABOP_COPY => list(running, call, copy),
        GNTTABOP_QUERY_SIZE => query_size(running, &call),
        GNTTABOP_SET_VERSION => set_version(running, &call),
        GNTTABOP_GET_STATUS_FRAMES => get_status_frames(running, &call),
        GNTTABOP_GET_VERSION => get_version(running, &call),
        GNTTABOP_SWAP_GRANT_REF => list(running, call, swap),
        GNTTABOP_CACHE_FLUSH => cache_flush(running, call, more),
        _ => Err(Errno::ENOSYS),
    }
}

/// Whether a list may begin at an address. Else the call fails even if the list is empty.
fn check_list(at: GuestAddr) -> Result<(), Errno> {
    if at.is_canonical() && !at.is_hypervisors() {
        Ok(())
    } else {
        Err(Errno::EFAULT)
    }
}

/// Does a list's operations, from where the call has come to: each is read once, done, and
/// written back with its status.
fn list<T: FromBytes + IntoBytes + Immutable>(
    running: &mut Running,
    mut call: Call,
    one: fn(&Running, &mut T) -> Progress,
) -> Answer {
    let (at, count) = (call.pointer(1), u64::from(call.word(2)));
    check_list(at)?;
    let end = count.min(call.done.saturating_add(SLICE));
    while call.done < end {
        let mut op: T = running.space().read_element(at, call.done)?;
        if let Progress::Again = one(running, &mut op) {
            return Ok(Outcome::Again(call));
        }
        running.space().write_element(at, call.done, &op)?;
        call.done += 1;
    }
    if call.done < count {
        Ok(Outcome::Again(call))
    } else {
        OK
    }
}

/// As [`list`], for operations that unmap: granters are told after one flush for all of a slice,
/// also when the list turns out to be bad half way.
fn unmap_list<T: FromBytes + IntoBytes + Immutable>(
    running: &mut Running,
    mut call: Call,
    parts: fn(&mut T) -> (UnmapRequest, &mut i16),
) -> Answer {
    let (at, count) = (call.pointer(1), u64::from(call.word(2)));
    check_list(at)?;
    let mut unmapped = Unmapped::new(running.domain);
    let end = count.min(call.done.saturating_add(SLICE));
    while call.done < end {
        let mut op: T = running.space().read_element(at, call.done)?;
        let (request, status) = parts(&mut op);
        match grants::unmap(running, &request, &mut unmapped) {
            Ok(Progress::Again) => return Ok(Outcome::Again(call)),
            Ok(Progress::Done(())) => *status = GNTST_OKAY,
            Err(refusal) => *status = refusal.code(),
        }
        running.space().write_element(at, call.done, &op)?;
        call.done += 1;
    }
    if call.done < count {
        Ok(Outcome::Again(call))
    } else {
        OK
    }
}

/// The domain that a number names, ours by `DOMID_SELF` too.
fn any_domain(running: &Running, id: u16) -> Result<Arc<Domain>, Status> {
    if id == DOMID_SELF {
        return Ok(running.domain.clone());
    }
    other_domain(id)
}

/// The domain that a plain number names.
fn other_domain(id: u16) -> Result<Arc<Domain>, Status> {
    domain::find(DomId(id)).ok_or(Status::BadDomain)
}

/// The domain whose table as a whole is asked for: ours, or one that we control.
fn controlled_domain(running: &Running, id: u16) -> Result<Arc<Domain>, Status> {
    let domain = any_domain(running, id)?;
    if domain.id == running.domain.id || running.domain.may(Rights::CONTROL) {
        Ok(domain)
    } else {
        Err(Status::PermissionDenied)
    }
}

fn map(running: &Running, op: &mut GnttabMapGrantRef) -> Progress {
    let request = MapFlags::parse(op.flags).and_then(|flags| {
        Ok(MapRequest {
            granter: other_domain(op.dom)?,
            reference: GrantRef(op.reference),
            host_addr: op.host_addr,
            raw_flags: op.flags,
            flags,
        })
    });
    match request.and_then(|request| grants::map(running, &request)) {
        Ok(Progress::Done((handle, mfn))) => {
            op.handle = handle.0;
            op.dev_bus_addr = mfn.maddr();
            op.status = GNTST_OKAY;
        }
        Ok(Progress::Again) => return Progress::Again,
        Err(status) => op.status = status.code(),
    }
    Progress::Done(())
}

fn copy(running: &Running, op: &mut GnttabCopy) -> Progress {
    op.status = code(&copy_one(running, op));
    Progress::Done(())
}

fn copy_one(running: &Running, op: &GnttabCopy) -> Result<(), Status> {
    let source = copy_domain(running, &op.source, op.flags & GNTCOPY_SOURCE_GREF != 0)?;
    let dest = copy_domain(running, &op.dest, op.flags & GNTCOPY_DEST_GREF != 0)?;
    let us = running.domain.id;
    let source = copy_end(us, source, op.source.u, Access::Read)?;
    let dest = copy_end(us, dest, op.dest.u, Access::Write)?;
    let span = |ptr: &GnttabCopyPtr| Span {
        offset: ptr.offset,
        len: op.len,
    };
    check_spans(span(&op.source), span(&op.dest))?;
    let (from, to) = (op.source.offset.into(), op.dest.offset.into());
    grants::copy(&dest, to, &source, from, op.len.into());
    Ok(())
}

/// Whose grant one end of a copy is; `None`: it is a frame of ours, which only we ourselves name.
fn copy_domain(
    running: &Running,
    end: &GnttabCopyPtr,
    by_reference: bool,
) -> Result<Option<Arc<Domain>>, Status> {
    let domain = any_domain(running, end.domid)?;
    match (by_reference, end.domid) {
        (true, _) => Ok(Some(domain)),
        (false, DOMID_SELF) => Ok(None),
        (false, _) => Err(Status::PermissionDenied),
    }
}

fn copy_end(
    us: DomId,
    granter: Option<Arc<Domain>>,
    which: u64,
    access: Access,
) -> Result<CopyEnd, Status> {
    match granter {
        Some(granter) => CopyEnd::granted(us, granter, GrantRef(which as u32), access),
        None => CopyEnd::own(us, MfnClaim(which), access),
    }
}

fn transfer(running: &Running, op: &mut GnttabTransfer) -> Progress {
    let to = || other_domain(op.domid);
    let frame = MfnClaim(op.mfn);
    let done = grants::transfer(running.domain, frame, to, GrantRef(op.reference));
    op.status = code(&done);
    Progress::Done(())
}

fn swap(running: &Running, op: &mut GnttabSwapGrantRef) -> Progress {
    let table = running.domain.grants.table();
    op.status = code(&table.swap(&LIVE, GrantRef(op.ref_a), GrantRef(op.ref_b)));
    Progress::Done(())
}

/// Reads the single argument of an operation that takes no list.
fn single<T: FromBytes + IntoBytes>(running: &Running, call: &Call) -> Result<T, Errno> {
    if call.word(2) != 1 {
        return Err(Errno::EINVAL);
    }
    Ok(running.space().read(call.pointer(1))?)
}

fn setup_table(running: &Running, call: &Call) -> Answer {
    let mut op: GnttabSetupTable = single(running, call)?;
    check_list(GuestAddr(op.frame_list))?;
    let done = set_up(running, op.dom, op.nr_frames).and_then(|frames| {
        let list = GuestAddr(op.frame_list);
        frames.iter().zip(0..).try_for_each(|(frame, index)| {
            let written = running.space().write_element(list, index, &frame.0);
            written.map_err(|_| Status::BadVirtAddr)
        })
    });
    op.status = code(&done);
    running.space().write(call.pointer(1), &op)?;
    OK
}

/// Makes a table as large as asked for. Its first `count` frames.
fn set_up(running: &Running, id: u16, count: u32) -> Result<Vec<Mfn>, Status> {
    let domain = controlled_domain(running, id)?;
    let mut table = domain.grants.table();
    if count > table.limit() || !grants::grow(&mut table, count) {
        return Err(Status::GeneralError);
    }
    Ok(table.frames()[..count as usize].to_vec())
}

fn query_size(running: &Running, call: &Call) -> Answer {
    let mut op: GnttabQuerySize = single(running, call)?;
    let sizes = controlled_domain(running, op.dom).map(|domain| {
        let table = domain.grants.table();
        (table.frames().len() as u32, table.limit())
    });
    if let Ok(sizes) = sizes {
        (op.nr_frames, op.max_nr_frames) = sizes;
    }
    op.status = code(&sizes.map(|_| ()));
    running.space().write(call.pointer(1), &op)?;
    OK
}

/// There is version 1 only; any other answer still tells which one is in use.
fn set_version(running: &Running, call: &Call) -> Answer {
    let op: GnttabSetVersion = running.space().read(call.pointer(1))?;
    let in_use = GnttabSetVersion { version: 1 };
    running.space().write(call.pointer(1), &in_use)?;
    match op.version {
        1 => OK,
        2 => Err(Errno::ENOSYS),
        _ => Err(Errno::EINVAL),
    }
}

fn get_version(running: &Running, call: &Call) -> Answer {
    let mut op: GnttabGetVersion = running.space().read(call.pointer(1))?;
    controlled_domain(running, op.dom).map_err(|status| match status {
        Status::PermissionDenied => Errno::EPERM,
        _ => Errno::ESRCH,
    })?;
    op.version = 1;
    running.space().write(call.pointer(1), &op)?;
    OK
}

/// Status frames are version 2's: there are none.
fn get_status_frames(running: &Running, call: &Call) -> Answer {
    let mut op: GnttabGetStatusFrames = single(running, call)?;
    check_list(GuestAddr(op.frame_list))?;
    let done = match controlled_domain(running, op.dom) {
        Ok(_) if op.nr_frames == 0 => Ok(()),
        Ok(_) => Err(Status::GeneralError),
        Err(status) => Err(status),
    };
    op.status = code(&done);
    running.space().write(call.pointer(1), &op)?;
    OK
}

/// Flushes cache lines of frames that are ours, or granted to us and mapped. The call fails with
/// the first operation that does.
fn cache_flush(running: &Running, mut call: Call, more: u32) -> Answer {
    let (at, count) = (call.pointer(1), u64::from(call.word(2)));
    check_list(at)?;
    while call.done < count {
        let op: GnttabCacheFlush = running.space().read_element(at, call.done)?;
        flush_one(running.domain, &op, more)?;
        call.done += 1;
        if call.done < count && call.done.is_multiple_of(SLICE) {
            return Ok(Outcome::Again(call));
        }
    }
    OK
}

fn flush_one(us: &Domain, op: &GnttabCacheFlush, more: u32) -> Result<(), Errno> {
    const BOTH: u32 = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL;
    let end = u64::from(op.offset) + u64::from(op.length);
    if u64::from(op.offset) >= PAGE_SIZE || end > PAGE_SIZE || op.op & !BOTH != 0 {
        return Err(Errno::EINVAL);
    }
    if op.length == 0 || op.op == 0 {
        return if more == 0 {
            Ok(())
        } else {
            Err(Errno::EILSEQ)
        };
    }
    let mfn = pages::ram(MfnClaim(op.a >> 12)).ok_or(Errno::EINVAL)?;
    let owner = mm::frame(mfn).owner().ok_or(Errno::EPERM)?;
    if owner != us.id && !us.grants.maps(mfn) {
        return Err(Errno::EINVAL);
    }
    match op.op {
        // x86 cannot drop lines without writing them back.
        GNTTAB_CACHE_INVAL => Err(Errno::EOPNOTSUPP),
        _ => {
            cache::flush_lines(mfn, op.offset.into(), op.length.into());
            Ok(())
        }
    }
}
