//! The hypervisor's console: `console_io` (`xen.h`).
//!
//! Arguments: command, number of bytes, guest address of the buffer. Only the control domain may read.
//! The ring of an ordinary domain's console is in [`io::console`](crate::io::console).

/// Write bytes; returns 0.
#[doc(alias = "CONSOLEIO_write")]
pub const CONSOLEIO_WRITE: u32 = 0;
/// Read bytes; returns how many there were.
#[doc(alias = "CONSOLEIO_read")]
pub const CONSOLEIO_READ: u32 = 1;
