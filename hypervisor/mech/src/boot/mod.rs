//! From the boot loader to Rust: the image's headers, the early tables, and what the loader told.
//!
//! `boot.s` holds the multiboot 1 and 2 headers and the way from 32-bit protected
//! mode to [`start`] in the high image. [`start`] makes a panic say something
//! (boot IDT, serial line), then calls the kernel's own main function, which
//! [`entry_points!`](crate::entry_points) names. [`Handoff::read`] copies what
//! the loader left in memory before anything can overwrite it.

pub(crate) mod early_traps;
mod link;

use crate::layout;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use xenolith_rules::multiboot::{self, BootError, Physical};

pub use link::Image;
pub use xenolith_rules::multiboot::{BootInfo, Module};

/// What the loader left in registers.
#[derive(Debug)]
pub struct Handoff {
    magic: u32,
    info: u32,
}

/// The first 4 GiB as the early tables map them at the start of the direct map.
struct EarlyMemory;

impl Physical for EarlyMemory {
    fn bytes(&self, range: Range<u64>) -> Option<&[u8]> {
        if range.start >= range.end || range.end > EARLY_LIMIT {
            return None;
        }
        let start = (layout::DIRECT_MAP + range.start) as *const u8;
        let len = (range.end - range.start) as usize;
        // SAFETY: the early tables map the first 4 GiB at DIRECT_MAP, and `Handoff::read`
        // runs on them before any other CPU or device writes there.
        Some(unsafe { core::slice::from_raw_parts(start, len) })
    }
}

/// Bytes of physical memory that the early tables map.
pub const EARLY_LIMIT: u64 = 4 << 30;

impl Handoff {
    /// Copies the command line, memory map, modules and ACPI root pointer to the heap.
    ///
    /// # Errors
    /// Says what the loader did not give that the hypervisor cannot do without.
    pub fn read(self) -> Result<BootInfo, BootError> {
        let mut info = multiboot::parse(&EarlyMemory, self.magic, self.info)?;
        if info.rsdp.is_none() {
            info.rsdp = multiboot::scan_for_rsdp(&EarlyMemory);
        }
        Ok(info)
    }
}

/// Names the functions of the kernel that run on the boot CPU, once the image runs at
/// its final address.
#[macro_export]
macro_rules! entry_points {
    (boot = $boot:path) => {
        #[unsafe(no_mangle)]
        #[allow(unsafe_code)] // the name is unique in the image
        fn xenolith_boot_main(handoff: $crate::boot::Handoff) -> ! {
            let boot: fn($crate::boot::Handoff) -> ! = $boot;
            boot(handoff)
        }
    };
}

unsafe extern "Rust" {
    /// Defined by `entry_points!` in the kernel.
    safe fn xenolith_boot_main(handoff: Handoff) -> !;
}

/// First Rust code of the image, on the boot stack and the early tables.
extern "C" fn start(magic: u32, info: u32) -> ! {
    early_traps::load();
    // SAFETY: called once, before anything allocates.
    unsafe { crate::heap::open_boot_arena() };
    crate::console::start();
    xenolith_boot_main(Handoff { magic, info })
}

/// The lines that a person needs when the loader's gift is not enough.
pub fn describe(info: &BootInfo) -> Vec<String> {
    use alloc::format;
    let mut lines = Vec::new();
    lines.push(format!("command line: {}", info.command_line));
    for region in &info.memory_map {
        lines.push(format!("memory {region}"));
    }
    for (index, module) in info.modules.iter().enumerate() {
        lines.push(format!(
            "module {index}: {:#x}..{:#x} ({} bytes) \"{}\"",
            module.range.start,
            module.range.end,
            module.range.end - module.range.start,
            module.string
        ));
    }
    lines
}

/// Constants of `boot.s`, from the multiboot specifications and the SDM.
mod constants {
    use crate::layout;

    pub const PTE_TABLE: u32 = 0x3; // present, writable
    pub const PTE_LARGE: u32 = 0x83; // present, writable, large
    pub const LARGE_PAGE: u32 = 2 << 20;
    pub const IMAGE_LARGE_PAGES: u32 = 8;
    pub const BOOT_TABLE_PAGES: u32 = 8;
    pub const BOOT_STACK_SIZE: u32 = 0x1_0000;
    pub const fn slot_of(address: u64) -> u32 {
        ((address >> 39) & 511) as u32
    }
    pub const DIRECT_SLOT: u32 = slot_of(layout::DIRECT_MAP);
    pub const IMAGE_SLOT: u32 = slot_of(layout::IMAGE);
    pub const CR4_PAE: u32 = 1 << 5;
    pub const CR0_PG_WP_PE: u32 = 1 << 31 | 1 << 16 | 1;
    pub const MSR_EFER: u32 = 0xc000_0080;
    pub const EFER_LME_NXE: u32 = 1 << 8 | 1 << 11;
    pub const CPUID_EXT_MAX: u32 = 0x8000_0000;
    pub const CPUID_EXT_FEATURES: u32 = 0x8000_0001;
    pub const CPUID_LM_NX: u32 = 1 << 29 | 1 << 20;
    pub const BOOT_CS: u32 = 8;
    pub const BOOT_DS: u32 = 16;
    pub const GDT_CODE64: u64 = 0x00af_9b00_0000_ffff;
    pub const GDT_DATA: u64 = 0x00cf_9300_0000_ffff;
}

pub(crate) use constants::{
    BOOT_CS, BOOT_DS, CR0_PG_WP_PE, CR4_PAE, EFER_LME_NXE, GDT_CODE64, GDT_DATA, MSR_EFER,
};

core::arch::global_asm!(
    include_str!("boot.s"),
    MB1_HEADER_MAGIC = const 0x1bad_b002_u32,
    // Modules on page boundaries, a memory map, and the address fields below.
    MB1_FLAGS = const 1_u32 << 0 | 1 << 1 | 1 << 16,
    MB1_BOOT_MAGIC = const multiboot::MB1_BOOT_MAGIC,
    MB2_HEADER_MAGIC = const 0xe852_50d6_u32,
    MB2_BOOT_MAGIC = const multiboot::MB2_BOOT_MAGIC,
    MB2_OPTIONAL = const 1,
    MB2_TAG_END = const 0,
    MB2_TAG_REQUEST = const 1,
    MB2_TAG_ADDRESS = const 2,
    MB2_TAG_ENTRY = const 3,
    MB2_TAG_MODULE_ALIGN = const 6,
    MB2_INFO_CMDLINE = const multiboot::MB2_INFO_CMDLINE,
    MB2_INFO_MODULE = const multiboot::MB2_INFO_MODULE,
    MB2_INFO_MEMORY_MAP = const multiboot::MB2_INFO_MEMORY_MAP,
    MB2_INFO_RSDP1 = const multiboot::MB2_INFO_RSDP1,
    MB2_INFO_RSDP2 = const multiboot::MB2_INFO_RSDP2,
    PTE_TABLE = const constants::PTE_TABLE,
    PTE_LARGE = const constants::PTE_LARGE,
    LARGE_PAGE = const constants::LARGE_PAGE,
    IMAGE_LOAD = const layout::IMAGE_LOAD,
    IMAGE_LARGE_PAGES = const constants::IMAGE_LARGE_PAGES,
    BOOT_TABLE_PAGES = const constants::BOOT_TABLE_PAGES,
    BOOT_STACK_SIZE = const constants::BOOT_STACK_SIZE,
    DIRECT_SLOT = const constants::DIRECT_SLOT,
    IMAGE_SLOT = const constants::IMAGE_SLOT,
    CR4_PAE = const constants::CR4_PAE,
    CR0_PG_WP_PE = const constants::CR0_PG_WP_PE,
    MSR_EFER = const constants::MSR_EFER,
    EFER_LME_NXE = const constants::EFER_LME_NXE,
    CPUID_EXT_MAX = const constants::CPUID_EXT_MAX,
    CPUID_EXT_FEATURES = const constants::CPUID_EXT_FEATURES,
    CPUID_LM_NX = const constants::CPUID_LM_NX,
    BOOT_CS = const constants::BOOT_CS,
    BOOT_DS = const constants::BOOT_DS,
    GDT_CODE64 = const constants::GDT_CODE64,
    GDT_DATA = const constants::GDT_DATA,
    COM1 = const 0x3f8,
    COM1_LSR = const 0x3f8 + 5,
    LSR_THRE = const 0x20,
    start = sym start,
);
