//! What this CPU says of itself: CPUID leaves, and the registers from which a
//! guest's view of the CPU is made.

use core::arch::x86_64::__cpuid_count;
use x86_64::registers::model_specific::{Efer, Msr};

/// EBX of CPUID leaf 0 of Intel's CPUs: "Genu".
const INTEL: u32 = 0x756e_6547;
/// IA32_MISC_ENABLE (SDM volume 4, table 2-2), which only Intel's CPUs have.
const MSR_MISC_ENABLE: u32 = 0x1a0;

/// A CPUID leaf: EAX, EBX, ECX, EDX.
pub fn cpuid(leaf: u32, subleaf: u32) -> [u32; 4] {
    #[allow(unused_unsafe)] // safe to call on newer compilers
    // SAFETY: every 64-bit CPU has the instruction, and it only reads.
    let answer = unsafe { __cpuid_count(leaf, subleaf) };
    [answer.eax, answer.ebx, answer.ecx, answer.edx]
}

/// EFER, as it is.
pub fn efer() -> u64 {
    Efer::read_raw()
}

/// IA32_MISC_ENABLE, on CPUs that have it.
pub fn misc_enable() -> Option<u64> {
    let [_, vendor, ..] = cpuid(0, 0);
    // SAFETY: Intel's 64-bit CPUs all have the register, and reading it does nothing.
    (vendor == INTEL).then(|| unsafe { Msr::new(MSR_MISC_ENABLE).read() })
}
