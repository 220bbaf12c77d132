//! The end: how a domain stops, and what a kernel says when it must.

use core::sync::atomic::{AtomicBool, Ordering};

use pv_guest_abi::sched::{SHUTDOWN_CRASH, SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT};

use crate::{Xen, println};

/// Turns the domain off; for domain 0 the machine.
pub fn off() -> ! {
    shutdown(SHUTDOWN_POWEROFF)
}

/// Starts the domain again; for domain 0 the machine.
pub fn reboot() -> ! {
    shutdown(SHUTDOWN_REBOOT)
}

/// Says that the kernel is beyond help.
pub fn crash() -> ! {
    shutdown(SHUTDOWN_CRASH)
}

fn shutdown(reason: u32) -> ! {
    Xen::shutdown(reason)
}

/// Prints the return addresses from the innermost call outwards, by frame pointers.
pub fn print_back_trace(mut frame_pointer: u64) {
    for depth in 0..32 {
        let record: Option<[u64; 2]> = crate::traps::probe_read(frame_pointer);
        let Some([outer, return_address]) =
            record.filter(|_| frame_pointer.is_multiple_of(8) && frame_pointer != 0)
        else {
            return;
        };
        println!("  {depth:2}: {return_address:016x}");
        // Frames lie upwards on the stack; anything else is no chain.
        if outer <= frame_pointer {
            return;
        }
        frame_pointer = outer;
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    if PANICKED.swap(true, Ordering::Relaxed) {
        crash();
    }
    println!("\nkernel {info}");
    let (rsp, rbp): (u64, u64);
    // SAFETY: reads two registers.
    unsafe { core::arch::asm!("mov {}, rsp", "mov {}, rbp", out(reg) rsp, out(reg) rbp) };
    println!("  rsp {rsp:016x}  rbp {rbp:016x}");
    println!("back trace (look the addresses up with addr2line -e <kernel>):");
    print_back_trace(rbp);
    println!("domain crashes (SHUTDOWN_crash)");
    crash()
}
