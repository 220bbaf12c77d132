//! Programs in ring 3: static Linux ELF files of the initrd, time-sliced.
//!
//! Each process has an address space, a kernel stack on which its system calls run, and
//! open files. The main thread of the kernel, on the boot stack, is the scheduler while
//! it waits for something ([`schedule`]). What a process does wrong ends that process alone.

pub mod image;

#[cfg(target_os = "none")]
mod begin;
#[cfg(target_os = "none")]
mod fault;
#[cfg(target_os = "none")]
pub mod schedule;
#[cfg(target_os = "none")]
mod stack;
#[cfg(target_os = "none")]
mod state;

#[cfg(target_os = "none")]
pub use begin::{Refused, begin};
#[cfg(target_os = "none")]
pub use fault::demonstration;
#[cfg(target_os = "none")]
pub use state::{Process, State, status_text};

/// Lets processes use the kernel: their system calls, faults and time slices.
#[cfg(target_os = "none")]
pub fn init() {
    crate::traps::set_handlers(crate::traps::Handlers {
        system_call: crate::syscalls::system_call,
        user_fault: fault::user_fault,
        missing_page: fault::missing_page,
        before_user: schedule::before_user,
    });
}
