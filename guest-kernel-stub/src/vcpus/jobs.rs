//! Work for another vCPU: one function at a time, posted by anyone.

use core::sync::atomic::{AtomicU64, Ordering};

use super::data::{Vcpu, get, this};
use crate::{Xen, events};

/// What a vCPU can be asked to do; the number is its argument. It runs with events masked.
pub type Job = fn(u64);

/// A vCPU's post.
#[derive(Debug)]
pub struct Mailbox {
    /// The job as an address; 0 for none.
    job: AtomicU64,
    argument: AtomicU64,
    posted: AtomicU64,
    done: AtomicU64,
}

impl Mailbox {
    pub(super) const fn new() -> Self {
        Self {
            job: AtomicU64::new(0),
            argument: AtomicU64::new(0),
            posted: AtomicU64::new(0),
            done: AtomicU64::new(0),
        }
    }

    /// Whether everything that was posted has been done.
    fn is_idle(&self) -> bool {
        self.done.load(Ordering::Acquire) == self.posted.load(Ordering::Acquire)
    }
}

impl Vcpu {
    /// Whether it has done all jobs.
    pub fn is_idle(&self) -> bool {
        self.mailbox.is_idle()
    }
}

/// Gives a vCPU a job. One poster at a time, and only when the last job is done: else `false`.
pub fn post(id: u32, job: Job, argument: u64) -> bool {
    let vcpu = get(id);
    let mailbox = &vcpu.mailbox;
    if !mailbox.is_idle() {
        return false;
    }
    mailbox.argument.store(argument, Ordering::Relaxed);
    mailbox.posted.fetch_add(1, Ordering::AcqRel);
    mailbox.job.store(job as usize as u64, Ordering::SeqCst);
    // A vCPU that has no port yet looks into its mailbox once it has one.
    vcpu.notify().is_ok()
}

/// Gives a vCPU a job and waits until it is done.
pub fn run(id: u32, job: Job, argument: u64) -> bool {
    let posted = post(id, job, argument);
    while posted && !get(id).is_idle() {
        let _ = Xen::yield_now();
    }
    posted
}

/// Where every vCPU but the first spends its life.
pub(super) extern "C" fn serve() -> ! {
    let me = this();
    let port = events::bind_ipi("job", || {}).expect("a port for a vCPU's notifications");
    me.port.store(port, Ordering::SeqCst);
    // Each vCPU starts with a timer that ticks. One without handlers for it has no use for that.
    let _ = Xen::vcpu_periodic_timer(me.id, None);
    loop {
        let job = me.mailbox.job.swap(0, Ordering::SeqCst);
        if job == 0 {
            // Who posts after the look above sends an event, which ends the wait.
            events::wait();
            continue;
        }
        let argument = me.mailbox.argument.load(Ordering::Relaxed);
        // SAFETY: `post` put the address of a `Job` there.
        let job = unsafe { core::mem::transmute::<usize, Job>(job as usize) };
        job(argument);
        me.mailbox.done.fetch_add(1, Ordering::AcqRel);
    }
}
