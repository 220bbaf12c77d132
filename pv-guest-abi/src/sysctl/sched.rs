//! CPU pools, schedulers, cache and bandwidth allocation.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`SysctlCpupoolOp::op`]: create.
pub const XEN_SYSCTL_CPUPOOL_OP_CREATE: u32 = 1;
/// Destroy.
pub const XEN_SYSCTL_CPUPOOL_OP_DESTROY: u32 = 2;
/// The pool with this number or the next one.
pub const XEN_SYSCTL_CPUPOOL_OP_INFO: u32 = 3;
/// Add a pCPU.
pub const XEN_SYSCTL_CPUPOOL_OP_ADDCPU: u32 = 4;
/// Remove a pCPU.
pub const XEN_SYSCTL_CPUPOOL_OP_RMCPU: u32 = 5;
/// Move a domain.
pub const XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN: u32 = 6;
/// pCPUs in no pool.
pub const XEN_SYSCTL_CPUPOOL_OP_FREEINFO: u32 = 7;
/// A parameter: any.
pub const XEN_SYSCTL_CPUPOOL_PAR_ANY: u32 = 0xffff_ffff;
/// Entries in an [`SysctlArinc653Schedule`].
pub const ARINC653_MAX_DOMAINS_PER_SCHEDULE: u32 = 64;
/// Greatest rate limit, in microseconds.
pub const XEN_SYSCTL_SCHED_RATELIMIT_MAX: u32 = 500_000;
/// Least rate limit, in microseconds.
pub const XEN_SYSCTL_SCHED_RATELIMIT_MIN: u32 = 100;
/// Greatest time slice, in milliseconds.
pub const XEN_SYSCTL_CSCHED_TSLICE_MAX: u32 = 1000;
/// Least time slice, in milliseconds.
pub const XEN_SYSCTL_CSCHED_TSLICE_MIN: u32 = 1;
/// Greatest migration delay, in microseconds.
pub const XEN_SYSCTL_CSCHED_MGR_DLY_MAX_US: u32 = 100 * 1000;
/// [`SysctlSchedulerOp::cmd`]: set.
#[doc(alias = "XEN_SYSCTL_SCHEDOP_putinfo")]
pub const XEN_SYSCTL_SCHEDOP_PUTINFO: u32 = 0;
/// [`SysctlSchedulerOp::cmd`]: get.
#[doc(alias = "XEN_SYSCTL_SCHEDOP_getinfo")]
pub const XEN_SYSCTL_SCHEDOP_GETINFO: u32 = 1;
/// [`SysctlPsrCmtOp::cmd`]: number of identifiers.
#[doc(alias = "XEN_SYSCTL_PSR_CMT_get_total_rmid")]
pub const XEN_SYSCTL_PSR_CMT_GET_TOTAL_RMID: u32 = 0;
/// Scale of the counters.
#[doc(alias = "XEN_SYSCTL_PSR_CMT_get_l3_upscaling_factor")]
pub const XEN_SYSCTL_PSR_CMT_GET_L3_UPSCALING_FACTOR: u32 = 1;
/// Size of a pCPU's L3 cache, in KiB.
#[doc(alias = "XEN_SYSCTL_PSR_CMT_get_l3_cache_size")]
pub const XEN_SYSCTL_PSR_CMT_GET_L3_CACHE_SIZE: u32 = 2;
/// Whether monitoring is on.
#[doc(alias = "XEN_SYSCTL_PSR_CMT_enabled")]
pub const XEN_SYSCTL_PSR_CMT_ENABLED: u32 = 3;
/// Events there are.
#[doc(alias = "XEN_SYSCTL_PSR_CMT_get_l3_event_mask")]
pub const XEN_SYSCTL_PSR_CMT_GET_L3_EVENT_MASK: u32 = 4;
/// [`SysctlPsrAlloc::cmd`]: L3 cache.
#[doc(alias = "XEN_SYSCTL_PSR_get_l3_info")]
pub const XEN_SYSCTL_PSR_GET_L3_INFO: u32 = 0;
/// L2 cache.
#[doc(alias = "XEN_SYSCTL_PSR_get_l2_info")]
pub const XEN_SYSCTL_PSR_GET_L2_INFO: u32 = 1;
/// Memory bandwidth.
#[doc(alias = "XEN_SYSCTL_PSR_get_mba_info")]
pub const XEN_SYSCTL_PSR_GET_MBA_INFO: u32 = 2;
/// [`SysctlPsrAllocCatInfo::flags`]: code and data apart.
pub const XEN_SYSCTL_PSR_CAT_L3_CDP: u32 = 1 << 0;
/// [`SysctlPsrAllocMbaInfo::flags`]: linear scale.
pub const XEN_SYSCTL_PSR_MBA_LINEAR: u32 = 1 << 0;

/// Payload of `XEN_SYSCTL_cpupool_op`.
#[doc(alias = "xen_sysctl_cpupool_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlCpupoolOp {
    /// `XEN_SYSCTL_CPUPOOL_OP_*`.
    pub op: u32,
    /// The pool.
    pub cpupool_id: u32,
    /// `XEN_SCHEDULER_*`.
    pub sched_id: u32,
    /// The domain to move.
    pub domid: u32,
    /// The pCPU.
    pub cpu: u32,
    /// Out: domains.
    pub n_dom: u32,
    /// Out: pCPUs.
    pub cpumap: crate::domctl::CtlBitmap,
}

/// One slot of a schedule.
#[doc(alias = "xen_sysctl_arinc653_schedule.sched_entries[0]")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlArinc653Entry {
    /// The domain's UUID.
    pub dom_handle: crate::version::DomainHandle,
    /// The vCPU.
    pub vcpu_id: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Length in nanoseconds.
    pub runtime: u64,
}

/// A schedule of the ARINC 653 scheduler.
#[doc(alias = "xen_sysctl_arinc653_schedule")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlArinc653Schedule {
    /// Length of the whole, in nanoseconds.
    pub major_frame: u64,
    /// Slots in use.
    pub num_sched_entries: u8,
    /// Padding; zero.
    pub _pad0: [u8; 7],
    /// The slots.
    pub sched_entries: [SysctlArinc653Entry; 64],
}

/// Parameters of the credit scheduler.
#[doc(alias = "xen_sysctl_credit_schedule")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlCreditSchedule {
    /// Time slice in milliseconds.
    pub tslice_ms: u32,
    /// Least time between switches, in microseconds.
    pub ratelimit_us: u32,
    /// Cache-hot time in microseconds.
    pub vcpu_migr_delay_us: u32,
}

/// Parameters of the credit2 scheduler.
#[doc(alias = "xen_sysctl_credit2_schedule")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlCredit2Schedule {
    /// Least time between switches, in microseconds.
    pub ratelimit_us: u32,
}

/// Parameters of the ARINC 653 scheduler.
#[doc(alias = "xen_sysctl_sched_arinc653")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlSchedArinc653 {
    /// Guest address of a [`SysctlArinc653Schedule`].
    pub schedule: u64,
}

/// Payload of `XEN_SYSCTL_scheduler_op`.
#[doc(alias = "xen_sysctl_scheduler_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlSchedulerOp {
    /// The pool.
    pub cpupool_id: u32,
    /// `XEN_SCHEDULER_*`.
    pub sched_id: u32,
    /// `XEN_SYSCTL_SCHEDOP_*`.
    pub cmd: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Parameters of that scheduler.
    pub u: [u64; 2],
}

/// Payload of `XEN_SYSCTL_psr_cmt_op`.
#[doc(alias = "xen_sysctl_psr_cmt_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlPsrCmtOp {
    /// `XEN_SYSCTL_PSR_CMT_*`.
    pub cmd: u32,
    /// Zero.
    pub flags: u32,
    /// Out: the answer; in: the pCPU in bits 0 to 31.
    pub u: u64,
}

/// Which L3 cache.
#[doc(alias = "xen_sysctl_psr_cmt_op.u.l3_cache")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlPsrCmtOpL3Cache {
    /// A pCPU that has it.
    pub cpu: u32,
    /// Zero.
    pub rsvd: u32,
}

/// Cache allocation of a socket.
#[doc(alias = "xen_sysctl_psr_alloc.u.cat_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlPsrAllocCatInfo {
    /// Bits in a mask.
    pub cbm_len: u32,
    /// Greatest class.
    pub cos_max: u32,
    /// `XEN_SYSCTL_PSR_CAT_*`.
    pub flags: u32,
}

/// Bandwidth allocation of a socket.
#[doc(alias = "xen_sysctl_psr_alloc.u.mba_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlPsrAllocMbaInfo {
    /// Greatest limit.
    pub thrtl_max: u32,
    /// Greatest class.
    pub cos_max: u32,
    /// `XEN_SYSCTL_PSR_MBA_*`.
    pub flags: u32,
}

/// Payload of `XEN_SYSCTL_psr_alloc`.
#[doc(alias = "xen_sysctl_psr_alloc")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlPsrAlloc {
    /// `XEN_SYSCTL_PSR_get_*`.
    pub cmd: u32,
    /// Socket.
    pub target: u32,
    /// Out: a [`SysctlPsrAllocCatInfo`] or a [`SysctlPsrAllocMbaInfo`].
    pub u: [u32; 3],
}

crate::zeroed_default!(
    SysctlCpupoolOp,
    SysctlArinc653Entry,
    SysctlArinc653Schedule,
    SysctlCreditSchedule,
    SysctlCredit2Schedule,
    SysctlSchedArinc653,
    SysctlSchedulerOp,
    SysctlPsrCmtOp,
    SysctlPsrCmtOpL3Cache,
    SysctlPsrAllocCatInfo,
    SysctlPsrAllocMbaInfo,
    SysctlPsrAlloc
);
