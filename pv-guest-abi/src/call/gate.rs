//! The two ways into the hypervisor.

use core::arch::asm;

/// A way to enter the hypervisor.
pub trait Gate {
    /// Enters the hypervisor with a hypercall number and arguments; returns the raw result.
    ///
    /// # Safety
    ///
    /// As for [`Calls::raw`](super::Calls::raw).
    unsafe fn enter(number: u32, args: [u64; 5]) -> i64;
}

/// Enters by a `syscall` instruction at the place of the call. Needs no preparation.
#[derive(Clone, Copy, Debug)]
pub enum Syscall {}

/// Enters through the hypercall page, [`hypercall_page`].
///
/// The kernel provides the page with [`hypercall_page!`](crate::hypercall_page!) and has it filled, by the ELF
/// note `HYPERCALL_PAGE` or by writing the page's machine address to
/// [`HYPERCALL_PAGE_MSR`](crate::xen_x86::HYPERCALL_PAGE_MSR).
#[derive(Clone, Copy, Debug)]
pub enum HypercallPage {}

unsafe extern "C" {
    /// The page of hypercall stubs, provided by [`hypercall_page!`](crate::hypercall_page!).
    pub static hypercall_page: [u8; 4096];
}

impl Gate for Syscall {
    #[inline]
    unsafe fn enter(number: u32, args: [u64; 5]) -> i64 {
        let result: i64;
        // SAFETY: SYSCALL changes rax, rcx, r11 and what the caller answers for. The arguments are declared as
        // lost, because the ABI allows it.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") i64::from(number) => result,
                inlateout("rdi") args[0] => _,
                inlateout("rsi") args[1] => _,
                inlateout("rdx") args[2] => _,
                inlateout("r10") args[3] => _,
                inlateout("r8") args[4] => _,
                out("rcx") _,
                out("r11") _,
            );
        }
        result
    }
}

impl Gate for HypercallPage {
    #[inline]
    unsafe fn enter(number: u32, args: [u64; 5]) -> i64 {
        let result: i64;
        let stub = (&raw const hypercall_page) as u64
            + u64::from(number) * crate::hypercall::PAGE_STUB_SIZE as u64;
        // SAFETY: the stub of this number is a function that loads eax and enters the hypervisor; it uses three
        // words of stack, which asm! blocks may.
        unsafe {
            asm!(
                "call rax",
                inlateout("rax") stub => result,
                inlateout("rdi") args[0] => _,
                inlateout("rsi") args[1] => _,
                inlateout("rdx") args[2] => _,
                inlateout("r10") args[3] => _,
                inlateout("r8") args[4] => _,
                out("rcx") _,
                out("r11") _,
            );
        }
        result
    }
}
