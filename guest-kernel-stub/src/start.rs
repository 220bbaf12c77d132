//! The first instructions, and what the domain builder left for them.

use core::ffi::CStr;
use core::sync::atomic::{AtomicPtr, Ordering};

use pv_guest_abi::features::XENFEAT_DOM0;
use pv_guest_abi::start::{StartFlags, StartInfo};

use crate::memory::{PAGE_SIZE, VIRT_BASE};
use crate::vcpus;

/// Bytes of the stack on which the kernel starts, and on which its main thread stays.
const BOOT_STACK_SIZE: usize = 64 * 1024;

/// The stack. Its lowest page is a guard: `memory::protect_image` unmaps it.
#[repr(C, align(4096))]
struct BootStack([u8; BOOT_STACK_SIZE]);

#[unsafe(no_mangle)]
static mut boot_stack: BootStack = BootStack([0; BOOT_STACK_SIZE]);

// What the kernel says of itself to the domain builder. The notes stand in this file
// because the linker takes an object of the library only for a symbol: `_start`.
pv_guest_abi::elf_notes! {
    GUEST_OS: "xenolith-stub",
    LOADER: "generic",
    XEN_VERSION: "xen-3.0",
    VIRT_BASE: VIRT_BASE,
    PADDR_OFFSET: 0,
    ENTRY: _start,
    HYPERCALL_PAGE: pv_guest_abi::call::hypercall_page,
    HV_START_LOW: 0xffff_8000_0000_0000u64,
    PAE_MODE: "yes",
    FEATURES: "!writable_page_tables|pae_pgdir_above_4gb",
    SUPPORTED_FEATURES: 1u64 << XENFEAT_DOM0,
    L1_MFN_VALID: (1, 1),
    MOD_START_PFN: 1,
}
pv_guest_abi::hypercall_page!();

core::arch::global_asm!(
    include_str!("start.s"),
    BOOT_STACK_SIZE = const BOOT_STACK_SIZE,
    begin = sym begin,
);

unsafe extern "C" {
    /// The first instruction, in `start.s`.
    fn _start() -> !;
}

/// What the domain builder tells the kernel.
pub struct Boot {
    /// The start info page.
    pub info: &'static StartInfo,
    /// End of all that the builder made: kernel, lists, tables, boot stack.
    pub end: u64,
}

impl Boot {
    /// What kind of domain this is, and how some fields are to be read.
    pub fn flags(&self) -> StartFlags {
        StartFlags::from_bits_truncate(self.info.flags)
    }

    /// The kernel's command line, as far as it is text.
    pub fn command_line(&self) -> &'static str {
        let text = CStr::from_bytes_until_nul(&self.info.cmd_line)
            .map_or(&self.info.cmd_line[..], CStr::to_bytes);
        core::str::from_utf8(text).unwrap_or_else(|error| {
            core::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default()
        })
    }

    /// The boot stack's lowest page, which is there to be unmapped.
    pub fn stack_guard() -> u64 {
        &raw const boot_stack as u64
    }
}

unsafe extern "Rust" {
    /// The kernel's own part; the macro [`kernel!`](crate::kernel) makes it.
    safe fn kernel_main(boot: Boot) -> !;
}

/// The start info page, for those who come later.
static INFO: AtomicPtr<StartInfo> = AtomicPtr::new(core::ptr::null_mut());

/// The start info page.
pub fn info() -> &'static StartInfo {
    // SAFETY: `begin` put the page's address there before anything else ran; nobody changes it.
    unsafe { &*INFO.load(Ordering::Relaxed) }
}

/// Machine frame of an address in the image, or in what the builder made.
///
/// Panics for an address elsewhere.
pub fn builder_frame(address: u64) -> u64 {
    let pfn = address.wrapping_sub(VIRT_BASE) / PAGE_SIZE;
    assert!(pfn < info().nr_pages, "{address:#x} is not the builder's");
    // SAFETY: start info gives address and length of the list.
    unsafe { (info().mfn_list as *const u64).add(pfn as usize).read() }
}

/// From here on it is Rust. `end` is where the builder's boot stack began.
extern "C" fn begin(info: &'static StartInfo, end: u64) -> ! {
    INFO.store(core::ptr::from_ref(info).cast_mut(), Ordering::Relaxed);
    vcpus::adopt_first().expect("the hypervisor sets our GS base");
    kernel_main(Boot { info, end })
}

/// Names the function in which a kernel begins: `kernel!(main);` with `fn main(boot: Boot) -> !`.
#[macro_export]
macro_rules! kernel {
    ($main:path) => {
        #[unsafe(no_mangle)]
        fn kernel_main(boot: $crate::start::Boot) -> ! {
            $main(boot)
        }
    };
}
