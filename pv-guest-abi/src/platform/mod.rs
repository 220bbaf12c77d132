//! Operations on the machine, for the control domain: `platform_op` (`platform.h`).
//!
//! The argument of the hypercall is the guest address of a [`PlatformOp`], which is written back. Another
//! interface version is refused with `EACCES`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub mod firmware;
pub mod power;

pub use firmware::*;
pub use power::*;

/// The interface version of this crate.
pub const XENPF_INTERFACE_VERSION: u32 = 0x0300_0001;
/// [`XenpfSettime32`].
#[doc(alias = "XENPF_settime32")]
pub const XENPF_SETTIME32: u32 = 17;
/// [`XenpfAddMemtype`].
#[doc(alias = "XENPF_add_memtype")]
pub const XENPF_ADD_MEMTYPE: u32 = 31;
/// [`XenpfDelMemtype`].
#[doc(alias = "XENPF_del_memtype")]
pub const XENPF_DEL_MEMTYPE: u32 = 32;
/// [`XenpfReadMemtype`].
#[doc(alias = "XENPF_read_memtype")]
pub const XENPF_READ_MEMTYPE: u32 = 33;
/// [`XenpfMicrocodeUpdate`].
#[doc(alias = "XENPF_microcode_update")]
pub const XENPF_MICROCODE_UPDATE: u32 = 35;
/// [`XenpfPlatformQuirk`].
#[doc(alias = "XENPF_platform_quirk")]
pub const XENPF_PLATFORM_QUIRK: u32 = 39;
/// [`XenpfPcpuVersion`].
#[doc(alias = "XENPF_get_cpu_version")]
pub const XENPF_GET_CPU_VERSION: u32 = 48;
/// [`XenpfEfiRuntimeCall`].
#[doc(alias = "XENPF_efi_runtime_call")]
pub const XENPF_EFI_RUNTIME_CALL: u32 = 49;
/// [`XenpfFirmwareInfo`].
#[doc(alias = "XENPF_firmware_info")]
pub const XENPF_FIRMWARE_INFO: u32 = 50;
/// [`XenpfEnterAcpiSleep`].
#[doc(alias = "XENPF_enter_acpi_sleep")]
pub const XENPF_ENTER_ACPI_SLEEP: u32 = 51;
/// [`XenpfChangeFreq`].
#[doc(alias = "XENPF_change_freq")]
pub const XENPF_CHANGE_FREQ: u32 = 52;
/// [`XenpfGetidletime`].
#[doc(alias = "XENPF_getidletime")]
pub const XENPF_GETIDLETIME: u32 = 53;
/// [`XenpfSetProcessorPminfo`].
#[doc(alias = "XENPF_set_processor_pminfo")]
pub const XENPF_SET_PROCESSOR_PMINFO: u32 = 54;
/// [`XenpfPcpuinfo`].
#[doc(alias = "XENPF_get_cpuinfo")]
pub const XENPF_GET_CPUINFO: u32 = 55;
/// [`XenpfCpuOl`].
#[doc(alias = "XENPF_cpu_online")]
pub const XENPF_CPU_ONLINE: u32 = 56;
/// [`XenpfCpuOl`].
#[doc(alias = "XENPF_cpu_offline")]
pub const XENPF_CPU_OFFLINE: u32 = 57;
/// [`XenpfCpuHotadd`].
#[doc(alias = "XENPF_cpu_hotadd")]
pub const XENPF_CPU_HOTADD: u32 = 58;
/// [`XenpfMemHotadd`].
#[doc(alias = "XENPF_mem_hotadd")]
pub const XENPF_MEM_HOTADD: u32 = 59;
/// [`XenpfCoreParking`].
#[doc(alias = "XENPF_core_parking")]
pub const XENPF_CORE_PARKING: u32 = 60;
/// [`XenpfResourceOp`].
#[doc(alias = "XENPF_resource_op")]
pub const XENPF_RESOURCE_OP: u32 = 61;
/// [`XenpfSettime64`].
#[doc(alias = "XENPF_settime64")]
pub const XENPF_SETTIME64: u32 = 62;
/// The form in use.
#[doc(alias = "XENPF_settime")]
pub const XENPF_SETTIME: u32 = XENPF_SETTIME64;
/// [`XenpfSymdata`].
#[doc(alias = "XENPF_get_symbol")]
pub const XENPF_GET_SYMBOL: u32 = 63;
/// [`XenpfPlatformQuirk::quirk_id`]: do not balance interrupts.
pub const QUIRK_NOIRQBALANCING: u32 = 1;
/// The I/O APIC forgets its register select.
pub const QUIRK_IOAPIC_BAD_REGSEL: u32 = 2;
/// It does not.
pub const QUIRK_IOAPIC_GOOD_REGSEL: u32 = 3;
/// [`XenpfPcpuinfo::flags`]: up.
pub const XEN_PCPU_FLAGS_ONLINE: u32 = 1;
/// [`XenpfPcpuinfo::flags`]: no such pCPU.
pub const XEN_PCPU_FLAGS_INVALID: u32 = 2;
/// [`XenpfCoreParking::kind`]: set.
pub const XEN_CORE_PARKING_SET: u32 = 1;
/// [`XenpfCoreParking::kind`]: get.
pub const XEN_CORE_PARKING_GET: u32 = 2;
/// [`XenpfResourceEntry::u`]: read a register.
pub const XEN_RESOURCE_OP_MSR_READ: u32 = 0;
/// [`XenpfResourceEntry::u`]: write a register.
pub const XEN_RESOURCE_OP_MSR_WRITE: u32 = 1;

/// Payload of `XENPF_settime32`.
#[doc(alias = "xenpf_settime32")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfSettime32 {
    /// Wall clock: seconds since 1970.
    pub secs: u32,
    /// Nanoseconds.
    pub nsecs: u32,
    /// System time at that moment, in nanoseconds.
    pub system_time: u64,
}

/// Payload of `XENPF_settime64`.
#[doc(alias = "xenpf_settime64")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfSettime64 {
    /// Wall clock: seconds since 1970.
    pub secs: u64,
    /// Nanoseconds.
    pub nsecs: u32,
    /// Zero.
    pub mbz: u32,
    /// System time at that moment, in nanoseconds.
    pub system_time: u64,
}

/// Payload of `XENPF_add_memtype`.
#[doc(alias = "xenpf_add_memtype")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfAddMemtype {
    /// In: first frame.
    pub mfn: u64,
    /// In: number.
    pub nr_mfns: u64,
    /// In: memory type.
    #[doc(alias = "type")]
    pub kind: u32,
    /// Out: handle.
    pub handle: u32,
    /// Out: register.
    pub reg: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// Payload of `XENPF_del_memtype`.
#[doc(alias = "xenpf_del_memtype")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfDelMemtype {
    /// Handle.
    pub handle: u32,
    /// Register.
    pub reg: u32,
}

/// Payload of `XENPF_read_memtype`.
#[doc(alias = "xenpf_read_memtype")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfReadMemtype {
    /// In: register.
    pub reg: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Out: first frame.
    pub mfn: u64,
    /// Out: number.
    pub nr_mfns: u64,
    /// Out: memory type.
    #[doc(alias = "type")]
    pub kind: u32,
    /// Padding; zero.
    pub _pad1: [u8; 4],
}

/// Payload of `XENPF_microcode_update`.
#[doc(alias = "xenpf_microcode_update")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfMicrocodeUpdate {
    /// Guest address of the microcode.
    pub data: u64,
    /// Its size in bytes.
    pub length: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// Payload of `XENPF_platform_quirk`.
#[doc(alias = "xenpf_platform_quirk")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfPlatformQuirk {
    /// `QUIRK_*`.
    pub quirk_id: u32,
}

/// Payload of `XENPF_get_cpuinfo`.
#[doc(alias = "xenpf_pcpuinfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfPcpuinfo {
    /// In: pCPU.
    pub xen_cpuid: u32,
    /// Out: greatest pCPU.
    pub max_present: u32,
    /// Out: `XEN_PCPU_FLAGS_*`.
    pub flags: u32,
    /// Out: APIC identifier.
    pub apic_id: u32,
    /// Out: ACPI identifier.
    pub acpi_id: u32,
}

/// Payload of `XENPF_get_cpu_version`.
#[doc(alias = "xenpf_pcpu_version")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfPcpuVersion {
    /// In: pCPU.
    pub xen_cpuid: u32,
    /// Out: greatest pCPU.
    pub max_present: u32,
    /// Out: vendor.
    pub vendor_id: [u8; 12],
    /// Out: family.
    pub family: u32,
    /// Out: model.
    pub model: u32,
    /// Out: stepping.
    pub stepping: u32,
}

/// Payload of `XENPF_cpu_online` and `_offline`.
#[doc(alias = "xenpf_cpu_ol")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfCpuOl {
    /// pCPU.
    pub cpuid: u32,
}

/// Payload of `XENPF_cpu_hotadd`.
#[doc(alias = "xenpf_cpu_hotadd")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfCpuHotadd {
    /// APIC identifier.
    pub apic_id: u32,
    /// ACPI identifier.
    pub acpi_id: u32,
    /// Proximity domain.
    pub pxm: u32,
}

/// Payload of `XENPF_mem_hotadd`.
#[doc(alias = "xenpf_mem_hotadd")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfMemHotadd {
    /// First frame.
    pub spfn: u64,
    /// Frame behind the last.
    pub epfn: u64,
    /// Proximity domain.
    pub pxm: u32,
    /// Zero.
    pub flags: u32,
}

/// Payload of `XENPF_core_parking`.
#[doc(alias = "xenpf_core_parking")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfCoreParking {
    /// `XEN_CORE_PARKING_*`.
    #[doc(alias = "type")]
    pub kind: u32,
    /// Parked pCPUs.
    pub idle_nums: u32,
}

/// One access of [`XenpfResourceOp`].
#[doc(alias = "xenpf_resource_entry")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfResourceEntry {
    /// In: `XEN_RESOURCE_OP_*`; out: 0 or a negative error.
    pub u: u32,
    /// Zero.
    pub rsvd: u32,
    /// Register.
    pub idx: u64,
    /// Value.
    pub val: u64,
}

/// Payload of `XENPF_resource_op`; returns the number done.
#[doc(alias = "xenpf_resource_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfResourceOp {
    /// Number.
    pub nr_entries: u32,
    /// pCPU.
    pub cpu: u32,
    /// Guest address of the list of [`XenpfResourceEntry`].
    pub entries: u64,
}

/// Payload of `XENPF_get_symbol`.
#[doc(alias = "xenpf_symdata")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfSymdata {
    /// In: room for the name; out: its size.
    pub namelen: u32,
    /// In: which; out: the next one.
    pub symnum: u32,
    /// Guest address of the name.
    pub name: u64,
    /// Out: address.
    pub address: u64,
    /// Out: kind, as of `nm`.
    #[doc(alias = "type")]
    pub kind: u8,
    /// Padding; zero.
    pub _pad0: [u8; 7],
}

/// Argument of the hypercall `platform_op` (136 bytes).
#[doc(alias = "xen_platform_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PlatformOp {
    /// `XENPF_*`.
    pub cmd: u32,
    /// `XENPF_INTERFACE_VERSION`.
    pub interface_version: u32,
    /// The payload of the command.
    pub u: [u64; 16],
}

impl PlatformOp {
    /// An operation of this interface version.
    pub const fn new(cmd: u32) -> PlatformOp {
        PlatformOp {
            cmd,
            interface_version: XENPF_INTERFACE_VERSION,
            u: [0; 16],
        }
    }

    /// The same operation with this payload.
    pub fn with<T: IntoBytes + Immutable>(mut self, payload: &T) -> PlatformOp {
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

crate::zeroed_default!(
    XenpfSettime32,
    XenpfSettime64,
    XenpfAddMemtype,
    XenpfDelMemtype,
    XenpfReadMemtype,
    XenpfMicrocodeUpdate,
    XenpfPlatformQuirk,
    XenpfPcpuinfo,
    XenpfPcpuVersion,
    XenpfCpuOl,
    XenpfCpuHotadd,
    XenpfMemHotadd,
    XenpfCoreParking,
    XenpfResourceEntry,
    XenpfResourceOp,
    XenpfSymdata,
    PlatformOp
);
