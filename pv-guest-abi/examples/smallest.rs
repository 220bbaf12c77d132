//! The smallest kernel: prints a line on the hypervisor's console and powers off.
#![no_std]
#![no_main]

#[cfg(not(target_os = "none"))]
extern crate std; // never run there, but `cargo test` compiles every example for the host

use core::fmt::Write;
use pv_guest_abi::call::{Calls, Syscall};
use pv_guest_abi::sched::SHUTDOWN_POWEROFF;
use pv_guest_abi::start::StartInfo;

/// This kernel enters the hypervisor by `syscall` instructions of its own.
type Xen = Calls<Syscall>;

pv_guest_abi::elf_notes! {
    XEN_VERSION: "xen-3.0",
    GUEST_OS: "smallest",
    LOADER: "generic",
    FEATURES: "!writable_page_tables|pae_pgdir_above_4gb",
    SUPPORTED_FEATURES: 1u64 << pv_guest_abi::features::XENFEAT_DOM0,
    VIRT_BASE: 0xffff_ffff_8000_0000u64,
    PADDR_OFFSET: 0xffff_ffff_8000_0000u64, // linked without physical addresses of its own
    ENTRY: start,
}

/// Entered on one stack page that the domain builder made, with the start info's address in rsi.
#[unsafe(naked)]
unsafe extern "C" fn start() -> ! {
    core::arch::naked_asm!("cld", "mov rdi, rsi", "call {main}", "ud2", main = sym main)
}

extern "C" fn main(start_info: &StartInfo) -> ! {
    let args = core::str::from_utf8(start_info.command_line()).unwrap_or("(not UTF-8)");
    let (major, minor) = Xen::version().unwrap_or_default();
    let pages = start_info.nr_pages;
    let _ = writeln!(
        Console,
        "smallest: Xen {major}.{minor}, {pages} pages, arguments: {args:?}"
    );
    Xen::shutdown(SHUTDOWN_POWEROFF)
}

/// Text on the hypervisor's console.
struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        Xen::console_write(text.as_bytes()).map_err(|_| core::fmt::Error)
    }
}

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(what: &core::panic::PanicInfo) -> ! {
    let _ = writeln!(Console, "smallest: {what}");
    Xen::shutdown(pv_guest_abi::sched::SHUTDOWN_CRASH)
}
