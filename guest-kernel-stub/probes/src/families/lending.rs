//! Grants between two domains, one of which dies meanwhile. Each end is a kernel of its own: `lend`
//! and `borrow`, `lend-on` and `borrow-and-die`; domain 0 and domain 1 are meant to run them.

use pv_guest_abi::grant::*;

use super::grants::{Answer, DEVICE, GRANTED, HOST, Table, call, gives, map_op, query, raw, unmap};
use crate::kit::Outcome;
use crate::kit::event;
use crate::kit::mem::{self, PAGE};

const ROUND: u64 = 1_000_000;
const WAIT_NS: u64 = 5_000_000_000;
const LENT: u64 = 0x1111;
const WRITTEN: u64 = 0x2222;

/// Waits until something is so.
fn wait(what: &str, is: impl Fn() -> bool) -> Outcome {
    let end = event::now() + WAIT_NS;
    while !is() {
        check!(event::now() < end, "{what}: not within {WAIT_NS} ns");
        event::spin(ROUND);
    }
    Ok(())
}

/// A page granted to a domain by reference 8.
fn lent_to(domain: u16) -> Result<(Table, u64), alloc::string::String> {
    let (table, page) = (Table::open()?, mem::page());
    mem::write(page, LENT);
    table.set(8, GRANTED, domain, mem::mfn(page));
    Ok((table, page))
}

/// Maps a domain's grant 8 as soon as it is there.
fn borrowed_from(dom: u16) -> Result<(u64, GnttabMapGrantRef), alloc::string::String> {
    let host = mem::page();
    let end = event::now() + WAIT_NS;
    loop {
        let mut op = [GnttabMapGrantRef {
            dom,
            ..map_op(8, HOST | DEVICE, host)
        }];
        returns!(call(GNTTABOP_MAP_GRANT_REF, &mut op), 0, "map");
        if op[0].status == GNTST_OKAY {
            return Ok((host, op[0]));
        }
        check!(event::now() < end, "no grant: status {}", op[0].status);
        event::spin(ROUND);
    }
}

/// Domain 1 lends to domain 0, and ends when its page was written: while it is mapped.
pub fn lend() -> Outcome {
    let (_table, page) = lent_to(0)?;
    wait("a write", || mem::read(page + 8) == WRITTEN)
}

/// Domain 0 borrows from domain 1, which dies: the page stays until it is let go.
pub fn borrow() -> Outcome {
    let (host, mapped) = borrowed_from(1)?;
    same!(mem::read(host), LENT, "the lender's word");
    let other = mem::page();
    let by_hand = mem::map(other, mapped.dev_bus_addr | mem::WRITE);
    check!(by_hand < 0, "mapped by a plain update: returned {by_hand}");
    // An argument may lie in a borrowed page.
    let argument = (host + 0x100) as *mut GnttabQuerySize;
    // SAFETY: the page is mapped, and nobody else uses this part of it.
    unsafe { argument.write(GnttabQuerySize::default()) };
    let result = raw(GNTTABOP_QUERY_SIZE.into(), argument as u64, 1);
    returns!(result, 0, "an argument in a borrowed page");
    // SAFETY: as above.
    let answer = unsafe { argument.read() };
    same!(answer.max_nr_frames, 64, "the answer there");
    mem::write(host + 8, WRITTEN);
    // The lender ends now; long after that its page is still the same.
    event::spin(WAIT_NS / 5);
    same!(mem::read(host), LENT, "the dead lender's word");
    mem::write(host + 16, WRITTEN);
    same!(query(1).0.1, GNTST_OKAY, "the lender is dying, not gone");
    let gone = unmap(mapped.handle, host, mapped.dev_bus_addr);
    gives!(gone, GNTST_OKAY, "unmap");
    is_gone()
}

/// Waits until domain 1 is no more, and a little for the hypervisor's words on it.
fn is_gone() -> Outcome {
    wait("its end", || query(1).0.1 == GNTST_BAD_DOMAIN)?;
    event::spin(100 * ROUND);
    Ok(())
}

/// Domain 0 lends to domain 1, which dies: the grant is free again.
pub fn lend_on() -> Outcome {
    let (table, page) = lent_to(1)?;
    wait("a write", || mem::read(page + 8) == WRITTEN)?;
    wait("the borrower's end", || table.flags(8) == GRANTED)?;
    let frame = mem::mfn(page);
    returns!(mem::freeze(page), 0, "freeze the page");
    for word in 0..512 {
        let _ = mem::mmu_update(frame * PAGE + word * 8, 0);
    }
    let pinned = mem::mmuext(pv_guest_abi::mmu::MMUEXT_PIN_L1_TABLE, frame, 0);
    returns!(
        pinned,
        0,
        "nobody may write the page any more: it becomes a table"
    );
    is_gone()
}

/// Domain 1 borrows from domain 0, writes, and ends without letting go.
pub fn borrow_and_die() -> Outcome {
    let (host, _) = borrowed_from(0)?;
    same!(mem::read(host), LENT, "the lender's word");
    mem::write(host + 8, WRITTEN);
    Ok(())
}
