//! Grant tables.

use zerocopy::{FromBytes, IntoBytes};

use super::{Calls, Gate, address_mut};
use crate::errno::Errno;
use crate::grant::{
    GNTST_OKAY, GNTTABOP_COPY, GNTTABOP_GET_VERSION, GNTTABOP_MAP_GRANT_REF, GNTTABOP_QUERY_SIZE,
    GNTTABOP_SET_VERSION, GNTTABOP_SETUP_TABLE, GNTTABOP_UNMAP_GRANT_REF, GnttabCopy,
    GnttabGetVersion, GnttabMapGrantRef, GnttabQuerySize, GnttabSetVersion, GnttabSetupTable,
    GnttabUnmapGrantRef,
};
use crate::hypercall::Hypercall;

/// Why a grant operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantError {
    /// The hypercall was refused.
    Call(Errno),
    /// The operation was: a `GNTST_*` status.
    Status(i16),
}

impl From<Errno> for GrantError {
    fn from(errno: Errno) -> GrantError {
        GrantError::Call(errno)
    }
}

fn check(status: i16) -> Result<(), GrantError> {
    if status == GNTST_OKAY {
        Ok(())
    } else {
        Err(GrantError::Status(status))
    }
}

impl<G: Gate> Calls<G> {
    /// Runs an array of grant operations; each element gets its own status.
    ///
    /// # Safety
    ///
    /// `command` must be the one that takes such elements; the caller answers for what is mapped, unmapped or
    /// written.
    pub unsafe fn grant_op<T>(command: u32, list: &mut [T]) -> Result<(), Errno>
    where
        T: FromBytes + IntoBytes,
    {
        let args = [command.into(), address_mut(list), list.len() as u64, 0, 0];
        // SAFETY: the array is borrowed mutably and any bytes are valid for it; the rest is the caller's.
        unsafe { Self::raw(Hypercall::GrantTableOp, args) }.map(drop)
    }

    /// Maps frames that others granted.
    ///
    /// # Safety
    ///
    /// The addresses must be the caller's to map at.
    pub unsafe fn grant_map(list: &mut [GnttabMapGrantRef]) -> Result<(), Errno> {
        // SAFETY: passed on to the caller.
        unsafe { Self::grant_op(GNTTABOP_MAP_GRANT_REF, list) }
    }

    /// Unmaps frames.
    ///
    /// # Safety
    ///
    /// Nothing may use these mappings any more.
    pub unsafe fn grant_unmap(list: &mut [GnttabUnmapGrantRef]) -> Result<(), Errno> {
        // SAFETY: passed on to the caller.
        unsafe { Self::grant_op(GNTTABOP_UNMAP_GRANT_REF, list) }
    }

    /// Copies between granted and own frames.
    ///
    /// # Safety
    ///
    /// Own frames that are written must be the caller's to write.
    pub unsafe fn grant_copy(list: &mut [GnttabCopy]) -> Result<(), Errno> {
        // SAFETY: passed on to the caller.
        unsafe { Self::grant_op(GNTTABOP_COPY, list) }
    }

    /// The first machine frames of a domain's grant table, which grows to hold as many as the list does.
    pub fn grant_setup_table(domain: u16, frames: &mut [u64]) -> Result<(), GrantError> {
        let mut op = [GnttabSetupTable {
            dom: domain,
            nr_frames: frames.len() as u32,
            frame_list: address_mut(frames),
            ..Default::default()
        }];
        // SAFETY: the hypervisor writes at most `nr_frames` numbers into the borrowed list.
        unsafe { Self::grant_op(GNTTABOP_SETUP_TABLE, &mut op)? };
        check(op[0].status)
    }

    /// Frames that a domain's grant table has, and may have.
    pub fn grant_query_size(domain: u16) -> Result<(u32, u32), GrantError> {
        let mut op = [GnttabQuerySize {
            dom: domain,
            ..Default::default()
        }];
        // SAFETY: only the borrowed structure is written.
        unsafe { Self::grant_op(GNTTABOP_QUERY_SIZE, &mut op)? };
        check(op[0].status).map(|()| (op[0].nr_frames, op[0].max_nr_frames))
    }

    /// Chooses the version of this domain's grant table; returns the one in use.
    ///
    /// # Safety
    ///
    /// The entries change their layout: none may be in use.
    pub unsafe fn grant_set_version(version: u32) -> Result<u32, Errno> {
        let mut op = [GnttabSetVersion { version }];
        // SAFETY: passed on to the caller.
        unsafe { Self::grant_op(GNTTABOP_SET_VERSION, &mut op)? };
        Ok(op[0].version)
    }

    /// The version of a domain's grant table.
    pub fn grant_get_version(domain: u16) -> Result<u32, Errno> {
        let mut op = [GnttabGetVersion {
            dom: domain,
            ..Default::default()
        }];
        // SAFETY: only the borrowed structure is written.
        unsafe { Self::grant_op(GNTTABOP_GET_VERSION, &mut op)? };
        Ok(op[0].version)
    }
}
