//! Plain stores of a guest kernel to its own read-only page tables, carried out.
//!
//! With the *writable page tables* assist a guest writes entries of its lowest tables with
//! ordinary instructions, which fault because tables are never mapped writable. The rules read
//! the instruction (`xenolith_rules::emulate::store`); the entry passes the same checks as by
//! `mmu_update`. What is refused is the guest's own page fault, as if nobody had looked.

use crate::emulate;
use crate::guest_memory::{Access, Fault, frame_of};
use crate::pages::{self, LIVE};
use crate::running::Running;
use crate::{debug, segments, traps};
use pv_guest_abi::assist::VMASST_TYPE_WRITABLE_PAGETABLES;
use xenolith_mech::guest::Bases;
use xenolith_mech::mm::{self, direct};
use xenolith_rules::emulate::store::Store;
use xenolith_rules::emulate::{MAX_CODE, Registers, Segment, Trapped};
use xenolith_rules::frame::Type;
use xenolith_rules::paging::{Budget, Entry, Exchange, Machine, Progress, Refusal};
use xenolith_rules::trap::Mode;
use xenolith_rules::types::{GuestAddr, Mfn, MfnClaim};

/// #PF error code (Intel SDM 3A, 4.7): the page was present; a write; and what never is a
/// store of the kernel's to a page that it may read: user code, reserved bits, a fetch.
const PRESENT: u32 = 1 << 0;
const WRITE: u32 = 1 << 1;
const OTHERS: u32 = 1 << 2 | 1 << 3 | 1 << 4;
/// Table entries looked at before others get a chance.
const SLICE: u32 = 2048;

/// Serves a page fault if it is a store to a page table; `false`: it is the guest's.
pub fn store(running: &mut Running, error_code: u32, cr2: u64) -> bool {
    if error_code & (PRESENT | WRITE | OTHERS) != PRESENT | WRITE
        || running.state.mode != Mode::Kernel
        || !running.domain.is_assisted(VMASST_TYPE_WRITABLE_PAGETABLES)
    {
        return false;
    }
    let Some(table) = read_only_table(running, GuestAddr(cr2)) else {
        return false;
    };
    let Some(mut store) = decode(running, cr2) else {
        return false;
    };
    if let Some((at, len)) = store.source() {
        let mut bytes = [0; 8];
        let read = running
            .space()
            .read_bytes(at, &mut bytes[..len], Access::Read);
        if let Err(Fault(at)) = read {
            traps::reflect_page_fault(running, 0, at.0);
            return true;
        }
        store = store.with_source(bytes);
    }
    let index = (cr2 as usize % 4096) / 8;
    match exchange(running, table, index, &store) {
        Ok(Progress::Done(regs)) => {
            emulate::set_registers(&mut running.state.regs, &regs);
            if regs.single_steps() {
                debug::single_step(running);
            }
            true
        }
        // The guest comes back to the instruction.
        Ok(Progress::Again) => true,
        Err(_) => false,
    }
}

/// The lowest page table, of the domain's own, that is mapped read-only at an address.
fn read_only_table(running: &Running, at: GuestAddr) -> Option<Mfn> {
    let (l1, slot) = running.space().l1_slot(at)?;
    let entry = Entry(direct::read_word(l1, slot));
    if !entry.is_present() || entry.is_writable() {
        return None;
    }
    let table = pages::ram(frame_of(entry.0))?;
    let now = mm::frame(table).snapshot();
    let is_table = now.kind == Type::L1 && now.uses > 0 && now.owner == Some(running.domain.id);
    is_table.then_some(table)
}

/// The instruction at RIP, if it is a store to the word that faulted.
fn decode(running: &Running, cr2: u64) -> Option<Store> {
    let mut code = [0; MAX_CODE];
    let len = emulate::fetch(running, &mut code);
    let trapped = Trapped {
        code: &code[..len],
        regs: &emulate::registers(&running.state.regs),
        mode: running.state.mode,
        long_mode: segments::in_long_mode(running),
    };
    Store::decode(&trapped, cr2, |segment| {
        let bases = Bases::current();
        match segment {
            Segment::Fs => bases.fs,
            Segment::Gs => bases.gs,
        }
    })
}

/// Puts what the store makes of the live entry in its place. Under the page lock only the CPU
/// changes an entry meanwhile, and only its accessed and dirty bits: so this ends.
fn exchange(
    running: &Running,
    table: Mfn,
    index: usize,
    store: &Store,
) -> Result<Progress<Registers>, Refusal> {
    let mut tables = running.domain.pages.tables();
    let mut budget = Budget::new(SLICE);
    loop {
        let old = Entry(LIVE.read(table, index));
        let applied = store.apply(old.0);
        let change = (old, Entry(applied.entry));
        match tables.compare_exchange(&LIVE, &mut budget, MfnClaim(table.0), index, change)? {
            Progress::Done(Exchange::Stored) => return Ok(Progress::Done(applied.regs)),
            Progress::Done(Exchange::Found(_)) => {}
            Progress::Again => return Ok(Progress::Again),
        }
    }
}
