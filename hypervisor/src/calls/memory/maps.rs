//! What `memory_op` tells of the machine's memory, and of a domain's.

use super::target;
use crate::calls::{Answer, OK};
use crate::domain::Rights;
use crate::machine;
use crate::running::Running;
use alloc::vec::Vec;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::memory::*;
use pv_guest_abi::xen_x86::{MACH2PHYS_VIRT_END, MACH2PHYS_VIRT_START};
use xenolith_mech::mm;
use xenolith_rules::types::GuestAddr;

/// Most entries of a domain's memory map (`E820MAX`).
const MAX_ENTRIES: u32 = 1024;

/// The domain's own map, if it has one.
pub fn memory_map(running: &Running, at: GuestAddr) -> Answer {
    let mut arg: MemoryMap = running.space().read(at)?;
    let map = running.domain.memory_map.lock().clone();
    if map.is_empty() {
        return Err(Errno::ENOSYS);
    }
    arg.nr_entries = arg.nr_entries.min(map.len() as u32);
    for (index, entry) in (0..u64::from(arg.nr_entries)).zip(&map) {
        running
            .space()
            .write_element(GuestAddr(arg.buffer), index, entry)?;
    }
    running.space().write(at, &arg)?;
    OK
}

/// Gives a domain a map; nobody but its guest believes it.
pub fn set_memory_map(running: &Running, at: GuestAddr) -> Answer {
    let arg: ForeignMemoryMap = running.space().read(at)?;
    if arg.map.nr_entries > MAX_ENTRIES {
        return Err(Errno::EINVAL);
    }
    let domain = target(running, arg.domid)?;
    let mut map = Vec::new();
    map.try_reserve_exact(arg.map.nr_entries as usize)
        .map_err(|_| Errno::ENOMEM)?;
    for index in 0..arg.map.nr_entries.into() {
        let entry: E820Entry = running
            .space()
            .read_element(GuestAddr(arg.map.buffer), index)?;
        map.push(entry);
    }
    *domain.memory_map.lock() = map;
    OK
}

/// The firmware's map, for a domain that controls the machine. Xen wants room for one entry more
/// than there are.
pub fn machine_memory_map(running: &Running, at: GuestAddr) -> Answer {
    if !running.domain.may(Rights::CONTROL) {
        return Err(Errno::EPERM);
    }
    let mut arg: MemoryMap = running.space().read(at)?;
    let mut count = 0;
    for entry in machine::memory_map() {
        if arg.nr_entries <= count + 1 {
            return Err(Errno::EINVAL);
        }
        running
            .space()
            .write_element(GuestAddr(arg.buffer), count.into(), entry)?;
        count += 1;
    }
    arg.nr_entries = count;
    running.space().write(at, &arg)?;
    OK
}

/// Where the M2P is.
pub fn machphys_mapping(running: &Running, at: GuestAddr) -> Answer {
    let mapping = MachphysMapping {
        v_start: MACH2PHYS_VIRT_START,
        v_end: MACH2PHYS_VIRT_END,
        max_mfn: mm::highest_ram_frame().0,
    };
    running.space().write(at, &mapping)?;
    OK
}

/// The M2P's frames, in blocks of 2 MiB. A block of which there is none is the one before.
pub fn machphys_mfn_list(running: &Running, at: GuestAddr) -> Answer {
    let mut arg: MachphysMfnList = running.space().read(at)?;
    let mut last = 0;
    arg.nr_extents = 0;
    for block in mm::m2p::blocks().iter().take(arg.max_extents as usize) {
        last = block.map_or(last, |first| first.0);
        let index = arg.nr_extents.into();
        running
            .space()
            .write_element(GuestAddr(arg.extent_start), index, &last)?;
        arg.nr_extents += 1;
    }
    running.space().write(at, &arg)?;
    OK
}

/// Memory that devices must keep: none that we know of.
pub fn reserved_device_memory(running: &Running, at: GuestAddr) -> Answer {
    let mut arg: ReservedDeviceMemoryMap = running.space().read(at)?;
    if arg.flags & !XENMEM_RDM_ALL != 0 {
        return Err(Errno::EINVAL);
    }
    arg.nr_entries = 0;
    running.space().write(at, &arg)?;
    OK
}
