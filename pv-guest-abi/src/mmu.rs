//! Page-table hypercalls: `mmu_update`, `mmuext_op`, `update_va_mapping`, `multicall` (`xen.h`).
//!
//! `mmu_update` and `mmuext_op` take a list, its length, the guest address of a `u32` that receives the number
//! of operations done (may be null) and the foreign domain: bits 0 to 15 the owner of the mapped frames, bits
//! 16 to 31 the owner of the page tables plus one, 0 meaning the caller.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Command in bits 0 and 1 of [`MmuUpdate::ptr`]: checked write of a page-table entry.
pub const MMU_NORMAL_PT_UPDATE: u64 = 0;
/// Command: write the M2P entry of the frame that `ptr` lies in.
pub const MMU_MACHPHYS_UPDATE: u64 = 1;
/// Command: as the first, but keep the accessed and dirty bits that are set.
pub const MMU_PT_UPDATE_PRESERVE_AD: u64 = 2;
/// Command: as the first; `val` is never translated.
pub const MMU_PT_UPDATE_NO_TRANSLATE: u64 = 3;
/// Mask of the command in [`MmuUpdate::ptr`].
pub const MMU_COMMAND_MASK: u64 = 3;
/// Pin `mfn` as an L1 table.
pub const MMUEXT_PIN_L1_TABLE: u32 = 0;
/// Pin `mfn` as an L2 table.
pub const MMUEXT_PIN_L2_TABLE: u32 = 1;
/// Pin `mfn` as an L3 table.
pub const MMUEXT_PIN_L3_TABLE: u32 = 2;
/// Pin `mfn` as an L4 table.
pub const MMUEXT_PIN_L4_TABLE: u32 = 3;
/// Unpin the table in `mfn`.
pub const MMUEXT_UNPIN_TABLE: u32 = 4;
/// Load `mfn` as the top-level table.
pub const MMUEXT_NEW_BASEPTR: u32 = 5;
/// Flush the TLB of the calling vCPU.
pub const MMUEXT_TLB_FLUSH_LOCAL: u32 = 6;
/// Flush one address from the TLB of the calling vCPU.
pub const MMUEXT_INVLPG_LOCAL: u32 = 7;
/// Flush the TLBs of the vCPUs in `vcpumask`.
pub const MMUEXT_TLB_FLUSH_MULTI: u32 = 8;
/// Flush one address from the TLBs of the vCPUs in `vcpumask`.
pub const MMUEXT_INVLPG_MULTI: u32 = 9;
/// Flush the TLBs of all vCPUs of the domain.
pub const MMUEXT_TLB_FLUSH_ALL: u32 = 10;
/// Flush one address from the TLBs of all vCPUs of the domain.
pub const MMUEXT_INVLPG_ALL: u32 = 11;
/// Write back and drop caches (needs a device or I/O memory).
pub const MMUEXT_FLUSH_CACHE: u32 = 12;
/// Set the LDT to `linear_addr`, `nr_ents` entries.
pub const MMUEXT_SET_LDT: u32 = 13;
/// Load `mfn` as the top-level table of user mode.
pub const MMUEXT_NEW_USER_BASEPTR: u32 = 15;
/// Fill the frame `mfn` with zeros.
pub const MMUEXT_CLEAR_PAGE: u32 = 16;
/// Copy the frame `src_mfn` to the frame `mfn`.
pub const MMUEXT_COPY_PAGE: u32 = 17;
/// Write back and drop the caches of all pCPUs.
pub const MMUEXT_FLUSH_CACHE_GLOBAL: u32 = 18;
/// Mark a 2 MiB page as allowed for a superpage mapping.
pub const MMUEXT_MARK_SUPER: u32 = 19;
/// Undo `MMUEXT_MARK_SUPER`.
pub const MMUEXT_UNMARK_SUPER: u32 = 20;
/// `update_va_mapping` flags: no flush.
pub const UVMF_NONE: u64 = 0;
/// Flush the whole TLB.
pub const UVMF_TLB_FLUSH: u64 = 1;
/// Flush the one address.
pub const UVMF_INVLPG: u64 = 2;
/// Mask of the kind of flush.
pub const UVMF_FLUSHTYPE_MASK: u64 = 3;
/// Flush on the vCPUs in the mask to which the flags, apart from their low bits, point.
pub const UVMF_MULTI: u64 = 0 << 2;
/// Flush on the calling vCPU.
pub const UVMF_LOCAL: u64 = 0 << 2;
/// Flush on all vCPUs.
pub const UVMF_ALL: u64 = 1 << 2;

/// One operation of the hypercall `mmu_update` (16 bytes).
#[doc(alias = "mmu_update")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MmuUpdate {
    /// Machine address of the entry, with the command in bits 0 and 1.
    pub ptr: u64,
    /// The new entry, or the guest frame number for the M2P.
    pub val: u64,
}

/// One operation of the hypercall `mmuext_op` (24 bytes).
#[doc(alias = "mmuext_op")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MmuextOp {
    /// `MMUEXT_*`.
    pub cmd: u32,
    /// Padding; zero.
    pub _pad0: [u8; 4],
    /// A machine frame (`mfn`) or a linear address (`linear_addr`), as the command says.
    pub arg1: u64,
    /// `nr_ents` (bits 0 to 31), the guest address of a `vcpumask`, or `src_mfn`, as the command says.
    pub arg2: u64,
}

/// One call in the list of the hypercall `multicall` (64 bytes).
#[doc(alias = "multicall_entry")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MulticallEntry {
    /// Hypercall number.
    pub op: u64,
    /// Written by the hypervisor: what the call returned.
    pub result: u64,
    /// Arguments; the sixth is not used.
    pub args: [u64; 6],
}

impl MmuUpdate {
    /// The command in the low bits of `ptr`.
    pub const fn command(&self) -> u64 {
        self.ptr & MMU_COMMAND_MASK
    }

    /// The machine address in `ptr`, without the command.
    pub const fn machine_address(&self) -> u64 {
        self.ptr & !MMU_COMMAND_MASK
    }
}

impl MmuextOp {
    /// An operation on a frame.
    pub const fn on_frame(cmd: u32, mfn: u64) -> MmuextOp {
        MmuextOp {
            cmd,
            _pad0: [0; 4],
            arg1: mfn,
            arg2: 0,
        }
    }

    /// An operation on a linear address.
    pub const fn on_address(cmd: u32, linear_addr: u64) -> MmuextOp {
        MmuextOp {
            cmd,
            _pad0: [0; 4],
            arg1: linear_addr,
            arg2: 0,
        }
    }

    /// `arg2` as a number of descriptors.
    pub const fn nr_ents(&self) -> u32 {
        self.arg2 as u32
    }
}

impl MulticallEntry {
    /// A call with up to six arguments, the missing ones zero.
    pub const fn new(call: crate::hypercall::Hypercall, args: [u64; 6]) -> MulticallEntry {
        MulticallEntry {
            op: call.number() as u64,
            result: 0,
            args,
        }
    }
}

crate::zeroed_default!(MmuUpdate, MmuextOp, MulticallEntry);
