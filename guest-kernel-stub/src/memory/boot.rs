//! From the builder's tables to our own.
//!
//! The builder maps only the kernel, its own lists and tables, and up to 4 MiB behind
//! them. This maps all frames of the domain in the direct map, under the builder's
//! root table, which stays the kernel's.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use pv_guest_abi::shared::SharedInfo;

use super::tables::{
    self, Batch, ENTRIES, KERNEL_CODE, KERNEL_DATA, KERNEL_READ, KERNEL_TABLE, direct, entry,
    frame_of, index, map_page,
};
use super::{DIRECT_MAP, Mfn, PAGE_SIZE, Pfn, STACKS, VIRT_BASE, frames};
use crate::start::Boot;

/// A page of the image that can be made to show any frame, before the direct map is there.
#[repr(C, align(4096))]
struct Page([u64; ENTRIES as usize]);

#[unsafe(link_section = ".bss_pages")]
static mut WINDOW: Page = Page([0; ENTRIES as usize]);
/// The page that shows the shared info.
#[unsafe(link_section = ".bss_pages")]
static mut SHARED_INFO: Page = Page([0; ENTRIES as usize]);

/// PFN of the kernel's root table.
static ROOT: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    static __text_end: u8;
    static __rodata_end: u8;
}

/// The root table that maps the kernel and no process.
pub fn kernel_root() -> Pfn {
    Pfn(ROOT.load(Ordering::Relaxed))
}

/// Where the initrd lies: (PFN, bytes), or `None` without one.
fn initrd_frames(boot: &Boot) -> Option<(Pfn, u64)> {
    let info = boot.info;
    let by_frame = boot
        .flags()
        .contains(pv_guest_abi::start::StartFlags::MOD_START_PFN);
    let first = if by_frame {
        info.mod_start
    } else {
        info.mod_start.wrapping_sub(VIRT_BASE) / PAGE_SIZE
    };
    (info.mod_len > 0).then_some((Pfn(first), info.mod_len))
}

/// The initrd's bytes, after [`init`].
pub fn initrd(boot: &Boot) -> Option<&'static [u8]> {
    let (first, bytes) = initrd_frames(boot)?;
    let end = first.0.checked_add(bytes.div_ceil(PAGE_SIZE))?;
    if end > frames::total() {
        return None;
    }
    // SAFETY: the frames are the domain's, kept from all other use, and mapped in order.
    Some(unsafe { core::slice::from_raw_parts(direct(first) as *const u8, bytes as usize) })
}

/// Builds the direct map and the place for stacks. Afterwards frames can be had, and
/// `heap` frames in a row are returned for the heap.
pub fn init(boot: &Boot, heap: impl Fn(u64) -> u64) -> Range<u64> {
    let total = boot.info.nr_pages;
    // SAFETY: start info gives address and length of the p2m, which nobody moves.
    unsafe { frames::set_p2m(boot.info.mfn_list as *mut u64, total) };
    let root = builder_frame(boot.info.pt_base);
    ROOT.store(root.0, Ordering::Relaxed);

    let mut plan = Plan::new(boot, total);
    unmap_tail(boot);
    let builder_tables = root.0..root.0 + boot.info.nr_pt_frames;
    let l1s = total.div_ceil(ENTRIES);
    let own_tables = plan.take(l1s + l1s.div_ceil(ENTRIES) + 1 + 3);
    build(root, total, &builder_tables, &own_tables);

    let heap_frames = plan.take(heap(total));
    plan.free_the_rest();
    direct(Pfn(heap_frames.start))..direct(Pfn(heap_frames.end))
}

/// PFN behind an address that the builder mapped.
fn builder_frame(address: u64) -> Pfn {
    Pfn((address - VIRT_BASE) / PAGE_SIZE)
}

/// Which frames are spoken for, in order.
struct Plan {
    taken: [Range<u64>; 4],
    total: u64,
}

impl Plan {
    /// Everything up to the boot stack is the builder's or the image's, then the initrd.
    fn new(boot: &Boot, total: u64) -> Self {
        let builder = 0..builder_frame(boot.end).0;
        let initrd = initrd_frames(boot).map_or(0..0, |(first, bytes)| {
            let first = first.0.min(total);
            first..first.saturating_add(bytes.div_ceil(PAGE_SIZE)).min(total)
        });
        // An initrd among the builder's own things is no second range.
        let initrd = initrd.start.max(builder.end)..initrd.end.max(builder.end);
        Self {
            taken: [builder, initrd, total..total, total..total],
            total,
        }
    }

    /// The first gap of `count` frames.
    fn take(&mut self, count: u64) -> Range<u64> {
        self.taken.sort_by_key(|range| range.start);
        let gap = self
            .taken
            .windows(2)
            .find(|pair| pair[1].start.saturating_sub(pair[0].end) >= count);
        let start = match gap {
            Some(pair) => pair[0].end,
            None => panic!(
                "{} KiB of memory are too little: no {count} frames in a row are free. Give the domain more \
                 (dom0_mem= for domain 0)",
                self.total * 4
            ),
        };
        let place = self
            .taken
            .iter_mut()
            .rfind(|range| range.is_empty())
            .expect("two more ranges are kept");
        *place = start..start + count;
        start..start + count
    }

    fn free_the_rest(&mut self) {
        self.taken.sort_by_key(|range| range.start);
        let mut at = 0;
        for range in &self.taken {
            frames::add_free(at..range.start);
            at = at.max(range.end);
        }
        frames::add_free(at..self.total);
    }
}

/// Takes back the mappings behind the boot stack: a free frame is mapped once only.
fn unmap_tail(boot: &Boot) {
    let mut address = boot.end;
    while builder_entry(boot, address).is_some() {
        // SAFETY: the pages behind the boot stack hold nothing.
        unsafe { map_page(address, 0) };
        address += PAGE_SIZE;
    }
}

/// The last-level entry for an address in the builder's tables, if the page is present.
fn builder_entry(boot: &Boot, address: u64) -> Option<u64> {
    let read = |table: u64, level| {
        let place = table + index(address, level) * 8;
        // SAFETY: the builder mapped each of its tables at VIRT_BASE plus its PFN.
        unsafe { (place as *const u64).read_volatile() }
    };
    let mut table = boot.info.pt_base;
    for level in [4, 3, 2] {
        let lower = frame_of(read(table, level))?;
        table = VIRT_BASE + frames::pfn(lower).0 * PAGE_SIZE;
    }
    let entry = read(table, 1);
    frame_of(entry).map(|_| entry)
}

/// Fills `own` frames with tables for the direct map and the stacks, lowest level first,
/// then hangs them into the root: the hypervisor checks them all in that moment.
fn build(root: Pfn, total: u64, builder_tables: &Range<u64>, own: &Range<u64>) {
    let read_only_end = builder_frame(&raw const __rodata_end as u64).0;
    let page = |pfn: u64| {
        let read_only = pfn < read_only_end || builder_tables.contains(&pfn) || own.contains(&pfn);
        let flags = if read_only { KERNEL_READ } else { KERNEL_DATA };
        if pfn < total {
            entry(frames::mfn(Pfn(pfn)), flags)
        } else {
            0
        }
    };

    let mut next = own.start;
    let mut level_of = |count: u64, content: &dyn Fn(u64) -> u64| {
        let first = next;
        for table in 0..count {
            fill(Pfn(first + table), |slot| content(table * ENTRIES + slot));
        }
        next += count;
        first..next
    };
    let upper = |below: Range<u64>| {
        move |slot: u64| match below.start + slot {
            pfn if below.contains(&pfn) => entry(frames::mfn(Pfn(pfn)), KERNEL_TABLE),
            _ => 0,
        }
    };
    let l1s = level_of(total.div_ceil(ENTRIES), &page);
    let l2s = level_of((l1s.end - l1s.start).div_ceil(ENTRIES), &upper(l1s));
    let l3 = level_of(1, &upper(l2s));
    let stacks_l1 = level_of(1, &|_| 0);
    let stacks_l2 = level_of(1, &upper(stacks_l1));
    let stacks_l3 = level_of(1, &upper(stacks_l2));

    let mut batch = Batch::default();
    for (address, table) in [(DIRECT_MAP, l3.start), (STACKS, stacks_l3.start)] {
        let value = entry(frames::mfn(Pfn(table)), KERNEL_TABLE);
        // SAFETY: nothing was mapped in these slots.
        unsafe { batch.push(tables::update(root, index(address, 4), value)) };
    }
    // SAFETY: as above.
    unsafe { batch.send() };
}

/// Writes a table through the window.
fn fill(table: Pfn, content: impl Fn(u64) -> u64) {
    let window = &raw mut WINDOW;
    // SAFETY: nothing refers to the window, which is used here only.
    unsafe { map_page(window as u64, entry(frames::mfn(table), KERNEL_DATA)) };
    for slot in 0..ENTRIES {
        // SAFETY: the window is ours alone, and shows a frame that nobody uses yet.
        unsafe { (&raw mut (*window).0[slot as usize]).write_volatile(content(slot)) };
    }
    // SAFETY: as above.
    unsafe { map_page(window as u64, 0) };
}

/// Gives each part of what the builder mapped its rights: code is not written, data not
/// executed. The page below the boot stack goes, so that an overflow is noticed.
pub fn protect_image(boot: &Boot) {
    let [text_end, read_only_end] =
        [&raw const __text_end, &raw const __rodata_end].map(|end| end as u64);
    let tables = boot.info.pt_base..boot.info.pt_base + boot.info.nr_pt_frames * PAGE_SIZE;
    let own_use = [&raw const WINDOW as u64, &raw const SHARED_INFO as u64];
    for address in (VIRT_BASE..boot.end).step_by(PAGE_SIZE as usize) {
        if own_use.contains(&address) {
            continue;
        }
        let flags = match address {
            _ if address < text_end => KERNEL_CODE,
            _ if address < read_only_end || tables.contains(&address) => KERNEL_READ,
            _ => KERNEL_DATA,
        };
        // SAFETY: the page shows what it showed, with the rights that its use needs.
        unsafe { map_page(address, entry(frames::mfn(builder_frame(address)), flags)) };
    }
    // SAFETY: the lowest page of the stack has no use but this.
    unsafe { map_page(Boot::stack_guard(), 0) };
}

/// Maps the page that the hypervisor and this domain share, and tells where.
pub fn map_shared_info(boot: &Boot) -> *mut SharedInfo {
    let page = &raw mut SHARED_INFO;
    let frame = Mfn(boot.info.shared_info / PAGE_SIZE);
    // SAFETY: nothing refers to the page that is kept for this.
    unsafe { map_page(page as u64, entry(frame, KERNEL_DATA)) };
    page.cast()
}
