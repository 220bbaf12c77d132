//! Hypercall numbers (`xen.h`) and the enumeration over them.
//!
//! The number goes into `eax`, the arguments into `rdi`, `rsi`, `rdx`, `r10` and `r8`; the result comes
//! back in `rax`, negative for an [`Errno`]. `rcx` and `r11` are lost, every other register is kept.

use crate::errno::Errno;

/// Replaces the virtual IDT of the calling vCPU.
#[doc(alias = "__HYPERVISOR_set_trap_table")]
pub const SET_TRAP_TABLE: u32 = 0;
/// Checked writes of page-table entries and of the M2P.
#[doc(alias = "__HYPERVISOR_mmu_update")]
pub const MMU_UPDATE: u32 = 1;
/// Sets the frames of the guest's GDT.
#[doc(alias = "__HYPERVISOR_set_gdt")]
pub const SET_GDT: u32 = 2;
/// Sets the kernel stack (ring-0 stack of the virtual TSS).
#[doc(alias = "__HYPERVISOR_stack_switch")]
pub const STACK_SWITCH: u32 = 3;
/// Registers event, failsafe and syscall callbacks (old form of `callback_op`).
#[doc(alias = "__HYPERVISOR_set_callbacks")]
pub const SET_CALLBACKS: u32 = 4;
/// Sets or clears the virtual CR0.TS.
#[doc(alias = "__HYPERVISOR_fpu_taskswitch")]
pub const FPU_TASKSWITCH: u32 = 5;
/// Scheduler operations, form before 0x00030101.
#[doc(alias = "__HYPERVISOR_sched_op_compat")]
pub const SCHED_OP_COMPAT: u32 = 6;
/// Operations on the machine, for the control domain.
#[doc(alias = "__HYPERVISOR_platform_op")]
pub const PLATFORM_OP: u32 = 7;
/// Sets a virtual debug register.
#[doc(alias = "__HYPERVISOR_set_debugreg")]
pub const SET_DEBUGREG: u32 = 8;
/// Reads a virtual debug register.
#[doc(alias = "__HYPERVISOR_get_debugreg")]
pub const GET_DEBUGREG: u32 = 9;
/// Writes one descriptor of a GDT or LDT page.
#[doc(alias = "__HYPERVISOR_update_descriptor")]
pub const UPDATE_DESCRIPTOR: u32 = 10;
/// Memory reservation and information.
#[doc(alias = "__HYPERVISOR_memory_op")]
pub const MEMORY_OP: u32 = 12;
/// Runs a list of hypercalls.
#[doc(alias = "__HYPERVISOR_multicall")]
pub const MULTICALL: u32 = 13;
/// Writes the L1 entry which maps a virtual address.
#[doc(alias = "__HYPERVISOR_update_va_mapping")]
pub const UPDATE_VA_MAPPING: u32 = 14;
/// Sets the one-shot timer of the calling vCPU.
#[doc(alias = "__HYPERVISOR_set_timer_op")]
pub const SET_TIMER_OP: u32 = 15;
/// Event channel operations, form before 0x00030202.
#[doc(alias = "__HYPERVISOR_event_channel_op_compat")]
pub const EVENT_CHANNEL_OP_COMPAT: u32 = 16;
/// Version, features and build information.
#[doc(alias = "__HYPERVISOR_xen_version")]
pub const XEN_VERSION: u32 = 17;
/// Hypervisor console input and output.
#[doc(alias = "__HYPERVISOR_console_io")]
pub const CONSOLE_IO: u32 = 18;
/// Physical device operations, form before 0x00030202.
#[doc(alias = "__HYPERVISOR_physdev_op_compat")]
pub const PHYSDEV_OP_COMPAT: u32 = 19;
/// Grant table operations.
#[doc(alias = "__HYPERVISOR_grant_table_op")]
pub const GRANT_TABLE_OP: u32 = 20;
/// Enables or disables a run-time assistance.
#[doc(alias = "__HYPERVISOR_vm_assist")]
pub const VM_ASSIST: u32 = 21;
/// As `update_va_mapping`, mapping another domain's frame.
#[doc(alias = "__HYPERVISOR_update_va_mapping_otherdomain")]
pub const UPDATE_VA_MAPPING_OTHERDOMAIN: u32 = 22;
/// Returns to the context in an `IretContext` on the stack.
#[doc(alias = "__HYPERVISOR_iret")]
pub const IRET: u32 = 23;
/// Operations on a vCPU of the calling domain.
#[doc(alias = "__HYPERVISOR_vcpu_op")]
pub const VCPU_OP: u32 = 24;
/// Sets the FS or GS base.
#[doc(alias = "__HYPERVISOR_set_segment_base")]
pub const SET_SEGMENT_BASE: u32 = 25;
/// Pins tables, switches base pointers, flushes TLBs and caches.
#[doc(alias = "__HYPERVISOR_mmuext_op")]
pub const MMUEXT_OP: u32 = 26;
/// Security module operations.
#[doc(alias = "__HYPERVISOR_xsm_op")]
pub const XSM_OP: u32 = 27;
/// Registers an NMI callback.
#[doc(alias = "__HYPERVISOR_nmi_op")]
pub const NMI_OP: u32 = 28;
/// Yield, block, poll, shut down.
#[doc(alias = "__HYPERVISOR_sched_op")]
pub const SCHED_OP: u32 = 29;
/// Registers or unregisters a callback.
#[doc(alias = "__HYPERVISOR_callback_op")]
pub const CALLBACK_OP: u32 = 30;
/// Profiling (obsolete).
#[doc(alias = "__HYPERVISOR_xenoprof_op")]
pub const XENOPROF_OP: u32 = 31;
/// Event channel operations.
#[doc(alias = "__HYPERVISOR_event_channel_op")]
pub const EVENT_CHANNEL_OP: u32 = 32;
/// Interrupts and PCI devices.
#[doc(alias = "__HYPERVISOR_physdev_op")]
pub const PHYSDEV_OP: u32 = 33;
/// Operations on HVM domains.
#[doc(alias = "__HYPERVISOR_hvm_op")]
pub const HVM_OP: u32 = 34;
/// Operations on the whole system, for the toolstack.
#[doc(alias = "__HYPERVISOR_sysctl")]
pub const SYSCTL: u32 = 35;
/// Operations on a domain, for the toolstack.
#[doc(alias = "__HYPERVISOR_domctl")]
pub const DOMCTL: u32 = 36;
/// Loads and starts a crash kernel.
#[doc(alias = "__HYPERVISOR_kexec_op")]
pub const KEXEC_OP: u32 = 37;
/// Transcendent memory (removed).
#[doc(alias = "__HYPERVISOR_tmem_op")]
pub const TMEM_OP: u32 = 38;
/// Argo inter-domain messages.
#[doc(alias = "__HYPERVISOR_argo_op")]
pub const ARGO_OP: u32 = 39;
/// Virtual performance counters.
#[doc(alias = "__HYPERVISOR_xenpmu_op")]
pub const XENPMU_OP: u32 = 40;
/// Device model operations.
#[doc(alias = "__HYPERVISOR_dm_op")]
pub const DM_OP: u32 = 41;
/// Hypervisor file system.
#[doc(alias = "__HYPERVISOR_hypfs_op")]
pub const HYPFS_OP: u32 = 42;
/// Architecture-specific slot 0 (x86: machine check, `do_mca`).
#[doc(alias = "__HYPERVISOR_arch_0")]
pub const ARCH_0: u32 = 48;
/// Architecture-specific slot 1.
#[doc(alias = "__HYPERVISOR_arch_1")]
pub const ARCH_1: u32 = 49;
/// Architecture-specific slot 2.
#[doc(alias = "__HYPERVISOR_arch_2")]
pub const ARCH_2: u32 = 50;
/// Architecture-specific slot 3.
#[doc(alias = "__HYPERVISOR_arch_3")]
pub const ARCH_3: u32 = 51;
/// Architecture-specific slot 4.
#[doc(alias = "__HYPERVISOR_arch_4")]
pub const ARCH_4: u32 = 52;
/// Architecture-specific slot 5.
#[doc(alias = "__HYPERVISOR_arch_5")]
pub const ARCH_5: u32 = 53;
/// Architecture-specific slot 6.
#[doc(alias = "__HYPERVISOR_arch_6")]
pub const ARCH_6: u32 = 54;
/// Architecture-specific slot 7.
#[doc(alias = "__HYPERVISOR_arch_7")]
pub const ARCH_7: u32 = 55;

/// Slots in a hypercall page: one more than the greatest number with a stub.
pub const PAGE_SLOTS: usize = 128;
/// Size of one stub in a hypercall page, in bytes.
pub const PAGE_STUB_SIZE: usize = 32;

/// Makes the enumeration from pairs of a variant and its constant.
macro_rules! hypercalls {
    ($($variant:ident = $number:ident $name:literal,)*) => {
        /// A hypercall that has a number in the public ABI.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u32)]
        pub enum Hypercall {
            $(
                #[doc = concat!("[`", stringify!($number), "`].")]
                $variant = $number,
            )*
        }

        impl Hypercall {
            /// Every hypercall, in the order of the numbers.
            pub const ALL: &'static [Hypercall] = &[$(Hypercall::$variant),*];

            /// The C name without its `__HYPERVISOR_` prefix.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Hypercall::$variant => $name,)*
                }
            }
        }

        impl TryFrom<u32> for Hypercall {
            type Error = Errno;

            /// Fails with [`Errno::ENOSYS`], the answer that a guest gets for an unknown number.
            fn try_from(number: u32) -> Result<Self, Errno> {
                match number {
                    $($number => Ok(Hypercall::$variant),)*
                    _ => Err(Errno::ENOSYS),
                }
            }
        }
    };
}

hypercalls! {
    SetTrapTable = SET_TRAP_TABLE "set_trap_table",
    MmuUpdate = MMU_UPDATE "mmu_update",
    SetGdt = SET_GDT "set_gdt",
    StackSwitch = STACK_SWITCH "stack_switch",
    SetCallbacks = SET_CALLBACKS "set_callbacks",
    FpuTaskswitch = FPU_TASKSWITCH "fpu_taskswitch",
    SchedOpCompat = SCHED_OP_COMPAT "sched_op_compat",
    PlatformOp = PLATFORM_OP "platform_op",
    SetDebugreg = SET_DEBUGREG "set_debugreg",
    GetDebugreg = GET_DEBUGREG "get_debugreg",
    UpdateDescriptor = UPDATE_DESCRIPTOR "update_descriptor",
    MemoryOp = MEMORY_OP "memory_op",
    Multicall = MULTICALL "multicall",
    UpdateVaMapping = UPDATE_VA_MAPPING "update_va_mapping",
    SetTimerOp = SET_TIMER_OP "set_timer_op",
    EventChannelOpCompat = EVENT_CHANNEL_OP_COMPAT "event_channel_op_compat",
    XenVersion = XEN_VERSION "xen_version",
    ConsoleIo = CONSOLE_IO "console_io",
    PhysdevOpCompat = PHYSDEV_OP_COMPAT "physdev_op_compat",
    GrantTableOp = GRANT_TABLE_OP "grant_table_op",
    VmAssist = VM_ASSIST "vm_assist",
    UpdateVaMappingOtherdomain = UPDATE_VA_MAPPING_OTHERDOMAIN "update_va_mapping_otherdomain",
    Iret = IRET "iret",
    VcpuOp = VCPU_OP "vcpu_op",
    SetSegmentBase = SET_SEGMENT_BASE "set_segment_base",
    MmuextOp = MMUEXT_OP "mmuext_op",
    XsmOp = XSM_OP "xsm_op",
    NmiOp = NMI_OP "nmi_op",
    SchedOp = SCHED_OP "sched_op",
    CallbackOp = CALLBACK_OP "callback_op",
    XenoprofOp = XENOPROF_OP "xenoprof_op",
    EventChannelOp = EVENT_CHANNEL_OP "event_channel_op",
    PhysdevOp = PHYSDEV_OP "physdev_op",
    HvmOp = HVM_OP "hvm_op",
    Sysctl = SYSCTL "sysctl",
    Domctl = DOMCTL "domctl",
    KexecOp = KEXEC_OP "kexec_op",
    TmemOp = TMEM_OP "tmem_op",
    ArgoOp = ARGO_OP "argo_op",
    XenpmuOp = XENPMU_OP "xenpmu_op",
    DmOp = DM_OP "dm_op",
    HypfsOp = HYPFS_OP "hypfs_op",
    Arch0 = ARCH_0 "arch_0",
    Arch1 = ARCH_1 "arch_1",
    Arch2 = ARCH_2 "arch_2",
    Arch3 = ARCH_3 "arch_3",
    Arch4 = ARCH_4 "arch_4",
    Arch5 = ARCH_5 "arch_5",
    Arch6 = ARCH_6 "arch_6",
    Arch7 = ARCH_7 "arch_7",
}

impl Hypercall {
    /// The number, as it goes into `eax`.
    pub const fn number(self) -> u32 {
        self as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_names_one_hypercall() {
        for &call in Hypercall::ALL {
            assert_eq!(
                Hypercall::try_from(call.number()),
                Ok(call),
                "{}",
                call.name()
            );
        }
        let named = (0..=1024)
            .filter(|&n| Hypercall::try_from(n).is_ok())
            .count();
        assert_eq!(named, Hypercall::ALL.len());
        assert_eq!(Hypercall::try_from(11), Err(Errno::ENOSYS));
    }
}
