//! Has a vCPU a local descriptor table, found in the guest's own tables when it is used?

use pv_guest_abi::errno::{EBUSY, EINVAL};
use pv_guest_abi::mmu::MMUEXT_SET_LDT;

use super::probes;
use crate::kit::segments::{
    CODE32, CODE64, DATA, DPL3, PRESENT, based, called, faults, limited, page_of, set_base, update,
    works,
};
use crate::kit::trap::{self, Kind, Regs, Start};
use crate::kit::{Outcome, mem, user};
use pv_guest_abi::xen_x86::SEGBASE_GS_USER_SEL;

probes!(ldt:
    set_ldt_refusals,
    kernel_and_user_use_it,
    code_of_the_ldt_runs,
    limit_is_kept,
    pages_are_found_at_their_first_use,
    absent_page_faults_at_the_ldts_address,
    bad_page_faults,
    page_in_use_cannot_be_written,
    unmapped_page_is_forgotten only_here,
    another_ldt_replaces_it,
    all_16_pages,
    user_gs_of_the_ldt,
);

const MARKED: Regs = Regs::MARKED;

code! {
    read_fs: "mov fs, edi", "mov rax, fs:[0]", "mov ebx, fs",
        "xor ecx, ecx", "mov fs, ecx", "ret";
    user_reads_fs: "mov fs, edi", "mov rax, fs:[0]", "mov ebx, fs",
        "xor ecx, ecx", "mov fs, ecx", "syscall";
    limit: "xor eax, eax", "lsl eax, edi", "ret";
    user_limit: "xor eax, eax", "lsl eax, edi", "syscall";
    load_ds: "mov ds, edi", "ret";
    user_reads_gs: "mov rax, gs:[0]", "mov ebx, gs", "syscall";
    user32: ".code32", "mov ebx, cs", "mov eax, 1", ".byte 0x40", "int 0x80", ".code64";
    ud2: "ud2";
}

/// Selector of a descriptor of the LDT, for user mode.
fn local(index: u64) -> u64 {
    index << 3 | 7
}

fn set(base: u64, entries: u64) -> i64 {
    mem::mmuext(MMUEXT_SET_LDT, base, entries)
}

/// The limit that a selector of the LDT has; 0 if it names nothing.
fn limit_of(index: u64) -> Result<u64, alloc::string::String> {
    works("lsl", limit, local(index)).map(|out| out.rax)
}

/// Which addresses and lengths are refused?
fn set_ldt_refusals() -> Outcome {
    let page = page_of(&[]);
    for (what, base, entries) in [
        ("not at a page's start", page + 8, 1),
        ("too long", page, 8193),
        ("u32::MAX entries", page, u64::from(u32::MAX)),
        ("the M2P", mem::M2P, 1),
        ("the hypervisor's", *mem::HYPERVISOR.end() & !4095, 1),
        ("not canonical", 1 << 47, 1),
    ] {
        returns!(set(base, entries), -EINVAL, "{what}");
    }
    returns!(set(page, 8192), 0, "the longest");
    returns!(set(user::FREE, 1), 0, "an address where nothing is");
    returns!(set(1 << 47, 0), 0, "no entries: the address does not count");
    Ok(())
}

/// Can both load its data segments, with their bases?
fn kernel_and_user_use_it() -> Outcome {
    let (_, descriptor) = based(0x10ca_1000);
    let page = page_of(&[0, 0, descriptor]);
    returns!(set(page, 3), 0, "SET_LDT");
    let out = works("kernel", read_fs, local(2))?;
    same!(out.rax, 0x10ca_1000, "the kernel's word");
    same!(out.rbx, local(2), "FS");
    let regs = Regs {
        rdi: local(2),
        ..MARKED
    };
    let out = called("user", &user::run(user_reads_fs, regs))?;
    same!(out.rax, 0x10ca_1000, "the user's word");
    Ok(())
}

/// Does user code run in segments of the LDT, found by the iret itself?
fn code_of_the_ldt_runs() -> Outcome {
    trap::set_gate(0x80, 3, true).map_err(|e| alloc::format!("the gate: {e}"))?;
    let page = page_of(&[CODE32 | DPL3, DATA | DPL3, CODE64 | DPL3]);
    for (code, cs, vector) in [(user32 as trap::Code, local(0), 0x80), (ud2, local(2), 6)] {
        // A new LDT: its page has not been found yet.
        returns!(set(0, 0), 0, "no LDT");
        returns!(set(page, 3), 0, "SET_LDT");
        let start = Start {
            cs,
            ss: local(1),
            ..user::start(code, MARKED)
        };
        let trap = trap::run(&start);
        check!(
            trap.kind == Kind::Vector(vector),
            "CS {cs:#x}: expected vector {vector:#x}, seen {trap:x?}"
        );
        same!(trap.cs & 0xffff, cs, "CS in the frame");
        same!(trap.ss, local(1), "SS in the frame");
    }
    Ok(())
}

/// Is a selector behind the length no selector, though its page is there?
fn limit_is_kept() -> Outcome {
    let page = page_of(&[limited(0x100), limited(0x101), limited(0x102)]);
    returns!(set(page, 2), 0, "two entries");
    same!(limit_of(0)?, 0x100, "the first");
    same!(limit_of(1)?, 0x101, "the second");
    same!(limit_of(2)?, 0, "one behind");
    let regs = Regs {
        rdi: local(2),
        ..MARKED
    };
    faults(
        "loading it",
        &trap::kernel(load_ds, regs),
        13,
        local(2) & !3,
    )?;
    returns!(set(page, 3), 0, "three entries");
    same!(limit_of(2)?, 0x102, "the third");
    returns!(set(page, 0), 0, "none");
    same!(limit_of(0)?, 0, "the first of none");
    faults(
        "loading it",
        &trap::kernel(load_ds, regs),
        13,
        local(2) & !3,
    )
}

/// May the LDT's pages be mapped after SET_LDT?
fn pages_are_found_at_their_first_use() -> Outcome {
    let (place, page) = (mem::pages(2), page_of(&[limited(0x123)]));
    returns!(mem::map(place, 0), 0, "unmapping");
    returns!(set(place, 1024), 0, "SET_LDT");
    returns!(mem::map(place, mem::entry(page, mem::READ)), 0, "mapping");
    same!(limit_of(0)?, 0x123, "limit");
    let regs = Regs {
        rdi: local(0),
        ..MARKED
    };
    let out = called("user", &user::run(user_limit, regs))?;
    same!(out.rax, 0x123, "limit for the user");
    Ok(())
}

/// Where nothing is mapped, does the selector's load fault at the descriptor's own address?
fn absent_page_faults_at_the_ldts_address() -> Outcome {
    let place = mem::page();
    returns!(mem::map(place, 0), 0, "unmapping");
    returns!(set(place, 512), 0, "SET_LDT");
    let regs = Regs {
        rdi: local(5),
        ..MARKED
    };
    for (who, trap) in [
        ("kernel", trap::kernel(load_ds, regs)),
        ("user", user::run(user_reads_fs, regs)),
    ] {
        check!(
            trap.kind == Kind::Vector(14),
            "{who}: expected #PF, seen {trap:x?}"
        );
        same!(trap.cr2, place + 5 * 8, "{who}: CR2");
    }
    // At the target of an iret as well.
    let start = user::start(ud2, MARKED);
    let trap = trap::run(&Start {
        cs: local(5),
        ..start
    });
    check!(trap.kind == Kind::Vector(14), "iret: seen {trap:x?}");
    same!(trap.cr2, place + 5 * 8, "iret: CR2");
    same!(trap.rip, start.rip, "iret: RIP");
    Ok(())
}

/// Is a page that may be written, or that has what no guest may have, no LDT?
fn bad_page_faults() -> Outcome {
    let writable = mem::page();
    mem::write(writable, limited(0x123));
    let tss = page_of(&[limited(0x123), PRESENT | 9 << 40]);
    for (what, page) in [
        ("writable", writable),
        ("with a TSS", tss),
        ("a table", mem::root()),
    ] {
        returns!(set(page, 512), 0, "SET_LDT");
        let regs = Regs {
            rdi: local(0),
            ..MARKED
        };
        let trap = trap::kernel(load_ds, regs);
        check!(
            trap.kind == Kind::Vector(14) && trap.cr2 == page,
            "{what}: expected #PF at {page:#x}, seen {trap:x?}"
        );
    }
    Ok(())
}

/// Is a page in use as an LDT safe from writes, until the LDT goes?
fn page_in_use_cannot_be_written() -> Outcome {
    let page = page_of(&[limited(0x123)]);
    returns!(set(page, 512), 0, "SET_LDT");
    same!(limit_of(0)?, 0x123, "limit");
    returns!(mem::thaw(page), -EBUSY, "a writable mapping");
    returns!(update(page, limited(0x456)), 0, "update_descriptor");
    same!(limit_of(0)?, 0x456, "limit");
    returns!(
        update(page, PRESENT | 2 << 40),
        -EINVAL,
        "a system descriptor"
    );
    returns!(set(0, 0), 0, "no LDT");
    returns!(mem::thaw(page), 0, "a writable mapping afterwards");
    Ok(())
}

/// Does unmapping an LDT's page end its use as an LDT? (Xen does this where it was built with
/// PV_LDT_PAGING; else the page stays until the LDT goes.)
fn unmapped_page_is_forgotten() -> Outcome {
    let (place, first) = (mem::page(), page_of(&[limited(0x111)]));
    let second = page_of(&[limited(0x222)]);
    returns!(mem::map(place, mem::entry(first, mem::READ)), 0, "mapping");
    returns!(set(place, 512), 0, "SET_LDT");
    same!(limit_of(0)?, 0x111, "limit in the first page");
    returns!(
        mem::map(place, mem::entry(second, mem::READ)),
        0,
        "mapping another"
    );
    same!(limit_of(0)?, 0x222, "limit in the second page");
    returns!(mem::thaw(first), 0, "the first page is free");
    returns!(mem::map(place, 0), 0, "unmapping");
    let regs = Regs {
        rdi: local(0),
        ..MARKED
    };
    let trap = trap::kernel(load_ds, regs);
    check!(
        trap.kind == Kind::Vector(14) && trap.cr2 == place,
        "expected #PF at {place:#x}, seen {trap:x?}"
    );
    returns!(mem::thaw(second), 0, "the second page is free");
    Ok(())
}

/// Does another LDT replace the first as a whole?
fn another_ldt_replaces_it() -> Outcome {
    let (first, second) = (page_of(&[limited(0x111)]), page_of(&[limited(0x222)]));
    for _ in 0..3 {
        returns!(set(first, 1), 0, "SET_LDT");
        same!(limit_of(0)?, 0x111, "limit");
        returns!(set(second, 1), 0, "SET_LDT");
        same!(limit_of(0)?, 0x222, "limit");
    }
    returns!(mem::thaw(first), 0, "the first page is free");
    returns!(mem::thaw(second), -EBUSY, "the second is not");
    Ok(())
}

/// Has the longest LDT all of its pages?
fn all_16_pages() -> Outcome {
    let pages = mem::pages(16);
    for n in 0..16 {
        let page = pages + n * mem::PAGE;
        mem::write(page + 511 * 8, limited(0x100 + n));
        returns!(mem::freeze(page), 0, "made read-only");
    }
    returns!(set(pages, 8192), 0, "SET_LDT");
    for n in 0..16 {
        same!(limit_of(n * 512 + 511)?, 0x100 + n, "limit in page {n}");
    }
    Ok(())
}

/// Does user mode get a GS selector of the LDT?
fn user_gs_of_the_ldt() -> Outcome {
    let (_, descriptor) = based(0x10ca_1005);
    let page = page_of(&[descriptor]);
    returns!(set(page, 512), 0, "SET_LDT");
    returns!(set_base(SEGBASE_GS_USER_SEL, local(0)), 0, "the selector");
    let out = called("user", &user::run(user_reads_gs, MARKED))?;
    same!(out.rax, 0x10ca_1005, "the word");
    same!(out.rbx, local(0), "GS");
    returns!(set_base(SEGBASE_GS_USER_SEL, 0), 0, "GS back");
    Ok(())
}
