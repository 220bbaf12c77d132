//! The shared-info page and a vCPU's part of it, as the hypervisor reaches them.
//!
//! The guest writes these words while we read and write them, so all access is by
//! atomics of the field's own width, and nothing in them is believed: the upcall
//! words decide only when *this* guest is interrupted.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::SeqCst};
use pv_guest_abi::shared::{SharedInfo, VcpuInfo as VcpuInfoAbi};
use pv_guest_abi::shared::ArchVcpuInfo;
use pv_guest_abi::time::VcpuTimeInfo;
use xenolith_mech::clock;
use xenolith_mech::mm::direct;
use xenolith_rules::types::{Mfn, VcpuId};

/// vCPUs that have their words in the shared-info page.
pub const LEGACY_VCPUS: u32 = 32;

/// Where a vCPU's `vcpu_info` is.
#[derive(Clone, Copy, Debug)]
pub struct VcpuInfo {
    mfn: Mfn,
    offset: usize,
}

impl VcpuInfo {
    /// The place in the shared-info page of a vCPU below [`LEGACY_VCPUS`].
    pub fn legacy(shared_info: Mfn, id: VcpuId) -> Self {
        Self {
            mfn: shared_info,
            offset: id.0 as usize * size_of::<VcpuInfoAbi>(),
        }
    }

    fn byte(&self, field: usize) -> &'static AtomicU8 {
        direct::byte(self.mfn, self.offset + field)
    }

    fn word(&self, field: usize) -> &'static AtomicU64 {
        &direct::words(self.mfn)[(self.offset + field) / 8]
    }

    /// The byte that says that an upcall is wanted.
    pub fn upcall_pending_byte(&self) -> &'static AtomicU8 {
        self.byte(offset_of!(VcpuInfoAbi, evtchn_upcall_pending))
    }

    /// The byte that holds upcalls back.
    pub fn upcall_mask_byte(&self) -> &'static AtomicU8 {
        self.byte(offset_of!(VcpuInfoAbi, evtchn_upcall_mask))
    }

    /// The upcall mask, as the guest left it.
    pub fn upcall_mask(&self) -> u8 {
        self.upcall_mask_byte().load(SeqCst)
    }

    /// Sets the upcall mask.
    pub fn set_upcall_mask(&self, mask: u8) {
        self.upcall_mask_byte().store(mask, SeqCst);
    }

    /// The selector word: which words of the pending bits to look at.
    pub fn pending_sel(&self) -> &'static AtomicU64 {
        self.word(offset_of!(VcpuInfoAbi, evtchn_pending_sel))
    }

    /// Shows the guest the address of a page fault.
    pub fn set_cr2(&self, cr2: u64) {
        self.word(offset_of!(VcpuInfoAbi, arch) + offset_of!(ArchVcpuInfo, cr2)).store(cr2, SeqCst);
    }

    /// Writes the vCPU's clock: system time at a TSC value, and the TSC's rate.
    pub fn publish_time(&self) {
        let time = clock::vcpu_time();
        let at = offset_of!(VcpuInfoAbi, time);
        // The version shares its word with padding; odd means "being written".
        let version = self.word(at);
        let old = version.load(SeqCst) as u32;
        version.store(u64::from(old.wrapping_add(1) | 1), SeqCst);
        self.word(at + offset_of!(VcpuTimeInfo, tsc_timestamp)).store(time.tsc_timestamp, SeqCst);
        self.word(at + offset_of!(VcpuTimeInfo, system_time)).store(time.system_time, SeqCst);
        let rate = u64::from(time.tsc_to_system_mul)
            | u64::from(time.tsc_shift as u8) << 32
            | u64::from(time.flags) << 40;
        self.word(at + offset_of!(VcpuTimeInfo, tsc_to_system_mul)).store(rate, SeqCst);
        version.store(u64::from((old | 1).wrapping_add(1)), SeqCst);
    }
}

/// Prepares a new shared-info page: all upcalls masked, clocks valid.
pub fn init(shared_info: Mfn) {
    for id in 0..LEGACY_VCPUS {
        let info = VcpuInfo::legacy(shared_info, VcpuId(id));
        info.set_upcall_mask(1);
        info.publish_time();
    }
    publish_wallclock(shared_info);
}

/// Writes the time of day at system time 0.
fn publish_wallclock(shared_info: Mfn) {
    let (secs, nanos) = clock::wall_at_boot();
    let words = direct::words(shared_info);
    let at = |field: usize| &words[field / 8];
    const { assert!(offset_of!(SharedInfo, wc_version) % 8 == 0) };
    // wc_version and wc_sec are one word, wc_nsec and wc_sec_hi the next.
    at(offset_of!(SharedInfo, wc_version)).store(1 | secs << 32, SeqCst);
    at(offset_of!(SharedInfo, wc_nsec)).store(u64::from(nanos) | secs >> 32 << 32, SeqCst);
    at(offset_of!(SharedInfo, wc_version)).store(2 | secs << 32, SeqCst);
}
