//! Event channels at work: one domain's port table, the words its guest reads,
//! and what a raised event wakes.

use crate::domain::{self, CrashReason, Domain};
use crate::running::Running;
use crate::shared::VcpuInfo;
use crate::vcpu::Vcpu;
use alloc::sync::Arc;
use core::mem::offset_of;
use core::sync::atomic::AtomicU64;
use pv_guest_abi::shared::SharedInfo;
use pv_guest_abi::virq::{VIRQ_CONSOLE, VIRQ_TIMER};
use xenolith_mech::mm::direct;
use xenolith_mech::sync::{Level, Lock};
use xenolith_rules::event::words::{self, VcpuWords};
use xenolith_rules::event::{Delivery, EventError, EventWords, MAX_PORTS, PortTable, Raised, Virq};
use xenolith_rules::trap;
use xenolith_rules::types::{DomId, Mfn, Port, VcpuId};

/// One domain's ports.
pub struct Events {
    table: Lock<Option<PortTable>>,
    owner: DomId,
}

impl Events {
    /// No ports; [`Events::open`] makes room for them.
    pub const fn new(owner: DomId) -> Self {
        Self {
            table: Lock::new(Level::Events, None),
            owner,
        }
    }

    /// Makes the port table for a domain of so many vCPUs.
    pub fn open(&self, vcpus: u32) -> Result<(), EventError> {
        *self.table.lock() = Some(PortTable::new(self.owner, vcpus, MAX_PORTS - 1)?);
        Ok(())
    }

    /// Uses the port table. A domain that is not built yet has none: no such port.
    pub fn with<R>(
        &self,
        use_table: impl FnOnce(&mut PortTable) -> Result<R, EventError>,
    ) -> Result<R, EventError> {
        use_table(self.table.lock().as_mut().ok_or(EventError::NoSuchPort)?)
    }

    /// Takes the port table away if all ports are closed: none can be opened again.
    pub fn shut(&self) -> bool {
        let mut table = self.table.lock();
        let open = table
            .as_ref()
            .is_some_and(|table| table.next_open(1).is_some());
        if open {
            return false;
        }
        let gone = table.take();
        drop(table);
        drop(gone);
        true
    }

    /// As [`Events::with`], while the table of a domain with a lower number is in use.
    pub fn with_second<R>(
        &self,
        use_table: impl FnOnce(&mut PortTable) -> Result<R, EventError>,
    ) -> Result<R, EventError> {
        let mut table = self.table.lock_at(Level::EventsPeer);
        use_table(table.as_mut().ok_or(EventError::NoSuchPort)?)
    }
}

/// The event words of a domain with 2-level channels.
struct SharedWords<'a>(&'a Domain);

fn shared_word(shared_info: Mfn, field: usize, index: usize) -> &'static AtomicU64 {
    &direct::words(shared_info)[field / 8 + index]
}

impl EventWords for SharedWords<'_> {
    fn pending(&self, index: usize) -> &AtomicU64 {
        shared_word(
            self.0.shared_info,
            offset_of!(SharedInfo, evtchn_pending),
            index,
        )
    }
    fn mask(&self, index: usize) -> &AtomicU64 {
        shared_word(
            self.0.shared_info,
            offset_of!(SharedInfo, evtchn_mask),
            index,
        )
    }
    fn vcpu(&self, vcpu: VcpuId) -> Option<VcpuWords<'_>> {
        Some(vcpu_words(&self.0.vcpu_info(vcpu)))
    }
}

/// The event words of one vCPU.
pub fn vcpu_words(info: &VcpuInfo) -> VcpuWords<'static> {
    VcpuWords {
        upcall_pending: info.upcall_pending_byte(),
        upcall_mask: info.upcall_mask_byte(),
        pending_sel: info.pending_sel(),
    }
}

/// Raises an event on a port of `domain`.
pub fn raise(domain: &Domain, port: Port, vcpu: VcpuId) {
    act(domain, port, words::raise(&SharedWords(domain), port, vcpu));
}

/// Opens a masked port again; a held-back event is raised.
pub fn unmask(domain: &Domain, port: Port, vcpu: VcpuId) {
    act(
        domain,
        port,
        words::unmask(&SharedWords(domain), port, vcpu),
    );
}

/// Forgets an event, for a port that closes.
pub fn clear(domain: &Domain, port: Port) {
    words::clear(&SharedWords(domain), port);
}

/// Whether an event waits on a port.
pub fn is_pending(domain: &Domain, port: Port) -> bool {
    words::is_pending(&SharedWords(domain), port)
}

fn act(domain: &Domain, port: Port, raised: Raised) {
    if raised.newly_pending {
        for vcpu in domain.vcpus() {
            vcpu.wake_poller(port.0);
        }
    }
    if let Some(vcpu) = raised.kick.and_then(|id| domain.vcpu(id)) {
        vcpu.notify();
    }
}

/// Sends on a port of `sender`, to whatever it is connected to.
pub fn send(sender: &Arc<Domain>, port: u32) -> Result<(), EventError> {
    match sender.events.with(|table| table.send(port))? {
        Delivery::Nowhere => {}
        Delivery::Here { port, vcpu } => raise(sender, port, vcpu),
        Delivery::There { domain, port: far } => {
            // The far end may have closed since: then the event is nobody's.
            if let Some(peer) = domain::find(domain) {
                let accepted = peer
                    .events
                    .with(|table| Ok(table.accept(far, sender.id, Port(port))))?;
                if let Some(vcpu) = accepted {
                    raise(&peer, far, vcpu);
                }
            }
        }
    }
    Ok(())
}

/// Raises a virtual interrupt of a vCPU, if the guest has bound it.
fn raise_virq(domain: &Domain, virq: u32, vcpu: VcpuId) {
    let Ok(virq) = Virq::from_abi(virq) else {
        return;
    };
    let bound = domain.events.with(|table| Ok(table.virq_port(virq, vcpu)));
    if let Ok(Some((port, vcpu))) = bound {
        raise(domain, port, vcpu);
    }
}

/// A timer of the vCPU has run out.
pub fn raise_timer(vcpu: &Vcpu) {
    if let Some(domain) = vcpu.domain() {
        raise_virq(&domain, VIRQ_TIMER, vcpu.id);
    }
}

/// The console has input for the domain that reads it.
pub fn raise_console(domain: &Domain) {
    raise_virq(domain, VIRQ_CONSOLE, VcpuId(0));
}

/// Enters the guest's event callback if an upcall is due.
pub fn deliver_upcall(running: &mut Running) {
    if !vcpu_words(&running.info()).upcall_due() {
        return;
    }
    let Some(callback) = running.state.callbacks.event else {
        // As in Xen. A guest that would wait for this event would wait for ever.
        running.domain.crash(CrashReason::NoCallback, running.state);
        return;
    };
    let at = running.interrupted();
    match trap::bounce(&at, &running.entry_state(), callback, None) {
        Ok(bounce) => running.bounce(&bounce),
        Err(trap::StackFault::NotCanonical(at) | trap::StackFault::Hypervisors(at)) => {
            running
                .domain
                .crash(CrashReason::StackUnusable(at), running.state);
        }
    }
}
