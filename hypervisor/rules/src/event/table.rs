//! One domain's ports.

use super::virq::{self, Virq};
use super::{EventError, MAX_PORTS};
use crate::types::{DomId, Port, VcpuId};
use alloc::vec::Vec;

/// Ports are added so many at a time.
const CHUNK: usize = 64;

/// What a port is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// Nothing; may be handed out.
    #[default]
    Closed,
    /// Waits for the domain to bind to it.
    Unbound {
        /// Who may.
        remote: DomId,
    },
    /// A port of a domain, this one included.
    Interdomain {
        /// Whose.
        remote: DomId,
        /// Which.
        port: Port,
    },
    /// A virtual interrupt.
    Virq(Virq),
    /// An interrupt between vCPUs of this domain.
    Ipi,
    /// A physical interrupt, by the domain's own number for it.
    Pirq(u32),
}

/// A port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Channel {
    /// What it is connected to.
    pub state: State,
    /// Number of the vCPU that is told.
    pub vcpu: u32,
}

/// One domain's ports, and its virtual interrupts' places in them.
#[derive(Debug)]
pub struct PortTable {
    owner: DomId,
    /// Ports that the domain may have, port 0 counted.
    limit: u32,
    /// Grows by chunks; port 0 never leaves [`State::Closed`].
    channels: Vec<Channel>,
    /// No port below is free.
    free_from: u32,
    /// For each vCPU the port of each virtual interrupt, 0 for none.
    virqs: Vec<[u32; virq::COUNT]>,
}

impl PortTable {
    /// The empty table of a domain with so many vCPUs. `max_port` is the highest port it
    /// may use (`createdomain.max_evtchn_port`; anything above the form's limit is cut to it).
    ///
    /// # Errors
    /// [`EventError::NoMemory`].
    pub fn new(owner: DomId, vcpus: u32, max_port: u32) -> Result<Self, EventError> {
        let mut table = Self {
            owner,
            limit: max_port.saturating_add(1).min(MAX_PORTS),
            channels: Vec::new(),
            free_from: 1,
            virqs: Vec::new(),
        };
        table.set_vcpus(vcpus)?;
        Ok(table)
    }

    /// Whose table it is.
    pub const fn owner(&self) -> DomId {
        self.owner
    }

    /// Makes room for vCPUs below `vcpus`. Their number never shrinks.
    ///
    /// # Errors
    /// [`EventError::NoMemory`].
    pub fn set_vcpus(&mut self, vcpus: u32) -> Result<(), EventError> {
        let more = (vcpus as usize).saturating_sub(self.virqs.len());
        self.virqs
            .try_reserve(more)
            .map_err(|_| EventError::NoMemory)?;
        self.virqs.resize(self.virqs.len() + more, [0; virq::COUNT]);
        Ok(())
    }

    /// Takes a guest's vCPU number.
    ///
    /// # Errors
    /// [`EventError::NoSuchVcpu`].
    pub fn vcpu(&self, vcpu: u32) -> Result<VcpuId, EventError> {
        if (vcpu as usize) < self.virqs.len() {
            Ok(VcpuId(vcpu))
        } else {
            Err(EventError::NoSuchVcpu)
        }
    }

    /// Takes a guest's port number.
    ///
    /// # Errors
    /// [`EventError::NoSuchPort`].
    pub fn port(&self, port: u32) -> Result<Port, EventError> {
        if (port as usize) < self.channels.len() {
            Ok(Port(port))
        } else {
            Err(EventError::NoSuchPort)
        }
    }

    /// The channel at a port.
    ///
    /// # Errors
    /// [`EventError::NoSuchPort`].
    pub fn channel(&self, port: u32) -> Result<Channel, EventError> {
        Ok(self.channels[self.port(port)?.0 as usize])
    }

    /// Where a virtual interrupt of a vCPU goes, if it is bound. A global one is vCPU 0's.
    pub fn virq_port(&self, virq: Virq, vcpu: VcpuId) -> Option<(Port, VcpuId)> {
        let holder = if virq.is_global() { 0 } else { vcpu.0 };
        let port = self.virqs.get(holder as usize)?[virq.index()];
        let channel = self.channels.get(port as usize).filter(|_| port != 0)?;
        Some((Port(port), VcpuId(channel.vcpu)))
    }

    /// The lowest open port from `from` on: to close them all when a domain dies or resets.
    pub fn next_open(&self, from: u32) -> Option<Port> {
        let rest = self.channels.get(from as usize..)?;
        let offset = rest
            .iter()
            .position(|channel| channel.state != State::Closed)?;
        Some(Port(from + offset as u32))
    }

    /// How many ports are open.
    pub fn open_ports(&self) -> usize {
        self.channels
            .iter()
            .filter(|channel| channel.state != State::Closed)
            .count()
    }

    pub(super) fn at(&self, port: Port) -> Option<&Channel> {
        self.channels.get(port.0 as usize)
    }

    pub(super) fn at_mut(&mut self, port: Port) -> Option<&mut Channel> {
        self.channels.get_mut(port.0 as usize)
    }

    pub(super) fn virq_slot(&mut self, vcpu: VcpuId, virq: Virq) -> Option<&mut u32> {
        self.virqs
            .get_mut(vcpu.0 as usize)
            .map(|map| &mut map[virq.index()])
    }

    /// The lowest free port. It is handed out by [`PortTable::open`].
    pub(super) fn free_port(&mut self) -> Result<Port, EventError> {
        let start = (self.free_from as usize).min(self.channels.len());
        let found = self.channels[start..]
            .iter()
            .position(|c| c.state == State::Closed);
        let port = found.map_or(self.channels.len().max(1), |offset| start + offset) as u32;
        self.free_from = port;
        if port >= self.limit {
            return Err(EventError::NoFreePort);
        }
        if port as usize >= self.channels.len() {
            let more = CHUNK.min(MAX_PORTS as usize - self.channels.len());
            self.channels
                .try_reserve(more)
                .map_err(|_| EventError::NoMemory)?;
            self.channels
                .resize(self.channels.len() + more, Channel::default());
        }
        Ok(Port(port))
    }

    /// Gives a free port its state.
    pub(super) fn open(&mut self, port: Port, state: State, vcpu: VcpuId) {
        if let Some(channel) = self.at_mut(port) {
            debug_assert!(port.0 != 0 && channel.state == State::Closed);
            *channel = Channel {
                state,
                vcpu: vcpu.0,
            };
        }
    }

    /// Frees a port.
    pub(super) fn shut(&mut self, port: Port) {
        if let Some(channel) = self.at_mut(port) {
            *channel = Channel::default();
            self.free_from = self.free_from.min(port.0);
        }
    }
}
