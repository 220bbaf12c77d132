//! `/dev/xen/xenbus_backend`: setting up a local xenstore daemon (`sys/xenbus_dev.h`).

use super::ioc;

/// Returns the port of the control domain's own xenstore ring.
pub const IOCTL_XENBUS_BACKEND_EVTCHN: u32 = ioc(b'B', 0, 0);
/// The daemon runs in the domain given as argument; returns the port.
pub const IOCTL_XENBUS_BACKEND_SETUP: u32 = ioc(b'B', 1, 0);
