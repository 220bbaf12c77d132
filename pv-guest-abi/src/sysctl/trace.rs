//! Trace buffers, counters, lock profiles, coverage.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`SysctlTbufOp::cmd`]: figures.
#[doc(alias = "XEN_SYSCTL_TBUFOP_get_info")]
pub const XEN_SYSCTL_TBUFOP_GET_INFO: u32 = 0;
/// Choose pCPUs.
#[doc(alias = "XEN_SYSCTL_TBUFOP_set_cpu_mask")]
pub const XEN_SYSCTL_TBUFOP_SET_CPU_MASK: u32 = 1;
/// Choose events.
#[doc(alias = "XEN_SYSCTL_TBUFOP_set_evt_mask")]
pub const XEN_SYSCTL_TBUFOP_SET_EVT_MASK: u32 = 2;
/// Set the size.
#[doc(alias = "XEN_SYSCTL_TBUFOP_set_size")]
pub const XEN_SYSCTL_TBUFOP_SET_SIZE: u32 = 3;
/// Start.
#[doc(alias = "XEN_SYSCTL_TBUFOP_enable")]
pub const XEN_SYSCTL_TBUFOP_ENABLE: u32 = 4;
/// Stop.
#[doc(alias = "XEN_SYSCTL_TBUFOP_disable")]
pub const XEN_SYSCTL_TBUFOP_DISABLE: u32 = 5;
/// [`SysctlPerfcOp::cmd`]: clear.
#[doc(alias = "XEN_SYSCTL_PERFCOP_reset")]
pub const XEN_SYSCTL_PERFCOP_RESET: u32 = 1;
/// Read.
#[doc(alias = "XEN_SYSCTL_PERFCOP_query")]
pub const XEN_SYSCTL_PERFCOP_QUERY: u32 = 2;
/// [`SysctlLockprofOp::cmd`]: clear.
#[doc(alias = "XEN_SYSCTL_LOCKPROF_reset")]
pub const XEN_SYSCTL_LOCKPROF_RESET: u32 = 1;
/// Read.
#[doc(alias = "XEN_SYSCTL_LOCKPROF_query")]
pub const XEN_SYSCTL_LOCKPROF_QUERY: u32 = 2;
/// [`SysctlLockprofData::kind`]: a global lock.
pub const LOCKPROF_TYPE_GLOBAL: i32 = 0;
/// A domain's lock.
pub const LOCKPROF_TYPE_PERDOM: i32 = 1;
/// Number of kinds.
pub const LOCKPROF_TYPE_N: i32 = 2;
/// First word of coverage data: "XCOV".
pub const XEN_GCOV_FORMAT_MAGIC: u32 = 0x5843_4f56;
/// [`SysctlCoverageOp::cmd`]: size.
#[doc(alias = "XEN_SYSCTL_COVERAGE_get_size")]
pub const XEN_SYSCTL_COVERAGE_GET_SIZE: u32 = 0;
/// Read.
#[doc(alias = "XEN_SYSCTL_COVERAGE_read")]
pub const XEN_SYSCTL_COVERAGE_READ: u32 = 1;
/// Clear.
#[doc(alias = "XEN_SYSCTL_COVERAGE_reset")]
pub const XEN_SYSCTL_COVERAGE_RESET: u32 = 2;

/// Payload of `XEN_SYSCTL_tbuf_op`.
#[doc(alias = "xen_sysctl_tbuf_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlTbufOp {
    /// `XEN_SYSCTL_TBUFOP_*`.
    pub cmd: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// pCPUs.
    pub cpu_mask: crate::domctl::CtlBitmap,
    /// Events.
    pub evt_mask: u32,
    /// Padding; zero.
    pub _pad1: [u8; 4],
    /// Out: machine frame of the information.
    pub buffer_mfn: u64,
    /// Size in pages.
    pub size: u32,
    /// Padding; zero.
    pub _pad2: [u8; 4],
}

/// Name of a counter.
#[doc(alias = "xen_sysctl_perfc_desc")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlPerfcDesc {
    /// Name, NUL-padded.
    pub name: [u8; 80],
    /// Values it has.
    pub nr_vals: u32,
}

/// Payload of `XEN_SYSCTL_perfc_op`.
#[doc(alias = "xen_sysctl_perfc_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlPerfcOp {
    /// `XEN_SYSCTL_PERFCOP_*`.
    pub cmd: u32,
    /// Out: counters.
    pub nr_counters: u32,
    /// Out: values.
    pub nr_vals: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the list of [`SysctlPerfcDesc`].
    pub desc: u64,
    /// Guest address of the values (`u32`).
    pub val: u64,
}

/// Figures of one lock.
#[doc(alias = "xen_sysctl_lockprof_data")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlLockprofData {
    /// Name, NUL-padded.
    pub name: [u8; 40],
    /// `LOCKPROF_TYPE_*`.
    #[doc(alias = "type")]
    pub kind: i32,
    /// Domain.
    pub idx: i32,
    /// Times taken.
    pub lock_cnt: u64,
    /// Times waited for.
    pub block_cnt: u64,
    /// Time held, in nanoseconds.
    pub lock_time: u64,
    /// Time waited, in nanoseconds.
    pub block_time: u64,
}

/// Payload of `XEN_SYSCTL_lockprof_op`.
#[doc(alias = "xen_sysctl_lockprof_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlLockprofOp {
    /// `XEN_SYSCTL_LOCKPROF_*`.
    pub cmd: u32,
    /// In: room in the list.
    pub max_elem: u32,
    /// Out: locks.
    pub nr_elem: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Out: time since the start, in nanoseconds.
    pub time: u64,
    /// Guest address of the list of [`SysctlLockprofData`].
    pub data: u64,
}

/// Payload of `XEN_SYSCTL_coverage_op`.
#[doc(alias = "xen_sysctl_coverage_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlCoverageOp {
    /// `XEN_SYSCTL_COVERAGE_*`.
    pub cmd: u32,
    /// Size in bytes.
    pub size: u32,
    /// Guest address of the buffer.
    pub buffer: u64,
}

crate::zeroed_default!(
    SysctlTbufOp,
    SysctlPerfcDesc,
    SysctlPerfcOp,
    SysctlLockprofData,
    SysctlLockprofOp,
    SysctlCoverageOp
);
