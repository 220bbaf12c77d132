//! Why a file is not started as a PV kernel, each with what to do about it.

use super::features;
use super::sniff::FileKind;
use alloc::string::String;
use core::fmt;

/// Why a kernel is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelError {
    /// The file has no bytes.
    Empty,
    /// No ELF magic.
    NotElf(FileKind),
    /// An ELF32 file.
    Not64Bit,
    /// ELF's fields have other values than a PV kernel's.
    WrongHeader {
        /// The ELF header's field.
        field: &'static str,
        /// Its value.
        found: u64,
        /// What it should be.
        expected: &'static str,
    },
    /// The file ends before its contents do.
    Truncated {
        /// What is cut off.
        what: &'static str,
        /// Bytes that the file needs to have.
        needed: u64,
        /// Bytes that it has.
        have: u64,
    },
    /// A header contradicts itself.
    Damaged(&'static str),
    /// Nothing to load.
    NoSegments,
    /// No Xen notes and no `__xen_guest` section.
    NoXenNotes {
        /// Names of the notes that are there, with commas; empty if there are none.
        others: String,
    },
    /// A Xen note's contents are not of its type.
    BadNote {
        /// The note.
        note: &'static str,
        /// What was found.
        found: String,
        /// What is expected.
        expected: &'static str,
    },
    /// A Xen note that must be there is missing.
    MissingNote {
        /// The note.
        note: &'static str,
        /// The value it should have.
        expected: &'static str,
    },
    /// The kernel has an entry point for PVH and none of a PV kernel's notes.
    PvhOnly,
    /// A feature that nobody knows is required.
    UnknownFeature(String),
    /// A feature is required that is not offered: its bit number.
    FeatureNotOffered(u32),
    /// The kernel says that it cannot be domain 0.
    NotForDom0,
    /// An address lies where it must not.
    BadAddress {
        /// What the address is of.
        what: &'static str,
        /// The address.
        address: u64,
        /// Where it should lie: first address.
        from: u64,
        /// Where it should lie: one past the last address.
        to: u64,
    },
}

impl KernelError {
    /// A short name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotElf(FileKind::BzImage | FileKind::Packed(_)) => "compressed",
            Self::NotElf(_) => "not-elf",
            Self::Not64Bit => "not-64-bit",
            Self::WrongHeader { .. } => "wrong-header",
            Self::Truncated { .. } => "truncated",
            Self::Damaged(_) => "damaged",
            Self::NoSegments => "no-segments",
            Self::NoXenNotes { .. } => "no-xen-notes",
            Self::BadNote { .. } => "bad-note",
            Self::MissingNote { .. } => "missing-note",
            Self::PvhOnly => "pvh-only",
            Self::UnknownFeature(_) => "unknown-feature",
            Self::FeatureNotOffered(_) => "feature-not-offered",
            Self::NotForDom0 => "not-for-dom0",
            Self::BadAddress { .. } => "bad-address",
        }
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the kernel file is empty: was it written in full?"),
            Self::NotElf(kind) => write!(f, "the kernel file is no ELF but {kind}"),
            Self::Not64Bit => write!(
                f,
                "a 32-bit kernel (ELF32): only 64-bit PV kernels run here, build it for x86-64"
            ),
            Self::WrongHeader {
                field,
                found,
                expected,
            } => write!(
                f,
                "the kernel's ELF header has {field} {found:#x}, expected {expected}: \
                 build it as a static x86-64 executable"
            ),
            Self::Truncated { what, needed, have } => write!(
                f,
                "the kernel file is truncated: {what} needs {needed} bytes, the file has {have}; \
                 copy it again in full"
            ),
            Self::Damaged(what) => {
                write!(
                    f,
                    "the kernel file is damaged: {what}; build or copy it again"
                )
            }
            Self::NoSegments => write!(
                f,
                "the kernel's ELF file has no PT_LOAD segment: it is no linked executable"
            ),
            Self::NoXenNotes { others } => {
                write!(f, "no Xen ELF notes: not a PV kernel; found ")?;
                match others.as_str() {
                    "" => write!(f, "no notes at all")?,
                    names => write!(f, "notes of {names}")?,
                }
                write!(
                    f,
                    ", expected notes named \"Xen\" (XEN_VERSION, ENTRY, VIRT_BASE, LOADER): \
                     for Linux set CONFIG_XEN_PV"
                )
            }
            Self::BadNote {
                note,
                found,
                expected,
            } => write!(
                f,
                "the Xen ELF note {note} is {found}, expected {expected}: correct the kernel's note"
            ),
            Self::MissingNote { note, expected } => write!(
                f,
                "the Xen ELF note {note} is missing, expected {expected}: add it to the kernel"
            ),
            Self::PvhOnly => write!(
                f,
                "a PVH kernel (only the Xen ELF note PHYS32_ENTRY), expected a PV kernel's notes: \
                 for Linux set CONFIG_XEN_PV"
            ),
            Self::UnknownFeature(name) => write!(
                f,
                "the kernel requires the unknown feature \"{name}\" (Xen ELF note FEATURES): \
                 build it without"
            ),
            Self::FeatureNotOffered(bit) => write!(
                f,
                "the kernel requires the feature \"{}\" (Xen ELF note FEATURES), which is not \
                 offered to PV guests: build it without",
                features::name(*bit)
            ),
            Self::NotForDom0 => write!(
                f,
                "the kernel cannot be domain 0 (Xen ELF note SUPPORTED_FEATURES without bit 11, \
                 dom0): for Linux set CONFIG_XEN_DOM0"
            ),
            Self::BadAddress {
                what,
                address,
                from,
                to,
            } => write!(
                f,
                "{what} is at {address:#x}, expected within {from:#x}..{to:#x}: \
                 correct the kernel's notes or its linker script"
            ),
        }
    }
}

impl core::error::Error for KernelError {}
