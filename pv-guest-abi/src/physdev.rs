//! x

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A PCI device.
#[doc(alias = "physdev_pci_device")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PhysdevPciDevice {
    /// Segment.
    pub seg: u16,
    /// Bus.
    pub bus: u8,
    /// Device and function.
    pub devfn: u8,
}

crate::zeroed_default!(PhysdevPciDevice);
