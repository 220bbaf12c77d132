//! Operations of `memory_op` that guests with page tables of their own are refused, each with
//! Xen's own answer.

use super::target;
use crate::calls::Answer;
use crate::domain::{self, Rights};
use crate::running::Running;
use pv_guest_abi::errno::Errno;
use pv_guest_abi::memory::*;
use xenolith_rules::types::{DomId, GuestAddr};

/// The extent to begin with must fit the argument's 16-bit size.
fn small(start: u64) -> Result<(), Errno> {
    u16::try_from(start).map(|_| ()).map_err(|_| Errno::EDOM)
}

/// Guests that the hypervisor translates for have a map to add pages to; ours have none.
pub fn add_to_physmap(running: &Running, at: GuestAddr, start: u64) -> Answer {
    small(start)?;
    let arg: AddToPhysmap = running.space().read(at)?;
    if arg.space == XENMAPSPACE_GMFN_FOREIGN {
        return Err(Errno::ENOSYS);
    }
    target(running, arg.domid)?;
    Err(Errno::EACCES)
}

/// As [`add_to_physmap`].
pub fn add_to_physmap_batch(running: &Running, at: GuestAddr, start: u64) -> Answer {
    small(start)?;
    let arg: AddToPhysmapBatch = running.space().read(at)?;
    if u32::from(arg.space) == XENMAPSPACE_GMFN_RANGE {
        return Err(Errno::EOPNOTSUPP);
    }
    target(running, arg.domid)?;
    Err(Errno::EACCES)
}

/// As [`add_to_physmap`].
pub fn remove_from_physmap(running: &Running, at: GuestAddr) -> Answer {
    let arg: RemoveFromPhysmap = running.space().read(at)?;
    target(running, arg.domid)?;
    Err(Errno::EACCES)
}

/// Populate on demand, which a control domain asks about.
pub fn pod_target(running: &Running, at: GuestAddr) -> Answer {
    let arg: PodTarget = running.space().read(at)?;
    target(running, arg.domid)?;
    if running.domain.may(Rights::CONTROL) {
        Err(Errno::EINVAL)
    } else {
        Err(Errno::EPERM)
    }
}

/// Access rights by page, which are another domain's to be asked about.
pub fn access_op(running: &Running, at: GuestAddr) -> Answer {
    let arg: MemAccessOp = running.space().read(at)?;
    other(running, arg.domid)?;
    Err(Errno::EOPNOTSUPP)
}

/// Frames that the hypervisor has for another domain.
pub fn acquire_resource(running: &Running, at: GuestAddr) -> Answer {
    let arg: MemAcquireResource = running.space().read(at)?;
    if arg.pad != 0 {
        return Err(Errno::EINVAL);
    }
    other(running, arg.domid)?;
    Err(Errno::EOPNOTSUPP)
}

/// Checks that a number is another domain's, over which the caller has rights.
fn other(running: &Running, domid: u16) -> Result<(), Errno> {
    let domain = domain::find(DomId(domid)).ok_or(Errno::ESRCH)?;
    if domain.id != running.domain.id && running.domain.may(Rights::CONTROL) {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

/// The domain's memory and vCPUs by virtual node: it has none.
pub fn virtual_nodes(running: &Running, at: GuestAddr) -> Answer {
    let arg: VnumaTopologyInfo = running.space().read(at)?;
    if arg.pad != 0 {
        return Err(Errno::EINVAL);
    }
    target(running, arg.domid)?;
    Err(Errno::EOPNOTSUPP)
}
