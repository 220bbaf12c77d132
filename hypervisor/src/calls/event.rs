//! `event_channel_op` (`public/event_channel.h`).

use super::{Answer, Call, OK};
use crate::domain::{self, Domain};
use crate::events;
use crate::running::Running;
use alloc::sync::Arc;
use pv_guest_abi::DOMID_SELF;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::event::*;
use xenolith_rules::event::{EventError, PortTable, StatusKind};
use xenolith_rules::types::DomId;

/// One of the sub-operations of the event channel hypercall.
pub fn event_channel_op(running: &mut Running, call: &Call) -> Answer {
    let (space, at) = (running.space(), call.pointer(1));
    let us = running.domain;
    match call.word(0) {
        EVTCHNOP_ALLOC_UNBOUND => {
            let mut op: EvtchnAllocUnbound = space.read(at)?;
            only_self(us, op.dom)?;
            let remote = resolve(us, op.remote_dom);
            op.port = us
                .events
                .with(|table| table.alloc_unbound(remote))
                .map_err(errno)?
                .0;
            space.write(at, &op)?;
        }
        EVTCHNOP_BIND_INTERDOMAIN => {
            let mut op: EvtchnBindInterdomain = space.read(at)?;
            op.local_port = bind_interdomain(us, resolve(us, op.remote_dom), op.remote_port)?;
            space.write(at, &op)?;
        }
        EVTCHNOP_BIND_VIRQ => {
            let mut op: EvtchnBindVirq = space.read(at)?;
            op.port = us
                .events
                .with(|table| table.bind_virq(op.virq, op.vcpu))
                .map_err(errno)?
                .0;
            space.write(at, &op)?;
        }
        EVTCHNOP_BIND_IPI => {
            let mut op: EvtchnBindIpi = space.read(at)?;
            op.port = us
                .events
                .with(|table| table.bind_ipi(op.vcpu))
                .map_err(errno)?
                .0;
            space.write(at, &op)?;
        }
        EVTCHNOP_CLOSE => close(us, space.read::<EvtchnClose>(at)?.port)?,
        EVTCHNOP_SEND => {
            let op: EvtchnSend = space.read(at)?;
            events::send(us, op.port).map_err(errno)?;
        }
        EVTCHNOP_STATUS => {
            let mut op: EvtchnStatus = space.read(at)?;
            status(us, &mut op)?;
            space.write(at, &op)?;
        }
        EVTCHNOP_BIND_VCPU => {
            let op: EvtchnBindVcpu = space.read(at)?;
            us.events
                .with(|table| table.bind_vcpu(op.port, op.vcpu))
                .map_err(errno)?;
        }
        EVTCHNOP_UNMASK => {
            let op: EvtchnUnmask = space.read(at)?;
            let (port, vcpu) = us
                .events
                .with(|table| table.unmask(op.port))
                .map_err(errno)?;
            events::unmask(us, port, vcpu);
        }
        EVTCHNOP_RESET => {
            let op: EvtchnReset = space.read(at)?;
            only_self(us, op.dom)?;
            close_all(us)?;
        }
        _ => return Err(Errno::ENOSYS),
    }
    OK
}

fn errno(error: EventError) -> Errno {
    error.errno()
}

/// The domain that a guest's domid names.
fn resolve(us: &Domain, id: u16) -> DomId {
    if id == DOMID_SELF { us.id } else { DomId(id) }
}

/// Operations on another domain's ports are the toolstack's, which is not there yet.
fn only_self(us: &Domain, id: u16) -> Result<(), Errno> {
    match resolve(us, id) {
        id if id == us.id => Ok(()),
        other => match domain::find(other) {
            Some(_) => Err(Errno::EPERM),
            None => Err(Errno::ESRCH),
        },
    }
}

/// Runs `operation` on our port table and, for another domain, on its table too;
/// the lower domain number's lock is taken first.
fn with_peer<R>(
    us: &Arc<Domain>,
    peer: &Arc<Domain>,
    operation: impl FnOnce(&mut PortTable, Option<&mut PortTable>) -> Result<R, EventError>,
) -> Result<R, EventError> {
    if us.id == peer.id {
        return us.events.with(|table| operation(table, None));
    }
    if us.id < peer.id {
        us.events.with(|ours| {
            peer.events
                .with_second(|theirs| operation(ours, Some(theirs)))
        })
    } else {
        peer.events
            .with(|theirs| us.events.with_second(|ours| operation(ours, Some(theirs))))
    }
}

fn bind_interdomain(us: &Arc<Domain>, remote: DomId, remote_port: u32) -> Result<u32, Errno> {
    let peer = domain::find(remote).ok_or(Errno::ESRCH)?;
    let (port, vcpu) = with_peer(us, &peer, |ours, theirs| {
        let port = ours.bind_interdomain(remote, remote_port, theirs)?;
        ours.unmask(port.0)
    })
    .map_err(errno)?;
    // So that an event sent before the binding is not lost.
    events::raise(us, port, vcpu);
    Ok(port.0)
}

/// Closes a port; a far end becomes unbound.
pub fn close(us: &Arc<Domain>, port: u32) -> Result<(), Errno> {
    loop {
        let peer = us
            .events
            .with(|table| Ok(table.peer_of(port)))
            .map_err(errno)?;
        let peer = peer.and_then(domain::find).unwrap_or_else(|| us.clone());
        // Cleared under the lock, before the port can be handed out again.
        let closed = with_peer(us, &peer, |ours, theirs| {
            let port = ours.close(port, theirs)?;
            events::clear(us, port);
            Ok(())
        });
        match closed {
            Ok(()) => return Ok(()),
            // It was bound elsewhere between the two looks.
            Err(EventError::PeerNeeded(_)) => {}
            Err(error) => return Err(error.errno()),
        }
    }
}

/// Closes every port. One that the guest closes meanwhile on another vCPU is closed too.
fn close_all(us: &Arc<Domain>) -> Result<(), Errno> {
    let mut from = 1;
    while let Some(port) = us
        .events
        .with(|table| Ok(table.next_open(from)))
        .map_err(errno)?
    {
        match close(us, port.0) {
            Ok(()) | Err(Errno::EINVAL) => from = port.0 + 1,
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

fn status(us: &Domain, op: &mut EvtchnStatus) -> Result<(), Errno> {
    only_self(us, op.dom)?;
    let status = us
        .events
        .with(|table| table.status(op.port))
        .map_err(errno)?;
    op.vcpu = status.vcpu;
    op.status = status.kind.number();
    op.u = match status.kind {
        StatusKind::Closed | StatusKind::Ipi => [0; 2],
        StatusKind::Unbound(dom) => [u32::from(dom.0), 0],
        StatusKind::Interdomain(dom, port) => [u32::from(dom.0), port.0],
        StatusKind::Pirq(pirq) => [pirq, 0],
        StatusKind::Virq(virq) => [virq.number(), 0],
    };
    Ok(())
}
