//! Operations on a domain, for the toolstack: `domctl` (`domctl.h`).
//!
//! The argument of the hypercall is the guest address of a [`Domctl`], which is written back. A hypervisor
//! refuses another interface version than its own with `EACCES`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub mod create;
pub mod debug;
pub mod device;
pub mod memory;
pub mod vcpu;

pub use create::*;
pub use debug::*;
pub use device::*;
pub use memory::*;
pub use vcpu::*;

/// The interface version of this crate.
pub const XEN_DOMCTL_INTERFACE_VERSION: u32 = 0x15;
/// Create; [`DomctlCreatedomain`]; the number in `domain`, or 0 for any, is written back.
#[doc(alias = "XEN_DOMCTL_createdomain")]
pub const XEN_DOMCTL_CREATEDOMAIN: u32 = 1;
/// Destroy; no payload. `EAGAIN`-like continuations are hidden from the caller.
#[doc(alias = "XEN_DOMCTL_destroydomain")]
pub const XEN_DOMCTL_DESTROYDOMAIN: u32 = 2;
/// Pause; no payload.
#[doc(alias = "XEN_DOMCTL_pausedomain")]
pub const XEN_DOMCTL_PAUSEDOMAIN: u32 = 3;
/// Unpause; no payload.
#[doc(alias = "XEN_DOMCTL_unpausedomain")]
pub const XEN_DOMCTL_UNPAUSEDOMAIN: u32 = 4;
/// The domain with this number or the next one; [`DomctlGetdomaininfo`].
#[doc(alias = "XEN_DOMCTL_getdomaininfo")]
pub const XEN_DOMCTL_GETDOMAININFO: u32 = 5;
/// [`DomctlVcpuaffinity`].
#[doc(alias = "XEN_DOMCTL_setvcpuaffinity")]
pub const XEN_DOMCTL_SETVCPUAFFINITY: u32 = 9;
/// Log-dirty and paging memory; [`DomctlShadowOp`].
#[doc(alias = "XEN_DOMCTL_shadow_op")]
pub const XEN_DOMCTL_SHADOW_OP: u32 = 10;
/// [`DomctlMaxMem`].
#[doc(alias = "XEN_DOMCTL_max_mem")]
pub const XEN_DOMCTL_MAX_MEM: u32 = 11;
/// [`DomctlVcpucontext`].
#[doc(alias = "XEN_DOMCTL_setvcpucontext")]
pub const XEN_DOMCTL_SETVCPUCONTEXT: u32 = 12;
/// [`DomctlVcpucontext`].
#[doc(alias = "XEN_DOMCTL_getvcpucontext")]
pub const XEN_DOMCTL_GETVCPUCONTEXT: u32 = 13;
/// [`DomctlGetvcpuinfo`].
#[doc(alias = "XEN_DOMCTL_getvcpuinfo")]
pub const XEN_DOMCTL_GETVCPUINFO: u32 = 14;
/// [`DomctlMaxVcpus`].
#[doc(alias = "XEN_DOMCTL_max_vcpus")]
pub const XEN_DOMCTL_MAX_VCPUS: u32 = 15;
/// [`DomctlSchedulerOp`].
#[doc(alias = "XEN_DOMCTL_scheduler_op")]
pub const XEN_DOMCTL_SCHEDULER_OP: u32 = 16;
/// [`DomctlSetdomainhandle`].
#[doc(alias = "XEN_DOMCTL_setdomainhandle")]
pub const XEN_DOMCTL_SETDOMAINHANDLE: u32 = 17;
/// [`DomctlSetdebugging`].
#[doc(alias = "XEN_DOMCTL_setdebugging")]
pub const XEN_DOMCTL_SETDEBUGGING: u32 = 18;
/// [`DomctlIrqPermission`].
#[doc(alias = "XEN_DOMCTL_irq_permission")]
pub const XEN_DOMCTL_IRQ_PERMISSION: u32 = 19;
/// [`DomctlIomemPermission`].
#[doc(alias = "XEN_DOMCTL_iomem_permission")]
pub const XEN_DOMCTL_IOMEM_PERMISSION: u32 = 20;
/// [`DomctlIoportPermission`].
#[doc(alias = "XEN_DOMCTL_ioport_permission")]
pub const XEN_DOMCTL_IOPORT_PERMISSION: u32 = 21;
/// Fill a hypercall page; [`DomctlHypercallInit`].
#[doc(alias = "XEN_DOMCTL_hypercall_init")]
pub const XEN_DOMCTL_HYPERCALL_INIT: u32 = 22;
/// [`DomctlSettimeoffset`].
#[doc(alias = "XEN_DOMCTL_settimeoffset")]
pub const XEN_DOMCTL_SETTIMEOFFSET: u32 = 24;
/// [`DomctlVcpuaffinity`].
#[doc(alias = "XEN_DOMCTL_getvcpuaffinity")]
pub const XEN_DOMCTL_GETVCPUAFFINITY: u32 = 25;
/// Not on x86; no payload.
#[doc(alias = "XEN_DOMCTL_real_mode_area")]
pub const XEN_DOMCTL_REAL_MODE_AREA: u32 = 26;
/// Resume after a shutdown for suspend; no payload.
#[doc(alias = "XEN_DOMCTL_resumedomain")]
pub const XEN_DOMCTL_RESUMEDOMAIN: u32 = 27;
/// [`DomctlSendtrigger`].
#[doc(alias = "XEN_DOMCTL_sendtrigger")]
pub const XEN_DOMCTL_SENDTRIGGER: u32 = 28;
/// [`DomctlSubscribe`].
#[doc(alias = "XEN_DOMCTL_subscribe")]
pub const XEN_DOMCTL_SUBSCRIBE: u32 = 29;
/// [`DomctlHvmcontext`].
#[doc(alias = "XEN_DOMCTL_gethvmcontext")]
pub const XEN_DOMCTL_GETHVMCONTEXT: u32 = 33;
/// [`DomctlHvmcontext`].
#[doc(alias = "XEN_DOMCTL_sethvmcontext")]
pub const XEN_DOMCTL_SETHVMCONTEXT: u32 = 34;
/// [`DomctlAddressSize`].
#[doc(alias = "XEN_DOMCTL_set_address_size")]
pub const XEN_DOMCTL_SET_ADDRESS_SIZE: u32 = 35;
/// [`DomctlAddressSize`].
#[doc(alias = "XEN_DOMCTL_get_address_size")]
pub const XEN_DOMCTL_GET_ADDRESS_SIZE: u32 = 36;
/// [`DomctlAssignDevice`].
#[doc(alias = "XEN_DOMCTL_assign_device")]
pub const XEN_DOMCTL_ASSIGN_DEVICE: u32 = 37;
/// [`DomctlBindPtIrq`].
#[doc(alias = "XEN_DOMCTL_bind_pt_irq")]
pub const XEN_DOMCTL_BIND_PT_IRQ: u32 = 38;
/// [`DomctlMemoryMapping`].
#[doc(alias = "XEN_DOMCTL_memory_mapping")]
pub const XEN_DOMCTL_MEMORY_MAPPING: u32 = 39;
/// [`DomctlIoportMapping`].
#[doc(alias = "XEN_DOMCTL_ioport_mapping")]
pub const XEN_DOMCTL_IOPORT_MAPPING: u32 = 40;
/// [`DomctlExtVcpucontext`].
#[doc(alias = "XEN_DOMCTL_set_ext_vcpucontext")]
pub const XEN_DOMCTL_SET_EXT_VCPUCONTEXT: u32 = 42;
/// [`DomctlExtVcpucontext`].
#[doc(alias = "XEN_DOMCTL_get_ext_vcpucontext")]
pub const XEN_DOMCTL_GET_EXT_VCPUCONTEXT: u32 = 43;
/// Not on x86; no payload.
#[doc(alias = "XEN_DOMCTL_set_opt_feature")]
pub const XEN_DOMCTL_SET_OPT_FEATURE: u32 = 44;
/// [`DomctlAssignDevice`].
#[doc(alias = "XEN_DOMCTL_test_assign_device")]
pub const XEN_DOMCTL_TEST_ASSIGN_DEVICE: u32 = 45;
/// [`DomctlSetTarget`].
#[doc(alias = "XEN_DOMCTL_set_target")]
pub const XEN_DOMCTL_SET_TARGET: u32 = 46;
/// [`DomctlAssignDevice`].
#[doc(alias = "XEN_DOMCTL_deassign_device")]
pub const XEN_DOMCTL_DEASSIGN_DEVICE: u32 = 47;
/// [`DomctlBindPtIrq`].
#[doc(alias = "XEN_DOMCTL_unbind_pt_irq")]
pub const XEN_DOMCTL_UNBIND_PT_IRQ: u32 = 48;
/// [`DomctlGetDeviceGroup`].
#[doc(alias = "XEN_DOMCTL_get_device_group")]
pub const XEN_DOMCTL_GET_DEVICE_GROUP: u32 = 50;
/// [`DomctlDebugOp`].
#[doc(alias = "XEN_DOMCTL_debug_op")]
pub const XEN_DOMCTL_DEBUG_OP: u32 = 54;
/// [`DomctlHvmcontextPartial`].
#[doc(alias = "XEN_DOMCTL_gethvmcontext_partial")]
pub const XEN_DOMCTL_GETHVMCONTEXT_PARTIAL: u32 = 55;
/// [`DomctlVmEventOp`].
#[doc(alias = "XEN_DOMCTL_vm_event_op")]
pub const XEN_DOMCTL_VM_EVENT_OP: u32 = 56;
/// [`DomctlMemSharingOp`].
#[doc(alias = "XEN_DOMCTL_mem_sharing_op")]
pub const XEN_DOMCTL_MEM_SHARING_OP: u32 = 57;
/// [`DomctlTscInfo`].
#[doc(alias = "XEN_DOMCTL_gettscinfo")]
pub const XEN_DOMCTL_GETTSCINFO: u32 = 59;
/// [`DomctlTscInfo`].
#[doc(alias = "XEN_DOMCTL_settscinfo")]
pub const XEN_DOMCTL_SETTSCINFO: u32 = 60;
/// [`DomctlGetpageframeinfo3`].
#[doc(alias = "XEN_DOMCTL_getpageframeinfo3")]
pub const XEN_DOMCTL_GETPAGEFRAMEINFO3: u32 = 61;
/// [`DomctlVcpuextstate`].
#[doc(alias = "XEN_DOMCTL_setvcpuextstate")]
pub const XEN_DOMCTL_SETVCPUEXTSTATE: u32 = 62;
/// [`DomctlVcpuextstate`].
#[doc(alias = "XEN_DOMCTL_getvcpuextstate")]
pub const XEN_DOMCTL_GETVCPUEXTSTATE: u32 = 63;
/// [`DomctlSetAccessRequired`].
#[doc(alias = "XEN_DOMCTL_set_access_required")]
pub const XEN_DOMCTL_SET_ACCESS_REQUIRED: u32 = 64;
/// [`DomctlAuditP2m`].
#[doc(alias = "XEN_DOMCTL_audit_p2m")]
pub const XEN_DOMCTL_AUDIT_P2M: u32 = 65;
/// [`DomctlSetVirqHandler`].
#[doc(alias = "XEN_DOMCTL_set_virq_handler")]
pub const XEN_DOMCTL_SET_VIRQ_HANDLER: u32 = 66;
/// [`DomctlSetBrokenPageP2m`].
#[doc(alias = "XEN_DOMCTL_set_broken_page_p2m")]
pub const XEN_DOMCTL_SET_BROKEN_PAGE_P2M: u32 = 67;
/// [`DomctlNodeaffinity`].
#[doc(alias = "XEN_DOMCTL_setnodeaffinity")]
pub const XEN_DOMCTL_SETNODEAFFINITY: u32 = 68;
/// [`DomctlNodeaffinity`].
#[doc(alias = "XEN_DOMCTL_getnodeaffinity")]
pub const XEN_DOMCTL_GETNODEAFFINITY: u32 = 69;
/// [`DomctlCacheflush`].
#[doc(alias = "XEN_DOMCTL_cacheflush")]
pub const XEN_DOMCTL_CACHEFLUSH: u32 = 71;
/// [`DomctlVcpuMsrs`].
#[doc(alias = "XEN_DOMCTL_get_vcpu_msrs")]
pub const XEN_DOMCTL_GET_VCPU_MSRS: u32 = 72;
/// [`DomctlVcpuMsrs`].
#[doc(alias = "XEN_DOMCTL_set_vcpu_msrs")]
pub const XEN_DOMCTL_SET_VCPU_MSRS: u32 = 73;
/// [`DomctlVnuma`].
#[doc(alias = "XEN_DOMCTL_setvnumainfo")]
pub const XEN_DOMCTL_SETVNUMAINFO: u32 = 74;
/// [`DomctlPsrCmtOp`].
#[doc(alias = "XEN_DOMCTL_psr_cmt_op")]
pub const XEN_DOMCTL_PSR_CMT_OP: u32 = 75;
/// [`DomctlMonitorOp`].
#[doc(alias = "XEN_DOMCTL_monitor_op")]
pub const XEN_DOMCTL_MONITOR_OP: u32 = 77;
/// [`DomctlPsrAlloc`].
#[doc(alias = "XEN_DOMCTL_psr_alloc")]
pub const XEN_DOMCTL_PSR_ALLOC: u32 = 78;
/// No payload.
#[doc(alias = "XEN_DOMCTL_soft_reset")]
pub const XEN_DOMCTL_SOFT_RESET: u32 = 79;
/// [`DomctlVuartOp`].
#[doc(alias = "XEN_DOMCTL_vuart_op")]
pub const XEN_DOMCTL_VUART_OP: u32 = 81;
/// [`DomctlCpuPolicy`].
#[doc(alias = "XEN_DOMCTL_get_cpu_policy")]
pub const XEN_DOMCTL_GET_CPU_POLICY: u32 = 82;
/// [`DomctlCpuPolicy`].
#[doc(alias = "XEN_DOMCTL_set_cpu_policy")]
pub const XEN_DOMCTL_SET_CPU_POLICY: u32 = 83;
/// [`DomctlVmtraceOp`].
#[doc(alias = "XEN_DOMCTL_vmtrace_op")]
pub const XEN_DOMCTL_VMTRACE_OP: u32 = 84;
/// [`DomctlPagingMempool`].
#[doc(alias = "XEN_DOMCTL_get_paging_mempool_size")]
pub const XEN_DOMCTL_GET_PAGING_MEMPOOL_SIZE: u32 = 85;
/// [`DomctlPagingMempool`].
#[doc(alias = "XEN_DOMCTL_set_paging_mempool_size")]
pub const XEN_DOMCTL_SET_PAGING_MEMPOOL_SIZE: u32 = 86;
/// [`DomctlGdbsxMemio`].
#[doc(alias = "XEN_DOMCTL_gdbsx_guestmemio")]
pub const XEN_DOMCTL_GDBSX_GUESTMEMIO: u32 = 1000;
/// [`DomctlGdbsxPauseunpVcpu`].
#[doc(alias = "XEN_DOMCTL_gdbsx_pausevcpu")]
pub const XEN_DOMCTL_GDBSX_PAUSEVCPU: u32 = 1001;
/// [`DomctlGdbsxPauseunpVcpu`].
#[doc(alias = "XEN_DOMCTL_gdbsx_unpausevcpu")]
pub const XEN_DOMCTL_GDBSX_UNPAUSEVCPU: u32 = 1002;
/// [`DomctlGdbsxDomstatus`].
#[doc(alias = "XEN_DOMCTL_gdbsx_domstatus")]
pub const XEN_DOMCTL_GDBSX_DOMSTATUS: u32 = 1003;

/// Argument of the hypercall `domctl` (144 bytes).
#[doc(alias = "xen_domctl")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Domctl {
    /// `XEN_DOMCTL_*`.
    pub cmd: u32,
    /// `XEN_DOMCTL_INTERFACE_VERSION`.
    pub interface_version: u32,
    /// The domain.
    pub domain: u16,
    /// Zero.
    pub _pad: [u16; 3],
    /// The payload of the command.
    pub u: [u64; 16],
}

/// A bitmap of a caller's, of any length.
#[doc(alias = "xenctl_bitmap")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct CtlBitmap {
    /// Guest address of the bytes, least significant bit first.
    pub bitmap: u64,
    /// Number of bits.
    pub nr_bits: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
}

impl Domctl {
    /// An operation of this interface version, without payload.
    pub const fn new(cmd: u32, domain: u16) -> Domctl {
        let interface_version = XEN_DOMCTL_INTERFACE_VERSION;
        Domctl {
            cmd,
            interface_version,
            domain,
            _pad: [0; 3],
            u: [0; 16],
        }
    }

    /// The same operation with this payload.
    pub fn with<T: IntoBytes + Immutable>(mut self, payload: &T) -> Domctl {
        self.set_payload(payload);
        self
    }

    /// The payload, read as the structure of the command.
    pub fn payload<T: FromBytes>(&self) -> T {
        crate::payload::read(&self.u)
    }

    /// Writes the payload.
    pub fn set_payload<T: IntoBytes + Immutable>(&mut self, payload: &T) {
        crate::payload::write(&mut self.u, payload);
    }
}

crate::zeroed_default!(Domctl, CtlBitmap);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_comes_back() {
        let op = Domctl::new(XEN_DOMCTL_MAX_MEM, 7).with(&DomctlMaxMem { max_memkb: 4096 });
        assert_eq!(op.payload::<DomctlMaxMem>().max_memkb, 4096);
        assert_eq!(op.interface_version, 0x15);
    }
}
