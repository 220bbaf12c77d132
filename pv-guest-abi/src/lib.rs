//! The public PV ABI of Xen 4.17 for x86-64.
#![no_std]
#![cfg_attr(not(feature = "guest"), forbid(unsafe_code))]
#![cfg_attr(feature = "guest", deny(unsafe_code))]

/// Gives each structure an all-zero [`Default`], so that literals may end with `..Default::default()`.
macro_rules! zeroed_default {
    ($($name:ident),* $(,)?) => {$(
        impl Default for $name {
            fn default() -> Self {
                ::zerocopy::FromZeros::new_zeroed()
            }
        }
    )*};
}
use zeroed_default;

pub mod callback;
pub mod console;
pub mod cpuid;
pub mod domid;
pub mod elfnote;
pub mod errno;
pub mod event;
pub mod features;
pub mod hypercall;
pub mod memory;
pub mod mmu;
pub mod physdev;
pub mod sched;
pub mod shared;
pub mod start;
pub mod time;
pub mod trap;
pub mod vcpu;
pub mod version;
pub mod virq;
pub mod xen_x86;

pub use domid::*;
pub use errno::Errno;
pub use hypercall::Hypercall;

#[cfg(feature = "guest")]
#[allow(unsafe_code)]
pub mod call;
#[cfg(feature = "guest")]
mod notes;
