//! User mode: a page of code, one of data and one of stack in the lower half.

use core::sync::atomic::{AtomicBool, Ordering};

use pv_guest_abi::hypercall::STACK_SWITCH;
use pv_guest_abi::mmu::{MMUEXT_NEW_USER_BASEPTR, MMUEXT_PIN_L4_TABLE};
use pv_guest_abi::xen_x86::{FLAT_KERNEL_SS, FLAT_USER_CS, FLAT_USER_SS};

use super::hypercall;
use super::mem::{self, A, D, NX, P, PAGE, RW, TABLE, US};
use super::trap::{self, Code, Regs, Start, Trap};

/// Where the user's code lies (read, execute).
pub const CODE: u64 = 0x0040_0000;
/// Where the user's data lies (read, write).
pub const DATA: u64 = 0x0040_1000;
/// End of the user's stack page.
pub const STACK_TOP: u64 = 0x0040_3000;
/// First of the addresses behind the stack; none is mapped.
pub const FREE: u64 = 0x0040_3000;
/// IF and the bit that is always set.
pub const RFLAGS: u64 = 0x202;
/// Bytes that are copied as code.
const CODE_BYTES: usize = 512;

/// Addresses of what makes the user's space.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// L4 of the user base pointer.
    pub user_l4: u64,
    /// Tables below slot 0 of both roots.
    pub l3: u64,
    /// See `l3`.
    pub l2: u64,
    /// See `l3`.
    pub l1: u64,
    /// Kernel's address of the code page.
    pub code: u64,
    /// Kernel's address of the data page.
    pub data: u64,
    /// End of the kernel stack for entries from user mode.
    pub kernel_stack: u64,
}

static READY: AtomicBool = AtomicBool::new(false);
static mut SPACE: Option<Space> = None;

/// The user's space, made at the first use.
pub fn space() -> Space {
    if !READY.swap(true, Ordering::Relaxed) {
        let made = make();
        // SAFETY: the kernel has one thread.
        unsafe { SPACE = Some(made) };
    }
    // SAFETY: as above.
    unsafe { SPACE }.expect("made at the first use")
}

fn make() -> Space {
    let [user_l4, l3, l2, l1, code, data, stack] = core::array::from_fn(|_| mem::page());
    let kernel_stack = mem::pages(4) + 4 * PAGE;
    let page = US | P | A;
    for (address, backing, flags) in [
        (CODE, code, page),
        (DATA, data, page | RW | D | NX),
        (STACK_TOP - PAGE, stack, page | RW | D | NX),
    ] {
        mem::write(l1 + mem::index(address, 1) * 8, mem::entry(backing, flags));
    }
    mem::write(l2 + mem::index(CODE, 2) * 8, mem::entry(l1, TABLE));
    mem::write(l3 + mem::index(CODE, 3) * 8, mem::entry(l2, TABLE));
    mem::write(user_l4, mem::entry(l3, TABLE));
    for table in [l1, l2, l3, user_l4] {
        assert_eq!(mem::freeze(table), 0, "a table is made read-only");
    }
    assert_eq!(
        mem::set_entry(mem::root(), mem::entry(l3, TABLE)),
        0,
        "kernel L4[0]"
    );
    let user_mfn = mem::mfn(user_l4);
    assert_eq!(
        mem::mmuext(MMUEXT_PIN_L4_TABLE, user_mfn, 0),
        0,
        "the user's L4 is pinned"
    );
    assert_eq!(
        mem::mmuext(MMUEXT_NEW_USER_BASEPTR, user_mfn, 0),
        0,
        "user base pointer"
    );
    let switched = hypercall(STACK_SWITCH, &[FLAT_KERNEL_SS.into(), kernel_stack]);
    assert_eq!(switched, 0, "stack_switch");
    Space {
        user_l4,
        l3,
        l2,
        l1,
        code,
        data,
        kernel_stack,
    }
}

/// Puts code into the user's code page; it begins at [`CODE`].
pub fn load(code: Code) {
    let to = space().code as *mut u8;
    // SAFETY: code of probes lies in the kernel's text, far from its end by the stubs of
    // `trap.s`; the page is ours.
    unsafe { core::ptr::copy_nonoverlapping(code as usize as *const u8, to, CODE_BYTES) };
}

/// The start of user code.
pub fn start(code: Code, regs: Regs) -> Start {
    load(code);
    Start {
        regs,
        rip: CODE,
        by_iret: 1,
        cs: FLAT_USER_CS.into(),
        rflags: RFLAGS,
        rsp: STACK_TOP - 64,
        ss: FLAT_USER_SS.into(),
        flags: 0,
    }
}

/// Runs user code until it enters the kernel. Events stay unmasked meanwhile.
pub fn run(code: Code, regs: Regs) -> Trap {
    trap::run(&start(code, regs))
}
