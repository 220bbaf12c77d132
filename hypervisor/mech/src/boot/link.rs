//! What the linker script knows: where each part of the image lies.

use crate::layout;
use core::ops::Range;

unsafe extern "C" {
    static __text_start: u8;
    static __text_end: u8;
    static __entry_text_image: u8;
    static __entry_text_image_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __data_start: u8;
    static __bss_end: u8;
    static boot_stack_guard: u8;
}

/// The parts of the image, as linear addresses in slot 258.
#[derive(Debug)]
pub struct Image;

impl Image {
    /// Code: read-execute.
    pub fn text() -> Range<u64> {
        &raw const __text_start as u64..&raw const __text_end as u64
    }
    /// Entry code as it lies in the image; executed only at `layout::ENTRY_TEXT`.
    pub fn entry_text() -> Range<u64> {
        &raw const __entry_text_image as u64..&raw const __entry_text_image_end as u64
    }
    /// Constants and the symbol table: read-only.
    pub fn rodata() -> Range<u64> {
        &raw const __rodata_start as u64..&raw const __rodata_end as u64
    }
    /// Variables: read-write. The BSS follows the initialised ones.
    pub fn data() -> Range<u64> {
        &raw const __data_start as u64..&raw const __bss_end as u64
    }
    /// The page under the boot stack, which is left unmapped.
    pub fn boot_stack_guard() -> u64 {
        &raw const boot_stack_guard as u64
    }
    /// Everything that was loaded, in machine addresses.
    pub fn machine() -> Range<u64> {
        layout::IMAGE_LOAD..Self::to_machine(Self::data().end)
    }
    /// The part of it that nobody writes, in machine addresses: boot code, text, constants.
    pub fn constant_machine() -> Range<u64> {
        layout::IMAGE_LOAD..Self::to_machine(Self::rodata().end)
    }
    /// The machine address behind an address of the image.
    pub const fn to_machine(address: u64) -> u64 {
        address - layout::IMAGE + layout::IMAGE_LOAD
    }
}
