//! The shared-info page and a vCPU's part of it, as the hypervisor reaches them.
//!
//! The guest writes these words while we read and write them, so all access is by
//! atomics of the field's own width, and nothing in them is believed: the upcall
//! words decide only when *this* guest is interrupted.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::SeqCst};
use pv_guest_abi::shared::ArchVcpuInfo;
use pv_guest_abi::shared::{SharedInfo, VcpuInfo as VcpuInfoAbi};
use xenolith_mech::clock;
use xenolith_mech::mm::direct;
use xenolith_rules::time::publish::TSC_STABLE;
use xenolith_rules::time::{Wallclock, publish_time, publish_wallclock};
use xenolith_rules::types::{Mfn, PAGE_SIZE, VcpuId};

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

    /// The place that a guest has registered: 64 bytes inside the frame, 8-aligned.
    pub fn at(mfn: Mfn, offset: usize) -> Self {
        Self { mfn, offset }
    }

    /// Where the bits of a vCPU go that has no place: behind the structures of the shared-info
    /// page. Such a vCPU cannot be brought up, so nobody reads them.
    pub fn nowhere(shared_info: Mfn) -> Self {
        Self {
            mfn: shared_info,
            offset: PAGE_SIZE as usize - size_of::<VcpuInfoAbi>(),
        }
    }

    /// Copies all 64 bytes from `old`.
    pub fn take_over(&self, old: &VcpuInfo) {
        for word in (0..size_of::<VcpuInfoAbi>()).step_by(8) {
            self.word(word).store(old.word(word).load(SeqCst), SeqCst);
        }
    }

    /// Makes the guest look at every port.
    pub fn look_at_every_port(&self) {
        self.pending_sel().store(u64::MAX, SeqCst);
        self.upcall_pending_byte().store(1, SeqCst);
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
        self.word(offset_of!(VcpuInfoAbi, arch) + offset_of!(ArchVcpuInfo, cr2))
            .store(cr2, SeqCst);
    }

    /// Writes the vCPU's clock: system time at a TSC value, and the TSC's rate.
    pub fn publish_time(&self) {
        let clock = clock::clock();
        let at = (self.offset + offset_of!(VcpuInfoAbi, time)) / 8;
        if let Some(words) = direct::words(self.mfn)[at..].first_chunk() {
            publish_time(words, &clock.rebased(clock::tsc(), clock.scale), TSC_STABLE);
        }
    }
}

/// Prepares a new shared-info page: all upcalls masked, clocks valid.
pub fn init(shared_info: Mfn) {
    for id in 0..LEGACY_VCPUS {
        let info = VcpuInfo::legacy(shared_info, VcpuId(id));
        info.set_upcall_mask(1);
        info.publish_time();
    }
    write_wallclock(shared_info);
}

/// Writes the time of day at system time 0.
fn write_wallclock(shared_info: Mfn) {
    const { assert!(offset_of!(SharedInfo, wc_version) % 8 == 0) };
    let (seconds, nanoseconds) = clock::wall_at_boot();
    let at = offset_of!(SharedInfo, wc_version) / 8;
    if let Some(words) = direct::words(shared_info)[at..].first_chunk() {
        let wallclock = Wallclock {
            seconds,
            nanoseconds,
        };
        publish_wallclock(words, &wallclock);
    }
}
