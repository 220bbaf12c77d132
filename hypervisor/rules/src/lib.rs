//! The decisions of the hypervisor as plain values: no hardware, no globals, no unsafe code.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![allow(missing_docs)] // lifted room by room

extern crate alloc;

pub mod event;
pub mod build;
pub mod cmdline;
pub mod cmos;
pub mod elf;
pub mod memmap;
pub mod trap;
pub mod multiboot;
pub mod ring;
pub mod soft_off;
pub mod symbols;
pub mod types;
pub mod buddy;
pub mod frame;
pub mod paging;
pub mod sched;
pub mod time;
pub mod msr;
pub mod cpuid;
pub mod emulate;
