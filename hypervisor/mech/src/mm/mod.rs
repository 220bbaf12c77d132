//! The hypervisor's own memory: which frames are free, where everything is mapped.
//!
//! [`init`] replaces the early tables by the final ones: the image with each part's own
//! rights, all RAM at the direct map, the frame table, the M2P, and room for device
//! registers. They are shared by the roots of all pCPUs ([`roots`]), which differ in
//! slot 257 only. [`direct`] is how memory is reached by number, [`frames`] who has it.
//!
//! ```text
//! slot 256  M2P               read-only    shared, guests' roots too
//! slot 257  entry, private                 per pCPU
//! slot 258  image             by section   shared
//! slot 259  device registers  uncached     shared
//! slot 260  frame table       read-write   shared
//! slot 262+ direct map        read-write   shared; the image's constant part read-only
//! ```

mod audit;
pub mod device;
pub mod direct;
mod frame_table;
mod frames;
mod guest_root;
pub mod m2p;
pub mod modules;
mod ram;
mod roots;
mod tables;

use crate::boot::Image;
use crate::{cpu, layout};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use spin::Once;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::PhysFrame;
use xenolith_rules::memmap::{Kind, MACHINE_END, MemoryMap};
use xenolith_rules::types::{Mfn, MfnClaim, PAGE_SIZE};

pub use audit::audit;
pub use frame_table::{frame, frames};
pub use frames::{
    alloc_frame, alloc_frames, alloc_frames_below, alloc_zeroed, free_count, free_frame,
    free_frames, release, total_count,
};
pub(crate) use guest_root::refresh_guest_root;
pub use guest_root::{forget_guest_root, load_guest_root};
pub use roots::{CpuRoots, build_roots, roots_of};
pub use tables::OutOfMemory;

pub(crate) use frames::take_for_rust;
pub(crate) use roots::{map_page, unmap_page};

/// Memory below this is left to firmware and to the code that starts other CPUs.
const LOW_MEMORY_END: u64 = 1 << 20;

/// What every root has in common: slots 256 and 258 to 271.
static SHARED_ROOT: Once<Mfn> = Once::new();

/// A page below 1 MiB that nobody else uses, for the code that starts other CPUs.
static START_PAGE: Once<Option<Mfn>> = Once::new();
/// The machine's memory map.
static MAP: Once<MemoryMap> = Once::new();

/// Why there is no memory to work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitError {
    /// Not enough free RAM below 4 GiB for the hypervisor's own tables.
    TooLittle {
        /// Bytes of RAM that the memory map has.
        ram_bytes: u64,
    },
    /// RAM ends behind the direct map.
    TooHigh {
        /// End of RAM.
        ram_end: u64,
    },
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLittle { ram_bytes } => write!(
                f,
                "the machine's {} MiB of memory do not suffice for the hypervisor's own tables; give it more",
                ram_bytes >> 20
            ),
            Self::TooHigh { ram_end } => write!(
                f,
                "memory ends at {ram_end:#x}, behind the {} TiB that the hypervisor can map; limit it by mem=",
                (layout::DIRECT_MAP_END - layout::DIRECT_MAP) >> 40
            ),
        }
    }
}

/// Makes the final tables, loads them, and opens the frame allocator over all RAM that
/// is not in `taken` (the boot modules). Called once, on the boot CPU.
///
/// # Errors
/// There is too little memory, or it lies too high.
pub fn init(map: &MemoryMap, taken: &[Range<u64>]) -> Result<(), InitError> {
    let too_little = InitError::TooLittle {
        ram_bytes: map.ram_bytes(),
    };
    if map.ram_end().maddr() > layout::DIRECT_MAP_END - layout::DIRECT_MAP {
        return Err(InitError::TooHigh {
            ram_end: map.ram_end().maddr(),
        });
    }
    START_PAGE.call_once(|| find_start_page(map, taken));
    let modules = taken;
    let mut taken = Vec::from(modules);
    taken.push(0..LOW_MEMORY_END);
    taken.push(Image::machine());

    // The early tables reach the first 4 GiB only: everything up to the CR3 load comes from there.
    let end = map.ram_end();
    let words = ram::words_for(end) + frames::words_for(end);
    let (storage, place) = reserve(map, &taken, words).ok_or(too_little)?;
    taken.push(place.clone());
    let (bits, buddy) = storage.split_at_mut(ram::words_for(end));
    ram::init(bits);
    map.ram().for_each(|range| ram::open(ram::frames_of(range)));
    ram::close(ram::frames_of(Image::machine()));
    ram::close(ram::frames_of(place));
    frames::init(buddy, end);
    let early = |piece: &Range<u64>| piece.start < crate::boot::EARLY_LIMIT;
    let pieces = free_pieces(map, &taken);
    pieces
        .iter()
        .filter(|piece| early(piece))
        .for_each(|piece| frames::release(piece.clone()));

    let root = tables::new_table().map_err(|_| too_little)?;
    map_shared(root, map).map_err(|_| too_little)?;
    // SAFETY: the new root maps the image and the boot stack where the old one does.
    unsafe { load_root(root) };
    SHARED_ROOT.call_once(|| root);
    MAP.call_once(|| map.clone());

    pieces
        .iter()
        .filter(|piece| !early(piece))
        .for_each(|piece| frames::release(piece.clone()));
    frame_table::init(root, map).map_err(|_| too_little)?;
    m2p::init(root, map).map_err(|_| too_little)?;
    modules::init(modules, &[Image::machine()]);
    Ok(())
}

/// The first page of free RAM that real mode reaches; not page 0. GRUB on UEFI puts
/// modules there too.
fn find_start_page(map: &MemoryMap, taken: &[Range<u64>]) -> Option<Mfn> {
    let mut found = None;
    map.free_ram(taken, |piece| {
        let start = piece.start.max(PAGE_SIZE);
        if found.is_none() && start + PAGE_SIZE <= piece.end.min(LOW_MEMORY_END) {
            found = Some(Mfn::containing(start));
        }
    });
    found
}

/// The page below 1 MiB to start other CPUs from, if there is one.
pub(crate) fn start_page() -> Option<Mfn> {
    START_PAGE.get().copied().flatten()
}

/// Free RAM, piece by piece, cut at the end of what the early tables reach.
fn free_pieces(map: &MemoryMap, taken: &[Range<u64>]) -> Vec<Range<u64>> {
    let limit = crate::boot::EARLY_LIMIT;
    let mut pieces = Vec::new();
    map.free_ram(taken, |piece| {
        let cut = piece.end.min(limit).max(piece.start);
        pieces.extend(
            [piece.start..cut, cut..piece.end]
                .into_iter()
                .filter(|p| p.start < p.end),
        );
    });
    pieces
}

/// Finds zeroed memory at the end of the largest piece that the early tables reach: the
/// words, and the machine addresses they take.
fn reserve(
    map: &MemoryMap,
    taken: &[Range<u64>],
    words: usize,
) -> Option<(&'static mut [u64], Range<u64>)> {
    let bytes = (words as u64 * 8).next_multiple_of(PAGE_SIZE);
    let largest = free_pieces(map, taken)
        .into_iter()
        .filter(|piece| piece.end <= crate::boot::EARLY_LIMIT)
        .max_by_key(|piece| piece.end - piece.start)?;
    let start = largest
        .end
        .checked_sub(bytes)
        .filter(|&start| start >= largest.start)?;
    let first = (layout::DIRECT_MAP + start) as *mut u64;
    // SAFETY: free RAM, mapped by the early tables and the final ones at this address; the
    // caller keeps everybody else from it.
    let storage = unsafe {
        first.write_bytes(0, words);
        core::slice::from_raw_parts_mut(first, words)
    };
    Some((storage, start..largest.end))
}

/// Maps the image and all RAM, and makes room for what is mapped later.
fn map_shared(root: Mfn, map: &MemoryMap) -> Result<(), OutOfMemory> {
    for (part, flags) in [
        (Image::text(), tables::READ_EXECUTE),
        (Image::entry_text(), tables::READ_ONLY),
        (Image::rodata(), tables::READ_ONLY),
        (Image::data(), tables::READ_WRITE),
    ] {
        for va in part.step_by(PAGE_SIZE as usize) {
            if va != Image::boot_stack_guard() {
                tables::map_page(root, va, Image::to_machine(va), flags)?;
            }
        }
    }
    let constant = Image::constant_machine();
    for region in map.regions() {
        if !matches!(region.kind, Kind::Ram | Kind::AcpiTables | Kind::AcpiNvs) {
            continue;
        }
        let (start, end) = (region.start, region.end);
        for (piece, flags) in [
            (start..end.min(constant.start), tables::READ_WRITE),
            (
                start.max(constant.start)..end.min(constant.end),
                tables::READ_ONLY,
            ),
            (start.max(constant.end)..end, tables::READ_WRITE),
        ] {
            if piece.start < piece.end {
                let va = layout::DIRECT_MAP + piece.start;
                tables::map_range(root, va, piece.start, piece.end - piece.start, flags)?;
            }
        }
    }
    // Slots that roots share must have their L3 before roots are copied.
    for address in [layout::M2P, layout::DEVICES, layout::FRAME_TABLE] {
        tables::table_below(root, tables::slot(address, 4))?;
    }
    Ok(())
}

/// The root that holds what all roots share.
///
/// # Panics
/// Before [`init`].
fn shared_root() -> Mfn {
    *SHARED_ROOT
        .get()
        .expect("the final page tables are not there yet")
}

/// Loads a root table on this CPU, which drops its whole TLB (no page is global).
///
/// # Safety
/// The root maps the image, this CPU's stack and descriptor tables where they are now.
pub(crate) unsafe fn load_root(root: Mfn) {
    let frame = PhysFrame::containing_address(x86_64::PhysAddr::new(root.maddr()));
    // SAFETY: the caller's promise.
    unsafe { Cr3::write(frame, Cr3Flags::empty()) };
}

/// Whether this CPU's present tables map an address, for readers that must not fault.
/// Before the final tables are there only the image's own data counts.
pub(crate) fn is_mapped(address: u64) -> bool {
    let root = Mfn::containing(Cr3::read_raw().0.start_address().as_u64());
    Image::data().contains(&address) && address / PAGE_SIZE != Image::boot_stack_guard() / PAGE_SIZE
        || tables::lookup(root, address).is_some()
}

/// The frames of the entry code, in the order of its pages.
pub(crate) fn entry_text_frames() -> impl Iterator<Item = Mfn> {
    Image::entry_text()
        .step_by(PAGE_SIZE as usize)
        .map(|va| Mfn::containing(Image::to_machine(va)))
}

/// The frame that a claim names, if it is RAM that can be reached by number: no device,
/// no hole, and none of the hypervisor's own Rust memory.
pub fn ram(claim: MfnClaim) -> Option<Mfn> {
    ram::is_open(Mfn(claim.0)).then_some(Mfn(claim.0))
}

/// The highest frame of RAM.
pub fn highest_ram_frame() -> Mfn {
    Mfn(memory_map().ram_end().0.saturating_sub(1))
}

/// The machine's memory map, as it was given to [`init`].
///
/// # Panics
/// Before [`init`].
pub fn memory_map() -> &'static MemoryMap {
    MAP.get()
        .expect("the memory map is asked for before it is there")
}

/// The first address that this CPU cannot name: above it, address bits are reserved bits.
fn address_end() -> u64 {
    const WIDTHS: u32 = 0x8000_0008;
    if cpu::cpuid(0x8000_0000, 0)[0] < WIDTHS {
        // What every 64-bit CPU has (SDM, CPUID leaf 80000008H).
        return 1 << 36;
    }
    let bits = cpu::cpuid(WIDTHS, 0)[0] & 0xff;
    1u64.checked_shl(bits)
        .unwrap_or(MACHINE_END)
        .min(MACHINE_END)
}

/// Whether a domain with devices may map the page: it is no RAM, and none of the
/// registers that the hypervisor keeps to itself.
pub fn is_open_iomem(claim: MfnClaim) -> bool {
    let Some(end) = claim
        .0
        .checked_add(1)
        .filter(|&end| end <= address_end() / PAGE_SIZE)
    else {
        return false;
    };
    let page = claim.0 * PAGE_SIZE..end * PAGE_SIZE;
    memory_map().kind_at(page.start) != Some(Kind::Ram) && !device::is_kept(page)
}
