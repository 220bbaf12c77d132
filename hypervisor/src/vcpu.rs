//! A virtual CPU: what anyone may know of it ([`Vcpu`]) and what belongs to the
//! pCPU that runs it ([`VcpuState`]).
//!
//! The state is a box that lies in the vCPU's parking slot while it does not run.
//! The pCPU that schedules it takes the box out and puts it back; so no lock is
//! held while a guest runs, and nobody else can look at registers in motion.

use crate::accounts::Accounts;
use crate::debug::Debug;
use crate::domain::Domain;
use crate::segments::{LdtFrames, Segments};
use crate::shared::VcpuInfo;
use crate::timers::{self, Timers};
use crate::{calls, sched};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};
use pv_guest_abi::vcpu::{
    RUNSTATE_BLOCKED, RUNSTATE_OFFLINE, RUNSTATE_RUNNABLE, RUNSTATE_RUNNING, VcpuRunstateInfo,
};
use xenolith_mech::clock;
use xenolith_mech::entry::Regs;
use xenolith_mech::guest::{Bases, FpuState};
use xenolith_mech::sync::{Level, Lock};
use xenolith_rules::sched::Who;
use xenolith_rules::time::DEFAULT_PERIOD_NS;
use xenolith_rules::trap::{Callbacks, Mode, TrapTable};
use xenolith_rules::types::{CpuId, DomId, Mfn, PAGE_SIZE, VcpuId};

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
/// On no pCPU.
const NOWHERE: u32 = u32::MAX;

/// What anyone may know of a vCPU.
pub struct Vcpu {
    /// Its number within the domain.
    pub id: VcpuId,
    /// Its timers.
    pub timers: Timers,
    /// Frames of its LDT.
    pub ldt: LdtFrames,
    domid: DomId,
    domain: Weak<Domain>,
    home: AtomicU32,
    /// The pCPU that it is on.
    cpu: AtomicU32,
    run: AtomicU8,
    parked: Lock<Option<Box<VcpuState>>>,
    polling: AtomicU32,
    accounts: Lock<Accounts>,
    /// Whether it has been given a context to start with.
    initialised: AtomicBool,
    /// An NMI for its guest.
    nmi: AtomicBool,
    /// Machine address of its `vcpu_info`, once the guest has said where; else 0.
    info: AtomicU64,
    /// Guest address of the copy of its run state; 0 none.
    pub runstate_area: AtomicU64,
    /// Guest address of the copy of its clock; 0 none.
    pub time_area: AtomicU64,
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
    /// An NMI is being handled: the next waits for its `iret`.
    pub in_nmi: bool,
    /// Last page fault's address, as the guest's virtual CR2.
    pub cr2: u64,
    /// Guest-visible CR4.
    pub cr4: u64,
    /// Guest-visible CR0.TS.
    pub task_switched: bool,
    /// Descriptor tables and data selectors.
    pub segments: Segments,
    /// Debug registers.
    pub debug: Debug,
    /// A hypercall that has not come to its end.
    pub call: Option<calls::Call>,
}

impl Vcpu {
    /// A vCPU of `domain`, offline, to run on `home` first. Its timer ticks until its guest stops
    /// it: small kernels live by that.
    pub fn new(domain: Weak<Domain>, domid: DomId, id: VcpuId, home: CpuId) -> Self {
        let timers = Timers::default();
        timers.set_period(DEFAULT_PERIOD_NS);
        Self {
            id,
            timers,
            ldt: LdtFrames::default(),
            domid,
            domain,
            home: AtomicU32::new(home.0),
            cpu: AtomicU32::new(NOWHERE),
            run: AtomicU8::new(RunState::Offline as u8),
            parked: Lock::new(Level::Vcpu, None),
            polling: AtomicU32::new(POLL_NONE),
            accounts: Lock::new(Level::Accounts, Accounts::new(clock::now_ns())),
            initialised: AtomicBool::new(false),
            nmi: AtomicBool::new(false),
            info: AtomicU64::new(0),
            runstate_area: AtomicU64::new(0),
            time_area: AtomicU64::new(0),
        }
    }

    /// Its name for the scheduler.
    pub fn who(&self) -> Who {
        Who {
            domain: self.domid,
            vcpu: self.id,
        }
    }

    /// Its domain, unless that is gone.
    pub fn domain(&self) -> Option<Arc<Domain>> {
        self.domain.upgrade()
    }

    /// The pCPU that keeps its timers.
    pub fn home(&self) -> CpuId {
        CpuId(self.home.load(SeqCst))
    }

    /// Only `timers::adopt` moves a vCPU.
    pub fn set_home(&self, cpu: CpuId) {
        self.home.store(cpu.0, SeqCst);
    }

    /// The pCPU that it is on.
    pub fn cpu(&self) -> Option<CpuId> {
        let cpu = self.cpu.load(SeqCst);
        (cpu != NOWHERE).then_some(CpuId(cpu))
    }

    /// Whether it could run.
    pub fn run_state(&self) -> RunState {
        match self.run.load(SeqCst) {
            0 => RunState::Runnable,
            1 => RunState::Blocked,
            _ => RunState::Offline,
        }
    }

    /// Only `sched::change` changes the run state, under the scheduler's lock.
    pub fn set_run_state(&self, state: RunState, now: u64) {
        self.run.store(state as u8, SeqCst);
        if self.cpu().is_none() {
            self.accounts.lock().enter(self.resting(), now);
        }
    }

    /// How its time counts while it is on no pCPU.
    fn resting(&self) -> i32 {
        match self.run_state() {
            RunState::Runnable => RUNSTATE_RUNNABLE,
            RunState::Blocked => RUNSTATE_BLOCKED,
            RunState::Offline => RUNSTATE_OFFLINE,
        }
    }

    /// A pCPU takes it. Under the scheduler's lock.
    pub fn enters(&self, cpu: CpuId, now: u64) {
        self.cpu.store(cpu.0, SeqCst);
        self.accounts.lock().enter(RUNSTATE_RUNNING, now);
    }

    /// It is about to leave its pCPU, and its time counts as resting from now on.
    pub fn rests(&self, now: u64) {
        self.accounts.lock().enter(self.resting(), now);
    }

    /// It leaves its pCPU. Under the scheduler's lock.
    pub fn leaves(&self, now: u64) {
        self.cpu.store(NOWHERE, SeqCst);
        self.accounts.lock().enter(self.resting(), now);
    }

    /// How long it has been in which state.
    pub fn runstate(&self) -> VcpuRunstateInfo {
        self.accounts.lock().info(clock::now_ns())
    }

    /// Gives it the context to start with, unless it had one before.
    pub fn initialise(&self, state: Box<VcpuState>) -> Result<(), Box<VcpuState>> {
        if self.initialised.swap(true, SeqCst) {
            return Err(state);
        }
        self.park(state);
        Ok(())
    }

    /// Whether it has a context.
    pub fn is_initialised(&self) -> bool {
        self.initialised.load(SeqCst)
    }

    /// Where its `vcpu_info` is, if the guest has said.
    pub fn registered_info(&self) -> Option<VcpuInfo> {
        let maddr = self.info.load(SeqCst);
        (maddr != 0).then(|| VcpuInfo::at(Mfn::containing(maddr), (maddr % PAGE_SIZE) as usize))
    }

    /// Moves its `vcpu_info`, once. The caller has taken references of the frame.
    pub fn register_info(&self, mfn: Mfn, offset: usize) -> bool {
        let maddr = mfn.maddr() + offset as u64;
        self.info.compare_exchange(0, maddr, SeqCst, SeqCst).is_ok()
    }

    /// Forgets where its `vcpu_info` is, for a domain of which nothing runs; the frame, whose
    /// references are the caller's now.
    pub fn forget_info(&self) -> Option<Mfn> {
        let maddr = self.info.swap(0, SeqCst);
        (maddr != 0).then(|| Mfn::containing(maddr))
    }

    /// Sends its guest an NMI.
    pub fn send_nmi(&self) {
        self.nmi.store(true, SeqCst);
        self.notify();
    }

    /// Whether an NMI waits.
    pub fn nmi_waits(&self) -> bool {
        self.nmi.load(SeqCst)
    }

    /// Takes the NMI.
    pub fn take_nmi(&self) -> bool {
        self.nmi.swap(false, SeqCst)
    }

    /// Takes the state to run it, or to look at it while it does not run.
    pub fn take_state(&self) -> Option<Box<VcpuState>> {
        self.parked.lock().take()
    }

    /// Puts the state back.
    pub fn park(&self, state: Box<VcpuState>) {
        *self.parked.lock() = Some(state);
    }

    /// Brings it up: from now on it takes part in scheduling.
    pub fn bring_up(&self) {
        sched::change(self, &[RunState::Offline], RunState::Runnable);
        // The domain may have ended meanwhile: what is up by then is taken down, but not we.
        if self.domain().is_none_or(|domain| domain.is_down()) {
            self.take_down();
        }
    }

    /// Takes it out of scheduling. It may be in its guest for a moment yet.
    pub fn take_down(&self) -> bool {
        let up = [RunState::Runnable, RunState::Blocked];
        let changed = sched::change(self, &up, RunState::Offline);
        if let Some(cpu) = self.cpu() {
            sched::kick(cpu);
        }
        changed
    }

    /// Puts it to sleep unless `pending` says that there is something to do. The question is asked
    /// after the state is set, so that a wake-up between the two is not lost.
    pub fn block_unless(&self, pending: impl FnOnce() -> bool) {
        if sched::change(self, &[RunState::Runnable], RunState::Blocked) && pending() {
            self.wake();
        }
    }

    /// Ends its sleep, if it sleeps.
    pub fn wake(&self) {
        if self.run_state() == RunState::Blocked {
            sched::change(self, &[RunState::Blocked], RunState::Runnable);
        }
    }

    /// Makes it look at its events: it wakes, or leaves its guest if it runs.
    pub fn notify(&self) {
        self.wake();
        if let Some(cpu) = self.cpu() {
            sched::kick(cpu);
        }
    }

    /// Starts to poll `ports` until `end` (ns, 0 for ever).
    pub fn start_poll(&self, ports: &[u32], end: u64) {
        let port = if let [one] = ports { *one } else { POLL_ANY };
        self.polling.store(port, SeqCst);
        self.timers.set_poll_end(end);
        timers::watch(self);
    }

    /// It runs again, so its poll is over. Only the pCPU that has it calls this: whoever woke it
    /// may be late, and end the next poll.
    pub fn end_poll(&self) {
        if self.polling.load(SeqCst) != POLL_NONE {
            self.polling.store(POLL_NONE, SeqCst);
            self.timers.set_poll_end(0);
        }
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
