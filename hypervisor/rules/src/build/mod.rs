//! A domain's start of day, laid out as Xen's own builder of domain 0 and its toolstack's builder do.
//!
//! First a pure [`Plan`]: which guest frames hold what, where they are mapped, how
//! many page tables that takes, and with which registers the first vCPU starts.
//! Then [`fill()`], which writes the plan's contents through a small trait,
//! [`Memory`]: into frames of the machine here, into a map of pages in the tests.
//!
//! From VIRT_BASE upwards, each page-aligned, guest frames in the same order:
//!
//! ```text
//!   low RAM | kernel | [initrd] | [p2m list] | start info | [rings] | page tables | stack | spare
//! ```
//!
//! The rings are those to the xenstore and the console, which domain 0 does without.
//!
//! The mapping goes on to a 4 MiB boundary with at least 512 KiB spare behind the
//! stack. Unmapped behind it: the initrd, when the kernel takes it by its frame
//! number (MOD_START_PFN); the p2m list with tables of its own, when the kernel wants
//! it elsewhere (INIT_P2M); and the rest of the memory.
#![warn(missing_docs)]

pub mod fill;
pub mod hypercall_page;
pub mod initrd;
pub mod plan;
pub mod start_info;
pub mod tables;

#[cfg(test)]
mod tests;

pub use fill::{Contents, Memory, RingPorts, fill};
pub use plan::{InitialRegisters, Plan, PlanError, Purpose, Region, Request, UserBit};
pub use tables::{Entry, Table};
