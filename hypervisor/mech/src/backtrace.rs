//! Return addresses by frame pointers, as the build asks for them (`.cargo/config.toml`).

use crate::boot::Image;
use crate::{layout, mm};

/// Frames that are shown at most.
const MAX_FRAMES: usize = 32;

/// The return addresses above a frame, innermost first.
#[derive(Debug)]
pub struct Frames {
    rbp: u64,
    left: usize,
}

impl Frames {
    /// The callers of the function that has this frame pointer.
    pub fn from(rbp: u64) -> Self {
        Self {
            rbp,
            left: MAX_FRAMES,
        }
    }

    /// The callers of the function that asks.
    #[inline(always)]
    pub fn here() -> Self {
        let rbp: u64;
        // SAFETY: reads a register.
        unsafe {
            core::arch::asm!("mov {}, rbp", out(reg) rbp, options(nomem, nostack, preserves_flags))
        };
        Self::from(rbp)
    }
}

/// Whether a frame's 16 bytes there can be read: they are mapped, in the image's data or
/// in this CPU's own area.
fn is_readable(address: u64) -> bool {
    let own = layout::PRIVATE..layout::slot(258);
    address.is_multiple_of(16)
        && (Image::data().contains(&address) || own.contains(&address))
        && mm::is_mapped(address)
}

impl Iterator for Frames {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.left == 0 || !is_readable(self.rbp) {
            return None;
        }
        self.left -= 1;
        let frame = self.rbp as *const [u64; 2];
        // SAFETY: checked to be mapped, and aligned so that both words are on one page; a stale word there is only a wrong line.
        let [next, address] = unsafe { frame.read_volatile() };
        // Frames go up; anything else is the end, or rubbish.
        self.rbp = if next > self.rbp { next } else { 0 };
        (address != 0).then_some(address)
    }
}
