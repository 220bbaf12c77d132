//! Structures that Linux programs and their kernel exchange, as they lie in memory.

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::time::SECOND_NS;

/// `struct timespec`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
pub struct TimeSpec {
    pub seconds: i64,
    pub ns: i64,
}

impl TimeSpec {
    pub fn from_ns(ns: u64) -> Self {
        Self {
            seconds: (ns / SECOND_NS) as i64,
            ns: (ns % SECOND_NS) as i64,
        }
    }

    /// Nanoseconds, or `None` for what is no time.
    pub fn to_ns(self) -> Option<u64> {
        let seconds = u64::try_from(self.seconds).ok()?;
        let ns = u64::try_from(self.ns).ok().filter(|ns| *ns < SECOND_NS)?;
        Some(seconds.saturating_mul(SECOND_NS).saturating_add(ns))
    }
}

/// `struct iovec`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
pub struct IoVector {
    pub address: u64,
    pub count: u64,
}

/// `struct pollfd`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
pub struct PollFile {
    pub descriptor: i32,
    pub wanted: u16,
    pub found: u16,
}

/// `struct stat`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
pub struct Stat {
    pub device: u64,
    pub inode: u64,
    pub links: u64,
    pub mode: u32,
    pub user: u32,
    pub group: u32,
    pub _pad: u32,
    pub of_device: u64,
    pub size: i64,
    pub block_size: i64,
    pub blocks: i64,
    pub times: [TimeSpec; 3],
    pub _reserved: [u64; 3],
}

/// `struct statx_timestamp`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
pub struct StatxTime {
    pub seconds: i64,
    pub ns: u32,
    pub _pad: i32,
}

/// `struct statx`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
pub struct Statx {
    pub mask: u32,
    pub block_size: u32,
    pub attributes: u64,
    pub links: u32,
    pub user: u32,
    pub group: u32,
    pub mode: u16,
    pub _pad: u16,
    pub inode: u64,
    pub size: u64,
    pub blocks: u64,
    pub attributes_mask: u64,
    pub times: [StatxTime; 4],
    pub devices: [u32; 4],
    pub _reserved: [u64; 14],
}

/// `struct utsname`.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
pub struct Names {
    pub system: [u8; 65],
    pub node: [u8; 65],
    pub release: [u8; 65],
    pub version: [u8; 65],
    pub machine: [u8; 65],
    pub domain: [u8; 65],
}

// The sizes are the ABI's (x86-64 uapi headers).
const _: () = assert!(size_of::<Stat>() == 144);
const _: () = assert!(size_of::<Statx>() == 256);
const _: () = assert!(size_of::<Names>() == 390);
