//! A vCPU's segments: its descriptor tables, which the CPU reads through the windows of the
//! entry area, and its data selectors, which stay in the CPU while the vCPU is on it.
//!
//! The GDT's frames are known when the guest names them. Those of the LDT are found at the
//! first use of each page, by walking the guest's tables from the address that it gave; a
//! page is forgotten when that address may lead elsewhere. All frames are held as descriptors,
//! so that nobody can write to them but through `update_descriptor`.
//!
//! Which pages of an LDT are mapped is not the vCPU's own affair: another vCPU may unmap
//! them from the guest's tables. The list lies in the vCPU that all can see.

use crate::domain::{CrashReason, Domain};
use crate::guest_memory::{Space, frame_of};
use crate::pages::{self, LIVE};
use crate::running::Running;
use crate::traps;
use crate::vcpu::{Vcpu, VcpuState};
use pv_guest_abi::errno::Errno;
use pv_guest_abi::xen_x86::VcpuGuestContext;
use xenolith_mech::entry::windows;
use xenolith_mech::mm::direct;
use xenolith_mech::segments::{Selectors, load_other_gs};
use xenolith_mech::sync::{Level, Lock};
use xenolith_mech::tlb;
use xenolith_rules::descriptor::{
    Descriptor, GDT_FRAMES, LDT_ENTRIES, LDT_FRAMES, gdt_frames, selector,
};
use xenolith_rules::paging::{Entry, drop_descriptors};
use xenolith_rules::trap::selectors::{FIRST_RESERVED, RPL, USER_CODE32};
use xenolith_rules::trap::{StackFault, failsafe, vector};
use xenolith_rules::types::{GuestAddr, Mfn, MfnClaim, PAGE_SIZE};

/// What belongs to the pCPU that runs the vCPU.
#[derive(Default)]
pub struct Segments {
    /// Data selectors, while the vCPU does not run.
    selectors: Selectors,
    /// Selectors of which one could not be loaded, until the guest has been told.
    refused: Option<Selectors>,
    /// Frames of the GDT.
    gdt: [Option<Mfn>; GDT_FRAMES],
    /// Where the LDT is; a multiple of the page size.
    ldt_base: u64,
    /// Its length, 0 for none.
    ldt_entries: u32,
}

/// The frames of a vCPU's LDT that are known. Changed under the page lock of its domain.
pub struct LdtFrames(Lock<[Option<Mfn>; LDT_FRAMES]>);

impl Default for LdtFrames {
    fn default() -> Self {
        Self(Lock::new(Level::Vcpu, [None; LDT_FRAMES]))
    }
}

/// An LDT, checked as far as it can be before it is used.
#[derive(Clone, Copy)]
pub struct Ldt {
    base: u64,
    entries: u32,
}

impl Ldt {
    /// An LDT of `entries` at `base`; with none, the address does not count.
    pub fn check(base: u64, entries: u32) -> Result<Self, Errno> {
        if entries == 0 {
            return Ok(Self { base: 0, entries });
        }
        let at = GuestAddr(base);
        let good = base.is_multiple_of(PAGE_SIZE) && at.is_canonical() && !at.is_hypervisors();
        if good && entries <= LDT_ENTRIES {
            Ok(Self { base, entries })
        } else {
            Err(Errno::EINVAL)
        }
    }
}

impl Segments {
    /// What a guest gives a new vCPU. The frames of its GDT are held until [`Segments::release`].
    pub fn given(domain: &Domain, context: &VcpuGuestContext) -> Result<Self, Errno> {
        let entries = u32::try_from(context.ldt_ents).map_err(|_| Errno::EINVAL)?;
        let ldt = Ldt::check(context.ldt_base, entries)?;
        let entries = u32::try_from(context.gdt_ents).map_err(|_| Errno::EINVAL)?;
        let count = gdt_frames(entries).ok_or(Errno::EINVAL)?;
        let regs = &context.user_regs;
        Ok(Self {
            selectors: Selectors([regs.ds, regs.es, regs.fs, regs.gs]),
            refused: None,
            gdt: take_gdt(domain, &context.gdt_frames[..count])?,
            ldt_base: ldt.base,
            ldt_entries: ldt.entries,
        })
    }

    /// Drops the frames of the GDT. No pCPU may run the vCPU afterwards.
    pub fn release(&mut self, domain: &Domain) {
        drop_gdt(domain, core::mem::take(&mut self.gdt));
    }
}

/// A vCPU gets this pCPU: its tables and selectors. Bases are to be loaded afterwards.
pub fn load(vcpu: &Vcpu, domain: &Domain, state: &mut VcpuState) {
    let wanted = state.segments.selectors;
    for &local in wanted.0.iter().filter(|&&it| selector::is_local(it)) {
        // A page that cannot be had makes the load below fail.
        let _ = find_ldt_page(vcpu, domain, state, selector::offset(local));
    }
    windows::show_gdt(&state.segments.gdt);
    // Held until the selectors are loaded: nobody takes the frames away meanwhile.
    let ldt = vcpu.ldt.0.lock();
    windows::show_ldt(state.segments.ldt_entries, &ldt);
    if !wanted.load() {
        state.segments.refused = Some(wanted);
    }
}

/// A vCPU leaves this pCPU.
pub fn save(state: &mut VcpuState) {
    state.segments.selectors = Selectors::current();
}

/// Tells the guest's failsafe callback of selectors that could not be loaded.
pub fn deliver_failsafe(running: &mut Running) {
    let Some(Selectors(wanted)) = running.state.segments.refused.take() else {
        return;
    };
    // Without a callback the guest finds null selectors, and no word.
    let Some(callback) = running.state.callbacks.failsafe else {
        return;
    };
    let at = running.interrupted();
    match failsafe(&at, &running.entry_state(), callback, wanted) {
        Ok(bounce) => running.bounce(&bounce),
        Err(StackFault::NotCanonical(at) | StackFault::Hypervisors(at)) => {
            let reason = CrashReason::StackUnusable(at);
            running.domain.crash(reason, running.state);
        }
    }
}

/// Gives the vCPU that runs another GDT.
pub fn set_gdt(running: &mut Running, frames: &[u64]) -> Result<(), Errno> {
    let new = take_gdt(running.domain, frames)?;
    let old = core::mem::replace(&mut running.state.segments.gdt, new);
    windows::show_gdt(&new);
    drop_gdt(running.domain, old);
    Ok(())
}

fn take_gdt(domain: &Domain, frames: &[u64]) -> Result<[Option<Mfn>; GDT_FRAMES], Errno> {
    let mut taken = [None; GDT_FRAMES];
    let mut tables = domain.pages.tables();
    for (place, &frame) in taken.iter_mut().zip(frames) {
        match tables.take_descriptors(&LIVE, MfnClaim(frame)) {
            Ok(mfn) => *place = Some(mfn),
            Err(refusal) => {
                drop(tables);
                drop_gdt(domain, taken);
                return Err(pages::errno(refusal));
            }
        }
    }
    Ok(taken)
}

fn drop_gdt(domain: &Domain, frames: [Option<Mfn>; GDT_FRAMES]) {
    let mut tables = domain.pages.tables();
    for mfn in frames.into_iter().flatten() {
        tables.drop_descriptors(&LIVE, mfn);
    }
}

/// Gives the vCPU that runs another LDT.
pub fn set_ldt(running: &mut Running, ldt: Ldt) {
    forget_own_ldt(running);
    running.state.segments.ldt_base = ldt.base;
    running.state.segments.ldt_entries = ldt.entries;
    windows::show_ldt(ldt.entries, &running.vcpu.ldt.0.lock());
}

/// Forgets the frames of the running vCPU's LDT: its address may lead elsewhere from now on.
pub fn forget_own_ldt(running: &mut Running) {
    if !has_ldt(running) {
        return;
    }
    let _tables = running.domain.pages.tables();
    let frames = core::mem::take(&mut *running.vcpu.ldt.0.lock());
    windows::show_ldt(running.state.segments.ldt_entries, &[None; LDT_FRAMES]);
    for mfn in frames.into_iter().flatten() {
        drop_descriptors(&LIVE, mfn);
    }
}

/// Forgets the frames of all LDTs of a domain, whose page lock is held: it unmaps descriptors.
pub fn forget_ldts(domain: &Domain) {
    let frames = || domain.vcpus().iter().map(|vcpu| vcpu.ldt.0.lock());
    if frames().all(|ldt| ldt.iter().all(Option::is_none)) {
        return;
    }
    // Each list is emptied before the frames in it are dropped, and no pCPU goes on in a guest
    // with a window that shows one.
    for vcpu in domain.vcpus() {
        let frames = core::mem::take(&mut *vcpu.ldt.0.lock());
        if frames.iter().any(Option::is_some) {
            windows::forget_ldts();
            tlb::flush(u64::MAX);
        }
        for mfn in frames.into_iter().flatten() {
            drop_descriptors(&LIVE, mfn);
        }
    }
}

/// Forgets the LDT of a vCPU that no pCPU runs any more.
pub fn release_ldt(vcpu: &Vcpu, domain: &Domain) {
    let _tables = domain.pages.tables();
    for mfn in core::mem::take(&mut *vcpu.ldt.0.lock())
        .into_iter()
        .flatten()
    {
        drop_descriptors(&LIVE, mfn);
    }
}

/// The CPU found no page at `offset` of the LDT window: it is looked for in the guest's own
/// tables, or the guest gets the fault at the LDT's own address.
pub fn ldt_fault(running: &mut Running, offset: u64, error_code: u32) {
    let found = find_ldt_page(running.vcpu, running.domain, running.state, offset);
    if found.is_some() {
        let ldt = running.vcpu.ldt.0.lock();
        windows::show_ldt(running.state.segments.ldt_entries, &ldt);
        return;
    }
    let at = GuestAddr(running.state.segments.ldt_base.wrapping_add(offset));
    if at.is_canonical() {
        return traps::reflect_page_fault(running, error_code, at.0);
    }
    let selector = offset as u32 & !7 | u32::from(selector::LOCAL);
    traps::exception(running, vector::GP, selector);
}

/// Whether the running vCPU has an LDT.
pub fn has_ldt(running: &Running) -> bool {
    running.state.segments.ldt_entries != 0
}

/// Holds the frame of the LDT's page at `offset`, if the guest maps one that can be had.
fn find_ldt_page(vcpu: &Vcpu, domain: &Domain, state: &VcpuState, offset: u64) -> Option<Mfn> {
    let Segments {
        ldt_base,
        ldt_entries,
        ..
    } = state.segments;
    if offset >= u64::from(ldt_entries) * 8 {
        return None;
    }
    let at = GuestAddr(ldt_base.checked_add(offset)?);
    let mut tables = domain.pages.tables();
    let (l1, slot) = Space::new(domain, state.kernel_root).l1_slot(at)?;
    let entry = direct::read_word(l1, slot);
    if !Entry(entry).is_present() {
        return None;
    }
    let new = tables.take_descriptors(&LIVE, frame_of(entry)).ok()?;
    let old = vcpu.ldt.0.lock()[(offset / PAGE_SIZE) as usize].replace(new);
    if let Some(old) = old {
        tables.drop_descriptors(&LIVE, old);
    }
    Some(new)
}

/// `SEGBASE_GS_USER_SEL`: user mode's GS selector, with the base that its descriptor has.
pub fn set_user_gs(running: &mut Running, gs: u16) {
    let gs = if gs > selector::LAST_NULL {
        gs | RPL
    } else {
        gs
    };
    if selector::is_local(gs) {
        let offset = selector::offset(gs);
        if find_ldt_page(running.vcpu, running.domain, running.state, offset).is_some() {
            let ldt = running.vcpu.ldt.0.lock();
            windows::show_ldt(running.state.segments.ldt_entries, &ldt);
        }
    }
    load_other_gs(gs);
}

/// Whether the running vCPU's code is 64-bit.
pub fn in_long_mode(running: &Running) -> bool {
    let cs = running.state.regs.cs as u16;
    if !selector::is_local(cs) && cs >= FIRST_RESERVED {
        return cs != USER_CODE32;
    }
    let offset = selector::offset(cs);
    let (page, word) = (
        (offset / PAGE_SIZE) as usize,
        (offset % PAGE_SIZE / 8) as usize,
    );
    let frame = if selector::is_local(cs) {
        running.vcpu.ldt.0.lock()[page]
    } else {
        running.state.segments.gdt[page]
    };
    frame.is_some_and(|mfn| Descriptor(direct::read_word(mfn, word)).is_long_code())
}
