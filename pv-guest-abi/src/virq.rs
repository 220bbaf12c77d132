//! Virtual interrupt numbers, for `EVTCHNOP_bind_virq` (`xen.h`).
//!
//! Per-vCPU ones are bound once on each vCPU, global ones once for the domain.

/// Timer (per vCPU).
pub const VIRQ_TIMER: u32 = 0;
/// Asked to print debug information (per vCPU).
pub const VIRQ_DEBUG: u32 = 1;
/// Bytes on the emergency console (global, control domain).
pub const VIRQ_CONSOLE: u32 = 2;
/// A domain has shut down or needs attention (global, control domain).
pub const VIRQ_DOM_EXC: u32 = 3;
/// Trace records are available (global, control domain).
pub const VIRQ_TBUF: u32 = 4;
/// A domain was paused for debugging (global, control domain).
pub const VIRQ_DEBUGGER: u32 = 6;
/// Profiling sample (per vCPU).
pub const VIRQ_XENOPROF: u32 = 7;
/// Bytes in the console ring (global, control domain).
pub const VIRQ_CON_RING: u32 = 8;
/// A pCPU came or went (global, control domain).
pub const VIRQ_PCPU_STATE: u32 = 9;
/// A memory event (global, control domain).
pub const VIRQ_MEM_EVENT: u32 = 10;
/// An Argo message (global).
pub const VIRQ_ARGO: u32 = 11;
/// The heap is low (global, control domain).
pub const VIRQ_ENOMEM: u32 = 12;
/// Performance counter interrupt (per vCPU).
pub const VIRQ_XENPMU: u32 = 13;
/// Architecture-specific; x86: machine check (global, control domain).
pub const VIRQ_ARCH_0: u32 = 16;
/// Architecture-specific.
pub const VIRQ_ARCH_1: u32 = 17;
/// Architecture-specific.
pub const VIRQ_ARCH_2: u32 = 18;
/// Architecture-specific.
pub const VIRQ_ARCH_3: u32 = 19;
/// Architecture-specific.
pub const VIRQ_ARCH_4: u32 = 20;
/// Architecture-specific.
pub const VIRQ_ARCH_5: u32 = 21;
/// Architecture-specific.
pub const VIRQ_ARCH_6: u32 = 22;
/// Architecture-specific.
pub const VIRQ_ARCH_7: u32 = 23;
/// Number of virtual interrupts.
pub const NR_VIRQS: u32 = 24;
