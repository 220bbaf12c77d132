//! What the rules of paging need to know and do, without saying how.

use super::{Entry, Refusal};
use crate::frame::{Frame, Freed, Got, Put, PutType, Type};
use crate::types::{DomId, Mfn, MfnClaim};

/// What a frame number that a guest named turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// A frame of RAM; whose is not known yet.
    Ram(Mfn),
    /// No RAM: device memory or nothing.
    NotRam,
}

/// The machine beneath the page tables.
///
/// Its methods are called with the page lock of the tables' owner held, and must not take any
/// domain's page lock.
pub trait Machine {
    /// The one place where a guest's frame number becomes a frame. For an entry of a validated
    /// table it gives what it gave when the entry was taken.
    fn resolve(&self, claim: MfnClaim) -> Resolved;
    /// The frame's entry in the frame table.
    fn frame(&self, mfn: Mfn) -> &Frame;
    /// Reads the 8-byte word `index` (0..512) of a frame.
    fn read(&self, frame: Mfn, index: usize) -> u64;
    /// Writes the 8-byte word `index` of a frame, in one piece.
    fn write(&self, frame: Mfn, index: usize, value: u64);
    /// Replaces word `index` if it is still `old`; else gives what it is. One atomic step.
    fn compare_exchange(&self, frame: Mfn, index: usize, old: u64, new: u64) -> Result<(), u64>;
    /// A stamp for a use of a frame that ends now. A CPU that drops all its TLB entries after this
    /// reading need not be disturbed when [`Machine::flush_before_retype`] gets it back later.
    fn flush_clock(&self) -> u64;
    /// Returns when no CPU holds TLB or paging-structure entries that may lead to `frame` or come
    /// out of it and are older than `stamp`: any CPU, for other domains may have mapped the
    /// frame. The frame changes its type.
    fn flush_before_retype(&self, frame: Mfn, stamp: u64);
    /// Slot `slot` of the validated root table `root` has changed (to `entry`). Returns when
    /// every copy of that root is either refreshed or will be before its CPU enters the guest
    /// again. (A CPU in guest mode may use the old entry until the next flush, as with any other
    /// level.)
    fn root_changed(&self, root: Mfn, slot: usize, entry: Entry);
    /// `root` is a root table no more, and its frame may become one with other entries: whoever
    /// keeps a copy of it for later use must not take it for current.
    fn root_gone(&self, root: Mfn);
    /// Whether `domain` may map the frame number, which is not RAM. Must refuse numbers beyond the
    /// CPU's physical address width.
    fn iomem_permitted(&self, domain: DomId, claim: MfnClaim) -> bool;
    /// Vets the 512 descriptors of a frame, and corrects their privilege in place. `false`: a
    /// descriptor that no guest may have.
    fn vet_descriptors(&self, frame: Mfn) -> bool;
    /// A mapping of `frame` has gone, which holds descriptors that are in use; the tables are of
    /// the frame's owner. An LDT is found by its linear address, and that may lead elsewhere now:
    /// the owner's vCPUs forget what they know of theirs, and drop the frames by
    /// [`drop_descriptors`](super::drop_descriptors).
    fn descriptors_unmapped(&self, frame: Mfn);
    /// The last reference has gone: hand the frame, which has been stamped, to the allocator (or,
    /// if it was [shared](Freed::shared), to the hypervisor's heap), and correct the owner's count.
    /// Whoever gets it next finds it scrubbed and flushed. May be another domain's frame than the
    /// one whose page lock is held.
    fn frame_free(&self, frame: Mfn, was: Freed);
}

/// How much work may be done before the next resting point: in table entries, each about one
/// memory read and one atomic step.
#[derive(Debug)]
pub struct Budget(u32);

impl Budget {
    /// A budget of `entries` table entries.
    pub const fn new(entries: u32) -> Self {
        Self(entries)
    }
    /// Whether nothing is left.
    pub const fn is_spent(&self) -> bool {
        self.0 == 0
    }
    /// Takes `entries` away.
    pub const fn spend(&mut self, entries: u32) {
        self.0 = self.0.saturating_sub(entries);
    }
}

/// The outcome of work that may be longer than its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress<T = ()> {
    /// All done.
    Done(T),
    /// Call again with the same arguments.
    Again,
}

/// Drops a general reference; the frame goes back to the allocator if that was the last.
pub fn drop_ref<M: Machine + ?Sized>(m: &M, mfn: Mfn) {
    if let Put::Free(was) = m.frame(mfn).put_ref() {
        m.frame(mfn).set_stamp(m.flush_clock());
        m.frame_free(mfn, was);
    }
}

/// Takes a `Writable` type reference to a frame of which the caller holds a general reference.
/// Needs no page lock. Waits while another CPU changes the frame's type.
pub fn take_writable<M: Machine + ?Sized>(m: &M, mfn: Mfn) -> Result<(), Refusal> {
    take_type(m, mfn, Type::Writable).map(|got| {
        if got == Got::Recheck {
            m.frame(mfn).established();
        }
    })
}

/// Drops what [`take_writable`] took; the general reference stays.
pub fn drop_writable<M: Machine + ?Sized>(m: &M, mfn: Mfn) {
    let put = m.frame(mfn).put_type(m.flush_clock());
    debug_assert_eq!(
        put,
        PutType::Done,
        "a table was dropped as a writable frame"
    );
}

/// Takes a type reference and flushes if the type changed. `Recheck` and `Resumed` are left to the
/// caller to establish; a freshly retyped table is reported as `Recheck`.
pub(super) fn take_type<M: Machine + ?Sized>(m: &M, mfn: Mfn, want: Type) -> Result<Got, Refusal> {
    let frame = m.frame(mfn);
    loop {
        match frame.get_type(want) {
            Ok(Got::Retyped(from)) => {
                if from != Type::None {
                    m.flush_before_retype(mfn, frame.stamp());
                }
                return Ok(Got::Recheck);
            }
            Ok(got) => return Ok(got),
            // A flush on another CPU is short, and needs nothing of this one.
            Err(crate::frame::TypeError::Busy) if want == Type::Writable => core::hint::spin_loop(),
            Err(error) => return Err(error.into()),
        }
    }
}
