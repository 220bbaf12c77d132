//! What the machine is and what runs on it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`SysctlPhysinfo::capabilities`]: HVM guests.
#[doc(alias = "XEN_SYSCTL_PHYSCAP_hvm")]
pub const XEN_SYSCTL_PHYSCAP_HVM: u32 = 1 << 0;
/// PV guests.
#[doc(alias = "XEN_SYSCTL_PHYSCAP_pv")]
pub const XEN_SYSCTL_PHYSCAP_PV: u32 = 1 << 1;
/// Devices can be assigned.
#[doc(alias = "XEN_SYSCTL_PHYSCAP_directio")]
pub const XEN_SYSCTL_PHYSCAP_DIRECTIO: u32 = 1 << 2;
/// Hardware-assisted paging.
#[doc(alias = "XEN_SYSCTL_PHYSCAP_hap")]
pub const XEN_SYSCTL_PHYSCAP_HAP: u32 = 1 << 3;
/// Shadow paging.
#[doc(alias = "XEN_SYSCTL_PHYSCAP_shadow")]
pub const XEN_SYSCTL_PHYSCAP_SHADOW: u32 = 1 << 4;
/// Page tables shared with the IOMMU.
#[doc(alias = "XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share")]
pub const XEN_SYSCTL_PHYSCAP_IOMMU_HAP_PT_SHARE: u32 = 1 << 5;
/// Tracing of vCPUs.
#[doc(alias = "XEN_SYSCTL_PHYSCAP_vmtrace")]
pub const XEN_SYSCTL_PHYSCAP_VMTRACE: u32 = 1 << 6;
/// Virtual performance counters.
#[doc(alias = "XEN_SYSCTL_PHYSCAP_vpmu")]
pub const XEN_SYSCTL_PHYSCAP_VPMU: u32 = 1 << 7;
/// Grant tables, version 1.
#[doc(alias = "XEN_SYSCTL_PHYSCAP_gnttab_v1")]
pub const XEN_SYSCTL_PHYSCAP_GNTTAB_V1: u32 = 1 << 8;
/// Grant tables, version 2.
#[doc(alias = "XEN_SYSCTL_PHYSCAP_gnttab_v2")]
pub const XEN_SYSCTL_PHYSCAP_GNTTAB_V2: u32 = 1 << 9;
/// The greatest capability.
pub const XEN_SYSCTL_PHYSCAP_MAX: u32 = XEN_SYSCTL_PHYSCAP_GNTTAB_V2;
/// [`SysctlCputopo::core`]: no such pCPU.
pub const XEN_INVALID_CORE_ID: u32 = !0;
/// [`SysctlCputopo::socket`]: no such pCPU.
pub const XEN_INVALID_SOCKET_ID: u32 = !0;
/// [`SysctlCputopo::node`]: no such pCPU.
pub const XEN_INVALID_NODE_ID: u32 = !0;
/// [`SysctlMeminfo::memsize`]: no such node.
pub const XEN_INVALID_MEM_SZ: u32 = !0;
/// A distance: no such node.
pub const XEN_INVALID_NODE_DIST: u32 = !0;
/// A device's node: no such device.
pub const XEN_INVALID_DEV: u32 = XEN_INVALID_NODE_ID - 1;
/// [`SysctlCpuLevellingCaps::caps`]: CPUID faulting.
#[doc(alias = "XEN_SYSCTL_CPU_LEVELCAP_faulting")]
pub const XEN_SYSCTL_CPU_LEVELCAP_FAULTING: u32 = 1 << 0;
/// Mask of leaf 1, ecx.
#[doc(alias = "XEN_SYSCTL_CPU_LEVELCAP_ecx")]
pub const XEN_SYSCTL_CPU_LEVELCAP_ECX: u32 = 1 << 1;
/// Mask of leaf 1, edx.
#[doc(alias = "XEN_SYSCTL_CPU_LEVELCAP_edx")]
pub const XEN_SYSCTL_CPU_LEVELCAP_EDX: u32 = 1 << 2;
/// Mask of leaf 0x80000001, ecx.
#[doc(alias = "XEN_SYSCTL_CPU_LEVELCAP_extd_ecx")]
pub const XEN_SYSCTL_CPU_LEVELCAP_EXTD_ECX: u32 = 1 << 3;
/// Mask of leaf 0x80000001, edx.
#[doc(alias = "XEN_SYSCTL_CPU_LEVELCAP_extd_edx")]
pub const XEN_SYSCTL_CPU_LEVELCAP_EXTD_EDX: u32 = 1 << 4;
/// Mask of leaf 0xd, eax.
#[doc(alias = "XEN_SYSCTL_CPU_LEVELCAP_xsave_eax")]
pub const XEN_SYSCTL_CPU_LEVELCAP_XSAVE_EAX: u32 = 1 << 5;
/// Mask of leaf 6, ecx.
#[doc(alias = "XEN_SYSCTL_CPU_LEVELCAP_thermal_ecx")]
pub const XEN_SYSCTL_CPU_LEVELCAP_THERMAL_ECX: u32 = 1 << 6;
/// Mask of leaf 7, eax.
#[doc(alias = "XEN_SYSCTL_CPU_LEVELCAP_l7s0_eax")]
pub const XEN_SYSCTL_CPU_LEVELCAP_L7S0_EAX: u32 = 1 << 7;
/// Mask of leaf 7, ebx.
#[doc(alias = "XEN_SYSCTL_CPU_LEVELCAP_l7s0_ebx")]
pub const XEN_SYSCTL_CPU_LEVELCAP_L7S0_EBX: u32 = 1 << 8;
/// [`SysctlCpuFeatureset::index`]: as the CPU says.
#[doc(alias = "XEN_SYSCTL_cpu_featureset_raw")]
pub const XEN_SYSCTL_CPU_FEATURESET_RAW: u32 = 0;
/// As the hypervisor uses it.
#[doc(alias = "XEN_SYSCTL_cpu_featureset_host")]
pub const XEN_SYSCTL_CPU_FEATURESET_HOST: u32 = 1;
/// Default for PV guests.
#[doc(alias = "XEN_SYSCTL_cpu_featureset_pv")]
pub const XEN_SYSCTL_CPU_FEATURESET_PV: u32 = 2;
/// Default for HVM guests.
#[doc(alias = "XEN_SYSCTL_cpu_featureset_hvm")]
pub const XEN_SYSCTL_CPU_FEATURESET_HVM: u32 = 3;
/// Most for PV guests.
#[doc(alias = "XEN_SYSCTL_cpu_featureset_pv_max")]
pub const XEN_SYSCTL_CPU_FEATURESET_PV_MAX: u32 = 4;
/// Most for HVM guests.
#[doc(alias = "XEN_SYSCTL_cpu_featureset_hvm_max")]
pub const XEN_SYSCTL_CPU_FEATURESET_HVM_MAX: u32 = 5;
/// [`SysctlCpuPolicy::index`]: as the CPU says.
#[doc(alias = "XEN_SYSCTL_cpu_policy_raw")]
pub const XEN_SYSCTL_CPU_POLICY_RAW: u32 = 0;
/// As the hypervisor uses it.
#[doc(alias = "XEN_SYSCTL_cpu_policy_host")]
pub const XEN_SYSCTL_CPU_POLICY_HOST: u32 = 1;
/// Most for PV guests.
#[doc(alias = "XEN_SYSCTL_cpu_policy_pv_max")]
pub const XEN_SYSCTL_CPU_POLICY_PV_MAX: u32 = 2;
/// Most for HVM guests.
#[doc(alias = "XEN_SYSCTL_cpu_policy_hvm_max")]
pub const XEN_SYSCTL_CPU_POLICY_HVM_MAX: u32 = 3;
/// Default for PV guests.
#[doc(alias = "XEN_SYSCTL_cpu_policy_pv_default")]
pub const XEN_SYSCTL_CPU_POLICY_PV_DEFAULT: u32 = 4;
/// Default for HVM guests.
#[doc(alias = "XEN_SYSCTL_cpu_policy_hvm_default")]
pub const XEN_SYSCTL_CPU_POLICY_HVM_DEFAULT: u32 = 5;

/// Payload of `XEN_SYSCTL_readconsole`.
#[doc(alias = "xen_sysctl_readconsole")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlReadconsole {
    /// In: non-zero: clear the ring.
    pub clear: u8,
    /// In: non-zero: start at `index`.
    pub incremental: u8,
    /// Zero.
    pub pad0: u8,
    /// Zero.
    pub pad1: u8,
    /// In: where to start; out: where to go on.
    pub index: u32,
    /// Guest address of the buffer.
    pub buffer: u64,
    /// In: its size; out: bytes written.
    pub count: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// Payload of `XEN_SYSCTL_physinfo` (112 bytes).
#[doc(alias = "xen_sysctl_physinfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlPhysinfo {
    /// Threads in a core.
    pub threads_per_core: u32,
    /// Cores in a socket.
    pub cores_per_socket: u32,
    /// pCPUs that are up.
    pub nr_cpus: u32,
    /// Greatest pCPU.
    pub max_cpu_id: u32,
    /// NUMA nodes.
    pub nr_nodes: u32,
    /// Greatest node.
    pub max_node_id: u32,
    /// Frequency in kHz.
    pub cpu_khz: u32,
    /// `XEN_SYSCTL_PHYSCAP_*`.
    pub capabilities: u32,
    /// Zero on x86.
    pub arch_capabilities: u32,
    /// Zero.
    pub pad: u32,
    /// Pages of RAM.
    pub total_pages: u64,
    /// Free pages.
    pub free_pages: u64,
    /// Pages still to be cleared.
    pub scrub_pages: u64,
    /// Pages claimed.
    pub outstanding_pages: u64,
    /// Greatest machine frame.
    pub max_mfn: u64,
    /// CPU features.
    pub hw_cap: [u32; 8],
}

/// Payload of `XEN_SYSCTL_sched_id`.
#[doc(alias = "xen_sysctl_sched_id")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlSchedId {
    /// Out: `XEN_SCHEDULER_*`.
    pub sched_id: u32,
}

/// Payload of `XEN_SYSCTL_getdomaininfolist`.
#[doc(alias = "xen_sysctl_getdomaininfolist")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlGetdomaininfolist {
    /// In: least number wanted.
    pub first_domain: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// In: room in the list.
    pub max_domains: u32,
    /// Guest address of the list of [`DomctlGetdomaininfo`](crate::domctl::DomctlGetdomaininfo).
    pub buffer: u64,
    /// Out: entries written.
    pub num_domains: u32,
    /// Padding; zero.
    pub _pad1: [u8; 4],
}

/// Payload of `XEN_SYSCTL_debug_keys`.
#[doc(alias = "xen_sysctl_debug_keys")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlDebugKeys {
    /// Guest address of the keys.
    pub keys: u64,
    /// Their number.
    pub nr_keys: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// One pCPU in [`SysctlGetcpuinfo`].
#[doc(alias = "xen_sysctl_cpuinfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlCpuinfo {
    /// Time idle, in nanoseconds.
    pub idletime: u64,
}

/// Payload of `XEN_SYSCTL_getcpuinfo`.
#[doc(alias = "xen_sysctl_getcpuinfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlGetcpuinfo {
    /// In: room in the list.
    pub max_cpus: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the list of [`SysctlCpuinfo`].
    pub info: u64,
    /// Out: entries written.
    pub nr_cpus: u32,
    /// Padding; zero.
    pub _pad1: [u8; 4],
}

/// Payload of `XEN_SYSCTL_availheap`.
#[doc(alias = "xen_sysctl_availheap")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlAvailheap {
    /// In: least width of addresses, in bits; 0 means any.
    pub min_bitwidth: u32,
    /// In: greatest width; 0 means any.
    pub max_bitwidth: u32,
    /// In: node; -1 means any.
    pub node: i32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Out: free bytes.
    pub avail_bytes: u64,
}

/// One pCPU in [`SysctlCputopoinfo`].
#[doc(alias = "xen_sysctl_cputopo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlCputopo {
    /// Core.
    pub core: u32,
    /// Socket.
    pub socket: u32,
    /// Node.
    pub node: u32,
}

/// Payload of `XEN_SYSCTL_cputopoinfo`.
#[doc(alias = "xen_sysctl_cputopoinfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlCputopoinfo {
    /// In: room in the list; out: entries there are.
    pub num_cpus: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the list of [`SysctlCputopo`].
    pub cputopo: u64,
}

/// One node in [`SysctlNumainfo`].
#[doc(alias = "xen_sysctl_meminfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlMeminfo {
    /// Memory in bytes.
    pub memsize: u64,
    /// Free memory in bytes.
    pub memfree: u64,
}

/// Payload of `XEN_SYSCTL_numainfo`.
#[doc(alias = "xen_sysctl_numainfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlNumainfo {
    /// In: room in the lists; out: nodes there are.
    pub num_nodes: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the list of [`SysctlMeminfo`].
    pub meminfo: u64,
    /// Guest address of the distances (`u32`, squared).
    pub distance: u64,
}

/// Payload of `XEN_SYSCTL_pcitopoinfo`.
#[doc(alias = "xen_sysctl_pcitopoinfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlPcitopoinfo {
    /// In: devices; out: devices done.
    pub num_devs: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the list of [`PhysdevPciDevice`](crate::physdev::PhysdevPciDevice).
    pub devs: u64,
    /// Guest address of their nodes (`u32`), out.
    pub nodes: u64,
}

/// Payload of `XEN_SYSCTL_get_cpu_levelling_caps`.
#[doc(alias = "xen_sysctl_cpu_levelling_caps")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlCpuLevellingCaps {
    /// Out: `XEN_SYSCTL_CPU_LEVELCAP_*`.
    pub caps: u32,
}

/// Payload of `XEN_SYSCTL_get_cpu_featureset`.
#[doc(alias = "xen_sysctl_cpu_featureset")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlCpuFeatureset {
    /// In: `XEN_SYSCTL_cpu_featureset_*`.
    pub index: u32,
    /// In: room in the list; out: words.
    pub nr_features: u32,
    /// Guest address of the words (`u32`).
    pub features: u64,
}

/// Payload of `XEN_SYSCTL_get_cpu_policy`.
#[doc(alias = "xen_sysctl_cpu_policy")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlCpuPolicy {
    /// In: `XEN_SYSCTL_cpu_policy_*`.
    pub index: u32,
    /// In: room in `leaves`; out: entries.
    pub nr_leaves: u32,
    /// In: room in `msrs`; out: entries.
    pub nr_msrs: u32,
    /// Zero.
    pub _rsvd: u32,
    /// Guest address of the list of [`CpuidLeaf`](crate::cpuid::CpuidLeaf).
    pub leaves: u64,
    /// Guest address of the list of [`MsrEntry`](crate::cpuid::MsrEntry).
    pub msrs: u64,
}

crate::zeroed_default!(
    SysctlReadconsole,
    SysctlPhysinfo,
    SysctlSchedId,
    SysctlGetdomaininfolist,
    SysctlDebugKeys,
    SysctlCpuinfo,
    SysctlGetcpuinfo,
    SysctlAvailheap,
    SysctlCputopo,
    SysctlCputopoinfo,
    SysctlMeminfo,
    SysctlNumainfo,
    SysctlPcitopoinfo,
    SysctlCpuLevellingCaps,
    SysctlCpuFeatureset,
    SysctlCpuPolicy
);
