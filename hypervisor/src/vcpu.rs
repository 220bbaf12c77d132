//! A virtual CPU: what anyone may know of it ([`Vcpu`]) and what belongs to the
//! pCPU that runs it ([`VcpuState`]).
//!
//! The state is a box that lies in the vCPU's parking slot while it does not run.
//! The pCPU that schedules it takes the box out and puts it back; so no lock is
//! held while a guest runs, and nobody else can look at registers in motion.

use crate::domain::Domain;
use crate::{calls, sched};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};
use xenolith_mech::entry::Regs;
use xenolith_mech::sync::{Level, Lock};
use xenolith_mech::guest::{Bases, FpuState};
use xenolith_rules::trap::{Callbacks, Mode, TrapTable};
use xenolith_rules::types::{CpuId, DomId, Mfn, VcpuId};

/// Whether a vCPU could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RunState {
    /// Runs, or waits for its turn.
    Runnable,
    /// Sleeps until an event comes.
    Blocked,
    /// Not brought up, or taken down, or its domain is shut down.
    Offline,
}

/// Polling no port.
const POLL_NONE: u32 = 0;
/// Polling several ports: any event wakes.
const POLL_ANY: u32 = u32::MAX;

/// What anyone may know of a vCPU.
pub struct Vcpu {
    /// Its number within the domain.
    pub id: VcpuId,
    /// Its domain's number.
    pub domid: DomId,
    domain: Weak<Domain>,
    home: AtomicU32,
    run: AtomicU8,
    parked: Lock<Option<Box<VcpuState>>>,
    polling: AtomicU32,
    /// Its timers.
    pub timers: Timers,
}

/// Absolute system times in ns; 0 is "not set".
#[derive(Default)]
pub struct Timers {
    /// Fires once (`set_timer_op`, `VCPUOP_set_singleshot_timer`).
    pub oneshot: AtomicU64,
    /// Period of the periodic timer.
    pub period: AtomicU64,
    /// The periodic timer's next tick.
    pub next_tick: AtomicU64,
    /// End of a `SCHEDOP_poll`.
    pub poll_end: AtomicU64,
}

/// What belongs to the pCPU that runs the vCPU.
pub struct VcpuState {
    /// Registers of ring 1 or 3.
    pub regs: Regs,
    /// Which of the two: set at each bounce and each `iret`, corrected from the saved
    /// CS at each exception. It decides whether a SYSCALL is a hypercall, and is
    /// therefore no more than the guest kernel's claim about its own code.
    pub mode: Mode,
    /// Segment bases, while it does not run.
    pub bases: Bases,
    /// FPU registers, while it does not run.
    pub fpu: FpuState,
    /// The guest kernel's root table; this vCPU holds a reference to it.
    pub kernel_root: Mfn,
    /// The root table for user code, if the guest has given one; referenced too.
    pub user_root: Option<Mfn>,
    /// User code runs on `user_root` because the kernel's lacks its mappings.
    pub on_user_root: bool,
    /// Stack for entries from user mode (`stack_switch`).
    pub kernel_sp: u64,
    /// The virtual IDT.
    pub traps: TrapTable,
    /// Events, system calls and other entries.
    pub callbacks: Callbacks,
    /// Last page fault's address, as the guest's virtual CR2.
    pub cr2: u64,
    /// Guest-visible CR4.
    pub cr4: u64,
    /// Guest-visible CR0.TS.
    pub task_switched: bool,
    /// A hypercall that has not come to its end.
    pub call: Option<calls::Call>,
}

impl Vcpu {
    /// A vCPU of `domain`, offline, to run on `home`.
    pub fn new(domain: Weak<Domain>, domid: DomId, id: VcpuId, home: CpuId) -> Self {
        Self {
            id,
            domid,
            domain,
            home: AtomicU32::new(home.0),
            run: AtomicU8::new(RunState::Offline as u8),
            parked: Lock::new(Level::Vcpu, None),
            polling: AtomicU32::new(POLL_NONE),
            timers: Timers::default(),
        }
    }

    /// Its domain, unless that is gone.
    pub fn domain(&self) -> Option<Arc<Domain>> {
        self.domain.upgrade()
    }

    /// The pCPU whose queue it is in.
    pub fn home(&self) -> CpuId {
        CpuId(self.home.load(SeqCst))
    }

    /// Whether it could run.
    pub fn run_state(&self) -> RunState {
        match self.run.load(SeqCst) {
            0 => RunState::Runnable,
            1 => RunState::Blocked,
            _ => RunState::Offline,
        }
    }

    /// Takes the state to run it.
    pub fn take_state(&self) -> Option<Box<VcpuState>> {
        self.parked.lock().take()
    }

    /// Puts the state back.
    pub fn park(&self, state: Box<VcpuState>) {
        *self.parked.lock() = Some(state);
    }

    /// Brings it up: from now on it takes part in scheduling.
    pub fn bring_up(&self) {
        self.run.store(RunState::Runnable as u8, SeqCst);
        sched::kick(self.home());
    }

    /// Takes it out of scheduling.
    pub fn take_down(&self) {
        self.run.store(RunState::Offline as u8, SeqCst);
    }

    /// Puts it to sleep unless `pending` says that there is something to do. The
    /// question is asked after the state is set, so that a wake-up between the two
    /// is not lost.
    pub fn block_unless(&self, pending: impl FnOnce() -> bool) {
        let (runnable, blocked) = (RunState::Runnable as u8, RunState::Blocked as u8);
        if self.run.compare_exchange(runnable, blocked, SeqCst, SeqCst).is_ok() && pending() {
            self.wake();
        }
    }

    /// Ends its sleep.
    pub fn wake(&self) {
        let (runnable, blocked) = (RunState::Runnable as u8, RunState::Blocked as u8);
        if self.run.compare_exchange(blocked, runnable, SeqCst, SeqCst).is_ok() {
            self.polling.store(POLL_NONE, SeqCst);
            self.timers.poll_end.store(0, SeqCst);
        }
        sched::kick(self.home());
    }

    /// Starts to poll `ports` until `end` (ns, 0 for ever).
    pub fn start_poll(&self, ports: &[u32], end: u64) {
        let port = if let [one] = ports { *one } else { POLL_ANY };
        self.polling.store(port, SeqCst);
        self.timers.poll_end.store(end, SeqCst);
    }

    /// Wakes it if it polls `port`.
    pub fn wake_poller(&self, port: u32) {
        let polled = self.polling.load(SeqCst);
        if polled == port || polled == POLL_ANY {
            self.wake();
        }
    }
}

impl VcpuState {
    /// The root table on which the vCPU runs in its present mode.
    ///
    /// User code runs on the kernel's root, where the U bit keeps it out of the
    /// kernel: no CR3 load between the two. A guest that maps its user code in the
    /// user root only gets that one (see `trap::page_fault`).
    pub fn root(&self) -> Mfn {
        match (self.mode, self.on_user_root, self.user_root) {
            (Mode::User, true, Some(root)) => root,
            _ => self.kernel_root,
        }
    }
}
