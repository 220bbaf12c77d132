//! Debugging, introspection, resource control and tracing of a domain.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`DomctlDebugOp::op`]: off.
pub const XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_OFF: u32 = 0;
/// [`DomctlDebugOp::op`]: on.
pub const XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_ON: u32 = 1;
/// [`DomctlVmEventOp::op`]: enable.
pub const XEN_VM_EVENT_ENABLE: u32 = 0;
/// [`DomctlVmEventOp::op`]: disable.
pub const XEN_VM_EVENT_DISABLE: u32 = 1;
/// [`DomctlVmEventOp::op`]: answers are in the ring.
pub const XEN_VM_EVENT_RESUME: u32 = 2;
/// [`DomctlVmEventOp::op`]: interface version.
pub const XEN_VM_EVENT_GET_VERSION: u32 = 3;
/// [`DomctlVmEventOp::mode`]: paging.
pub const XEN_DOMCTL_VM_EVENT_OP_PAGING: u32 = 1;
/// [`DomctlVmEventOp::mode`]: monitor.
pub const XEN_DOMCTL_VM_EVENT_OP_MONITOR: u32 = 2;
/// [`DomctlVmEventOp::mode`]: sharing.
pub const XEN_DOMCTL_VM_EVENT_OP_SHARING: u32 = 3;
/// [`DomctlPsrCmtOp::cmd`]: detach.
pub const XEN_DOMCTL_PSR_CMT_OP_DETACH: u32 = 0;
/// [`DomctlPsrCmtOp::cmd`]: attach.
pub const XEN_DOMCTL_PSR_CMT_OP_ATTACH: u32 = 1;
/// [`DomctlPsrCmtOp::cmd`]: ask for the identifier.
pub const XEN_DOMCTL_PSR_CMT_OP_QUERY_RMID: u32 = 2;
/// [`DomctlPsrAlloc::cmd`]: set the L3 mask.
pub const XEN_DOMCTL_PSR_SET_L3_CBM: u32 = 0;
/// Get the L3 mask.
pub const XEN_DOMCTL_PSR_GET_L3_CBM: u32 = 1;
/// Set the L3 code mask.
pub const XEN_DOMCTL_PSR_SET_L3_CODE: u32 = 2;
/// Set the L3 data mask.
pub const XEN_DOMCTL_PSR_SET_L3_DATA: u32 = 3;
/// Get the L3 code mask.
pub const XEN_DOMCTL_PSR_GET_L3_CODE: u32 = 4;
/// Get the L3 data mask.
pub const XEN_DOMCTL_PSR_GET_L3_DATA: u32 = 5;
/// Set the L2 mask.
pub const XEN_DOMCTL_PSR_SET_L2_CBM: u32 = 6;
/// Get the L2 mask.
pub const XEN_DOMCTL_PSR_GET_L2_CBM: u32 = 7;
/// Set the bandwidth limit.
pub const XEN_DOMCTL_PSR_SET_MBA_THRTL: u32 = 8;
/// Get the bandwidth limit.
pub const XEN_DOMCTL_PSR_GET_MBA_THRTL: u32 = 9;
/// [`DomctlMonitorOp::op`]: enable an event.
pub const XEN_DOMCTL_MONITOR_OP_ENABLE: u32 = 0;
/// Disable an event.
pub const XEN_DOMCTL_MONITOR_OP_DISABLE: u32 = 1;
/// Bit mask of the events there are.
pub const XEN_DOMCTL_MONITOR_OP_GET_CAPABILITIES: u32 = 2;
/// Emulate each repetition by itself.
pub const XEN_DOMCTL_MONITOR_OP_EMULATE_EACH_REP: u32 = 3;
/// Only report control registers.
pub const XEN_DOMCTL_MONITOR_OP_CONTROL_REGISTERS: u32 = 4;
/// [`DomctlMonitorOp::event`]: control register written.
pub const XEN_DOMCTL_MONITOR_EVENT_WRITE_CTRLREG: u32 = 0;
/// Model-specific register written.
pub const XEN_DOMCTL_MONITOR_EVENT_MOV_TO_MSR: u32 = 1;
/// Single step.
pub const XEN_DOMCTL_MONITOR_EVENT_SINGLESTEP: u32 = 2;
/// Breakpoint.
pub const XEN_DOMCTL_MONITOR_EVENT_SOFTWARE_BREAKPOINT: u32 = 3;
/// Asked for by the guest.
pub const XEN_DOMCTL_MONITOR_EVENT_GUEST_REQUEST: u32 = 4;
/// Debug exception.
pub const XEN_DOMCTL_MONITOR_EVENT_DEBUG_EXCEPTION: u32 = 5;
/// CPUID.
pub const XEN_DOMCTL_MONITOR_EVENT_CPUID: u32 = 6;
/// Privileged call.
pub const XEN_DOMCTL_MONITOR_EVENT_PRIVILEGED_CALL: u32 = 7;
/// Interrupt.
pub const XEN_DOMCTL_MONITOR_EVENT_INTERRUPT: u32 = 8;
/// Descriptor table access.
pub const XEN_DOMCTL_MONITOR_EVENT_DESC_ACCESS: u32 = 9;
/// An instruction that cannot be emulated.
pub const XEN_DOMCTL_MONITOR_EVENT_EMUL_UNIMPLEMENTED: u32 = 10;
/// Page fault in the guest's own tables.
pub const XEN_DOMCTL_MONITOR_EVENT_INGUEST_PAGEFAULT: u32 = 11;
/// VM exit.
pub const XEN_DOMCTL_MONITOR_EVENT_VMEXIT: u32 = 12;
/// [`DomctlVuartOp::cmd`]: initialise.
pub const XEN_DOMCTL_VUART_OP_INIT: u32 = 0;
/// [`DomctlVuartOp::kind`]: PL011.
pub const XEN_DOMCTL_VUART_TYPE_VPL011: u32 = 0;
/// [`DomctlVmtraceOp::cmd`]: enable.
#[doc(alias = "XEN_DOMCTL_vmtrace_enable")]
pub const XEN_DOMCTL_VMTRACE_ENABLE: u32 = 1;
/// Disable.
#[doc(alias = "XEN_DOMCTL_vmtrace_disable")]
pub const XEN_DOMCTL_VMTRACE_DISABLE: u32 = 2;
/// Reset and enable.
#[doc(alias = "XEN_DOMCTL_vmtrace_reset_and_enable")]
pub const XEN_DOMCTL_VMTRACE_RESET_AND_ENABLE: u32 = 3;
/// Position in the buffer.
#[doc(alias = "XEN_DOMCTL_vmtrace_output_position")]
pub const XEN_DOMCTL_VMTRACE_OUTPUT_POSITION: u32 = 4;
/// Get an option.
#[doc(alias = "XEN_DOMCTL_vmtrace_get_option")]
pub const XEN_DOMCTL_VMTRACE_GET_OPTION: u32 = 5;
/// Set an option.
#[doc(alias = "XEN_DOMCTL_vmtrace_set_option")]
pub const XEN_DOMCTL_VMTRACE_SET_OPTION: u32 = 6;

/// Payload of `XEN_DOMCTL_setdebugging`.
#[doc(alias = "xen_domctl_setdebugging")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSetdebugging {
    /// Non-zero: a debugger is attached.
    pub enable: u8,
}

/// Payload of `XEN_DOMCTL_subscribe`.
#[doc(alias = "xen_domctl_subscribe")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlSubscribe {
    /// The port to notify when the domain stops.
    pub port: u32,
}

/// Payload of `XEN_DOMCTL_debug_op`.
#[doc(alias = "xen_domctl_debug_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlDebugOp {
    /// `XEN_DOMCTL_DEBUG_OP_*`.
    pub op: u32,
    /// The vCPU.
    pub vcpu: u32,
}

/// Payload of `XEN_DOMCTL_gdbsx_guestmemio`.
#[doc(alias = "xen_domctl_gdbsx_memio")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlGdbsxMemio {
    /// Top-level entry to use, or 0.
    pub pgd3val: u64,
    /// Guest virtual address.
    pub gva: u64,
    /// Caller's address.
    pub uva: u64,
    /// Bytes.
    pub len: u32,
    /// Non-zero: write to the guest.
    pub gwr: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
    /// Out: bytes not done.
    pub remain: u32,
    /// Padding; zero.
    pub _pad1: [u8; 4],
}

/// Payload of `XEN_DOMCTL_gdbsx_{,un}pausevcpu`.
#[doc(alias = "xen_domctl_gdbsx_pauseunp_vcpu")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlGdbsxPauseunpVcpu {
    /// The vCPU.
    pub vcpu: u32,
}

/// Payload of `XEN_DOMCTL_gdbsx_domstatus`.
#[doc(alias = "xen_domctl_gdbsx_domstatus")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlGdbsxDomstatus {
    /// Non-zero: paused.
    pub paused: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
    /// The vCPU with an event.
    pub vcpu_id: u32,
    /// The event.
    pub vcpu_ev: u32,
}

/// Payload of `XEN_DOMCTL_vm_event_op`.
#[doc(alias = "xen_domctl_vm_event_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlVmEventOp {
    /// `XEN_VM_EVENT_*`.
    pub op: u32,
    /// `XEN_DOMCTL_VM_EVENT_OP_*`.
    pub mode: u32,
    /// Out: the port, or the version.
    pub u: u32,
}

/// Payload of `XEN_DOMCTL_psr_cmt_op`.
#[doc(alias = "xen_domctl_psr_cmt_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlPsrCmtOp {
    /// `XEN_DOMCTL_PSR_CMT_OP_*`.
    pub cmd: u32,
    /// Identifier.
    pub data: u32,
}

/// Payload of `XEN_DOMCTL_psr_alloc`.
#[doc(alias = "xen_domctl_psr_alloc")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlPsrAlloc {
    /// `XEN_DOMCTL_PSR_*`.
    pub cmd: u32,
    /// Socket.
    pub target: u32,
    /// Mask or limit.
    pub data: u64,
}

/// Detail of `WRITE_CTRLREG`.
#[doc(alias = "xen_domctl_monitor_op.u.mov_to_cr")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlMonitorOpMovToCr {
    /// Control register.
    pub index: u8,
    /// Non-zero: pause the vCPU.
    pub sync: u8,
    /// Non-zero: only when the value changes.
    pub onchangeonly: u8,
    /// Zero.
    pub pad1: u8,
    /// Zero.
    pub pad2: u32,
    /// Bits that do not matter.
    pub bitmask: u64,
}

/// Detail of `MOV_TO_MSR`.
#[doc(alias = "xen_domctl_monitor_op.u.mov_to_msr")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlMonitorOpMovToMsr {
    /// The register.
    pub msr: u32,
    /// Non-zero: only when the value changes.
    pub onchangeonly: u8,
    /// Padding; zero.
    pub _pad0: [u8; 3],
}

/// Detail of `GUEST_REQUEST`.
#[doc(alias = "xen_domctl_monitor_op.u.guest_request")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlMonitorOpGuestRequest {
    /// Non-zero: pause the vCPU.
    pub sync: u8,
    /// Non-zero: also from user mode.
    pub allow_userspace: u8,
}

/// Detail of `DEBUG_EXCEPTION`.
#[doc(alias = "xen_domctl_monitor_op.u.debug_exception")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlMonitorOpDebugException {
    /// Non-zero: pause the vCPU.
    pub sync: u8,
}

/// Detail of `VMEXIT`.
#[doc(alias = "xen_domctl_monitor_op.u.vmexit")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlMonitorOpVmexit {
    /// Non-zero: pause the vCPU.
    pub sync: u8,
}

/// Payload of `XEN_DOMCTL_monitor_op`.
#[doc(alias = "xen_domctl_monitor_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlMonitorOp {
    /// `XEN_DOMCTL_MONITOR_OP_*`.
    pub op: u32,
    /// `XEN_DOMCTL_MONITOR_EVENT_*`; out: capabilities.
    pub event: u32,
    /// Detail of the event.
    pub u: [u64; 2],
}

/// Payload of `XEN_DOMCTL_vuart_op` (not x86).
#[doc(alias = "xen_domctl_vuart_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlVuartOp {
    /// `XEN_DOMCTL_VUART_OP_*`.
    pub cmd: u32,
    /// `XEN_DOMCTL_VUART_TYPE_*`.
    #[doc(alias = "type")]
    pub kind: u32,
    /// Guest frame of the ring.
    pub gfn: u64,
    /// The domain that reads it.
    pub console_domid: u16,
    /// Zero.
    pub pad: [u8; 2],
    /// Out: port.
    pub evtchn: u32,
}

/// Payload of `XEN_DOMCTL_vmtrace_op`.
#[doc(alias = "xen_domctl_vmtrace_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct DomctlVmtraceOp {
    /// `XEN_DOMCTL_vmtrace_*`.
    pub cmd: u32,
    /// The vCPU.
    pub vcpu: u32,
    /// Option.
    pub key: u64,
    /// Its value, or the position.
    pub value: u64,
}

crate::zeroed_default!(
    DomctlSetdebugging,
    DomctlSubscribe,
    DomctlDebugOp,
    DomctlGdbsxMemio,
    DomctlGdbsxPauseunpVcpu,
    DomctlGdbsxDomstatus,
    DomctlVmEventOp,
    DomctlPsrCmtOp,
    DomctlPsrAlloc,
    DomctlMonitorOpMovToCr,
    DomctlMonitorOpMovToMsr,
    DomctlMonitorOpGuestRequest,
    DomctlMonitorOpDebugException,
    DomctlMonitorOpVmexit,
    DomctlMonitorOp,
    DomctlVuartOp,
    DomctlVmtraceOp
);
