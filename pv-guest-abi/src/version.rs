//! Version and build information: `xen_version` (`version.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Returns major version in bits 16 to 31, minor in 0 to 15; no argument.
#[doc(alias = "XENVER_version")]
pub const XENVER_VERSION: u32 = 0;
/// Fills an [`Extraversion`].
#[doc(alias = "XENVER_extraversion")]
pub const XENVER_EXTRAVERSION: u32 = 1;
/// Fills a [`CompileInfo`].
#[doc(alias = "XENVER_compile_info")]
pub const XENVER_COMPILE_INFO: u32 = 2;
/// Fills a [`CapabilitiesInfo`].
#[doc(alias = "XENVER_capabilities")]
pub const XENVER_CAPABILITIES: u32 = 3;
/// Fills a [`ChangesetInfo`].
#[doc(alias = "XENVER_changeset")]
pub const XENVER_CHANGESET: u32 = 4;
/// Fills a [`PlatformParameters`].
#[doc(alias = "XENVER_platform_parameters")]
pub const XENVER_PLATFORM_PARAMETERS: u32 = 5;
/// Fills a [`FeatureInfo`].
#[doc(alias = "XENVER_get_features")]
pub const XENVER_GET_FEATURES: u32 = 6;
/// Returns the page size in bytes; no argument.
#[doc(alias = "XENVER_pagesize")]
pub const XENVER_PAGESIZE: u32 = 7;
/// Fills a [`DomainHandle`].
#[doc(alias = "XENVER_guest_handle")]
pub const XENVER_GUEST_HANDLE: u32 = 8;
/// Fills a [`Commandline`] (control domain).
#[doc(alias = "XENVER_commandline")]
pub const XENVER_COMMANDLINE: u32 = 9;
/// Fills a [`BuildId`] and the bytes behind it; returns their number.
#[doc(alias = "XENVER_build_id")]
pub const XENVER_BUILD_ID: u32 = 10;
/// The interface version of the headers that this crate mirrors (4.14 was the last to raise it).
#[doc(alias = "__XEN_LATEST_INTERFACE_VERSION__")]
pub const XEN_LATEST_INTERFACE_VERSION: u32 = 0x0004_0e00;
/// Size of an [`Extraversion`].
pub const XEN_EXTRAVERSION_LEN: usize = 16;
/// Size of a [`CapabilitiesInfo`].
pub const XEN_CAPABILITIES_INFO_LEN: usize = 1024;
/// Size of a [`ChangesetInfo`].
pub const XEN_CHANGESET_INFO_LEN: usize = 64;

/// The rest of the version, like `".7"`, NUL-padded.
#[doc(alias = "xen_extraversion_t")]
pub type Extraversion = [u8; XEN_EXTRAVERSION_LEN];
/// Kinds of guests that can run, like `"xen-3.0-x86_64"`, separated by blanks, NUL-padded.
#[doc(alias = "xen_capabilities_info_t")]
pub type CapabilitiesInfo = [u8; XEN_CAPABILITIES_INFO_LEN];
/// Revision of the source, NUL-padded.
#[doc(alias = "xen_changeset_info_t")]
pub type ChangesetInfo = [u8; XEN_CHANGESET_INFO_LEN];
/// The hypervisor's command line, NUL-padded.
#[doc(alias = "xen_commandline_t")]
pub type Commandline = [u8; 1024];
/// A domain's UUID, set by its toolstack.
#[doc(alias = "xen_domain_handle_t")]
pub type DomainHandle = [u8; 16];

/// How the hypervisor was built; NUL-padded strings (144 bytes).
#[doc(alias = "xen_compile_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct CompileInfo {
    /// Compiler.
    pub compiler: [u8; 64],
    /// Who.
    pub compile_by: [u8; 16],
    /// Where.
    pub compile_domain: [u8; 32],
    /// When.
    pub compile_date: [u8; 32],
}

/// Argument of `XENVER_platform_parameters`.
#[doc(alias = "xen_platform_parameters")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PlatformParameters {
    /// First linear address of the hypervisor.
    pub virt_start: u64,
}

/// Argument of `XENVER_get_features`.
#[doc(alias = "xen_feature_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct FeatureInfo {
    /// In: which 32 features.
    pub submap_idx: u32,
    /// Out: `XENFEAT_*` bits.
    pub submap: u32,
}

/// Argument of `XENVER_build_id`; the bytes follow.
#[doc(alias = "xen_build_id")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct BuildId {
    /// Size of the buffer behind this field.
    pub len: u32,
}

/// A UUID as 16 bytes.
#[doc(alias = "xen_uuid_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Uuid {
    /// The bytes, big-endian.
    pub a: [u8; 16],
}

crate::zeroed_default!(CompileInfo, PlatformParameters, FeatureInfo, BuildId, Uuid);
