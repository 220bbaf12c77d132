//! What the kernel keeps of a process.

use alloc::string::String;
use core::cell::UnsafeCell;
use core::fmt;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use spin::Mutex;

use super::stack::KernelStack;
use crate::memory::space::AddressSpace;
use crate::syscalls::OpenFiles;

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs or could run.
    Ready,
    /// It waits for this system time.
    Sleeping {
        /// Nanoseconds since boot.
        until_ns: u64,
    },
    /// It waits for a key.
    Reading,
    /// It is over.
    Ended {
        /// Exit code, or 128 plus the signal that Linux would have killed it by.
        status: i32,
    },
}

/// One program that runs.
pub struct Process {
    /// Number, from 1.
    pub id: u32,
    /// Path in the initrd.
    pub name: String,
    /// Whether the console's input is its own.
    pub foreground: bool,
    /// Its memory.
    pub space: Mutex<AddressSpace>,
    /// Its descriptors.
    pub files: Mutex<OpenFiles>,
    /// Its heap, as `brk` has it.
    pub heap: Mutex<Range<u64>>,
    state: Mutex<State>,
    /// Exit status with which it ends at the next return to user mode.
    ending: Mutex<Option<i32>>,
    pub(super) stack: KernelStack,
    /// Where its kernel stack pointer stands while it does not run.
    pub(super) stack_pointer: AtomicU64,
    fs_base: AtomicU64,
    gs_base: AtomicU64,
    pub(super) fpu: FpuState,
}

impl Process {
    /// A process that is ready to start at what `stack_pointer` points to.
    pub(super) fn new(
        id: u32,
        name: String,
        foreground: bool,
        space: AddressSpace,
        heap: u64,
        stack: KernelStack,
        stack_pointer: u64,
    ) -> Self {
        Self {
            id,
            name,
            foreground,
            space: Mutex::new(space),
            files: Mutex::new(OpenFiles::console()),
            heap: Mutex::new(heap..heap),
            state: Mutex::new(State::Ready),
            ending: Mutex::new(None),
            stack,
            stack_pointer: AtomicU64::new(stack_pointer),
            fs_base: AtomicU64::new(0),
            gs_base: AtomicU64::new(0),
            fpu: FpuState::initial(),
        }
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        *self.state.lock()
    }

    pub(super) fn set_state(&self, state: State) {
        *self.state.lock() = state;
    }

    /// Its exit status, once it is over.
    pub fn status(&self) -> Option<i32> {
        match self.state() {
            State::Ended { status } => Some(status),
            _ => None,
        }
    }

    /// Has it end before it executes another instruction of its own. The first status counts.
    pub fn finish(&self, status: i32) {
        self.ending.lock().get_or_insert(status);
    }

    /// The status with which it is to end.
    pub fn ending(&self) -> Option<i32> {
        *self.ending.lock()
    }

    /// Bases of FS and GS: a program keeps its thread's data there.
    pub fn segment_bases(&self) -> (u64, u64) {
        (
            self.fs_base.load(Ordering::Relaxed),
            self.gs_base.load(Ordering::Relaxed),
        )
    }

    /// Remembers bases that have been set.
    pub fn set_segment_bases(&self, fs: u64, gs: u64) {
        self.fs_base.store(fs, Ordering::Relaxed);
        self.gs_base.store(gs, Ordering::Relaxed);
    }
}

/// Registers of the floating point and SSE units.
///
/// The kernel is compiled without them and leaves XCR0 as it was at start (x87 and SSE),
/// so they stay the program's until another one runs, and FXSAVE takes all there is.
#[repr(C, align(16))]
pub(super) struct FpuState(UnsafeCell<[u8; 512]>);

// SAFETY: only the scheduler touches the content, on the one vCPU.
unsafe impl Sync for FpuState {}

impl FpuState {
    /// As a program finds them: all masked, round to nearest (FCW, MXCSR).
    fn initial() -> Self {
        let mut image = [0; 512];
        image[0..2].copy_from_slice(&0x037f_u16.to_le_bytes());
        image[24..28].copy_from_slice(&0x1f80_u32.to_le_bytes());
        Self(UnsafeCell::new(image))
    }

    /// Takes the registers' content.
    pub(super) fn save(&self) {
        // SAFETY: 512 bytes, aligned to 16, touched by the scheduler only.
        unsafe { core::arch::asm!("fxsave64 [{}]", in(reg) self.0.get()) };
    }

    /// Puts it back.
    pub(super) fn restore(&self) {
        // SAFETY: the image is the initial one or came from FXSAVE; the kernel uses none of the registers.
        unsafe { core::arch::asm!("fxrstor64 [{}]", in(reg) self.0.get()) };
    }
}

/// What an exit status means, as a shell says it.
pub fn status_text(status: i32) -> impl fmt::Display {
    struct Text(i32);
    impl fmt::Display for Text {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            let signal = match self.0 {
                130 => "interrupted",
                132 => "SIGILL",
                133 => "SIGTRAP",
                134 => "SIGABRT",
                135 => "SIGBUS",
                136 => "SIGFPE",
                137 => "killed",
                139 => "SIGSEGV",
                status => return write!(out, "exit status {status}"),
            };
            write!(out, "exit status {} ({signal})", self.0)
        }
    }
    Text(status)
}
