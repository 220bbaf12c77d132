//! Event channels.

use super::{Calls, Gate};
use crate::domid::DOMID_SELF;
use crate::errno::Errno;
use crate::event::{
    EVTCHNOP_ALLOC_UNBOUND, EVTCHNOP_BIND_INTERDOMAIN, EVTCHNOP_BIND_IPI, EVTCHNOP_BIND_PIRQ,
    EVTCHNOP_BIND_VCPU, EVTCHNOP_BIND_VIRQ, EVTCHNOP_CLOSE, EVTCHNOP_RESET, EVTCHNOP_SEND,
    EVTCHNOP_STATUS, EVTCHNOP_UNMASK, EvtchnAllocUnbound, EvtchnBindInterdomain, EvtchnBindIpi,
    EvtchnBindPirq, EvtchnBindVcpu, EvtchnBindVirq, EvtchnClose, EvtchnReset, EvtchnSend,
    EvtchnStatus, EvtchnUnmask,
};
use crate::hypercall::Hypercall;

const OP: Hypercall = Hypercall::EventChannelOp;

impl<G: Gate> Calls<G> {
    /// Makes a port of this domain to which `remote` may connect.
    pub fn alloc_unbound(remote: u16) -> Result<u32, Errno> {
        Self::alloc_unbound_for(DOMID_SELF, remote)
    }

    /// Makes a port of `domain` to which `remote` may connect (for a toolstack).
    pub fn alloc_unbound_for(domain: u16, remote: u16) -> Result<u32, Errno> {
        let mut op = EvtchnAllocUnbound {
            dom: domain,
            remote_dom: remote,
            port: 0,
        };
        Self::with(OP, EVTCHNOP_ALLOC_UNBOUND, &mut op)?;
        Ok(op.port)
    }

    /// Connects to an unbound port of another domain; returns the local port.
    pub fn bind_interdomain(remote: u16, remote_port: u32) -> Result<u32, Errno> {
        let mut op = EvtchnBindInterdomain {
            remote_dom: remote,
            remote_port,
            ..Default::default()
        };
        Self::with(OP, EVTCHNOP_BIND_INTERDOMAIN, &mut op)?;
        Ok(op.local_port)
    }

    /// Binds a port to a virtual interrupt (`VIRQ_*`) of a vCPU (0 for a global one).
    pub fn bind_virq(virq: u32, vcpu: u32) -> Result<u32, Errno> {
        let mut op = EvtchnBindVirq {
            virq,
            vcpu,
            port: 0,
        };
        Self::with(OP, EVTCHNOP_BIND_VIRQ, &mut op)?;
        Ok(op.port)
    }

    /// Binds a port to a physical interrupt; `flags` are `BIND_PIRQ__*`.
    pub fn bind_pirq(pirq: u32, flags: u32) -> Result<u32, Errno> {
        let mut op = EvtchnBindPirq {
            pirq,
            flags,
            port: 0,
        };
        Self::with(OP, EVTCHNOP_BIND_PIRQ, &mut op)?;
        Ok(op.port)
    }

    /// Makes a port by which vCPUs of this domain notify `vcpu`.
    pub fn bind_ipi(vcpu: u32) -> Result<u32, Errno> {
        let mut op = EvtchnBindIpi { vcpu, port: 0 };
        Self::with(OP, EVTCHNOP_BIND_IPI, &mut op)?;
        Ok(op.port)
    }

    /// Chooses the vCPU that a port notifies.
    pub fn bind_vcpu(port: u32, vcpu: u32) -> Result<(), Errno> {
        Self::with_in(OP, EVTCHNOP_BIND_VCPU, &EvtchnBindVcpu { port, vcpu }).map(drop)
    }

    /// Notifies the other end of a port.
    pub fn send(port: u32) -> Result<(), Errno> {
        Self::with_in(OP, EVTCHNOP_SEND, &EvtchnSend { port }).map(drop)
    }

    /// Closes a port.
    pub fn close(port: u32) -> Result<(), Errno> {
        Self::with_in(OP, EVTCHNOP_CLOSE, &EvtchnClose { port }).map(drop)
    }

    /// Unmasks a port and delivers it if it is pending.
    pub fn unmask(port: u32) -> Result<(), Errno> {
        Self::with_in(OP, EVTCHNOP_UNMASK, &EvtchnUnmask { port }).map(drop)
    }

    /// The state of a port of `domain` (or `DOMID_SELF`).
    pub fn status(domain: u16, port: u32) -> Result<EvtchnStatus, Errno> {
        let mut op = EvtchnStatus {
            dom: domain,
            port,
            ..Default::default()
        };
        Self::with(OP, EVTCHNOP_STATUS, &mut op)?;
        Ok(op)
    }

    /// Closes all ports of `domain` (or `DOMID_SELF`).
    pub fn reset(domain: u16) -> Result<(), Errno> {
        Self::with_in(OP, EVTCHNOP_RESET, &EvtchnReset { dom: domain }).map(drop)
    }
}
