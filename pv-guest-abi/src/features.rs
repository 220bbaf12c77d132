//! Feature flags, as bit numbers in the submaps of `XENVER_get_features` (`features.h`).
//!
//! The same names, without `XENFEAT_` and separated by `|`, form the ELF note `FEATURES`.

/// The guest may write its page tables (translated guests only).
#[doc(alias = "XENFEAT_writable_page_tables")]
pub const XENFEAT_WRITABLE_PAGE_TABLES: u32 = 0;
/// The guest may write its descriptor tables (translated guests only).
#[doc(alias = "XENFEAT_writable_descriptor_tables")]
pub const XENFEAT_WRITABLE_DESCRIPTOR_TABLES: u32 = 1;
/// The hypervisor translates guest frames (not PV).
#[doc(alias = "XENFEAT_auto_translated_physmap")]
pub const XENFEAT_AUTO_TRANSLATED_PHYSMAP: u32 = 2;
/// The kernel runs in ring 0 (not PV).
#[doc(alias = "XENFEAT_supervisor_mode_kernel")]
pub const XENFEAT_SUPERVISOR_MODE_KERNEL: u32 = 3;
/// Top-level tables may lie above 4 GiB.
#[doc(alias = "XENFEAT_pae_pgdir_above_4gb")]
pub const XENFEAT_PAE_PGDIR_ABOVE_4GB: u32 = 4;
/// `MMU_PT_UPDATE_PRESERVE_AD` is there.
#[doc(alias = "XENFEAT_mmu_pt_update_preserve_ad")]
pub const XENFEAT_MMU_PT_UPDATE_PRESERVE_AD: u32 = 5;
/// `MMUEXT_CLEAR_PAGE` and `MMUEXT_COPY_PAGE` are there.
#[doc(alias = "XENFEAT_highmem_assist")]
pub const XENFEAT_HIGHMEM_ASSIST: u32 = 6;
/// Grant mappings take available PTE bits from the flags.
#[doc(alias = "XENFEAT_gnttab_map_avail_bits")]
pub const XENFEAT_GNTTAB_MAP_AVAIL_BITS: u32 = 7;
/// HVM guests may set a callback vector.
#[doc(alias = "XENFEAT_hvm_callback_vector")]
pub const XENFEAT_HVM_CALLBACK_VECTOR: u32 = 8;
/// The paravirtual clock is safe for HVM guests.
#[doc(alias = "XENFEAT_hvm_safe_pvclock")]
pub const XENFEAT_HVM_SAFE_PVCLOCK: u32 = 9;
/// HVM guests may use physical interrupts.
#[doc(alias = "XENFEAT_hvm_pirqs")]
pub const XENFEAT_HVM_PIRQS: u32 = 10;
/// Operation as domain 0 is supported.
#[doc(alias = "XENFEAT_dom0")]
pub const XENFEAT_DOM0: u32 = 11;
/// `XENMEMF_vnode` may name a virtual node.
#[doc(alias = "XENFEAT_memory_op_vnode_supported")]
pub const XENFEAT_MEMORY_OP_VNODE_SUPPORTED: u32 = 13;
/// The ARM SMC calling convention is there (not x86).
#[doc(alias = "XENFEAT_ARM_SMCCC_supported")]
pub const XENFEAT_ARM_SMCCC_SUPPORTED: u32 = 14;
/// The RSDP may lie anywhere (PVH).
#[doc(alias = "XENFEAT_linux_rsdp_unrestricted")]
pub const XENFEAT_LINUX_RSDP_UNRESTRICTED: u32 = 15;
/// Guest frame numbers differ from machine frame numbers.
#[doc(alias = "XENFEAT_not_direct_mapped")]
pub const XENFEAT_NOT_DIRECT_MAPPED: u32 = 16;
/// Guest frame numbers equal machine frame numbers.
#[doc(alias = "XENFEAT_direct_mapped")]
pub const XENFEAT_DIRECT_MAPPED: u32 = 17;
/// Number of 32-bit submaps.
pub const XENFEAT_NR_SUBMAPS: u32 = 1;

/// The name of a feature bit as used in the ELF note `FEATURES`, if the ABI names it.
pub const fn feature_name(bit: u32) -> Option<&'static str> {
    Some(match bit {
        XENFEAT_WRITABLE_PAGE_TABLES => "writable_page_tables",
        XENFEAT_WRITABLE_DESCRIPTOR_TABLES => "writable_descriptor_tables",
        XENFEAT_AUTO_TRANSLATED_PHYSMAP => "auto_translated_physmap",
        XENFEAT_SUPERVISOR_MODE_KERNEL => "supervisor_mode_kernel",
        XENFEAT_PAE_PGDIR_ABOVE_4GB => "pae_pgdir_above_4gb",
        XENFEAT_DOM0 => "dom0",
        _ => return None,
    })
}
