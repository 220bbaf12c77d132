//! A guest's data segments: loaded and read back where a pCPU changes vCPUs.
//!
//! DS, ES, FS and GS stay the guest's while ring 0 runs, like the bases. Loading one may
//! fault, because its descriptor is the guest's: these loads are the only instructions of
//! ring 0 beside the IRETQ into a guest that may ([`fixup`]).

use crate::guest::swap_gs;
use core::arch::{asm, global_asm};
use x86_64::VirtAddr;
use x86_64::registers::model_specific::GsBase;
use xenolith_rules::descriptor::selector;

// Each loader tells whether the selector could be loaded. Its first instruction is the one
// that may fault; it then goes on at the second label, and the register is null.
global_asm!(
    r#"
    .macro loader seg
    .globl xl_load_\seg, xl_load_\seg\()_refused
    xl_load_\seg:
        mov \seg, edi
        mov eax, 1
        ret
    xl_load_\seg\()_refused:
        xor eax, eax
        mov \seg, eax
        ret
    .endm
    .pushsection .text.xl_load, "ax", @progbits
    loader ds
    loader es
    loader fs
    loader gs
    .popsection
    "#
);

unsafe extern "sysv64" {
    fn xl_load_ds(selector: u32) -> u32;
    fn xl_load_es(selector: u32) -> u32;
    fn xl_load_fs(selector: u32) -> u32;
    fn xl_load_gs(selector: u32) -> u32;
    fn xl_load_ds_refused();
    fn xl_load_es_refused();
    fn xl_load_fs_refused();
    fn xl_load_gs_refused();
}

type Loader = unsafe extern "sysv64" fn(u32) -> u32;
type Refused = unsafe extern "sysv64" fn();

/// The loaders in the order of [`Selectors`], with where they go on after a fault.
static LOADERS: [(Loader, Refused); 4] = [
    (xl_load_ds, xl_load_ds_refused),
    (xl_load_es, xl_load_es_refused),
    (xl_load_fs, xl_load_fs_refused),
    (xl_load_gs, xl_load_gs_refused),
];

/// Where ring 0 goes on after a fault at `rip`, if that is one of the loaders.
pub(crate) fn fixup(rip: u64) -> Option<u64> {
    LOADERS
        .iter()
        .find(|(load, _)| *load as usize as u64 == rip)
        .map(|(_, refused)| *refused as usize as u64)
}

/// The data selectors of a vCPU: DS, ES, FS, GS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selectors(pub [u16; 4]);

impl Selectors {
    /// Those in the registers.
    pub fn current() -> Self {
        let (ds, es, fs, gs): (u16, u16, u16, u16);
        // SAFETY: reading segment registers changes nothing.
        unsafe {
            asm!("mov {0:x}, ds", "mov {1:x}, es", "mov {2:x}, fs", "mov {3:x}, gs",
                 out(reg) ds, out(reg) es, out(reg) fs, out(reg) gs,
                 options(nomem, nostack, preserves_flags));
        }
        Self([ds, es, fs, gs])
    }

    /// Loads all four; one that cannot be loaded becomes null. Whether all could. The bases of FS
    /// and GS are to be loaded afterwards.
    pub fn load(&self) -> bool {
        let mut all = true;
        for (&selector, (load, _)) in self.0.iter().zip(&LOADERS) {
            // SAFETY: ring 0 in long mode uses no data segment; a fault is fixed up.
            all &= unsafe { load(selector.into()) } != 0;
        }
        all
    }
}

/// Loads GS for the mode that the guest is not in, with the base that its descriptor has. One
/// that cannot be loaded becomes null, with base 0.
pub fn load_other_gs(selector: u16) {
    swap_gs();
    // SAFETY: as in `Selectors::load`.
    let loaded = unsafe { xl_load_gs(selector.into()) } != 0;
    if !loaded || selector <= selector::LAST_NULL {
        // Not every CPU clears the base with a null selector.
        GsBase::write(VirtAddr::zero());
    }
    swap_gs();
}
