//! Has a guest a GDT of its own, and only descriptors that are harmless?

use core::arch::asm;

use pv_guest_abi::errno::{EBUSY, EFAULT, EINVAL};
use pv_guest_abi::hypercall::{SET_GDT, UPDATE_DESCRIPTOR};
use pv_guest_abi::mmu::MMUEXT_PIN_L1_TABLE;

use super::probes;
use crate::kit::segments::{
    ACCESSED, CODE64, DATA, DPL3, PRESENT, faults, install, kernel_selector, limited, page_of,
    ring, set_gdt, update, works,
};
use crate::kit::trap::{self, Kind, Regs};
use crate::kit::{Outcome, at, hypercall, mem, user};

probes!(descriptors:
    own_gdt_is_used,
    levels_are_the_kernels,
    set_gdt_refusals,
    refused_gdt_leaves_the_old,
    gdt_page_cannot_be_written,
    gdt_page_may_be_given_up,
    empty_gdt_ends_the_old,
    fourteen_frames,
    update_descriptor_refusals,
    update_descriptor_acts_at_once,
    update_descriptor_writes_plain_pages,
    call_gates_are_refused only_here,
    no_descriptor_leads_to_ring_0,
);

const MARKED: Regs = Regs::MARKED;

code! {
    far_call: "push rsi", "lea rax, [rip + 2f]", "push rax",
        "push rdi", "lea rax, [rip + 1f]", "push rax", ".byte 0x48, 0xcb",
        "1:", "mov ebx, cs", ".byte 0x48, 0xcb", "2:", "ret";
    far_ud2: "push rdi", "lea rax, [rip + 1f]", "push rax", ".byte 0x48, 0xcb", "1:", "ud2";
    load_all: "mov ds, edi", "mov es, edi", "mov fs, edi", "mov gs, edi",
        "mov eax, ds", "mov ebx, es", "mov ecx, fs", "mov edx, gs",
        "xor esi, esi", "mov ds, esi", "mov es, esi", "mov fs, esi", "mov gs, esi", "ret";
    limit: "xor eax, eax", "lsl eax, edi", "ret";
    load_ds: "mov ds, edi", "ret";
}

/// What an absent descriptor says of its segment's limit: nothing.
fn limit_of(selector: u64) -> Result<u64, alloc::string::String> {
    works("lsl", limit, selector).map(|out| out.rax)
}

/// Can code and data of the kernel's own GDT be used, and is its code shown with RPL 0?
fn own_gdt_is_used() -> Outcome {
    install(&[0, 0, CODE64, DATA])?;
    let (code, data) = (kernel_selector(2), kernel_selector(3));
    let old: u64;
    // SAFETY: reading a selector.
    unsafe { asm!("mov {0:e}, cs", out(reg) old, options(nomem, nostack, preserves_flags)) };
    let regs = Regs {
        rdi: code,
        rsi: old,
        ..MARKED
    };
    let trap = trap::kernel(far_call, regs);
    check!(
        trap.kind == Kind::Returned,
        "far return: expected none, seen {trap:x?}"
    );
    same!(trap.regs.rbx, code, "CS behind the far return");
    let out = works("loading data selectors", load_all, data)?;
    same!(out.rax, data, "DS");
    same!(out.rbx, data, "ES");
    same!(out.rcx, data, "FS");
    same!(out.rdx, data, "GS");
    let trap = trap::kernel(
        far_ud2,
        Regs {
            rdi: code,
            ..MARKED
        },
    );
    check!(trap.kind == Kind::Vector(6), "expected #UD, seen {trap:x?}");
    same!(trap.cs & 0xffff, code & !3, "CS in the frame");
    same!(u64::from(trap.own_cs), old, "the handler's CS");
    Ok(())
}

/// Is level 0 raised to the kernel's, and do others stay?
fn levels_are_the_kernels() -> Outcome {
    // Code, conforming code, data, expand-down data.
    let kinds = [CODE64, CODE64 | 1 << 42, DATA, DATA | 1 << 42];
    let mut given = [0; 8];
    for (pair, kind) in given.chunks_mut(2).zip(kinds) {
        pair.copy_from_slice(&[kind, kind | DPL3]);
    }
    let page = install(&given)?;
    for (index, &raw) in given.iter().enumerate() {
        let level = if index % 2 == 0 { ring() } else { 3 };
        let expected = raw & !DPL3 | level << 45;
        let seen = mem::read(page + index as u64 * 8);
        same!(
            seen & !ACCESSED,
            expected & !ACCESSED,
            "descriptor {raw:#x}"
        );
    }
    Ok(())
}

/// Which lists of frames are refused, and how?
fn set_gdt_refusals() -> Outcome {
    let good = page_of(&[0, DATA]);
    returns!(
        set_gdt(&[good], 7169),
        -EINVAL,
        "more entries than there are"
    );
    returns!(set_gdt(&[good; 16], u32::MAX), -EINVAL, "u32::MAX entries");
    let nowhere = hypercall(SET_GDT, &[user::FREE, 1]);
    returns!(nowhere, -EFAULT, "a list that cannot be read");
    returns!(
        hypercall(SET_GDT, &[user::FREE, 0]),
        0,
        "no entries and no list"
    );
    let writable = mem::page();
    returns!(set_gdt(&[writable], 1), -EINVAL, "a page mapped writable");
    let root = mem::root();
    returns!(set_gdt(&[root], 1), -EINVAL, "a page table");
    for (what, frame) in [
        ("frame 0", 0),
        ("no RAM", 0xf_ffff_ffff),
        ("u64::MAX", u64::MAX),
        ("a number too large", mem::mfn(good) | 1 << 52),
    ] {
        let refused = hypercall(SET_GDT, &[at(&[frame]), 1]);
        returns!(refused, -EINVAL, "{what}");
    }
    // LDT, TSS (available, busy), interrupt and trap gates, the reserved types.
    for kind in [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15] {
        let bad = page_of(&[0, PRESENT | kind << 40]);
        returns!(
            set_gdt(&[bad], 1),
            -EINVAL,
            "a system descriptor of type {kind}"
        );
        returns!(mem::thaw(bad), 0, "the page is free afterwards");
    }
    let nothing = page_of(&[0, PRESENT, 0x1234_5678_1234_5678 & !PRESENT]);
    returns!(set_gdt(&[nothing], 1), 0, "type 0, and what is not present");
    Ok(())
}

/// Does a refused call leave the GDT as it was, and no frame held?
fn refused_gdt_leaves_the_old() -> Outcome {
    install(&[0, limited(0x123)])?;
    let (fine, writable) = (page_of(&[0, limited(0x456)]), mem::page());
    returns!(
        set_gdt(&[fine, writable], 1024),
        -EINVAL,
        "the second frame is bad"
    );
    same!(limit_of(8 | 3)?, 0x123, "limit by the old GDT");
    returns!(mem::thaw(fine), 0, "the good frame is free again");
    Ok(())
}

/// Is a page of a GDT in use safe from the guest's writes, by every way?
fn gdt_page_cannot_be_written() -> Outcome {
    let page = install(&[0, limited(0x123)])?;
    returns!(mem::thaw(page), -EBUSY, "a writable mapping");
    let table = mem::entry_at(page, 1);
    let writable = mem::entry(page, mem::WRITE);
    returns!(mem::set_entry(table, writable), -EBUSY, "a writable entry");
    returns!(
        mem::mmu_update(mem::machine(page), 0),
        -EINVAL,
        "a plain word"
    );
    returns!(
        mem::mmuext(MMUEXT_PIN_L1_TABLE, mem::mfn(page), 0),
        -EINVAL,
        "a page table"
    );
    same!(
        mem::read(page + 8) & !ACCESSED,
        limited(0x123),
        "the descriptor"
    );
    returns!(set_gdt(&[], 0), 0, "no GDT");
    returns!(mem::thaw(page), 0, "a writable mapping afterwards");
    mem::write(page + 8, 0);
    Ok(())
}

/// May a page of a GDT be given up, and does the GDT stay what it was?
fn gdt_page_may_be_given_up() -> Outcome {
    use guest_kernel_stub::Xen;
    let page = install(&[0, limited(0x123)])?;
    let frame = [mem::mfn(page)];
    returns!(mem::map(page, 0), 0, "unmapping");
    // SAFETY: the frame is the probe's, and is used no more.
    let freed = unsafe { Xen::decrease_reservation(&frame, 0) };
    check!(freed.is_ok(), "decrease_reservation: {freed:?}");
    same!(limit_of(8 | 3)?, 0x123, "limit by the GDT");
    let mut list = [mem::pfn(page)];
    let got = Xen::populate_physmap(&mut list, 0, 0);
    check!(got == Ok(1), "populate_physmap: {got:?}");
    check!(list != frame, "the frame was given out while it is in use");
    returns!(set_gdt(&[], 0), 0, "no GDT");
    same!(limit_of(8 | 3)?, 0, "limit without a GDT");
    Ok(())
}

/// Are a guest's selectors void behind `set_gdt` with no entries?
fn empty_gdt_ends_the_old() -> Outcome {
    install(&[0, limited(0x123)])?;
    same!(limit_of(8 | 3)?, 0x123, "limit");
    returns!(set_gdt(&[], 0), 0, "no GDT");
    same!(limit_of(8 | 3)?, 0, "limit without a GDT");
    let trap = trap::kernel(load_ds, Regs { rdi: 8, ..MARKED });
    faults("a selector without a GDT", &trap, 13, 8)?;
    same!(
        limit_of(0xe02b)?,
        0xffff_ffff,
        "limit of the hypervisor's own"
    );
    Ok(())
}

/// Are all 14 frames the guest's, in their order, also the same frame twice?
fn fourteen_frames() -> Outcome {
    let pages: [u64; 14] = core::array::from_fn(|n| page_of(&[0, limited(0x100 + n as u64)]));
    returns!(set_gdt(&pages, 7168), 0, "14 frames");
    for (n, page) in (0..14).zip(pages) {
        same!(
            limit_of((n * 4096 + 8) | 3)?,
            0x100 + n,
            "limit in frame {n}"
        );
        returns!(mem::thaw(page), -EBUSY, "frame {n} is in use");
    }
    returns!(set_gdt(&[pages[3]; 14], 7168), 0, "one frame 14 times");
    for n in 0..14 {
        same!(limit_of((n * 4096 + 8) | 3)?, 0x103, "limit in place {n}");
    }
    returns!(mem::thaw(pages[4]), 0, "the others are free");
    returns!(mem::thaw(pages[3]), -EBUSY, "the one is not");
    returns!(set_gdt(&[pages[3]], 1), 0, "a GDT of one entry");
    same!(limit_of(8 | 3)?, 0x103, "the frame is used as a whole");
    same!(limit_of((4096 + 8) | 3)?, 0, "limit behind it");
    Ok(())
}

/// Which descriptors, and which places for one, are refused?
fn update_descriptor_refusals() -> Outcome {
    let page = install(&[0, limited(0x123)])?;
    for kind in [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15] {
        let bad = PRESENT | kind << 40;
        returns!(
            update(page + 8, bad),
            -EINVAL,
            "a system descriptor of type {kind}"
        );
        returns!(update(page + 8, bad | DPL3), -EINVAL, "with level 3");
    }
    for off in 1..8 {
        let crooked = hypercall(UPDATE_DESCRIPTOR, &[mem::machine(page + 8) + off, 0]);
        returns!(crooked, -EINVAL, "{off} bytes beside a descriptor");
    }
    let root = mem::root();
    returns!(update(root + 300 * 8, 0), -EINVAL, "a page table");
    for maddr in [0, 0xfee0_0000, 1 << 51, !7] {
        let foreign = hypercall(UPDATE_DESCRIPTOR, &[maddr, 0]);
        returns!(foreign, -EINVAL, "machine address {maddr:#x}");
    }
    same!(
        mem::read(page + 8) & !ACCESSED,
        limited(0x123),
        "the descriptor"
    );
    Ok(())
}

/// Does a descriptor count from the call on, corrected like those of a new GDT?
fn update_descriptor_acts_at_once() -> Outcome {
    let page = install(&[0, limited(0x123)])?;
    returns!(update(page + 8, limited(0x456)), 0, "update");
    same!(limit_of(8 | 3)?, 0x456, "limit");
    returns!(update(page + 16, DATA), 0, "data of level 0");
    let seen = mem::read(page + 16) & !ACCESSED;
    same!(seen, DATA | ring() << 45, "its level is the kernel's");
    for absent in [0, 0x1234_5678_1234_5678 & !PRESENT, !PRESENT] {
        returns!(
            update(page + 8, absent),
            0,
            "a descriptor that is not present"
        );
        same!(mem::read(page + 8), absent, "it stays as given");
    }
    returns!(
        update(page + 8, limited(0x456) & !PRESENT),
        0,
        "not present"
    );
    let trap = trap::kernel(
        load_ds,
        Regs {
            rdi: 8 | 3,
            ..MARKED
        },
    );
    faults("what is not present", &trap, 11, 8)?;
    returns!(
        update(page + 4088, limited(0x789)),
        0,
        "the last of the page"
    );
    same!(limit_of(4088 | 3)?, 0x789, "its limit");
    Ok(())
}

/// Is a page that may be written written, with the same corrections?
fn update_descriptor_writes_plain_pages() -> Outcome {
    let page = mem::page();
    returns!(update(page + 64, DATA), 0, "a page mapped writable");
    let seen = mem::read(page + 64) & !ACCESSED;
    same!(seen, DATA | ring() << 45, "the descriptor");
    returns!(update(page + 64, PRESENT | 9 << 40), -EINVAL, "a TSS");
    Ok(())
}

/// Call gates are refused. (Xen accepts those to the guest's own code, and emulates them.)
fn call_gates_are_refused() -> Outcome {
    let page = install(&[0, limited(0x123), CODE64])?;
    for gate in [0x8c00_0010_0000, 0xec00_0010_0000, 0xec00_e008_0000] {
        returns!(update(page + 8, gate), -EINVAL, "a call gate");
        let bad = page_of(&[0, gate]);
        returns!(set_gdt(&[bad], 1), -EINVAL, "a GDT with a call gate");
    }
    Ok(())
}

/// Whatever code descriptor a kernel makes: can ring 0 be had by it?
fn no_descriptor_leads_to_ring_0() -> Outcome {
    let page = install(&[0, CODE64])?;
    for kind in 8..16 {
        for dpl in 0..4 {
            let raw = CODE64 & !(0xf << 40) | kind << 40 | dpl << 45;
            returns!(
                update(page + 8, raw),
                0,
                "code of type {kind:#x}, level {dpl}"
            );
            for rpl in 0..ring() {
                let selector = 8 | rpl;
                let trap = trap::kernel(
                    far_ud2,
                    Regs {
                        rdi: selector,
                        ..MARKED
                    },
                );
                faults("far return to a lower ring", &trap, 13, 8)?;
            }
            // Not below ring 0's own either: conforming code keeps its caller's ring.
            let trap = trap::kernel(
                far_ud2,
                Regs {
                    rdi: 8 | ring(),
                    ..MARKED
                },
            );
            match trap.kind {
                Kind::Vector(6) => same!(trap.cs & 3, 0, "mode of the kernel's code"),
                Kind::Vector(13) => same!(trap.code.unwrap_or(0), 8, "code"),
                _ => check!(false, "type {kind:#x}, level {dpl}: seen {trap:x?}"),
            }
        }
    }
    Ok(())
}
