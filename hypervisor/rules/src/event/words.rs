//! The 2-level words: what a raised event sets, and what makes a vCPU enter its
//! event handler.
//!
//! ```text
//!   upcall_pending  (byte, vCPU)      is there anything?
//!         pending_sel  (64 bits, vCPU)      which words?
//!               pending & !mask  (64 x 64 bits, domain)      which ports?
//! ```
//! The guest may write all of them at any time. Nothing here believes them beyond
//! what they do to that guest: at worst an event of its own is late or lost.

use crate::types::{Port, VcpuId};
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::SeqCst};

/// Bits in a word.
const BITS: u32 = 64;

/// The event words of one domain, wherever they lie in memory.
pub trait EventWords {
    /// Word `index` (below 64) of `shared_info.evtchn_pending`.
    fn pending(&self, index: usize) -> &AtomicU64;
    /// Word `index` (below 64) of `shared_info.evtchn_mask`.
    fn mask(&self, index: usize) -> &AtomicU64;
    /// A vCPU's `vcpu_info`, or `None` while it has no place for one.
    fn vcpu(&self, vcpu: VcpuId) -> Option<VcpuWords<'_>>;
}

/// The event words of one `vcpu_info`.
#[derive(Clone, Copy, Debug)]
pub struct VcpuWords<'a> {
    /// `evtchn_upcall_pending`.
    pub upcall_pending: &'a AtomicU8,
    /// `evtchn_upcall_mask`.
    pub upcall_mask: &'a AtomicU8,
    /// `evtchn_pending_sel`.
    pub pending_sel: &'a AtomicU64,
}

/// What a raised event led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[must_use = "a vCPU may have to be woken"]
pub struct Raised {
    /// The event was not pending before: wake the vCPUs that poll this port, masked or not.
    pub newly_pending: bool,
    /// The vCPU has something to do now that it had not before: wake it, or make it
    /// leave guest mode if it runs.
    pub kick: Option<VcpuId>,
}

const fn place(port: Port) -> (usize, u64) {
    ((port.0 / BITS) as usize % 64, 1 << (port.0 % BITS))
}

/// Raises an event on a port that notifies `vcpu`.
pub fn raise(words: &impl EventWords, port: Port, vcpu: VcpuId) -> Raised {
    let (index, bit) = place(port);
    if words.pending(index).fetch_or(bit, SeqCst) & bit != 0 {
        return Raised::default();
    }
    let masked = words.mask(index).load(SeqCst) & bit != 0;
    Raised {
        newly_pending: true,
        kick: if masked {
            None
        } else {
            show(words, index, vcpu)
        },
    }
}

/// Clears a port's mask bit, and raises what was held back by it.
pub fn unmask(words: &impl EventWords, port: Port, vcpu: VcpuId) -> Raised {
    let (index, bit) = place(port);
    let was_masked = words.mask(index).fetch_and(!bit, SeqCst) & bit != 0;
    let pending = words.pending(index).load(SeqCst) & bit != 0;
    Raised {
        newly_pending: false,
        kick: if was_masked && pending {
            show(words, index, vcpu)
        } else {
            None
        },
    }
}

/// Forgets a pending event, when its port is closed or moved.
pub fn clear(words: &impl EventWords, port: Port) {
    let (index, bit) = place(port);
    words.pending(index).fetch_and(!bit, SeqCst);
}

/// Whether an event is pending, masked or not (`SCHEDOP_poll`).
pub fn is_pending(words: &impl EventWords, port: Port) -> bool {
    let (index, bit) = place(port);
    words.pending(index).load(SeqCst) & bit != 0
}

/// Sets the word's bit and the vCPU's flag; says whom to kick.
fn show(words: &impl EventWords, index: usize, vcpu: VcpuId) -> Option<VcpuId> {
    let info = words.vcpu(vcpu)?;
    let bit = 1 << index;
    let shown = info.pending_sel.fetch_or(bit, SeqCst) & bit != 0;
    (!shown && info.upcall_pending.swap(1, SeqCst) == 0).then_some(vcpu)
}

impl VcpuWords<'_> {
    /// Whether the vCPU must be entered at its event callback before it goes on.
    pub fn upcall_due(&self) -> bool {
        self.upcall_pending.load(SeqCst) != 0 && self.upcall_mask.load(SeqCst) == 0
    }

    /// Whether anything is pending, masked or not: such a vCPU does not block.
    pub fn is_pending(&self) -> bool {
        self.upcall_pending.load(SeqCst) != 0
    }

    /// Opens the vCPU for events (`SCHEDOP_block` and the `iret` frame's IF).
    pub fn set_mask(&self, masked: u8) {
        self.upcall_mask.store(masked, SeqCst);
    }

    /// Makes a vCPU look at every port, after its `vcpu_info` came to lie elsewhere:
    /// an event may have been shown in the old place.
    pub fn show_all(&self) {
        self.pending_sel.store(u64::MAX, SeqCst);
        self.upcall_pending.store(1, SeqCst);
    }
}

/// Event words in plain arrays: for tests, and for a domain without a shared info page.
#[derive(Debug)]
pub struct OwnWords {
    pending: [AtomicU64; 64],
    mask: [AtomicU64; 64],
    vcpus: alloc::vec::Vec<(AtomicU8, AtomicU8, AtomicU64)>,
}

impl OwnWords {
    /// Words for so many vCPUs, all clear.
    pub fn new(vcpus: u32) -> Self {
        Self {
            pending: [const { AtomicU64::new(0) }; 64],
            mask: [const { AtomicU64::new(0) }; 64],
            vcpus: (0..vcpus).map(|_| Default::default()).collect(),
        }
    }
}

impl EventWords for OwnWords {
    fn pending(&self, index: usize) -> &AtomicU64 {
        &self.pending[index]
    }

    fn mask(&self, index: usize) -> &AtomicU64 {
        &self.mask[index]
    }

    fn vcpu(&self, vcpu: VcpuId) -> Option<VcpuWords<'_>> {
        let (upcall_pending, upcall_mask, pending_sel) = self.vcpus.get(vcpu.0 as usize)?;
        Some(VcpuWords {
            upcall_pending,
            upcall_mask,
            pending_sel,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: Port = Port(70);
    const V0: VcpuId = VcpuId(0);
    const V1: VcpuId = VcpuId(1);

    #[test]
    fn a_raised_event_is_shown_on_all_levels_once() {
        let words = OwnWords::new(2);
        let raised = raise(&words, PORT, V1);
        assert_eq!(
            raised,
            Raised {
                newly_pending: true,
                kick: Some(V1)
            }
        );
        assert_eq!(words.pending(1).load(SeqCst), 1 << 6);
        let info = words.vcpu(V1).unwrap();
        assert_eq!(info.pending_sel.load(SeqCst), 2);
        assert!(info.upcall_due());
        assert!(!words.vcpu(V0).unwrap().is_pending());
        assert_eq!(raise(&words, PORT, V1), Raised::default());
        // Another port of the same vCPU: pending is new, the kick is not.
        assert_eq!(
            raise(&words, Port(71), V1),
            Raised {
                newly_pending: true,
                kick: None
            }
        );
        assert_eq!(raise(&words, Port(200), V1).kick, None);
        assert_eq!(info.pending_sel.load(SeqCst), 0b1010);
    }

    #[test]
    fn a_masked_event_stays_pending_until_unmasked() {
        let words = OwnWords::new(1);
        words.mask(1).store(1 << 6, SeqCst);
        assert_eq!(
            raise(&words, PORT, V0),
            Raised {
                newly_pending: true,
                kick: None
            }
        );
        assert!(is_pending(&words, PORT));
        assert!(!words.vcpu(V0).unwrap().is_pending());
        assert_eq!(unmask(&words, PORT, V0).kick, Some(V0));
        assert_eq!(unmask(&words, PORT, V0).kick, None);
        assert_eq!(words.mask(1).load(SeqCst), 0);
    }

    #[test]
    fn a_vcpu_without_its_words_keeps_events_pending() {
        let words = OwnWords::new(1);
        assert_eq!(
            raise(&words, PORT, V1),
            Raised {
                newly_pending: true,
                kick: None
            }
        );
        assert!(is_pending(&words, PORT));
        clear(&words, PORT);
        assert!(!is_pending(&words, PORT));
    }

    #[test]
    fn the_upcall_mask_holds_the_upcall_back() {
        let words = OwnWords::new(1);
        let info = words.vcpu(V0).unwrap();
        info.set_mask(1);
        assert_eq!(raise(&words, PORT, V0).kick, Some(V0));
        assert!(info.is_pending() && !info.upcall_due());
        info.set_mask(0);
        assert!(info.upcall_due());
    }

    #[test]
    fn a_moved_vcpu_info_shows_every_port() {
        let words = OwnWords::new(1);
        let info = words.vcpu(V0).unwrap();
        info.show_all();
        assert_eq!(info.pending_sel.load(SeqCst), u64::MAX);
        assert!(info.upcall_due());
    }
}
