//! The machine beneath the hypervisor; the only crate with unsafe code.
#![no_std]

extern crate alloc;

pub mod backtrace;
pub mod boot;
pub mod console;
pub mod heap;
pub mod last_words;
pub mod layout;
pub mod mm;
pub mod port;
pub mod power;
pub mod smp;
pub mod symbols;
