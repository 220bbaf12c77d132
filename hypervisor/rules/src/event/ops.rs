//! The sub-operations of `event_channel_op`.

use super::{EventError, PortTable, State, Virq};
use crate::types::{DomId, Port, VcpuId};

/// Where an event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Nowhere: the far end is not bound yet. That is no error.
    Nowhere,
    /// To this domain.
    Here {
        /// The port to raise.
        port: Port,
        /// The vCPU it notifies.
        vcpu: VcpuId,
    },
    /// To another domain: ask its table with [`PortTable::accept`].
    There {
        /// Which domain.
        domain: DomId,
        /// Which port there.
        port: Port,
    },
}

/// The answer of `EVTCHNOP_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The vCPU that is told.
    pub vcpu: u32,
    /// What the port is connected to.
    pub kind: StatusKind,
}

/// What a port is connected to, as it is told to guests. [`StatusKind::number`] is the ABI's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusKind {
    /// `EVTCHNSTAT_closed`.
    Closed,
    /// `EVTCHNSTAT_unbound`: who may bind.
    Unbound(DomId),
    /// `EVTCHNSTAT_interdomain`: the far end.
    Interdomain(DomId, Port),
    /// `EVTCHNSTAT_pirq`.
    Pirq(u32),
    /// `EVTCHNSTAT_virq`.
    Virq(Virq),
    /// `EVTCHNSTAT_ipi`.
    Ipi,
}

impl StatusKind {
    /// The number in `evtchn_status.status`.
    pub const fn number(self) -> u32 {
        match self {
            Self::Closed => 0,
            Self::Unbound(_) => 1,
            Self::Interdomain(..) => 2,
            Self::Pirq(_) => 3,
            Self::Virq(_) => 4,
            Self::Ipi => 5,
        }
    }
}

impl PortTable {
    /// `EVTCHNOP_alloc_unbound` in this domain: a port to which `remote` may bind.
    ///
    /// # Errors
    /// [`EventError::NoFreePort`], [`EventError::NoMemory`].
    pub fn alloc_unbound(&mut self, remote: DomId) -> Result<Port, EventError> {
        self.open_free(State::Unbound { remote }, VcpuId(0))
    }

    /// `EVTCHNOP_bind_interdomain`: connects a new port of this domain with the unbound
    /// port of `remote`. `peer` is the table of `remote`, absent if that is this domain.
    /// The new port is to be raised at once: a kick from before may have been lost.
    ///
    /// # Errors
    /// [`EventError::NoSuchPort`] and [`EventError::NotForUs`] of the far port,
    /// [`EventError::NoFreePort`], [`EventError::NoMemory`], [`EventError::PeerNeeded`].
    pub fn bind_interdomain(
        &mut self,
        remote: DomId,
        remote_port: u32,
        peer: Option<&mut PortTable>,
    ) -> Result<Port, EventError> {
        let us = self.owner();
        let peer = matching(us, remote, peer)?;
        let port = self.free_port()?;
        let far = peer.unwrap_or(self);
        let far_port = far.port(remote_port)?;
        let channel = far.at_mut(far_port).ok_or(EventError::NoSuchPort)?;
        if channel.state != (State::Unbound { remote: us }) {
            return Err(EventError::NotForUs);
        }
        channel.state = State::Interdomain { remote: us, port };
        self.open(
            port,
            State::Interdomain {
                remote,
                port: far_port,
            },
            VcpuId(0),
        );
        Ok(port)
    }

    /// `EVTCHNOP_bind_virq`.
    ///
    /// # Errors
    /// In this order: [`EventError::NoSuchVirq`], [`EventError::VirqIsGlobal`],
    /// [`EventError::NoSuchVcpu`], [`EventError::AlreadyBound`], [`EventError::NoFreePort`].
    pub fn bind_virq(&mut self, virq: u32, vcpu: u32) -> Result<Port, EventError> {
        let virq = Virq::from_abi(virq)?;
        if virq.is_global() && vcpu != 0 {
            return Err(EventError::VirqIsGlobal);
        }
        let vcpu = self.vcpu(vcpu)?;
        if self.virq_slot(vcpu, virq).is_some_and(|port| *port != 0) {
            return Err(EventError::AlreadyBound);
        }
        let port = self.open_free(State::Virq(virq), vcpu)?;
        if let Some(slot) = self.virq_slot(vcpu, virq) {
            *slot = port.0;
        }
        Ok(port)
    }

    /// `EVTCHNOP_bind_ipi`.
    ///
    /// # Errors
    /// [`EventError::NoSuchVcpu`], [`EventError::NoFreePort`], [`EventError::NoMemory`].
    pub fn bind_ipi(&mut self, vcpu: u32) -> Result<Port, EventError> {
        let vcpu = self.vcpu(vcpu)?;
        self.open_free(State::Ipi, vcpu)
    }

    /// `EVTCHNOP_bind_pirq`, once the domain's right to the interrupt is clear.
    ///
    /// # Errors
    /// [`EventError::AlreadyBound`], [`EventError::NoFreePort`], [`EventError::NoMemory`].
    pub fn bind_pirq(&mut self, pirq: u32) -> Result<Port, EventError> {
        let mut open = self.next_open(1);
        while let Some(port) = open {
            if self
                .at(port)
                .is_some_and(|channel| channel.state == State::Pirq(pirq))
            {
                return Err(EventError::AlreadyBound);
            }
            open = self.next_open(port.0 + 1);
        }
        self.open_free(State::Pirq(pirq), VcpuId(0))
    }

    /// The domain other than this one at a port's far end: its table is needed to close the port.
    pub fn peer_of(&self, port: u32) -> Option<DomId> {
        match self.channel(port).ok()?.state {
            State::Interdomain { remote, .. } if remote != self.owner() => Some(remote),
            _ => None,
        }
    }

    /// `EVTCHNOP_close`. A far end becomes unbound, waiting for this domain again; it needs
    /// `peer`, see [`PortTable::peer_of`]. Clear the port's pending bit before others can
    /// get the port ([`super::words::clear`]), that is, under the same lock.
    ///
    /// # Errors
    /// [`EventError::NoSuchPort`], [`EventError::WrongState`] (closed already),
    /// [`EventError::PeerNeeded`].
    pub fn close(&mut self, port: u32, peer: Option<&mut PortTable>) -> Result<Port, EventError> {
        let us = self.owner();
        let channel = self.channel(port)?;
        let port = Port(port);
        match channel.state {
            State::Closed => return Err(EventError::WrongState),
            State::Interdomain {
                remote,
                port: far_port,
            } => {
                let peer = matching(us, remote, peer)?;
                let far = peer.unwrap_or(self);
                let ends_here = State::Interdomain { remote: us, port };
                if let Some(end) = far.at_mut(far_port).filter(|end| end.state == ends_here) {
                    end.state = State::Unbound { remote: us };
                }
            }
            State::Virq(virq) => {
                let holder = if virq.is_global() { 0 } else { channel.vcpu };
                if let Some(slot) = self.virq_slot(VcpuId(holder), virq) {
                    *slot = 0;
                }
            }
            State::Unbound { .. } | State::Ipi | State::Pirq(_) => {}
        }
        self.shut(port);
        Ok(port)
    }

    /// `EVTCHNOP_send`.
    ///
    /// # Errors
    /// [`EventError::NoSuchPort`]; [`EventError::WrongState`] of a port that nobody sends on.
    pub fn send(&self, port: u32) -> Result<Delivery, EventError> {
        let channel = self.channel(port)?;
        match channel.state {
            State::Interdomain { remote, port: far } if remote == self.owner() => {
                let end = self.at(far).ok_or(EventError::NoSuchPort)?;
                Ok(Delivery::Here {
                    port: far,
                    vcpu: VcpuId(end.vcpu),
                })
            }
            State::Interdomain { remote, port } => Ok(Delivery::There {
                domain: remote,
                port,
            }),
            State::Ipi => Ok(Delivery::Here {
                port: Port(port),
                vcpu: VcpuId(channel.vcpu),
            }),
            State::Unbound { .. } => Ok(Delivery::Nowhere),
            State::Closed | State::Virq(_) | State::Pirq(_) => Err(EventError::WrongState),
        }
    }

    /// The far side of a send: the vCPU to notify, if `port` is still connected with `from`'s.
    pub fn accept(&self, port: Port, from: DomId, from_port: Port) -> Option<VcpuId> {
        let channel = self.at(port)?;
        let expected = State::Interdomain {
            remote: from,
            port: from_port,
        };
        (channel.state == expected).then_some(VcpuId(channel.vcpu))
    }

    /// `EVTCHNOP_status`.
    ///
    /// # Errors
    /// [`EventError::NoSuchPort`].
    pub fn status(&self, port: u32) -> Result<Status, EventError> {
        let channel = self.channel(port)?;
        let kind = match channel.state {
            State::Closed => StatusKind::Closed,
            State::Unbound { remote } => StatusKind::Unbound(remote),
            State::Interdomain { remote, port } => StatusKind::Interdomain(remote, port),
            State::Pirq(pirq) => StatusKind::Pirq(pirq),
            State::Virq(virq) => StatusKind::Virq(virq),
            State::Ipi => StatusKind::Ipi,
        };
        Ok(Status {
            vcpu: channel.vcpu,
            kind,
        })
    }

    /// `EVTCHNOP_bind_vcpu`: moves a port's notifications. What is bound to one vCPU stays there.
    ///
    /// # Errors
    /// [`EventError::NoSuchVcpu`] before [`EventError::NoSuchPort`], [`EventError::WrongState`].
    pub fn bind_vcpu(&mut self, port: u32, vcpu: u32) -> Result<(), EventError> {
        let vcpu = self.vcpu(vcpu)?;
        let port = self.port(port)?;
        let channel = self.at_mut(port).ok_or(EventError::NoSuchPort)?;
        match channel.state {
            State::Unbound { .. } | State::Interdomain { .. } | State::Pirq(_) => {}
            State::Virq(virq) if virq.is_global() => {}
            State::Closed | State::Virq(_) | State::Ipi => return Err(EventError::WrongState),
        }
        channel.vcpu = vcpu.0;
        Ok(())
    }

    /// `EVTCHNOP_unmask`: the port and the vCPU for [`super::words::unmask`].
    ///
    /// # Errors
    /// [`EventError::NoSuchPort`].
    pub fn unmask(&self, port: u32) -> Result<(Port, VcpuId), EventError> {
        let channel = self.channel(port)?;
        Ok((Port(port), VcpuId(channel.vcpu)))
    }

    fn open_free(&mut self, state: State, vcpu: VcpuId) -> Result<Port, EventError> {
        let port = self.free_port()?;
        self.open(port, state, vcpu);
        Ok(port)
    }
}

/// The table to use for `remote`: the peer if it is that domain's, none if it is our own.
fn matching(
    us: DomId,
    remote: DomId,
    peer: Option<&mut PortTable>,
) -> Result<Option<&mut PortTable>, EventError> {
    if remote == us {
        return Ok(None);
    }
    match peer {
        Some(table) if table.owner() == remote => Ok(Some(table)),
        _ => Err(EventError::PeerNeeded(remote)),
    }
}
