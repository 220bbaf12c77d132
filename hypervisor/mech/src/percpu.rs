//! What each pCPU knows of itself, and what the others may know of it.
//!
//! [`PerCpu`] lies at one linear address on every pCPU ([`layout::PRIVATE_DATA`],
//! other frames behind it), so it needs no segment register: GS stays the guest's.
//! [`Shared`] is one array that all pCPUs see: it answers "has that pCPU left its
//! guest since?", on which TLB shootdown rests ([`crate::tlb`]).

use crate::entry::windows::Windows;
use crate::{layout, tlb};
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst, fence};
use xenolith_rules::types::{CpuId, Mfn};

/// pCPUs that the hypervisor can use.
pub const MAX_CPUS: usize = 64;

/// One pCPU's own data. Entry code knows the first field.
#[repr(C)]
pub struct PerCpu {
    /// Stack pointer to return to when the guest exits.
    run_rsp: Cell<u64>,
    id: Cell<u32>,
    hv_root: Cell<u64>,
    guest_root: Cell<u64>,
    noted: [Cell<u64>; 4],
    /// Bits of DR6 from a guest's breakpoint that fell due in ring 0; 0 none.
    noted_debug: Cell<u64>,
    /// What the descriptor windows show.
    pub(crate) windows: Windows,
    /// Lock levels held, one bit each ([`crate::sync`]).
    pub(crate) locks_held: Cell<u32>,
}

const _: () = assert!(core::mem::offset_of!(PerCpu, run_rsp) == 0);

/// What other pCPUs may look at.
pub struct Shared {
    /// Odd while the pCPU is in a guest; grows by one at each entry and each exit.
    turn: AtomicU64,
    /// The guest root table (L4 frame number) whose copy this pCPU holds; 0 none.
    pub(crate) loaded_l4: AtomicU64,
    /// The copy is out of date.
    pub(crate) root_stale: AtomicBool,
    /// The LDT window shows what it must not.
    pub(crate) ldt_stale: AtomicBool,
    /// Reading of the flush clock at the last entry to a guest.
    entered_at: AtomicU64,
}

static SHARED: [Shared; MAX_CPUS] = [const {
    Shared {
        turn: AtomicU64::new(0),
        loaded_l4: AtomicU64::new(0),
        root_stale: AtomicBool::new(false),
        ldt_stale: AtomicBool::new(false),
        entered_at: AtomicU64::new(0),
    }
}; MAX_CPUS];

/// Set when the first pCPU has its private area: before, nothing may call [`this`].
static READY: AtomicBool = AtomicBool::new(false);

/// This pCPU's own data.
///
/// # Panics
/// Before [`init`] has run on the first pCPU.
pub fn this() -> &'static PerCpu {
    assert!(READY.load(SeqCst), "per-CPU data used before it is there");
    // SAFETY: READY says that roots map the private area; every root a pCPU
    // loads after that has frames of this pCPU's own there, zeroed at first
    // (all-zero bytes are a valid PerCpu). The frames are never freed. It is not
    // Sync, so no other pCPU is handed this reference.
    unsafe { &*(layout::PRIVATE_DATA as *const PerCpu) }
}

/// As [`this`], or nothing where the private area is not there yet.
pub fn try_this() -> Option<&'static PerCpu> {
    READY.load(SeqCst).then(this)
}

/// What all may know of a pCPU.
pub fn shared(cpu: CpuId) -> &'static Shared {
    &SHARED[cpu.0 as usize]
}

/// What all may know of any pCPU.
pub(crate) fn all() -> &'static [Shared; MAX_CPUS] {
    &SHARED
}

/// Records who this pCPU is. Its own root must be loaded.
pub fn init(id: CpuId, hv_root: Mfn, guest_root: Mfn) {
    READY.store(true, SeqCst);
    let this = this();
    this.id.set(id.0);
    this.hv_root.set(hv_root.0);
    this.guest_root.set(guest_root.0);
}

impl PerCpu {
    /// This pCPU's number.
    pub fn id(&self) -> CpuId {
        CpuId(self.id.get())
    }
    /// The hypervisor's root table on this pCPU.
    pub fn hv_root(&self) -> Mfn {
        Mfn(self.hv_root.get())
    }
    /// The root table on which this pCPU runs guests.
    pub fn guest_root(&self) -> Mfn {
        Mfn(self.guest_root.get())
    }
    /// Remembers bits of DR6.
    pub(crate) fn note_debug(&self, dr6: u64) {
        self.noted_debug.set(self.noted_debug.get() | dr6);
    }
    /// Takes the bits remembered.
    pub(crate) fn take_debug(&self) -> u64 {
        self.noted_debug.take()
    }
    /// Remembers that interrupt `vector` came.
    pub(crate) fn note(&self, vector: u8) {
        let word = &self.noted[usize::from(vector) / 64];
        word.set(word.get() | 1 << (vector % 64));
    }
    /// Whether an interrupt is noted.
    pub(crate) fn has_noted(&self) -> bool {
        self.noted.iter().any(|w| w.get() != 0)
    }
    /// Takes the noted interrupt of the highest vector.
    pub(crate) fn take_noted(&self) -> Option<u8> {
        for (i, word) in self.noted.iter().enumerate().rev() {
            let bits = word.get();
            if bits != 0 {
                let bit = 63 - bits.leading_zeros();
                word.set(bits & !(1 << bit));
                return Some((i * 64) as u8 + bit as u8);
            }
        }
        None
    }
}

/// This pCPU is about to load a guest's root.
pub(crate) fn leave_ring0() {
    let shared = shared(this().id());
    shared.entered_at.store(tlb::now(), SeqCst);
    shared.turn.fetch_add(1, SeqCst);
    // The CR3 load that follows drops what the TLB holds of guests; it must not
    // be seen to happen before `turn` says that we may hold something again.
    fence(SeqCst);
}

/// This pCPU has come back from a guest and dropped that guest's translations.
pub(crate) fn enter_ring0() {
    shared(this().id()).turn.fetch_add(1, SeqCst);
}

impl Shared {
    /// The pCPU's turn count if it is in a guest now.
    pub fn in_guest(&self) -> Option<u64> {
        let turn = self.turn.load(SeqCst);
        (turn % 2 == 1).then_some(turn)
    }
    /// Whether the pCPU, if it is in a guest, entered it after `stamp`.
    pub fn entered_after(&self, stamp: u64) -> bool {
        self.entered_at.load(SeqCst) > stamp
    }
    /// Whether the pCPU has left the guest that it was in at `turn`.
    pub fn has_left(&self, turn: u64) -> bool {
        self.turn.load(SeqCst) != turn
    }
}
