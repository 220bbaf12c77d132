//! Grants: a domain lets another one use a frame of its own, by an entry of its grant table.
//!
//! The *granter* writes the entry (whom, which frame, read-only or not) into pages that it shares
//! with the hypervisor; the *mapper* names granter and entry in a hypercall. Three parties keep
//! books, each under its own lock, and never two at once:
//!
//! * [`Granted`], the granter's: its table's frames, and for each entry in use who uses it, how
//!   often ([`Pins`]), and which frame it was when the use began;
//! * [`Maptrack`], the mapper's: what each handle that it was given stands for;
//! * [`Tables`](crate::paging::Tables), the mapper's page tables, whose entries hold their own
//!   references to the frame, as all entries do.
//!
//! The granter's entry tells by two flags that it is in use; they change together with the pins, by
//! compare-and-exchange with the live entry, because its owner may be writing it (`word`).
//!
//! # What holds the frame
//!
//! While an entry has pins it holds one general reference to its frame, and while it has writing
//! pins one `Writable` type reference. So a frame in use by a grant is never freed and given to
//! someone else, nor turned into a page table while others may write to it, even when the mapper
//! has thrown its page-table entry away without telling. Page-table entries hold references besides.
//!
//! # Version
//!
//! Version 1 of the table only; a guest that asks for version 2 is refused as by a Xen started
//! with `gnttab=max-ver:1`.

mod copy;
mod granted;
mod map;
mod maptrack;
mod pins;
mod status;
mod word;

#[cfg(test)]
mod tests;

pub use copy::{Span, check_spans};
pub use granted::{Granted, Purpose, SharedEntries};
pub use map::{Access, MapFlags, entry_flags};
pub use maptrack::{Handle, Mapping, Maptrack};
pub use pins::Pins;
pub use status::{Status, code};
pub use word::EntryWord;

/// Entries of one frame of the table.
pub const ENTRIES_PER_FRAME: u32 = 512;
/// Most frames of a grant table, unless told otherwise (`gnttab_max_frames`).
pub const DEFAULT_FRAMES: u32 = 64;
/// Most frames of handles, unless told otherwise (`gnttab_max_maptrack_frames`).
pub const DEFAULT_MAPTRACK_FRAMES: u32 = 1024;
/// Handles that count as one frame of them.
pub const HANDLES_PER_FRAME: u32 = 256;

/// The number of an entry in a domain's grant table, as a guest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantRef(pub u32);
