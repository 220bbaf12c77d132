//! Looks at the tables that are in use and says whether they keep what is promised: no
//! page writable and executable, constants writable nowhere, nothing under the stacks.

use super::tables::{self, flags_of, frame_of};
use super::{direct, roots, shared_root};
use crate::boot::Image;
use crate::layout;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use x86_64::structures::paging::PageTableFlags as Flags;
use xenolith_rules::types::{Mfn, PAGE_SIZE};

/// What an audit found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Leaf entries looked at.
    pub mappings: u64,
    /// Tables they were found in.
    pub tables: u64,
    /// Each broken promise, in words.
    pub broken: Vec<String>,
}

/// Walks all tables of the hypervisor's and collects broken promises.
pub fn audit() -> Findings {
    let mut findings = Findings::default();
    let constant = Image::constant_machine();
    let mut check = |findings: &mut Findings, at: u64, maddr: Range<u64>, flags: Flags| {
        findings.mappings += 1;
        let writable = flags.contains(Flags::WRITABLE);
        if writable && !flags.contains(Flags::NO_EXECUTE) {
            findings
                .broken
                .push(format!("{at:#x} is writable and executable"));
        }
        if writable && maddr.start < constant.end && constant.start < maddr.end {
            findings
                .broken
                .push(format!("{at:#x} lets the image's constant part be written"));
        }
        if flags.contains(Flags::USER_ACCESSIBLE) {
            findings
                .broken
                .push(format!("{at:#x} is open to user code"));
        }
    };
    walk(&mut findings, shared_root(), layout::HV_SLOTS, &mut check);
    let own = tables::slot(layout::ENTRY, 4);
    for cpu in roots::all() {
        walk(&mut findings, cpu.hypervisor, own..own + 1, &mut check);
        walk(&mut findings, cpu.guest, own..own + 1, &mut check);
        for guard in guards() {
            if tables::lookup(cpu.hypervisor, guard).is_some() {
                findings
                    .broken
                    .push(format!("guard page {guard:#x} is mapped"));
            }
        }
        for slot in (0..layout::HV_SLOTS.start).chain(layout::HV_SLOTS.end..direct::WORDS) {
            if tables::read(cpu.hypervisor, slot) != 0 {
                findings
                    .broken
                    .push(format!("slot {slot} of a hypervisor's root is in use"));
            }
        }
    }
    if tables::lookup(shared_root(), Image::boot_stack_guard()).is_some() {
        findings
            .broken
            .push("the boot stack's guard page is mapped".into());
    }
    findings
}

/// The pages that must not be there: below every stack, and above the last.
fn guards() -> impl Iterator<Item = u64> {
    let ist = (0..roots::IST_STACKS).flat_map(|index| {
        let base = layout::PRIVATE_IST + index * layout::PRIVATE_IST_STRIDE;
        [base - PAGE_SIZE, base + layout::PRIVATE_IST_SIZE]
    });
    let entry_ist = (0..roots::IST_STACKS).flat_map(|index| {
        let base = layout::ENTRY_IST + index * layout::ENTRY_IST_STRIDE;
        [base - PAGE_SIZE, base + PAGE_SIZE]
    });
    [
        layout::PRIVATE_STACK - PAGE_SIZE,
        layout::PRIVATE_STACK + layout::PRIVATE_STACK_SIZE,
        layout::ENTRY_STACK - PAGE_SIZE,
        layout::ENTRY_STACK + PAGE_SIZE,
    ]
    .into_iter()
    .chain(ist)
    .chain(entry_ist)
}

type Check<'a> = dyn FnMut(&mut Findings, u64, Range<u64>, Flags) + 'a;

fn walk(findings: &mut Findings, root: Mfn, slots: Range<usize>, check: &mut Check) {
    for slot in slots {
        let word = tables::read(root, slot);
        if flags_of(word).contains(Flags::PRESENT) {
            let base = layout::slot(slot as u64);
            below(findings, frame_of(word), 3, base, flags_of(word), check);
        }
    }
}

/// `above`: what the entries on the way down allow together.
fn below(
    findings: &mut Findings,
    table: Mfn,
    level: u32,
    base: u64,
    above: Flags,
    check: &mut Check,
) {
    findings.tables += 1;
    if !tables::may_be_table(table) {
        findings.broken.push(format!(
            "the table for {base:#x} is open to be reached by number"
        ));
        return;
    }
    let covers = PAGE_SIZE << (9 * (level - 1));
    for slot in 0..direct::WORDS {
        let word = tables::read(table, slot);
        let flags = flags_of(word);
        if !flags.contains(Flags::PRESENT) {
            continue;
        }
        let all = Flags::WRITABLE | Flags::USER_ACCESSIBLE;
        let effective = (flags & above & all) | ((flags | above) & Flags::NO_EXECUTE);
        let at = base + slot as u64 * covers;
        if level == 1 || flags.contains(Flags::HUGE_PAGE) {
            let start = frame_of(word).maddr() & !(covers - 1);
            check(findings, at, start..start + covers, effective);
        } else {
            below(findings, frame_of(word), level - 1, at, effective, check);
        }
    }
}
