//! Domain identifiers with a meaning of their own (`xen.h`).

/// The first identifier that is not an ordinary domain's.
pub const DOMID_FIRST_RESERVED: u16 = 0x7ff0;
/// The calling domain.
pub const DOMID_SELF: u16 = 0x7ff0;
/// Owner of I/O memory.
pub const DOMID_IO: u16 = 0x7ff1;
/// Owner of the hypervisor's shared pages.
pub const DOMID_XEN: u16 = 0x7ff2;
/// Owner of shared copy-on-write pages.
pub const DOMID_COW: u16 = 0x7ff3;
/// No domain.
pub const DOMID_INVALID: u16 = 0x7ff4;
/// The idle domain.
pub const DOMID_IDLE: u16 = 0x7fff;
/// Mask of the bits of an identifier.
pub const DOMID_MASK: u16 = 0x7fff;
