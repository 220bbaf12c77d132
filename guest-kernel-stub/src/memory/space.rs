//! The address space of a process.
//!
//! Two root tables share all tables below them:
//!
//! - the *kernel root* has the process's entries and the kernel's. The kernel runs on it,
//!   and can so copy to and from the process. Where the kernel is in ring 1, programs run
//!   on it too: U=0 keeps them out of the kernel's part.
//! - the *user root* has the process's entries alone. A hypervisor that runs kernels in
//!   ring 3 must take the kernel's part away from programs, and runs them on this.
//!
//! Both are pinned: the hypervisor has checked them, and keeps a count of what they hold.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use pv_guest_abi::mmu::{MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR, MmuextOp};

use super::areas::{Areas, NotInUse, Protection};
use super::boot::kernel_root;
use super::tables::{
    self, Batch, ENTRIES, KERNEL_READ, USER_TABLE, direct, entry, frame_of, index, read_entry,
    user_flags,
};
use super::{OutOfMemory, PAGE_SIZE, Pfn, USER_SPACE, frames};

/// First root entry of the kernel's part: above the hypervisor's, which begin at 256.
const FIRST_KERNEL_ENTRY: u64 = 272;

/// Machine frame of the kernel root that is loaded; 0 at first, while the builder's is.
static LOADED: AtomicU64 = AtomicU64::new(0);

/// Page tables, frames and areas of one process.
pub struct AddressSpace {
    kernel_root: Pfn,
    user_root: Pfn,
    /// Frames of the tables below the roots.
    tables: Vec<Pfn>,
    /// Frames of the pages, by address.
    pages: BTreeMap<u64, Pfn>,
    areas: Areas,
}

/// Why a page could not be made present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The process has no business there, or not that one.
    NotAllowed,
    /// It has, but there is no memory left.
    OutOfMemory,
}

impl From<OutOfMemory> for Refusal {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// What a process tries to do with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Fetch,
}

impl AddressSpace {
    /// An address space with nothing of a process in it.
    pub fn new() -> Result<Self, OutOfMemory> {
        let kernel = frames::alloc_zeroed()?;
        for slot in FIRST_KERNEL_ENTRY..ENTRIES {
            let place = direct(kernel) + slot * 8;
            // SAFETY: the frame was free and is mapped in the direct map.
            unsafe { (place as *mut u64).write(read_entry(kernel_root(), slot)) };
        }
        // SAFETY: no reference points into the frame. A page table must not be writable.
        unsafe { tables::map_page(direct(kernel), entry(frames::mfn(kernel), KERNEL_READ)) };
        let user = tables::new_table().inspect_err(|_| tables::free_table(kernel))?;
        tables::pin_root(kernel);
        tables::pin_root(user);
        Ok(Self {
            kernel_root: kernel,
            user_root: user,
            tables: Vec::new(),
            pages: BTreeMap::new(),
            areas: Areas::new(),
        })
    }

    /// What the process uses its addresses for.
    pub fn areas(&self) -> &Areas {
        &self.areas
    }

    /// Bytes of memory that the process has.
    pub fn resident(&self) -> u64 {
        (self.pages.len() + self.tables.len() + 2) as u64 * PAGE_SIZE
    }

    /// The operations that load this address space, unless it is loaded already.
    pub fn loading(&self) -> Option<[MmuextOp; 2]> {
        let kernel = frames::mfn(self.kernel_root).0;
        let loaded = LOADED.swap(kernel, Ordering::Relaxed);
        (loaded != kernel).then(|| {
            let user = frames::mfn(self.user_root).0;
            [
                MmuextOp::on_frame(MMUEXT_NEW_BASEPTR, kernel),
                MmuextOp::on_frame(MMUEXT_NEW_USER_BASEPTR, user),
            ]
        })
    }

    fn is_loaded(&self) -> bool {
        LOADED.load(Ordering::Relaxed) == frames::mfn(self.kernel_root).0
    }

    /// Puts a range in use, in place of what was there. Its pages come when they are touched.
    pub fn set(&mut self, range: Range<u64>, protection: Protection) {
        self.remove(range.clone());
        self.areas.set(range, protection);
    }

    /// Takes a range out of use and its frames back.
    pub fn remove(&mut self, range: Range<u64>) {
        self.areas.remove(range.clone());
        self.drop_pages(range);
    }

    /// Takes the frames of a range back; zeros come when it is touched again.
    pub fn drop_pages(&mut self, range: Range<u64>) {
        let gone: Vec<u64> = self
            .pages
            .range(range)
            .map(|(address, _)| *address)
            .collect();
        self.write_entries(&gone, |_| 0);
        for address in gone {
            let frame = self
                .pages
                .remove(&address)
                .expect("the address was just seen");
            frames::free(frame);
        }
    }

    /// Changes what the process may do in a range that is in use.
    pub fn protect(&mut self, range: Range<u64>, protection: Protection) -> Result<(), NotInUse> {
        self.areas.protect(range.clone(), protection)?;
        let there: Vec<u64> = self
            .pages
            .range(range)
            .map(|(address, _)| *address)
            .collect();
        self.write_entries(&there, |frame| page_entry(frame, protection));
        Ok(())
    }

    /// Makes the page at `address` present, if the process may do there what it tries.
    pub fn fault_in(&mut self, address: u64, access: Access) -> Result<(), Refusal> {
        let protection = self
            .areas
            .at(address)
            .ok_or(Refusal::NotAllowed)?
            .protection;
        let allowed = match access {
            Access::Read => protection.any(),
            Access::Write => protection.write,
            Access::Fetch => protection.execute,
        };
        let page = address / PAGE_SIZE * PAGE_SIZE;
        if !allowed || self.pages.contains_key(&page) {
            return Err(Refusal::NotAllowed);
        }
        Ok(self.add_pages(page..page + PAGE_SIZE)?)
    }

    /// Makes all pages of a range that is in use present, filled with zeros.
    pub fn add_pages(&mut self, range: Range<u64>) -> Result<(), OutOfMemory> {
        let mut batch = Batch::default();
        let mut pages = range.step_by(PAGE_SIZE as usize);
        let result = pages.try_for_each(|address| self.add_page(address, &mut batch));
        // SAFETY: the pages were not present, so nothing refers to them.
        unsafe { batch.send() };
        result
    }

    fn add_page(&mut self, address: u64, batch: &mut Batch) -> Result<(), OutOfMemory> {
        if self.pages.contains_key(&address) {
            return Ok(());
        }
        let protection = self
            .areas
            .at(address)
            .map_or(Protection::NONE, |area| area.protection);
        let table = self.table_for(address)?;
        let frame = frames::alloc_zeroed()?;
        self.pages.insert(address, frame);
        let change = tables::update(table, index(address, 1), page_entry(frame, protection));
        // SAFETY: the page was not present, so nothing refers to it.
        unsafe { batch.push(change) };
        Ok(())
    }

    /// Writes into pages that are present, whatever the process may do with them.
    pub fn write(&mut self, mut address: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let offset = address % PAGE_SIZE;
            let frame = self.pages[&(address - offset)];
            let count = bytes.len().min((PAGE_SIZE - offset) as usize);
            let (now, later) = bytes.split_at(count);
            let to = (direct(frame) + offset) as *mut u8;
            // SAFETY: the frame is the process's, mapped in the direct map, and the bytes stay inside it.
            unsafe { core::ptr::copy_nonoverlapping(now.as_ptr(), to, count) };
            (address, bytes) = (address + count as u64, later);
        }
    }

    /// Writes the last-level entries of pages that have a frame.
    fn write_entries(&mut self, addresses: &[u64], value: impl Fn(Pfn) -> u64) {
        if addresses.is_empty() {
            return;
        }
        let mut batch = Batch::default();
        for address in addresses {
            let table = self
                .table_for(*address)
                .expect("a page that is present has its tables");
            let change = tables::update(table, index(*address, 1), value(self.pages[address]));
            // SAFETY: the kernel keeps no references into pages of processes.
            unsafe { batch.push(change) };
        }
        // SAFETY: as above.
        unsafe { batch.send() };
        if self.is_loaded() {
            tables::flush();
        }
    }

    /// The last-level table for an address; makes the tables that are missing.
    fn table_for(&mut self, address: u64) -> Result<Pfn, OutOfMemory> {
        assert!(
            USER_SPACE.contains(&address),
            "{address:#x} is none of a process's addresses"
        );
        let mut table = self.kernel_root;
        for level in [4, 3, 2] {
            let slot = index(address, level);
            table = match frame_of(read_entry(table, slot)) {
                Some(frame) => frames::pfn(frame),
                None => self.hang_in(table, slot, level)?,
            };
        }
        Ok(table)
    }

    /// Makes a table and enters it at `slot` of `upper`, which is of `level`.
    fn hang_in(&mut self, upper: Pfn, slot: u64, level: u32) -> Result<Pfn, OutOfMemory> {
        let table = tables::new_table()?;
        self.tables.push(table);
        let value = entry(frames::mfn(table), USER_TABLE);
        let mut batch = Batch::default();
        // SAFETY: nothing was present below this slot.
        unsafe { batch.push(tables::update(upper, slot, value)) };
        if level == 4 {
            // SAFETY: as above; both roots have the same entries for the process.
            unsafe { batch.push(tables::update(self.user_root, slot, value)) };
        }
        // SAFETY: as above.
        unsafe { batch.send() };
        Ok(table)
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        if self.is_loaded() {
            load_kernel_only();
        }
        // With the roots, all below them is a table no more and maps nothing.
        for root in [self.kernel_root, self.user_root] {
            tables::unpin_root(root);
            tables::free_table(root);
        }
        self.tables.drain(..).for_each(tables::free_table);
        for frame in core::mem::take(&mut self.pages).into_values() {
            frames::free(frame);
        }
    }
}

/// The entry of a page of a process.
fn page_entry(frame: Pfn, protection: Protection) -> u64 {
    match user_flags(protection) {
        0 => 0,
        flags => entry(frames::mfn(frame), flags),
    }
}

/// Loads the root that maps no process.
fn load_kernel_only() {
    let root = frames::mfn(kernel_root()).0;
    LOADED.store(root, Ordering::Relaxed);
    // SAFETY: this root maps the kernel as every kernel root does.
    unsafe { crate::Xen::new_base_pointer(root) }.expect("the builder's root table stays valid");
    // SAFETY: no program runs until another address space is loaded.
    unsafe { crate::Xen::new_user_base_pointer(0) }.expect("no user root is allowed");
}
