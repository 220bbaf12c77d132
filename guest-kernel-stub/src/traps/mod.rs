//! Exceptions, events and system calls: how control comes to the kernel.
//!
//! A PV guest has no IDT. It gives the hypervisor a table of handlers and two callbacks,
//! and is entered there with a frame on its kernel stack (`entry.s` has the picture).
//! Everything is entered with events masked, so the kernel is never interrupted but
//! by its own faults.

mod frame;

use core::mem::size_of;
use core::sync::atomic::{AtomicU64, Ordering};

use pv_guest_abi::callback::{CALLBACKTYPE_EVENT, CALLBACKTYPE_SYSCALL};
use pv_guest_abi::errno::Errno;
use pv_guest_abi::hypercall::IRET;
use pv_guest_abi::trap::TrapInfo;

pub use frame::Frame;
use spin::Once;

use crate::{Xen, events, power, println};

/// Exceptions that this kernel has handlers for: vectors 0 to 31.
pub const VECTORS: usize = 32;
/// "Vector" of the event callback in a [`Frame`].
pub const VECTOR_EVENT: u64 = 0x100;
/// "Vector" of the system call callback in a [`Frame`].
pub const VECTOR_SYSCALL: u64 = 0x101;
/// Non-maskable interrupt: one vCPU sends it to another, by hypercall.
const NMI: u64 = 2;
/// Breakpoint, which a program may raise by `int3`.
const BREAKPOINT: u8 = 3;
/// Overflow, which a program may raise by `into` (not in 64-bit mode).
const OVERFLOW: u8 = 4;
/// Page fault.
pub const PAGE_FAULT: u64 = 14;
/// Vectors with an error code (SDM vol. 3, 6.15): #DF, #TS to #PF, #AC, #CP, #SX.
const VECTORS_WITH_CODE: u32 = 1 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21 | 1 << 30;
/// Bytes of a stub in `entry.s`.
const STUB_SIZE: u64 = 16;

core::arch::global_asm!(
    include_str!("entry.s"),
    VECTORS_WITH_CODE = const VECTORS_WITH_CODE,
    VECTOR_EVENT = const VECTOR_EVENT,
    VECTOR_SYSCALL = const VECTOR_SYSCALL,
    HYPERCALL_IRET = const IRET,
    dispatch = sym dispatch,
);

unsafe extern "C" {
    static trap_stubs: u8;
    static event_entry: u8;
    static syscall_entry: u8;
    /// Leaves the kernel by the frame at the stack pointer; no function to be called.
    pub(crate) static trap_return: u8;
    /// The one instruction of the kernel that may fault on an address, and where to go then.
    static copy_access: u8;
    static copy_landing: u8;
    fn copy_bytes(to: *mut u8, from: *const u8, count: usize) -> usize;
}

/// Exceptions of the kernel and of processes, by vector.
static KERNEL_COUNT: [AtomicU64; VECTORS] = [const { AtomicU64::new(0) }; VECTORS];
static USER_COUNT: [AtomicU64; VECTORS] = [const { AtomicU64::new(0) }; VECTORS];

/// What the kernel proper does with what comes from a process. A kernel without
/// processes (a probe) leaves these as they are.
#[derive(Clone, Copy)]
pub struct Handlers {
    /// A system call; the result goes to `frame.rax`.
    pub system_call: fn(&mut Frame),
    /// An exception in user mode; `address` is that of a page fault.
    pub user_fault: fn(&mut Frame, address: u64),
    /// A page fault of the kernel at an address of the process: make the page present
    /// and say `true`, or let the access fail.
    pub missing_page: fn(address: u64, write: bool) -> bool,
    /// Before a return to user mode.
    pub before_user: fn(&mut Frame),
}

/// What a kernel does that has no processes.
const NO_HANDLERS: Handlers = Handlers {
    system_call: |frame| die("system call without a handler", frame),
    user_fault: |frame, _| die("user mode fault without a handler", frame),
    missing_page: |_, _| false,
    before_user: |_| {},
};

static HANDLERS: Once<Handlers> = Once::new();

/// Registers the trap table and the callbacks of this vCPU.
pub fn init() -> Result<(), Errno> {
    let mut table = [TrapInfo::default(); VECTORS + 1];
    for (gate, place) in gates().zip(&mut table) {
        *place = gate;
    }
    // SAFETY: the stubs in `entry.s` are made for these frames; the last entry stays zero.
    unsafe {
        Xen::set_trap_table(&table)?;
        Xen::register_callback(CALLBACKTYPE_EVENT, event_callback(), true)?;
        Xen::register_callback(CALLBACKTYPE_SYSCALL, syscall_callback(), true)
    }
}

/// The gates of the trap table.
pub fn gates() -> impl Iterator<Item = TrapInfo> {
    (0..VECTORS as u8).map(|vector| {
        let dpl = if matches!(vector, BREAKPOINT | OVERFLOW) {
            3
        } else {
            0
        };
        let stub = &raw const trap_stubs as u64 + u64::from(vector) * STUB_SIZE;
        TrapInfo::new(vector, dpl, true, stub)
    })
}

/// Where events enter.
pub fn event_callback() -> u64 {
    &raw const event_entry as u64
}

/// Where system calls enter.
pub fn syscall_callback() -> u64 {
    &raw const syscall_entry as u64
}

/// Says, once, what happens to processes.
pub fn set_handlers(handlers: Handlers) {
    HANDLERS.call_once(|| handlers);
}

/// How often a vector came: from the kernel and from processes.
pub fn counts(vector: usize) -> (u64, u64) {
    let count = |list: &[AtomicU64; VECTORS]| list[vector].load(Ordering::Relaxed);
    (count(&KERNEL_COUNT), count(&USER_COUNT))
}

/// Every way into the kernel ends here.
extern "C" fn dispatch(frame: &mut Frame) {
    let handlers = HANDLERS.get().unwrap_or(&NO_HANDLERS);
    match frame.vector {
        VECTOR_EVENT => events::upcall(),
        VECTOR_SYSCALL => (handlers.system_call)(frame),
        _ => exception(frame, handlers),
    }
    if frame.from_user() {
        (handlers.before_user)(frame);
    }
}

fn exception(frame: &mut Frame, handlers: &Handlers) {
    let from_user = frame.from_user();
    let counters = if from_user {
        &USER_COUNT
    } else {
        &KERNEL_COUNT
    };
    counters[frame.vector as usize % VECTORS].fetch_add(1, Ordering::Relaxed);
    if frame.vector == NMI {
        // Counted is handled: nothing here depends on one.
        return;
    }
    let address = if frame.vector == PAGE_FAULT {
        events::fault_address()
    } else {
        0
    };
    if from_user {
        (handlers.user_fault)(frame, address);
    } else if frame.rip == &raw const copy_access as u64 {
        let write = frame.code & PageFault::WRITE != 0;
        if !(frame.vector == PAGE_FAULT && (handlers.missing_page)(address, write)) {
            frame.rip = &raw const copy_landing as u64;
        }
    } else {
        println!("\nfault address {address:016x}");
        die(name(frame.vector), frame);
    }
}

/// Bits of a page fault's error code.
pub struct PageFault;

impl PageFault {
    /// The page was there; the access was not allowed.
    pub const PRESENT: u64 = 1 << 0;
    /// It was a store.
    pub const WRITE: u64 = 1 << 1;
    /// It was an instruction fetch.
    pub const FETCH: u64 = 1 << 4;
}

/// The kernel made a mistake that it cannot get over.
fn die(what: &str, frame: &Frame) -> ! {
    println!("kernel fault: {what}, error code {:#x}", frame.code);
    println!("{frame}");
    println!("back trace (look the addresses up with addr2line -e <kernel>):");
    power::print_back_trace(frame.rbp);
    println!("domain crashes (SHUTDOWN_crash)");
    power::crash()
}

/// Copies bytes where either side may fault. Returns how many were *not* copied.
///
/// # Safety
/// As far as the addresses can be accessed, the access is allowed to happen: nobody
/// holds references to what is written.
pub unsafe fn copy_may_fault(to: *mut u8, from: *const u8, count: usize) -> usize {
    // SAFETY: the one instruction that accesses memory has a landing; the rest is the caller's.
    unsafe { copy_bytes(to, from, count) }
}

/// Reads a value from an address that may not be there.
pub fn probe_read<T: zerocopy::FromBytes>(address: u64) -> Option<T> {
    let mut value = T::new_zeroed();
    // SAFETY: any bytes make a `T`, and a read that faults has a landing.
    let left = unsafe {
        copy_may_fault(
            (&raw mut value).cast(),
            address as *const u8,
            size_of::<T>(),
        )
    };
    (left == 0).then_some(value)
}

/// What an exception is called.
pub fn name(vector: u64) -> &'static str {
    const NAMES: [&str; 22] = [
        "divide error",
        "debug exception",
        "non-maskable interrupt",
        "breakpoint",
        "overflow",
        "bound range exceeded",
        "invalid instruction",
        "no floating point unit",
        "double fault",
        "coprocessor segment overrun",
        "invalid TSS",
        "segment not present",
        "stack segment fault",
        "general protection fault",
        "page fault",
        "reserved vector 15",
        "x87 floating point error",
        "alignment check",
        "machine check",
        "SIMD floating point error",
        "virtualization exception",
        "control protection",
    ];
    NAMES
        .get(vector as usize)
        .copied()
        .unwrap_or("unknown exception")
}
