//! Descriptor tables, selectors and breakpoints: each vCPU has its own.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use guest_kernel_stub::Xen;
use pv_guest_abi::errno::{EBUSY, EINVAL};
use pv_guest_abi::hypercall::{GET_DEBUGREG, SET_DEBUGREG};
use pv_guest_abi::mmu::MMUEXT_SET_LDT;
use pv_guest_abi::vcpu::*;

use super::probes;
use crate::kit::segments::{based, limited, page_of, set_gdt};
use crate::kit::vcpus::{STOP, all, at_least, call, context, finish, initialise, op, post, until};
use crate::kit::{Outcome, at, hypercall, mem};

probes!(vcpus:
    segments_of_a_context,
    bad_tables_in_a_context,
    segments_are_each_ones_own,
    table_is_kept_by_its_last_user,
    ldt_page_is_unmapped_by_another only_here,
);

/// Watched by one vCPU, written by another.
static WATCHED: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);
static SEEN: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

code! {
    /// Writes selectors and limits to where RDI leads.
    look_at_segments:
        "mov eax, ds", "mov [rdi], rax", "mov eax, es", "mov [rdi + 8], rax",
        "mov eax, fs", "mov [rdi + 16], rax", "mov eax, gs", "mov [rdi + 24], rax",
        "mov ecx, es", "xor eax, eax", "lsl eax, ecx", "mov [rdi + 32], rax",
        "mov ecx, ds", "xor eax, eax", "lsl eax, ecx", "mov [rdi + 40], rax",
        "mov rax, fs:[0]", "mov [rdi + 48], rax",
        "mov qword ptr [rdi + 56], 1",
        "2:", "pause", "jmp 2b";
}

extern "C" fn unreachable() -> ! {
    unreachable!("the vCPU starts elsewhere")
}

fn limit(selector: u64) -> u64 {
    let limit: u64;
    // SAFETY: LSL changes a register and ZF.
    unsafe {
        asm!("xor {0:e}, {0:e}", "lsl {0:e}, {1:e}", out(reg) limit, in(reg) selector, options(nomem, nostack))
    };
    limit
}

/// Loads ES and FS; FS's first word is read by [`fs`].
fn load(es: u64, fs: u64) {
    // SAFETY: the kernel uses neither; probes name descriptors that are there.
    unsafe {
        asm!("mov es, {0:e}", "mov fs, {1:e}", in(reg) es, in(reg) fs, options(nomem, nostack))
    };
}

fn fs() -> (u64, u64, u64) {
    let (es, fs, word): (u64, u64, u64);
    // SAFETY: the probe has pointed FS at a word of its own.
    unsafe {
        asm!("mov {0:e}, es", "mov {1:e}, fs", "mov {2}, fs:[0]",
             out(reg) es, out(reg) fs, out(reg) word, options(readonly, nostack));
    }
    (es, fs, word)
}

/// Does a new vCPU begin with the GDT, the LDT and the selectors of its context, and with the
/// context's FS base rather than the descriptor's?
fn segments_of_a_context() -> Outcome {
    at_least(2)?;
    static WORD: AtomicU64 = AtomicU64::new(0xf5f5);
    let (_, other) = based(0xbad);
    let (gdt, ldt) = (
        page_of(&[0, limited(0x123), other]),
        page_of(&[limited(0x456)]),
    );
    let mut given = context(1, unreachable);
    (given.gdt_ents, given.gdt_frames[0]) = (512, mem::mfn(gdt));
    (given.ldt_base, given.ldt_ents) = (ldt, 1);
    let regs = &mut given.user_regs;
    (regs.rip, regs.rdi) = (look_at_segments as *const () as u64, at(&SEEN));
    (regs.ds, regs.es, regs.fs, regs.gs) = (7, 0x0b, 0x13, 0);
    given.fs_base = at(&WORD);
    returns!(initialise(1, &given), 0, "initialise");
    returns!(mem::thaw(gdt), -EBUSY, "the GDT is in use");
    returns!(op(VCPUOP_UP, 1, 0), 0, "up");
    until("vCPU 1 has looked", || SEEN[7].load(SeqCst) == 1)?;
    returns!(mem::thaw(ldt), -EBUSY, "the LDT is in use");
    returns!(op(VCPUOP_DOWN, 1, 0), 0, "down");
    let expected = [7, 0x0b, 0x13, 0, 0x123, 0x456, 0xf5f5];
    for (number, (seen, wanted)) in SEEN.iter().zip(expected).enumerate() {
        same!(seen.load(SeqCst), wanted, "word {number}");
    }
    Ok(())
}

/// Are contexts with bad tables refused, and is no frame held by them?
fn bad_tables_in_a_context() -> Outcome {
    at_least(2)?;
    let good = page_of(&[0, limited(0x123)]);
    let mut given = context(1, unreachable);
    given.gdt_ents = 7169;
    returns!(initialise(1, &given), -EINVAL, "too many entries");
    given.gdt_ents = 1024;
    given.gdt_frames[0] = mem::mfn(good);
    given.gdt_frames[1] = mem::mfn(mem::page());
    returns!(initialise(1, &given), -EINVAL, "a page mapped writable");
    returns!(mem::thaw(good), 0, "the other is free");
    given.gdt_ents = 0;
    (given.ldt_base, given.ldt_ents) = (mem::page() + 8, 1);
    returns!(
        initialise(1, &given),
        -EINVAL,
        "an LDT not at a page's start"
    );
    (given.ldt_base, given.ldt_ents) = (mem::page(), 8193);
    returns!(initialise(1, &given), -EINVAL, "an LDT too long");
    (given.ldt_base, given.ldt_ents) = (mem::M2P, 1);
    returns!(initialise(1, &given), -EINVAL, "an LDT of the hypervisor's");
    Ok(())
}

/// A vCPU with its own GDT, selectors and watched address looks at them again and again.
fn keep(page: u64) {
    let expected = (0x0b, 0x13, mem::read(page + 4088));
    let frame = [mem::mfn(page)];
    if hypercall(pv_guest_abi::hypercall::SET_GDT, &[at(&frame), 512]) != 0 {
        return;
    }
    hypercall(SET_DEBUGREG, &[3, at(&WATCHED)]);
    hypercall(SET_DEBUGREG, &[7, 1 << 6 | 1 << 28]);
    load(0x0b, 0x13);
    let wanted = limit(0x0b);
    while STOP.load(SeqCst) == 0 {
        let kept = fs() == expected
            && limit(0x0b) == wanted
            && hypercall(GET_DEBUGREG, &[3]) as u64 == at(&WATCHED);
        if !kept {
            return;
        }
        DONE.fetch_add(1, SeqCst);
        let _ = Xen::yield_now();
    }
    load(0, 0);
    hypercall(SET_DEBUGREG, &[7, 0]);
    set_gdt(&[], 0);
    SEEN[0].store(wanted, SeqCst);
}

/// Do two vCPUs keep their own GDT, selectors, bases and breakpoints while they take turns?
fn segments_are_each_ones_own() -> Outcome {
    all(2)?;
    let tables: [u64; 2] = core::array::from_fn(|n| {
        // Each descriptor's base leads to a word of its own, below 4 GiB.
        let page = mem::page();
        let (base, descriptor) = based(0x1000);
        let word = base + 8 * n as u64;
        mem::write(
            crate::kit::user::space().data + 0x40 + 8 * n as u64,
            0x1000 + n as u64,
        );
        mem::write(page + 8, limited(0x100 + n as u64));
        mem::write(
            page + 16,
            (descriptor & !(0xff_ffff << 16)) | (word & 0xff_ffff) << 16,
        );
        // A hint for `keep`, in a descriptor that is not present.
        mem::write(page + 4088, 0x1000 + n as u64);
        page
    });
    for page in tables {
        returns!(mem::freeze(page), 0, "made read-only");
    }
    STOP.store(0, SeqCst);
    post(1, keep, tables[1])?;
    returns!(set_gdt(&[tables[0]], 512), 0, "set_gdt");
    load(0x0b, 0x13);
    for round in 0..200 {
        let before = DONE.load(SeqCst);
        until("the other had a turn", || DONE.load(SeqCst) > before)?;
        let (es, fs, word) = fs();
        same!(es, 0x0b, "ES in round {round}");
        same!(fs, 0x13, "FS in round {round}");
        same!(word, 0x1000, "word by FS in round {round}");
        same!(limit(0x0b), 0x100, "limit in round {round}");
        // The other one's watch is not ours.
        WATCHED.fetch_add(1, SeqCst);
        same!(
            hypercall(GET_DEBUGREG, &[3]) as u64,
            0,
            "DR3 in round {round}"
        );
    }
    load(0, 0);
    STOP.store(1, SeqCst);
    finish(1)?;
    same!(
        SEEN[0].load(SeqCst),
        0x101,
        "the other's limit, all the time"
    );
    Ok(())
}

/// Is a page of two vCPUs' GDTs free only when both have let go of it?
fn table_is_kept_by_its_last_user() -> Outcome {
    all(2)?;
    let page = page_of(&[0, limited(0x123)]);
    returns!(set_gdt(&[page], 512), 0, "set_gdt");
    call(
        1,
        |page| DONE.store(set_gdt(&[page], 512) as u64, SeqCst),
        page,
    )?;
    same!(DONE.load(SeqCst), 0, "set_gdt of the other");
    returns!(set_gdt(&[], 0), 0, "no GDT");
    returns!(mem::thaw(page), -EBUSY, "the other has it");
    call(1, |_| DONE.store(limit(0x0b), SeqCst), 0)?;
    same!(DONE.load(SeqCst), 0x123, "the other's limit");
    call(1, |_| DONE.store(set_gdt(&[], 0) as u64, SeqCst), 0)?;
    returns!(mem::thaw(page), 0, "nobody has it");
    Ok(())
}

/// A vCPU that looks at its LDT's first descriptor again and again.
fn watch_ldt(place: u64) {
    if mem::mmuext(MMUEXT_SET_LDT, place, 512) != 0 {
        return;
    }
    while STOP.load(SeqCst) == 0 {
        let seen = limit(7);
        if seen != 0x111 && seen != 0x222 {
            SEEN[1].store(seen | 1 << 32, SeqCst);
            break;
        }
        DONE.fetch_add(1, SeqCst);
    }
    mem::mmuext(MMUEXT_SET_LDT, 0, 0);
}

/// Another vCPU maps the page of an LDT elsewhere: does the LDT follow at once, and is the old page
/// free? (Xen does this where it was built with PV_LDT_PAGING.)
fn ldt_page_is_unmapped_by_another() -> Outcome {
    all(2)?;
    let pages = [page_of(&[limited(0x111)]), page_of(&[limited(0x222)])];
    let place = mem::page();
    let table = |n: usize| mem::entry(pages[n % 2], mem::READ);
    returns!(mem::map(place, table(0)), 0, "mapping");
    STOP.store(0, SeqCst);
    post(1, watch_ldt, place)?;
    for round in 1..300 {
        let before = DONE.load(SeqCst);
        until("the other had a look", || {
            DONE.load(SeqCst) > before + 3 || SEEN[1].load(SeqCst) != 0
        })?;
        same!(
            SEEN[1].load(SeqCst),
            0,
            "a limit of neither page, in round {round}"
        );
        returns!(mem::map(place, table(round)), 0, "mapping the other page");
        // Nobody has it now: it may be written, also what no guest may have.
        let old = pages[(round + 1) % 2];
        returns!(mem::thaw(old), 0, "the old page, in round {round}");
        let descriptor = mem::read(old);
        mem::write(old, 0xdead << 16 | 9 << 40 | 1 << 47);
        mem::write(old, descriptor);
        returns!(mem::freeze(old), 0, "read-only again");
    }
    STOP.store(1, SeqCst);
    finish(1)
}
