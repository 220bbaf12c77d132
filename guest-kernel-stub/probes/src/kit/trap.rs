//! Runs code that traps, and tells everything about the trap.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use guest_kernel_stub::{Xen, power, println};
use pv_guest_abi::callback::{CALLBACKTYPE_EVENT, CALLBACKTYPE_FAILSAFE, CALLBACKTYPE_SYSCALL};
use pv_guest_abi::errno::Errno;
use pv_guest_abi::hypercall::IRET;
use pv_guest_abi::trap::TrapInfo;

use super::event;

/// Vectors with an error code (SDM vol. 3, 6.15): #DF, #TS to #PF, #AC.
const VECTORS_WITH_CODE: u32 = 1 << 8 | 0x1f << 10 | 1 << 17;
/// "Vectors" of the callbacks, and of code that returned.
const EVENT: u64 = 0x100;
const SYSCALL: u64 = 0x101;
const FAILSAFE: u64 = 0x102;
const RETURNED: u64 = 0x103;

core::arch::global_asm!(
    include_str!("trap.s"),
    ".pushsection .data.probe, \"aw\", @progbits",
    ".globl probe_resume_rsp, probe_code_rsp",
    "probe_resume_rsp: .quad 0",
    "probe_code_rsp: .quad 0",
    ".popsection",
    HYPERCALL_IRET = const IRET,
    EVENT = const EVENT,
    SYSCALL = const SYSCALL,
    FAILSAFE = const FAILSAFE,
    RETURNED = const RETURNED,
    trapped = sym trapped,
);

unsafe extern "C" {
    fn probe_enter(start: *const Start);
    static probe_stubs: u8;
    static probe_event: u8;
    static probe_syscall: u8;
    static probe_failsafe: u8;
    static mut probe_code_rsp: u64;
}

/// Code for a probe: its first instruction. Made by `code!`.
pub type Code = unsafe extern "C" fn();

/// Names a piece of machine code that runs in kernel mode, or copied into user mode, so
/// it must not refer to other code. It may end with `ret` in kernel mode.
macro_rules! code {
    ($($(#[$doc:meta])* $name:ident: $($line:literal),+;)+) => {$(
        $(#[$doc])*
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            core::arch::naked_asm!($($line),+)
        }
    )+};
}

/// The general registers but for the stack pointer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regs {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rbp: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rbx: u64,
    pub rax: u64,
}

impl Regs {
    /// A different number in each register.
    pub const MARKED: Regs = Regs {
        r15: 0x1515_1515_1515_1515,
        r14: 0x1414_1414_1414_1414,
        r13: 0x1313_1313_1313_1313,
        r12: 0x1212_1212_1212_1212,
        r11: 0x1111_1111_1111_1111,
        r10: 0x1010_1010_1010_1010,
        r9: 0x0909_0909_0909_0909,
        r8: 0x0808_0808_0808_0808,
        rbp: 0xb9b9_b9b9_b9b9_b9b9,
        rdi: 0xd1d1_d1d1_d1d1_d1d1,
        rsi: 0x5151_5151_5151_5151,
        rdx: 0xd0d0_d0d0_d0d0_d0d0,
        rcx: 0xc0c0_c0c0_c0c0_c0c0,
        rbx: 0xb0b0_b0b0_b0b0_b0b0,
        rax: 0xa0a0_a0a0_a0a0_a0a0,
    };

    /// Name and value of each register.
    pub fn named(&self) -> [(&'static str, u64); 15] {
        [
            ("rax", self.rax),
            ("rbx", self.rbx),
            ("rcx", self.rcx),
            ("rdx", self.rdx),
            ("rsi", self.rsi),
            ("rdi", self.rdi),
            ("rbp", self.rbp),
            ("r8", self.r8),
            ("r9", self.r9),
            ("r10", self.r10),
            ("r11", self.r11),
            ("r12", self.r12),
            ("r13", self.r13),
            ("r14", self.r14),
            ("r15", self.r15),
        ]
    }
}

/// Where and how code starts; the layout is that of `trap.s`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The registers.
    pub regs: Regs,
    /// The first instruction.
    pub rip: u64,
    /// Not 0: start through the iret hypercall with the words below.
    pub by_iret: u64,
    /// Words of the iret frame.
    pub cs: u64,
    /// With IF clear, the iret masks events.
    pub rflags: u64,
    /// Stack pointer.
    pub rsp: u64,
    /// Stack segment.
    pub ss: u64,
    /// VGCF_in_syscall or 0.
    pub flags: u64,
}

impl Start {
    /// Kernel code, started by a jump on the current stack.
    pub fn kernel(code: Code, regs: Regs) -> Start {
        Start {
            regs,
            rip: code as usize as u64,
            by_iret: 0,
            cs: 0,
            rflags: 0,
            rsp: 0,
            ss: 0,
            flags: 0,
        }
    }
}

/// What entered the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An exception or `int n`.
    Vector(u8),
    /// The event callback.
    Event,
    /// The system call callback.
    Syscall,
    /// The failsafe callback.
    Failsafe,
    /// Nothing: the code returned.
    Returned,
}

/// One entry into the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Trap {
    /// Through which door.
    pub kind: Kind,
    /// The interrupted code's registers, rcx and r11 from the frame.
    pub regs: Regs,
    /// Error code of the vectors that have one.
    pub code: Option<u64>,
    /// Words of the frame.
    pub rip: u64,
    /// Selector, and above bit 32 the event mask of before.
    pub cs: u64,
    /// Flags of the interrupted code.
    pub rflags: u64,
    /// Stack pointer of the interrupted code.
    pub rsp: u64,
    /// Stack segment of the interrupted code.
    pub ss: u64,
    /// Where the frame lay: the stack pointer at the handler's first instruction.
    pub frame_at: u64,
    /// Handler's own CS, SS, RFLAGS.
    pub own_cs: u16,
    /// See `own_cs`.
    pub own_ss: u16,
    /// See `own_cs`.
    pub own_rflags: u64,
    /// Event mask at the handler's first instructions.
    pub mask: u8,
    /// The fault address in vcpu_info.
    pub cr2: u64,
    /// Stack pointer with which kernel code was started by [`kernel`].
    pub code_rsp: u64,
}

impl Trap {
    /// The event mask as the frame has it.
    pub fn saved_mask(&self) -> u64 {
        self.cs >> 32
    }

    /// Whether the frame is a user's.
    #[expect(clippy::wrong_self_convention, reason = "it came from the user")]
    pub fn from_user(&self) -> bool {
        self.cs & 3 == 3
    }
}

/// What `probe_common` leaves on the stack, lowest address first.
#[repr(C)]
struct Entry {
    ss: u64,
    cs: u64,
    rflags: u64,
    regs: Regs,
    vector: u64,
    /// The hypervisor's words begin here.
    frame: [u64; 8],
}

static CATCHING: AtomicBool = AtomicBool::new(false);
static CAUGHT: single::Cell<Option<Trap>> = single::Cell::new(None);
/// Entries by the event callback that were returned from.
static UPCALLS: AtomicU64 = AtomicU64::new(0);
static CATCH_EVENTS: AtomicBool = AtomicBool::new(false);

/// A cell for a kernel with one thread and no preemption.
mod single {
    /// The cell.
    pub struct Cell<T>(core::cell::Cell<T>);
    // SAFETY: the kernel has one vCPU running, and the cell is only used with events masked.
    unsafe impl<T> Sync for Cell<T> {}
    impl<T> Cell<T> {
        /// With a first value.
        pub const fn new(value: T) -> Self {
            Self(core::cell::Cell::new(value))
        }
        /// Puts a value in.
        pub fn set(&self, value: T) {
            self.0.set(value);
        }
        /// Takes the value out.
        pub fn take(&self) -> T
        where
            T: Default,
        {
            self.0.take()
        }
    }
}

/// How the event callback behaves: end the code that runs (`true`), or clear what is
/// pending, count, and go back to it.
pub fn catch_events(catch: bool) {
    CATCH_EVENTS.store(catch, Ordering::Relaxed);
}

/// How often the event callback went back.
pub fn upcalls() -> u64 {
    UPCALLS.load(Ordering::Relaxed)
}

/// Every entry ends here; `false` ends the code that runs, `true` goes back to it.
extern "C" fn trapped(entry: &Entry) -> bool {
    let mask = event::mask_byte();
    if entry.vector == EVENT && !CATCH_EVENTS.load(Ordering::Relaxed) {
        UPCALLS.fetch_add(1, Ordering::Relaxed);
        event::take_all();
        return true;
    }
    let has_code = entry.vector < 32 && VECTORS_WITH_CODE >> entry.vector & 1 != 0;
    let frame_at = &raw const entry.frame as u64;
    let (kind, frame) = match entry.vector {
        EVENT => (Kind::Event, entry.frame),
        SYSCALL => (Kind::Syscall, entry.frame),
        FAILSAFE => (Kind::Failsafe, entry.frame),
        RETURNED => (Kind::Returned, [0; 8]),
        vector => (Kind::Vector(vector as u8), entry.frame),
    };
    let rest = if has_code { 3 } else { 2 };
    let mut regs = entry.regs;
    if kind != Kind::Returned {
        (regs.rcx, regs.r11) = (frame[0], frame[1]);
    }
    let trap = Trap {
        kind,
        regs,
        code: has_code.then_some(frame[2]),
        rip: frame[rest],
        cs: frame[rest + 1],
        rflags: frame[rest + 2],
        rsp: frame[rest + 3],
        ss: frame[rest + 4],
        frame_at,
        own_cs: entry.cs as u16,
        own_ss: entry.ss as u16,
        own_rflags: entry.rflags,
        mask,
        cr2: event::fault_address(),
        // SAFETY: a word of this kernel's, written by `probe_enter`.
        code_rsp: unsafe { probe_code_rsp },
    };
    event::set_mask(true);
    if !CATCHING.swap(false, Ordering::Relaxed) {
        println!("PROBE ? FAIL: a trap that no probe waits for: {trap:x?}");
        power::off();
    }
    CAUGHT.set(Some(trap));
    false
}

/// Registers the trap table and the callbacks: everything masks events.
pub fn init() -> Result<(), Errno> {
    let mut table = [TrapInfo::default(); 33];
    for (vector, gate) in (0u8..32).zip(&mut table) {
        *gate = TrapInfo::new(vector, 0, true, stub(vector));
    }
    // SAFETY: the stubs are made for the hypervisor's frames; the last entry stays zero.
    unsafe {
        Xen::set_trap_table(&table)?;
        Xen::register_callback(CALLBACKTYPE_EVENT, &raw const probe_event as u64, true)?;
        Xen::register_callback(
            CALLBACKTYPE_FAILSAFE,
            &raw const probe_failsafe as u64,
            true,
        )?;
    }
    set_syscall_callback(true)
}

/// Registers the system call callback.
pub fn set_syscall_callback(mask: bool) -> Result<(), Errno> {
    let entry = &raw const probe_syscall as u64;
    // SAFETY: the entry is made for the hypervisor's frame.
    unsafe { Xen::register_callback(CALLBACKTYPE_SYSCALL, entry, mask) }
}

/// Registers the event callback.
pub fn set_event_callback(mask: bool) -> Result<(), Errno> {
    let entry = &raw const probe_event as u64;
    // SAFETY: the entry is made for the hypervisor's frame.
    unsafe { Xen::register_callback(CALLBACKTYPE_EVENT, entry, mask) }
}

/// The entry of a vector.
pub fn stub(vector: u8) -> u64 {
    &raw const probe_stubs as u64 + u64::from(vector) * 16
}

/// Sets one gate of the trap table.
pub fn set_gate(vector: u8, dpl: u8, mask: bool) -> Result<(), Errno> {
    let gate = TrapInfo::new(vector, dpl, mask, stub(vector));
    // SAFETY: the stub is made for the hypervisor's frame.
    unsafe { Xen::set_trap_table(&[gate, TrapInfo::default()]) }
}

/// Runs code until it enters the kernel or returns.
pub fn run(start: &Start) -> Trap {
    CATCHING.store(true, Ordering::Relaxed);
    // SAFETY: `probe_enter` keeps what the ABI says, however the code ends; code of
    // probes changes nothing else of the kernel's but what it is meant to.
    unsafe { probe_enter(start) };
    CATCHING.store(false, Ordering::Relaxed);
    CAUGHT
        .take()
        .expect("every way out of the code writes a trap down")
}

/// Runs kernel code by a jump.
pub fn kernel(code: Code, regs: Regs) -> Trap {
    run(&Start::kernel(code, regs))
}
