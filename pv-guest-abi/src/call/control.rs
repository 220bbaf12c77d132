//! Operations of a control domain or a domain with devices.

use zerocopy::{FromBytes, IntoBytes};

use super::{Calls, Gate, address_mut};
use crate::domctl::Domctl;
use crate::errno::Errno;
use crate::hypercall::Hypercall;
use crate::physdev::{PHYSDEVOP_SET_IOPL, PhysdevSetIopl};
use crate::platform::PlatformOp;
use crate::sysctl::Sysctl;

impl<G: Gate> Calls<G> {
    /// An operation on a domain; the structure is written back. `EACCES`: another interface version.
    ///
    /// # Safety
    ///
    /// Addresses in the payload must be valid for what the command reads or writes there.
    pub unsafe fn domctl(operation: &mut Domctl) -> Result<u64, Errno> {
        // SAFETY: the structure is borrowed mutably; the rest is the caller's.
        unsafe { Self::raw(Hypercall::Domctl, [address_mut(operation), 0, 0, 0, 0]) }
    }

    /// An operation on the whole system; the structure is written back. `EACCES`: another interface version.
    ///
    /// # Safety
    ///
    /// Addresses in the payload must be valid for what the command reads or writes there.
    pub unsafe fn sysctl(operation: &mut Sysctl) -> Result<u64, Errno> {
        // SAFETY: the structure is borrowed mutably; the rest is the caller's.
        unsafe { Self::raw(Hypercall::Sysctl, [address_mut(operation), 0, 0, 0, 0]) }
    }

    /// An operation on the machine; the structure is written back. `EACCES`: another interface version.
    ///
    /// # Safety
    ///
    /// Addresses in the payload must be valid for what the command reads or writes there.
    pub unsafe fn platform_op(operation: &mut PlatformOp) -> Result<u64, Errno> {
        // SAFETY: the structure is borrowed mutably; the rest is the caller's.
        unsafe { Self::raw(Hypercall::PlatformOp, [address_mut(operation), 0, 0, 0, 0]) }
    }

    /// An operation on interrupts and devices; the structure is written back.
    ///
    /// # Safety
    ///
    /// `command` must be the one that takes such a structure; the caller answers for its effect.
    pub unsafe fn physdev_op<T>(command: u32, argument: &mut T) -> Result<u64, Errno>
    where
        T: FromBytes + IntoBytes,
    {
        Self::with(Hypercall::PhysdevOp, command, argument)
    }

    /// Sets the virtual I/O privilege level of this vCPU, 0 to 3.
    pub fn set_iopl(iopl: u32) -> Result<(), Errno> {
        Self::with_in(
            Hypercall::PhysdevOp,
            PHYSDEVOP_SET_IOPL,
            &PhysdevSetIopl { iopl },
        )
        .map(drop)
    }
}
