//! `vm_assist(cmd, type)` (`public/xen.h`): what a guest asks the hypervisor to do for it.

use super::{Answer, Call, OK};
use crate::running::Running;
use core::sync::atomic::Ordering::SeqCst;
use pv_guest_abi::assist::*;
use pv_guest_abi::errno::Errno;

/// The assists that there are. Types below 4 GiB of segment and the extended CR3 concern 32-bit
/// guests: accepted, without effect.
const KNOWN: u64 = 1 << VMASST_TYPE_4GB_SEGMENTS
    | 1 << VMASST_TYPE_4GB_SEGMENTS_NOTIFY
    | 1 << VMASST_TYPE_WRITABLE_PAGETABLES
    | 1 << VMASST_TYPE_PAE_EXTENDED_CR3
    | 1 << VMASST_TYPE_ARCHITECTURAL_IOPL
    | 1 << VMASST_TYPE_RUNSTATE_UPDATE_FLAG
    | 1 << VMASST_TYPE_M2P_STRICT;

/// Switches an assist on or off.
pub fn vm_assist(running: &mut Running, call: &Call) -> Answer {
    let kind = call.word(1);
    if kind >= u64::BITS || KNOWN >> kind & 1 == 0 {
        return Err(Errno::EINVAL);
    }
    let assists = &running.domain.assists;
    match call.word(0) {
        VMASST_CMD_ENABLE => assists.fetch_or(1 << kind, SeqCst),
        VMASST_CMD_DISABLE => assists.fetch_and(!(1 << kind), SeqCst),
        _ => return Err(Errno::ENOSYS),
    };
    OK
}
