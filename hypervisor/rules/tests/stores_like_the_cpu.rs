//! Emulated stores do what the CPU does.
//!
//! Each form of store is executed by the CPU that runs this test, on ordinary memory, and by
//! the emulator, from the same bytes and registers. Results, registers and defined flags must be
//! equal.
#![cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
#![allow(missing_docs)]

use proptest::prelude::*;
use xenolith_rules::emulate::store::Store;
use xenolith_rules::emulate::{Registers, Trapped, gpr};
use xenolith_rules::trap::Mode;

/// Flags that the manual leaves undefined after logic, and after bit operations.
const LOGIC: u64 = 1 << 4;
const BITS: u64 = 1 << 2 | 1 << 4 | 1 << 7 | 1 << 11;

/// Name, operand's bytes, undefined flags; the code between the marks is what is tested. The
/// operand is at RDI.
macro_rules! forms {
    ($($code:literal, $bytes:literal, $undefined:expr;)+) => {
        const FORMS: &[(&str, u64, u64)] = &[$(($code, $bytes, $undefined)),+];
        core::arch::global_asm!(
            ".pushsection .data.rel.forms, \"aw\"",
            "xl_forms:",
            ".popsection",
            $("771:", $code, "772: ret",
              ".pushsection .data.rel.forms, \"aw\"",
              ".quad 771b, 772b",
              ".popsection",)+
        );
    };
}

forms! {
    "mov byte ptr [rdi], al", 1, 0;
    "mov byte ptr [rdi], ah", 1, 0;
    "mov byte ptr [rdi], sil", 1, 0;
    "mov word ptr [rdi], cx", 2, 0;
    "mov dword ptr [rdi], edx", 4, 0;
    "mov qword ptr [rdi], rbx", 8, 0;
    "mov byte ptr [rdi], 0xa5", 1, 0;
    "mov word ptr [rdi], 0xa5a5", 2, 0;
    "mov dword ptr [rdi], 0xa5a5a5a5", 4, 0;
    "mov qword ptr [rdi], -2", 8, 0;
    "mov qword ptr [rdi], 0", 8, 0;
    "movnti dword ptr [rdi], eax", 4, 0;
    "movnti qword ptr [rdi], rax", 8, 0;
    "xchg byte ptr [rdi], cl", 1, 0;
    "xchg byte ptr [rdi], dh", 1, 0;
    "xchg word ptr [rdi], ax", 2, 0;
    "xchg dword ptr [rdi], eax", 4, 0;
    "xchg qword ptr [rdi], rsi", 8, 0;
    "lock cmpxchg byte ptr [rdi], cl", 1, 0;
    "cmpxchg word ptr [rdi], cx", 2, 0;
    "lock cmpxchg dword ptr [rdi], ecx", 4, 0;
    "lock cmpxchg qword ptr [rdi], rbx", 8, 0;
    "lock cmpxchg8b qword ptr [rdi]", 8, 0;
    "cmpxchg8b qword ptr [rdi]", 8, 0;
    "lock add byte ptr [rdi], al", 1, 0;
    "add word ptr [rdi], ax", 2, 0;
    "add dword ptr [rdi], 0x7fffffff", 4, 0;
    "lock add qword ptr [rdi], rax", 8, 0;
    "lock adc byte ptr [rdi], 0x7f", 1, 0;
    "adc qword ptr [rdi], rax", 8, 0;
    "sub byte ptr [rdi], dl", 1, 0;
    "lock sub dword ptr [rdi], edx", 4, 0;
    "lock sub qword ptr [rdi], 8", 8, 0;
    "sbb word ptr [rdi], dx", 2, 0;
    "lock sbb qword ptr [rdi], rdx", 8, 0;
    "lock and byte ptr [rdi], 0xfd", 1, LOGIC;
    "and dword ptr [rdi], eax", 4, LOGIC;
    "lock and qword ptr [rdi], rax", 8, LOGIC;
    "and qword ptr [rdi], -3", 8, LOGIC;
    "or byte ptr [rdi], 2", 1, LOGIC;
    "lock or qword ptr [rdi], rcx", 8, LOGIC;
    "lock or qword ptr [rdi], 0x20", 8, LOGIC;
    "xor word ptr [rdi], 0x1234", 2, LOGIC;
    "lock xor qword ptr [rdi], rcx", 8, LOGIC;
    "lock inc byte ptr [rdi]", 1, 0;
    "inc qword ptr [rdi]", 8, 0;
    "dec word ptr [rdi]", 2, 0;
    "lock dec dword ptr [rdi]", 4, 0;
    "neg byte ptr [rdi]", 1, 0;
    "lock neg qword ptr [rdi]", 8, 0;
    "lock not dword ptr [rdi]", 4, 0;
    "not qword ptr [rdi]", 8, 0;
    "lock xadd byte ptr [rdi], ch", 1, 0;
    "xadd word ptr [rdi], ax", 2, 0;
    "lock xadd dword ptr [rdi], eax", 4, 0;
    "lock xadd qword ptr [rdi], rax", 8, 0;
    "lock btr qword ptr [rdi], 5", 8, BITS;
    "btr dword ptr [rdi], 6", 4, BITS;
    "lock bts qword ptr [rdi], 63", 8, BITS;
    "bts word ptr [rdi], 1", 2, BITS;
    "btc qword ptr [rdi], 33", 8, BITS;
    "lock btc dword ptr [rdi], 31", 4, BITS;
    "stosb", 1, 0;
    "stosw", 2, 0;
    "stosd", 4, 0;
    "stosq", 8, 0;
    "add qword ptr [rdi + rcx * 8 - 0x10], rax", 8, 0;
}

core::arch::global_asm!(
    // rdi: code, rsi: registers (RAX RCX RDX RBX RSI RDI RFLAGS).
    "xl_run_form:",
    "push rbx; push r12; push r13",
    "mov r12, rsi; mov r13, rdi",
    "mov rax, [r12]; mov rcx, [r12 + 8]; mov rdx, [r12 + 16]",
    "mov rbx, [r12 + 24]; mov rsi, [r12 + 32]; mov rdi, [r12 + 40]",
    "push [r12 + 48]; popfq",
    "call r13",
    "pushfq; pop [r12 + 48]; cld",
    "mov [r12], rax; mov [r12 + 8], rcx; mov [r12 + 16], rdx",
    "mov [r12 + 24], rbx; mov [r12 + 32], rsi; mov [r12 + 40], rdi",
    "pop r13; pop r12; pop rbx",
    "ret",
);

unsafe extern "C" {
    static xl_forms: [u64; 2];
    fn xl_run_form(code: u64, regs: *mut [u64; 7]);
}

/// Where the registers of a run stand in the emulator's list.
const ORDER: [usize; 6] = [gpr::RAX, gpr::RCX, gpr::RDX, gpr::RBX, gpr::RSI, gpr::RDI];
/// CF, PF, AF, ZF, SF, OF.
const FLAGS: u64 = 0x8d5;
const DF: u64 = 1 << 10;

/// First byte of a form, and its code.
fn code(form: usize) -> (u64, &'static [u8]) {
    // SAFETY: the table has two words for each form, which enclose its code in the text.
    unsafe {
        let [start, end] = *(&raw const xl_forms).add(form);
        let code = core::slice::from_raw_parts(start as *const u8, (end - start) as usize);
        (start, code)
    }
}

/// Runs a form on the CPU and in the emulator, on word 1 of `memory`.
fn compare(form: usize, offset: u64, mut gprs: [u64; 6], flags: u64, memory: [u64; 3]) {
    let (name, bytes, undefined) = FORMS[form];
    let (rip, code) = code(form);
    let mut live = Box::new(memory);
    let word = &raw mut live[1] as u64;
    let address = word + offset * bytes;
    gprs[5] = address;
    if name.contains("rcx * 8") {
        gprs[1] = 2;
    }
    let flags = flags & (FLAGS | DF) | 0x202;

    let mut regs = Registers {
        gpr: [0; 16],
        rip,
        rflags: flags,
    };
    ORDER
        .iter()
        .zip(gprs)
        .for_each(|(&at, value)| regs.gpr[at] = value);
    let trapped = Trapped {
        code,
        regs: &regs,
        mode: Mode::Kernel,
        long_mode: true,
    };
    let store = Store::decode(&trapped, address, |_| 0).expect(name);
    let emulated = store.apply(memory[1]);

    let mut real = [0; 7];
    real[..6].copy_from_slice(&gprs);
    real[6] = flags;
    // SAFETY: the form changes its operand, which lies in `live`, and the registers of `real`.
    unsafe { xl_run_form(rip, &raw mut real) };

    assert_eq!([live[0], live[2]], [memory[0], memory[2]], "{name}");
    assert_eq!(
        emulated.entry, live[1],
        "{name}: {:#x} != {:#x}",
        emulated.entry, live[1]
    );
    for (&at, value) in ORDER.iter().zip(real) {
        assert_eq!(emulated.regs.gpr[at], value, "{name}: register {at}");
    }
    let defined = FLAGS & !undefined;
    let (ours, its) = (emulated.regs.rflags & defined, real[6] & defined);
    assert_eq!(ours, its, "{name}: flags {ours:#x} != {its:#x}");
    assert_eq!(emulated.regs.rip, rip + code.len() as u64, "{name}");
}

/// Numbers at which carries and signs turn, and any others.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        prop::sample::select(vec![
            0,
            1,
            0x7f,
            0x80,
            0xff,
            0x7fff_ffff,
            0x8000_0000,
            u64::MAX
        ]),
        (0_u32..64).prop_map(|bit| 1 << bit),
        (0_u32..64).prop_map(|bit| (1 << bit) - 1),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_form_does_what_the_cpu_does(
        gprs in prop::array::uniform6(number()),
        flags in any::<u64>(),
        memory in prop::array::uniform3(number()),
        place in any::<prop::sample::Index>(),
        equal in any::<bool>(),
    ) {
        for (form, &(_, bytes, _)) in FORMS.iter().enumerate() {
            let offset = place.index(8 / bytes as usize) as u64;
            let mut gprs = gprs;
            if equal {
                // So that `cmpxchg` finds what it expects.
                let operand = memory[1] >> (offset * bytes * 8);
                gprs[0] = operand;
                gprs[2] = operand >> 32;
            }
            compare(form, offset, gprs, flags, memory);
        }
    }
}
