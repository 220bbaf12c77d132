//! vCPUs of a domain: state, affinity, scheduling, CPU policy.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`DomctlVcpuaffinity::flags`]: the hard affinity.
pub const XEN_VCPUAFFINITY_HARD: u32 = 1 << 0;
/// [`DomctlVcpuaffinity::flags`]: the soft affinity.
pub const XEN_VCPUAFFINITY_SOFT: u32 = 1 << 1;
/// [`DomctlVcpuaffinity::flags`]: end a temporary pinning.
pub const XEN_VCPUAFFINITY_FORCE: u32 = 1 << 2;
/// Scheduler: credit.
pub const XEN_SCHEDULER_CREDIT: u32 = 5;
/// Scheduler: credit2.
pub const XEN_SCHEDULER_CREDIT2: u32 = 6;
/// Scheduler: ARINC 653.
pub const XEN_SCHEDULER_ARINC653: u32 = 7;
/// Scheduler: real-time deferrable server.
pub const XEN_SCHEDULER_RTDS: u32 = 8;
/// Scheduler: one vCPU for each pCPU.
pub const XEN_SCHEDULER_NULL: u32 = 9;
/// [`DomctlSchedRtds::flags`]: may use idle time.
#[doc(alias = "XEN_DOMCTL_SCHEDRT_extra")]
pub const XEN_DOMCTL_SCHEDRT_EXTRA: u32 = 1 << 0;
/// [`DomctlSchedulerOp::cmd`]: set for the domain.
#[doc(alias = "XEN_DOMCTL_SCHEDOP_putinfo")]
pub const XEN_DOMCTL_SCHEDOP_PUTINFO: u32 = 0;
/// [`DomctlSchedulerOp::cmd`]: get for the domain.
#[doc(alias = "XEN_DOMCTL_SCHEDOP_getinfo")]
pub const XEN_DOMCTL_SCHEDOP_GETINFO: u32 = 1;
/// [`DomctlSchedulerOp::cmd`]: set for vCPUs.
#[doc(alias = "XEN_DOMCTL_SCHEDOP_putvcpuinfo")]
pub const XEN_DOMCTL_SCHEDOP_PUTVCPUINFO: u32 = 2;
/// [`DomctlSchedulerOp::cmd`]: get for vCPUs.
#[doc(alias = "XEN_DOMCTL_SCHEDOP_getvcpuinfo")]
pub const XEN_DOMCTL_SCHEDOP_GETVCPUINFO: u32 = 3;
/// [`DomctlSendtrigger::trigger`]: NMI.
pub const XEN_DOMCTL_SENDTRIGGER_NMI: u32 = 0;
/// [`DomctlSendtrigger::trigger`]: reset.
pub const XEN_DOMCTL_SENDTRIGGER_RESET: u32 = 1;
/// [`DomctlSendtrigger::trigger`]: INIT.
pub const XEN_DOMCTL_SENDTRIGGER_INIT: u32 = 2;
/// [`DomctlSendtrigger::trigger`]: power button.
pub const XEN_DOMCTL_SENDTRIGGER_POWER: u32 = 3;
/// [`DomctlSendtrigger::trigger`]: sleep button.
pub const XEN_DOMCTL_SENDTRIGGER_SLEEP: u32 = 4;
/// A CPUID input that does not matter.
pub const XEN_CPUID_INPUT_UNUSED: u32 = 0xffff_ffff;

/// Payload of `XEN_DOMCTL_{set,get}vcpucontext`.
#[doc(alias = "xen_domctl_vcpucontext")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlVcpucontext {
    /// The vCPU.
    pub vcpu: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of a [`VcpuGuestContext`](crate::xen_x86::VcpuGuestContext).
    pub ctxt: u64,
}

/// Payload of `XEN_DOMCTL_getvcpuinfo`.
#[doc(alias = "xen_domctl_getvcpuinfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlGetvcpuinfo {
    /// In: the vCPU.
    pub vcpu: u32,
    /// Out: non-zero if up.
    pub online: u8,
    /// Out: non-zero if it waits for an event.
    pub blocked: u8,
    /// Out: non-zero if it runs.
    pub running: u8,
    /// Padding; zero.
    pub _pad0: [u8; 1],
    /// Out: time run, in nanoseconds.
    pub cpu_time: u64,
    /// Out: its pCPU.
    pub cpu: u32,
    /// Padding; zero.
    pub _pad1: [u8; 4],
}

/// Payload of `XEN_DOMCTL_{set,get}vcpuaffinity`.
#[doc(alias = "xen_domctl_vcpuaffinity")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlVcpuaffinity {
    /// The vCPU.
    pub vcpu: u32,
    /// `XEN_VCPUAFFINITY_*`.
    pub flags: u32,
    /// pCPUs it may run on.
    pub cpumap_hard: super::CtlBitmap,
    /// pCPUs it should run on.
    pub cpumap_soft: super::CtlBitmap,
}

/// Payload of `XEN_DOMCTL_max_vcpus`.
#[doc(alias = "xen_domctl_max_vcpus")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlMaxVcpus {
    /// Number of vCPUs.
    pub max: u32,
}

/// Parameters of the credit scheduler.
#[doc(alias = "xen_domctl_sched_credit")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSchedCredit {
    /// Share.
    pub weight: u16,
    /// Limit in percent of a pCPU; 0 means none.
    pub cap: u16,
}

/// Parameters of the credit2 scheduler.
#[doc(alias = "xen_domctl_sched_credit2")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSchedCredit2 {
    /// Share.
    pub weight: u16,
    /// Limit in percent of a pCPU; 0 means none.
    pub cap: u16,
}

/// Parameters of the real-time scheduler.
#[doc(alias = "xen_domctl_sched_rtds")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSchedRtds {
    /// Period in microseconds.
    pub period: u32,
    /// Budget in microseconds.
    pub budget: u32,
    /// `XEN_DOMCTL_SCHEDRT_*`.
    pub flags: u32,
}

/// Parameters of one vCPU.
#[doc(alias = "xen_domctl_schedparam_vcpu")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSchedparamVcpu {
    /// A [`DomctlSchedCredit`], [`DomctlSchedCredit2`] or [`DomctlSchedRtds`].
    pub u: [u32; 3],
    /// The vCPU.
    pub vcpuid: u32,
}

/// The list in [`DomctlSchedulerOp`] for vCPUs.
#[doc(alias = "xen_domctl_scheduler_op.u.v")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSchedulerOpVcpus {
    /// Guest address of the list of [`DomctlSchedparamVcpu`].
    pub vcpus: u64,
    /// Its length.
    pub nr_vcpus: u32,
    /// Zero.
    pub padding: u32,
}

/// Payload of `XEN_DOMCTL_scheduler_op`.
#[doc(alias = "xen_domctl_scheduler_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSchedulerOp {
    /// `XEN_SCHEDULER_*`.
    pub sched_id: u32,
    /// `XEN_DOMCTL_SCHEDOP_*`.
    pub cmd: u32,
    /// Parameters of the domain, or a [`DomctlSchedulerOpVcpus`].
    pub u: [u64; 2],
}

/// Payload of `XEN_DOMCTL_sendtrigger`.
#[doc(alias = "xen_domctl_sendtrigger")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSendtrigger {
    /// `XEN_DOMCTL_SENDTRIGGER_*`.
    pub trigger: u32,
    /// The vCPU.
    pub vcpu: u32,
}

/// Payload of `XEN_DOMCTL_{get,set}hvmcontext`.
#[doc(alias = "xen_domctl_hvmcontext")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlHvmcontext {
    /// Size in bytes.
    pub size: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the context.
    pub buffer: u64,
}

/// Payload of `XEN_DOMCTL_gethvmcontext_partial`.
#[doc(alias = "xen_domctl_hvmcontext_partial")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlHvmcontextPartial {
    /// Kind of record.
    #[doc(alias = "type")]
    pub kind: u32,
    /// vCPU or device.
    pub instance: u32,
    /// Size in bytes.
    pub bufsz: u64,
    /// Guest address of the record.
    pub buffer: u64,
}

/// Payload of `XEN_DOMCTL_{set,get}_ext_vcpucontext`.
#[doc(alias = "xen_domctl_ext_vcpucontext")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlExtVcpucontext {
    /// The vCPU.
    pub vcpu: u32,
    /// In: size of this structure; out: bytes valid.
    pub size: u32,
    /// Address of the 32-bit SYSCALL callback.
    pub syscall32_callback_eip: u64,
    /// Address of the SYSENTER callback.
    pub sysenter_callback_eip: u64,
    /// Its code selector.
    pub syscall32_callback_cs: u16,
    /// Its code selector.
    pub sysenter_callback_cs: u16,
    /// Non-zero: it masks events.
    pub syscall32_disables_events: u8,
    /// Non-zero: it masks events.
    pub sysenter_disables_events: u8,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// Machine check capabilities.
    pub mcg_cap: u64,
    /// Machine check control, bank 0.
    #[doc(alias = "vmce.mci_ctl2_bank0")]
    pub mci_ctl2_bank0: u64,
    /// Machine check control, bank 1.
    #[doc(alias = "vmce.mci_ctl2_bank1")]
    pub mci_ctl2_bank1: u64,
    /// Machine check extended control.
    #[doc(alias = "vmce.mcg_ext_ctl")]
    pub mcg_ext_ctl: u64,
}

/// Payload of `XEN_DOMCTL_{get,set}_cpu_policy`.
#[doc(alias = "xen_domctl_cpu_policy")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlCpuPolicy {
    /// Length of `leaves`.
    pub nr_leaves: u32,
    /// Length of `msrs`.
    pub nr_msrs: u32,
    /// Guest address of the list of [`CpuidLeaf`](crate::cpuid::CpuidLeaf).
    pub leaves: u64,
    /// Guest address of the list of [`MsrEntry`](crate::cpuid::MsrEntry).
    pub msrs: u64,
    /// Out: the leaf that was refused.
    pub err_leaf: u32,
    /// Out: its sub-leaf.
    pub err_subleaf: u32,
    /// Out: the register that was refused.
    pub err_msr: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// Payload of `XEN_DOMCTL_{set,get}vcpuextstate`.
#[doc(alias = "xen_domctl_vcpuextstate")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlVcpuextstate {
    /// The vCPU.
    pub vcpu: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// State components.
    pub xfeature_mask: u64,
    /// Size in bytes.
    pub size: u64,
    /// Guest address of the state.
    pub buffer: u64,
}

/// One register in [`DomctlVcpuMsrs`].
#[doc(alias = "xen_domctl_vcpu_msr")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlVcpuMsr {
    /// Number.
    pub index: u32,
    /// Zero.
    pub reserved: u32,
    /// Value.
    pub value: u64,
}

/// Payload of `XEN_DOMCTL_{get,set}_vcpu_msrs`.
#[doc(alias = "xen_domctl_vcpu_msrs")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlVcpuMsrs {
    /// The vCPU.
    pub vcpu: u32,
    /// Length of `msrs`.
    pub msr_count: u32,
    /// Guest address of the list of [`DomctlVcpuMsr`].
    pub msrs: u64,
}

crate::zeroed_default!(
    DomctlVcpucontext,
    DomctlGetvcpuinfo,
    DomctlVcpuaffinity,
    DomctlMaxVcpus,
    DomctlSchedCredit,
    DomctlSchedCredit2,
    DomctlSchedRtds,
    DomctlSchedparamVcpu,
    DomctlSchedulerOpVcpus,
    DomctlSchedulerOp,
    DomctlSendtrigger,
    DomctlHvmcontext,
    DomctlHvmcontextPartial,
    DomctlExtVcpucontext,
    DomctlCpuPolicy,
    DomctlVcpuextstate,
    DomctlVcpuMsr,
    DomctlVcpuMsrs
);
