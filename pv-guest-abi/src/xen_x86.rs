//! x86-64 registers, contexts and fixed addresses (`arch-x86/xen.h`, `arch-x86/xen-x86_64.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use crate::trap::TrapInfo;

/// First linear address of the hypervisor's hole.
#[doc(alias = "__HYPERVISOR_VIRT_START")]
pub const HYPERVISOR_VIRT_START: u64 = 0xffff_8000_0000_0000;
/// Linear address behind the hypervisor's hole.
#[doc(alias = "__HYPERVISOR_VIRT_END")]
pub const HYPERVISOR_VIRT_END: u64 = 0xffff_8800_0000_0000;
/// Linear address of the machine-to-physical table: 8 bytes for each machine frame.
#[doc(alias = "__MACH2PHYS_VIRT_START")]
pub const MACH2PHYS_VIRT_START: u64 = 0xffff_8000_0000_0000;
/// Linear address behind the window of that table.
#[doc(alias = "__MACH2PHYS_VIRT_END")]
pub const MACH2PHYS_VIRT_END: u64 = 0xffff_8040_0000_0000;
/// Entries that fit into the window.
pub const MACH2PHYS_NR_ENTRIES: u64 = (MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 3;
/// Flat 32-bit code, ring 3.
pub const FLAT_RING3_CS32: u16 = 0xe023;
/// Flat 64-bit code, ring 3.
pub const FLAT_RING3_CS64: u16 = 0xe033;
/// Flat data, ring 3.
pub const FLAT_RING3_DS32: u16 = 0xe02b;
/// Data selector in 64-bit mode: null.
pub const FLAT_RING3_DS64: u16 = 0x0000;
/// Flat stack, ring 3.
pub const FLAT_RING3_SS32: u16 = 0xe02b;
/// Flat stack in 64-bit mode.
pub const FLAT_RING3_SS64: u16 = 0xe02b;
/// Kernel's 64-bit code selector, as a guest names it.
pub const FLAT_KERNEL_CS64: u16 = FLAT_RING3_CS64;
/// Kernel's 32-bit code selector.
pub const FLAT_KERNEL_CS32: u16 = FLAT_RING3_CS32;
/// Kernel's code selector.
pub const FLAT_KERNEL_CS: u16 = FLAT_KERNEL_CS64;
/// Kernel's data selector in 64-bit mode.
pub const FLAT_KERNEL_DS64: u16 = FLAT_RING3_DS64;
/// Kernel's 32-bit data selector.
pub const FLAT_KERNEL_DS32: u16 = FLAT_RING3_DS32;
/// Kernel's data selector.
pub const FLAT_KERNEL_DS: u16 = FLAT_KERNEL_DS64;
/// Kernel's stack selector in 64-bit mode.
pub const FLAT_KERNEL_SS64: u16 = FLAT_RING3_SS64;
/// Kernel's 32-bit stack selector.
pub const FLAT_KERNEL_SS32: u16 = FLAT_RING3_SS32;
/// Kernel's stack selector.
pub const FLAT_KERNEL_SS: u16 = FLAT_KERNEL_SS64;
/// User's 64-bit code selector.
pub const FLAT_USER_CS64: u16 = FLAT_RING3_CS64;
/// User's 32-bit code selector.
pub const FLAT_USER_CS32: u16 = FLAT_RING3_CS32;
/// User's code selector.
pub const FLAT_USER_CS: u16 = FLAT_USER_CS64;
/// User's data selector in 64-bit mode.
pub const FLAT_USER_DS64: u16 = FLAT_RING3_DS64;
/// User's 32-bit data selector.
pub const FLAT_USER_DS32: u16 = FLAT_RING3_DS32;
/// User's data selector.
pub const FLAT_USER_DS: u16 = FLAT_USER_DS64;
/// User's stack selector in 64-bit mode.
pub const FLAT_USER_SS64: u16 = FLAT_RING3_SS64;
/// User's 32-bit stack selector.
pub const FLAT_USER_SS32: u16 = FLAT_RING3_SS32;
/// User's stack selector.
pub const FLAT_USER_SS: u16 = FLAT_USER_SS64;
/// First page of a GDT that is not the guest's.
pub const FIRST_RESERVED_GDT_PAGE: u32 = 14;
/// First byte of a GDT that is not the guest's.
pub const FIRST_RESERVED_GDT_BYTE: u32 = FIRST_RESERVED_GDT_PAGE * 4096;
/// First entry of a GDT that is not the guest's.
pub const FIRST_RESERVED_GDT_ENTRY: u32 = FIRST_RESERVED_GDT_BYTE / 8;
/// `set_segment_base`: FS base.
pub const SEGBASE_FS: u32 = 0;
/// `set_segment_base`: GS base of user mode.
pub const SEGBASE_GS_USER: u32 = 1;
/// `set_segment_base`: GS base of kernel mode.
pub const SEGBASE_GS_KERNEL: u32 = 2;
/// `set_segment_base`: GS selector of user mode, in bits 0 to 15.
pub const SEGBASE_GS_USER_SEL: u32 = 3;
/// [`VcpuGuestContext::flags`]: `fpu_ctxt` is valid.
pub const VGCF_I387_VALID: u64 = 1 << 0;
/// [`VcpuGuestContext::flags`]: the vCPU is in kernel mode.
pub const VGCF_IN_KERNEL: u64 = 1 << 2;
/// [`VcpuGuestContext::flags`]: the failsafe callback masks events.
#[doc(alias = "VGCF_failsafe_disables_events")]
pub const VGCF_FAILSAFE_DISABLES_EVENTS: u64 = 1 << 3;
/// [`VcpuGuestContext::flags`]: the syscall callback masks events.
#[doc(alias = "VGCF_syscall_disables_events")]
pub const VGCF_SYSCALL_DISABLES_EVENTS: u64 = 1 << 4;
/// [`VcpuGuestContext::flags`]: the vCPU is up.
#[doc(alias = "VGCF_online")]
pub const VGCF_ONLINE: u64 = 1 << 5;
/// [`IretContext::flags`]: `r11`, `rcx`, `cs` and `ss` need not be restored.
pub const VGCF_IN_SYSCALL: u64 = 1 << 8;
/// I/O port whose writes go to the hypervisor's console for HVM guests.
pub const XEN_HVM_DEBUGCONS_IOPORT: u16 = 0xe9;
/// Bytes that, in front of `cpuid`, ask the hypervisor to emulate it (`XEN_EMULATE_PREFIX`).
pub const EMULATE_PREFIX: [u8; 5] = [0x0f, 0x0b, 0x78, 0x65, 0x6e];
/// The model-specific register to which a guest writes the machine address of its hypercall page.
pub const HYPERCALL_PAGE_MSR: u32 = 0x4000_0000;

/// General registers of a vCPU (200 bytes).
#[doc(alias = "cpu_user_regs")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct CpuUserRegs {
    /// r15.
    pub r15: u64,
    /// r14.
    pub r14: u64,
    /// r13.
    pub r13: u64,
    /// r12.
    pub r12: u64,
    /// rbp.
    pub rbp: u64,
    /// rbx.
    pub rbx: u64,
    /// r11.
    pub r11: u64,
    /// r10.
    pub r10: u64,
    /// r9.
    pub r9: u64,
    /// r8.
    pub r8: u64,
    /// rax.
    pub rax: u64,
    /// rcx.
    pub rcx: u64,
    /// rdx.
    pub rdx: u64,
    /// rsi.
    pub rsi: u64,
    /// rdi.
    pub rdi: u64,
    /// The hypervisor's own.
    pub error_code: u32,
    /// The hypervisor's own.
    pub entry_vector: u32,
    /// rip.
    pub rip: u64,
    /// Code selector.
    pub cs: u16,
    /// Padding; zero.
    pub _pad0: [u8; 2],
    /// The virtual interrupt mask at the time of the entry.
    pub saved_upcall_mask: u8,
    /// Padding; zero.
    pub _pad1: [u8; 3],
    /// rflags; IF is the inverse of `saved_upcall_mask`.
    pub rflags: u64,
    /// rsp.
    pub rsp: u64,
    /// Stack selector.
    pub ss: u16,
    /// Padding; zero.
    pub _pad2: [u8; 6],
    /// es.
    pub es: u16,
    /// Padding; zero.
    pub _pad3: [u8; 6],
    /// ds.
    pub ds: u16,
    /// Padding; zero.
    pub _pad4: [u8; 6],
    /// fs.
    pub fs: u16,
    /// Padding; zero.
    pub _pad5: [u8; 6],
    /// gs.
    pub gs: u16,
    /// Padding; zero.
    pub _pad6: [u8; 6],
}

/// Whole state of a vCPU, for `VCPUOP_initialise` and the vcpucontext domctls (5168 bytes).
#[doc(alias = "vcpu_guest_context")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VcpuGuestContext {
    /// FXSAVE image.
    pub fpu_ctxt: [u8; 512],
    /// `VGCF_*`.
    pub flags: u64,
    /// General registers.
    pub user_regs: CpuUserRegs,
    /// Virtual IDT, by vector.
    pub trap_ctxt: [TrapInfo; 256],
    /// Linear address of the LDT.
    pub ldt_base: u64,
    /// Entries of the LDT.
    pub ldt_ents: u64,
    /// Machine frames of the GDT.
    pub gdt_frames: [u64; 16],
    /// Entries of the GDT.
    pub gdt_ents: u64,
    /// Kernel stack selector.
    pub kernel_ss: u64,
    /// Kernel stack pointer.
    pub kernel_sp: u64,
    /// CR0 to CR7; 3 is the kernel's base pointer, 1 the user's.
    pub ctrlreg: [u64; 8],
    /// DR0 to DR7.
    pub debugreg: [u64; 8],
    /// Address of the event callback.
    pub event_callback_eip: u64,
    /// Address of the failsafe callback.
    pub failsafe_callback_eip: u64,
    /// Address of the system call callback.
    pub syscall_callback_eip: u64,
    /// `VMASST_TYPE_*` bits.
    pub vm_assist: u64,
    /// FS base.
    pub fs_base: u64,
    /// GS base of kernel mode.
    pub gs_base_kernel: u64,
    /// GS base of user mode.
    pub gs_base_user: u64,
}

/// What the `iret` hypercall takes from the kernel's stack; the first field lies at `rsp` (72 bytes).
#[doc(alias = "iret_context")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IretContext {
    /// rax to restore.
    pub rax: u64,
    /// r11 to restore, unless `VGCF_IN_SYSCALL`.
    pub r11: u64,
    /// rcx to restore, unless `VGCF_IN_SYSCALL`.
    pub rcx: u64,
    /// `VGCF_IN_SYSCALL` or 0.
    pub flags: u64,
    /// rip.
    pub rip: u64,
    /// Code selector; its RPL tells kernel (0 to 2) from user (3).
    pub cs: u64,
    /// rflags; IF is put into the virtual interrupt mask.
    pub rflags: u64,
    /// rsp.
    pub rsp: u64,
    /// Stack selector.
    pub ss: u64,
}

/// A CR3 value for a top-level table in this machine frame.
#[doc(alias = "xen_pfn_to_cr3")]
pub const fn pfn_to_cr3(frame: u64) -> u64 {
    frame << 12
}

/// The machine frame of the top-level table in a CR3 value.
#[doc(alias = "xen_cr3_to_pfn")]
pub const fn cr3_to_pfn(cr3: u64) -> u64 {
    cr3 >> 12
}

crate::zeroed_default!(CpuUserRegs, VcpuGuestContext, IretContext);
