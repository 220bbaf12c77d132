//! Entries of a grant table, shared with the hypervisor.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An entry of a version 1 grant table, shared with the hypervisor (8 bytes).
/// // Write `flags` last, as one 16-bit store; take rights back with compare-and-exchange of the whole first word.
#[doc(alias = "grant_entry_v1")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GrantEntryV1 {
    /// `GTF_*`.
    pub flags: u16,
    /// The domain that gets the right.
    pub domid: u16,
    /// Guest frame (access) or machine frame (transfer).
    pub frame: u32,
}

/// The first word of every entry.
#[doc(alias = "grant_entry_header")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GrantEntryHeader {
    /// `GTF_*`.
    pub flags: u16,
    /// The domain that gets the right.
    pub domid: u16,
}

/// A version 2 entry: a whole page (16 bytes).
#[doc(alias = "grant_entry_v2.full_page")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GrantEntryV2FullPage {
    /// Flags and domain.
    pub hdr: GrantEntryHeader,
    /// Zero.
    pub pad0: u32,
    /// Guest frame.
    pub frame: u64,
}

/// A version 2 entry: a part of a page (16 bytes).
#[doc(alias = "grant_entry_v2.sub_page")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GrantEntryV2SubPage {
    /// Flags and domain.
    pub hdr: GrantEntryHeader,
    /// Offset in bytes.
    pub page_off: u16,
    /// Length in bytes.
    pub length: u16,
    /// Guest frame.
    pub frame: u64,
}

/// A version 2 entry: another domain's grant (12 of 16 bytes).
#[doc(alias = "grant_entry_v2.transitive")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GrantEntryV2Transitive {
    /// Flags and domain.
    pub hdr: GrantEntryHeader,
    /// The other domain.
    pub trans_domid: u16,
    /// Zero.
    pub pad0: u16,
    /// Its grant reference.
    pub gref: u32,
}

/// An entry of a version 2 grant table: one of the forms above (16 bytes).
#[doc(alias = "grant_entry_v2")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct GrantEntryV2 {
    /// The bytes.
    #[doc(alias = "__spacer")]
    pub words: [u64; 2],
}

crate::zeroed_default!(
    GrantEntryV1,
    GrantEntryHeader,
    GrantEntryV2FullPage,
    GrantEntryV2SubPage,
    GrantEntryV2Transitive,
    GrantEntryV2
);
