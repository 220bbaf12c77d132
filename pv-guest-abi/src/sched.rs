//! Scheduler operations: `sched_op` (`sched.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Give up the pCPU; no argument.
#[doc(alias = "SCHEDOP_yield")]
pub const SCHEDOP_YIELD: u32 = 0;
/// Unmask events and sleep until one is pending; no argument.
#[doc(alias = "SCHEDOP_block")]
pub const SCHEDOP_BLOCK: u32 = 1;
/// End the domain; [`SchedShutdown`].
#[doc(alias = "SCHEDOP_shutdown")]
pub const SCHEDOP_SHUTDOWN: u32 = 2;
/// Sleep until a port is pending or a time has come; [`SchedPoll`].
#[doc(alias = "SCHEDOP_poll")]
pub const SCHEDOP_POLL: u32 = 3;
/// End another domain; [`SchedRemoteShutdown`].
#[doc(alias = "SCHEDOP_remote_shutdown")]
pub const SCHEDOP_REMOTE_SHUTDOWN: u32 = 4;
/// Set the reason of the next shutdown; [`SchedShutdown`].
#[doc(alias = "SCHEDOP_shutdown_code")]
pub const SCHEDOP_SHUTDOWN_CODE: u32 = 5;
/// Arm, kick or stop a watchdog; [`SchedWatchdog`].
#[doc(alias = "SCHEDOP_watchdog")]
pub const SCHEDOP_WATCHDOG: u32 = 6;
/// Pin the calling vCPU for a while; [`SchedPinOverride`].
#[doc(alias = "SCHEDOP_pin_override")]
pub const SCHEDOP_PIN_OVERRIDE: u32 = 7;
/// Reason: power off.
#[doc(alias = "SHUTDOWN_poweroff")]
pub const SHUTDOWN_POWEROFF: u32 = 0;
/// Reason: reboot.
#[doc(alias = "SHUTDOWN_reboot")]
pub const SHUTDOWN_REBOOT: u32 = 1;
/// Reason: suspended; the call returns 0 when resumed, 1 when cancelled.
#[doc(alias = "SHUTDOWN_suspend")]
pub const SHUTDOWN_SUSPEND: u32 = 2;
/// Reason: crashed.
#[doc(alias = "SHUTDOWN_crash")]
pub const SHUTDOWN_CRASH: u32 = 3;
/// Reason: a watchdog expired.
#[doc(alias = "SHUTDOWN_watchdog")]
pub const SHUTDOWN_WATCHDOG: u32 = 4;
/// Reason: reset, keeping the memory.
#[doc(alias = "SHUTDOWN_soft_reset")]
pub const SHUTDOWN_SOFT_RESET: u32 = 5;
/// The greatest reason.
pub const SHUTDOWN_MAX: u32 = 5;

/// Argument of `SCHEDOP_shutdown`.
#[doc(alias = "sched_shutdown")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SchedShutdown {
    /// `SHUTDOWN_*`.
    pub reason: u32,
}

/// Argument of `SCHEDOP_poll`.
#[doc(alias = "sched_poll")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SchedPoll {
    /// Guest address of the list of ports (`u32`).
    pub ports: u64,
    /// Length of the list.
    pub nr_ports: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// Absolute system time in nanoseconds; 0 means none.
    pub timeout: u64,
}

/// Argument of `SCHEDOP_remote_shutdown`.
#[doc(alias = "sched_remote_shutdown")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SchedRemoteShutdown {
    /// The domain to end.
    pub domain_id: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// `SHUTDOWN_*`.
    pub reason: u32,
}

/// Argument of `SCHEDOP_watchdog`.
#[doc(alias = "sched_watchdog")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SchedWatchdog {
    /// Which watchdog; 0 makes a new one.
    pub id: u32,
    /// Seconds; 0 stops it.
    pub timeout: u32,
}

/// Argument of `SCHEDOP_pin_override`.
#[doc(alias = "sched_pin_override")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SchedPinOverride {
    /// Physical CPU; negative ends the override.
    pub pcpu: i32,
}

crate::zeroed_default!(
    SchedShutdown,
    SchedPoll,
    SchedRemoteShutdown,
    SchedWatchdog,
    SchedPinOverride
);
