//! Firmware: EFI calls and boot information.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`XenpfEfiRuntimeCall::function`]: read the clock.
#[doc(alias = "XEN_EFI_get_time")]
pub const XEN_EFI_GET_TIME: u32 = 1;
/// Set the clock.
#[doc(alias = "XEN_EFI_set_time")]
pub const XEN_EFI_SET_TIME: u32 = 2;
/// Read the wake-up time.
#[doc(alias = "XEN_EFI_get_wakeup_time")]
pub const XEN_EFI_GET_WAKEUP_TIME: u32 = 3;
/// Set the wake-up time.
#[doc(alias = "XEN_EFI_set_wakeup_time")]
pub const XEN_EFI_SET_WAKEUP_TIME: u32 = 4;
/// Next high half of the counter.
#[doc(alias = "XEN_EFI_get_next_high_monotonic_count")]
pub const XEN_EFI_GET_NEXT_HIGH_MONOTONIC_COUNT: u32 = 5;
/// Read a variable.
#[doc(alias = "XEN_EFI_get_variable")]
pub const XEN_EFI_GET_VARIABLE: u32 = 6;
/// Set a variable.
#[doc(alias = "XEN_EFI_set_variable")]
pub const XEN_EFI_SET_VARIABLE: u32 = 7;
/// Next variable.
#[doc(alias = "XEN_EFI_get_next_variable_name")]
pub const XEN_EFI_GET_NEXT_VARIABLE_NAME: u32 = 8;
/// Room for variables.
#[doc(alias = "XEN_EFI_query_variable_info")]
pub const XEN_EFI_QUERY_VARIABLE_INFO: u32 = 9;
/// What capsules may be.
#[doc(alias = "XEN_EFI_query_capsule_capabilities")]
pub const XEN_EFI_QUERY_CAPSULE_CAPABILITIES: u32 = 10;
/// Hand over capsules.
#[doc(alias = "XEN_EFI_update_capsule")]
pub const XEN_EFI_UPDATE_CAPSULE: u32 = 11;
/// [`XenpfEfiRuntimeCall::misc`] of `get_time`: setting clears nanoseconds.
pub const XEN_EFI_GET_TIME_SET_CLEARS_NS: u32 = 1;
/// Of `get_wakeup_time`: enabled.
pub const XEN_EFI_GET_WAKEUP_TIME_ENABLED: u32 = 1;
/// Of `get_wakeup_time`: pending.
pub const XEN_EFI_GET_WAKEUP_TIME_PENDING: u32 = 2;
/// Of `set_wakeup_time`: enable.
pub const XEN_EFI_SET_WAKEUP_TIME_ENABLE: u32 = 1;
/// Of `set_wakeup_time`: keep the time.
pub const XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY: u32 = 2;
/// Attribute of a variable: non-volatile.
pub const XEN_EFI_VARIABLE_NON_VOLATILE: u32 = 1;
/// Attribute of a variable: for boot services.
pub const XEN_EFI_VARIABLE_BOOTSERVICE_ACCESS: u32 = 2;
/// Attribute of a variable: at run time.
pub const XEN_EFI_VARIABLE_RUNTIME_ACCESS: u32 = 4;
/// Of `query_variable_info`: as it was at boot.
pub const XEN_EFI_VARINFO_BOOT_SNAPSHOT: u32 = 1;
/// [`XenpfFirmwareInfo::kind`]: disk; [`XenpfFirmwareDiskInfo`].
pub const XEN_FW_DISK_INFO: u32 = 1;
/// Boot record; [`XenpfFirmwareDiskMbrSignature`].
pub const XEN_FW_DISK_MBR_SIGNATURE: u32 = 2;
/// Display; [`XenpfFirmwareVbeddcInfo`].
pub const XEN_FW_VBEDDC_INFO: u32 = 3;
/// EFI, by `index`.
pub const XEN_FW_EFI_INFO: u32 = 4;
/// Keyboard shift flags, in the low byte.
pub const XEN_FW_KBD_SHIFT_FLAGS: u32 = 5;
/// [`XenpfFirmwareInfo::index`]: version, in bits 0 to 31.
pub const XEN_FW_EFI_VERSION: u32 = 0;
/// Configuration table; [`XenpfEfiInfoCfg`].
pub const XEN_FW_EFI_CONFIG_TABLE: u32 = 1;
/// Vendor; [`XenpfEfiInfoVendor`].
pub const XEN_FW_EFI_VENDOR: u32 = 2;
/// Memory at an address; [`XenpfEfiInfoMem`].
pub const XEN_FW_EFI_MEM_INFO: u32 = 3;
/// Version of the runtime services, in bits 0 to 31.
pub const XEN_FW_EFI_RT_VERSION: u32 = 4;
/// PCI ROM; [`XenpfEfiInfoPciRom`].
pub const XEN_FW_EFI_PCI_ROM: u32 = 5;
/// Apple's properties; [`XenpfEfiInfoAppleProperties`].
pub const XEN_FW_EFI_APPLE_PROPERTIES: u32 = 6;

/// A time of EFI's.
#[doc(alias = "xenpf_efi_time")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiTime {
    /// Year.
    pub year: u16,
    /// Month, from 1.
    pub month: u8,
    /// Day, from 1.
    pub day: u8,
    /// Hour.
    pub hour: u8,
    /// Minute.
    pub min: u8,
    /// Second.
    pub sec: u8,
    /// Padding; zero.
    pub _pad0: [u8; 1],
    /// Nanosecond.
    pub ns: u32,
    /// Minutes from UTC; 2047 means unspecified.
    pub tz: i16,
    /// Daylight saving bits.
    pub daylight: u8,
    /// Padding; zero.
    pub _pad1: [u8; 1],
}

/// A GUID of EFI's.
#[doc(alias = "xenpf_efi_guid")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiGuid {
    /// First part.
    pub data1: u32,
    /// Second part.
    pub data2: u16,
    /// Third part.
    pub data3: u16,
    /// Last part.
    pub data4: [u8; 8],
}

/// Answer of `get_time`.
#[doc(alias = "xenpf_efi_runtime_call.u.get_time")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiGetTime {
    /// The time.
    pub time: XenpfEfiTime,
    /// Ticks in a second.
    pub resolution: u32,
    /// Error rate in parts per million, times 10^6.
    pub accuracy: u32,
}

/// Argument of `get_variable` and `set_variable`.
#[doc(alias = "xenpf_efi_runtime_call.u.get_variable")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiVariable {
    /// Guest address of the name (UCS-2).
    pub name: u64,
    /// Size of the data in bytes.
    pub size: u64,
    /// Guest address of the data.
    pub data: u64,
    /// Vendor.
    pub vendor_guid: XenpfEfiGuid,
}

/// Argument of `get_next_variable_name`.
#[doc(alias = "xenpf_efi_runtime_call.u.get_next_variable_name")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiNextVariableName {
    /// Size of the name in bytes.
    pub size: u64,
    /// Guest address of the name (UCS-2).
    pub name: u64,
    /// Vendor.
    pub vendor_guid: XenpfEfiGuid,
}

/// Argument of `query_variable_info`.
#[doc(alias = "xenpf_efi_runtime_call.u.query_variable_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiQueryVariableInfo {
    /// In: attributes.
    pub attr: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Out: room.
    pub max_store_size: u64,
    /// Out: room left.
    pub remain_store_size: u64,
    /// Out: greatest variable.
    pub max_size: u64,
}

/// Argument of `query_capsule_capabilities`.
#[doc(alias = "xenpf_efi_runtime_call.u.query_capsule_capabilities")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiQueryCapsuleCapabilities {
    /// Guest address of the headers.
    pub capsule_header_array: u64,
    /// Number.
    pub capsule_count: u64,
    /// Out: greatest size.
    pub max_capsule_size: u64,
    /// Out: kind of reset.
    pub reset_type: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// Argument of `update_capsule`.
#[doc(alias = "xenpf_efi_runtime_call.u.update_capsule")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiUpdateCapsule {
    /// Guest address of the headers.
    pub capsule_header_array: u64,
    /// Number.
    pub capsule_count: u64,
    /// Machine address of the block list.
    pub sg_list: u64,
}

/// Payload of `XENPF_efi_runtime_call`.
#[doc(alias = "xenpf_efi_runtime_call")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiRuntimeCall {
    /// `XEN_EFI_*`.
    pub function: u32,
    /// Flags of the function.
    pub misc: u32,
    /// Out: EFI's status.
    pub status: u64,
    /// Argument of the function.
    pub u: [u64; 5],
}

/// A disk, as the BIOS knows it.
#[doc(alias = "xenpf_firmware_info.u.disk_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfFirmwareDiskInfo {
    /// Number.
    pub device: u8,
    /// Version of the extensions.
    pub version: u8,
    /// Extensions.
    pub interface_support: u16,
    /// Greatest cylinder.
    pub legacy_max_cylinder: u16,
    /// Greatest head.
    pub legacy_max_head: u8,
    /// Sectors in a track.
    pub legacy_sectors_per_track: u8,
    /// Guest address of the parameters.
    pub edd_params: u64,
}

/// Signature of a disk.
#[doc(alias = "xenpf_firmware_info.u.disk_mbr_signature")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfFirmwareDiskMbrSignature {
    /// Number.
    pub device: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
    /// Signature.
    pub mbr_signature: u32,
}

/// The display.
#[doc(alias = "xenpf_firmware_info.u.vbeddc_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfFirmwareVbeddcInfo {
    /// Capabilities.
    pub capabilities: u8,
    /// Time to read a block, in seconds.
    pub edid_transfer_time: u8,
    /// Padding; zero.
    pub _pad0: [u8; 6],
    /// Guest address of 128 bytes.
    pub edid: u64,
}

/// The configuration table.
#[doc(alias = "xenpf_efi_info.cfg")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiInfoCfg {
    /// Physical address.
    pub addr: u64,
    /// Entries.
    pub nent: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// The vendor.
#[doc(alias = "xenpf_efi_info.vendor")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiInfoVendor {
    /// Revision.
    pub revision: u32,
    /// In: room for the name, in bytes.
    pub bufsz: u32,
    /// Guest address of the name (UCS-2).
    pub name: u64,
}

/// A memory range.
#[doc(alias = "xenpf_efi_info.mem")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiInfoMem {
    /// Physical address.
    pub addr: u64,
    /// Size in bytes.
    pub size: u64,
    /// Attributes.
    pub attr: u64,
    /// Type.
    #[doc(alias = "type")]
    pub kind: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// A PCI ROM.
#[doc(alias = "xenpf_efi_info.pci_rom")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiInfoPciRom {
    /// In: segment.
    pub segment: u16,
    /// In: bus.
    pub bus: u8,
    /// In: device and function.
    pub devfn: u8,
    /// In: vendor.
    pub vendor: u16,
    /// In: device.
    pub devid: u16,
    /// Out: physical address.
    pub address: u64,
    /// Out: size in bytes.
    pub size: u64,
}

/// Apple's properties.
#[doc(alias = "xenpf_efi_info.apple_properties")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfEfiInfoAppleProperties {
    /// Physical address.
    pub address: u64,
    /// Size in bytes.
    pub size: u64,
}

/// Payload of `XENPF_firmware_info`.
#[doc(alias = "xenpf_firmware_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenpfFirmwareInfo {
    /// `XEN_FW_*`.
    #[doc(alias = "type")]
    pub kind: u32,
    /// Which: disk, or `XEN_FW_EFI_*`.
    pub index: u32,
    /// Answer.
    pub u: [u64; 4],
}

crate::zeroed_default!(
    XenpfEfiTime,
    XenpfEfiGuid,
    XenpfEfiGetTime,
    XenpfEfiVariable,
    XenpfEfiNextVariableName,
    XenpfEfiQueryVariableInfo,
    XenpfEfiQueryCapsuleCapabilities,
    XenpfEfiUpdateCapsule,
    XenpfEfiRuntimeCall,
    XenpfFirmwareDiskInfo,
    XenpfFirmwareDiskMbrSignature,
    XenpfFirmwareVbeddcInfo,
    XenpfEfiInfoCfg,
    XenpfEfiInfoVendor,
    XenpfEfiInfoMem,
    XenpfEfiInfoPciRom,
    XenpfEfiInfoAppleProperties,
    XenpfFirmwareInfo
);
