//! Memory: from what the domain builder left to a kernel with page tables of its own.
//!
//! A PV guest has no memory of its own numbering. It is given machine frames (MFN),
//! calls them by consecutive pseudo-physical numbers (PFN), and keeps the list from PFN
//! to MFN (p2m); the hypervisor keeps the way back (M2P). Page tables hold MFNs and
//! are read-only for the guest: it asks for each change, and the hypervisor checks it.
//!
//! | addresses | content |
//! |---|---|
//! | `0x1000` ..`0x7fff_ffff_f000` | the process whose tables are loaded |
//! | `DIRECT_MAP` (root slot 272) | every frame of the domain, in order of PFN |
//! | `STACKS` (slot 273) | kernel stacks of processes, unmapped pages between |
//! | `VIRT_BASE` (slot 511) | kernel image, then what the builder made |
//!
//! Kernel mappings have U=0. Xen puts kernels in ring 3 and forces U=1, which is why
//! it wants a second root for user mode that leaves the kernel out (`space`).

pub mod areas;
#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
pub mod frames;
#[cfg(target_os = "none")]
pub mod space;
#[cfg(target_os = "none")]
pub mod tables;
#[cfg(target_os = "none")]
pub mod user;

#[cfg(target_os = "none")]
pub use boot::{init, initrd, map_shared_info, protect_image};

use core::ops::Range;

/// Bytes of a page or frame.
pub const PAGE_SIZE: u64 = 4096;

/// Where the builder maps PFN 0 (`kernel.ld` and an ELF note say the same).
pub const VIRT_BASE: u64 = 0xffff_ffff_8000_0000;
/// Where this kernel maps all of its frames.
pub const DIRECT_MAP: u64 = root_slot(272);
/// Where kernel stacks of processes lie.
pub const STACKS: u64 = root_slot(273);
/// What a process may use: all of the lower half but its first and last page.
pub const USER_SPACE: Range<u64> = PAGE_SIZE..(1 << 47) - PAGE_SIZE;

/// First address that an entry of the root table covers, in the upper half.
const fn root_slot(index: u64) -> u64 {
    0xffff_0000_0000_0000 | (index << 39)
}

/// Number of a frame as this domain counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pfn(pub u64);

/// Number of a frame as the machine counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mfn(pub u64);

impl Mfn {
    /// Machine address of byte `offset` of the frame.
    pub const fn address(self, offset: u64) -> u64 {
        self.0 * PAGE_SIZE + offset
    }
}

/// No frame is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl core::fmt::Display for OutOfMemory {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("no free memory; give the domain more (dom0_mem= for domain 0)")
    }
}
