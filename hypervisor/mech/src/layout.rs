//! Where everything of the hypervisor's lies in linear addresses.
//!
//! Root slots 256..271 are the hypervisor's, as in Xen. While a guest runs only
//! the M2P (slot 256) and the entry area (the first GiB of slot 257) are mapped.
//! The entry area and the private area have the same addresses on every pCPU and
//! other frames behind them, so per-CPU data is reached without a segment register.

/// Bytes covered by one root slot.
pub const SLOT_SIZE: u64 = 1 << 39;

/// First linear address of a root slot of the upper half.
pub const fn slot(index: u64) -> u64 {
    0xffff_0000_0000_0000 | (index << 39)
}

/// First and one-past-last root slots of the hypervisor.
pub const HV_SLOTS: core::ops::Range<usize> = 256..272;

/// M2P: read-only, supervisor, in guests and here alike. Where Xen's guests look for it.
pub const M2P: u64 = slot(256);

/// The entry area: mapped in guests and here, backed per pCPU.
pub const ENTRY: u64 = slot(257);
/// Entry code (the image's `.entry.text`), read-execute, the same frames for all pCPUs.
pub const ENTRY_TEXT: u64 = ENTRY;
/// GDT: 14 frames of the guest's, then one of ours. Read-only.
pub const ENTRY_GDT: u64 = ENTRY + 0x10_0000;
/// LDT window: 16 pages. Read-only.
pub const ENTRY_LDT: u64 = ENTRY + 0x20_0000;
/// IDT: one page. Read-only.
pub const ENTRY_IDT: u64 = ENTRY + 0x30_0000;
/// TSS and I/O bitmap: three pages. Read-only.
pub const ENTRY_TSS: u64 = ENTRY + 0x31_0000;
/// What entry code must know (`entry::area::Info`): one page. Read-only while guests run.
pub const ENTRY_INFO: u64 = ENTRY + 0x32_0000;
/// Entry stack (RSP0): one page, writable, unmapped pages around it.
pub const ENTRY_STACK: u64 = ENTRY + 0x34_0000;
/// IST stacks, one page each, `ENTRY_IST_STRIDE` apart: NMI, #DF, #MC, #DB.
pub const ENTRY_IST: u64 = ENTRY + 0x36_0000;
/// Distance of two IST stacks: one page and an unmapped one.
pub const ENTRY_IST_STRIDE: u64 = 0x2000;

/// Per-pCPU memory that is mapped in the hypervisor's own root only.
pub const PRIVATE: u64 = ENTRY + (1 << 30);
/// The per-CPU structure (`percpu::PerCpu`), up to 16 pages.
pub const PRIVATE_DATA: u64 = PRIVATE;
/// The pCPU's one stack.
pub const PRIVATE_STACK: u64 = PRIVATE + 0x10_0000;
/// Bytes of the pCPU's stack.
pub const PRIVATE_STACK_SIZE: u64 = 0x1_0000;
/// Stacks for NMI, #DF, #MC and ring-0 #DB, `PRIVATE_IST_STRIDE` apart.
pub const PRIVATE_IST: u64 = PRIVATE + 0x20_0000;
/// Bytes of each of those stacks.
pub const PRIVATE_IST_SIZE: u64 = 0x4000;
/// Distance of two of those stacks: the rest is unmapped.
pub const PRIVATE_IST_STRIDE: u64 = 0x1_0000;

/// The hypervisor's own image: text read-execute, the rest as its sections say.
pub const IMAGE: u64 = slot(258);
/// Mappings made at run time: device registers.
pub const DEVICES: u64 = slot(259);
/// The frame table: one `rules::frame::Frame` for each machine frame.
pub const FRAME_TABLE: u64 = slot(260);
/// The direct map of all RAM: slots 262..271, never executable.
pub const DIRECT_MAP: u64 = slot(262);
/// One past the last byte the direct map may cover.
pub const DIRECT_MAP_END: u64 = slot(272);

/// Machine address at which the image is loaded.
pub const IMAGE_LOAD: u64 = 0x20_0000;
