//! Model-specific registers as a guest kernel sees them: one table, one line for
//! each register or range, and nothing else is there.
//!
//! What needs no more than the vCPU's own values is answered at once; the rest is
//! an action for the caller.

mod table;

pub use table::{ReadRule, Rule, Vendors, WriteRule, rule};

use crate::types::{GuestAddr, MfnClaim};

/// Who made the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// GenuineIntel.
    Intel,
    /// AuthenticAMD and HygonGenuine.
    Amd,
    /// Anyone else.
    Other,
}

impl Vendor {
    /// From the words EBX, ECX, EDX of CPUID leaf 0.
    pub const fn from_cpuid(ebx: u32, ecx: u32, edx: u32) -> Self {
        match (ebx, ecx, edx) {
            (0x756e_6547, 0x6c65_746e, 0x4965_6e69) => Self::Intel,
            (0x6874_7541, 0x444d_4163, 0x6974_6e65) => Self::Amd,
            (0x6f67_7948, 0x656e_6975, 0x6e65_476e) => Self::Amd,
            _ => Self::Other,
        }
    }
}

/// What an access depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsrContext {
    /// The CPU's maker.
    pub vendor: Vendor,
    /// Whether this is the domain's vCPU 0, its boot processor.
    pub boot_vcpu: bool,
    /// The real EFER.
    pub efer: u64,
    /// The real MISC_ENABLE, where there is one.
    pub misc_enable: Option<u64>,
    /// Whether the guest is offered RDTSCP or RDPID.
    pub tsc_aux: bool,
    /// Whether the guest is offered CPUID faulting for its user code.
    pub cpuid_faulting: bool,
    /// Whether the guest has a #GP handler: before, a failing read gives 0, because a
    /// kernel probes registers before it can take a fault.
    pub has_gp_handler: bool,
}

/// The guest's RDMSR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsrRead {
    /// This value.
    Value(u64),
    /// The FS base.
    FsBase,
    /// The GS base that is live: the kernel's, while the kernel runs.
    GsBase,
    /// The GS base that is not live: the user's, while the kernel runs.
    UserGsBase,
    /// The TSC.
    Tsc,
    /// The vCPU's TSC_AUX.
    TscAux,
    /// The vCPU's MISC_FEATURES_ENABLES.
    MiscFeatures,
    /// #GP(0).
    Fault,
}

/// The guest's WRMSR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsrWrite {
    /// Done, nothing changes.
    Ignore,
    /// The FS base, canonical.
    FsBase(GuestAddr),
    /// The GS base that is live, canonical.
    GsBase(GuestAddr),
    /// The GS base that is not live, canonical.
    UserGsBase(GuestAddr),
    /// The vCPU's TSC_AUX.
    TscAux(u32),
    /// Fault on user CPUID or not.
    CpuidFaulting(bool),
    /// Fill this frame of the guest's with the hypercall page.
    HypercallPage(MfnClaim),
    /// #GP(0).
    Fault,
}

/// Page attribute table that hypervisor and guests share: WB WT UC- UC WC WP UC UC.
pub const PAT: u64 = 0x0000_0501_0007_0406;
/// The MSR that fills a hypercall page, as CPUID leaf 0x40000002 announces it.
pub const HYPERCALL_PAGE: u32 = 0x4000_0000;

/// EFER bits that guests see: SCE, LME, LMA, NXE and AMD's LMSLE, FFXSR; not SVME.
const EFER_VISIBLE: u64 = 0x6d01;
/// APIC_BASE: at its usual address, enabled.
const APIC_BASE: u64 = 0xfee0_0800;
/// APIC_BASE: the boot processor.
const APIC_BASE_BSP: u64 = 0x100;

/// MISC_ENABLE without what a guest has not: performance monitoring (7), MONITOR (18);
/// with "unavailable" for branch trace (11) and event sampling (12), "disabled" for xTPR (23).
const fn guest_misc_enable(real: u64) -> u64 {
    (real & !(1 << 7 | 1 << 18)) | 1 << 11 | 1 << 12 | 1 << 23
}

/// RDMSR of a guest kernel.
pub fn read(msr: u32, context: &MsrContext) -> MsrRead {
    let allowed = match rule(msr, context.vendor).map_or(ReadRule::Fault, |rule| rule.read) {
        ReadRule::Fault => MsrRead::Fault,
        ReadRule::Is(value) => MsrRead::Value(value),
        ReadRule::FsBase => MsrRead::FsBase,
        ReadRule::GsBase => MsrRead::GsBase,
        ReadRule::UserGsBase => MsrRead::UserGsBase,
        ReadRule::Tsc => MsrRead::Tsc,
        ReadRule::Efer => MsrRead::Value(context.efer & EFER_VISIBLE),
        ReadRule::ApicBase => {
            MsrRead::Value(APIC_BASE | if context.boot_vcpu { APIC_BASE_BSP } else { 0 })
        }
        ReadRule::MiscEnable => match context.misc_enable {
            Some(real) => MsrRead::Value(guest_misc_enable(real)),
            None => MsrRead::Fault,
        },
        ReadRule::PlatformInfo => MsrRead::Value(u64::from(context.cpuid_faulting) << 31),
        ReadRule::MiscFeatures if context.cpuid_faulting => MsrRead::MiscFeatures,
        ReadRule::MiscFeatures => MsrRead::Value(0),
        ReadRule::TscAux if context.tsc_aux => MsrRead::TscAux,
        ReadRule::TscAux => MsrRead::Fault,
    };
    match allowed {
        MsrRead::Fault if !context.has_gp_handler => MsrRead::Value(0),
        allowed => allowed,
    }
}

/// WRMSR of a guest kernel.
pub fn write(msr: u32, value: u64, context: &MsrContext) -> MsrWrite {
    let address = GuestAddr(value);
    match rule(msr, context.vendor).map_or(WriteRule::Fault, |rule| rule.write) {
        WriteRule::Ignored => MsrWrite::Ignore,
        WriteRule::Unchanged if read(msr, context) == MsrRead::Value(value) => MsrWrite::Ignore,
        WriteRule::Zero if value == 0 => MsrWrite::Ignore,
        WriteRule::FsBase if address.is_canonical() => MsrWrite::FsBase(address),
        WriteRule::GsBase if address.is_canonical() => MsrWrite::GsBase(address),
        WriteRule::UserGsBase if address.is_canonical() => MsrWrite::UserGsBase(address),
        WriteRule::TscAux if context.tsc_aux => match u32::try_from(value) {
            Ok(value) => MsrWrite::TscAux(value),
            Err(_) => MsrWrite::Fault,
        },
        WriteRule::MiscFeatures if value == 0 && !context.cpuid_faulting => MsrWrite::Ignore,
        WriteRule::MiscFeatures if value <= 1 && context.cpuid_faulting => {
            MsrWrite::CpuidFaulting(value == 1)
        }
        // The low bits number the page; there is one.
        WriteRule::HypercallPage if value & 0xfff == 0 => {
            MsrWrite::HypercallPage(MfnClaim(value >> 12))
        }
        _ => MsrWrite::Fault,
    }
}

#[cfg(test)]
mod tests;
