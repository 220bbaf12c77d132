//! The one way to a guest's memory: walk its tables in software, hold the frame,
//! copy through the direct map.
//!
//! The hypervisor never dereferences a guest virtual address. A pointer that leads
//! nowhere, to a page the guest may not write, or to a frame that is neither its own
//! nor granted to it, is a [`Fault`], which hypercalls answer with `-EFAULT`.

use crate::domain::Domain;
use crate::pages::{self, LIVE, Live};
use pv_guest_abi::errno::Errno;
use xenolith_mech::mm::direct;
use xenolith_rules::paging::{Held, Machine};
use xenolith_rules::types::{GuestAddr, Mfn, MfnClaim, PAGE_SIZE};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A guest pointer that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub GuestAddr);

impl From<Fault> for Errno {
    fn from(_: Fault) -> Self {
        Errno::EFAULT
    }
}

/// What is to be done at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read as the guest's kernel.
    Read,
    /// Write as the guest's kernel.
    Write,
    /// Read as the guest's user code.
    UserRead,
}

/// Bits of a page-table entry that a walk looks at.
mod bits {
    pub const PRESENT: u64 = 1;
    pub const WRITABLE: u64 = 1 << 1;
    pub const USER: u64 = 1 << 2;
    pub const LARGE: u64 = 1 << 7;
    pub const FRAME: u64 = 0x000f_ffff_ffff_f000;
}

/// An entry's frame number.
pub fn frame_of(entry: u64) -> MfnClaim {
    MfnClaim((entry & bits::FRAME) >> 12)
}

/// A guest's address space: a root table, and whose memory it may lead to.
#[derive(Clone, Copy)]
pub struct Space<'a> {
    domain: &'a Domain,
    root: Mfn,
}

impl<'a> Space<'a> {
    /// The space below `root`, a root table that `domain` holds.
    pub fn new(domain: &'a Domain, root: Mfn) -> Self {
        Self { domain, root }
    }

    /// The L1 table and slot that map `at`, if tables lead that far.
    pub fn l1_slot(&self, at: GuestAddr) -> Option<(Mfn, usize)> {
        self.walk(at, 0).map(|(table, slot, _)| (table, slot))
    }

    /// The L1 entry for `at`, for use as `access`: the frame it names.
    fn translate(&self, at: GuestAddr, access: Access) -> Result<MfnClaim, Fault> {
        let needed = bits::PRESENT
            | match access {
                Access::Read => 0,
                Access::Write => bits::WRITABLE,
                Access::UserRead => bits::USER,
            };
        let (table, slot, _) = self.walk(at, needed).ok_or(Fault(at))?;
        let entry = direct::read_word(table, slot);
        if entry & needed != needed {
            return Err(Fault(at));
        }
        Ok(frame_of(entry))
    }

    /// Down to the L1 table, as long as entries have the bits `needed`. Tables may
    /// change under the walk (another vCPU), so nothing read is taken for more than
    /// a claim: each frame is checked to be RAM before it is looked into.
    fn walk(&self, at: GuestAddr, needed: u64) -> Option<(Mfn, usize, u64)> {
        if !at.is_canonical() || at.is_hypervisors() {
            return None;
        }
        let needed = needed | bits::PRESENT;
        let mut table = self.root;
        let mut entry = 0;
        for level in [4, 3, 2] {
            entry = direct::read_word(table, slot_at(at, level));
            if entry & needed != needed || entry & bits::LARGE != 0 && level != 4 {
                return None;
            }
            table = pages::ram(frame_of(entry))?;
        }
        Some((table, slot_at(at, 1), entry))
    }

    /// Holds the frame that `at` leads to, for use as `access`.
    fn hold(&self, at: GuestAddr, access: Access) -> Result<Held<'static, Live>, Fault> {
        let frame = self.translate(at, access)?;
        let owner = pages::ram(frame).and_then(|mfn| LIVE.frame(mfn).owner());
        match (access, owner) {
            (_, Some(owner)) if owner != self.domain.id => self.hold_mapped(at, access),
            (Access::Write, _) => pages::hold_writable(self.domain.id, frame),
            (Access::Read | Access::UserRead, _) => pages::hold(self.domain.id, frame),
        }
        .ok_or(Fault(at))
    }

    /// Holds another domain's frame, which a grant has mapped at `at`. Only the page lock makes sure
    /// that tables and entry are the guest's own, checked ones from the walk until the frame is held.
    fn hold_mapped(&self, at: GuestAddr, access: Access) -> Option<Held<'static, Live>> {
        let _tables = self.domain.pages.tables();
        let mfn = pages::ram(self.translate(at, access).ok()?)?;
        Held::mapped(&LIVE, mfn, access == Access::Write).ok()
    }

    /// Runs `copy` on each page's part of `len` bytes at `at`: frame, offset in it,
    /// range of the caller's buffer.
    fn for_each_page(
        &self,
        at: GuestAddr,
        len: usize,
        access: Access,
        mut copy: impl FnMut(Mfn, usize, core::ops::Range<usize>),
    ) -> Result<(), Fault> {
        let mut done = 0;
        while done < len {
            let here = GuestAddr(at.0.checked_add(done as u64).ok_or(Fault(at))?);
            let offset = (here.0 % PAGE_SIZE) as usize;
            let part = (PAGE_SIZE as usize - offset).min(len - done);
            let held = self.hold(here, access)?;
            copy(held.mfn(), offset, done..done + part);
            done += part;
        }
        Ok(())
    }

    /// Copies the guest's bytes at `at` into `buffer`.
    pub fn read_bytes(
        &self,
        at: GuestAddr,
        buffer: &mut [u8],
        access: Access,
    ) -> Result<(), Fault> {
        self.for_each_page(at, buffer.len(), access, |mfn, offset, range| {
            direct::read_bytes(mfn, offset, &mut buffer[range]);
        })
    }

    /// Copies `bytes` to the guest's memory at `at`.
    pub fn write_bytes(&self, at: GuestAddr, bytes: &[u8]) -> Result<(), Fault> {
        self.for_each_page(at, bytes.len(), Access::Write, |mfn, offset, range| {
            direct::write_bytes(mfn, offset, &bytes[range]);
        })
    }

    /// Reads a value of the ABI. It is a copy: the guest cannot change it afterwards.
    pub fn read<T: FromBytes + IntoBytes>(&self, at: GuestAddr) -> Result<T, Fault> {
        let mut value = T::new_zeroed();
        self.read_bytes(at, value.as_mut_bytes(), Access::Read)?;
        Ok(value)
    }

    /// Writes a value of the ABI.
    pub fn write<T: IntoBytes + Immutable>(&self, at: GuestAddr, value: &T) -> Result<(), Fault> {
        self.write_bytes(at, value.as_bytes())
    }

    /// Reads element `index` of an array of `T` at `at`.
    pub fn read_element<T: FromBytes + IntoBytes>(
        &self,
        at: GuestAddr,
        index: u64,
    ) -> Result<T, Fault> {
        self.read(element::<T>(at, index)?)
    }

    /// Writes element `index` of an array of `T` at `at`.
    pub fn write_element<T: IntoBytes + Immutable>(
        &self,
        at: GuestAddr,
        index: u64,
        value: &T,
    ) -> Result<(), Fault> {
        self.write(element::<T>(at, index)?, value)
    }
}

fn element<T>(at: GuestAddr, index: u64) -> Result<GuestAddr, Fault> {
    index
        .checked_mul(size_of::<T>() as u64)
        .and_then(|offset| at.0.checked_add(offset))
        .map(GuestAddr)
        .ok_or(Fault(at))
}

fn slot_at(at: GuestAddr, level: u32) -> usize {
    (at.0 >> (12 + 9 * (level - 1)) & 511) as usize
}
