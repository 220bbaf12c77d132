//! What probes are made of: hypercalls by number, code that traps, tables, user mode.
//!
//! A probe kernel is one thread that owns every page of its domain and wants to see
//! what goes wrong. So the functions here are safe to call in Rust's words although they
//! change page tables and run odd code: whoever writes a probe keeps to the pages of
//! [`mem`], and a mistake ends in the probe's failure.

#[macro_use]
pub mod say;
pub mod event;
pub mod expect;
pub mod mem;
pub mod segments;
#[macro_use]
pub mod trap;
pub mod user;
pub mod vcpus;

use pv_guest_abi::call::{Gate, HypercallPage};

pub use say::Outcome;

/// Any hypercall: number and up to five arguments; the raw result.
pub fn hypercall(number: u32, args: &[u64]) -> i64 {
    let mut all = [0; 5];
    all[..args.len()].copy_from_slice(args);
    // SAFETY: what the call may change is the probe's own (see the module's documentation).
    unsafe { HypercallPage::enter(number, all) }
}

/// The address of a value, for the hypervisor to read or write.
pub fn at<T: ?Sized>(value: &T) -> u64 {
    core::ptr::from_ref(value).cast::<u8>() as u64
}

/// The address of a value that the hypervisor changes.
pub fn at_mut<T: ?Sized>(value: &mut T) -> u64 {
    core::ptr::from_mut(value).cast::<u8>() as u64
}
