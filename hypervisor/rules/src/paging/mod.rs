//! Direct paging: what a guest may put into its own page tables.
//!
//! The CPU walks the tables that the guest wrote, with machine frame numbers in them. So every
//! table is checked before it is used ([validated](Tables)), cannot be written by the guest
//! while it is in use, and each change of a live entry passes through here:
//!
//! * an entry is [vetted](Entry) by level, owner and rights;
//! * it takes references to the frame it names ([`frame`](crate::frame)), and drops those of
//!   the entry it replaces;
//! * it is written by compare-and-exchange, because the CPU sets accessed and dirty bits.
//!
//! [`Tables`] is what one domain's page lock protects; each operation is a method of it and works
//! on a [`Machine`]: real memory and TLBs in the hypervisor, a recording model in the tests.
//!
//! # Long work
//!
//! Every operation has a [`Budget`] of entries to look at. [`Progress::Again`] means "not done,
//! nothing decided yet: call again with the same arguments"; what has been reached is kept in the
//! frames themselves. Tables that lose their last use are not taken apart on the spot but put on
//! the domain's list of *debt*; an operation may report its result with debt left. **The caller
//! calls [`Tables::settle`] until it is done before it answers the guest** that all went well: a
//! page that is no table any more must then be mappable. After a refusal it may stay: each operation
//! with a budget begins with settling, so none ever meets a table in between. Any budget above 0
//! makes progress.
//!
//! # Decisions
//!
//! * Root slots 256..271 are the hypervisor's: what a guest has there is neither checked, nor
//!   referenced, nor used; updating one of them in a live root is refused.
//! * Large pages are refused at all levels, also the 1 GiB form.
//! * Linear (self-referencing) page tables are refused. Xen can be built so as well; Linux does
//!   not use them, and without them the levels strictly fall, so that no chain of references is
//!   circular.
//! * A pin that is dropped from the root in use only drops the pin: CR3 holds references of its
//!   own.
//! * A validation that rests half way keeps the frame's type until it is resumed, or the
//!   domain is taken down.

mod base;
mod entry;
mod error;
mod give;
mod granted;
mod hold;
mod machine;
mod pin;
mod plain;
mod promote;
mod settle;
mod update;
mod vet;

#[cfg(test)]
mod tests;

use crate::types::{DomId, Mfn};

pub use entry::{Entry, Level, is_hypervisors_slot};
pub use error::Refusal;
pub use give::Sweep;
pub use granted::{GrantedEntry, L1Slot};
pub use hold::Held;
pub use machine::{Budget, Machine, Progress, Resolved, drop_ref, drop_writable, take_writable};
pub use plain::drop_descriptors;
pub use update::{Exchange, Keep, MmuCommand, PageOwner};

/// How the user bit of a domain's entries is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UserBit {
    /// As the guest gives it: its kernel is kept from its users by the paging unit.
    #[default]
    AsGiven,
    /// As Xen does for 64-bit guests, whose kernels live in ring 3 there: every mapping is
    /// a user mapping; those that the guest meant for its kernel are marked by software bit 52.
    Forced,
}

/// The page tables of one domain: what the domain's page lock protects.
#[derive(Debug)]
pub struct Tables {
    domain: DomId,
    /// The domain's user-bit policy.
    pub user_bit: UserBit,
    /// Whether the domain has device rights, and so may choose cache attributes.
    pub cache_bits: bool,
    /// Head of the list of tables to be taken apart.
    debt: Option<Mfn>,
}

impl Tables {
    /// The state of a domain without any table.
    pub const fn new(domain: DomId, user_bit: UserBit, cache_bits: bool) -> Self {
        Self {
            domain,
            user_bit,
            cache_bits,
            debt: None,
        }
    }

    /// Whose tables these are.
    pub const fn domain(&self) -> DomId {
        self.domain
    }
}
