//! The shared info page, which hypervisor and guest both read and write (`xen.h`, `arch-x86/xen.h`).
//!
//! Both sides change it while the other looks: read each field once, write with atomics where noted.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::time::VcpuTimeInfo;

/// vCPUs that have a [`VcpuInfo`] within the shared info page.
pub const XEN_LEGACY_MAX_VCPUS: usize = 32;

/// x86 part of [`VcpuInfo`].
#[doc(alias = "arch_vcpu_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ArchVcpuInfo {
    /// Linear address of the latest page fault.
    pub cr2: u64,
    /// Zero.
    pub pad: u64,
}

/// The part of the shared state that belongs to one vCPU (64 bytes).
#[doc(alias = "vcpu_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VcpuInfo {
    /// Non-zero: an event waits for this vCPU. The guest clears it before it looks at `evtchn_pending_sel`.
    pub evtchn_upcall_pending: u8,
    /// Non-zero: no upcall; the virtual interrupt flag, inverted.
    pub evtchn_upcall_mask: u8,
    /// Padding; zero.
    pub _pad0: [u8; 6],
    /// Bit n: word n of [`SharedInfo::evtchn_pending`] may have news. Exchanged with 0 atomically.
    pub evtchn_pending_sel: u64,
    /// x86 part.
    pub arch: ArchVcpuInfo,
    /// The clock.
    pub time: VcpuTimeInfo,
}

/// x86 part of [`SharedInfo`], written by the guest for the toolstack.
#[doc(alias = "arch_shared_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ArchSharedInfo {
    /// Number of valid entries in the p2m.
    pub max_pfn: u64,
    /// Frame of the three-level p2m list; `!0` when only `p2m_vaddr` is valid.
    pub pfn_to_mfn_frame_list_list: u64,
    /// `XEN_NMIREASON_*`, set by the hypervisor.
    pub nmi_reason: u64,
    /// Root in which `p2m_vaddr` is valid, in CR3 format; 0 means not set.
    pub p2m_cr3: u64,
    /// Virtual address of the linear p2m list.
    pub p2m_vaddr: u64,
    /// Counted before and after each change of the p2m's mapping; odd while it changes.
    pub p2m_generation: u64,
}

/// The shared info page.
#[doc(alias = "shared_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SharedInfo {
    /// One for each of the first 32 vCPUs, until `VCPUOP_register_vcpu_info` moves it.
    pub vcpu_info: [VcpuInfo; XEN_LEGACY_MAX_VCPUS],
    /// A bit for each port: pending. Changed with atomics.
    pub evtchn_pending: [u64; 64],
    /// A bit for each port: masked. Changed with atomics.
    pub evtchn_mask: [u64; 64],
    /// Version of the wall clock; odd while it changes.
    pub wc_version: u32,
    /// Wall clock at system time 0: seconds since 1970, bits 0 to 31.
    pub wc_sec: u32,
    /// Wall clock at system time 0: nanoseconds.
    pub wc_nsec: u32,
    /// Wall clock at system time 0: seconds, bits 32 to 63.
    pub wc_sec_hi: u32,
    /// x86 part.
    pub arch: ArchSharedInfo,
}

crate::zeroed_default!(ArchVcpuInfo, VcpuInfo, ArchSharedInfo, SharedInfo);
