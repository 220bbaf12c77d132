//! Linux's device files for a toolstack: ioctl numbers and arguments (`sys/*.h`).
//!
//! Pointers are addresses of the calling process.

pub mod evtchn;
pub mod gntalloc;
pub mod gntdev;
pub mod privcmd;
pub mod xenbus;

/// An ioctl number of Linux without direction: argument size, device letter, number.
#[doc(alias = "_IOC")]
pub const fn ioc(letter: u8, number: u8, size: usize) -> u32 {
    (size as u32) << 16 | (letter as u32) << 8 | number as u32
}
