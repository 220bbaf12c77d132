//! Words of frames that are no page tables: plain writes, and segment descriptors.

use super::machine::{drop_ref, drop_writable, take_type, take_writable};
use super::promote::ENTRIES;
use super::{Machine, Refusal, Tables};
use crate::frame::{Got, Type};
use crate::types::{Mfn, MfnClaim};

/// Drops what [`Tables::take_descriptors`] took, where the page lock of the frame's owner is held
/// already.
pub fn drop_descriptors<M: Machine + ?Sized>(m: &M, mfn: Mfn) {
    let put = m.frame(mfn).put_type(m.flush_clock());
    debug_assert_eq!(put, crate::frame::PutType::Done);
    drop_ref(m, mfn);
}

impl Tables {
    /// Writes a word of a frame that may be written, holding it writable meanwhile so that it
    /// cannot become a table. The frame must be the domain's, and lent pages are refused.
    pub(super) fn write_plain<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        mfn: Mfn,
        index: usize,
        value: u64,
    ) -> Result<(), Refusal> {
        if index >= ENTRIES {
            return Err(Refusal::BadIndex);
        }
        if m.frame(mfn).snapshot().kind == Type::Shared {
            return Err(Refusal::InUseAs(Type::Shared));
        }
        take_writable(m, mfn)?;
        m.write(mfn, index, value);
        drop_writable(m, mfn);
        Ok(())
    }

    /// Takes a frame for a GDT or LDT: vets its descriptors if it is not in use as such. The
    /// frame is then not writable for the guest until [`Tables::drop_descriptors`].
    pub fn take_descriptors<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        frame: MfnClaim,
    ) -> Result<Mfn, Refusal> {
        let mfn = self.hold_own(m, frame)?;
        let result = match take_type(m, mfn, Type::SegDesc) {
            Ok(Got::Established) => Ok(mfn),
            Ok(_) if m.vet_descriptors(mfn) => {
                m.frame(mfn).established();
                Ok(mfn)
            }
            Ok(_) => {
                m.frame(mfn).not_established(m.flush_clock());
                Err(Refusal::BadDescriptor)
            }
            Err(refusal) => Err(refusal),
        };
        result.inspect_err(|_| drop_ref(m, mfn))
    }

    /// Drops what [`Tables::take_descriptors`] took.
    pub fn drop_descriptors<M: Machine + ?Sized>(&mut self, m: &M, mfn: Mfn) {
        drop_descriptors(m, mfn);
    }

    /// Writes a descriptor, which the caller has vetted, into a frame that holds descriptors in use
    /// or may be written (`update_descriptor`).
    pub fn write_descriptor<M: Machine + ?Sized>(
        &mut self,
        m: &M,
        frame: MfnClaim,
        index: usize,
        vetted: u64,
    ) -> Result<(), Refusal> {
        if index >= ENTRIES {
            return Err(Refusal::BadIndex);
        }
        let mfn = self.hold_own(m, frame)?;
        let now = m.frame(mfn).snapshot();
        let result = if now.kind == Type::SegDesc && now.uses > 0 {
            m.write(mfn, index, vetted);
            Ok(())
        } else {
            self.write_plain(m, mfn, index, vetted)
        };
        drop_ref(m, mfn);
        result
    }
}
