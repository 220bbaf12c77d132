//! How often an entry is in use, by kind.

use super::map::{Access, MapFlags};

/// Most pins of a kind on one entry, as in Xen.
const MOST: u8 = 128;

/// Counted uses of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Pins {
    /// By page-table entries and copies, for reading.
    pub host_read: u8,
    /// By page-table entries and copies, for writing.
    pub host_write: u8,
    /// For devices, for reading.
    pub device_read: u8,
    /// For devices, for writing.
    pub device_write: u8,
}

impl Pins {
    /// Whether the entry is in use.
    pub const fn any(self) -> bool {
        self.any_write() || self.host_read != 0 || self.device_read != 0
    }

    /// Whether it is in use for writing.
    pub const fn any_write(self) -> bool {
        self.host_write != 0 || self.device_write != 0
    }

    fn of(&mut self, access: Access) -> (&mut u8, &mut u8) {
        match access {
            Access::Read => (&mut self.host_read, &mut self.device_read),
            Access::Write => (&mut self.host_write, &mut self.device_write),
        }
    }

    /// With a use more; `None`: there are as many as can be counted.
    pub fn plus(mut self, uses: MapFlags) -> Option<Self> {
        let (host, device) = self.of(uses.access());
        if uses.host && *host == MOST || uses.device && *device == MOST {
            return None;
        }
        *host += u8::from(uses.host);
        *device += u8::from(uses.device);
        Some(self)
    }

    /// With a use less.
    ///
    /// # Panics
    /// If there is none: an invariant of the hypervisor is broken.
    pub fn minus(mut self, uses: MapFlags) -> Self {
        let (host, device) = self.of(uses.access());
        for (count, less) in [(host, uses.host), (device, uses.device)] {
            *count = count
                .checked_sub(u8::from(less))
                .expect("pin of a grant dropped twice");
        }
        self
    }
}
