//! Live patches.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Version of the payload's format.
pub const LIVEPATCH_PAYLOAD_VERSION: u32 = 2;
/// [`SysctlLivepatchOp::cmd`]: upload; [`SysctlLivepatchUpload`].
pub const XEN_SYSCTL_LIVEPATCH_UPLOAD: u32 = 0;
/// State of one; [`SysctlLivepatchGet`].
pub const XEN_SYSCTL_LIVEPATCH_GET: u32 = 1;
/// List; [`SysctlLivepatchList`].
pub const XEN_SYSCTL_LIVEPATCH_LIST: u32 = 2;
/// Act; [`SysctlLivepatchAction`].
pub const XEN_SYSCTL_LIVEPATCH_ACTION: u32 = 3;
/// [`LivepatchStatus::state`]: loaded.
pub const LIVEPATCH_STATE_CHECKED: u32 = 1;
/// [`LivepatchStatus::state`]: applied.
pub const LIVEPATCH_STATE_APPLIED: u32 = 2;
/// [`SysctlLivepatchAction::cmd`]: unload.
pub const LIVEPATCH_ACTION_UNLOAD: u32 = 1;
/// Revert.
pub const LIVEPATCH_ACTION_REVERT: u32 = 2;
/// Apply.
pub const LIVEPATCH_ACTION_APPLY: u32 = 3;
/// Apply and revert all others.
pub const LIVEPATCH_ACTION_REPLACE: u32 = 4;
/// [`SysctlLivepatchAction::flags`]: do not look at dependencies.
pub const LIVEPATCH_ACTION_APPLY_NODEPS: u32 = 1 << 0;
/// Greatest size of a patch's name, its NUL included.
pub const XEN_LIVEPATCH_NAME_SIZE: usize = 128;

/// Name of a patch.
#[doc(alias = "xen_livepatch_name")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct LivepatchName {
    /// Guest address of the name.
    pub name: u64,
    /// Its size, its NUL included.
    pub size: u16,
    /// Zero.
    pub pad: [u16; 3],
}

/// Uploads a patch.
#[doc(alias = "xen_sysctl_livepatch_upload")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlLivepatchUpload {
    /// Its name.
    pub name: LivepatchName,
    /// Its size in bytes.
    pub size: u64,
    /// Guest address of the ELF file.
    pub payload: u64,
}

/// State of a patch.
#[doc(alias = "xen_livepatch_status")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct LivepatchStatus {
    /// `LIVEPATCH_STATE_*`.
    pub state: u32,
    /// Error of the last action, or 0.
    pub rc: i32,
}

/// Asks for the state of a patch.
#[doc(alias = "xen_sysctl_livepatch_get")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlLivepatchGet {
    /// Its name.
    pub name: LivepatchName,
    /// Out: its state.
    pub status: LivepatchStatus,
}

/// Lists the patches.
#[doc(alias = "xen_sysctl_livepatch_list")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlLivepatchList {
    /// Out: changes when the list does.
    pub version: u32,
    /// In: first wanted.
    pub idx: u32,
    /// In: room; out: entries.
    pub nr: u32,
    /// Zero.
    pub pad: u32,
    /// Size of all names.
    pub name_total_size: u32,
    /// Size of all metadata.
    pub metadata_total_size: u32,
    /// Guest address of the list of [`LivepatchStatus`].
    pub status: u64,
    /// Guest address of the names.
    pub name: u64,
    /// Guest address of their lengths (`u32`).
    pub len: u64,
    /// Guest address of the metadata.
    pub metadata: u64,
    /// Guest address of their lengths (`u32`).
    pub metadata_len: u64,
}

/// Acts on a patch.
#[doc(alias = "xen_sysctl_livepatch_action")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlLivepatchAction {
    /// Its name.
    pub name: LivepatchName,
    /// `LIVEPATCH_ACTION_*`.
    pub cmd: u32,
    /// Nanoseconds; 0 means the default.
    pub timeout: u32,
    /// `LIVEPATCH_ACTION_APPLY_*`.
    pub flags: u32,
    /// Zero.
    pub pad: u32,
}

/// Payload of `XEN_SYSCTL_livepatch_op`.
#[doc(alias = "xen_sysctl_livepatch_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SysctlLivepatchOp {
    /// `XEN_SYSCTL_LIVEPATCH_*`.
    pub cmd: u32,
    /// Zero.
    pub pad: u32,
    /// Argument of the command.
    pub u: [u64; 8],
}

crate::zeroed_default!(
    LivepatchName,
    SysctlLivepatchUpload,
    LivepatchStatus,
    SysctlLivepatchGet,
    SysctlLivepatchList,
    SysctlLivepatchAction,
    SysctlLivepatchOp
);
