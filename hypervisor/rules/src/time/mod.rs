//! Time: TSC ticks to nanoseconds and back, and what a guest reads of it.
//!
//! * [`TscScale`]: the ABI's multiplier and shift for a TSC frequency.
//! * [`Clock`]: a TSC reading to *system time*, nanoseconds since the hypervisor started.
//! * [`publish`]: the versioned records in guest memory, and their protocol.
//! * [`deadline`]: what the timer hypercalls' times mean.

pub mod deadline;
pub mod publish;
pub mod scale;

pub use deadline::{DEFAULT_PERIOD_NS, MIN_PERIOD_NS, Timeout};
pub use publish::{Wallclock, publish_time, publish_wallclock};
pub use scale::{Clock, TscScale};

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;
