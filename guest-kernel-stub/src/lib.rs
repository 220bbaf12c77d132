//! What a small PV kernel is made of, one facility a module.
//!
//! Read `main.rs` first: it tells the tale from the first line on the console to
//! programs in ring 3. A kernel of your own is a crate with
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! use guest_kernel_stub::{kernel, power, println, start::Boot};
//!
//! kernel!(main);
//!
//! fn main(boot: Boot) -> ! {
//!     println!("hello from {} frames", boot.info.nr_pages);
//!     power::off()
//! }
//! ```
//!
//! linked by `kernel.ld` (see `build.rs`), that takes the facilities it needs:
//!
//! | module | gives | needs before |
//! |---|---|---|
//! | [`start`] | entry, ELF notes, hypercall page, [`kernel!`] | |
//! | [`console`] | `print!`, lines of input | for input: `events` |
//! | [`power`] | power off, reboot, crash, panic | |
//! | [`traps`] | exceptions, system calls, reads that may fault | |
//! | [`memory`] | frames, own page tables, address spaces | |
//! | [`heap`] | `alloc` | `memory` |
//! | [`events`] | event channels, waiting | shared info (`memory`), `traps`, `heap` |
//! | [`vcpus`] | the other vCPUs: up, down, jobs for them | `events`, `heap` |
//! | [`time`] | clock, timer, sleep | `events` |
//! | [`files`] | the files of the initrd | `memory`, `heap` |
//! | [`process`] | programs in ring 3, time-sliced | all of the above |
//! | [`syscalls`] | what static Linux programs ask for | `process` |
//!
//! Pure parts ([`cpio`], [`mod@line`], `memory::areas`, `process::image`) build and are
//! tested on the developer's machine; the rest exists for the bare target only.

#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

pub mod cpio;
pub mod line;
pub mod memory;
pub mod process;

#[cfg(target_os = "none")]
pub mod console;
#[cfg(target_os = "none")]
pub mod events;
#[cfg(target_os = "none")]
pub mod files;
#[cfg(target_os = "none")]
pub mod heap;
#[cfg(target_os = "none")]
pub mod power;
#[cfg(target_os = "none")]
mod random;
#[cfg(target_os = "none")]
pub mod start;
#[cfg(target_os = "none")]
pub mod syscalls;
#[cfg(target_os = "none")]
pub mod time;
#[cfg(target_os = "none")]
pub mod traps;
#[cfg(target_os = "none")]
pub mod vcpus;

/// The hypercalls, through the page that the domain builder filled.
#[cfg(target_os = "none")]
pub type Xen = pv_guest_abi::call::Calls<pv_guest_abi::call::HypercallPage>;
