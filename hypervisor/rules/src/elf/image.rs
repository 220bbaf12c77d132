//! A kernel that has been found fit to run, and where it wants to lie.

use super::error::KernelError;
use super::features::Features;
use super::notes::{NoteSource, Notes};
use super::sniff::FileKind;
use crate::types::{GuestAddr, PAGE_SIZE};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use elf::ElfBytes;
use elf::abi::{
    ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFMAGIC, EM_X86_64, ET_DYN, ET_EXEC, PF_R, PF_W, PF_X,
    PT_LOAD, PT_NOTE, SHT_NOBITS, SHT_NOTE,
};
use elf::endian::LittleEndian;
use elf::parse::ParseError;
use pv_guest_abi::elfnote::{
    XEN_ELFNOTE_ENTRY, XEN_ELFNOTE_FEATURES, XEN_ELFNOTE_GUEST_OS, XEN_ELFNOTE_HV_START_LOW,
    XEN_ELFNOTE_HYPERCALL_PAGE, XEN_ELFNOTE_INIT_P2M, XEN_ELFNOTE_LOADER,
    XEN_ELFNOTE_MOD_START_PFN, XEN_ELFNOTE_PADDR_OFFSET, XEN_ELFNOTE_PHYS32_ENTRY,
    XEN_ELFNOTE_SUPPORTED_FEATURES, XEN_ELFNOTE_SUSPEND_CANCEL, XEN_ELFNOTE_VIRT_BASE,
    XEN_ELFNOTE_XEN_VERSION, XEN_VERSION_3_0,
};
use pv_guest_abi::features::XENFEAT_DOM0;

/// First address of the hypervisor's hole, which no part of a guest may touch.
pub const HOLE_START: u64 = 0xffff_8000_0000_0000;
/// One past the last address of the hypervisor's hole.
pub const HOLE_END: u64 = 0xffff_8800_0000_0000;

/// What the kernel is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The control domain.
    Dom0,
    /// Any other domain.
    DomU,
}

/// A piece of the kernel to be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Virtual address of its first byte: p_paddr - PADDR_OFFSET + VIRT_BASE. (p_vaddr
    /// is of no use: Linux's per-CPU segment has 0 there.)
    pub address: u64,
    /// The bytes from the file.
    pub bytes: &'a [u8],
    /// Bytes in memory; what is behind [`Self::bytes`] is zero.
    pub mem_bytes: u64,
}

impl Segment<'_> {
    /// One past the last address.
    pub const fn end(&self) -> u64 {
        self.address + self.mem_bytes
    }
}

/// A PV kernel that can be started.
///
/// All addresses are guest virtual. Of them is known: the segments lie at or above
/// [`Self::virt_base`], outside the hypervisor's hole, without wrapping; the entry
/// lies within them; the hypercall page is a whole page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelImage<'a> {
    /// First instruction.
    pub entry: u64,
    /// Where guest frame 0 is mapped.
    pub virt_base: u64,
    /// What is taken off p_paddr.
    pub paddr_offset: u64,
    /// First byte of the lowest segment.
    pub start: u64,
    /// One past the last byte of the highest segment.
    pub end: u64,
    /// The page to be filled with hypercall stubs, if the kernel wants one at start.
    pub hypercall_page: Option<u64>,
    /// Where the kernel wants its p2m list, if not within the initial area. Page-aligned.
    pub init_p2m: Option<u64>,
    /// The initrd may stay unmapped and be named by its frame number.
    pub mod_start_pfn: bool,
    /// A suspend call may return "cancelled".
    pub suspend_cancel: bool,
    /// What the kernel supports and requires.
    pub features: Features,
    /// What to load.
    pub segments: Vec<Segment<'a>>,
    /// All the notes, as found.
    pub notes: Notes<'a>,
}

impl<'a> KernelImage<'a> {
    /// Reads a kernel and decides whether it can be started as `role`.
    ///
    /// # Errors
    /// The first reason why not; see [`KernelError`].
    pub fn parse(file: &'a [u8], role: Role) -> Result<Self, KernelError> {
        let elf = header(file)?;
        let (lowest, highest, phys) = load_segments(&elf, file)?;
        let notes = find_notes(&elf, file)?;
        check_version(&notes)?;

        let features = check_features(&notes, role)?;
        let (virt_base, paddr_offset) = bases(&notes)?;
        let shift = virt_base.wrapping_sub(paddr_offset);
        let start = lowest.wrapping_add(shift);
        // The last byte, not one past it, so that a kernel may end at 2^64.
        let last = (highest - 1).wrapping_add(shift);
        if start < virt_base || last < start || last == u64::MAX {
            return Err(KernelError::BadAddress {
                what: "the kernel's first segment (p_paddr - PADDR_OFFSET + VIRT_BASE)",
                address: start,
                from: virt_base,
                to: u64::MAX,
            });
        }
        let end = last + 1;
        outside_hole("the kernel", virt_base, end)?;

        let within = |what, address, from, to| {
            if (from..to).contains(&address) {
                Ok(address)
            } else {
                Err(KernelError::BadAddress {
                    what,
                    address,
                    from,
                    to,
                })
            }
        };
        let entry = notes.number(XEN_ELFNOTE_ENTRY).unwrap_or(elf.ehdr.e_entry);
        if !(start..end).contains(&entry) && !notes.has(XEN_ELFNOTE_VIRT_BASE) {
            return Err(KernelError::MissingNote {
                note: "VIRT_BASE",
                expected: "the address of guest frame 0 (without it 0, and then the entry point \
                           lies outside the kernel)",
            });
        }
        within("the entry point (Xen ELF note ENTRY)", entry, start, end)?;

        let hypercall_page = notes.number(XEN_ELFNOTE_HYPERCALL_PAGE);
        if let Some(page) = hypercall_page {
            const WHAT: &str = "the hypercall page (Xen ELF note HYPERCALL_PAGE, page-aligned)";
            let to = end.saturating_sub(PAGE_SIZE - 1);
            within(WHAT, page, start, to)?;
            if !page.is_multiple_of(PAGE_SIZE) {
                return Err(KernelError::BadAddress {
                    what: WHAT,
                    address: page,
                    from: start,
                    to,
                });
            }
        }

        let init_p2m = notes.number(XEN_ELFNOTE_INIT_P2M);
        if let Some(base) = init_p2m {
            let aligned = base.is_multiple_of(PAGE_SIZE) && GuestAddr(base).is_canonical();
            if !aligned || (virt_base..end).contains(&base) {
                return Err(KernelError::BadNote {
                    note: "INIT_P2M",
                    found: format!("{base:#x}"),
                    expected: "a page-aligned canonical address outside the kernel",
                });
            }
            outside_hole(
                "the p2m list (Xen ELF note INIT_P2M)",
                base,
                base.saturating_add(PAGE_SIZE),
            )?;
        }
        if let Some(low) = notes
            .number(XEN_ELFNOTE_HV_START_LOW)
            .filter(|&low| low > HOLE_START)
        {
            return Err(KernelError::BadNote {
                note: "HV_START_LOW",
                found: format!("{low:#x}"),
                expected: "at most 0xffff800000000000, where the hypervisor's hole begins",
            });
        }

        let segments = phys
            .into_iter()
            .map(|segment| Segment {
                address: segment.address.wrapping_add(shift),
                ..segment
            })
            .collect();
        Ok(Self {
            entry,
            virt_base,
            paddr_offset,
            start,
            end,
            hypercall_page,
            init_p2m,
            mod_start_pfn: notes
                .number(XEN_ELFNOTE_MOD_START_PFN)
                .is_some_and(|flag| flag != 0),
            suspend_cancel: notes
                .number(XEN_ELFNOTE_SUSPEND_CANCEL)
                .is_some_and(|flag| flag != 0),
            features,
            segments,
            notes,
        })
    }

    /// The Xen notes of a file whether or not it can be started: for reports.
    ///
    /// # Errors
    /// The file is no ELF64 for x86-64, or has no readable Xen notes.
    pub fn notes_of(file: &'a [u8]) -> Result<Notes<'a>, KernelError> {
        find_notes(&header(file)?, file)
    }
}

type Elf<'a> = ElfBytes<'a, LittleEndian>;

/// The ELF header: magic, class, byte order, machine and type, in this order.
fn header(file: &[u8]) -> Result<Elf<'_>, KernelError> {
    if file.is_empty() {
        return Err(KernelError::Empty);
    }
    if !file.starts_with(&ELFMAGIC) {
        return Err(KernelError::NotElf(FileKind::of(file)));
    }
    let have = file.len() as u64;
    let &[class, order] =
        file.get(4..6)
            .and_then(|b| b.first_chunk())
            .ok_or(KernelError::Truncated {
                what: "the ELF header",
                needed: 64,
                have,
            })?;
    let wrong = |field, found: u64, expected| KernelError::WrongHeader {
        field,
        found,
        expected,
    };
    match class {
        ELFCLASS64 => {}
        ELFCLASS32 => return Err(KernelError::Not64Bit),
        other => return Err(wrong("class", other.into(), "2 (64-bit)")),
    }
    if order != ELFDATA2LSB {
        return Err(wrong("byte order", order.into(), "1 (little-endian)"));
    }
    // Before the tables: a kernel for another machine is that first, truncated second.
    let half = |at: usize| {
        file.get(at..at + 2)
            .and_then(|b| b.first_chunk())
            .map(|&b| u16::from_le_bytes(b))
    };
    if let (Some(kind), Some(machine)) = (half(16), half(18)) {
        if machine != EM_X86_64 {
            return Err(wrong("machine", machine.into(), "0x3e (x86-64)"));
        }
        if kind != ET_EXEC && kind != ET_DYN {
            return Err(wrong(
                "type",
                kind.into(),
                "2 (executable) or 3 (static PIE)",
            ));
        }
    }
    Elf::minimal_parse(file).map_err(|error| match error {
        ParseError::SliceReadError((_, end)) if end as u64 > have => {
            let what = if have < 64 {
                "the ELF header"
            } else {
                "a table of headers"
            };
            KernelError::Truncated {
                what,
                needed: (end as u64).max(64),
                have,
            }
        }
        ParseError::BadEntsize(_) => KernelError::Damaged("a header's entries have a wrong size"),
        ParseError::UnsupportedVersion(_) => KernelError::Damaged("an ELF version other than 1"),
        _ => KernelError::Damaged("its ELF headers contradict themselves"),
    })
}

/// The loadable segments, still at physical addresses, with the lowest and one past the highest.
fn load_segments<'a>(
    elf: &Elf<'a>,
    file: &'a [u8],
) -> Result<(u64, u64, Vec<Segment<'a>>), KernelError> {
    let (mut lowest, mut highest) = (u64::MAX, 0);
    let mut list = Vec::new();
    for header in elf.segments().iter().flat_map(|table| table.iter()) {
        if header.p_type != PT_LOAD
            || header.p_flags & (PF_R | PF_W | PF_X) == 0
            || header.p_memsz == 0
        {
            continue;
        }
        if header.p_filesz > header.p_memsz {
            return Err(KernelError::Damaged(
                "a segment is larger in the file than in memory",
            ));
        }
        let bytes = slice(file, header.p_offset, header.p_filesz, "a segment")?;
        let end = header
            .p_paddr
            .checked_add(header.p_memsz)
            .ok_or(KernelError::Damaged("a segment's addresses wrap around"))?;
        lowest = lowest.min(header.p_paddr);
        highest = highest.max(end);
        list.push(Segment {
            address: header.p_paddr,
            bytes,
            mem_bytes: header.p_memsz,
        });
    }
    if list.is_empty() {
        return Err(KernelError::NoSegments);
    }
    Ok((lowest, highest, list))
}

/// Xen's order: note segments, then note sections, then `__xen_guest`.
fn find_notes<'a>(elf: &Elf<'a>, file: &'a [u8]) -> Result<Notes<'a>, KernelError> {
    let mut others = String::new();
    let mut all = Notes {
        source: NoteSource::Segment,
        list: Vec::new(),
    };
    for header in elf.segments().iter().flat_map(|table| table.iter()) {
        if header.p_type == PT_NOTE {
            let data = slice(file, header.p_offset, header.p_filesz, "a note segment")?;
            all.list
                .extend(Notes::read(data, all.source, &mut others)?.list);
        }
    }
    if !all.list.is_empty() {
        return Ok(all);
    }
    all.source = NoteSource::Section;
    for header in elf.section_headers().iter().flat_map(|table| table.iter()) {
        if header.sh_type == SHT_NOTE {
            let data = slice(file, header.sh_offset, header.sh_size, "a note section")?;
            all.list
                .extend(Notes::read(data, all.source, &mut others)?.list);
        }
    }
    if !all.list.is_empty() {
        return Ok(all);
    }
    // Without readable section names there is no such section.
    if let Ok(Some(header)) = elf.section_header_by_name("__xen_guest")
        && header.sh_type != SHT_NOBITS
    {
        let data = slice(
            file,
            header.sh_offset,
            header.sh_size,
            "the section __xen_guest",
        )?;
        return Notes::read_text(data);
    }
    Err(KernelError::NoXenNotes { others })
}

fn check_version(notes: &Notes<'_>) -> Result<(), KernelError> {
    const EXPECTED: &str = "\"xen-3.0\"";
    match notes.text(XEN_ELFNOTE_XEN_VERSION) {
        // Xen compares the first seven letters: old kernels name their machine behind them.
        Some(version) if version.starts_with(XEN_VERSION_3_0) => {}
        Some(version) => {
            return Err(KernelError::BadNote {
                note: "XEN_VERSION",
                found: format!("\"{version}\""),
                expected: EXPECTED,
            });
        }
        None if notes.has(XEN_ELFNOTE_PHYS32_ENTRY) && !notes.has(XEN_ELFNOTE_ENTRY) => {
            return Err(KernelError::PvhOnly);
        }
        None => {
            return Err(KernelError::MissingNote {
                note: "XEN_VERSION",
                expected: EXPECTED,
            });
        }
    }
    let linux = notes
        .text(XEN_ELFNOTE_GUEST_OS)
        .is_some_and(|os| os.starts_with("linux"));
    match notes.text(XEN_ELFNOTE_LOADER) {
        Some(loader) if loader.starts_with("generic") => Ok(()),
        _ if linux => Ok(()),
        Some(loader) => Err(KernelError::BadNote {
            note: "LOADER",
            found: format!("\"{loader}\""),
            expected: "\"generic\"",
        }),
        None => Err(KernelError::MissingNote {
            note: "LOADER",
            expected: "\"generic\"",
        }),
    }
}

fn check_features(notes: &Notes<'_>, role: Role) -> Result<Features, KernelError> {
    let mut features = match notes.text(XEN_ELFNOTE_FEATURES) {
        Some(text) => {
            Features::parse(text).map_err(|name| KernelError::UnknownFeature(String::from(name)))?
        }
        None => Features::default(),
    };
    let mask = notes.number(XEN_ELFNOTE_SUPPORTED_FEATURES);
    // Bits above 31 belong to submaps that do not exist.
    features.supported |= mask.unwrap_or(0) as u32;
    if let Some(bit) = features.first_unmet() {
        return Err(KernelError::FeatureNotOffered(bit));
    }
    // Kernels from before this note say nothing and may be domain 0.
    if role == Role::Dom0 && mask.is_some() && features.supported & (1 << XENFEAT_DOM0) == 0 {
        return Err(KernelError::NotForDom0);
    }
    Ok(features)
}

/// VIRT_BASE and PADDR_OFFSET, with Xen's defaults.
fn bases(notes: &Notes<'_>) -> Result<(u64, u64), KernelError> {
    let base = notes.number(XEN_ELFNOTE_VIRT_BASE);
    let offset = notes.number(XEN_ELFNOTE_PADDR_OFFSET);
    if base.is_none() && offset.is_some() {
        return Err(KernelError::MissingNote {
            note: "VIRT_BASE",
            expected: "the address of guest frame 0, since PADDR_OFFSET is given",
        });
    }
    let base = base.unwrap_or(0);
    if !base.is_multiple_of(PAGE_SIZE) {
        return Err(KernelError::BadNote {
            note: "VIRT_BASE",
            found: format!("{base:#x}"),
            expected: "a page-aligned address",
        });
    }
    // The old text means physical addresses that contain the base.
    let default = if notes.source == NoteSource::GuestText {
        base
    } else {
        0
    };
    Ok((base, offset.unwrap_or(default)))
}

/// Whether `start..end` is canonical and touches nothing of the hypervisor's.
fn outside_hole(what: &'static str, start: u64, end: u64) -> Result<(), KernelError> {
    const LOW_END: u64 = 0x8000_0000_0000;
    if end <= LOW_END || start >= HOLE_END {
        return Ok(());
    }
    let (from, to) = if start < LOW_END {
        (0, LOW_END)
    } else {
        (HOLE_END, u64::MAX)
    };
    let address = if (from..to).contains(&start) {
        end
    } else {
        start
    };
    Err(KernelError::BadAddress {
        what,
        address,
        from,
        to,
    })
}

fn slice<'a>(
    file: &'a [u8],
    offset: u64,
    bytes: u64,
    what: &'static str,
) -> Result<&'a [u8], KernelError> {
    let end = offset
        .checked_add(bytes)
        .ok_or(KernelError::Damaged("an offset wraps around"))?;
    let range = usize::try_from(offset).ok().zip(usize::try_from(end).ok());
    range
        .and_then(|(from, to)| file.get(from..to))
        .ok_or(KernelError::Truncated {
            what,
            needed: end,
            have: file.len() as u64,
        })
}
