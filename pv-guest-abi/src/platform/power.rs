//! Sleep states, frequencies, idle times and the power tables of processors.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`XenpfEnterAcpiSleep::flags`]: hardware-reduced ACPI registers.
pub const XENPF_ACPI_SLEEP_EXTENDED: u32 = 1;
/// Bit of the power management flags: idle states.
pub const XEN_PROCESSOR_PM_CX: u32 = 1;
/// Bit of the power management flags: frequencies.
pub const XEN_PROCESSOR_PM_PX: u32 = 2;
/// Bit of the power management flags: throttling.
pub const XEN_PROCESSOR_PM_TX: u32 = 4;
/// [`XenpfSetProcessorPminfo::kind`]: idle states; [`ProcessorPower`].
pub const XEN_PM_CX: u32 = 0;
/// Frequencies; [`ProcessorPerformance`].
pub const XEN_PM_PX: u32 = 1;
/// Throttling.
pub const XEN_PM_TX: u32 = 2;
/// Capabilities; guest address of the words.
pub const XEN_PM_PDC: u32 = 3;
/// [`ProcessorPerformance::flags`]: control and status registers.
pub const XEN_PX_PCT: u32 = 1;
/// [`ProcessorPerformance::flags`]: states.
pub const XEN_PX_PSS: u32 = 2;
/// [`ProcessorPerformance::flags`]: limit.
pub const XEN_PX_PPC: u32 = 4;
/// [`ProcessorPerformance::flags`]: coordination.
pub const XEN_PX_PSD: u32 = 8;
/// [`ProcessorPerformance::shared_type`]: hardware coordinates.
pub const XEN_CPUPERF_SHARED_TYPE_HW: u32 = 1;
/// All pCPUs must be set.
pub const XEN_CPUPERF_SHARED_TYPE_ALL: u32 = 2;
/// Any pCPU may be set.
pub const XEN_CPUPERF_SHARED_TYPE_ANY: u32 = 3;

/// Payload of `XENPF_enter_acpi_sleep`.
#[doc(alias = "xenpf_enter_acpi_sleep")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEnterAcpiSleep {
    /// Value for PM1A control, or the sleep control register.
    pub val_a: u16,
    /// Value for PM1B control, or the sleep status register.
    pub val_b: u16,
    /// 1 to 5.
    pub sleep_state: u32,
    /// `XENPF_ACPI_SLEEP_*`.
    pub flags: u32,
}

/// Payload of `XENPF_change_freq`.
#[doc(alias = "xenpf_change_freq")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfChangeFreq {
    /// Zero.
    pub flags: u32,
    /// pCPU.
    pub cpu: u32,
    /// Frequency in Hz.
    pub freq: u64,
}

/// Payload of `XENPF_getidletime`.
#[doc(alias = "xenpf_getidletime")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfGetidletime {
    /// Guest address of the bitmap: asked for in, there out.
    pub cpumap_bitmap: u64,
    /// Bits in it.
    pub cpumap_nr_cpus: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the idle times (`u64`, nanoseconds), out.
    pub idletime: u64,
    /// Out: system time in nanoseconds.
    pub now: u64,
}

/// An ACPI register.
#[doc(alias = "xen_power_register")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PowerRegister {
    /// Address space.
    pub space_id: u32,
    /// Width in bits.
    pub bit_width: u32,
    /// Offset in bits.
    pub bit_offset: u32,
    /// Access size.
    pub access_size: u32,
    /// Address.
    pub address: u64,
}

/// Dependency of idle states.
#[doc(alias = "xen_processor_csd")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ProcessorCsd {
    /// Dependency domain.
    pub domain: u32,
    /// Kind of coordination.
    pub coord_type: u32,
    /// Processors in it.
    pub num: u32,
}

/// An idle state.
#[doc(alias = "xen_processor_cx")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ProcessorCx {
    /// How to enter it.
    pub reg: PowerRegister,
    /// C-state.
    #[doc(alias = "type")]
    pub kind: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
    /// Latency in microseconds.
    pub latency: u32,
    /// Power in milliwatts.
    pub power: u32,
    /// Dependencies.
    pub dpcnt: u32,
    /// Guest address of the list of [`ProcessorCsd`].
    pub dp: u64,
}

/// Flags of a processor's idle states.
#[doc(alias = "xen_processor_flags")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ProcessorFlags {
    /// Bit 0: bus master control; 1: bus master check; 2: has `_CST`; 3: set up; 4: bus master reload.
    pub bits: u32,
}

/// The idle states of a processor.
#[doc(alias = "xen_processor_power")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ProcessorPower {
    /// Number.
    pub count: u32,
    /// Flags.
    pub flags: ProcessorFlags,
    /// Guest address of the list of [`ProcessorCx`].
    pub states: u64,
}

/// A frequency control register.
#[doc(alias = "xen_pct_register")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PctRegister {
    /// ACPI descriptor.
    pub descriptor: u8,
    /// Padding; zero.
    pub _pad0: [u8; 1],
    /// Its length.
    pub length: u16,
    /// Address space.
    pub space_id: u8,
    /// Width in bits.
    pub bit_width: u8,
    /// Offset in bits.
    pub bit_offset: u8,
    /// Zero.
    pub reserved: u8,
    /// Address.
    pub address: u64,
}

/// A frequency.
#[doc(alias = "xen_processor_px")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ProcessorPx {
    /// MHz.
    pub core_frequency: u64,
    /// Milliwatts.
    pub power: u64,
    /// Microseconds.
    pub transition_latency: u64,
    /// Microseconds.
    pub bus_master_latency: u64,
    /// Value for the control register.
    pub control: u64,
    /// Value of the status register.
    pub status: u64,
}

/// Dependency of frequencies.
#[doc(alias = "xen_psd_package")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PsdPackage {
    /// Entries.
    pub num_entries: u64,
    /// Revision.
    pub revision: u64,
    /// Dependency domain.
    pub domain: u64,
    /// Kind of coordination.
    pub coord_type: u64,
    /// Processors in it.
    pub num_processors: u64,
}

/// The frequencies of a processor.
#[doc(alias = "xen_processor_performance")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ProcessorPerformance {
    /// `XEN_PX_*`: what is valid.
    pub flags: u32,
    /// Highest allowed.
    pub platform_limit: u32,
    /// Control register.
    pub control_register: PctRegister,
    /// Status register.
    pub status_register: PctRegister,
    /// Number.
    pub state_count: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Guest address of the list of [`ProcessorPx`].
    pub states: u64,
    /// Dependency.
    pub domain_info: PsdPackage,
    /// `XEN_CPUPERF_SHARED_TYPE_*`.
    pub shared_type: u32,
    /// Padding; zero.
    pub _pad1: [u8; 4],
}

/// Payload of `XENPF_set_processor_pminfo`.
#[doc(alias = "xenpf_set_processor_pminfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfSetProcessorPminfo {
    /// ACPI identifier of the processor.
    pub id: u32,
    /// `XEN_PM_*`.
    #[doc(alias = "type")]
    pub kind: u32,
    /// A [`ProcessorPower`], a [`ProcessorPerformance`] or an address.
    pub u: [u64; 13],
}

crate::zeroed_default!(
    XenpfEnterAcpiSleep,
    XenpfChangeFreq,
    XenpfGetidletime,
    PowerRegister,
    ProcessorCsd,
    ProcessorCx,
    ProcessorFlags,
    ProcessorPower,
    PctRegister,
    ProcessorPx,
    PsdPackage,
    ProcessorPerformance,
    XenpfSetProcessorPminfo
);
