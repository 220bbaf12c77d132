//! Several vCPUs: how they come up and go, what each has for itself, what they share.
//!
//! A probe of this family wants vCPUs that nobody has used: it is run alone.

pub mod bring_up;
pub mod contexts;
pub mod events;
pub mod flush;
pub mod info;
pub mod runstate;
pub mod segments;
pub mod sharing;
pub mod timers;

use super::probes;
