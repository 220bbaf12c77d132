//! How long a vCPU has been running, waiting, sleeping and offline (`vcpu_runstate_info`).

use pv_guest_abi::vcpu::{RUNSTATE_OFFLINE, VcpuRunstateInfo};

/// The times of one vCPU.
pub struct Accounts(VcpuRunstateInfo);

impl Accounts {
    /// Offline from `now` on.
    pub fn new(now: u64) -> Self {
        Self(VcpuRunstateInfo {
            state: RUNSTATE_OFFLINE,
            state_entry_time: now,
            ..VcpuRunstateInfo::default()
        })
    }

    /// It changes to `state`, one of `RUNSTATE_*`.
    pub fn enter(&mut self, state: i32, now: u64) {
        if state != self.0.state {
            self.0 = self.info(now);
            self.0.state = state;
            self.0.state_entry_time = now;
        }
    }

    /// All times up to `now`, with those of the present state counted in.
    pub fn info(&self, now: u64) -> VcpuRunstateInfo {
        let mut info = self.0;
        info.time[info.state as usize] += now.saturating_sub(info.state_entry_time);
        info
    }
}
