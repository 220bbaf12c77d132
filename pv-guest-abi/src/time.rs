//! The paravirtual clock (`xen.h`, `vcpu_time_info`).
//!
//! System time in nanoseconds = `system_time + (((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul >> 32)`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`VcpuTimeInfo::flags`]: all vCPUs' clocks agree.
pub const XEN_PVCLOCK_TSC_STABLE_BIT: u8 = 1 << 0;
/// [`VcpuTimeInfo::flags`]: the domain was stopped by its toolstack.
pub const XEN_PVCLOCK_GUEST_STOPPED: u8 = 1 << 1;

/// Time base of one vCPU, written by the hypervisor (32 bytes).
#[doc(alias = "vcpu_time_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VcpuTimeInfo {
    /// Odd while an update is under way; a reader retries if it changed.
    pub version: u32,
    /// Zero.
    pub pad0: u32,
    /// TSC at the latest update, in ticks.
    pub tsc_timestamp: u64,
    /// Nanoseconds since boot at the latest update.
    pub system_time: u64,
    /// Nanoseconds for a shifted tick, as a fraction of 2^32.
    pub tsc_to_system_mul: u32,
    /// Left shift of the tick difference; negative shifts right.
    pub tsc_shift: i8,
    /// `XEN_PVCLOCK_*`.
    pub flags: u8,
    /// Zero.
    pub pad1: [u8; 2],
}

impl VcpuTimeInfo {
    /// System time in nanoseconds at the given TSC value, by this (consistent) copy.
    pub const fn system_time_at(&self, tsc: u64) -> u64 {
        self.system_time
            .wrapping_add(self.ticks_to_ns(tsc.wrapping_sub(self.tsc_timestamp)))
    }

    /// Converts a number of TSC ticks to nanoseconds.
    pub const fn ticks_to_ns(&self, ticks: u64) -> u64 {
        let shifted = if self.tsc_shift < 0 {
            ticks.wrapping_shr(self.tsc_shift.unsigned_abs() as u32)
        } else {
            ticks.wrapping_shl(self.tsc_shift as u32)
        };
        ((shifted as u128 * self.tsc_to_system_mul as u128) >> 32) as u64
    }
}

crate::zeroed_default!(VcpuTimeInfo);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_scale_both_ways() {
        // 2 GHz: half a nanosecond for each tick.
        let mut time = VcpuTimeInfo {
            tsc_to_system_mul: 1 << 31,
            ..Default::default()
        };
        time.system_time = 100;
        time.tsc_timestamp = 1000;
        assert_eq!(time.system_time_at(3000), 1100);
        time.tsc_shift = 1;
        assert_eq!(time.system_time_at(3000), 2100);
        time.tsc_shift = -1;
        assert_eq!(time.system_time_at(3000), 600);
    }
}
