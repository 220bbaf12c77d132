//! The virtual interrupt descriptor table that `set_trap_table` fills.

use super::{BadHandler, Handler};

/// One gate of the guest's: where a vector goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The checked entry point.
    pub handler: Handler,
    /// Who may reach it by `int n`, see [`Gate::allows`].
    pub dpl: u8,
}

impl Gate {
    /// Whether `int n` may use the gate. The guest's kernel counts as ring 1, its user as ring 3.
    pub const fn allows(self, mode: super::Mode) -> bool {
        match mode {
            super::Mode::Kernel => self.dpl >= 1,
            super::Mode::User => self.dpl >= 3,
        }
    }
}

/// What became of one entry of a `set_trap_table` list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTrap {
    /// The gate stands; go on with the next entry.
    Set,
    /// An entry with address 0 ends the list.
    End,
}

/// `trap_info.flags`: the gate's DPL.
const DPL: u8 = 3;
/// `trap_info.flags`: entering sets the upcall mask.
const MASK_EVENTS: u8 = 1 << 2;

/// The 256 gates of one vCPU, 4 KiB: keep it boxed.
#[derive(Clone)]
pub struct TrapTable {
    gates: [Packed; 256],
}

/// A gate in 16 bytes; address 0 is "none".
#[derive(Clone, Copy)]
struct Packed {
    address: u64,
    flags: u8,
}

impl TrapTable {
    /// A table without gates.
    pub const fn new() -> Self {
        Self {
            gates: [Packed {
                address: 0,
                flags: 0,
            }; 256],
        }
    }

    /// Removes all gates (a null list).
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Takes one `trap_info` entry. Its code selector does not matter: a 64-bit
    /// guest is always entered on the fixed kernel selector.
    ///
    /// # Errors
    /// The address is not canonical or the hypervisor's: `-EINVAL`, the gates before it stay set.
    pub const fn set(
        &mut self,
        vector: u8,
        flags: u8,
        address: u64,
    ) -> Result<SetTrap, BadHandler> {
        match Handler::check(address, flags & MASK_EVENTS != 0) {
            Err(bad) => Err(bad),
            Ok(None) => Ok(SetTrap::End),
            Ok(Some(_)) => {
                self.gates[vector as usize] = Packed {
                    address,
                    flags: flags & (DPL | MASK_EVENTS),
                };
                Ok(SetTrap::Set)
            }
        }
    }

    /// The gate of a vector, if the guest has set one.
    pub fn gate(&self, vector: u8) -> Option<Gate> {
        let packed = self.gates[usize::from(vector)];
        let handler = Handler::check(packed.address, packed.flags & MASK_EVENTS != 0).ok()??;
        Some(Gate {
            handler,
            dpl: packed.flags & DPL,
        })
    }

    /// A gate's `trap_info` fields (flags, address), zero if not set.
    pub fn raw(&self, vector: u8) -> (u8, u64) {
        let packed = self.gates[usize::from(vector)];
        (packed.flags, packed.address)
    }
}

impl Default for TrapTable {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for TrapTable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let gates = (0..=255u8).filter_map(|v| Some((v, self.gate(v)?)));
        f.debug_map().entries(gates).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mode;
    use super::*;

    const HANDLER: u64 = 0xffff_ffff_8100_0000;

    #[test]
    fn a_list_ends_at_address_zero() {
        let mut table = TrapTable::new();
        assert_eq!(table.set(14, 4, HANDLER), Ok(SetTrap::Set));
        assert_eq!(table.set(14, 0, 0), Ok(SetTrap::End));
        assert!(
            table.gate(14).is_some(),
            "the end of a list changes no gate"
        );
        table.clear();
        assert_eq!(table.gate(14), None);
    }

    #[test]
    fn flags_give_dpl_and_mask() {
        let mut table = TrapTable::new();
        table.set(0x80, 3, HANDLER).unwrap();
        table.set(14, 0xfc, HANDLER).unwrap();
        let int80 = table.gate(0x80).unwrap();
        assert_eq!((int80.dpl, int80.handler.masks_events()), (3, false));
        let fault = table.gate(14).unwrap();
        assert_eq!((fault.dpl, fault.handler.masks_events()), (0, true));
        assert_eq!(table.raw(14), (4, HANDLER));
    }

    #[test]
    fn bad_addresses_are_refused_and_change_nothing() {
        let mut table = TrapTable::new();
        table.set(3, 3, HANDLER).unwrap();
        assert_eq!(
            table.set(3, 3, 0x8000_0000_0000),
            Err(BadHandler::NotCanonical)
        );
        assert_eq!(
            table.set(3, 3, 0xffff_8000_0000_0000),
            Err(BadHandler::Hypervisors)
        );
        assert_eq!(table.raw(3), (3, HANDLER));
    }

    #[test]
    fn dpl_counts_for_software_interrupts() {
        let gate = |dpl| {
            let mut table = TrapTable::new();
            table.set(0x40, dpl, HANDLER).unwrap();
            table.gate(0x40).unwrap()
        };
        for (dpl, kernel, user) in [
            (0, false, false),
            (1, true, false),
            (2, true, false),
            (3, true, true),
        ] {
            assert_eq!(gate(dpl).allows(Mode::Kernel), kernel, "dpl {dpl}");
            assert_eq!(gate(dpl).allows(Mode::User), user, "dpl {dpl}");
        }
    }
}
