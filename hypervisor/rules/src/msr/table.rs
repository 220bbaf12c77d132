//! The table of registers. What is not listed faults, for reading and for writing.

use super::{HYPERCALL_PAGE, PAT, Vendor};

/// What RDMSR gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadRule {
    /// #GP.
    Fault,
    /// Always this.
    Is(u64),
    /// The live FS base.
    FsBase,
    /// The live GS base.
    GsBase,
    /// The other GS base.
    UserGsBase,
    /// The TSC.
    Tsc,
    /// The real EFER without SVME.
    Efer,
    /// Enabled at its place; tells the boot vCPU.
    ApicBase,
    /// The real value without what guests have not.
    MiscEnable,
    /// CPUID faulting, if offered.
    PlatformInfo,
    /// Whether CPUID faulting is on, if offered.
    MiscFeatures,
    /// The vCPU's own, if offered.
    TscAux,
}

/// What WRMSR does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteRule {
    /// #GP.
    Fault,
    /// Nothing.
    Ignored,
    /// Nothing, and only the value that a read gives is let pass.
    Unchanged,
    /// Nothing, and only 0 is let pass.
    Zero,
    /// Sets the FS base.
    FsBase,
    /// Sets the live GS base.
    GsBase,
    /// Sets the other GS base.
    UserGsBase,
    /// Sets the vCPU's own, if offered.
    TscAux,
    /// Switches CPUID faulting, if offered.
    MiscFeatures,
    /// Fills a hypercall page.
    HypercallPage,
}

/// On whose CPUs a register exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendors {
    /// All.
    All,
    /// Intel's.
    Intel,
    /// AMD's.
    Amd,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// First register of the range.
    pub first: u32,
    /// Last register of the range.
    pub last: u32,
    /// Where it exists.
    pub vendors: Vendors,
    /// RDMSR.
    pub read: ReadRule,
    /// WRMSR.
    pub write: WriteRule,
}

const fn line(first: u32, last: u32, vendors: Vendors, read: ReadRule, write: WriteRule) -> Rule {
    Rule {
        first,
        last,
        vendors,
        read,
        write,
    }
}

use ReadRule as R;
use Vendors::{All, Amd, Intel};
use WriteRule as W;

/// In ascending order.
#[rustfmt::skip]
pub(super) static TABLE: &[Rule] = &[
    /* TSC             */ line(0x0000_0010, 0x0000_0010, All,   R::Tsc,          W::Fault),
    /* PLATFORM_ID     */ line(0x0000_0017, 0x0000_0017, Intel, R::Is(0),        W::Fault),
    /* APIC_BASE       */ line(0x0000_001b, 0x0000_001b, All,   R::ApicBase,     W::Fault),
    /* BIOS_UPDT_TRIG  */ line(0x0000_0079, 0x0000_0079, Intel, R::Fault,        W::Ignored),
    /* UCODE_REV       */ line(0x0000_008b, 0x0000_008b, All,   R::Is(0),        W::Zero),
    /* PLATFORM_INFO   */ line(0x0000_00ce, 0x0000_00ce, Intel, R::PlatformInfo, W::Fault),
    /* MISC_FEATURES   */ line(0x0000_0140, 0x0000_0140, Intel, R::MiscFeatures, W::MiscFeatures),
    /* MCG_CAP, STATUS */ line(0x0000_0179, 0x0000_017a, All,   R::Is(0),        W::Zero),
    /* MISC_ENABLE     */ line(0x0000_01a0, 0x0000_01a0, Intel, R::MiscEnable,   W::Unchanged),
    /* PAT             */ line(0x0000_0277, 0x0000_0277, All,   R::Is(PAT),      W::Unchanged),
    /* PERF_CAP        */ line(0x0000_0345, 0x0000_0345, Intel, R::Is(0),        W::Fault),
    /* MC banks: none  */ line(0x0000_0400, 0x0000_047f, All,   R::Is(0),        W::Zero),
    /* hypercall page  */ line(HYPERCALL_PAGE, HYPERCALL_PAGE, All, R::Is(0),    W::HypercallPage),
    /* EFER            */ line(0xc000_0080, 0xc000_0080, All,   R::Efer,         W::Unchanged),
    /* FS_BASE         */ line(0xc000_0100, 0xc000_0100, All,   R::FsBase,       W::FsBase),
    /* GS_BASE         */ line(0xc000_0101, 0xc000_0101, All,   R::GsBase,       W::GsBase),
    /* KERNEL_GS_BASE  */ line(0xc000_0102, 0xc000_0102, All,   R::UserGsBase,   W::UserGsBase),
    /* TSC_AUX         */ line(0xc000_0103, 0xc000_0103, All,   R::TscAux,       W::TscAux),
    /* HWCR            */ line(0xc001_0015, 0xc001_0015, Amd,   R::Is(0),        W::Ignored),
    /* NB_CFG          */ line(0xc001_001f, 0xc001_001f, Amd,   R::Is(0),        W::Ignored),
    /* PATCH_LOADER    */ line(0xc001_0020, 0xc001_0020, Amd,   R::Fault,        W::Ignored),
    /* MMCONF_BASE     */ line(0xc001_0058, 0xc001_0058, Amd,   R::Is(0),        W::Ignored),
    /* P-states        */ line(0xc001_0061, 0xc001_006b, Amd,   R::Is(0),        W::Ignored),
    /* DE_CFG: LFENCE serialises, bit 1 */
                          line(0xc001_1029, 0xc001_1029, Amd,   R::Is(2),        W::Ignored),
];

/// The line for a register on a CPU of this maker.
pub fn rule(msr: u32, vendor: Vendor) -> Option<&'static Rule> {
    let after = TABLE.partition_point(|rule| rule.first <= msr);
    let rule = TABLE.get(after.checked_sub(1)?)?;
    let exists = match rule.vendors {
        All => true,
        Intel => vendor == Vendor::Intel,
        Amd => vendor == Vendor::Amd,
    };
    (msr <= rule.last && exists).then_some(rule)
}
