//! Grants at work: a domain's grant table and its handles, and the steps of mapping, unmapping
//! and copying that join them to page tables and memory.
//!
//! The rules are in `xenolith_rules::grant`. Here is the order of things, which is what safety
//! rests on: *pin, then map; unmap, flush, then unpin*. The granter's entry says that it is in use
//! before anybody can reach the frame, and until no CPU can any more. Locks are taken one at a time.

use crate::calls;
use crate::domain::Domain;
use crate::pages::{self, LIVE, Live};
use crate::running::Running;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;
use xenolith_mech::mm::{self, direct};
use xenolith_mech::sync::{Guard, Level, Lock};
use xenolith_mech::tlb;
use xenolith_rules::frame::Put;
use xenolith_rules::grant::{
    Access, DEFAULT_FRAMES, DEFAULT_MAPTRACK_FRAMES, GrantRef, Granted, Handle, MapFlags, Mapping,
    Maptrack, Purpose, SharedEntries, Status, entry_flags,
};
use xenolith_rules::paging::{Budget, GrantedEntry, Held, L1Slot, Machine, Progress, Refusal};
use xenolith_rules::types::{DomId, GuestAddr, Mfn, MfnClaim, PAGE_SIZE, Pfn};

/// Table entries that one step of mapping or unmapping may look at.
const BUDGET: u32 = 2048;

/// One domain's grants: what it lets others use, and what it uses of others'.
pub struct Grants {
    granted: Lock<Granted>,
    maptrack: Lock<Maptrack<Arc<Domain>>>,
}

impl SharedEntries for Live {
    fn shared_entry(&self, frame: Mfn, index: usize) -> &AtomicU64 {
        &direct::words(frame)[index]
    }
}

impl Grants {
    /// No table yet, and no handles.
    pub const fn new(owner: DomId) -> Self {
        Self {
            granted: Lock::new(Level::Grants, Granted::new(owner, DEFAULT_FRAMES)),
            maptrack: Lock::new(Level::Grants, Maptrack::new(DEFAULT_MAPTRACK_FRAMES)),
        }
    }

    /// The domain's table, which has one frame from the first look at it on.
    pub fn table(&self) -> Guard<'_, Granted> {
        let mut table = self.granted.lock();
        if table.frames().is_empty() {
            // Without memory the table stays empty: nothing is granted.
            let _ = grow(&mut table, 1);
        }
        table
    }
}

/// Makes the table as large as `frames`. `false`: it may not be so large, or there is no memory;
/// it keeps what it has got.
#[must_use]
pub fn grow(table: &mut Granted, frames: u32) -> bool {
    while (table.frames().len() as u32) < frames {
        if table.is_closed() {
            return false;
        }
        let Some(mfn) = fresh_frame(table.owner()) else {
            return false;
        };
        if !table.add_frame(mfn) {
            give_back(mfn);
            return false;
        }
    }
    true
}

fn fresh_frame(owner: DomId) -> Option<Mfn> {
    let mfn = mm::alloc_frame()?;
    // Whoever had the frame before may still have translations of it.
    tlb::flush_older_than(mm::frame(mfn).stamp());
    direct::zero(mfn);
    mm::m2p::set(mfn, None);
    mm::frame(mfn).share(owner);
    Some(mfn)
}

/// Ends the lending of a frame of the table; it is free when its owner's mappings are gone.
fn give_back(mfn: Mfn) {
    if let Some(Put::Free(was)) = mm::frame(mfn).unshare() {
        LIVE.frame_free(mfn, was);
    }
}

/// What a grant is to be mapped with.
pub struct MapRequest {
    /// Whose grant.
    pub granter: Arc<Domain>,
    /// Which.
    pub reference: GrantRef,
    /// Where: see [`MapFlags::contains_pte`].
    pub host_addr: u64,
    /// `GNTMAP_*`, as given.
    pub raw_flags: u32,
    /// The same, understood.
    pub flags: MapFlags,
}

/// Maps a grant for the running domain. The handle, and the frame.
pub fn map(running: &Running, request: &MapRequest) -> Result<Progress<(Handle, Mfn)>, Status> {
    let maptrack = &running.domain.grants.maptrack;
    let handle = maptrack.lock().reserve()?;
    match map_pinned(running, request) {
        Ok(Progress::Done(mfn)) => {
            let mapping = Mapping {
                granter: request.granter.clone(),
                reference: request.reference,
                mfn,
                flags: request.flags,
            };
            maptrack.lock().set(handle, mapping);
            Ok(Progress::Done((handle, mfn)))
        }
        Ok(Progress::Again) => {
            maptrack.lock().free(handle);
            Ok(Progress::Again)
        }
        Err(status) => {
            maptrack.lock().free(handle);
            Err(status)
        }
    }
}

/// Pins the entry and makes the page-table entry; nothing is left pinned unless it is `Done`.
fn map_pinned(running: &Running, request: &MapRequest) -> Result<Progress<Mfn>, Status> {
    let (granter, flags) = (&request.granter, request.flags);
    let us = running.domain.id;
    let mfn = granter
        .grants
        .table()
        .pin(&LIVE, us, request.reference, flags, Purpose::Map)?;
    let mapped = if flags.host {
        map_host(running, request, mfn)
    } else {
        Ok(Progress::Done(()))
    };
    if let Ok(Progress::Done(())) = mapped {
        return Ok(Progress::Done(mfn));
    }
    granter.grants.unpin(request.reference, flags);
    mapped.map(|_| Progress::Again)
}

fn map_host(running: &Running, request: &MapRequest, mfn: Mfn) -> Result<Progress, Status> {
    let mut tables = running.domain.pages.tables();
    let slot = l1_slot(running, request.host_addr, request.flags)?;
    let bits = entry_flags(request.raw_flags);
    let mut budget = Budget::new(BUDGET);
    let granter = request.granter.id;
    tables
        .map_granted(&LIVE, &mut budget, slot, (mfn, bits), granter)
        .map_err(general)
}

/// The page-table entry that a host address means. To be asked under the page lock.
fn l1_slot(running: &Running, host_addr: u64, flags: MapFlags) -> Result<L1Slot, Status> {
    if flags.contains_pte {
        return L1Slot::at(host_addr).map_err(general);
    }
    let found = running.space().l1_slot(GuestAddr(host_addr));
    let (table, index) = found.ok_or(Status::GeneralError)?;
    Ok(L1Slot {
        table: MfnClaim(table.0),
        index,
    })
}

/// Paging's reasons have no status of their own.
fn general(_: Refusal) -> Status {
    Status::GeneralError
}

/// What is to be unmapped.
pub struct UnmapRequest {
    /// The mapping.
    pub handle: Handle,
    /// The mapping's host address; 0: leave the host's mapping.
    pub host_addr: u64,
    /// The mapping's device address; 0: leave the devices' mapping.
    pub dev_bus_addr: u64,
    /// The linear address whose entry moves to the host address; 0: none does.
    pub new_addr: u64,
}

/// Uses of grants whose page-table entries are gone, but perhaps not yet their translations: the
/// granters still see them as in use. Dropping it tells them.
pub struct Unmapped<'a> {
    domain: &'a Domain,
    uses: Vec<(Arc<Domain>, GrantRef, MapFlags)>,
}

impl<'a> Unmapped<'a> {
    /// None yet, of mappings in this domain.
    pub const fn new(domain: &'a Domain) -> Self {
        Self {
            domain,
            uses: Vec::new(),
        }
    }
}

impl Drop for Unmapped<'_> {
    fn drop(&mut self) {
        if self.uses.iter().any(|(.., gone)| gone.host) {
            calls::flush_all(self.domain);
        }
        for (granter, reference, gone) in self.uses.drain(..) {
            granter.grants.unpin(reference, gone);
        }
    }
}

/// Unmaps a grant, or a part of its mapping. What has to wait for the flush goes to `unmapped`.
pub fn unmap(
    running: &Running,
    request: &UnmapRequest,
    unmapped: &mut Unmapped,
) -> Result<Progress, Status> {
    let maptrack = &running.domain.grants.maptrack;
    let mut mapping = maptrack.lock().take(request.handle)?;
    let result = unmap_taken(running, request, &mapping);
    if let Ok(Progress::Done(gone)) = result {
        mapping.flags = mapping.flags.without(gone);
        if !gone.is_none() {
            let granter = mapping.granter.clone();
            unmapped.uses.push((granter, mapping.reference, gone));
        }
    }
    let mut maptrack = maptrack.lock();
    if mapping.flags.is_none() {
        maptrack.free(request.handle);
    } else {
        maptrack.set(request.handle, mapping);
    }
    result.map(|progress| match progress {
        Progress::Done(_) => Progress::Done(()),
        Progress::Again => Progress::Again,
    })
}

/// Takes the page-table entry away. What of the mapping is gone now.
fn unmap_taken(
    running: &Running,
    request: &UnmapRequest,
    mapping: &Mapping<Arc<Domain>>,
) -> Result<Progress<MapFlags>, Status> {
    let flags = mapping.flags;
    let gone = MapFlags {
        host: flags.host && request.host_addr != 0,
        device: flags.device && request.dev_bus_addr != 0,
        ..flags
    };
    if gone.device && request.dev_bus_addr != mapping.mfn.maddr() {
        return Err(Status::BadDevAddr);
    }
    if gone.host
        && let Progress::Again = unmap_host(running, request, mapping)?
    {
        return Ok(Progress::Again);
    }
    Ok(Progress::Done(gone))
}

fn unmap_host(
    running: &Running,
    request: &UnmapRequest,
    mapping: &Mapping<Arc<Domain>>,
) -> Result<Progress, Status> {
    let flags = mapping.flags;
    if flags.contains_pte && request.new_addr != 0 {
        return Err(Status::GeneralError);
    }
    let granted = GrantedEntry {
        mfn: mapping.mfn,
        writable: flags.access() == Access::Write,
    };
    let mut tables = running.domain.pages.tables();
    let slot = l1_slot(running, request.host_addr, flags)?;
    let mut budget = Budget::new(BUDGET);
    if request.new_addr == 0 {
        tables.unmap_granted(&LIVE, &mut budget, slot, granted)
    } else {
        let from = l1_slot(running, request.new_addr, flags)?;
        tables.replace_granted(&LIVE, &mut budget, slot, granted, from)
    }
    .map_err(general)
}

impl Grants {
    /// Ends uses of an entry of this table. No CPU may have translations left that came of them.
    fn unpin(&self, reference: GrantRef, uses: MapFlags) {
        let mut table = self.granted.lock();
        table.unpin(&LIVE, reference, uses);
        let frames = table.take_frames();
        drop(table);
        frames.into_iter().for_each(give_back);
    }

    /// Withdraws the domain's own grants: nobody can use another from now on.
    pub fn close(&self) {
        self.granted.lock().close();
    }

    /// Whether a frame is mapped by a grant to this domain.
    pub fn maps(&self, mfn: Mfn) -> bool {
        self.maptrack.lock().any(|mapping| mapping.mfn == mfn)
    }

    /// One step of a domain's end, when none of its vCPUs runs any more: its own grants are
    /// withdrawn, and what it has mapped of others' is let go. From handle `next` on.
    pub fn release(&self, next: &mut u32) -> Progress {
        const SLICE: u32 = 256;
        self.granted.lock().close();
        for _ in 0..SLICE {
            let taken = self.maptrack.lock().take_next(*next);
            let Some((handle, mapping)) = taken else {
                let frames = self.granted.lock().take_frames();
                frames.into_iter().for_each(give_back);
                return Progress::Done(());
            };
            *next = handle.0 + 1;
            mapping
                .granter
                .grants
                .unpin(mapping.reference, mapping.flags);
        }
        Progress::Again
    }
}

/// One end of a copy, held.
pub struct CopyEnd {
    mfn: Mfn,
    hold: CopyHold,
}

/// How the frame is held: let go with this value.
enum CopyHold {
    Grant(Arc<Domain>, GrantRef, MapFlags),
    Own(#[expect(dead_code, reason = "held until dropped")] Held<'static, Live>),
}

impl CopyEnd {
    /// The frame that `granter` grants to `us`.
    pub fn granted(
        us: DomId,
        granter: Arc<Domain>,
        reference: GrantRef,
        access: Access,
    ) -> Result<Self, Status> {
        let uses = MapFlags {
            host: true,
            device: false,
            readonly: access == Access::Read,
            contains_pte: false,
        };
        let mfn = granter
            .grants
            .table()
            .pin(&LIVE, us, reference, uses, Purpose::Copy)?;
        Ok(Self {
            mfn,
            hold: CopyHold::Grant(granter, reference, uses),
        })
    }

    /// A frame of the domain's own.
    pub fn own(us: DomId, frame: MfnClaim, access: Access) -> Result<Self, Status> {
        let mfn = pages::ram(frame).ok_or(Status::BadPage)?;
        let held = match access {
            Access::Read => Held::readable(&LIVE, mfn, us),
            Access::Write => Held::writable(&LIVE, mfn, us),
        };
        let held = held.map_err(|refusal| match refusal {
            Refusal::NotOwner => Status::BadPage,
            _ => Status::GeneralError,
        })?;
        Ok(Self {
            mfn,
            hold: CopyHold::Own(held),
        })
    }
}

impl Drop for CopyEnd {
    fn drop(&mut self) {
        if let CopyHold::Grant(granter, reference, uses) = &self.hold {
            granter.grants.unpin(*reference, *uses);
        }
    }
}

/// Copies bytes, which are inside both frames.
pub fn copy(to: &CopyEnd, to_offset: usize, from: &CopyEnd, from_offset: usize, len: usize) {
    if len == PAGE_SIZE as usize {
        direct::copy_frame(to.mfn, from.mfn);
        return;
    }
    let mut buffer = [0; 512];
    let mut done = 0;
    while done < len {
        let part = &mut buffer[..(len - done).min(512)];
        direct::read_bytes(from.mfn, from_offset + done, part);
        direct::write_bytes(to.mfn, to_offset + done, part);
        done += part.len();
    }
}

/// Gives a frame of `from`'s, which nothing uses, to `to`, whose entry waits for it.
pub fn transfer(
    from: &Domain,
    frame: MfnClaim,
    to: impl FnOnce() -> Result<Arc<Domain>, Status>,
    reference: GrantRef,
) -> Result<(), Status> {
    let taken = from.pages.tables().take_back(&LIVE, frame);
    let mfn = taken.map_err(|_| Status::BadPage)?;
    tlb::flush_older_than(mm::frame(mfn).stamp());
    from.pages.unclaim(1);
    match receive(from.id, mfn, to, reference) {
        Ok(()) => Ok(()),
        Err(status) => {
            // Nobody else has seen it: it is `from`'s again.
            let _ = from.pages.claim(1, u64::MAX);
            mm::frame(mfn).allocate(from.id);
            Err(status)
        }
    }
}

fn receive(
    giver: DomId,
    mfn: Mfn,
    to: impl FnOnce() -> Result<Arc<Domain>, Status>,
    reference: GrantRef,
) -> Result<(), Status> {
    let to = to()?;
    if !to.pages.claim(1, to.policy.max_pages) {
        return Err(Status::GeneralError);
    }
    let table = to.grants.table();
    if let Err(status) = table.commit_transfer(&LIVE, giver, reference) {
        to.pages.unclaim(1);
        return Err(status);
    }
    mm::frame(mfn).allocate(to.id);
    let pfn = table.complete_transfer(&LIVE, reference, mfn);
    pages::set_pfn(mfn, Pfn(pfn));
    Ok(())
}
