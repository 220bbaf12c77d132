//! Writing what a plan says.

use super::plan::{Plan, Purpose};
use super::{hypercall_page, start_info};
use crate::elf::KernelImage;
use crate::types::{Mfn, PAGE_SHIFT, PAGE_SIZE, Pfn, Port};

/// A new domain's memory: every page of the plan has a frame, and the frames are zero.
pub trait Memory {
    /// The machine frame behind a guest frame.
    fn mfn_of(&self, pfn: Pfn) -> Mfn;

    /// Writes into one page. `offset + bytes.len()` is at most 4096.
    fn write(&mut self, pfn: Pfn, offset: usize, bytes: &[u8]);
}

/// What is not known to the plan.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// The initrd; as long as the plan was told.
    pub initrd: &'a [u8],
    /// The kernel's command line, without NUL. Cut at [`start_info::COMMAND_LINE_MAX`].
    pub command_line: &'a [u8],
    /// Machine address of the shared info page.
    pub shared_info_maddr: u64,
    /// Ports of the rings, for a domain that has rings.
    pub ports: Option<RingPorts>,
}

/// Event channels of a domain's first two rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingPorts {
    /// Of the ring to the xenstore.
    pub xenstore: Port,
    /// Of the ring to the console.
    pub console: Port,
}

/// Writes kernel, hypercall page, initrd, p2m list, start info and page tables.
///
/// Everything that a page table names is as [`Memory::mfn_of`] says; nothing is
/// validated here: the tables become tables by the same way as any guest's.
pub fn fill(
    plan: &Plan,
    image: &KernelImage<'_>,
    contents: &Contents<'_>,
    memory: &mut impl Memory,
) {
    for segment in &image.segments {
        copy(memory, segment.address - plan.virt_base, segment.bytes);
    }
    if let Some(pfn) = plan.hypercall_page {
        let mut page = [0; 4096];
        hypercall_page::write(&mut page);
        memory.write(pfn, 0, &page);
    }
    if let Some(initrd) = plan.region(Purpose::Initrd) {
        let end = contents.initrd.len().min(plan.initrd_bytes as usize);
        copy(
            memory,
            initrd.first.0 << PAGE_SHIFT,
            contents.initrd.get(..end).unwrap_or(&[]),
        );
    }
    if let Some(list) = plan.region(Purpose::P2m) {
        for page in 0..list.pages {
            let first = page * 512;
            let entries = (plan.nr_pages - first).min(512);
            write_words(memory, Pfn(list.first.0 + page), |memory, slot| {
                if slot < entries {
                    memory.mfn_of(Pfn(first + slot)).0
                } else {
                    0
                }
            });
        }
    }
    let mfn_of = |purpose| Some(memory.mfn_of(plan.region(purpose)?.first));
    let rings = start_info::Rings {
        xenstore: mfn_of(Purpose::Xenstore),
        console: mfn_of(Purpose::Console),
        ports: contents.ports,
    };
    let info = start_info::bytes(
        plan,
        contents.shared_info_maddr,
        contents.command_line,
        &rings,
    );
    memory.write(plan.start_info(), 0, &info);

    for table in plan.tables() {
        let mut words = [0; 512];
        for entry in plan.entries(table) {
            if let Some(word) = words.get_mut(usize::from(entry.slot)) {
                *word = memory.mfn_of(entry.target).maddr() | entry.flags;
            }
        }
        write_words(memory, table.pfn, |_, slot| {
            words.get(slot as usize).copied().unwrap_or(0)
        });
    }
}

/// Copies bytes to guest physical addresses from `address` on.
fn copy(memory: &mut impl Memory, address: u64, bytes: &[u8]) {
    let (mut at, mut rest) = (address, bytes);
    while !rest.is_empty() {
        let offset = at % PAGE_SIZE;
        let (now, later) = rest.split_at(rest.len().min((PAGE_SIZE - offset) as usize));
        memory.write(Pfn(at >> PAGE_SHIFT), offset as usize, now);
        at += now.len() as u64;
        rest = later;
    }
}

/// Writes a page of 512 words.
fn write_words<M: Memory>(memory: &mut M, pfn: Pfn, word: impl Fn(&M, u64) -> u64) {
    let mut page = [0; 4096];
    for (slot, bytes) in (0..).zip(page.chunks_exact_mut(8)) {
        bytes.copy_from_slice(&word(memory, slot).to_le_bytes());
    }
    memory.write(pfn, 0, &page);
}
