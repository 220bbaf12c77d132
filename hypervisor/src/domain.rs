//! A domain: its identity, rights and life, and the table of all domains.

use crate::events::Events;
use crate::grants::Grants;
use crate::pages::Pages;
use crate::shared::{LEGACY_VCPUS, VcpuInfo};
use crate::vcpu::{RunState, Vcpu, VcpuState};
use crate::{machine, reaper};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use hashbrown::HashMap;
use pv_guest_abi::memory::E820Entry;
use spin::Once;
use xenolith_mech::console;
use xenolith_mech::sync::{Level, Lock};
use xenolith_rules::guest_console::GuestConsole;
use xenolith_rules::paging::UserBit;
use xenolith_rules::types::{DomId, GuestAddr, Mfn, VcpuId};

bitflags! {
    /// What a domain may do beyond its own affairs. The one place that knows.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Rights: u32 {
        /// Control other domains and the machine.
        const CONTROL = 1;
        /// Map machine memory that is no RAM.
        const IOMEM = 1 << 1;
        /// Read the machine's console, and write to it unlimited.
        const CONSOLE = 1 << 2;
        /// The machine stops with this domain.
        const MACHINE = 1 << 3;
    }
}

/// How a domain is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// What it may do.
    pub rights: Rights,
    /// How the U bit of its page-table entries is treated.
    pub user_bit: UserBit,
    /// Most frames it may own.
    pub max_pages: u64,
}

/// A domain.
pub struct Domain {
    /// Its number.
    pub id: DomId,
    /// What people call it.
    pub name: String,
    /// How it is run.
    pub policy: Policy,
    /// Its shared-info frame, the hypervisor's own.
    pub shared_info: Mfn,
    /// Its frames and page tables.
    pub pages: Pages,
    /// Its event channels.
    pub events: Events,
    /// Its grants, and what it uses of others'.
    pub grants: Grants,
    vcpus: Once<Vec<Arc<Vcpu>>>,
    /// What the guest has switched on by `vm_assist`.
    pub assists: AtomicU64,
    /// Its memory map, as it or a toolstack has set it; empty: none.
    pub memory_map: Lock<Vec<E820Entry>>,
    /// What it writes to the hypervisor's console, if that is not its own.
    pub console: Lock<GuestConsole>,
    /// Frames that have come back since its burial began.
    pub returned: AtomicU64,
    down: AtomicBool,
    dying: AtomicBool,
    shutdown: Lock<Option<Shutdown>>,
}

/// How a domain came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// It asked for it, with one of `SHUTDOWN_*`.
    Asked(u32),
    /// It broke a rule that has no other answer.
    Crashed(CrashReason),
}

/// What a guest did that leaves no way to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashReason {
    /// An exception for which it has no handler.
    NoHandler(u8),
    /// An event was due, and it has no callback for events.
    NoCallback,
    /// A frame could not be written to its kernel stack.
    StackUnusable(GuestAddr),
    /// The frame of an `iret` hypercall could not be read.
    IretFrameUnreadable(GuestAddr),
    /// It returned to user mode without a user root table.
    NoUserRoot,
}

impl fmt::Display for CrashReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHandler(vector) => write!(f, "exception {vector} without a handler for it"),
            Self::NoCallback => f.write_str("event without a callback for it"),
            Self::StackUnusable(at) => write!(f, "kernel stack cannot be written at {at}"),
            Self::IretFrameUnreadable(at) => write!(f, "iret frame cannot be read at {at}"),
            Self::NoUserRoot => f.write_str("iret to user mode without a user root table"),
        }
    }
}

static DOMAINS: Lock<Option<HashMap<DomId, Arc<Domain>>>> = Lock::new(Level::Domains, None);

/// The domain with a number.
pub fn find(id: DomId) -> Option<Arc<Domain>> {
    DOMAINS.lock().as_ref()?.get(&id).cloned()
}

impl Domain {
    /// A domain without vCPUs, and not yet in the table.
    pub fn new(id: DomId, name: String, policy: Policy, shared_info: Mfn) -> Self {
        Self {
            id,
            name,
            policy,
            shared_info,
            pages: Pages::new(id, policy.user_bit, policy.rights.contains(Rights::IOMEM)),
            events: Events::new(id),
            grants: Grants::new(id),
            vcpus: Once::new(),
            assists: AtomicU64::new(0),
            memory_map: Lock::new(Level::Domain, Vec::new()),
            console: Lock::new(Level::Console, GuestConsole::new()),
            returned: AtomicU64::new(0),
            down: AtomicBool::new(false),
            dying: AtomicBool::new(false),
            shutdown: Lock::new(Level::Domain, None),
        }
    }

    /// Enters a domain with its vCPUs into the table.
    pub fn publish(self: &Arc<Self>, vcpus: Vec<Arc<Vcpu>>) {
        self.vcpus.call_once(|| vcpus);
        DOMAINS
            .lock()
            .get_or_insert_default()
            .insert(self.id, self.clone());
    }

    /// Its vCPUs.
    pub fn vcpus(&self) -> &[Arc<Vcpu>] {
        self.vcpus.get().map_or(&[], Vec::as_slice)
    }

    /// A vCPU by its number.
    pub fn vcpu(&self, id: VcpuId) -> Option<&Arc<Vcpu>> {
        self.vcpus().get(id.0 as usize)
    }

    /// Whether it has all of `rights`.
    pub fn may(&self, rights: Rights) -> bool {
        self.policy.rights.contains(rights)
    }

    /// The words that it shares with a vCPU's guest side.
    pub fn vcpu_info(&self, id: VcpuId) -> VcpuInfo {
        match self.vcpu(id).and_then(|vcpu| vcpu.registered_info()) {
            Some(info) => info,
            None if id.0 < LEGACY_VCPUS => VcpuInfo::legacy(self.shared_info, id),
            None => VcpuInfo::nowhere(self.shared_info),
        }
    }

    /// Whether the guest has switched one of `VMASST_TYPE_*` on.
    pub fn is_assisted(&self, kind: u32) -> bool {
        self.assists.load(SeqCst) >> kind & 1 != 0
    }

    /// Whether it runs no more.
    pub fn is_down(&self) -> bool {
        self.down.load(SeqCst)
    }

    /// Whether it is being buried: nothing of it runs again, and its frames come back.
    pub fn is_dying(&self) -> bool {
        self.dying.load(SeqCst)
    }

    /// Begins its burial; whether it had not begun before.
    pub fn begin_dying(&self) -> bool {
        !self.dying.swap(true, SeqCst)
    }

    /// Whether a vCPU is on a pCPU, or may get there.
    pub fn may_run(&self) -> bool {
        self.vcpus()
            .iter()
            .any(|vcpu| vcpu.cpu().is_some() || vcpu.run_state() != RunState::Offline)
    }

    /// Ends the domain by its own wish.
    pub fn shut_down(&self, reason: u32) {
        self.end(Shutdown::Asked(reason));
    }

    /// Ends the domain because of what its guest did.
    pub fn crash(&self, reason: CrashReason, state: &VcpuState) {
        log::error!(target: console::GUEST, "{} crashed: {reason}", self.id);
        machine::log_guest(self, state);
        self.end(Shutdown::Crashed(reason));
    }

    fn end(&self, how: Shutdown) {
        let mut shutdown = self.shutdown.lock();
        if shutdown.is_some() {
            return;
        }
        *shutdown = Some(how);
        drop(shutdown);
        self.down.store(true, SeqCst);
        for vcpu in self.vcpus() {
            vcpu.take_down();
        }
    }

    /// How it ended, if it has.
    pub fn shutdown(&self) -> Option<Shutdown> {
        *self.shutdown.lock()
    }
}

/// Acts on a domain that has just left a pCPU: one with the machine's life in
/// hand takes the machine down with it; any other that has ended is buried.
pub fn reap(domain: &Arc<Domain>) {
    let Some(how) = domain.shutdown() else {
        return;
    };
    if domain.may(Rights::MACHINE) {
        machine::stop_after(domain.id, how);
    }
    if domain.is_down() && !domain.may_run() {
        reaper::bury(domain);
    }
}

/// Takes a domain out of the table.
pub fn forget(id: DomId) {
    // Dropped without the lock.
    let _domain = DOMAINS.lock().as_mut().and_then(|table| table.remove(&id));
}
