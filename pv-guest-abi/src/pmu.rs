//! Virtual performance counters: `xenpmu_op` (`pmu.h`, `arch-x86/pmu.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Major version of the interface.
pub const XENPMU_VER_MAJ: u32 = 0;
/// Minor version of the interface.
pub const XENPMU_VER_MIN: u32 = 1;
/// Get the mode and the version (control domain).
#[doc(alias = "XENPMU_mode_get")]
pub const XENPMU_MODE_GET: u32 = 0;
/// Set the mode (control domain).
#[doc(alias = "XENPMU_mode_set")]
pub const XENPMU_MODE_SET: u32 = 1;
/// Get the features.
#[doc(alias = "XENPMU_feature_get")]
pub const XENPMU_FEATURE_GET: u32 = 2;
/// Set the features (control domain).
#[doc(alias = "XENPMU_feature_set")]
pub const XENPMU_FEATURE_SET: u32 = 3;
/// Register the [`PmuData`] page of a vCPU.
#[doc(alias = "XENPMU_init")]
pub const XENPMU_INIT: u32 = 4;
/// Unregister it.
#[doc(alias = "XENPMU_finish")]
pub const XENPMU_FINISH: u32 = 5;
/// Load `lapic_lvtpc` from the page.
#[doc(alias = "XENPMU_lvtpc_set")]
pub const XENPMU_LVTPC_SET: u32 = 6;
/// Write cached counters to the hardware.
#[doc(alias = "XENPMU_flush")]
pub const XENPMU_FLUSH: u32 = 7;
/// Mode: off.
pub const XENPMU_MODE_OFF: u64 = 0;
/// Mode: guests count themselves.
pub const XENPMU_MODE_SELF: u64 = 1 << 0;
/// Mode: as above, and the control domain counts the hypervisor.
pub const XENPMU_MODE_HV: u64 = 1 << 1;
/// Mode: the control domain counts everybody.
pub const XENPMU_MODE_ALL: u64 = 1 << 2;
/// Feature: branch trace store.
pub const XENPMU_FEATURE_INTEL_BTS: u64 = 1 << 0;
/// Feature: only instructions and cycles.
pub const XENPMU_FEATURE_IPC_ONLY: u64 = 1 << 1;
/// Feature: only architectural events.
pub const XENPMU_FEATURE_ARCH_ONLY: u64 = 1 << 2;
/// [`PmuArch::pmu_flags`]: registers are cached in the page.
pub const PMU_CACHED: u64 = 1 << 0;
/// [`PmuArch::pmu_flags`]: sample from user mode.
pub const PMU_SAMPLE_USER: u64 = 1 << 1;
/// [`PmuArch::pmu_flags`]: sample from real mode.
pub const PMU_SAMPLE_REAL: u64 = 1 << 2;
/// [`PmuArch::pmu_flags`]: sample from a PV guest.
pub const PMU_SAMPLE_PV: u64 = 1 << 3;
/// Size of the union of registers in [`PmuArch`], in bytes.
pub const XENPMU_REGS_PAD_SZ: usize = 64;
/// Size of the union of contexts in [`PmuArch`], in bytes.
pub const XENPMU_CTXT_PAD_SZ: usize = 128;

/// Argument of `xenpmu_op`.
#[doc(alias = "xen_pmu_params")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PmuParams {
    /// Major version.
    #[doc(alias = "version.maj")]
    pub version_maj: u32,
    /// Minor version.
    #[doc(alias = "version.min")]
    pub version_min: u32,
    /// Mode, features, or machine frame of the page.
    pub val: u64,
    /// The vCPU.
    pub vcpu: u32,
    /// Zero.
    pub pad: u32,
}

/// AMD counters; the counter registers follow where the offsets say.
#[doc(alias = "xen_pmu_amd_ctxt")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PmuAmdCtxt {
    /// Offset of the counters from the context, in bytes.
    pub counters: u32,
    /// Offset of the control registers.
    pub ctrls: u32,
    /// The registers that follow are 8-byte words.
    pub _pad_align: [u64; 0],
}

/// A counter and its control.
#[doc(alias = "xen_pmu_cntr_pair")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PmuCntrPair {
    /// Counter.
    pub counter: u64,
    /// Control.
    pub control: u64,
}

/// Intel counters; counter registers follow where the offsets say.
#[doc(alias = "xen_pmu_intel_ctxt")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PmuIntelCtxt {
    /// Offset of the fixed counters, in bytes.
    pub fixed_counters: u32,
    /// Offset of the [`PmuCntrPair`]s.
    pub arch_counters: u32,
    /// Global control.
    pub global_ctrl: u64,
    /// Global overflow control.
    pub global_ovf_ctrl: u64,
    /// Global status.
    pub global_status: u64,
    /// Control of the fixed counters.
    pub fixed_ctrl: u64,
    /// Debug store area.
    pub ds_area: u64,
    /// Precise sampling.
    pub pebs_enable: u64,
    /// Debug control.
    pub debugctl: u64,
}

/// Registers at the time of a sample.
#[doc(alias = "xen_pmu_regs")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PmuRegs {
    /// Instruction pointer.
    pub ip: u64,
    /// Stack pointer.
    pub sp: u64,
    /// Flags.
    pub flags: u64,
    /// Code selector.
    pub cs: u16,
    /// Stack selector.
    pub ss: u16,
    /// Privilege level.
    pub cpl: u8,
    /// Zero.
    pub pad: [u8; 3],
}

/// x86 part of [`PmuData`].
#[doc(alias = "xen_pmu_arch")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PmuArch {
    /// A [`PmuRegs`].
    pub r: [u64; 8],
    /// `PMU_*`.
    pub pmu_flags: u64,
    /// LVTPC register; only its mask bit is used.
    #[doc(alias = "l.lapic_lvtpc")]
    pub lapic_lvtpc: u32,
    /// Padding; zero.
    pub _pad_l: [u8; 4],
    /// A [`PmuAmdCtxt`] or a [`PmuIntelCtxt`].
    pub c: [u64; 16],
}

/// The page that the hypervisor fills at a counter interrupt.
#[doc(alias = "xen_pmu_data")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PmuData {
    /// The vCPU that was interrupted.
    pub vcpu_id: u32,
    /// The pCPU; its vCPU for an unprivileged domain.
    pub pcpu_id: u32,
    /// The domain that was interrupted.
    pub domain_id: u16,
    /// Zero.
    pub pad: [u8; 6],
    /// x86 part.
    pub pmu: PmuArch,
}

crate::zeroed_default!(
    PmuParams,
    PmuAmdCtxt,
    PmuCntrPair,
    PmuIntelCtxt,
    PmuRegs,
    PmuArch,
    PmuData
);
