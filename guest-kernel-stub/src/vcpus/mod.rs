//! Several vCPUs: each with its own data, brought up as a PV kernel does it.
//!
//! A domain starts on vCPU 0. Each other one is given a whole context by the kernel
//! ([`bring_up`]): entry point, stack, page tables, trap table, callbacks, and a GS base
//! that leads to the vCPU's own data ([`Vcpu`]). Then it runs beside us.
//!
//! What such a vCPU does here is to wait for jobs ([`jobs`]): whoever wants something of it
//! posts a function and notifies it. It can be taken down, and up again: it goes on behind
//! the call that took it down.
//!
//! Processes and the console stay on vCPU 0. The mappings that the others use never change:
//! image, heap and their own stacks.

mod bring_up;
mod data;
mod jobs;

pub use bring_up::{VcpuError, context, down, root, stack_top, start, up};
pub use data::{MOST, Vcpu, adopt_first, get, this};
pub use jobs::{Job, post, run};

use crate::{Xen, println};

/// How many vCPUs the domain has, online or not.
pub fn count() -> u32 {
    (0..MOST as u32)
        .take_while(|id| Xen::vcpu_is_up(*id).is_ok())
        .count() as u32
}

/// Whether a vCPU is up.
pub fn is_up(id: u32) -> bool {
    Xen::vcpu_is_up(id) == Ok(true)
}

/// Brings all vCPUs up that the domain has and this kernel has a place for.
pub fn up_all() {
    for id in 1..count() {
        if let Err(error) = up(id) {
            println!("vCPU {id} does not come up: {error}");
        }
    }
}
