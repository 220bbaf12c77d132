//! The root tables of each pCPU.
//!
//! Two for each: the *hypervisor's root* (what all share, and slot 257 with this pCPU's
//! entry area and private area) and the *guest root*, on which it runs guests (a copy of
//! the guest's own entries, the M2P, and slot 257 with the entry area only). The two
//! have no table of slot 257 in common: what is mapped in one is not in the other.

use super::tables::{self, OutOfMemory};
use super::{frames, shared_root};
use crate::layout;
use crate::percpu::MAX_CPUS;
use spin::Once;
use x86_64::structures::paging::PageTableFlags as Flags;
use xenolith_rules::types::{CpuId, Mfn, PAGE_SIZE};

/// A pCPU's two root tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuRoots {
    /// The hypervisor's root.
    pub hypervisor: Mfn,
    /// The root on which the pCPU runs guests.
    pub guest: Mfn,
}

static ROOTS: [Once<CpuRoots>; MAX_CPUS] = [const { Once::new() }; MAX_CPUS];

/// Pages of `layout::PRIVATE_DATA`.
const DATA_PAGES: u64 = 16;
/// Stacks at `layout::PRIVATE_IST`.
pub(super) const IST_STACKS: u64 = 4;

/// Makes a pCPU's root tables, with its private data (zeroed) and stacks mapped in the
/// hypervisor's one. What it runs entry code on is `entry::area`'s to map.
///
/// # Errors
/// No memory is left.
pub fn build_roots(cpu: CpuId) -> Result<CpuRoots, OutOfMemory> {
    let hypervisor = tables::new_table()?;
    for slot in layout::HV_SLOTS {
        tables::write(hypervisor, slot, tables::read(shared_root(), slot));
    }
    let guest = tables::new_table()?;
    // Belt and braces: no path to the M2P is writable, from the root down.
    let m2p = tables::slot(layout::M2P, 4);
    let entry = tables::read(shared_root(), m2p) & !Flags::WRITABLE.bits();
    tables::write(guest, m2p, entry);

    let map = |va: u64, bytes: u64| -> Result<(), OutOfMemory> {
        for page in (va..va + bytes).step_by(PAGE_SIZE as usize) {
            let frame = frames::alloc_zeroed().ok_or(OutOfMemory)?;
            tables::map_page(hypervisor, page, frame.maddr(), tables::READ_WRITE)?;
            super::ram::close(frame.0..frame.0 + 1);
        }
        Ok(())
    };
    map(layout::PRIVATE_DATA, DATA_PAGES * PAGE_SIZE)?;
    map(layout::PRIVATE_STACK, layout::PRIVATE_STACK_SIZE)?;
    for index in 0..IST_STACKS {
        let va = layout::PRIVATE_IST + index * layout::PRIVATE_IST_STRIDE;
        map(va, layout::PRIVATE_IST_SIZE)?;
    }
    let roots = CpuRoots { hypervisor, guest };
    ROOTS[cpu.0 as usize].call_once(|| roots);
    Ok(roots)
}

/// The root tables that [`build_roots`] made for a pCPU.
pub fn roots_of(cpu: CpuId) -> Option<CpuRoots> {
    ROOTS.get(cpu.0 as usize)?.get().copied()
}

/// All root tables that are there.
pub(super) fn all() -> impl Iterator<Item = CpuRoots> {
    ROOTS.iter().filter_map(|roots| roots.get().copied())
}

/// Unmaps a page in a root's slot 257; the tables on the way to it are made if they are missing.
///
/// # Panics
/// As [`map_page`].
pub(crate) fn unmap_page(root: Mfn, va: u64) {
    // An entry of zeros: not present.
    map_page(root, va, Mfn(0), Flags::empty());
}

/// Maps a page in a root's slot 257. What was mapped there before may stay in the TLB
/// until this pCPU loads the root again.
///
/// # Panics
/// For an address of another slot, or when no memory is left for tables.
pub(crate) fn map_page(root: Mfn, va: u64, mfn: Mfn, flags: Flags) {
    assert_eq!(
        tables::slot(va, 4),
        tables::slot(layout::ENTRY, 4),
        "{va:#x} is not this pCPU's own"
    );
    if let Err(error) = tables::map_page(root, va, mfn.maddr(), flags) {
        panic!("{error}");
    }
}
