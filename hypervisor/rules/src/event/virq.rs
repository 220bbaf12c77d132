//! Virtual interrupts: the numbers of the ABI, and which of them each vCPU has
//! for itself.

use super::EventError;

/// Virtual interrupts in the ABI (`NR_VIRQS`).
pub const COUNT: usize = 24;

/// A virtual interrupt's number that has been found in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Virq(u8);

impl Virq {
    /// Timer, per vCPU.
    pub const TIMER: Self = Self(0);
    /// Request for a state dump, per vCPU.
    pub const DEBUG: Self = Self(1);
    /// Input on the console, for the control domain.
    pub const CONSOLE: Self = Self(2);
    /// Something happened to a domain, for the control domain.
    pub const DOM_EXC: Self = Self(3);
    /// Profiling, per vCPU.
    pub const XENOPROF: Self = Self(7);
    /// The hypervisor's log has grown, for the control domain.
    pub const CON_RING: Self = Self(8);
    /// Performance counters, per vCPU.
    pub const XENPMU: Self = Self(13);

    /// Takes a guest's number.
    ///
    /// # Errors
    /// [`EventError::NoSuchVirq`].
    pub const fn from_abi(number: u32) -> Result<Self, EventError> {
        if number < COUNT as u32 {
            Ok(Self(number as u8))
        } else {
            Err(EventError::NoSuchVirq)
        }
    }

    /// Its place in a vCPU's map.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its ABI number.
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    /// Whether there is one for the domain (bound on vCPU 0, and movable) rather than
    /// one for each vCPU.
    pub const fn is_global(self) -> bool {
        !matches!(
            self,
            Self::TIMER | Self::DEBUG | Self::XENOPROF | Self::XENPMU
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_are_per_vcpu() {
        let per_vcpu: Vec<u32> = (0..24)
            .filter(|&n| !Virq::from_abi(n).unwrap().is_global())
            .collect();
        assert_eq!(per_vcpu, [0, 1, 7, 13]);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(Virq::from_abi(23).is_ok());
        for n in [24, u32::MAX] {
            assert_eq!(Virq::from_abi(n), Err(EventError::NoSuchVirq));
        }
    }
}
