//! Power states, frequencies, pCPUs and pages going off-line.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`SysctlGetPmstat::kind`]: mask of the category.
pub const PMSTAT_CATEGORY_MASK: u32 = 0xf0;
/// Category: frequencies.
pub const PMSTAT_PX: u32 = 0x10;
/// Category: idle states.
pub const PMSTAT_CX: u32 = 0x20;
/// Number of frequencies.
#[doc(alias = "PMSTAT_get_max_px")]
pub const PMSTAT_GET_MAX_PX: u32 = PMSTAT_PX | 1;
/// Figures of frequencies.
#[doc(alias = "PMSTAT_get_pxstat")]
pub const PMSTAT_GET_PXSTAT: u32 = PMSTAT_PX | 2;
/// Clear them.
#[doc(alias = "PMSTAT_reset_pxstat")]
pub const PMSTAT_RESET_PXSTAT: u32 = PMSTAT_PX | 3;
/// Number of idle states.
#[doc(alias = "PMSTAT_get_max_cx")]
pub const PMSTAT_GET_MAX_CX: u32 = PMSTAT_CX | 1;
/// Figures of idle states.
#[doc(alias = "PMSTAT_get_cxstat")]
pub const PMSTAT_GET_CXSTAT: u32 = PMSTAT_CX | 2;
/// Clear them.
#[doc(alias = "PMSTAT_reset_cxstat")]
pub const PMSTAT_RESET_CXSTAT: u32 = PMSTAT_CX | 3;
/// [`SysctlCpuHotplug::op`]: bring up.
pub const XEN_SYSCTL_CPU_HOTPLUG_ONLINE: u32 = 0;
/// Take down.
pub const XEN_SYSCTL_CPU_HOTPLUG_OFFLINE: u32 = 1;
/// Bring all sibling threads up.
pub const XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE: u32 = 2;
/// Take all sibling threads down.
pub const XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE: u32 = 3;
/// [`SetCpufreqPara::ctrl_type`]: greatest frequency.
pub const SCALING_MAX_FREQ: u32 = 1;
/// Least frequency.
pub const SCALING_MIN_FREQ: u32 = 2;
/// Frequency.
pub const SCALING_SETSPEED: u32 = 3;
/// Sampling rate.
pub const SAMPLING_RATE: u32 = 4;
/// Threshold.
pub const UP_THRESHOLD: u32 = 5;
/// [`SysctlPmOp::cmd`]: mask of the category.
pub const PM_PARA_CATEGORY_MASK: u32 = 0xf0;
/// Category: frequency parameters.
pub const CPUFREQ_PARA: u32 = 0x10;
/// Get all; [`GetCpufreqPara`].
pub const GET_CPUFREQ_PARA: u32 = CPUFREQ_PARA | 1;
/// Set the governor; [`SetCpufreqGov`].
pub const SET_CPUFREQ_GOV: u32 = CPUFREQ_PARA | 2;
/// Set a parameter; [`SetCpufreqPara`].
pub const SET_CPUFREQ_PARA: u32 = CPUFREQ_PARA | 3;
/// Average frequency.
pub const GET_CPUFREQ_AVGFREQ: u32 = CPUFREQ_PARA | 4;
/// Prefer idle cores.
#[doc(alias = "XEN_SYSCTL_pm_op_set_sched_opt_smt")]
pub const XEN_SYSCTL_PM_OP_SET_SCHED_OPT_SMT: u32 = 0x21;
/// Deepest idle state.
#[doc(alias = "XEN_SYSCTL_pm_op_get_max_cstate")]
pub const XEN_SYSCTL_PM_OP_GET_MAX_CSTATE: u32 = 0x22;
/// Set the deepest idle state.
#[doc(alias = "XEN_SYSCTL_pm_op_set_max_cstate")]
pub const XEN_SYSCTL_PM_OP_SET_MAX_CSTATE: u32 = 0x23;
/// Set the migration delay.
#[doc(alias = "XEN_SYSCTL_pm_op_set_vcpu_migration_delay")]
pub const XEN_SYSCTL_PM_OP_SET_VCPU_MIGRATION_DELAY: u32 = 0x24;
/// Migration delay.
#[doc(alias = "XEN_SYSCTL_pm_op_get_vcpu_migration_delay")]
pub const XEN_SYSCTL_PM_OP_GET_VCPU_MIGRATION_DELAY: u32 = 0x25;
/// Turbo on.
#[doc(alias = "XEN_SYSCTL_pm_op_enable_turbo")]
pub const XEN_SYSCTL_PM_OP_ENABLE_TURBO: u32 = 0x26;
/// Turbo off.
#[doc(alias = "XEN_SYSCTL_pm_op_disable_turbo")]
pub const XEN_SYSCTL_PM_OP_DISABLE_TURBO: u32 = 0x27;
/// An idle state: no limit.
pub const XEN_SYSCTL_CX_UNLIMITED: u32 = 0xffff_ffff;
/// [`SysctlPageOfflineOp::cmd`]: take off-line.
#[doc(alias = "sysctl_page_offline")]
pub const SYSCTL_PAGE_OFFLINE: u32 = 1;
/// Bring on-line.
#[doc(alias = "sysctl_page_online")]
pub const SYSCTL_PAGE_ONLINE: u32 = 2;
/// Ask.
#[doc(alias = "sysctl_query_page_offline")]
pub const SYSCTL_QUERY_PAGE_OFFLINE: u32 = 3;
/// A page's answer: mask of the outcome.
pub const PG_OFFLINE_STATUS_MASK: u32 = 0xff;
/// Outcome: no such page.
pub const PG_OFFLINE_INVALID: u32 = 1 << 0;
/// Outcome: off-line.
pub const PG_OFFLINE_OFFLINED: u32 = 1 << 1;
/// Outcome: will be, when free.
pub const PG_OFFLINE_PENDING: u32 = 1 << 2;
/// Outcome: failed.
pub const PG_OFFLINE_FAILED: u32 = 1 << 3;
/// Outcome: try again.
pub const PG_OFFLINE_AGAIN: u32 = 1 << 4;
/// Outcome: could not be brought on-line.
pub const PG_ONLINE_FAILED: u32 = PG_OFFLINE_FAILED;
/// Outcome: on-line.
pub const PG_ONLINE_ONLINED: u32 = PG_OFFLINE_OFFLINED;
/// State: off-line.
pub const PG_OFFLINE_STATUS_OFFLINED: u32 = 1 << 1;
/// State: on-line.
pub const PG_OFFLINE_STATUS_ONLINE: u32 = 1 << 2;
/// State: going off-line.
pub const PG_OFFLINE_STATUS_OFFLINE_PENDING: u32 = 1 << 3;
/// State: broken.
pub const PG_OFFLINE_STATUS_BROKEN: u32 = 1 << 4;
/// Mask of the details.
pub const PG_OFFLINE_MISC_MASK: u32 = 0xff << 4;
/// Detail: the hypervisor's.
pub const PG_OFFLINE_XENPAGE: u32 = 1 << 8;
/// Detail: domain 0's.
pub const PG_OFFLINE_DOM0PAGE: u32 = 1 << 9;
/// Detail: nobody's.
pub const PG_OFFLINE_ANONYMOUS: u32 = 1 << 10;
/// Detail: no ordinary RAM.
pub const PG_OFFLINE_NOT_CONV_RAM: u32 = 1 << 11;
/// Detail: a domain's.
pub const PG_OFFLINE_OWNED: u32 = 1 << 12;
/// Detail: broken.
pub const PG_OFFLINE_BROKEN: u32 = 1 << 13;
/// Detail: broken.
pub const PG_ONLINE_BROKEN: u32 = PG_OFFLINE_BROKEN;
/// Shift of the owner.
pub const PG_OFFLINE_OWNER_SHIFT: u32 = 16;
/// Size of the name of a driver or governor, in bytes.
pub const CPUFREQ_NAME_LEN: usize = 16;

/// One frequency.
#[doc(alias = "pm_px_val")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PmPxVal {
    /// Frequency in MHz.
    pub freq: u64,
    /// Time spent, in nanoseconds.
    pub residency: u64,
    /// Times entered.
    pub count: u64,
}

/// Figures of frequencies.
#[doc(alias = "pm_px_stat")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PmPxStat {
    /// Number.
    pub total: u8,
    /// Number that may be used.
    pub usable: u8,
    /// The one before.
    pub last: u8,
    /// The current one.
    pub cur: u8,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the transitions (`u64`, squared).
    pub trans_pt: u64,
    /// Guest address of the list of [`PmPxVal`].
    pub pt: u64,
}

/// Figures of idle states.
#[doc(alias = "pm_cx_stat")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PmCxStat {
    /// Number.
    pub nr: u32,
    /// The last one.
    pub last: u32,
    /// Time idle since boot, in nanoseconds.
    pub idle_time: u64,
    /// Guest address of the numbers of entries (`u64`).
    pub triggers: u64,
    /// Guest address of the times spent (`u64`).
    pub residencies: u64,
    /// Package states.
    pub nr_pc: u32,
    /// Core states.
    pub nr_cc: u32,
    /// Guest address of package state times (`u64`).
    pub pc: u64,
    /// Guest address of core state times (`u64`).
    pub cc: u64,
}

/// Payload of `XEN_SYSCTL_get_pmstat`.
#[doc(alias = "xen_sysctl_get_pmstat")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlGetPmstat {
    /// `PMSTAT_*`.
    #[doc(alias = "type")]
    pub kind: u32,
    /// pCPU.
    pub cpuid: u32,
    /// A [`PmPxStat`] or a [`PmCxStat`].
    pub u: [u64; 7],
}

/// Payload of `XEN_SYSCTL_cpu_hotplug`.
#[doc(alias = "xen_sysctl_cpu_hotplug")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlCpuHotplug {
    /// pCPU.
    pub cpu: u32,
    /// `XEN_SYSCTL_CPU_HOTPLUG_*`.
    pub op: u32,
}

/// Parameters of the governor `userspace`.
#[doc(alias = "xen_userspace")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Userspace {
    /// Frequency in kHz.
    pub scaling_setspeed: u32,
}

/// Parameters of the governor `ondemand`.
#[doc(alias = "xen_ondemand")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Ondemand {
    /// Greatest sampling interval, in microseconds.
    pub sampling_rate_max: u32,
    /// Least sampling interval.
    pub sampling_rate_min: u32,
    /// Sampling interval.
    pub sampling_rate: u32,
    /// Load in percent from which the frequency rises.
    pub up_threshold: u32,
}

/// Frequency parameters of a pCPU.
#[doc(alias = "xen_get_cpufreq_para")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GetCpufreqPara {
    /// Room, then number, of pCPUs.
    pub cpu_num: u32,
    /// Room, then number, of frequencies.
    pub freq_num: u32,
    /// Room, then number, of governors.
    pub gov_num: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the pCPUs (`u32`).
    pub affected_cpus: u64,
    /// Guest address of the frequencies (`u32`, kHz).
    pub scaling_available_frequencies: u64,
    /// Guest address of the names, 16 bytes each.
    pub scaling_available_governors: u64,
    /// Driver.
    pub scaling_driver: [u8; CPUFREQ_NAME_LEN],
    /// Current frequency of the hardware, in kHz.
    pub cpuinfo_cur_freq: u32,
    /// Greatest.
    pub cpuinfo_max_freq: u32,
    /// Least.
    pub cpuinfo_min_freq: u32,
    /// Current frequency as set, in kHz.
    pub scaling_cur_freq: u32,
    /// Governor.
    pub scaling_governor: [u8; CPUFREQ_NAME_LEN],
    /// Greatest allowed.
    pub scaling_max_freq: u32,
    /// Least allowed.
    pub scaling_min_freq: u32,
    /// A [`Userspace`] or an [`Ondemand`].
    pub u: [u32; 4],
    /// Non-zero: turbo.
    pub turbo_enabled: i32,
    /// Padding; zero.
    pub _pad1: [u8; 4],
}

/// Which governor to use.
#[doc(alias = "xen_set_cpufreq_gov")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SetCpufreqGov {
    /// Name.
    pub scaling_governor: [u8; CPUFREQ_NAME_LEN],
}

/// A frequency parameter.
#[doc(alias = "xen_set_cpufreq_para")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SetCpufreqPara {
    /// Which.
    pub ctrl_type: u32,
    /// Value.
    pub ctrl_value: u32,
}

/// Payload of `XEN_SYSCTL_pm_op`.
#[doc(alias = "xen_sysctl_pm_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlPmOp {
    /// The command.
    pub cmd: u32,
    /// pCPU.
    pub cpuid: u32,
    /// Argument of the command.
    pub u: [u64; 15],
}

/// Payload of `XEN_SYSCTL_page_offline_op`.
#[doc(alias = "xen_sysctl_page_offline_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlPageOfflineOp {
    /// `SYSCTL_PAGE_*`.
    pub cmd: u32,
    /// First machine frame.
    pub start: u32,
    /// Last machine frame.
    pub end: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the answers (`u32`).
    pub status: u64,
}

crate::zeroed_default!(
    PmPxVal,
    PmPxStat,
    PmCxStat,
    SysctlGetPmstat,
    SysctlCpuHotplug,
    Userspace,
    Ondemand,
    GetCpufreqPara,
    SetCpufreqGov,
    SetCpufreqPara,
    SysctlPmOp,
    SysctlPageOfflineOp
);
