//! What a mapping is for: the flags of `map_grant_ref`.

use super::Status;
use crate::paging::Entry;
use pv_guest_abi::grant::*;

/// Reading only, or writing too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing.
    Write,
}

/// A mapping's kind, from the low bits of its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapFlags {
    /// By a page-table entry.
    pub host: bool,
    /// For devices: the frame is held, and its address told.
    pub device: bool,
    /// Not for writing.
    pub readonly: bool,
    /// The host address is the machine address of the page-table entry.
    pub contains_pte: bool,
}

impl MapFlags {
    /// Reads `GNTMAP_*`; other bits have no effect here. A mapping for nothing is refused.
    pub const fn parse(flags: u32) -> Result<Self, Status> {
        let parsed = Self {
            host: flags & GNTMAP_HOST_MAP != 0,
            device: flags & GNTMAP_DEVICE_MAP != 0,
            readonly: flags & GNTMAP_READONLY != 0,
            contains_pte: flags & GNTMAP_CONTAINS_PTE != 0,
        };
        if parsed.is_none() {
            return Err(Status::BadRef);
        }
        Ok(parsed)
    }

    /// Whether it is neither for the host nor for devices.
    pub const fn is_none(self) -> bool {
        !self.host && !self.device
    }

    /// What it allows.
    pub const fn access(self) -> Access {
        if self.readonly {
            Access::Read
        } else {
            Access::Write
        }
    }

    /// This mapping for the host only.
    pub const fn host_part(self) -> Self {
        Self {
            device: false,
            ..self
        }
    }

    /// This mapping for devices only.
    pub const fn device_part(self) -> Self {
        Self {
            host: false,
            ..self
        }
    }

    /// What is left when `gone` has been unmapped.
    pub const fn without(self, gone: Self) -> Self {
        Self {
            host: self.host && !gone.host,
            device: self.device && !gone.device,
            ..self
        }
    }
}

/// The page-table entry's bits for a mapping with `flags` (`GNTMAP_*`): never executable, and with
/// ordinary caching, whatever the granter's entry says of it, because the frame is RAM.
pub const fn entry_flags(flags: u32) -> u64 {
    let mut bits = Entry::PRESENT | Entry::CPU_SET | Entry::NO_EXECUTE;
    if flags & GNTMAP_READONLY == 0 {
        bits |= Entry::WRITE;
    }
    if flags & GNTMAP_APPLICATION_MAP != 0 {
        bits |= Entry::USER;
    }
    // Bits 16 to 18 of the flags are the guest's three available bits, 9 to 11.
    bits | ((flags as u64 & GNTMAP_GUEST_AVAIL_MASK as u64) >> 7) & Entry::AVAIL
}
