//! The hypervisor's CPUID leaves (`arch-x86/cpuid.h`).
//!
//! A PV guest reads them by `cpuid` behind [`EMULATE_PREFIX`](crate::xen_x86::EMULATE_PREFIX).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First leaf: greatest leaf in eax, the signature in ebx, ecx, edx.
pub const XEN_CPUID_FIRST_LEAF: u32 = 0x4000_0000;
/// "XenV".
pub const XEN_CPUID_SIGNATURE_EBX: u32 = 0x566e_6558;
/// "MMXe".
pub const XEN_CPUID_SIGNATURE_ECX: u32 = 0x6558_4d4d;
/// "nVMM".
pub const XEN_CPUID_SIGNATURE_EDX: u32 = 0x4d4d_566e;
/// Leaf 2, ecx: `MMU_PT_UPDATE_PRESERVE_AD` is there.
pub const XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD: u32 = 1 << 0;
/// Leaf 4, eax (HVM): virtualised APIC registers.
pub const XEN_HVM_CPUID_APIC_ACCESS_VIRT: u32 = 1 << 0;
/// Leaf 4, eax (HVM): virtualised x2APIC accesses.
pub const XEN_HVM_CPUID_X2APIC_VIRT: u32 = 1 << 1;
/// Leaf 4, eax (HVM): memory of other domains has IOMMU mappings.
pub const XEN_HVM_CPUID_IOMMU_MAPPINGS: u32 = 1 << 2;
/// Leaf 4, eax (HVM): ebx holds the vCPU number.
pub const XEN_HVM_CPUID_VCPU_ID_PRESENT: u32 = 1 << 3;
/// Leaf 4, eax (HVM): ecx holds the domain identifier.
pub const XEN_HVM_CPUID_DOMID_PRESENT: u32 = 1 << 4;
/// Leaf 4, eax (HVM): extended destination identifiers.
pub const XEN_HVM_CPUID_EXT_DEST_ID: u32 = 1 << 5;
/// Leaf 4, eax (HVM): per-vCPU upcalls work with physical interrupts.
pub const XEN_HVM_CPUID_UPCALL_VECTOR: u32 = 1 << 6;
/// Leaf 5, ebx: greatest width of machine addresses in bits.
pub const XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK: u32 = 0xff;
/// Greatest leaf, counted from the first.
pub const XEN_CPUID_MAX_NUM_LEAVES: u32 = 5;
/// [`CpuidLeaf::subleaf`] of a leaf without sub-leaves.
pub const XEN_CPUID_NO_SUBLEAF: u32 = 0xffff_ffff;

/// The number of a leaf, counted from the first.
#[doc(alias = "XEN_CPUID_LEAF")]
pub const fn leaf(index: u32) -> u32 {
    XEN_CPUID_FIRST_LEAF + index
}

/// A CPUID leaf in a serialised policy (`arch-x86/xen.h`).
#[doc(alias = "xen_cpuid_leaf")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct CpuidLeaf {
    /// Leaf.
    pub leaf: u32,
    /// Sub-leaf, or `XEN_CPUID_NO_SUBLEAF`.
    pub subleaf: u32,
    /// eax.
    pub a: u32,
    /// ebx.
    pub b: u32,
    /// ecx.
    pub c: u32,
    /// edx.
    pub d: u32,
}

/// A model-specific register in a serialised policy (`arch-x86/xen.h`).
#[doc(alias = "xen_msr_entry")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MsrEntry {
    /// Number of the register.
    pub idx: u32,
    /// Zero.
    pub flags: u32,
    /// Value.
    pub val: u64,
}

crate::zeroed_default!(CpuidLeaf, MsrEntry);
