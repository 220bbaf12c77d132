//! ELF note types by which a kernel describes itself to the domain builder (`elfnote.h`).
//!
//! The notes have the name `"Xen"` and lie in a `PT_NOTE` segment. A number is 4 or 8 bytes wide, a string
//! ends with NUL. With the feature `guest`, the macro `elf_notes!` writes them.

/// The name of every note, without its NUL.
pub const NAME: &str = "Xen";
/// The only accepted value of [`XEN_ELFNOTE_XEN_VERSION`].
pub const XEN_VERSION_3_0: &str = "xen-3.0";

/// `NAME=VALUE` pair (string).
pub const XEN_ELFNOTE_INFO: u32 = 0;
/// Virtual address of the entry point (number).
pub const XEN_ELFNOTE_ENTRY: u32 = 1;
/// Virtual address of the page that the builder fills with hypercall stubs (number).
pub const XEN_ELFNOTE_HYPERCALL_PAGE: u32 = 2;
/// Virtual address at which guest frame 0 is mapped (number, default 0).
pub const XEN_ELFNOTE_VIRT_BASE: u32 = 3;
/// What to subtract from `p_paddr` to get a guest physical address (number, default 0).
pub const XEN_ELFNOTE_PADDR_OFFSET: u32 = 4;
/// The interface that the kernel was made for (string, `"xen-3.0"`).
pub const XEN_ELFNOTE_XEN_VERSION: u32 = 5;
/// Name of the guest operating system (string).
pub const XEN_ELFNOTE_GUEST_OS: u32 = 6;
/// Version of the guest operating system (string).
pub const XEN_ELFNOTE_GUEST_VERSION: u32 = 7;
/// Loader type (string, `"generic"`).
pub const XEN_ELFNOTE_LOADER: u32 = 8;
/// PAE support of a 32-bit kernel (string); no meaning for 64-bit.
pub const XEN_ELFNOTE_PAE_MODE: u32 = 9;
/// Features, separated by `|`; a leading `!` means required (string, see [`features`](crate::features)).
pub const XEN_ELFNOTE_FEATURES: u32 = 10;
/// Whether the symbol table is to be loaded (string, `"yes"`).
pub const XEN_ELFNOTE_BSD_SYMTAB: u32 = 11;
/// Lowest address at which the hypervisor's hole may begin (number).
pub const XEN_ELFNOTE_HV_START_LOW: u32 = 12;
/// Mask and value that tell which non-present L1 entries hold a frame number (pairs of numbers).
pub const XEN_ELFNOTE_L1_MFN_VALID: u32 = 13;
/// Non-zero: a suspend call may return 1, "cancelled" (number).
pub const XEN_ELFNOTE_SUSPEND_CANCEL: u32 = 14;
/// Virtual address at which the builder places the initial p2m list (number).
pub const XEN_ELFNOTE_INIT_P2M: u32 = 15;
/// Non-zero: `mod_start` may be a frame number and the initrd unmapped (number).
pub const XEN_ELFNOTE_MOD_START_PFN: u32 = 16;
/// Features that the kernel supports, as a bit mask (number).
pub const XEN_ELFNOTE_SUPPORTED_FEATURES: u32 = 17;
/// Physical 32-bit entry point for PVH (number).
pub const XEN_ELFNOTE_PHYS32_ENTRY: u32 = 18;
/// The greatest type of a kernel's notes.
pub const XEN_ELFNOTE_MAX: u32 = XEN_ELFNOTE_PHYS32_ENTRY;
/// System information in a crash dump.
pub const XEN_ELFNOTE_CRASH_INFO: u32 = 0x1000001;
/// System registers in a crash dump.
pub const XEN_ELFNOTE_CRASH_REGS: u32 = 0x1000002;
/// Marks a file as a domain core dump.
pub const XEN_ELFNOTE_DUMPCORE_NONE: u32 = 0x2000000;
/// Header of a domain core dump.
pub const XEN_ELFNOTE_DUMPCORE_HEADER: u32 = 0x2000001;
/// Hypervisor version in a domain core dump.
pub const XEN_ELFNOTE_DUMPCORE_XEN_VERSION: u32 = 0x2000002;
/// Format version of a domain core dump.
pub const XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION: u32 = 0x2000003;
