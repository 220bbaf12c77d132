//! Event channels, the two-level form: the interrupts of a PV guest.
//!
//! A port is a bit in two arrays of the shared info page: pending and masked. The
//! hypervisor sets *pending*, a bit in this vCPU's selector for the word it is in, and
//! `evtchn_upcall_pending`; then it enters the kernel at the event callback, unless
//! `evtchn_upcall_mask` is set. That byte is a PV kernel's interrupt flag. This kernel
//! keeps it set while it runs: events come in while a process runs, and in [`wait`].
//!
//! A port notifies one vCPU, and a handler runs on that one. Selector, flag and mask are
//! the vCPU's own ([`crate::vcpus`]).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, Ordering};

use pv_guest_abi::errno::Errno;
use pv_guest_abi::shared::SharedInfo;
use spin::Mutex;

use crate::{Xen, vcpus};

/// What happens when a port is notified.
pub type Handler = fn();

/// A bound port.
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    /// For what, in one word.
    pub name: &'static str,
    /// How often it was notified.
    pub count: u64,
    handler: Handler,
}

static CHANNELS: Mutex<BTreeMap<u32, Channel>> = Mutex::new(BTreeMap::new());
static SHARED: AtomicPtr<SharedInfo> = AtomicPtr::new(core::ptr::null_mut());
/// Times that the hypervisor entered at the event callback.
static UPCALLS: AtomicU64 = AtomicU64::new(0);

/// Remembers where the shared info page is mapped.
///
/// # Safety
/// `shared` is the shared info page, mapped writable for good.
pub unsafe fn init(shared: *mut SharedInfo) {
    SHARED.store(shared, Ordering::Release);
}

/// The shared info page, once it is mapped.
pub fn shared() -> Option<*mut SharedInfo> {
    let shared = SHARED.load(Ordering::Acquire);
    (!shared.is_null()).then_some(shared)
}

/// A word of the shared info page that both sides change at the same time.
fn word(field: impl FnOnce(*mut SharedInfo) -> *mut u64) -> Option<&'static AtomicU64> {
    // SAFETY: the page stays mapped, and all access to these words goes through atomics.
    shared().map(|shared| unsafe { AtomicU64::from_ptr(field(shared)) })
}

/// The flag that tells a vCPU of events, once the vCPU has a place for it.
fn upcall_pending() -> Option<&'static AtomicU8> {
    let info = vcpus::this().info()?;
    // SAFETY: as in `word`.
    Some(unsafe { AtomicU8::from_ptr(&raw mut (*info).evtchn_upcall_pending) })
}

/// The words of the pending ports in which this vCPU has news.
fn selector() -> Option<&'static AtomicU64> {
    let info = vcpus::this().info()?;
    // SAFETY: as in `word`.
    Some(unsafe { AtomicU64::from_ptr(&raw mut (*info).evtchn_pending_sel) })
}

/// This vCPU's event mask.
fn upcall_mask() -> Option<&'static AtomicU8> {
    let info = vcpus::this().info()?;
    // SAFETY: as in `word`.
    Some(unsafe { AtomicU8::from_ptr(&raw mut (*info).evtchn_upcall_mask) })
}

/// Binds a virtual interrupt of this vCPU and lets it in.
pub fn bind_virq(virq: u32, name: &'static str, handler: Handler) -> Result<u32, Errno> {
    let port = Xen::bind_virq(virq, vcpus::this().id)?;
    open(port, name, handler)?;
    Ok(port)
}

/// Binds a port by which this vCPU can be notified, by others and by itself, and lets it in.
pub fn bind_ipi(name: &'static str, handler: Handler) -> Result<u32, Errno> {
    let port = Xen::bind_ipi(vcpus::this().id)?;
    open(port, name, handler)?;
    Ok(port)
}

fn open(port: u32, name: &'static str, handler: Handler) -> Result<(), Errno> {
    CHANNELS.lock().insert(
        port,
        Channel {
            name,
            count: 0,
            handler,
        },
    );
    own_ports(port).fetch_or(1 << (port % 64), Ordering::AcqRel);
    Xen::unmask(port)
}

/// The word with a port's bit among those that notify this vCPU.
fn own_ports(port: u32) -> &'static AtomicU64 {
    &vcpus::this().ports[port as usize / 64 % 64]
}

/// Notifies the other end of a port.
pub fn notify(port: u32) -> Result<(), Errno> {
    Xen::send(port)
}

/// Closes a port of this vCPU's.
pub fn close(port: u32) -> Result<(), Errno> {
    CHANNELS.lock().remove(&port);
    own_ports(port).fetch_and(!(1 << (port % 64)), Ordering::AcqRel);
    Xen::close(port)
}

/// The bound ports.
pub fn channels() -> Vec<(u32, Channel)> {
    CHANNELS
        .lock()
        .iter()
        .map(|(port, channel)| (*port, *channel))
        .collect()
}

/// Times that the hypervisor called us with events.
pub fn upcalls() -> u64 {
    UPCALLS.load(Ordering::Relaxed)
}

/// The event callback: calls the handler of each port that is pending and not masked.
pub fn upcall() {
    UPCALLS.fetch_add(1, Ordering::Relaxed);
    handle();
}

/// Handles what is pending now.
fn handle() {
    let (Some(pending), Some(selector)) = (upcall_pending(), selector()) else {
        return;
    };
    // First the flag, then the selector, then the words: what comes later sets them again.
    while pending.swap(0, Ordering::AcqRel) != 0 {
        for index in bits(selector.swap(0, Ordering::AcqRel)) {
            for bit in bits(take_word(index as usize)) {
                call_handler(index * 64 + bit);
            }
        }
    }
}

/// The ports of a word that are this vCPU's, pending and not masked; they are pending no more.
fn take_word(index: usize) -> u64 {
    // SAFETY: only places of fields are computed; `index` is below 64.
    let pending = word(|shared| unsafe { &raw mut (*shared).evtchn_pending[index] });
    // SAFETY: as above.
    let mask = word(|shared| unsafe { &raw mut (*shared).evtchn_mask[index] });
    let (Some(pending), Some(mask)) = (pending, mask) else {
        return 0;
    };
    let own = vcpus::this().ports[index].load(Ordering::Acquire);
    let ready = pending.load(Ordering::Acquire) & !mask.load(Ordering::Acquire) & own;
    pending.fetch_and(!ready, Ordering::AcqRel);
    ready
}

fn call_handler(port: u32) {
    let handler = CHANNELS.lock().get_mut(&port).map(|channel| {
        channel.count += 1;
        channel.handler
    });
    if let Some(handler) = handler {
        handler();
    }
}

/// The positions of the bits that are set.
fn bits(mut word: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(bit)
    })
}

/// Where the last page fault of this vCPU was: a PV kernel finds it here, not in CR2.
pub fn fault_address() -> u64 {
    // SAFETY: reads a field of a page that is mapped; the hypervisor wrote it before the entry.
    vcpus::this().info().map_or(0, |info| unsafe {
        (&raw const (*info).arch.cr2).read_volatile()
    })
}

/// Gives up the CPU until an event has been handled.
pub fn wait() {
    // `block` lets events in and sleeps, unless one is pending already: none gets lost.
    // The upcall has run when it returns.
    let _ = Xen::block();
    mask();
}

/// Keeps events out, as they are while the kernel runs.
pub fn mask() {
    if let Some(mask) = upcall_mask() {
        mask.store(1, Ordering::Release);
    }
}
