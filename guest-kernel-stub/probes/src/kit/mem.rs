//! Pages, frames and page-table entries of the probe kernel.
//!
//! The kernel lives on the tables that the domain builder made: PFN n is mapped at
//! `VIRT_BASE + n * 4096`. Pages for probes are a part of its image, so that each has
//! its address, its frame, and one writable mapping.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use guest_kernel_stub::memory::VIRT_BASE;
use guest_kernel_stub::start::Boot;
use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::hypercall::{MMU_UPDATE, MMUEXT_OP, UPDATE_VA_MAPPING};
use pv_guest_abi::mmu::{MmuUpdate, MmuextOp, UVMF_ALL, UVMF_INVLPG};

use super::{at, at_mut, hypercall};

/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// Where the M2P is mapped.
pub const M2P: u64 = 0xffff_8000_0000_0000;
/// First and last address of the hypervisor's slots.
pub const HYPERVISOR: core::ops::RangeInclusive<u64> =
    0xffff_8000_0000_0000..=0xffff_87ff_ffff_ffff;

/// Entry bits.
pub const P: u64 = 1;
/// Writable.
pub const RW: u64 = 2;
/// User.
pub const US: u64 = 4;
/// Write-through, cache disable.
pub const PWT: u64 = 8;
/// See `PWT`.
pub const PCD: u64 = 16;
/// Accessed.
pub const A: u64 = 32;
/// Dirty.
pub const D: u64 = 64;
/// Large page (upper levels), PAT (L1).
pub const PSE: u64 = 128;
/// Global.
pub const G: u64 = 256;
/// No execute.
pub const NX: u64 = 1 << 63;
/// The frame's bits.
pub const FRAME: u64 = 0x000f_ffff_ffff_f000;
/// A kernel page, read-only and writable.
pub const READ: u64 = P | A | NX;
/// See `READ`.
pub const WRITE: u64 = P | RW | A | D | NX;
/// An upper-level entry that lets the last level decide.
pub const TABLE: u64 = P | RW | US | A | D;

/// Entries of a page.
pub type Words = [u64; 512];

#[repr(C, align(4096))]
struct Pool([Words; POOL]);
/// Pages for probes.
const POOL: usize = 1024;

#[unsafe(link_section = ".bss_pages")]
static mut PAGES: Pool = Pool([[0; 512]; POOL]);
static NEXT: AtomicUsize = AtomicUsize::new(0);
static P2M: AtomicU64 = AtomicU64::new(0);
static NR_PAGES: AtomicU64 = AtomicU64::new(0);
static ROOT: AtomicU64 = AtomicU64::new(0);

/// Takes over what the builder says of the tables.
pub fn init(boot: &Boot) {
    P2M.store(boot.info.mfn_list, Ordering::Relaxed);
    NR_PAGES.store(boot.info.nr_pages, Ordering::Relaxed);
    ROOT.store(boot.info.pt_base, Ordering::Relaxed);
}

/// The domain's frames at start.
pub fn nr_pages() -> u64 {
    NR_PAGES.load(Ordering::Relaxed)
}

/// A page of zeros that nobody else has: its address.
pub fn page() -> u64 {
    let index = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(index < POOL, "too few pages for this probe");
    // SAFETY: only the address of a page of the array is computed.
    unsafe { &raw const PAGES.0[index] as u64 }
}

/// Several pages in a row.
pub fn pages(count: usize) -> u64 {
    let index = NEXT.fetch_add(count, Ordering::Relaxed);
    assert!(index + count <= POOL, "too few pages for this probe");
    // SAFETY: as in `page`.
    unsafe { &raw const PAGES.0[index] as u64 }
}

/// The frame of a PFN.
pub fn p2m(pfn: u64) -> u64 {
    assert!(pfn < nr_pages());
    // SAFETY: start info gives address and length of the list.
    unsafe {
        (P2M.load(Ordering::Relaxed) as *const u64)
            .add(pfn as usize)
            .read_volatile()
    }
}

/// Writes down another frame for a PFN.
pub fn set_p2m(pfn: u64, mfn: u64) {
    assert!(pfn < nr_pages());
    // SAFETY: as in `p2m`.
    unsafe {
        (P2M.load(Ordering::Relaxed) as *mut u64)
            .add(pfn as usize)
            .write_volatile(mfn);
    }
}

/// The PFN of an address in the builder's area.
pub fn pfn(address: u64) -> u64 {
    (address - VIRT_BASE) / PAGE
}

/// The frame of an address in the builder's area (of pages that were not remapped).
pub fn mfn(address: u64) -> u64 {
    p2m(pfn(address))
}

/// The M2P's entry of a frame.
pub fn m2p(mfn: u64) -> u64 {
    read(M2P + mfn * 8)
}

/// Reads a word.
pub fn read(address: u64) -> u64 {
    // SAFETY: probes read their own pages, tables and the M2P; else a trap tells.
    unsafe { (address as *const u64).read_volatile() }
}

/// Writes a word.
pub fn write(address: u64, value: u64) {
    // SAFETY: probes write to their own pages.
    unsafe { (address as *mut u64).write_volatile(value) }
}

/// Address of the kernel's root table.
pub fn root() -> u64 {
    ROOT.load(Ordering::Relaxed)
}

/// Which entry of a table of `level` covers an address.
pub const fn index(address: u64, level: u32) -> u64 {
    address >> (12 + 9 * (level - 1)) & 511
}

/// Where the builder mapped the frame that an entry names.
pub fn table(entry: u64) -> u64 {
    VIRT_BASE + m2p((entry & FRAME) / PAGE) * PAGE
}

/// Address of the entry of `level` that covers `address`, in tables that the kernel has mapped.
pub fn entry_at(address: u64, level: u32) -> u64 {
    let mut at = root() + index(address, 4) * 8;
    for below in (level..4).rev() {
        at = table(read(at)) + index(address, below) * 8;
    }
    at
}

/// Machine address of a word of the kernel's.
pub fn machine(address: u64) -> u64 {
    mfn(address) * PAGE + address % PAGE
}

/// An entry for the frame behind an address.
pub fn entry(address: u64, flags: u64) -> u64 {
    (mfn(address) * PAGE) | flags
}

/// `update_va_mapping` with a flush of the address.
pub fn map(address: u64, entry: u64) -> i64 {
    hypercall(UPDATE_VA_MAPPING, &[address, entry, UVMF_INVLPG | UVMF_ALL])
}

/// One `mmu_update` by the machine address of an entry (low bits: the command).
pub fn mmu_update(ptr: u64, val: u64) -> i64 {
    mmu_updates(&[MmuUpdate { ptr, val }]).0
}

/// A list of `mmu_update`s: the result, and how many were done.
pub fn mmu_updates(list: &[MmuUpdate]) -> (i64, u32) {
    let mut done = 0xdead_beef_u32;
    let args = [
        at(list),
        list.len() as u64,
        at_mut(&mut done),
        DOMID_SELF.into(),
    ];
    (hypercall(MMU_UPDATE, &args), done)
}

/// Writes the entry at an address, which is in a page table of ours.
pub fn set_entry(address: u64, value: u64) -> i64 {
    mmu_update(machine(address), value)
}

/// One `mmuext_op`.
pub fn mmuext(cmd: u32, arg1: u64, arg2: u64) -> i64 {
    let op = MmuextOp {
        cmd,
        arg1,
        arg2,
        ..Default::default()
    };
    mmuext_ops(&[op]).0
}

/// A list of `mmuext_op`s: the result, and how many were done.
pub fn mmuext_ops(list: &[MmuextOp]) -> (i64, u32) {
    let mut done = 0xdead_beef_u32;
    let args = [
        at(list),
        list.len() as u64,
        at_mut(&mut done),
        DOMID_SELF.into(),
    ];
    (hypercall(MMUEXT_OP, &args), done)
}

/// A page that nothing maps writable, to become a table: its address. Its content can
/// be written before by [`write()`], so it is made read-only by the caller's `freeze`.
pub fn freeze(address: u64) -> i64 {
    map(address, entry(address, READ))
}

/// The reverse of `freeze`.
pub fn thaw(address: u64) -> i64 {
    map(address, entry(address, WRITE))
}
