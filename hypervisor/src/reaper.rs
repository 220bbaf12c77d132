//! The end of domains: in bounded steps, by pCPUs that have nothing else to do, all that a domain
//! had comes back.
//!
//! In this order, each step resting on those before:
//!
//! 1. nothing of it runs, and nothing wakes it: timers and scheduler forget it;
//! 2. its event channels close, the far ends become unbound; its grants are withdrawn;
//! 3. every pCPU comes by its run loop, so that nobody is still writing to words of its guest;
//! 4. its vCPUs drop their root tables, descriptor tables and registered pages;
//! 5. its pins and allocations go, and with the last uses its tables are taken apart;
//! 6. what it has mapped of others' is let go, its grant table and shared info come back;
//! 7. all of the frame table is looked through for frames that are still its own.
//!
//! Frames that other domains use come back when those let go; the domain stays in the table until
//! then. In the end, the domain's count of its frames has to be zero, and none may be found.

use crate::domain::{self, Domain, Shutdown};
use crate::pages::LIVE;
use crate::quiet::Grace;
use crate::vcpu::Vcpu;
use crate::{calls, sched, segments, timers};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::mem;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use log::{error, info, warn};
use pv_guest_abi::sched::{SHUTDOWN_CRASH, SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT};
use xenolith_mech::sync::{Level, Lock};
use xenolith_mech::{clock, mm};
use xenolith_rules::frame::Put;
use xenolith_rules::paging::{Budget, Machine, Progress, Sweep, drop_ref, drop_writable};
use xenolith_rules::types::{Mfn, MfnClaim};

/// Frames or table entries of one step.
const BUDGET: u32 = 256;
/// Ports that one step closes.
const PORTS: u32 = 64;
/// Frames that one step of counting looks at.
const LOOKS: u64 = 4096;
/// How long a pCPU runs guests between two steps.
const BESIDE_NS: u64 = 1_000_000;

/// Burials to be gone on with.
static QUEUE: Lock<VecDeque<Burial>> = Lock::new(Level::Domain, VecDeque::new());
/// How many there are.
static QUEUED: AtomicUsize = AtomicUsize::new(0);
/// Burials that wait for other domains.
static WAITING: Lock<VecDeque<Burial>> = Lock::new(Level::Domain, VecDeque::new());
/// A frame of a dying domain has come back.
static STIRRED: AtomicBool = AtomicBool::new(false);
/// When a pCPU with guests to run does the next step.
static NEXT_BESIDE: AtomicU64 = AtomicU64::new(0);

struct Burial {
    domain: Arc<Domain>,
    stage: Stage,
    /// Whether it was told that others hold frames.
    told: bool,
}

enum Stage {
    Ports { from: u32 },
    Grace(Grace),
    Vcpus { next: usize },
    Frames(Sweep),
    Grants { next: u32 },
    SharedInfo,
    Count(Count),
}

/// The domain's frames that are left.
#[derive(Default)]
struct Count {
    next: u64,
    left: u64,
    first: Option<Mfn>,
}

/// What a step came to.
enum Step {
    Again(Stage),
    /// Other domains hold frames.
    Wait,
    Gone,
}

/// Begins the burial of a domain none of whose vCPUs runs or can run again.
pub fn bury(domain: &Arc<Domain>) {
    if !domain.begin_dying() {
        return;
    }
    tell_end(domain);
    for vcpu in domain.vcpus() {
        timers::forget(vcpu);
    }
    sched::remove_domain(domain.id);
    domain.grants.close();
    push(Burial {
        domain: domain.clone(),
        stage: Stage::Ports { from: 1 },
        told: false,
    });
}

fn tell_end(domain: &Domain) {
    let (id, name) = (domain.id, &domain.name);
    match domain.shutdown() {
        Some(Shutdown::Asked(SHUTDOWN_POWEROFF)) => info!("{id} ({name}) has powered off"),
        Some(Shutdown::Asked(SHUTDOWN_REBOOT)) => {
            info!("{id} ({name}) asked for a reboot: a boot module is started once only");
        }
        Some(Shutdown::Asked(SHUTDOWN_CRASH)) => error!("{id} ({name}) says that it has crashed"),
        Some(Shutdown::Asked(reason)) => {
            info!("{id} ({name}) has shut down with reason {reason}");
        }
        Some(Shutdown::Crashed(reason)) => error!("{id} ({name}) has been ended: {reason}"),
        None => {}
    }
}

fn push(burial: Burial) {
    let mut queue = QUEUE.lock();
    queue.push_back(burial);
    QUEUED.store(queue.len(), SeqCst);
}

fn pop() -> Option<Burial> {
    if STIRRED.swap(false, SeqCst) {
        let stirred = mem::take(&mut *WAITING.lock());
        stirred.into_iter().for_each(push);
    }
    let mut queue = QUEUE.lock();
    let burial = queue.pop_front();
    QUEUED.store(queue.len(), SeqCst);
    burial
}

fn has_work() -> bool {
    QUEUED.load(SeqCst) != 0 || STIRRED.load(SeqCst)
}

/// A frame of a dying domain has come back: those who wait may look again.
pub fn stir() {
    STIRRED.store(true, SeqCst);
}

/// One step, by a pCPU that has nothing else to do; whether there was one.
pub fn work() -> bool {
    if !has_work() {
        return false;
    }
    match pop() {
        Some(burial) => {
            burial.go_on();
            true
        }
        None => false,
    }
}

/// One step now and then, by a pCPU that runs guests; when it has to look again, `until` at the
/// latest. A pCPU without guests does the most, if there is one.
pub fn work_beside(until: u64) -> u64 {
    if !has_work() {
        return until;
    }
    let now = clock::now_ns();
    let next = NEXT_BESIDE.load(SeqCst);
    if now < next {
        return until.min(next);
    }
    NEXT_BESIDE.store(now + BESIDE_NS, SeqCst);
    work();
    if has_work() {
        sched::look_somewhere();
    }
    until.min(clock::now_ns() + BESIDE_NS)
}

impl Burial {
    fn go_on(mut self) {
        let stage = mem::replace(&mut self.stage, Stage::SharedInfo);
        match self.step(stage) {
            Step::Again(stage) => {
                self.stage = stage;
                push(self);
            }
            Step::Wait => {
                self.stage = Stage::Count(Count::default());
                WAITING.lock().push_back(self);
            }
            Step::Gone => {}
        }
    }

    fn step(&mut self, stage: Stage) -> Step {
        let domain = self.domain.clone();
        match stage {
            Stage::Ports { from } => Step::Again(close_ports(&domain, from)),
            Stage::Grace(grace) if grace.is_over() => Step::Again(Stage::Vcpus { next: 0 }),
            Stage::Grace(grace) => Step::Again(Stage::Grace(grace)),
            Stage::Vcpus { next } => Step::Again(match domain.vcpus().get(next) {
                None => Stage::Frames(Sweep::default()),
                Some(vcpu) if release(&domain, vcpu) => Stage::Vcpus { next: next + 1 },
                Some(_) => Stage::Vcpus { next },
            }),
            Stage::Frames(mut sweep) => {
                let end = Mfn(mm::highest_ram_frame().0 + 1);
                let mut budget = Budget::new(BUDGET);
                let mut tables = domain.pages.tables();
                let progress = tables.relinquish(&LIVE, &mut budget, &mut sweep, end);
                Step::Again(match progress {
                    Progress::Again => Stage::Frames(sweep),
                    Progress::Done(()) => Stage::Grants { next: 0 },
                })
            }
            Stage::Grants { mut next } => Step::Again(match domain.grants.release(&mut next) {
                Progress::Again => Stage::Grants { next },
                Progress::Done(()) => Stage::SharedInfo,
            }),
            Stage::SharedInfo => {
                if let Some(Put::Free(was)) = mm::frame(domain.shared_info).unshare() {
                    LIVE.frame_free(domain.shared_info, was);
                }
                Step::Again(Stage::Count(Count::default()))
            }
            Stage::Count(count) => self.count(count),
        }
    }

    fn count(&mut self, mut count: Count) -> Step {
        let end = mm::highest_ram_frame().0 + 1;
        let stop = end.min(count.next + LOOKS);
        let mine = (count.next..stop)
            .filter_map(|number| mm::ram(MfnClaim(number)))
            .filter(|&mfn| mm::frame(mfn).owner() == Some(self.domain.id));
        for mfn in mine {
            count.left += 1;
            count.first.get_or_insert(mfn);
        }
        count.next = stop;
        if stop < end {
            return Step::Again(Stage::Count(count));
        }
        match count.first {
            Some(first) => {
                self.tell_left(count.left, first);
                Step::Wait
            }
            None => {
                self.finish();
                Step::Gone
            }
        }
    }

    fn tell_left(&mut self, left: u64, first: Mfn) {
        if !mem::replace(&mut self.told, true) {
            let id = self.domain.id;
            warn!(
                "{id} is dead, but {left} of its frames are still in use by others (the first is {first}: \
                 {:?})",
                mm::frame(first).snapshot()
            );
        }
    }

    fn finish(&self) {
        let id = self.domain.id;
        let (owned, returned) = (self.domain.pages.owned(), self.domain.returned.load(SeqCst));
        calls::close_console(&self.domain);
        domain::forget(id);
        if owned == 0 {
            info!("{id} is gone: {returned} frames came back, balance ok");
        } else {
            error!(
                "{id} is gone, but the books are wrong: {returned} frames came back, {owned} more count as \
                 its own and are not there"
            );
        }
    }
}

fn close_ports(domain: &Arc<Domain>, from: u32) -> Stage {
    let mut next = from;
    for _ in 0..PORTS {
        let open = domain.events.with(|table| Ok(table.next_open(next)));
        let Ok(Some(port)) = open else {
            return if domain.events.shut() {
                Stage::Grace(Grace::begin())
            } else {
                Stage::Ports { from: 1 }
            };
        };
        // One that its far end closes at this moment is closed as well.
        let _ = calls::close_port(domain, port.0);
        next = port.0 + 1;
    }
    Stage::Ports { from: next }
}

/// Drops what a vCPU holds; `false`: somebody looks at its state at this moment.
fn release(domain: &Arc<Domain>, vcpu: &Vcpu) -> bool {
    if vcpu.is_initialised() {
        let Some(mut state) = vcpu.take_state() else {
            return false;
        };
        state.segments.release(domain);
        let mut tables = domain.pages.tables();
        tables.drop_base(&LIVE, state.kernel_root);
        if let Some(user) = state.user_root {
            tables.drop_base(&LIVE, user);
        }
    }
    segments::release_ldt(vcpu, domain);
    if let Some(mfn) = vcpu.forget_info() {
        drop_writable(&LIVE, mfn);
        drop_ref(&LIVE, mfn);
    }
    true
}
