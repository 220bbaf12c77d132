//! A PV kernel's file: is it one, will it run here, and where does it want to lie?
//!
//! [`KernelImage::parse`] takes the bytes of an ELF64 file and gives either what
//! the domain builder ([`crate::build`]) needs or an error that names what was
//! found and what to do about it. The bytes are untrusted: nothing is taken from
//! them without a check, and nothing is copied.
//!
//! * [`sniff`]: what a file that is no ELF looks like;
//! * [`notes`]: the Xen notes, from a segment, a section or the old `__xen_guest` text;
//! * [`features`]: what a kernel requires and what is offered;
//! * [`error`]: the refusals.
#![warn(missing_docs)]

pub mod error;
pub mod features;
pub mod image;
pub mod notes;
pub mod sniff;

#[cfg(test)]
pub(crate) mod testfile;
#[cfg(test)]
mod tests;

pub use error::KernelError;
pub use features::Features;
pub use image::{KernelImage, Role, Segment};
pub use notes::{Note, NoteSource, Notes, Value};
pub use sniff::FileKind;
