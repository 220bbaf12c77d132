//! The words of the hypervisor as types of their own, so that a frame number
//! cannot be taken for an address, nor a guest's claim for a checked value.
//!
//! What a guest hands in is a *claim* ([`MfnClaim`], raw integers of the ABI
//! structures); what has been checked is another type ([`Mfn`], [`Port`], ...).

use core::fmt;

/// Bytes in a page, and in a frame.
pub const PAGE_SIZE: u64 = 4096;
/// log2 of [`PAGE_SIZE`].
pub const PAGE_SHIFT: u32 = 12;

macro_rules! word {
    ($(#[$doc:meta])* $name:ident($inner:ty), $fmt:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $fmt, self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    };
}

word!(
    /// A machine frame number that the hypervisor knows to be one of its RAM frames.
    Mfn(u64), "mfn {:#x}"
);
word!(
    /// A machine frame number as a guest names it: nothing about it is known yet.
    MfnClaim(u64), "claimed mfn {:#x}"
);
word!(
    /// A guest's pseudo-physical frame number.
    Pfn(u64), "pfn {:#x}"
);
word!(
    /// A domain's number. 0 is the control domain; see `pv_guest_abi` for the special ones.
    DomId(u16), "d{}"
);
word!(
    /// A virtual CPU's number within its domain.
    VcpuId(u32), "v{}"
);
word!(
    /// A physical CPU's number in the order in which the hypervisor started them.
    CpuId(u32), "cpu{}"
);
word!(
    /// An event channel port that has been found inside its domain's port table.
    Port(u32), "port {}"
);
word!(
    /// A virtual address as a guest names it: not known to be canonical, mapped or the guest's.
    GuestAddr(u64), "guest address {:#x}"
);

impl Mfn {
    /// The machine address of the frame's first byte.
    pub const fn maddr(self) -> u64 {
        self.0 << PAGE_SHIFT
    }
    /// The frame that holds the machine address.
    pub const fn containing(maddr: u64) -> Self {
        Self(maddr >> PAGE_SHIFT)
    }
}

impl GuestAddr {
    /// Whether bits 63..47 are all equal, as the CPU demands.
    pub const fn is_canonical(self) -> bool {
        let top = self.0 as i64 >> 47;
        top == 0 || top == -1
    }
    /// Whether the address lies in root slots 256..271, which belong to the hypervisor.
    pub const fn is_hypervisors(self) -> bool {
        let slot = (self.0 >> 39) & 511;
        slot >= 256 && slot < 272
    }
}
