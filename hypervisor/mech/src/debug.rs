//! The CPU's debug registers, which are a guest's while it has breakpoints.
//!
//! They never hold an address of the hypervisor's, and ring 0 touches no other, so they
//! need not be disarmed at each exit. What falls due in ring 0 all the same was held back by
//! `MOV SS` until a SYSCALL or `int` had entered it: it is noted, and given to the guest.

use crate::percpu;
use core::arch::asm;

/// DR6 without any event, DR7 without any breakpoint.
const DR6_NONE: u64 = 0xffff_0ff0;
const DR7_NONE: u64 = 0x400;

/// Arms breakpoints: DR0 to DR3, and DR7.
///
/// # Panics
/// If an address is the hypervisor's and DR7 enables it, or DR7 would trap ring 0's own use of
/// debug registers.
pub fn arm(address: &[u64; 4], control: u64) {
    const GENERAL_DETECT: u64 = 1 << 13;
    assert!(control & GENERAL_DETECT == 0);
    for (index, &address) in address.iter().enumerate() {
        let enabled = control >> (2 * index) & 3 != 0;
        let address = xenolith_rules::types::GuestAddr(address);
        assert!(!enabled || !address.is_hypervisors());
    }
    // SAFETY: breakpoints that are no addresses of ours and so act on guests only.
    unsafe {
        asm!("mov dr7, {4}", "mov dr0, {0}", "mov dr1, {1}", "mov dr2, {2}", "mov dr3, {3}",
             "mov dr6, {6}", "mov dr7, {5}",
             in(reg) address[0], in(reg) address[1], in(reg) address[2], in(reg) address[3],
             in(reg) DR7_NONE, in(reg) control, in(reg) DR6_NONE,
             options(nomem, nostack, preserves_flags));
    }
}

/// Disarms all breakpoints.
pub fn disarm() {
    // SAFETY: nothing is armed afterwards.
    unsafe { asm!("mov dr7, {}", in(reg) DR7_NONE, options(nomem, nostack, preserves_flags)) };
}

/// Takes what DR6 says of the last #DB.
pub fn take_status() -> u64 {
    let status: u64;
    // SAFETY: DR6 only reports; ring 0 has no use for it.
    unsafe {
        asm!("mov {0}, dr6", "mov dr6, {1}", out(reg) status, in(reg) DR6_NONE,
             options(nomem, nostack, preserves_flags));
    }
    status
}

/// Notes for the guest which of its breakpoints fell due in ring 0. A single step that did is
/// none: the way in clears TF, and the guest gets its flags back with its context.
pub(crate) fn note_breakpoints() {
    let (status, control): (u64, u64) = (take_status(), control());
    // A CPU may name breakpoints that are not enabled.
    let due = (0..4)
        .filter(|n| status >> n & 1 != 0 && control >> (2 * n) & 3 != 0)
        .fold(0, |due, n| due | 1 << n);
    if due != 0 {
        percpu::this().note_debug(due | DR6_NONE);
    }
}

/// DR7.
fn control() -> u64 {
    let control: u64;
    // SAFETY: general detect is never set, so reading has no effect.
    unsafe { asm!("mov {}, dr7", out(reg) control, options(nomem, nostack, preserves_flags)) };
    control
}

/// Takes what DR6 said of a guest's breakpoint that fell due in ring 0, if one did.
pub fn take_noted() -> Option<u64> {
    match percpu::this().take_debug() {
        0 => None,
        status => Some(status),
    }
}
