//! Event channels: who is connected to whom, and what a raised event does to the
//! words that the guest reads.
//!
//! * [`PortTable`] is one domain's ports and their states: bind, close, look up.
//!   It never touches guest memory.
//! * [`words`] is the other half, the 2-level words in the shared info page and
//!   in each vCPU's `vcpu_info`: pure operations on atomics, no lock needed.
//!
//! A send is both in turn: [`PortTable::send`] says where the event goes, under
//! the sender's lock; if that is another domain, its table is asked under its own
//! lock ([`PortTable::accept`]), so that two locks are never held for a send. The
//! answer, a port and a vCPU, goes to [`words::raise`].
//!
//! Binding to and closing of a port with a far end change two tables at once. Those
//! operations take both; lock the table of the lower domain number first. When
//! both ends are in one domain they take one table and no peer.
//!
//! The FIFO form of the words can join behind [`words::raise`]: the port table knows
//! nothing of how an event is shown, except how many ports there can be.

pub mod virq;
pub mod words;

mod ops;
mod table;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

pub use ops::{Delivery, Status, StatusKind};
pub use table::{Channel, PortTable, State};
pub use virq::Virq;
pub use words::{EventWords, Raised};

use pv_guest_abi::errno::Errno;

/// Ports in the 2-level form: 64 words of 64 bits. Port 0 is never used.
pub const MAX_PORTS: u32 = 4096;

/// Why an operation on ports was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventError {
    /// The number is no port that has ever been in use.
    NoSuchPort,
    /// The port is in a state for which this makes no sense.
    WrongState,
    /// The far port is not open to us.
    NotForUs,
    /// The domain has no such vCPU.
    NoSuchVcpu,
    /// No such virtual interrupt.
    NoSuchVirq,
    /// A global virtual interrupt belongs to vCPU 0.
    VirqIsGlobal,
    /// That virtual interrupt (or physical one) is bound already.
    AlreadyBound,
    /// All ports the domain may have are in use.
    NoFreePort,
    /// The hypervisor has no memory for more ports.
    NoMemory,
    /// The far end is in a domain whose table the caller did not bring. It can change
    /// between [`PortTable::peer_of`] and the operation: lock that one too and try again.
    PeerNeeded(crate::types::DomId),
}

impl EventError {
    /// The number that a guest gets.
    pub const fn errno(self) -> Errno {
        match self {
            Self::NoSuchPort
            | Self::WrongState
            | Self::NotForUs
            | Self::NoSuchVirq
            | Self::VirqIsGlobal => Errno::EINVAL,
            Self::NoSuchVcpu => Errno::ENOENT,
            Self::AlreadyBound => Errno::EEXIST,
            Self::NoFreePort => Errno::ENOSPC,
            Self::NoMemory => Errno::ENOMEM,
            // Never reaches a guest: the caller tries again.
            Self::PeerNeeded(_) => Errno::EAGAIN,
        }
    }
}
