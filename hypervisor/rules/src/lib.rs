//! The decisions of the hypervisor as plain values: no hardware, no globals, no unsafe code.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![allow(missing_docs)] // lifted room by room

extern crate alloc;

pub mod buddy;
pub mod build;
pub mod cmdline;
pub mod cmos;
pub mod cpuid;
pub mod descriptor;
pub mod elf;
pub mod emulate;
pub mod event;
pub mod frame;
pub mod grant;
pub mod guest_console;
pub mod memmap;
pub mod msr;
pub mod multiboot;
pub mod paging;
pub mod reservation;
pub mod ring;
pub mod sched;
pub mod soft_off;
pub mod symbols;
pub mod time;
pub mod trap;
pub mod types;
