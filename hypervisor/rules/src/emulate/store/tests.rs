//! What counts as a store to a page table, and what does not. Results of the instructions are
//! compared with the CPU's in `tests/stores_like_the_cpu.rs`.

use super::*;
use crate::trap::Mode;

const RIP: u64 = 0xffff_ffff_8100_0000;
const TABLE: u64 = 0xffff_8880_0123_4000;

fn regs() -> Registers {
    let mut regs = Registers {
        rip: RIP,
        rflags: 0x1_0246,
        ..Default::default()
    };
    regs.gpr[gpr::RDI] = TABLE + 8;
    regs.gpr[gpr::RSI] = TABLE + 0x3000;
    regs
}

fn decode_with(regs: &Registers, code: &[u8], cr2: u64, mode: Mode) -> Option<Store> {
    let trapped = Trapped {
        code,
        regs,
        mode,
        long_mode: true,
    };
    Store::decode(&trapped, cr2, |segment| match segment {
        Segment::Fs => 0x1000,
        Segment::Gs => 0x2000,
    })
}

fn decode(code: &[u8]) -> Option<Store> {
    decode_with(&regs(), code, TABLE + 8, Mode::Kernel)
}

/// mov [rdi], rax
const MOV: &[u8] = &[0x48, 0x89, 0x07];

#[test]
fn rip_moves_on_and_rf_is_used_up() {
    let applied = decode(MOV).unwrap().apply(5);
    assert_eq!(applied.entry, 0);
    assert_eq!(applied.regs.rip, RIP + 3);
    assert_eq!(applied.regs.rflags, 0x246);
}

#[test]
fn only_the_kernel_stores() {
    assert_eq!(decode_with(&regs(), MOV, TABLE + 8, Mode::User), None);
}

#[test]
fn the_operand_must_lie_in_the_word_that_faulted() {
    for cr2 in [TABLE, TABLE + 16, TABLE + 0x1008, 8] {
        assert_eq!(decode_with(&regs(), MOV, cr2, Mode::Kernel), None);
    }
    // The byte that faulted may be any of the word's.
    for cr2 in TABLE + 8..TABLE + 16 {
        assert!(decode_with(&regs(), MOV, cr2, Mode::Kernel).is_some());
    }
}

#[test]
fn an_operand_that_is_not_aligned_is_refused() {
    // mov [rdi], ax
    let code = [0x66, 0x89, 0x07];
    for offset in 0..8 {
        let mut regs = regs();
        regs.gpr[gpr::RDI] = TABLE + offset;
        let store = decode_with(&regs, &code, TABLE + offset, Mode::Kernel);
        assert_eq!(store.is_some(), offset % 2 == 0, "offset {offset}");
    }
}

#[test]
fn what_writes_no_memory_or_too_much_is_refused() {
    for (name, code) in [
        ("mov rax, [rdi]", &[0x48, 0x8b, 0x07][..]),
        ("cmp [rdi], rax", &[0x48, 0x39, 0x07]),
        ("test [rdi], rax", &[0x48, 0x85, 0x07]),
        ("bt [rdi], rax", &[0x48, 0x0f, 0xa3, 0x07]),
        ("push [rdi]", &[0xff, 0x37]),
        ("call [rdi]", &[0xff, 0x17]),
        ("mov [rdi], ds", &[0x8c, 0x1f]),
        ("movups [rdi], xmm0", &[0x0f, 0x11, 0x07]),
        ("lock cmpxchg16b [rdi]", &[0xf0, 0x48, 0x0f, 0xc7, 0x0f]),
        ("fstp qword [rdi]", &[0xdd, 0x1f]),
        ("lock mov [rdi], rax", &[0xf0, 0x48, 0x89, 0x07]),
        ("mov rax, rdi", &[0x48, 0x89, 0xf8]),
        ("ud2", &[0x0f, 0x0b]),
        ("half an instruction", &[0x48, 0x89]),
        ("nothing", &[]),
    ] {
        assert_eq!(decode(code), None, "{name}");
    }
}

#[test]
fn segments_have_their_bases() {
    let mut regs = regs();
    regs.gpr[gpr::RDI] = TABLE + 8 - 0x2000;
    let code = [0x65, 0x48, 0x89, 0x07]; // mov gs:[rdi], rax
    assert!(decode_with(&regs, &code, TABLE + 8, Mode::Kernel).is_some());
    assert!(decode_with(&regs, &code, regs.gpr[gpr::RDI], Mode::Kernel).is_none());
}

#[test]
fn a_bit_of_a_register_may_lie_in_a_word_further_on() {
    let mut regs = regs();
    let code = [0xf0, 0x48, 0x0f, 0xb3, 0x07]; // lock btr [rdi], rax
    for (index, word) in [(5, 0), (64 + 5, 8), (128 + 5, 16), (-64_i64 + 5, -8)] {
        regs.gpr[gpr::RAX] = index as u64;
        let at = (TABLE + 8).wrapping_add_signed(word);
        let store = decode_with(&regs, &code, at, Mode::Kernel).unwrap();
        assert_eq!(store.apply(0xff).entry, 0xff & !(1 << 5), "bit {index}");
        assert_eq!(decode_with(&regs, &code, at + 8, Mode::Kernel), None);
    }
}

#[test]
fn a_repeated_store_stays_until_its_count_is_used_up() {
    let code = [0xf3, 0x48, 0xab]; // rep stosq
    let mut regs = regs();
    regs.gpr[gpr::RAX] = 0x77;
    for (count, rip) in [(2, RIP), (1, RIP + 3)] {
        regs.gpr[gpr::RCX] = count;
        let applied = decode_with(&regs, &code, TABLE + 8, Mode::Kernel)
            .unwrap()
            .apply(0);
        assert_eq!(applied.entry, 0x77);
        assert_eq!(applied.regs.rip, rip);
        assert_eq!(applied.regs.rcx(), count - 1);
        assert_eq!(applied.regs.gpr[gpr::RDI], TABLE + 16);
    }
    regs.gpr[gpr::RCX] = 0;
    assert_eq!(decode_with(&regs, &code, TABLE + 8, Mode::Kernel), None);
}

#[test]
fn a_string_move_asks_for_its_source() {
    let code = [0xf3, 0x48, 0xa5]; // rep movsq
    let mut regs = regs();
    regs.gpr[gpr::RCX] = 9;
    regs.rflags |= rflags::DF;
    let store = decode_with(&regs, &code, TABLE + 8, Mode::Kernel).unwrap();
    assert_eq!(store.source(), Some((GuestAddr(TABLE + 0x3000), 8)));
    assert_eq!(store.apply(3).entry, 3, "nothing without its source");
    let store = store.with_source([0x11; 8]);
    assert_eq!(store.source(), None);
    let applied = store.apply(3);
    assert_eq!(applied.entry, 0x1111_1111_1111_1111);
    assert_eq!(applied.regs.gpr[gpr::RDI], TABLE);
    assert_eq!(applied.regs.gpr[gpr::RSI], TABLE + 0x3000 - 8);
}
