//! Do plain stores to a read-only page table work, and only those that mmu_update allows?
//!
//! Each form is run twice: on an ordinary page, where the CPU itself says what comes of it, and
//! on an entry of an L1 table. Entries have the U and G bits, which Xen would add.

use guest_kernel_stub::Xen;
use pv_guest_abi::assist::{
    VMASST_CMD_DISABLE, VMASST_CMD_ENABLE, VMASST_TYPE_WRITABLE_PAGETABLES,
};
use pv_guest_abi::mmu::{MMUEXT_INVLPG_LOCAL, MMUEXT_PIN_L1_TABLE, MMUEXT_UNPIN_TABLE};

use super::probes;
use crate::kit::mem::{self, A, D, FRAME, G, NX, P, PAGE, RW, US};
use crate::kit::trap::{self, Code, Kind, Regs, Trap};
use crate::kit::{Outcome, user};

probes!(ptwrites:
    moves,
    exchanges,
    compare_exchanges,
    logic,
    arithmetic,
    single_bits,
    strings,
    mapping_appears_and_goes,
    accessed_and_dirty_bits_stay,
    compare_exchange_sees_them,
    bit_index_beyond_the_operand,
    whole_table_by_rep_stos,
    table_copied_by_rep_movs,
    single_step_behind_a_store,
    writable_mapping_of_a_table_is_refused,
    frames_of_nobody_are_refused,
    upper_levels_are_refused,
    store_across_two_entries_is_refused,
    sixteen_bytes_are_refused,
    user_stores_are_refused,
    without_the_assist_it_faults only_here,
);

/// A present entry's flags that nobody adds to: read-only, and writable.
const READ_ONLY: u64 = P | US | A | G | NX;
/// See `READ_ONLY`.
const WRITABLE: u64 = READ_ONLY | RW | D;
/// The slot of the user's L1 with which probes play, and what it maps.
const SLOT: u64 = 100;
const THERE: u64 = (user::CODE & !(PAGE * 512 - 1)) + SLOT * PAGE;
/// Bits that mean nothing in an entry that is not present.
const ABSENT: u64 = 0x8123_4567_89ab_cdee;

code! {
    mov_al: "mov byte ptr [rdi], al", "ret";
    mov_ah: "mov byte ptr [rdi + 1], ah", "ret";
    mov_ax: "mov word ptr [rdi + 2], ax", "ret";
    mov_eax: "mov dword ptr [rdi], eax", "ret";
    mov_rax: "mov qword ptr [rdi], rax", "ret";
    mov_imm8: "mov byte ptr [rdi], 0x66", "ret";
    mov_imm16: "mov word ptr [rdi], 0x6666", "ret";
    mov_imm32: "mov dword ptr [rdi], 0x66666666", "ret";
    mov_zero: "mov qword ptr [rdi], 0", "ret";
    mov_sign: "mov qword ptr [rdi], -2", "ret";
    movnti: "movnti qword ptr [rdi], rax", "ret";
    mov_indexed: "mov qword ptr [rdi + rcx * 8 - 24], rax", "ret";

    xchg_rax: "xchg qword ptr [rdi], rax", "ret";
    xchg_eax: "xchg dword ptr [rdi + 4], eax", "ret";
    xchg_cx: "lock xchg word ptr [rdi + 2], cx", "ret";
    xchg_dh: "xchg byte ptr [rdi + 3], dh", "ret";

    cmpxchg_rbx: "lock cmpxchg qword ptr [rdi], rbx", "ret";
    cmpxchg_ebx: "cmpxchg dword ptr [rdi], ebx", "ret";
    cmpxchg_bl: "lock cmpxchg byte ptr [rdi], bl", "ret";
    cmpxchg8b: "lock cmpxchg8b qword ptr [rdi]", "ret";

    andb: "lock and byte ptr [rdi], 0xfd", "ret";
    andq: "lock and qword ptr [rdi], -3", "ret";
    andq_rax: "and qword ptr [rdi], rax", "ret";
    orb: "or byte ptr [rdi], 0x40", "ret";
    orq: "lock or qword ptr [rdi], 0x40", "ret";
    xorl: "lock xor dword ptr [rdi], 0x40", "ret";
    notl: "lock not dword ptr [rdi + 4]", "ret";

    addq: "lock add qword ptr [rdi], rax", "ret";
    adcl: "stc", "adc dword ptr [rdi + 4], eax", "ret";
    subq: "sub qword ptr [rdi], rax", "ret";
    sbbw: "stc", "lock sbb word ptr [rdi + 2], ax", "ret";
    incl: "lock inc dword ptr [rdi + 4]", "ret";
    decb: "dec byte ptr [rdi + 7]", "ret";
    negw: "lock neg word ptr [rdi + 4]", "ret";
    xaddq: "lock xadd qword ptr [rdi], rax", "ret";
    xaddl: "xadd dword ptr [rdi + 4], ecx", "ret";

    btr: "lock btr qword ptr [rdi], 5", "ret";
    bts: "bts qword ptr [rdi], 6", "ret";
    btc: "lock btc dword ptr [rdi], 1", "ret";
    btr_rax: "lock btr qword ptr [rdi], rax", "ret";

    stosq: "stosq", "ret";
    stosb: "stosb", "ret";
    movsq: "movsq", "ret";
    rep_stosq: "rep stosq", "ret";
    rep_movsq: "rep movsq", "ret";

    stepped: "pushfq", "or qword ptr [rsp], 0x100", "lea rbx, [rip + 2f]", "popfq",
             "mov qword ptr [rdi], rax", "2: nop", "ret";
    cmpxchg16b: "lock cmpxchg16b xmmword ptr [rdi]", "ret";
    user_store: "mov qword ptr [rdi], rax", "syscall";
}

/// Where the entry lies.
fn entry() -> u64 {
    user::space().l1 + SLOT * 8
}

fn assist(on: bool) -> Outcome {
    let command = if on {
        VMASST_CMD_ENABLE
    } else {
        VMASST_CMD_DISABLE
    };
    Xen::vm_assist(command, VMASST_TYPE_WRITABLE_PAGETABLES)
        .map_err(|errno| alloc::format!("vm_assist: {errno}"))
}

/// Clears the entry behind a probe.
fn clear() -> Outcome {
    returns!(mem::set_entry(entry(), 0), 0, "the entry cleared");
    returns!(
        mem::mmuext(MMUEXT_INVLPG_LOCAL, THERE, 0),
        0,
        "its address flushed"
    );
    Ok(())
}

/// Runs a form on an ordinary word and on the entry: word, registers and flags must agree.
fn agrees(name: &str, code: Code, before: u64, regs: Regs) -> Result<u64, alloc::string::String> {
    let word = mem::page();
    mem::write(word, before);
    let wanted = trap::kernel(code, Regs { rdi: word, ..regs });
    check!(
        wanted.kind == Kind::Returned,
        "{name}: on an ordinary page: {wanted:x?}"
    );

    returns!(
        mem::set_entry(entry(), before),
        0,
        "{name}: the entry before"
    );
    let seen = trap::kernel(
        code,
        Regs {
            rdi: entry(),
            ..regs
        },
    );
    check!(
        seen.kind == Kind::Returned,
        "{name}: on the entry: {seen:x?}"
    );
    same!(mem::read(entry()), mem::read(word), "{name}: the entry");
    let flags = 0x8d5;
    same!(
        seen.own_rflags & flags,
        wanted.own_rflags & flags,
        "{name}: flags"
    );
    for ((register, seen), (_, wanted)) in seen.regs.named().into_iter().zip(wanted.regs.named()) {
        // RDI is as far from its start in both.
        let base = if register == "rdi" {
            (entry(), word)
        } else {
            (0, 0)
        };
        same!(seen - base.0, wanted - base.1, "{name}: {register}");
    }
    let result = mem::read(entry());
    clear()?;
    Ok(result)
}

/// `agrees` for a list of forms.
fn agree(forms: &[(&str, Code, u64, Regs)]) -> Outcome {
    assist(true)?;
    for &(name, code, before, regs) in forms {
        agrees(name, code, before, regs)?;
    }
    Ok(())
}

/// Two pages of the guest's, as entries: read-only and writable.
fn entries() -> (u64, u64) {
    (
        mem::entry(mem::page(), READ_ONLY),
        mem::entry(mem::page(), WRITABLE),
    )
}

const ANY: Regs = Regs::MARKED;

/// Do `mov` of 1 to 8 bytes from registers and immediates work, and `movnti`?
fn moves() -> Outcome {
    let (read, write) = entries();
    let whole = Regs { rax: read, ..ANY };
    let even = Regs {
        rax: 0x7777_7777_7777_7676,
        ..ANY
    };
    agree(&[
        ("mov r64", mov_rax, write, whole),
        (
            "mov r64, indexed",
            mov_indexed,
            write,
            Regs { rcx: 3, ..whole },
        ),
        ("mov r64 to an absent entry", mov_rax, ABSENT, whole),
        ("mov r64 of an absent entry", mov_rax, write, even),
        ("mov r32", mov_eax, ABSENT, even),
        ("mov r16", mov_ax, ABSENT, even),
        ("mov r8", mov_al, ABSENT, even),
        ("mov r8, high", mov_ah, ABSENT, even),
        ("mov imm8", mov_imm8, ABSENT, ANY),
        ("mov imm16", mov_imm16, ABSENT, ANY),
        ("mov imm32", mov_imm32, ABSENT, ANY),
        ("mov 0", mov_zero, write, ANY),
        ("mov imm32, sign-extended", mov_sign, write, ANY),
        ("movnti", movnti, write, whole),
    ])
}

/// Does `xchg` give the old entry, in every width?
fn exchanges() -> Outcome {
    let (read, write) = entries();
    agree(&[
        ("xchg r64", xchg_rax, write, Regs { rax: read, ..ANY }),
        ("xchg r64 with 0", xchg_rax, write, Regs { rax: 0, ..ANY }),
        ("xchg r32", xchg_eax, ABSENT, ANY),
        ("xchg r16", xchg_cx, ABSENT, ANY),
        ("xchg r8, high", xchg_dh, ABSENT, ANY),
    ])
}

/// Does `cmpxchg` replace what it expects, and tell of what it does not?
fn compare_exchanges() -> Outcome {
    let (read, write) = entries();
    let new = Regs { rbx: read, ..ANY };
    let pair = Regs {
        rax: write & 0xffff_ffff,
        rdx: write >> 32,
        rbx: read & 0xffff_ffff,
        rcx: read >> 32,
        ..ANY
    };
    agree(&[
        ("cmpxchg", cmpxchg_rbx, write, Regs { rax: write, ..new }),
        (
            "cmpxchg of another",
            cmpxchg_rbx,
            write,
            Regs { rax: read, ..new },
        ),
        (
            "cmpxchg r32",
            cmpxchg_ebx,
            ABSENT,
            Regs {
                rax: u64::from(ABSENT as u32),
                rbx: 0x10,
                ..ANY
            },
        ),
        (
            "cmpxchg r32 of another",
            cmpxchg_ebx,
            ABSENT,
            Regs { rbx: 0x10, ..ANY },
        ),
        ("cmpxchg r8", cmpxchg_bl, ABSENT, Regs { rax: 0xee, ..ANY }),
        ("cmpxchg8b", cmpxchg8b, write, pair),
        ("cmpxchg8b of another", cmpxchg8b, read, pair),
    ])?;
    let kept = agrees(
        "cmpxchg of another",
        cmpxchg_rbx,
        write,
        Regs { rax: read, ..new },
    )?;
    same!(kept, write, "the entry that was not expected");
    Ok(())
}

/// Do `and`, `or`, `xor`, `not` work, with a byte too?
fn logic() -> Outcome {
    let (read, write) = entries();
    agree(&[
        ("lock andb", andb, write, ANY),
        ("lock andq", andq, write, ANY),
        (
            "andq with a register",
            andq_rax,
            write,
            Regs { rax: !RW, ..ANY },
        ),
        ("orb", orb, read, ANY),
        ("lock orq", orq, read, ANY),
        ("lock xorl", xorl, read, ANY),
        ("lock notl", notl, ABSENT, ANY),
    ])
}

/// Do sums and differences work, with their flags?
fn arithmetic() -> Outcome {
    let (read, _) = entries();
    let flags = Regs { rax: D, ..ANY };
    agree(&[
        ("lock addq", addq, read, flags),
        ("adcl", adcl, ABSENT, ANY),
        ("subq", subq, read | D, flags),
        ("lock sbbw", sbbw, ABSENT, ANY),
        ("lock incl", incl, 0xffff_ffff_0000_0000, ANY),
        ("decb", decb, 0, ANY),
        ("lock negw", negw, ABSENT, ANY),
        ("lock xaddq", xaddq, read, flags),
        ("xaddl", xaddl, ABSENT, ANY),
    ])
}

/// Do `bts`, `btr` and `btc` work?
fn single_bits() -> Outcome {
    let (read, _) = entries();
    agree(&[
        ("lock btr", btr, read, ANY),
        ("lock btr of a clear bit", btr, ABSENT & !A, ANY),
        ("bts", bts, read, ANY),
        ("lock btc", btc, ABSENT, ANY),
        ("btr by a register", btr_rax, read, Regs { rax: 5, ..ANY }),
    ])
}

/// Do `stos` and `movs` work?
fn strings() -> Outcome {
    let (read, write) = entries();
    let from = mem::page();
    mem::write(from, write);
    agree(&[
        ("stosq", stosq, write, Regs { rax: read, ..ANY }),
        ("stosb", stosb, ABSENT, Regs { rax: 0x66, ..ANY }),
        ("movsq", movsq, read, Regs { rsi: from, ..ANY }),
    ])
}

/// Is a page that is stored into a table mapped, and gone when 0 is stored?
fn mapping_appears_and_goes() -> Outcome {
    assist(true)?;
    let page = mem::page();
    mem::write(page, 31337);
    let regs = Regs {
        rdi: entry(),
        rax: mem::entry(page, WRITABLE),
        ..ANY
    };
    let stored = trap::kernel(mov_rax, regs);
    check!(stored.kind == Kind::Returned, "the store: {stored:x?}");
    same!(mem::read(THERE), 31337, "the page through the new entry");
    mem::write(THERE, 4242);
    same!(mem::read(page), 4242, "what was written through it");
    let cleared = trap::kernel(xchg_rax, Regs { rax: 0, ..regs });
    same!(cleared.regs.rax, regs.rax, "the entry that is taken out");
    returns!(mem::mmuext(MMUEXT_INVLPG_LOCAL, THERE, 0), 0, "flush");
    let seen = trap::kernel(mov_rax, Regs { rdi: THERE, ..ANY });
    check!(
        seen.kind == Kind::Vector(14) && seen.cr2 == THERE,
        "expected #PF at {THERE:#x}, seen {seen:x?}"
    );
    // With the kernel's own mapping read-only too, nothing writes it: it can become a table.
    mem::write(page, 0);
    returns!(mem::freeze(page), 0, "the page read-only");
    returns!(
        mem::mmuext(MMUEXT_PIN_L1_TABLE, mem::mfn(page), 0),
        0,
        "pinned as an L1"
    );
    returns!(
        mem::mmuext(MMUEXT_UNPIN_TABLE, mem::mfn(page), 0),
        0,
        "unpinned"
    );
    Ok(())
}

/// Do the bits that the CPU sets survive `lock and` of another byte or bit?
fn accessed_and_dirty_bits_stay() -> Outcome {
    assist(true)?;
    let page = mem::page();
    let bare = mem::entry(page, P | RW | US | G | NX);
    for code in [andb as Code, andq] {
        returns!(mem::set_entry(entry(), bare), 0, "an entry without A and D");
        returns!(mem::mmuext(MMUEXT_INVLPG_LOCAL, THERE, 0), 0, "flush");
        mem::write(THERE, 1);
        same!(
            mem::read(entry()),
            bare | A | D,
            "the entry after a write through it"
        );
        let done = trap::kernel(
            code,
            Regs {
                rdi: entry(),
                ..ANY
            },
        );
        check!(done.kind == Kind::Returned, "the store: {done:x?}");
        same!(
            mem::read(entry()),
            (bare | A | D) & !RW,
            "the entry, now read-only"
        );
        clear()?;
    }
    Ok(())
}

/// Does `cmpxchg` with an entry from before the CPU set them fail, and tell of them?
fn compare_exchange_sees_them() -> Outcome {
    assist(true)?;
    let bare = mem::entry(mem::page(), P | RW | US | G | NX);
    returns!(mem::set_entry(entry(), bare), 0, "an entry without A and D");
    returns!(mem::mmuext(MMUEXT_INVLPG_LOCAL, THERE, 0), 0, "flush");
    mem::write(THERE, 1);
    let regs = Regs {
        rdi: entry(),
        rax: bare,
        rbx: 0,
        ..ANY
    };
    let done = trap::kernel(cmpxchg_rbx, regs);
    check!(done.kind == Kind::Returned, "the store: {done:x?}");
    same!(done.regs.rax, bare | A | D, "RAX");
    same!(done.own_rflags & 0x40, 0, "ZF");
    same!(mem::read(entry()), bare | A | D, "the entry");
    clear()
}

/// Does a bit index in a register reach entries before and behind?
fn bit_index_beyond_the_operand() -> Outcome {
    assist(true)?;
    let (read, _) = entries();
    for (offset, index) in [(-8_i64, 64 + 5_i64), (8, -64 + 5), (-80, 640 + 5)] {
        returns!(mem::set_entry(entry(), read), 0, "the entry");
        let regs = Regs {
            rdi: entry().wrapping_add_signed(offset),
            rax: index as u64,
            ..ANY
        };
        let done = trap::kernel(btr_rax, regs);
        check!(done.kind == Kind::Returned, "bit {index}: {done:x?}");
        same!(mem::read(entry()), read & !A, "bit {index}: the entry");
        same!(done.own_rflags & 1, 1, "bit {index}: CF");
    }
    clear()
}

/// Can a whole live table be filled and cleared by `rep stosq`?
fn whole_table_by_rep_stos() -> Outcome {
    assist(true)?;
    let space = user::space();
    let l1 = mem::page();
    returns!(mem::freeze(l1), 0, "read-only");
    returns!(
        mem::set_entry(space.l2 + 8 * 300, mem::entry(l1, mem::TABLE)),
        0,
        "hung in"
    );
    let target = mem::page();
    for value in [mem::entry(target, WRITABLE), 0] {
        let done = trap::kernel(
            rep_stosq,
            Regs {
                rdi: l1,
                rcx: 512,
                rax: value,
                ..ANY
            },
        );
        check!(done.kind == Kind::Returned, "rep stosq: {done:x?}");
        same!(done.regs.rcx, 0, "RCX");
        same!(done.regs.rdi, l1 + PAGE, "RDI");
        for slot in 0..512 {
            same!(mem::read(l1 + slot * 8), value, "entry {slot}");
        }
    }
    returns!(mem::set_entry(space.l2 + 8 * 300, 0), 0, "taken out");
    returns!(mem::thaw(l1), 0, "writable again");
    Ok(())
}

/// Can entries be copied from an ordinary page by `rep movsq`, backwards too?
fn table_copied_by_rep_movs() -> Outcome {
    assist(true)?;
    let from = mem::page();
    let target = mem::page();
    for slot in 0..8 {
        mem::write(
            from + slot * 8,
            mem::entry(target, READ_ONLY) | (slot & 1) << 6,
        );
    }
    let regs = Regs {
        rdi: entry(),
        rsi: from,
        rcx: 8,
        ..ANY
    };
    let done = trap::kernel(rep_movsq, regs);
    check!(done.kind == Kind::Returned, "rep movsq: {done:x?}");
    same!(done.regs.rsi, from + 64, "RSI");
    for slot in 0..8 {
        same!(
            mem::read(entry() + slot * 8),
            mem::read(from + slot * 8),
            "entry {slot}"
        );
    }
    let done = trap::kernel(
        rep_stosq,
        Regs {
            rdi: entry(),
            rcx: 8,
            rax: 0,
            ..ANY
        },
    );
    check!(done.kind == Kind::Returned, "rep stosq: {done:x?}");
    Ok(())
}

/// Does a single step end behind the store?
fn single_step_behind_a_store() -> Outcome {
    assist(true)?;
    let (read, _) = entries();
    let seen = trap::kernel(
        stepped,
        Regs {
            rdi: entry(),
            rax: read,
            ..ANY
        },
    );
    check!(seen.kind == Kind::Vector(1), "expected #DB, seen {seen:x?}");
    same!(seen.rip, seen.regs.rbx, "RIP");
    same!(mem::read(entry()), read, "the entry");
    clear()
}

/// Is this a page fault as if nobody had looked, and nothing changed?
fn refused(
    name: &str,
    code: Code,
    address: u64,
    regs: Regs,
) -> Result<Trap, alloc::string::String> {
    let before = mem::read(address & !7);
    let regs = Regs {
        rdi: address,
        ..regs
    };
    let seen = trap::kernel(code, regs);
    check!(
        seen.kind == Kind::Vector(14) && seen.code == Some(3),
        "{name}: expected #PF(3), seen {seen:x?}"
    );
    same!(seen.cr2, address, "{name}: CR2");
    same!(seen.rip, code as usize as u64, "{name}: RIP");
    same!(mem::read(address & !7), before, "{name}: the entry");
    for ((register, seen), (_, wanted)) in seen.regs.named().into_iter().zip(regs.named()) {
        same!(seen, wanted, "{name}: {register}");
    }
    Ok(seen)
}

/// Can no store map a page table writable, by whatever form?
fn writable_mapping_of_a_table_is_refused() -> Outcome {
    assist(true)?;
    let table = user::space().l2;
    let (read, write) = (mem::entry(table, READ_ONLY), mem::entry(table, WRITABLE));
    for absent in [0, ABSENT] {
        returns!(mem::set_entry(entry(), absent), 0, "an absent entry");
        refused("mov", mov_rax, entry(), Regs { rax: write, ..ANY })?;
        refused("xchg", xchg_rax, entry(), Regs { rax: write, ..ANY })?;
        refused(
            "cmpxchg",
            cmpxchg_rbx,
            entry(),
            Regs {
                rax: absent,
                rbx: write,
                ..ANY
            },
        )?;
        refused("stos", stosq, entry(), Regs { rax: write, ..ANY })?;
    }
    returns!(
        mem::set_entry(entry(), read),
        0,
        "a read-only mapping of the table"
    );
    refused("bts", btc, entry(), ANY)?;
    refused("add", addq, entry(), Regs { rax: RW, ..ANY })?;
    refused("xadd", xaddq, entry(), Regs { rax: RW, ..ANY })?;
    clear()
}

/// Can no store map memory of the hypervisor's or what is no memory at all?
fn frames_of_nobody_are_refused() -> Outcome {
    assist(true)?;
    let beyond = 1 << 50;
    let hypervisors = {
        // The first frame that holds the M2P.
        let mut list = [0u64];
        let mut argument = pv_guest_abi::memory::MachphysMfnList {
            max_extents: 1,
            extent_start: crate::kit::at_mut(&mut list),
            ..Default::default()
        };
        let operation = pv_guest_abi::memory::XENMEM_MACHPHYS_MFN_LIST;
        let result = crate::kit::hypercall(
            pv_guest_abi::hypercall::MEMORY_OP,
            &[operation.into(), crate::kit::at_mut(&mut argument)],
        );
        returns!(result, 0, "machphys_mfn_list");
        list[0] * PAGE
    };
    for frame in [beyond, hypervisors] {
        let write = frame & FRAME | WRITABLE;
        refused("mov", mov_rax, entry(), Regs { rax: write, ..ANY })?;
    }
    clear()
}

/// Do stores to tables of upper levels fault?
fn upper_levels_are_refused() -> Outcome {
    assist(true)?;
    let space = user::space();
    for table in [space.l2, space.l3, space.user_l4, mem::root()] {
        let at = table + 8 * 333;
        refused("mov", mov_rax, at, Regs { rax: 0, ..ANY })?;
        refused("xchg", xchg_rax, at, Regs { rax: 0, ..ANY })?;
        refused("lock andb", andb, at, ANY)?;
    }
    Ok(())
}

/// Does a store that is not aligned fault, whether it lies in one entry or in two?
fn store_across_two_entries_is_refused() -> Outcome {
    assist(true)?;
    for offset in [1, 2, 4, 7] {
        refused("mov", mov_rax, entry() + offset, Regs { rax: 0, ..ANY })?;
    }
    refused(
        "mov of four bytes",
        mov_eax,
        entry() + 2,
        Regs { rax: 0, ..ANY },
    )?;
    refused(
        "mov of four bytes",
        mov_eax,
        entry() + 6,
        Regs { rax: 0, ..ANY },
    )?;
    Ok(())
}

/// Does `cmpxchg16b` fault?
fn sixteen_bytes_are_refused() -> Outcome {
    assist(true)?;
    let regs = Regs {
        rax: 0,
        rdx: 0,
        rbx: 0,
        rcx: 0,
        ..ANY
    };
    refused("cmpxchg16b", cmpxchg16b, entry() & !15, regs)?;
    Ok(())
}

/// Does a user's store to a table that its kernel shows it fault?
fn user_stores_are_refused() -> Outcome {
    assist(true)?;
    let shown = mem::entry(user::space().l1, P | US | A | G | NX);
    returns!(
        mem::set_entry(entry(), shown),
        0,
        "the table shown to the user"
    );
    returns!(mem::mmuext(MMUEXT_INVLPG_LOCAL, THERE, 0), 0, "flush");
    let regs = Regs {
        rdi: THERE + 8 * 200,
        rax: 0,
        ..ANY
    };
    let seen = user::run(user_store, regs);
    check!(
        seen.kind == Kind::Vector(14) && seen.code == Some(7),
        "expected #PF(7), seen {seen:x?}"
    );
    clear()
}

/// Does the same store fault when the assist is switched off? (Xen helps domain 0 even then.)
fn without_the_assist_it_faults() -> Outcome {
    let (read, _) = entries();
    assist(false)?;
    let off = refused("mov", mov_rax, entry(), Regs { rax: read, ..ANY });
    assist(true)?;
    off?;
    agrees("mov", mov_rax, 0, Regs { rax: read, ..ANY })?;
    Ok(())
}
