//! Names of functions for back traces: the section `.ksyms`, filled in after the link.
//! Its form is that of [`xenolith_rules::symbols`].

use crate::layout;
pub use xenolith_rules::symbols::Symbol;

/// Bytes reserved for names.
pub const SIZE: usize = 512 << 10;

#[repr(align(16))]
struct Blob([u8; SIZE]);

#[used]
#[unsafe(link_section = ".ksyms")]
static BLOB: Blob = Blob([0; SIZE]);

/// The function that an address lies in, if the table knows one.
pub fn find(address: u64) -> Option<Symbol> {
    // The section changes after the compiler has seen it: read it as if for the first time.
    let blob: &'static [u8] = core::hint::black_box(&BLOB.0);
    xenolith_rules::symbols::find(blob, address.checked_sub(layout::IMAGE)?)
}
