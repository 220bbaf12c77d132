//! Page tables, base pointers, TLB flushes, lists of calls.

use super::{Calls, Gate, address, address_mut};
use crate::errno::Errno;
use crate::hypercall::Hypercall;
use crate::mmu::{
    MMUEXT_INVLPG_ALL, MMUEXT_INVLPG_LOCAL, MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR,
    MMUEXT_PIN_L1_TABLE, MMUEXT_SET_LDT, MMUEXT_TLB_FLUSH_ALL, MMUEXT_TLB_FLUSH_LOCAL,
    MMUEXT_UNPIN_TABLE, MmuUpdate, MmuextOp, MulticallEntry, UVMF_ALL, UVMF_INVLPG, UVMF_LOCAL,
    UVMF_NONE, UVMF_TLB_FLUSH,
};

/// What `update_va_mapping` flushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flush {
    /// Nothing.
    Nothing,
    /// The address, on this vCPU.
    AddressLocal,
    /// The address, on every vCPU of the domain.
    AddressAll,
    /// Everything, on this vCPU.
    TlbLocal,
    /// Everything, on every vCPU of the domain.
    TlbAll,
}

impl Flush {
    /// The `UVMF_*` flags.
    pub const fn flags(self) -> u64 {
        match self {
            Flush::Nothing => UVMF_NONE,
            Flush::AddressLocal => UVMF_INVLPG | UVMF_LOCAL,
            Flush::AddressAll => UVMF_INVLPG | UVMF_ALL,
            Flush::TlbLocal => UVMF_TLB_FLUSH | UVMF_LOCAL,
            Flush::TlbAll => UVMF_TLB_FLUSH | UVMF_ALL,
        }
    }
}

impl<G: Gate> Calls<G> {
    /// Runs a list of page-table writes for `foreign` (usually `DOMID_SELF`).
    ///
    /// On an error the second value is the number of writes done before it.
    ///
    /// # Safety
    ///
    /// The caller answers for what the new entries do to the memory that it uses.
    pub unsafe fn mmu_update(list: &[MmuUpdate], foreign: u32) -> Result<(), (Errno, u32)> {
        // SAFETY: passed on to the caller.
        unsafe { Self::list(Hypercall::MmuUpdate, address(list), list.len(), foreign) }
    }

    /// Runs a list of extended operations for `foreign` (usually `DOMID_SELF`).
    ///
    /// On an error the second value is the number of operations done before it.
    ///
    /// # Safety
    ///
    /// As for [`Calls::mmu_update`]; for base pointers and the LDT, also what the code runs on.
    pub unsafe fn mmuext_op(list: &[MmuextOp], foreign: u32) -> Result<(), (Errno, u32)> {
        // SAFETY: passed on to the caller.
        unsafe { Self::list(Hypercall::MmuextOp, address(list), list.len(), foreign) }
    }

    unsafe fn list(call: Hypercall, at: u64, len: usize, foreign: u32) -> Result<(), (Errno, u32)> {
        let mut done = 0u32;
        let args = [at, len as u64, address_mut(&mut done), foreign.into(), 0];
        // SAFETY: the list and the count are borrowed by the callers; the rest is theirs.
        match unsafe { Self::raw(call, args) } {
            Ok(_) => Ok(()),
            Err(errno) => Err((errno, done)),
        }
    }

    unsafe fn one(op: MmuextOp) -> Result<(), Errno> {
        // SAFETY: passed on to the caller.
        unsafe { Self::mmuext_op(&[op], crate::domid::DOMID_SELF.into()) }.map_err(|(e, _)| e)
    }

    /// Pins a frame as a page table of the level 1 to 4.
    ///
    /// # Safety
    ///
    /// The frame must hold a table that is meant as one, with no writable mapping.
    pub unsafe fn pin_table(level: u32, mfn: u64) -> Result<(), Errno> {
        if !(1..=4).contains(&level) {
            return Err(Errno::EINVAL);
        }
        // SAFETY: passed on to the caller.
        unsafe { Self::one(MmuextOp::on_frame(MMUEXT_PIN_L1_TABLE + level - 1, mfn)) }
    }

    /// Unpins a page table.
    ///
    /// # Safety
    ///
    /// The frame may become writable memory when nothing else uses it as a table.
    pub unsafe fn unpin_table(mfn: u64) -> Result<(), Errno> {
        // SAFETY: passed on to the caller.
        unsafe { Self::one(MmuextOp::on_frame(MMUEXT_UNPIN_TABLE, mfn)) }
    }

    /// Loads the kernel's top-level table.
    ///
    /// # Safety
    ///
    /// The new tables must map the running code, its stack and its data.
    pub unsafe fn new_base_pointer(mfn: u64) -> Result<(), Errno> {
        // SAFETY: passed on to the caller.
        unsafe { Self::one(MmuextOp::on_frame(MMUEXT_NEW_BASEPTR, mfn)) }
    }

    /// Loads the top-level table of user mode; 0 means none.
    ///
    /// # Safety
    ///
    /// The new tables must be right for the user program that runs next.
    pub unsafe fn new_user_base_pointer(mfn: u64) -> Result<(), Errno> {
        // SAFETY: passed on to the caller.
        unsafe { Self::one(MmuextOp::on_frame(MMUEXT_NEW_USER_BASEPTR, mfn)) }
    }

    /// Sets the LDT.
    ///
    /// # Safety
    ///
    /// Selectors in use must stay valid.
    pub unsafe fn set_ldt(linear: u64, entries: u32) -> Result<(), Errno> {
        let mut op = MmuextOp::on_address(MMUEXT_SET_LDT, linear);
        op.arg2 = entries.into();
        // SAFETY: passed on to the caller.
        unsafe { Self::one(op) }
    }

    /// Flushes the TLB of this vCPU, or of every vCPU of the domain.
    pub fn flush_tlb(all_vcpus: bool) -> Result<(), Errno> {
        let cmd = if all_vcpus {
            MMUEXT_TLB_FLUSH_ALL
        } else {
            MMUEXT_TLB_FLUSH_LOCAL
        };
        // SAFETY: a flush changes no mapping.
        unsafe { Self::one(MmuextOp::on_address(cmd, 0)) }
    }

    /// Flushes one address from the TLB of this vCPU, or of every vCPU of the domain.
    pub fn flush_address(linear: u64, all_vcpus: bool) -> Result<(), Errno> {
        let cmd = if all_vcpus {
            MMUEXT_INVLPG_ALL
        } else {
            MMUEXT_INVLPG_LOCAL
        };
        // SAFETY: a flush changes no mapping.
        unsafe { Self::one(MmuextOp::on_address(cmd, linear)) }
    }

    /// Writes the L1 entry that maps `linear` in the current tables.
    ///
    /// # Safety
    ///
    /// The caller answers for what the new entry does to the memory that it uses.
    pub unsafe fn update_va_mapping(linear: u64, entry: u64, flush: Flush) -> Result<(), Errno> {
        let args = [linear, entry, flush.flags(), 0, 0];
        // SAFETY: passed on to the caller.
        unsafe { Self::raw(Hypercall::UpdateVaMapping, args) }.map(drop)
    }

    /// As [`Calls::update_va_mapping`], mapping a frame of another domain.
    ///
    /// # Safety
    ///
    /// As for [`Calls::update_va_mapping`].
    pub unsafe fn update_va_mapping_otherdomain(
        linear: u64,
        entry: u64,
        flush: Flush,
        domain: u16,
    ) -> Result<(), Errno> {
        let args = [linear, entry, flush.flags(), domain.into(), 0];
        // SAFETY: passed on to the caller.
        unsafe { Self::raw(Hypercall::UpdateVaMappingOtherdomain, args) }.map(drop)
    }

    /// Runs a list of hypercalls; each entry gets its own result.
    ///
    /// # Safety
    ///
    /// As for [`Calls::raw`], for every entry.
    pub unsafe fn multicall(list: &mut [MulticallEntry]) -> Result<(), Errno> {
        let args = [address_mut(list), list.len() as u64, 0, 0, 0];
        // SAFETY: the list is borrowed mutably; what its calls do is the caller's.
        unsafe { Self::raw(Hypercall::Multicall, args) }.map(drop)
    }
}
