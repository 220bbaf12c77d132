//! What a kernel says about the hypervisor's features: supports, requires.

use pv_guest_abi::features::{
    XENFEAT_DIRECT_MAPPED, XENFEAT_DOM0, XENFEAT_GNTTAB_MAP_AVAIL_BITS, XENFEAT_HIGHMEM_ASSIST,
    XENFEAT_MEMORY_OP_VNODE_SUPPORTED, XENFEAT_MMU_PT_UPDATE_PRESERVE_AD,
    XENFEAT_PAE_PGDIR_ABOVE_4GB, XENFEAT_WRITABLE_PAGE_TABLES,
};

/// The names that the `FEATURES` text may use, by bit number.
const NAMES: &[(u32, &str)] = &[
    (0, "writable_page_tables"),
    (1, "writable_descriptor_tables"),
    (2, "auto_translated_physmap"),
    (3, "supervisor_mode_kernel"),
    (4, "pae_pgdir_above_4gb"),
    (5, "mmu_pt_update_preserve_ad"),
    (6, "highmem_assist"),
    (7, "gnttab_map_avail_bits"),
    (8, "hvm_callback_vector"),
    (9, "hvm_safe_pvclock"),
    (10, "hvm_pirqs"),
    (11, "dom0"),
    (13, "memory_op_vnode_supported"),
    (14, "ARM_SMCCC_supported"),
    (15, "linux_rsdp_unrestricted"),
    (16, "not_direct_mapped"),
    (17, "direct_mapped"),
];

/// The features that a PV domain is offered, as a mask (`XENVER_get_features`, submap 0).
/// [`XENFEAT_DOM0`] is shown to the control domain only.
pub const OFFERED: u32 = 1 << XENFEAT_PAE_PGDIR_ABOVE_4GB
    | 1 << XENFEAT_MMU_PT_UPDATE_PRESERVE_AD
    | 1 << XENFEAT_HIGHMEM_ASSIST
    | 1 << XENFEAT_GNTTAB_MAP_AVAIL_BITS
    | 1 << XENFEAT_DOM0
    | 1 << XENFEAT_MEMORY_OP_VNODE_SUPPORTED
    | 1 << XENFEAT_DIRECT_MAPPED;

/// Required features that are granted though they are not offered.
///
/// Every Linux PV kernel carries `!writable_page_tables` and runs without it: it
/// write-protects its tables whenever the bit is not offered. Xen notes the
/// requirement and does not hold the kernel to it.
const WAIVED: u32 = 1 << XENFEAT_WRITABLE_PAGE_TABLES;

/// A kernel's features, as masks of bit numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// What the kernel can deal with.
    pub supported: u32,
    /// What it cannot do without (`!` in the text).
    pub required: u32,
}

impl Features {
    /// Reads the `FEATURES` text: names between `|`, a leading `!` for "required".
    ///
    /// # Errors
    /// The name of a required feature that is unknown. (An unknown name that is not
    /// required tells nothing and is passed over.)
    pub fn parse(text: &str) -> Result<Self, &str> {
        let mut features = Self::default();
        for item in text.split('|') {
            let (name, required) = match item.strip_prefix('!') {
                Some(name) => (name, true),
                None => (item, false),
            };
            match NAMES.iter().find(|(_, known)| *known == name) {
                Some((bit, _)) => {
                    features.supported |= 1 << bit;
                    features.required |= u32::from(required) << bit;
                }
                None if required => return Err(name),
                None => {}
            }
        }
        Ok(features)
    }

    /// The lowest feature that is required and not to be had here.
    pub fn first_unmet(&self) -> Option<u32> {
        let unmet = self.required & !(OFFERED | WAIVED);
        (unmet != 0).then(|| unmet.trailing_zeros())
    }
}

/// A feature's name in the text, `"?"` for a bit without one.
pub fn name(bit: u32) -> &'static str {
    NAMES
        .iter()
        .find(|(known, _)| *known == bit)
        .map_or("?", |(_, name)| name)
}
