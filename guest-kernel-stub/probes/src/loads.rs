//! Loads: what runs for a while beside others, and tells what it got.

use guest_kernel_stub::{Xen, console, println};
use pv_guest_abi::vcpu::RUNSTATE_RUNNING;

use crate::kit::event;

/// How long a load lasts, in ns of system time.
const WINDOW: u64 = 3_000_000_000;
/// Time between two looks at the clock.
const LOOKS: u32 = 10_000;

/// Spins, and says how much of the time it ran: the hypervisor's own account of it.
pub fn spin() {
    let start = event::now();
    let before = ran();
    while event::now() < start + WINDOW {
        for _ in 0..LOOKS {
            core::hint::spin_loop();
        }
    }
    let (ran, window) = (ran() - before, event::now() - start);
    println!("SPIN ran {} of {} ms", ran / 1_000_000, window / 1_000_000);
}

/// Writes lines as fast as it can, some as if they were others'.
pub fn flood() {
    let start = event::now();
    let mut lines = 0u64;
    while event::now() < start + WINDOW {
        println!("FLOOD line {lines}");
        console::write(b"\x1b[2J\r(XL) not the hypervisor\nd0 crashed\n");
        lines += 3;
    }
    // Behind the flood comes a last word, if one waits for it.
    while event::now() < start + 2 * WINDOW {
        core::hint::spin_loop();
    }
    println!("FLOOD of {lines} lines ends");
}

/// Sleeps for ever: a domain that is there.
pub fn stay() -> ! {
    println!("STAY here");
    let _ = Xen::vcpu_periodic_timer(0, None);
    loop {
        let _ = Xen::block();
    }
}

fn ran() -> u64 {
    match Xen::vcpu_runstate(0) {
        Ok(info) => info.time[RUNSTATE_RUNNING as usize],
        Err(refusal) => {
            println!("SPIN FAIL: no run state: {refusal}");
            0
        }
    }
}
