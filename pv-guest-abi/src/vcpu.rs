//! Operations on the calling domain's vCPUs: `vcpu_op` (`vcpu.h`).
//!
//! Arguments: command, vCPU number, guest address of the command's structure.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Set the first state of a vCPU; [`VcpuGuestContext`](crate::xen_x86::VcpuGuestContext). `EEXIST` if it has one.
#[doc(alias = "VCPUOP_initialise")]
pub const VCPUOP_INITIALISE: u32 = 0;
/// Start a vCPU; no structure. `EINVAL` if it was not initialised.
#[doc(alias = "VCPUOP_up")]
pub const VCPUOP_UP: u32 = 1;
/// Stop a vCPU; no structure.
#[doc(alias = "VCPUOP_down")]
pub const VCPUOP_DOWN: u32 = 2;
/// Returns 1 if the vCPU is up; `ENOENT` if there is none.
#[doc(alias = "VCPUOP_is_up")]
pub const VCPUOP_IS_UP: u32 = 3;
/// Fills a [`VcpuRunstateInfo`].
#[doc(alias = "VCPUOP_get_runstate_info")]
pub const VCPUOP_GET_RUNSTATE_INFO: u32 = 4;
/// Keep a [`VcpuRunstateInfo`] up to date; [`VcpuRegisterRunstateMemoryArea`].
#[doc(alias = "VCPUOP_register_runstate_memory_area")]
pub const VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA: u32 = 5;
/// Start the periodic timer; [`VcpuSetPeriodicTimer`].
#[doc(alias = "VCPUOP_set_periodic_timer")]
pub const VCPUOP_SET_PERIODIC_TIMER: u32 = 6;
/// Stop the periodic timer; no structure.
#[doc(alias = "VCPUOP_stop_periodic_timer")]
pub const VCPUOP_STOP_PERIODIC_TIMER: u32 = 7;
/// Set the one-shot timer of the calling vCPU; [`VcpuSetSingleshotTimer`].
#[doc(alias = "VCPUOP_set_singleshot_timer")]
pub const VCPUOP_SET_SINGLESHOT_TIMER: u32 = 8;
/// Stop the one-shot timer; no structure.
#[doc(alias = "VCPUOP_stop_singleshot_timer")]
pub const VCPUOP_STOP_SINGLESHOT_TIMER: u32 = 9;
/// Move the [`VcpuInfo`](crate::shared::VcpuInfo), once; [`VcpuRegisterVcpuInfo`].
#[doc(alias = "VCPUOP_register_vcpu_info")]
pub const VCPUOP_REGISTER_VCPU_INFO: u32 = 10;
/// Send an NMI to the vCPU; no structure.
#[doc(alias = "VCPUOP_send_nmi")]
pub const VCPUOP_SEND_NMI: u32 = 11;
/// Which pCPU the vCPU is pinned to (control domain); [`VcpuGetPhysid`].
#[doc(alias = "VCPUOP_get_physid")]
pub const VCPUOP_GET_PHYSID: u32 = 12;
/// Keep a [`VcpuTimeInfo`](crate::time::VcpuTimeInfo) up to date; [`VcpuRegisterTimeMemoryArea`].
#[doc(alias = "VCPUOP_register_vcpu_time_memory_area")]
pub const VCPUOP_REGISTER_VCPU_TIME_MEMORY_AREA: u32 = 13;
/// On a pCPU.
#[doc(alias = "RUNSTATE_running")]
pub const RUNSTATE_RUNNING: i32 = 0;
/// Waits for a pCPU.
#[doc(alias = "RUNSTATE_runnable")]
pub const RUNSTATE_RUNNABLE: i32 = 1;
/// Waits for an event.
#[doc(alias = "RUNSTATE_blocked")]
pub const RUNSTATE_BLOCKED: i32 = 2;
/// Paused or down.
#[doc(alias = "RUNSTATE_offline")]
pub const RUNSTATE_OFFLINE: i32 = 3;
/// [`VcpuRunstateInfo::state_entry_time`]: an update is under way (with `VMASST_TYPE_RUNSTATE_UPDATE_FLAG`).
pub const XEN_RUNSTATE_UPDATE: u64 = 1 << 63;
/// [`VcpuSetSingleshotTimer::flags`]: fail with `ETIME` if the time has passed.
#[doc(alias = "VCPU_SSHOTTMR_future")]
pub const VCPU_SSHOTTMR_FUTURE: u32 = 1 << 0;

/// What a vCPU does and has done (48 bytes).
#[doc(alias = "vcpu_runstate_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VcpuRunstateInfo {
    /// `RUNSTATE_*`.
    pub state: i32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// System time at which the state was entered, in nanoseconds.
    pub state_entry_time: u64,
    /// Time spent in each state, in nanoseconds.
    pub time: [u64; 4],
}

/// Argument of `VCPUOP_register_runstate_memory_area`.
#[doc(alias = "vcpu_register_runstate_memory_area")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VcpuRegisterRunstateMemoryArea {
    /// Guest address of the area.
    pub addr: u64,
}

/// Argument of `VCPUOP_set_periodic_timer`.
#[doc(alias = "vcpu_set_periodic_timer")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VcpuSetPeriodicTimer {
    /// Period in nanoseconds (at least 1 ms for an unprivileged domain).
    pub period_ns: u64,
}

/// Argument of `VCPUOP_set_singleshot_timer`.
#[doc(alias = "vcpu_set_singleshot_timer")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VcpuSetSingleshotTimer {
    /// Absolute system time in nanoseconds.
    pub timeout_abs_ns: u64,
    /// `VCPU_SSHOTTMR_*`.
    pub flags: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

/// Argument of `VCPUOP_register_vcpu_info`.
#[doc(alias = "vcpu_register_vcpu_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VcpuRegisterVcpuInfo {
    /// Machine frame of the new place.
    pub mfn: u64,
    /// Offset in it, in bytes; it may not cross a page.
    pub offset: u32,
    /// Zero.
    pub rsvd: u32,
}

/// Argument of `VCPUOP_get_physid`.
#[doc(alias = "vcpu_get_physid")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VcpuGetPhysid {
    /// Out: APIC identifier in bits 0 to 31, ACPI identifier above.
    pub phys_id: u64,
}

/// Argument of `VCPUOP_register_vcpu_time_memory_area`.
#[doc(alias = "vcpu_register_time_memory_area")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VcpuRegisterTimeMemoryArea {
    /// Guest address of the area.
    pub addr: u64,
}

/// The APIC identifier in [`VcpuGetPhysid::phys_id`].
#[doc(alias = "xen_vcpu_physid_to_x86_apicid")]
pub const fn physid_to_apicid(physid: u64) -> u32 {
    physid as u32
}

/// The ACPI identifier in [`VcpuGetPhysid::phys_id`].
#[doc(alias = "xen_vcpu_physid_to_x86_acpiid")]
pub const fn physid_to_acpiid(physid: u64) -> u32 {
    (physid >> 32) as u32
}

crate::zeroed_default!(
    VcpuRunstateInfo,
    VcpuRegisterRunstateMemoryArea,
    VcpuSetPeriodicTimer,
    VcpuSetSingleshotTimer,
    VcpuRegisterVcpuInfo,
    VcpuGetPhysid,
    VcpuRegisterTimeMemoryArea
);
