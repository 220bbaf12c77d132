//! The plan: which guest frame holds what, where it is mapped, and how the kernel starts.

use super::tables::{Entry, Table, Tree, Window, count, count_missing, page_of};
use crate::elf::image::{HOLE_END, HOLE_START};
use crate::elf::{KernelImage, Role};
use crate::types::{PAGE_SHIFT, PAGE_SIZE, Pfn};
use alloc::vec::Vec;
use core::fmt;

/// The mapping ends on a boundary of this many bytes.
const MAP_ALIGN: u64 = 4 << 20;
/// At least this many bytes behind the stack are mapped and free.
const SPARE: u64 = 512 << 10;

/// Whether a guest's pages are user pages, see DESIGN "U bit".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserBit {
    /// As the guest says; the initial tables have kernel pages only.
    AsGiven,
    /// On every page, as Xen does: for kernels that share one table with their user code.
    Forced,
}

/// What the domain is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Pages of memory at start.
    pub nr_pages: u64,
    /// Bytes of the initrd; 0 for none.
    pub initrd_bytes: u64,
    /// The policy for the user bit.
    pub user_bit: UserBit,
    /// Which domain it is to be: one that is not domain 0 has pages for the rings of its xenstore
    /// connection and its console.
    pub role: Role,
}

/// What a run of guest frames is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Plain memory below the kernel, mapped.
    LowRam,
    /// The kernel's segments and what lies between them.
    Kernel,
    /// The initrd.
    Initrd,
    /// The list of machine frames by guest frames.
    P2m,
    /// The start info page.
    StartInfo,
    /// The ring to the xenstore.
    Xenstore,
    /// The ring to the console's backend.
    Console,
    /// The page tables of the initial area, the L4 first.
    PageTables,
    /// The first stack.
    Stack,
    /// Plain memory behind the stack, mapped.
    Spare,
    /// The page tables that map the p2m list at INIT_P2M.
    P2mTables,
    /// Plain memory, not mapped.
    Unmapped,
}

/// A run of guest frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// What it is for.
    pub purpose: Purpose,
    /// Its first frame.
    pub first: Pfn,
    /// Its length.
    pub pages: u64,
    /// Where it is mapped, if it is.
    pub address: Option<u64>,
}

impl Region {
    /// One past the last frame.
    pub const fn end(&self) -> Pfn {
        Pfn(self.first.0 + self.pages)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.purpose {
            Purpose::LowRam => "low RAM",
            Purpose::Kernel => "kernel",
            Purpose::Initrd => "initrd",
            Purpose::P2m => "p2m list",
            Purpose::StartInfo => "start info",
            Purpose::Xenstore => "xenstore",
            Purpose::Console => "console",
            Purpose::PageTables => "page tables",
            Purpose::Stack => "stack",
            Purpose::Spare => "spare",
            Purpose::P2mTables => "p2m tables",
            Purpose::Unmapped => "unmapped",
        };
        write!(f, "{name:<12} pfn {:#x}..{:#x}", self.first.0, self.end().0)?;
        match self.address {
            Some(address) => write!(f, " at {address:#018x}"),
            None => write!(f, " not mapped"),
        }
    }
}

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// The domain's memory does not hold what must be in it.
    TooLittleMemory {
        /// Pages that would do.
        needed_pages: u64,
        /// Pages that the domain would get.
        available_pages: u64,
    },
    /// The initial area or the p2m list reaches where it must not.
    NoAddressRoom {
        /// What.
        what: &'static str,
        /// Its first address.
        start: u64,
        /// Its size in bytes.
        bytes: u64,
    },
}

impl PlanError {
    /// The error as a message about `domain`, whose memory is set by `option`.
    pub fn explain(self, domain: impl fmt::Display, option: &'static str) -> impl fmt::Display {
        Explained {
            error: self,
            domain,
            option,
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.explain("domain 0", "dom0_mem=").fmt(f)
    }
}

struct Explained<D> {
    error: PlanError,
    domain: D,
    option: &'static str,
}

impl<D: fmt::Display> fmt::Display for Explained<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            error,
            domain,
            option,
        } = self;
        let mib = |pages: u64| pages.div_ceil((1 << 20) / PAGE_SIZE);
        match *error {
            PlanError::TooLittleMemory {
                needed_pages,
                available_pages,
            } => write!(
                f,
                "too little memory for {domain}: kernel, initrd and tables need {} MiB, there are \
                 {} MiB; raise {option} or the machine's memory, or give a smaller initrd",
                mib(needed_pages),
                // Rounded down, so that the two are never the same number.
                available_pages / ((1 << 20) / PAGE_SIZE)
            ),
            PlanError::NoAddressRoom { what, start, bytes } => write!(
                f,
                "the {what} of {domain} does not fit its addresses: {bytes:#x} bytes from {start:#x} \
                 run into the hypervisor's hole, the end of memory or each other; correct the kernel's \
                 VIRT_BASE or INIT_P2M, or give the domain less memory ({option})"
            ),
        }
    }
}

impl core::error::Error for PlanError {}

/// The first vCPU's registers that are not 0 (segments apart: the flat ones).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitialRegisters {
    /// The kernel's entry.
    pub rip: u64,
    /// One past the stack's last byte.
    pub rsp: u64,
    /// Address of the start info.
    pub rsi: u64,
    /// Interrupts on, and bit 1, which is always set.
    pub rflags: u64,
}

/// A domain's start of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Pages of the domain: its guest frames are 0 up to this.
    pub nr_pages: u64,
    /// Address of guest frame 0.
    pub virt_base: u64,
    /// One past the last mapped address of the initial area.
    pub virt_end: u64,
    /// Every guest frame's purpose, in order, without gaps.
    pub regions: Vec<Region>,
    /// How the first vCPU starts.
    pub registers: InitialRegisters,
    /// Address of the L4.
    pub pt_base: u64,
    /// Frames of page tables in the initial area.
    pub nr_pt_frames: u64,
    /// Address of the p2m list.
    pub p2m_address: u64,
    /// Bytes of the initrd.
    pub initrd_bytes: u64,
    /// The frame to be filled with hypercall stubs.
    pub hypercall_page: Option<Pfn>,
    tree: Tree,
}

impl Plan {
    /// Plans the start of `image`.
    ///
    /// # Errors
    /// Too little memory, or addresses that collide.
    pub fn new(image: &KernelImage<'_>, request: &Request) -> Result<Self, PlanError> {
        let nr_pages = request.nr_pages;
        let plan = Self::unchecked(image, request)?;
        if plan.used_pages() <= nr_pages {
            return Ok(plan);
        }
        // The p2m list grows with the memory, so the pages that would do are found in steps.
        let mut enough = plan.used_pages();
        loop {
            let larger = Self::unchecked(
                image,
                &Request {
                    nr_pages: enough,
                    ..*request
                },
            )?;
            if larger.used_pages() <= enough {
                return Err(PlanError::TooLittleMemory {
                    needed_pages: enough,
                    available_pages: nr_pages,
                });
            }
            enough = larger.used_pages();
        }
    }

    /// The layout, whether or not the memory suffices.
    fn unchecked(image: &KernelImage<'_>, request: &Request) -> Result<Self, PlanError> {
        let base = image.virt_base;
        let nr_pages = request.nr_pages;
        let p2m_pages = pages(nr_pages.saturating_mul(8));
        let initrd_pages = pages(request.initrd_bytes);
        let initrd_mapped = initrd_pages > 0 && !image.mod_start_pfn;

        let mut layout = Layout {
            base,
            next: 0,
            regions: Vec::new(),
        };
        let kernel = (image.start - base) >> PAGE_SHIFT;
        layout.mapped(Purpose::LowRam, kernel);
        layout.mapped(Purpose::Kernel, pages(image.end - base) - kernel);
        if initrd_mapped {
            layout.mapped(Purpose::Initrd, initrd_pages);
        }
        let mut p2m_address = layout.address();
        match image.init_p2m {
            None => layout.mapped(Purpose::P2m, p2m_pages),
            Some(address) => p2m_address = address,
        }
        let start_info = layout.address();
        layout.mapped(Purpose::StartInfo, 1);
        if request.role == Role::DomU {
            layout.mapped(Purpose::Xenstore, 1);
            layout.mapped(Purpose::Console, 1);
        }

        let before = layout.next;
        let too_big = PlanError::NoAddressRoom {
            what: "initial area",
            start: base,
            bytes: before.saturating_mul(PAGE_SIZE),
        };
        let (nr_pt_frames, end) = initial_area(base, before).ok_or(too_big)?;
        let pt_base = layout.address();
        let pt_first = Pfn(layout.next);
        layout.mapped(Purpose::PageTables, nr_pt_frames);
        layout.mapped(Purpose::Stack, 1);
        let stack_top = layout.address();
        layout.mapped(Purpose::Spare, (end - stack_top) >> PAGE_SHIFT);
        if base < HOLE_END && end > HOLE_START || crosses_canonical(base, end) {
            return Err(too_big);
        }
        let main = Window {
            pages: page_of(base)..page_of(end - 1) + 1,
            first: Pfn(0),
        };

        if initrd_pages > 0 && !initrd_mapped {
            layout.unmapped(Purpose::Initrd, initrd_pages, None);
        }
        let mut other = Window {
            pages: 0..0,
            first: Pfn(layout.next),
        };
        if let Some(address) = image.init_p2m {
            let bytes = p2m_pages.saturating_mul(PAGE_SIZE);
            let room = PlanError::NoAddressRoom {
                what: "p2m list (INIT_P2M)",
                start: address,
                bytes,
            };
            let p2m_end = address.checked_add(bytes).ok_or(room)?;
            let hole = address < HOLE_END && p2m_end > HOLE_START;
            let overlap = address < end && p2m_end > base;
            if hole || overlap || crosses_canonical(address, p2m_end) {
                return Err(room);
            }
            other.pages = page_of(address)..page_of(address) + p2m_pages;
            layout.unmapped(Purpose::P2m, p2m_pages, Some(address));
        }
        let other_tables = Pfn(layout.next);
        if !other.pages.is_empty() {
            let tables = count_missing(&main.pages, &other.pages);
            layout.unmapped(Purpose::P2mTables, tables, None);
        }
        layout.unmapped(
            Purpose::Unmapped,
            nr_pages.saturating_sub(layout.next),
            None,
        );

        Ok(Self {
            nr_pages,
            virt_base: base,
            virt_end: end,
            registers: InitialRegisters {
                rip: image.entry,
                rsp: stack_top,
                rsi: start_info,
                rflags: 0x202,
            },
            pt_base,
            nr_pt_frames,
            p2m_address,
            initrd_bytes: request.initrd_bytes,
            hypercall_page: image
                .hypercall_page
                .map(|page| Pfn((page - base) >> PAGE_SHIFT)),
            tree: Tree::new(
                main,
                pt_first,
                other,
                other_tables,
                request.user_bit == UserBit::Forced,
            ),
            regions: layout.regions,
        })
    }

    /// The region of this purpose, if the plan has one.
    pub fn region(&self, purpose: Purpose) -> Option<&Region> {
        self.regions.iter().find(|region| region.purpose == purpose)
    }

    /// The frame of the L4: what CR3 is to name.
    pub fn root(&self) -> Pfn {
        Pfn((self.pt_base - self.virt_base) >> PAGE_SHIFT)
    }

    /// The frame of the start info.
    pub fn start_info(&self) -> Pfn {
        Pfn((self.registers.rsi - self.virt_base) >> PAGE_SHIFT)
    }

    /// First frame and number of frames of the p2m list with its tables; `None`
    /// when the list lies in the initial area.
    pub fn separate_p2m(&self) -> Option<(Pfn, u64)> {
        let list = self.region(Purpose::P2m)?;
        let in_area = list.first.0 < (self.virt_end - self.virt_base) >> PAGE_SHIFT;
        let tables = self
            .region(Purpose::P2mTables)
            .map_or(0, |tables| tables.pages);
        (!in_area).then_some((list.first, list.pages + tables))
    }

    /// Every page table, in order of guest frames: the L4 comes first.
    pub fn tables(&self) -> impl Iterator<Item = Table> + '_ {
        self.tree.tables()
    }

    /// The present entries of one of the plan's tables, by slot; all others are 0.
    pub fn entries(&self, table: Table) -> impl Iterator<Item = Entry> + '_ {
        self.tree.entries(table)
    }

    /// Pages that something lies in: the plan's least memory.
    fn used_pages(&self) -> u64 {
        self.regions
            .iter()
            .filter(|region| region.purpose != Purpose::Unmapped)
            .map(|region| region.end().0)
            .max()
            .unwrap_or(0)
    }
}

struct Layout {
    base: u64,
    next: u64,
    regions: Vec<Region>,
}

impl Layout {
    fn address(&self) -> u64 {
        self.base.wrapping_add(self.next << PAGE_SHIFT)
    }

    fn mapped(&mut self, purpose: Purpose, pages: u64) {
        self.unmapped(purpose, pages, Some(self.address()));
    }

    fn unmapped(&mut self, purpose: Purpose, pages: u64, address: Option<u64>) {
        if pages > 0 {
            self.regions.push(Region {
                purpose,
                first: Pfn(self.next),
                pages,
                address,
            });
            self.next += pages;
        }
    }
}

/// Page-table frames and the end of the mapping for an area that has `before` pages in
/// front of its tables. The tables map themselves, the stack and the spare room,
/// so their number is the least that suffices for the size it makes.
fn initial_area(base: u64, before: u64) -> Option<(u64, u64)> {
    let mut tables = 0;
    loop {
        let bytes = before.checked_add(tables + 1)?.checked_mul(PAGE_SIZE)?;
        let least = base.checked_add(bytes)?.checked_add(SPARE)?;
        let end = least.checked_next_multiple_of(MAP_ALIGN)?;
        let needed = count(&(page_of(base)..page_of(end - 1) + 1));
        if needed <= tables {
            return Some((tables, end));
        }
        tables = needed;
    }
}

fn pages(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_SIZE)
}

/// Whether a run of addresses leaves the CPU's 48 bits.
fn crosses_canonical(start: u64, end: u64) -> bool {
    const LOW_END: u64 = 1 << 47;
    start < LOW_END && end > LOW_END
}
