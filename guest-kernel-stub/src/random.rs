//! Numbers that programs cannot guess from one run to the next: for the seeds of their
//! hash tables. RDRAND where the CPU has it, else the time stamp counter; not for keys.

use core::arch::x86_64::{__cpuid, _rdtsc};

/// Bit of CPUID leaf 1, ECX: the CPU has RDRAND.
const RDRAND: u32 = 1 << 30;

/// Some bytes.
pub fn bytes<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    fill(&mut bytes);
    bytes
}

/// Fills `target`.
pub fn fill(target: &mut [u8]) {
    let has_rdrand = __cpuid(1).ecx & RDRAND != 0;
    for part in target.chunks_mut(8) {
        let word = has_rdrand.then(hardware).flatten().unwrap_or_else(mixed);
        part.copy_from_slice(&word.to_le_bytes()[..part.len()]);
    }
}

fn hardware() -> Option<u64> {
    let (word, ok): (u64, u8);
    // SAFETY: the CPU has the instruction; it changes the two registers and flags.
    unsafe { core::arch::asm!("rdrand {}", "setc {}", out(reg) word, out(reg_byte) ok) };
    (ok != 0).then_some(word)
}

/// The time stamp counter, its bits mixed over the word (the finalizer of SplitMix64).
fn mixed() -> u64 {
    // SAFETY: the counter can be read in every ring.
    let mut word = unsafe { _rdtsc() }.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
