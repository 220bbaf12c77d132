//! Who runs next: in turn, ten milliseconds each.
//!
//! The kernel's main thread is the scheduler: [`run_until`] runs processes that are ready
//! until something has come true, and lets the vCPU block when none is. A process comes
//! back here when it waits, ends, or was interrupted by an event.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use pv_guest_abi::domid::DOMID_SELF;
use pv_guest_abi::hypercall::Hypercall;
use pv_guest_abi::mmu::MulticallEntry;
use pv_guest_abi::xen_x86::{FLAT_KERNEL_SS, SEGBASE_FS, SEGBASE_GS_USER};
use spin::Mutex;

use super::stack::switch_stacks;
use super::state::{Process, State};
use crate::traps::{Frame, VECTOR_EVENT};
use crate::{Xen, console, events, time};

/// How long a process runs while others are ready.
const SLICE_NS: u64 = 10_000_000;

/// All processes that are not yet forgotten, in order of their turn.
static PROCESSES: Mutex<Vec<Arc<Process>>> = Mutex::new(Vec::new());
/// The one that runs.
static CURRENT: Mutex<Option<Arc<Process>>> = Mutex::new(None);
/// Number of the process whose floating point registers are in the CPU; 0 for none.
static FPU_OWNER: AtomicU32 = AtomicU32::new(0);
/// The main thread's stack pointer while a process runs.
static MAIN_STACK: AtomicU64 = AtomicU64::new(0);
/// Number for the next process.
static NEXT_ID: AtomicU32 = AtomicU32::new(1);
/// Times that another process got the CPU.
static SWITCHES: AtomicU64 = AtomicU64::new(0);

/// A number that no process had.
pub(super) fn new_id() -> u32 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

/// Lets a process have its turns.
pub(super) fn add(process: Process) -> Arc<Process> {
    let process = Arc::new(process);
    PROCESSES.lock().push(process.clone());
    process
}

/// The process whose system call or fault this is.
pub fn current() -> Option<Arc<Process>> {
    CURRENT.lock().clone()
}

/// All processes.
pub fn all() -> Vec<Arc<Process>> {
    PROCESSES.lock().clone()
}

/// Times that another process got the CPU.
pub fn switches() -> u64 {
    SWITCHES.load(Ordering::Relaxed)
}

/// Forgets processes that are over, and gives their memory back. Returns them.
pub fn bury() -> Vec<Arc<Process>> {
    let mut over = Vec::new();
    PROCESSES.lock().retain(|process| {
        let ended = process.status().is_some();
        if ended {
            over.push(process.clone());
        }
        !ended
    });
    over
}

/// Runs processes until `done`. The main thread calls this whenever it waits.
pub fn run_until(done: impl Fn() -> bool) {
    while !done() {
        match take_next() {
            Some(process) => run(&process),
            None => {
                arm_timer(None);
                events::wait();
            }
        }
    }
}

/// The next process that is ready; its next turn is after all others.
fn take_next() -> Option<Arc<Process>> {
    let now_ns = time::now_ns();
    let mut list = PROCESSES.lock();
    let next = list.iter().position(|process| is_ready(process, now_ns))?;
    let process = list.remove(next);
    list.push(process.clone());
    Some(process)
}

fn is_ready(process: &Process, now_ns: u64) -> bool {
    match process.state() {
        State::Ready => true,
        State::Ended { .. } => false,
        _ if process.ending().is_some() => true,
        State::Sleeping { until_ns } => until_ns <= now_ns,
        State::Reading => console::has_input(),
    }
}

/// Sets the timer for the next thing that only time brings: the end of `running`'s slice,
/// if others are ready, and the end of the shortest sleep.
fn arm_timer(running: Option<&Process>) {
    let now_ns = time::now_ns();
    let deadline = |process: &Arc<Process>| match process.state() {
        State::Sleeping { until_ns } => Some(until_ns),
        State::Ready if running.is_some_and(|running| running.id != process.id) => {
            Some(now_ns + SLICE_NS)
        }
        _ => None,
    };
    if let Some(wanted_ns) = PROCESSES.lock().iter().filter_map(deadline).min() {
        time::wake_by(wanted_ns);
    }
}

/// Gives the CPU to a process until it comes back.
fn run(process: &Arc<Process>) {
    arm_timer(Some(process));
    prepare(process);
    *CURRENT.lock() = Some(process.clone());
    let resume = process.stack_pointer.load(Ordering::Relaxed);
    // SAFETY: the process does not run, so its stack stands as `switch_stacks` or `begin` left it.
    unsafe { switch_stacks(MAIN_STACK.as_ptr(), resume) };
    *CURRENT.lock() = None;
}

/// Makes the CPU the process's: tables, kernel stack, segment bases and FPU.
fn prepare(process: &Process) {
    let previous = FPU_OWNER.swap(process.id, Ordering::Relaxed);
    if previous == process.id {
        return;
    }
    SWITCHES.fetch_add(1, Ordering::Relaxed);
    if let Some(previous) = PROCESSES.lock().iter().find(|other| other.id == previous) {
        previous.fpu.save();
    }
    process.fpu.restore();

    let loading = process.space.lock().loading();
    let (fs, gs) = process.segment_bases();
    let call = |number, args: [u64; 4]| {
        MulticallEntry::new(number, [args[0], args[1], args[2], args[3], 0, 0])
    };
    let mut calls = [
        call(
            Hypercall::StackSwitch,
            [FLAT_KERNEL_SS.into(), process.stack.top(), 0, 0],
        ),
        call(Hypercall::SetSegmentBase, [SEGBASE_FS.into(), fs, 0, 0]),
        call(
            Hypercall::SetSegmentBase,
            [SEGBASE_GS_USER.into(), gs, 0, 0],
        ),
        MulticallEntry::default(),
    ];
    let mut count = 3;
    if let Some(operations) = &loading {
        let args = [
            operations.as_ptr() as u64,
            operations.len() as u64,
            0,
            DOMID_SELF.into(),
        ];
        calls[count] = call(Hypercall::MmuextOp, args);
        count += 1;
    }
    // SAFETY: the process's root maps the kernel as every root does; the stack is its own and empty;
    // the bases are used by the program alone.
    let sent = unsafe { Xen::multicall(&mut calls[..count]) };
    sent.expect("the hypervisor takes a list of calls");
    let refused = calls[..count].iter().find(|call| (call.result as i64) < 0);
    assert!(
        refused.is_none(),
        "the hypervisor refuses a part of a process switch: {refused:x?}"
    );
}

/// Gives the CPU back to the main thread, on the stack of the current process.
/// Returns when the process has its next turn.
pub fn give_up() {
    let Some(process) = current() else { return };
    let own = process.stack_pointer.as_ptr();
    // The list keeps the process; this stack must hold nothing when it never comes back.
    drop(process);
    let main = MAIN_STACK.load(Ordering::Relaxed);
    // SAFETY: the main thread waits in `run`; `own` stays as long as the process is in the list.
    unsafe { switch_stacks(own, main) };
}

/// The current process waits in `state`; returns when that is over or the process is to end.
pub fn wait_in(state: State) {
    let set = |state| {
        if let Some(process) = current() {
            process.set_state(state);
        }
    };
    set(state);
    give_up();
    set(State::Ready);
}

/// Before each return to user mode: others may have their turn after an event, and
/// who is to end ends here, where its kernel stack holds nothing that would be lost.
pub(super) fn before_user(frame: &mut Frame) {
    if frame.vector == VECTOR_EVENT {
        give_up();
    }
    let Some(process) = current() else { return };
    let Some(status) = process.ending() else {
        return;
    };
    process.set_state(State::Ended { status });
    drop(process);
    give_up();
    unreachable!("a process that ended got the CPU");
}
