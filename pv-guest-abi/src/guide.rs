//! Guide: write your first kernel.
//!
//! A PV kernel is an ordinary 64-bit ELF program. The domain builder reads its [ELF notes](crate::elfnote), maps
//! it by a first set of page tables, and enters it in 64-bit mode with paging on. There is no firmware, no real
//! mode and no device to set up: what a kernel needs from the machine it asks for by [hypercalls](crate::call).
//!
//! # The whole kernel
//!
//! This is `examples/smallest.rs`, as it is built and booted by the tests:
//!
//! ```ignore
#![doc = include_str!("../examples/smallest.rs")]
//! ```
//!
//! Build it for the bare target, and boot the result as domain 0 or as a guest:
//!
//! ```text
//! rustup target add x86_64-unknown-none
//! cargo build --release --target x86_64-unknown-none --features guest --example smallest
//! ```
//!
//! In a crate of its own it needs three more lines: `panic = "abort"` for both profiles in `Cargo.toml`, and these
//! link arguments from `build.rs` (`cargo::rustc-link-arg=...`): `--no-pie` and
//! `--image-base=0xffffffff80100000`.
//!
//! # What each part does
//!
//! **The notes.** [`elf_notes!`](crate::elf_notes) writes what the builder wants to know. `XEN_VERSION` must be
//! `"xen-3.0"`. `VIRT_BASE` is where the builder maps the domain's first page; the kernel above is linked 1 MiB
//! behind it. `PADDR_OFFSET` says how far the program headers' physical addresses are from the domain's: the
//! linker makes them equal to the virtual ones, so it is `VIRT_BASE` again. `ENTRY` is the first instruction.
//! `SUPPORTED_FEATURES` must name `XENFEAT_dom0` for a kernel that is to be domain 0.
//!
//! **The entry.** Register `rsi` holds the address of the [`StartInfo`](crate::start::StartInfo), `rsp` the end of
//! a stack of one page. Interrupts (events) are masked, segment bases are 0, no trap handler exists. Four instructions
//! bring this into the form that a Rust function expects.
//!
//! **The gate.** [`Calls`](crate::call::Calls) is generic over the way into the hypervisor.
//! [`Syscall`](crate::call::Syscall) needs nothing. [`HypercallPage`](crate::call::HypercallPage) goes through a
//! page that the builder fills; provide it by [`hypercall_page!`](crate::hypercall_page!) and name it in the notes:
//!
//! ```no_run
//! # #[unsafe(no_mangle)] extern "C" fn start() -> ! { loop {} }
//! pv_guest_abi::hypercall_page!();
//! pv_guest_abi::elf_notes! {
//!     ENTRY: start,
//!     HYPERCALL_PAGE: pv_guest_abi::call::hypercall_page,
//!     // and the others
//! }
//! type Xen = pv_guest_abi::call::Calls<pv_guest_abi::call::HypercallPage>;
//! # fn main() {}
//! ```
//!
//! **The end.** [`shutdown`](crate::call::Calls::shutdown) with
//! [`SHUTDOWN_POWEROFF`](crate::sched::SHUTDOWN_POWEROFF) ends the domain; if it is domain 0, the machine.
//!
//! # What to do next
//!
//! - **Memory.** The first tables lie at [`StartInfo::pt_base`](crate::start::StartInfo::pt_base), read-only; the list
//!   at [`mfn_list`](crate::start::StartInfo::mfn_list) translates guest frame numbers to machine frame numbers, which
//!   page-table entries hold. Change entries by
//!   [`update_va_mapping`](crate::call::Calls::update_va_mapping) and
//!   [`mmu_update`](crate::call::Calls::mmu_update); make your own tables by writing them in ordinary pages, mapping
//!   these read-only, and [pinning](crate::call::Calls::pin_table) the top one.
//! - **Traps.** [`set_trap_table`](crate::call::Calls::set_trap_table) takes the addresses of your handlers. A handler
//!   finds rcx and r11 on its stack, then the error code where the CPU has one, then the usual frame; it returns by the
//!   `iret` hypercall with an [`IretContext`](crate::xen_x86::IretContext).
//! - **Events.** Register the [event callback](crate::callback::CALLBACKTYPE_EVENT), bind a port
//!   ([`bind_virq`](crate::call::Calls::bind_virq) for the timer), clear its bit in
//!   [`evtchn_mask`](crate::shared::SharedInfo::evtchn_mask), and unmask events in the
//!   [`VcpuInfo`](crate::shared::VcpuInfo). The shared info page is mapped by its machine address,
//!   [`StartInfo::shared_info`](crate::start::StartInfo::shared_info).
//! - **Time.** [`VcpuTimeInfo`](crate::time::VcpuTimeInfo) converts the CPU's counter to nanoseconds.
//! - **Devices.** As a guest, find them in [xenstore](crate::io::xs_wire), share pages by [grants](crate::grant), talk
//!   through [rings](crate::io::ring).
