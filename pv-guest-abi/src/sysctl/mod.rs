//! Operations on the whole system, for the toolstack: `sysctl` (`sysctl.h`).
//!
//! The argument of the hypercall is the guest address of a [`Sysctl`], which is written back. A hypervisor
//! refuses another interface version than its own with `EACCES`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub mod info;
pub mod livepatch;
pub mod power;
pub mod sched;
pub mod trace;

pub use info::*;
pub use livepatch::*;
pub use power::*;
pub use sched::*;
pub use trace::*;

/// The interface version of this crate.
pub const XEN_SYSCTL_INTERFACE_VERSION: u32 = 0x15;
/// [`SysctlReadconsole`].
#[doc(alias = "XEN_SYSCTL_readconsole")]
pub const XEN_SYSCTL_READCONSOLE: u32 = 1;
/// [`SysctlTbufOp`].
#[doc(alias = "XEN_SYSCTL_tbuf_op")]
pub const XEN_SYSCTL_TBUF_OP: u32 = 2;
/// [`SysctlPhysinfo`].
#[doc(alias = "XEN_SYSCTL_physinfo")]
pub const XEN_SYSCTL_PHYSINFO: u32 = 3;
/// [`SysctlSchedId`].
#[doc(alias = "XEN_SYSCTL_sched_id")]
pub const XEN_SYSCTL_SCHED_ID: u32 = 4;
/// [`SysctlPerfcOp`].
#[doc(alias = "XEN_SYSCTL_perfc_op")]
pub const XEN_SYSCTL_PERFC_OP: u32 = 5;
/// [`SysctlGetdomaininfolist`].
#[doc(alias = "XEN_SYSCTL_getdomaininfolist")]
pub const XEN_SYSCTL_GETDOMAININFOLIST: u32 = 6;
/// [`SysctlDebugKeys`].
#[doc(alias = "XEN_SYSCTL_debug_keys")]
pub const XEN_SYSCTL_DEBUG_KEYS: u32 = 7;
/// [`SysctlGetcpuinfo`].
#[doc(alias = "XEN_SYSCTL_getcpuinfo")]
pub const XEN_SYSCTL_GETCPUINFO: u32 = 8;
/// [`SysctlAvailheap`].
#[doc(alias = "XEN_SYSCTL_availheap")]
pub const XEN_SYSCTL_AVAILHEAP: u32 = 9;
/// [`SysctlGetPmstat`].
#[doc(alias = "XEN_SYSCTL_get_pmstat")]
pub const XEN_SYSCTL_GET_PMSTAT: u32 = 10;
/// [`SysctlCpuHotplug`].
#[doc(alias = "XEN_SYSCTL_cpu_hotplug")]
pub const XEN_SYSCTL_CPU_HOTPLUG: u32 = 11;
/// [`SysctlPmOp`].
#[doc(alias = "XEN_SYSCTL_pm_op")]
pub const XEN_SYSCTL_PM_OP: u32 = 12;
/// [`SysctlPageOfflineOp`].
#[doc(alias = "XEN_SYSCTL_page_offline_op")]
pub const XEN_SYSCTL_PAGE_OFFLINE_OP: u32 = 14;
/// [`SysctlLockprofOp`].
#[doc(alias = "XEN_SYSCTL_lockprof_op")]
pub const XEN_SYSCTL_LOCKPROF_OP: u32 = 15;
/// [`SysctlCputopoinfo`].
#[doc(alias = "XEN_SYSCTL_cputopoinfo")]
pub const XEN_SYSCTL_CPUTOPOINFO: u32 = 16;
/// [`SysctlNumainfo`].
#[doc(alias = "XEN_SYSCTL_numainfo")]
pub const XEN_SYSCTL_NUMAINFO: u32 = 17;
/// [`SysctlCpupoolOp`].
#[doc(alias = "XEN_SYSCTL_cpupool_op")]
pub const XEN_SYSCTL_CPUPOOL_OP: u32 = 18;
/// [`SysctlSchedulerOp`].
#[doc(alias = "XEN_SYSCTL_scheduler_op")]
pub const XEN_SYSCTL_SCHEDULER_OP: u32 = 19;
/// [`SysctlCoverageOp`].
#[doc(alias = "XEN_SYSCTL_coverage_op")]
pub const XEN_SYSCTL_COVERAGE_OP: u32 = 20;
/// [`SysctlPsrCmtOp`].
#[doc(alias = "XEN_SYSCTL_psr_cmt_op")]
pub const XEN_SYSCTL_PSR_CMT_OP: u32 = 21;
/// [`SysctlPcitopoinfo`].
#[doc(alias = "XEN_SYSCTL_pcitopoinfo")]
pub const XEN_SYSCTL_PCITOPOINFO: u32 = 22;
/// [`SysctlPsrAlloc`].
#[doc(alias = "XEN_SYSCTL_psr_alloc")]
pub const XEN_SYSCTL_PSR_ALLOC: u32 = 23;
/// [`SysctlCpuLevellingCaps`].
#[doc(alias = "XEN_SYSCTL_get_cpu_levelling_caps")]
pub const XEN_SYSCTL_GET_CPU_LEVELLING_CAPS: u32 = 25;
/// [`SysctlCpuFeatureset`].
#[doc(alias = "XEN_SYSCTL_get_cpu_featureset")]
pub const XEN_SYSCTL_GET_CPU_FEATURESET: u32 = 26;
/// [`SysctlLivepatchOp`].
#[doc(alias = "XEN_SYSCTL_livepatch_op")]
pub const XEN_SYSCTL_LIVEPATCH_OP: u32 = 27;
/// [`SysctlCpuPolicy`].
#[doc(alias = "XEN_SYSCTL_get_cpu_policy")]
pub const XEN_SYSCTL_GET_CPU_POLICY: u32 = 29;

/// Argument of the hypercall `sysctl` (136 bytes).
#[doc(alias = "xen_sysctl")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Sysctl {
    /// `XEN_SYSCTL_*`.
    pub cmd: u32,
    /// `XEN_SYSCTL_INTERFACE_VERSION`.
    pub interface_version: u32,
    /// The payload of the command.
    pub u: [u64; 16],
}

impl Sysctl {
    /// An operation of this interface version.
    pub const fn new(cmd: u32) -> Sysctl {
        Sysctl {
            cmd,
            interface_version: XEN_SYSCTL_INTERFACE_VERSION,
            u: [0; 16],
        }
    }

    /// The same operation with this payload.
    pub fn with<T: IntoBytes + Immutable>(mut self, payload: &T) -> Sysctl {
        self.set_payload(payload);
        self
    }

    /// The payload, read as the structure of the command.
    pub fn payload<T: FromBytes>(&self) -> T {
        crate::payload::read(&self.u)
    }

    /// Writes the payload.
    pub fn set_payload<T: IntoBytes + Immutable>(&mut self, payload: &T) {
        crate::payload::write(&mut self.u, payload);
    }
}

crate::zeroed_default!(Sysctl);
