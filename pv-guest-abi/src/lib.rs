//! The public PV ABI of Xen 4.17 for x86-64.
#![no_std]
#![cfg_attr(not(feature = "guest"), forbid(unsafe_code))]
#![cfg_attr(feature = "guest", deny(unsafe_code))]

mod payload;

pub mod assist;
pub mod callback;
pub mod console;
pub mod cpuid;
pub mod domctl;
pub mod domid;
pub mod elfnote;
pub mod errno;
pub mod event;
pub mod features;
pub mod grant;
pub mod hypercall;
pub mod io;
pub mod linux;
pub mod memory;
pub mod mmu;
pub mod nmi;
pub mod physdev;
pub mod platform;
pub mod pmu;
pub mod sched;
pub mod shared;
pub mod sharing;
pub mod start;
pub mod sysctl;
pub mod time;
pub mod trap;
pub mod vcpu;
pub mod version;
pub mod virq;
pub mod xen_x86;

#[cfg(feature = "guest")]
#[allow(unsafe_code)]
pub mod call;
#[cfg(feature = "guest")]
mod notes;

pub use domid::*;
pub use errno::Errno;
pub use hypercall::Hypercall;

pub(crate) use payload::zeroed_default;
