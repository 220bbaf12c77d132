//! Lists of the feature bits that guests may see. A bit that is not here is hidden.

const fn bits<const N: usize>(bits: [u32; N]) -> u32 {
    let mut mask = 0;
    let mut i = 0;
    while i < N {
        mask |= 1 << bits[i];
        i += 1;
    }
    mask
}

/// Leaf 1 ECX: XSAVE.
pub const XSAVE: u32 = 1 << 26;
/// Leaf 1 ECX: the system uses XSAVE.
pub const OSXSAVE: u32 = 1 << 27;
/// Leaf 1 ECX: there is a hypervisor.
pub const HYPERVISOR: u32 = 1 << 31;
/// Leaf 1 EDX, repeated at 0x80000001 by AMD: APIC.
pub const APIC: u32 = 1 << 9;
/// Leaf 1 EDX: SYSENTER.
pub const SEP: u32 = 1 << 11;
/// Leaf 1 EDX: APIC and ACPI, for the control domain.
pub const APIC_ACPI: u32 = APIC | 1 << 22;
/// Leaf 7 ECX: RDPID.
pub const RDPID: u32 = 1 << 22;
/// Leaf 0x80000001 EDX: SYSCALL.
pub const SYSCALL: u32 = 1 << 11;
/// Leaf 0x80000001 EDX: no-execute.
pub const NX: u32 = 1 << 20;
/// Leaf 0x80000001 EDX: RDTSCP.
pub const RDTSCP: u32 = 1 << 27;
/// Leaf 0x80000001 EDX: long mode.
pub const LM: u32 = 1 << 29;
/// Leaf 0x80000007 EDX: invariant TSC.
pub const ITSC: u32 = 1 << 8;

/// Leaf 1 ECX: SSE3, PCLMULQDQ, SSSE3, CX16, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, RDRAND.
pub const LEAF_1_ECX: u32 = bits([0, 1, 9, 13, 19, 20, 22, 23, 25, 30]);
/// Leaf 1 ECX with XSAVE: FMA, XSAVE, AVX, F16C.
pub const LEAF_1_ECX_XSAVE: u32 = bits([12, 26, 28, 29]);
/// Leaf 1 EDX: FPU, DE, TSC, MSR, PAE, CX8, CMOV, PAT, CLFSH, MMX, FXSR, SSE, SSE2. Not VME, PSE,
/// MCE, MTRR, PGE, MCA, PSE36 nor anything of power and threads.
pub const LEAF_1_EDX: u32 = bits([0, 2, 4, 5, 6, 8, 15, 16, 19, 23, 24, 25, 26]);

/// Leaf 7 EBX: BMI1, BMI2, ERMS, no FPU selectors, RDSEED, ADX, CLFLUSHOPT, CLWB, SHA. Not FSGSBASE,
/// TSC_ADJUST, SMEP, INVPCID, TSX, MPX, SMAP, PT.
pub const LEAF_7_EBX: u32 = bits([3, 8, 9, 13, 18, 19, 23, 24, 29]);
/// Leaf 7 EBX with XSAVE: AVX2, AVX-512 F, DQ, IFMA, PF, ER, CD, BW, VL.
pub const LEAF_7_EBX_XSAVE: u32 = bits([5, 16, 17, 21, 26, 27, 28, 30, 31]);
/// Leaf 7 ECX: PREFETCHWT1, GFNI, CLDEMOTE, MOVDIRI, MOVDIR64B. Not UMIP, PKU, WAITPKG, CET, LA57, ENQCMD.
pub const LEAF_7_ECX: u32 = bits([0, 8, 25, 27, 28]);
/// Leaf 7 ECX with XSAVE: AVX-512 VBMI, VBMI2, VAES, VPCLMULQDQ, VNNI, BITALG, VPOPCNTDQ.
pub const LEAF_7_ECX_XSAVE: u32 = bits([1, 6, 9, 10, 11, 12, 14]);
/// Leaf 7 EDX: fast short REP MOVS, SERIALIZE. Nothing of speculation control.
pub const LEAF_7_EDX: u32 = bits([4, 14]);
/// Leaf 7 EDX with XSAVE: AVX-512 4VNNIW, 4FMAPS, VP2INTERSECT.
pub const LEAF_7_EDX_XSAVE: u32 = bits([2, 3, 8]);

/// Leaf 0x80000001 ECX: LAHF, ABM, SSE4A, misaligned SSE, PREFETCHW. Not SVM, CR8, OSVW, IBS, LWP, topology,
/// counters, debug extensions, MONITORX.
pub const EXT_1_ECX: u32 = bits([0, 5, 6, 7, 8]);
/// Leaf 0x80000001 ECX with XSAVE: XOP, FMA4; TBM belongs to them.
pub const EXT_1_ECX_XSAVE: u32 = bits([11, 16, 21]);
/// Leaf 0x80000001 EDX: MMX extensions, 3DNow and its extensions. Not 1 GiB pages.
pub const EXT_1_EDX: u32 = bits([22, 30, 31]);
/// Leaf 0x80000001 EDX: what AMD repeats from leaf 1.
pub const EXT_1_EDX_REPEATED: u32 = bits([0, 2, 4, 5, 6, 8, 15, 16, 23, 24]);
/// Leaf 0x80000008 EBX: CLZERO.
pub const EXT_8_EBX: u32 = bits([0]);
