//! References for as long as a value lives: for whoever touches a guest's frame by itself.

use super::machine::{drop_ref, drop_writable, take_writable};
use super::{Machine, Refusal};
use crate::types::{DomId, Mfn};

/// A frame held by a general reference, and perhaps as writable; both are dropped with this value.
///
/// The hypervisor's own writes to guest memory need a writable hold: else the frame may become a
/// page table between the look at the guest's tables and the write.
#[derive(Debug)]
#[must_use = "the frame is held only as long as this lives"]
pub struct Held<'m, M: Machine + ?Sized> {
    m: &'m M,
    mfn: Mfn,
    writable: bool,
}

impl<'m, M: Machine + ?Sized> Held<'m, M> {
    /// Holds a frame of `owner`'s, to be read.
    pub fn readable(m: &'m M, mfn: Mfn, owner: DomId) -> Result<Self, Refusal> {
        m.frame(mfn).get_ref(owner)?;
        Ok(Self {
            m,
            mfn,
            writable: false,
        })
    }

    /// Holds a frame of `owner`'s, to be written: refused while it is a page table or holds
    /// descriptors.
    pub fn writable(m: &'m M, mfn: Mfn, owner: DomId) -> Result<Self, Refusal> {
        let mut held = Self::readable(m, mfn, owner)?;
        take_writable(m, mfn)?;
        held.writable = true;
        Ok(held)
    }

    /// Holds the frame of whichever domain, which an entry of a guest's table led to. The caller
    /// looks at that entry again afterwards: it may have gone before the frame was held.
    pub fn mapped(m: &'m M, mfn: Mfn, write: bool) -> Result<Self, Refusal> {
        m.frame(mfn).get_ref_any()?;
        let mut held = Self {
            m,
            mfn,
            writable: false,
        };
        if write {
            take_writable(m, mfn)?;
            held.writable = true;
        }
        Ok(held)
    }

    /// The frame.
    pub const fn mfn(&self) -> Mfn {
        self.mfn
    }

    /// Leaves the references to the caller, who drops them by [`drop_writable`] and [`drop_ref`].
    pub fn keep(self) -> Mfn {
        let mfn = self.mfn;
        core::mem::forget(self);
        mfn
    }
}

impl<M: Machine + ?Sized> Drop for Held<'_, M> {
    fn drop(&mut self) {
        if self.writable {
            drop_writable(self.m, self.mfn);
        }
        drop_ref(self.m, self.mfn);
    }
}
