//! Return addresses by frame pointers, as the build asks for them (`.cargo/config.toml`).

use crate::boot::Image;
use crate::layout;

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
        Self { rbp, left: MAX_FRAMES }
    }

    /// The callers of the function that asks.
    #[inline(always)]
    pub fn here() -> Self {
        let rbp: u64;
        // SAFETY: reads a register.
        unsafe { core::arch::asm!("mov {}, rbp", out(reg) rbp, options(nomem, nostack, preserves_flags)) };
        Self::from(rbp)
    }
}

/// Whether 16 bytes there are readable for certain: on the boot stack, or on this CPU's own.
fn is_on_a_stack(address: u64) -> bool {
    let fits = |start: u64, end: u64| address >= start && address <= end - 16;
    let data = Image::data();
    let ist = |index: u64| {
        let base = layout::PRIVATE_IST + index * layout::PRIVATE_IST_STRIDE;
        fits(base, base + layout::PRIVATE_IST_SIZE)
    };
    address.is_multiple_of(8)
        && (fits(data.start, data.end)
            || crate::mm::has_private_area()
                && (fits(layout::PRIVATE_STACK, layout::PRIVATE_STACK + layout::PRIVATE_STACK_SIZE)
                    || (0..4).any(ist)))
}

impl Iterator for Frames {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.left == 0 || !is_on_a_stack(self.rbp) {
            return None;
        }
        self.left -= 1;
        let frame = self.rbp as *const [u64; 2];
        // SAFETY: checked to lie on a mapped stack; a stale word there is only a wrong line.
        let [next, address] = unsafe { frame.read_volatile() };
        // Frames go up; anything else is the end, or rubbish.
        self.rbp = if next > self.rbp { next } else { 0 };
        (address != 0).then_some(address)
    }
}
