//! Typed hypercalls for a guest kernel (feature `guest`).
//!
//! [`Calls`] has one function for each operation; errors are [`Errno`]s. Its parameter is the [`Gate`] by which
//! the hypervisor is entered: [`Syscall`] executes `syscall` in place, [`HypercallPage`] calls the page that the
//! domain builder filled. A kernel chooses once:
//!
//! ```no_run
//! use pv_guest_abi::call::{Calls, Syscall};
//!
//! type Xen = Calls<Syscall>;
//!
//! fn hello() -> Result<(), pv_guest_abi::Errno> {
//!     Xen::console_write(b"hello\n")
//! }
//! ```
//!
//! A function is `unsafe` where the hypervisor's answer can change what the kernel's own memory or control flow
//! is: page tables, handlers, stacks, pages given away. Arguments are copied by the hypervisor through the
//! caller's page tables, so every structure must be mapped; Rust references always are.
//!
//! [`Calls::raw`] reaches what has no wrapper.

mod control;
mod cpu;
mod event;
mod gate;
mod grant;
mod info;
mod memory;
mod mmu;
mod sched;
mod vcpu;

use core::marker::PhantomData;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::errno::Errno;
use crate::hypercall::Hypercall;

pub use gate::{Gate, HypercallPage, Syscall, hypercall_page};
pub use grant::GrantError;
pub use mmu::Flush;

/// The hypercalls, entered by the gate `G`.
#[derive(Clone, Copy, Debug)]
pub struct Calls<G: Gate>(PhantomData<G>);

impl<G: Gate> Calls<G> {
    /// Any hypercall: number and five arguments; splits the result into a value and an error.
    ///
    /// # Safety
    ///
    /// The hypervisor acts as the ABI says for that number: the caller answers for every address among the
    /// arguments and for the effect on its own memory, handlers and registers. `iret` must not be called so.
    pub unsafe fn raw(call: Hypercall, args: [u64; 5]) -> Result<u64, Errno> {
        // SAFETY: passed on to the caller.
        Errno::check(unsafe { G::enter(call.number(), args) })
    }

    /// A call whose arguments are plain numbers and which only acts on the hypervisor's own state.
    pub(crate) fn plain(call: Hypercall, args: [u64; 5]) -> Result<u64, Errno> {
        // SAFETY: only called by wrappers of operations that neither read nor write guest memory nor change
        // the guest's mappings or control flow.
        unsafe { Self::raw(call, args) }
    }

    /// A call `(command, pointer to an argument structure)`, which the hypervisor may write back.
    pub(crate) fn with<T>(call: Hypercall, command: u32, argument: &mut T) -> Result<u64, Errno>
    where
        T: FromBytes + IntoBytes,
    {
        // SAFETY: the structure is borrowed mutably for the whole call and any bytes are valid for it. Wrappers
        // of operations with other effects on memory are unsafe functions themselves.
        unsafe { Self::raw(call, [command.into(), address_mut(argument), 0, 0, 0]) }
    }

    /// A call `(command, pointer to an argument structure)` which only reads the structure.
    pub(crate) fn with_in<T>(call: Hypercall, command: u32, argument: &T) -> Result<u64, Errno>
    where
        T: IntoBytes + Immutable,
    {
        // SAFETY: the structure is only read, and borrowed for the whole call.
        unsafe { Self::raw(call, [command.into(), address(argument), 0, 0, 0]) }
    }
}

/// The address of a value that the hypervisor reads.
pub(crate) fn address<T: ?Sized>(value: &T) -> u64 {
    core::ptr::from_ref(value).cast::<u8>() as u64
}

/// The address of a value that the hypervisor reads and writes.
pub(crate) fn address_mut<T: ?Sized>(value: &mut T) -> u64 {
    core::ptr::from_mut(value).cast::<u8>() as u64
}
