//! The xenstore wire protocol (`io/xs_wire.h`).
//!
//! Every message is an [`XsdSockmsg`] and `len` bytes. Requests go through the `req` ring of the
//! [`XenstoreDomainInterface`], answers and watch events come through `rsp`; both sides notify by event channel.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::errno::Errno;

/// [`XsdSockmsg::kind`]: control the daemon.
pub const XS_CONTROL: u32 = 0;
/// Old name of `XS_CONTROL`.
pub const XS_DEBUG: u32 = XS_CONTROL;
/// List the children of a node.
pub const XS_DIRECTORY: u32 = 1;
/// Read a node.
pub const XS_READ: u32 = 2;
/// Read a node's permissions.
pub const XS_GET_PERMS: u32 = 3;
/// Watch a node and everything below.
pub const XS_WATCH: u32 = 4;
/// End a watch.
pub const XS_UNWATCH: u32 = 5;
/// Start a transaction.
pub const XS_TRANSACTION_START: u32 = 6;
/// Commit ("T") or abort ("F"); `EAGAIN` if it must be repeated.
pub const XS_TRANSACTION_END: u32 = 7;
/// Introduce a domain.
pub const XS_INTRODUCE: u32 = 8;
/// A domain is gone.
pub const XS_RELEASE: u32 = 9;
/// A domain's home.
pub const XS_GET_DOMAIN_PATH: u32 = 10;
/// Write a node.
pub const XS_WRITE: u32 = 11;
/// Create a node.
pub const XS_MKDIR: u32 = 12;
/// Remove a node and everything below.
pub const XS_RM: u32 = 13;
/// Set a node's permissions.
pub const XS_SET_PERMS: u32 = 14;
/// A watched node has changed (from the daemon).
pub const XS_WATCH_EVENT: u32 = 15;
/// The answer is an error; its payload is the name.
pub const XS_ERROR: u32 = 16;
/// Whether a domain was introduced.
pub const XS_IS_DOMAIN_INTRODUCED: u32 = 17;
/// A domain was resumed.
pub const XS_RESUME: u32 = 18;
/// Give a domain rights over another.
pub const XS_SET_TARGET: u32 = 19;
/// End all watches and transactions.
pub const XS_RESET_WATCHES: u32 = 21;
/// List a part of the children.
pub const XS_DIRECTORY_PART: u32 = 22;
/// Number of kinds.
pub const XS_TYPE_COUNT: u32 = 23;
/// No kind; makes a value that cannot be.
pub const XS_INVALID: u32 = 0xffff;
/// Place of the path in a watch event.
pub const XS_WATCH_PATH: u32 = 0;
/// Place of the token in a watch event.
pub const XS_WATCH_TOKEN: u32 = 1;
/// [`XenstoreDomainInterface::server_features`]: can reconnect.
pub const XENSTORE_SERVER_FEATURE_RECONNECTION: u32 = 1;
/// [`XenstoreDomainInterface::server_features`]: reports errors.
pub const XENSTORE_SERVER_FEATURE_ERROR: u32 = 2;
/// [`XenstoreDomainInterface::connection`]: connected.
pub const XENSTORE_CONNECTED: u32 = 0;
/// [`XenstoreDomainInterface::connection`]: the guest wants to reconnect.
pub const XENSTORE_RECONNECT: u32 = 1;
/// [`XenstoreDomainInterface::error`]: none.
pub const XENSTORE_ERROR_NONE: u32 = 0;
/// [`XenstoreDomainInterface::error`]: communication.
pub const XENSTORE_ERROR_COMM: u32 = 1;
/// [`XenstoreDomainInterface::error`]: bad ring index.
pub const XENSTORE_ERROR_RINGIDX: u32 = 2;
/// [`XenstoreDomainInterface::error`]: protocol.
pub const XENSTORE_ERROR_PROTO: u32 = 3;
/// Flag of the old write request: the node must exist.
pub const XS_WRITE_NONE: &str = "NONE";
/// Flag of the old write request: the node may be created.
pub const XS_WRITE_CREATE: &str = "CREATE";
/// Flag of the old write request: the node must not exist.
pub const XS_WRITE_CREATE_EXCL: &str = "CREATE|EXCL";
/// Size of each ring, in bytes.
pub const XENSTORE_RING_SIZE: usize = 1024;
/// Greatest size of a message's payload, in bytes.
pub const XENSTORE_PAYLOAD_MAX: usize = 4096;
/// Greatest length of an absolute path, in bytes.
pub const XENSTORE_ABS_PATH_MAX: usize = 3072;
/// Greatest length of a relative path, in bytes.
pub const XENSTORE_REL_PATH_MAX: usize = 2048;
/// The errors that have a name on the wire, in the order of the header.
#[doc(alias = "xsd_errors")]
pub const XSD_ERRORS: [Errno; 16] = [
    Errno::EINVAL,
    Errno::EACCES,
    Errno::EEXIST,
    Errno::EISDIR,
    Errno::ENOENT,
    Errno::ENOMEM,
    Errno::ENOSPC,
    Errno::EIO,
    Errno::ENOTEMPTY,
    Errno::ENOSYS,
    Errno::EROFS,
    Errno::EBUSY,
    Errno::EAGAIN,
    Errno::EISCONN,
    Errno::E2BIG,
    Errno::EPERM,
];

/// The head of every message.
#[doc(alias = "xsd_sockmsg")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XsdSockmsg {
    /// `XS_*`.
    #[doc(alias = "type")]
    pub kind: u32,
    /// Chosen by the asker, repeated in the answer.
    pub req_id: u32,
    /// Transaction; 0 means none.
    pub tx_id: u32,
    /// Bytes that follow, at most `XENSTORE_PAYLOAD_MAX`.
    pub len: u32,
}

/// The xenstore page.
#[doc(alias = "xenstore_domain_interface")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct XenstoreDomainInterface {
    /// Bytes to the daemon.
    pub req: [u8; XENSTORE_RING_SIZE],
    /// Bytes to the guest.
    pub rsp: [u8; XENSTORE_RING_SIZE],
    /// Daemon: bytes of `req` taken.
    pub req_cons: u32,
    /// Guest: bytes of `req` put.
    pub req_prod: u32,
    /// Guest: bytes of `rsp` taken.
    pub rsp_cons: u32,
    /// Daemon: bytes of `rsp` put.
    pub rsp_prod: u32,
    /// `XENSTORE_SERVER_FEATURE_*`.
    pub server_features: u32,
    /// `XENSTORE_CONNECTED` or `XENSTORE_RECONNECT`.
    pub connection: u32,
    /// `XENSTORE_ERROR_*`.
    pub error: u32,
}

/// The place of an index in a ring.
#[doc(alias = "MASK_XENSTORE_IDX")]
pub const fn mask(index: u32) -> usize {
    index as usize & (XENSTORE_RING_SIZE - 1)
}

/// The error with this name in the payload of an `XS_ERROR` answer (without its NUL).
pub fn error_from_name(name: &str) -> Option<Errno> {
    XSD_ERRORS.into_iter().find(|errno| errno.name() == name)
}

crate::zeroed_default!(XsdSockmsg, XenstoreDomainInterface);
