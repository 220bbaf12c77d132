//! Creating domains and listing them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`DomctlCreatedomain::flags`]: HVM.
#[doc(alias = "XEN_DOMCTL_CDF_hvm")]
pub const XEN_DOMCTL_CDF_HVM: u32 = 1 << 0;
/// Hardware-assisted paging.
#[doc(alias = "XEN_DOMCTL_CDF_hap")]
pub const XEN_DOMCTL_CDF_HAP: u32 = 1 << 1;
/// Keep the memory over S3.
#[doc(alias = "XEN_DOMCTL_CDF_s3_integrity")]
pub const XEN_DOMCTL_CDF_S3_INTEGRITY: u32 = 1 << 2;
/// No out-of-sync shadow pages.
#[doc(alias = "XEN_DOMCTL_CDF_oos_off")]
pub const XEN_DOMCTL_CDF_OOS_OFF: u32 = 1 << 3;
/// This domain serves xenstore.
#[doc(alias = "XEN_DOMCTL_CDF_xs_domain")]
pub const XEN_DOMCTL_CDF_XS_DOMAIN: u32 = 1 << 4;
/// Devices may be assigned.
#[doc(alias = "XEN_DOMCTL_CDF_iommu")]
pub const XEN_DOMCTL_CDF_IOMMU: u32 = 1 << 5;
/// Nested virtualisation.
#[doc(alias = "XEN_DOMCTL_CDF_nested_virt")]
pub const XEN_DOMCTL_CDF_NESTED_VIRT: u32 = 1 << 6;
/// Virtual performance counters.
#[doc(alias = "XEN_DOMCTL_CDF_vpmu")]
pub const XEN_DOMCTL_CDF_VPMU: u32 = 1 << 7;
/// The greatest flag.
pub const XEN_DOMCTL_CDF_MAX: u32 = XEN_DOMCTL_CDF_VPMU;
/// [`DomctlCreatedomain::iommu_opts`]: do not share page tables.
#[doc(alias = "XEN_DOMCTL_IOMMU_no_sharept")]
pub const XEN_DOMCTL_IOMMU_NO_SHAREPT: u32 = 1 << 0;
/// The greatest option.
pub const XEN_DOMCTL_IOMMU_MAX: u32 = XEN_DOMCTL_IOMMU_NO_SHAREPT;
/// [`DomctlCreatedomain::grant_opts`]: mask of the greatest grant table version.
#[doc(alias = "XEN_DOMCTL_GRANT_version_mask")]
pub const XEN_DOMCTL_GRANT_VERSION_MASK: u32 = 0xf;
/// [`DomctlGetdomaininfo::flags`]: being destroyed.
#[doc(alias = "XEN_DOMINF_dying")]
pub const XEN_DOMINF_DYING: u32 = 1 << 0;
/// HVM.
#[doc(alias = "XEN_DOMINF_hvm_guest")]
pub const XEN_DOMINF_HVM_GUEST: u32 = 1 << 1;
/// Has shut down.
#[doc(alias = "XEN_DOMINF_shutdown")]
pub const XEN_DOMINF_SHUTDOWN: u32 = 1 << 2;
/// Paused by the toolstack.
#[doc(alias = "XEN_DOMINF_paused")]
pub const XEN_DOMINF_PAUSED: u32 = 1 << 3;
/// All vCPUs wait for events.
#[doc(alias = "XEN_DOMINF_blocked")]
pub const XEN_DOMINF_BLOCKED: u32 = 1 << 4;
/// A vCPU runs.
#[doc(alias = "XEN_DOMINF_running")]
pub const XEN_DOMINF_RUNNING: u32 = 1 << 5;
/// Paused for a debugger.
#[doc(alias = "XEN_DOMINF_debugged")]
pub const XEN_DOMINF_DEBUGGED: u32 = 1 << 6;
/// Serves xenstore.
#[doc(alias = "XEN_DOMINF_xs_domain")]
pub const XEN_DOMINF_XS_DOMAIN: u32 = 1 << 7;
/// Hardware-assisted paging.
#[doc(alias = "XEN_DOMINF_hap")]
pub const XEN_DOMINF_HAP: u32 = 1 << 8;
/// Mask of the shutdown reason, after the shift.
#[doc(alias = "XEN_DOMINF_shutdownmask")]
pub const XEN_DOMINF_SHUTDOWNMASK: u32 = 255;
/// Shift of the shutdown reason.
#[doc(alias = "XEN_DOMINF_shutdownshift")]
pub const XEN_DOMINF_SHUTDOWNSHIFT: u32 = 16;
/// [`DomctlGetdomaininfo::max_vcpu_id`]: no vCPUs.
pub const XEN_INVALID_MAX_VCPU_ID: u32 = !0;
/// [`ArchDomainconfig::emulation_flags`]: local APIC.
pub const XEN_X86_EMU_LAPIC: u32 = 1 << 0;
/// HPET.
pub const XEN_X86_EMU_HPET: u32 = 1 << 1;
/// Power management.
pub const XEN_X86_EMU_PM: u32 = 1 << 2;
/// Real-time clock.
pub const XEN_X86_EMU_RTC: u32 = 1 << 3;
/// I/O APIC.
pub const XEN_X86_EMU_IOAPIC: u32 = 1 << 4;
/// Interrupt controllers.
pub const XEN_X86_EMU_PIC: u32 = 1 << 5;
/// VGA.
pub const XEN_X86_EMU_VGA: u32 = 1 << 6;
/// IOMMU.
pub const XEN_X86_EMU_IOMMU: u32 = 1 << 7;
/// Interval timer.
pub const XEN_X86_EMU_PIT: u32 = 1 << 8;
/// Physical interrupts as event channels.
pub const XEN_X86_EMU_USE_PIRQ: u32 = 1 << 9;
/// PCI.
pub const XEN_X86_EMU_VPCI: u32 = 1 << 10;
/// All of them.
pub const XEN_X86_EMU_ALL: u32 = 0x7ff;
/// [`ArchDomainconfig::misc_flags`]: unknown registers read as 0.
pub const XEN_X86_MSR_RELAXED: u32 = 1 << 0;
/// The greatest flag.
pub const XEN_X86_MISC_FLAGS_MAX: u32 = XEN_X86_MSR_RELAXED;

/// x86 part of a domain's configuration (`arch-x86/xen.h`).
#[doc(alias = "xen_arch_domainconfig")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ArchDomainconfig {
    /// `XEN_X86_EMU_*`; 0 for PV, apart from the PIT.
    pub emulation_flags: u32,
    /// `XEN_X86_MSR_RELAXED`.
    pub misc_flags: u32,
}

/// Payload of `XEN_DOMCTL_createdomain` (64 bytes).
#[doc(alias = "xen_domctl_createdomain")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlCreatedomain {
    /// Security identifier.
    pub ssidref: u32,
    /// UUID.
    pub handle: crate::version::DomainHandle,
    /// `XEN_DOMCTL_CDF_*`.
    pub flags: u32,
    /// `XEN_DOMCTL_IOMMU_*`.
    pub iommu_opts: u32,
    /// Greatest number of vCPUs.
    pub max_vcpus: u32,
    /// Greatest port.
    pub max_evtchn_port: u32,
    /// Greatest size of the grant table in frames; negative: the default.
    pub max_grant_frames: i32,
    /// Greatest number of map-track frames; negative: the default.
    pub max_maptrack_frames: i32,
    /// Greatest grant table version.
    pub grant_opts: u32,
    /// Trace buffer of a vCPU in bytes.
    pub vmtrace_size: u32,
    /// CPU pool.
    pub cpupool_id: u32,
    /// x86 part.
    pub arch: ArchDomainconfig,
}

/// Payload of `XEN_DOMCTL_getdomaininfo` (112 bytes).
#[doc(alias = "xen_domctl_getdomaininfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlGetdomaininfo {
    /// Its number.
    pub domain: u16,
    /// Zero.
    pub pad1: u16,
    /// `XEN_DOMINF_*` and the shutdown reason.
    pub flags: u32,
    /// Pages it has.
    pub tot_pages: u64,
    /// Pages it may have.
    pub max_pages: u64,
    /// Pages claimed and not yet allocated.
    pub outstanding_pages: u64,
    /// Shared pages.
    pub shr_pages: u64,
    /// Paged-out pages.
    pub paged_pages: u64,
    /// Machine frame of the shared info page.
    pub shared_info_frame: u64,
    /// Time run by all vCPUs, in nanoseconds.
    pub cpu_time: u64,
    /// vCPUs that are up.
    pub nr_online_vcpus: u32,
    /// Greatest vCPU number.
    pub max_vcpu_id: u32,
    /// Security identifier.
    pub ssidref: u32,
    /// UUID.
    pub handle: crate::version::DomainHandle,
    /// CPU pool.
    pub cpupool: u32,
    /// Width of guest physical addresses in bits.
    pub gpaddr_bits: u8,
    /// Zero.
    pub pad2: [u8; 7],
    /// x86 part.
    pub arch_config: ArchDomainconfig,
}

/// Payload of `XEN_DOMCTL_setdomainhandle`.
#[doc(alias = "xen_domctl_setdomainhandle")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSetdomainhandle {
    /// UUID.
    pub handle: crate::version::DomainHandle,
}

/// Payload of `XEN_DOMCTL_hypercall_init`.
#[doc(alias = "xen_domctl_hypercall_init")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlHypercallInit {
    /// Guest frame of the hypercall page.
    pub gmfn: u64,
}

/// Payload of `XEN_DOMCTL_settimeoffset`.
#[doc(alias = "xen_domctl_settimeoffset")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSettimeoffset {
    /// Added to the wall clock.
    pub time_offset_seconds: i64,
}

/// Payload of `XEN_DOMCTL_{set,get}_address_size`.
#[doc(alias = "xen_domctl_address_size")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlAddressSize {
    /// 32 or 64 bits.
    pub size: u32,
}

/// Payload of `XEN_DOMCTL_set_target`.
#[doc(alias = "xen_domctl_set_target")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSetTarget {
    /// The domain over which this one has rights.
    pub target: u16,
}

/// Payload of `XEN_DOMCTL_set_virq_handler`.
#[doc(alias = "xen_domctl_set_virq_handler")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSetVirqHandler {
    /// The global virtual interrupt that this domain gets.
    pub virq: u32,
}

/// Payload of `XEN_DOMCTL_{get,set}tscinfo`.
#[doc(alias = "xen_domctl_tsc_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlTscInfo {
    /// 0: default, 1: emulate, 2: native, 3: native with TSC_AUX.
    pub tsc_mode: u32,
    /// Frequency that the guest sees, in kHz.
    pub gtsc_khz: u32,
    /// Number of migrations.
    pub incarnation: u32,
    /// Zero.
    pub pad: u32,
    /// Guest time in nanoseconds.
    pub elapsed_nsec: u64,
}

crate::zeroed_default!(
    ArchDomainconfig,
    DomctlCreatedomain,
    DomctlGetdomaininfo,
    DomctlSetdomainhandle,
    DomctlHypercallInit,
    DomctlSettimeoffset,
    DomctlAddressSize,
    DomctlSetTarget,
    DomctlSetVirqHandler,
    DomctlTscInfo
);
