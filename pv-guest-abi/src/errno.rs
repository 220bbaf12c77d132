//! Error numbers (`errno.h`): positive constants and the [`Errno`] enumeration.
//!
//! A hypercall returns an error as its negative number. The values are those of Linux on x86.

use core::fmt;

/// The caller may not do this.
#[doc(alias = "XEN_EPERM")]
pub const EPERM: i64 = 1;
/// No such object.
#[doc(alias = "XEN_ENOENT")]
pub const ENOENT: i64 = 2;
/// No such domain.
#[doc(alias = "XEN_ESRCH")]
pub const ESRCH: i64 = 3;
/// Input or output failed.
#[doc(alias = "XEN_EIO")]
pub const EIO: i64 = 5;
/// No such device or address.
#[doc(alias = "XEN_ENXIO")]
pub const ENXIO: i64 = 6;
/// Argument list too long.
#[doc(alias = "XEN_E2BIG")]
pub const E2BIG: i64 = 7;
/// Not an executable format.
#[doc(alias = "XEN_ENOEXEC")]
pub const ENOEXEC: i64 = 8;
/// Bad descriptor.
#[doc(alias = "XEN_EBADF")]
pub const EBADF: i64 = 9;
/// No child.
#[doc(alias = "XEN_ECHILD")]
pub const ECHILD: i64 = 10;
/// Try again.
#[doc(alias = "XEN_EAGAIN")]
pub const EAGAIN: i64 = 11;
/// Would block; the same as `EAGAIN`.
#[doc(alias = "XEN_EWOULDBLOCK")]
pub const EWOULDBLOCK: i64 = 11;
/// Out of memory.
#[doc(alias = "XEN_ENOMEM")]
pub const ENOMEM: i64 = 12;
/// Permission denied (for example a wrong interface version).
#[doc(alias = "XEN_EACCES")]
pub const EACCES: i64 = 13;
/// An argument points to memory that cannot be read or written.
#[doc(alias = "XEN_EFAULT")]
pub const EFAULT: i64 = 14;
/// In use.
#[doc(alias = "XEN_EBUSY")]
pub const EBUSY: i64 = 16;
/// Exists already.
#[doc(alias = "XEN_EEXIST")]
pub const EEXIST: i64 = 17;
/// Crosses a boundary.
#[doc(alias = "XEN_EXDEV")]
pub const EXDEV: i64 = 18;
/// No such device.
#[doc(alias = "XEN_ENODEV")]
pub const ENODEV: i64 = 19;
/// Not a directory.
#[doc(alias = "XEN_ENOTDIR")]
pub const ENOTDIR: i64 = 20;
/// Is a directory.
#[doc(alias = "XEN_EISDIR")]
pub const EISDIR: i64 = 21;
/// Invalid argument.
#[doc(alias = "XEN_EINVAL")]
pub const EINVAL: i64 = 22;
/// System-wide table full.
#[doc(alias = "XEN_ENFILE")]
pub const ENFILE: i64 = 23;
/// Per-caller table full.
#[doc(alias = "XEN_EMFILE")]
pub const EMFILE: i64 = 24;
/// No space left (for example no free port).
#[doc(alias = "XEN_ENOSPC")]
pub const ENOSPC: i64 = 28;
/// Read-only.
#[doc(alias = "XEN_EROFS")]
pub const EROFS: i64 = 30;
/// Too many links.
#[doc(alias = "XEN_EMLINK")]
pub const EMLINK: i64 = 31;
/// Argument out of domain.
#[doc(alias = "XEN_EDOM")]
pub const EDOM: i64 = 33;
/// Result out of range.
#[doc(alias = "XEN_ERANGE")]
pub const ERANGE: i64 = 34;
/// Would dead-lock.
#[doc(alias = "XEN_EDEADLK")]
pub const EDEADLK: i64 = 35;
/// Would dead-lock; the same as `EDEADLK`.
#[doc(alias = "XEN_EDEADLOCK")]
pub const EDEADLOCK: i64 = 35;
/// Name too long.
#[doc(alias = "XEN_ENAMETOOLONG")]
pub const ENAMETOOLONG: i64 = 36;
/// No locks left.
#[doc(alias = "XEN_ENOLCK")]
pub const ENOLCK: i64 = 37;
/// No such hypercall or operation.
#[doc(alias = "XEN_ENOSYS")]
pub const ENOSYS: i64 = 38;
/// Not empty.
#[doc(alias = "XEN_ENOTEMPTY")]
pub const ENOTEMPTY: i64 = 39;
/// No data.
#[doc(alias = "XEN_ENODATA")]
pub const ENODATA: i64 = 61;
/// Timer expired.
#[doc(alias = "XEN_ETIME")]
pub const ETIME: i64 = 62;
/// Bad message.
#[doc(alias = "XEN_EBADMSG")]
pub const EBADMSG: i64 = 74;
/// Value too large for its type.
#[doc(alias = "XEN_EOVERFLOW")]
pub const EOVERFLOW: i64 = 75;
/// Illegal byte sequence.
#[doc(alias = "XEN_EILSEQ")]
pub const EILSEQ: i64 = 84;
/// Not a socket.
#[doc(alias = "XEN_ENOTSOCK")]
pub const ENOTSOCK: i64 = 88;
/// Message too large.
#[doc(alias = "XEN_EMSGSIZE")]
pub const EMSGSIZE: i64 = 90;
/// Not supported here.
#[doc(alias = "XEN_EOPNOTSUPP")]
pub const EOPNOTSUPP: i64 = 95;
/// Address in use.
#[doc(alias = "XEN_EADDRINUSE")]
pub const EADDRINUSE: i64 = 98;
/// Address not available.
#[doc(alias = "XEN_EADDRNOTAVAIL")]
pub const EADDRNOTAVAIL: i64 = 99;
/// No buffer space.
#[doc(alias = "XEN_ENOBUFS")]
pub const ENOBUFS: i64 = 105;
/// Connected already.
#[doc(alias = "XEN_EISCONN")]
pub const EISCONN: i64 = 106;
/// Not connected.
#[doc(alias = "XEN_ENOTCONN")]
pub const ENOTCONN: i64 = 107;
/// Timed out.
#[doc(alias = "XEN_ETIMEDOUT")]
pub const ETIMEDOUT: i64 = 110;
/// Connection refused.
#[doc(alias = "XEN_ECONNREFUSED")]
pub const ECONNREFUSED: i64 = 111;

/// An error number of the ABI.
///
/// `EWOULDBLOCK` and `EDEADLOCK` are other names for [`Errno::EAGAIN`] and [`Errno::EDEADLK`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i64)]
pub enum Errno {
    /// The caller may not do this.
    EPERM = EPERM,
    /// No such object.
    ENOENT = ENOENT,
    /// No such domain.
    ESRCH = ESRCH,
    /// Input or output failed.
    EIO = EIO,
    /// No such device or address.
    ENXIO = ENXIO,
    /// Argument list too long.
    E2BIG = E2BIG,
    /// Not an executable format.
    ENOEXEC = ENOEXEC,
    /// Bad descriptor.
    EBADF = EBADF,
    /// No child.
    ECHILD = ECHILD,
    /// Try again.
    EAGAIN = EAGAIN,
    /// Out of memory.
    ENOMEM = ENOMEM,
    /// Permission denied (for example a wrong interface version).
    EACCES = EACCES,
    /// An argument points to memory that cannot be read or written.
    EFAULT = EFAULT,
    /// In use.
    EBUSY = EBUSY,
    /// Exists already.
    EEXIST = EEXIST,
    /// Crosses a boundary.
    EXDEV = EXDEV,
    /// No such device.
    ENODEV = ENODEV,
    /// Not a directory.
    ENOTDIR = ENOTDIR,
    /// Is a directory.
    EISDIR = EISDIR,
    /// Invalid argument.
    EINVAL = EINVAL,
    /// System-wide table full.
    ENFILE = ENFILE,
    /// Per-caller table full.
    EMFILE = EMFILE,
    /// No space left (for example no free port).
    ENOSPC = ENOSPC,
    /// Read-only.
    EROFS = EROFS,
    /// Too many links.
    EMLINK = EMLINK,
    /// Argument out of domain.
    EDOM = EDOM,
    /// Result out of range.
    ERANGE = ERANGE,
    /// Would dead-lock.
    EDEADLK = EDEADLK,
    /// Name too long.
    ENAMETOOLONG = ENAMETOOLONG,
    /// No locks left.
    ENOLCK = ENOLCK,
    /// No such hypercall or operation.
    ENOSYS = ENOSYS,
    /// Not empty.
    ENOTEMPTY = ENOTEMPTY,
    /// No data.
    ENODATA = ENODATA,
    /// Timer expired.
    ETIME = ETIME,
    /// Bad message.
    EBADMSG = EBADMSG,
    /// Value too large for its type.
    EOVERFLOW = EOVERFLOW,
    /// Illegal byte sequence.
    EILSEQ = EILSEQ,
    /// Not a socket.
    ENOTSOCK = ENOTSOCK,
    /// Message too large.
    EMSGSIZE = EMSGSIZE,
    /// Not supported here.
    EOPNOTSUPP = EOPNOTSUPP,
    /// Address in use.
    EADDRINUSE = EADDRINUSE,
    /// Address not available.
    EADDRNOTAVAIL = EADDRNOTAVAIL,
    /// No buffer space.
    ENOBUFS = ENOBUFS,
    /// Connected already.
    EISCONN = EISCONN,
    /// Not connected.
    ENOTCONN = ENOTCONN,
    /// Timed out.
    ETIMEDOUT = ETIMEDOUT,
    /// Connection refused.
    ECONNREFUSED = ECONNREFUSED,
}

impl Errno {
    /// Every error number, in rising order.
    pub const ALL: &'static [Errno] = &[
        Errno::EPERM,
        Errno::ENOENT,
        Errno::ESRCH,
        Errno::EIO,
        Errno::ENXIO,
        Errno::E2BIG,
        Errno::ENOEXEC,
        Errno::EBADF,
        Errno::ECHILD,
        Errno::EAGAIN,
        Errno::ENOMEM,
        Errno::EACCES,
        Errno::EFAULT,
        Errno::EBUSY,
        Errno::EEXIST,
        Errno::EXDEV,
        Errno::ENODEV,
        Errno::ENOTDIR,
        Errno::EISDIR,
        Errno::EINVAL,
        Errno::ENFILE,
        Errno::EMFILE,
        Errno::ENOSPC,
        Errno::EROFS,
        Errno::EMLINK,
        Errno::EDOM,
        Errno::ERANGE,
        Errno::EDEADLK,
        Errno::ENAMETOOLONG,
        Errno::ENOLCK,
        Errno::ENOSYS,
        Errno::ENOTEMPTY,
        Errno::ENODATA,
        Errno::ETIME,
        Errno::EBADMSG,
        Errno::EOVERFLOW,
        Errno::EILSEQ,
        Errno::ENOTSOCK,
        Errno::EMSGSIZE,
        Errno::EOPNOTSUPP,
        Errno::EADDRINUSE,
        Errno::EADDRNOTAVAIL,
        Errno::ENOBUFS,
        Errno::EISCONN,
        Errno::ENOTCONN,
        Errno::ETIMEDOUT,
        Errno::ECONNREFUSED,
    ];

    /// The positive number.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// The value that a hypercall returns for this error.
    pub const fn to_return(self) -> i64 {
        -(self as i64)
    }

    /// The error with this positive number.
    pub const fn from_number(number: i64) -> Option<Errno> {
        Some(match number {
            EPERM => Errno::EPERM,
            ENOENT => Errno::ENOENT,
            ESRCH => Errno::ESRCH,
            EIO => Errno::EIO,
            ENXIO => Errno::ENXIO,
            E2BIG => Errno::E2BIG,
            ENOEXEC => Errno::ENOEXEC,
            EBADF => Errno::EBADF,
            ECHILD => Errno::ECHILD,
            EAGAIN => Errno::EAGAIN,
            ENOMEM => Errno::ENOMEM,
            EACCES => Errno::EACCES,
            EFAULT => Errno::EFAULT,
            EBUSY => Errno::EBUSY,
            EEXIST => Errno::EEXIST,
            EXDEV => Errno::EXDEV,
            ENODEV => Errno::ENODEV,
            ENOTDIR => Errno::ENOTDIR,
            EISDIR => Errno::EISDIR,
            EINVAL => Errno::EINVAL,
            ENFILE => Errno::ENFILE,
            EMFILE => Errno::EMFILE,
            ENOSPC => Errno::ENOSPC,
            EROFS => Errno::EROFS,
            EMLINK => Errno::EMLINK,
            EDOM => Errno::EDOM,
            ERANGE => Errno::ERANGE,
            EDEADLK => Errno::EDEADLK,
            ENAMETOOLONG => Errno::ENAMETOOLONG,
            ENOLCK => Errno::ENOLCK,
            ENOSYS => Errno::ENOSYS,
            ENOTEMPTY => Errno::ENOTEMPTY,
            ENODATA => Errno::ENODATA,
            ETIME => Errno::ETIME,
            EBADMSG => Errno::EBADMSG,
            EOVERFLOW => Errno::EOVERFLOW,
            EILSEQ => Errno::EILSEQ,
            ENOTSOCK => Errno::ENOTSOCK,
            EMSGSIZE => Errno::EMSGSIZE,
            EOPNOTSUPP => Errno::EOPNOTSUPP,
            EADDRINUSE => Errno::EADDRINUSE,
            EADDRNOTAVAIL => Errno::EADDRNOTAVAIL,
            ENOBUFS => Errno::ENOBUFS,
            EISCONN => Errno::EISCONN,
            ENOTCONN => Errno::ENOTCONN,
            ETIMEDOUT => Errno::ETIMEDOUT,
            ECONNREFUSED => Errno::ECONNREFUSED,
            _ => return None,
        })
    }

    /// Splits the result of a hypercall: zero and above is a value, below an error.
    ///
    /// A negative number that the ABI does not name is reported as [`Errno::EINVAL`].
    pub const fn check(result: i64) -> Result<u64, Errno> {
        if result >= 0 {
            return Ok(result.cast_unsigned());
        }
        match Errno::from_number(result.wrapping_neg()) {
            Some(errno) => Err(errno),
            None => Err(Errno::EINVAL),
        }
    }

    /// The name, as in C without the `XEN_` prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Errno::EPERM => "EPERM",
            Errno::ENOENT => "ENOENT",
            Errno::ESRCH => "ESRCH",
            Errno::EIO => "EIO",
            Errno::ENXIO => "ENXIO",
            Errno::E2BIG => "E2BIG",
            Errno::ENOEXEC => "ENOEXEC",
            Errno::EBADF => "EBADF",
            Errno::ECHILD => "ECHILD",
            Errno::EAGAIN => "EAGAIN",
            Errno::ENOMEM => "ENOMEM",
            Errno::EACCES => "EACCES",
            Errno::EFAULT => "EFAULT",
            Errno::EBUSY => "EBUSY",
            Errno::EEXIST => "EEXIST",
            Errno::EXDEV => "EXDEV",
            Errno::ENODEV => "ENODEV",
            Errno::ENOTDIR => "ENOTDIR",
            Errno::EISDIR => "EISDIR",
            Errno::EINVAL => "EINVAL",
            Errno::ENFILE => "ENFILE",
            Errno::EMFILE => "EMFILE",
            Errno::ENOSPC => "ENOSPC",
            Errno::EROFS => "EROFS",
            Errno::EMLINK => "EMLINK",
            Errno::EDOM => "EDOM",
            Errno::ERANGE => "ERANGE",
            Errno::EDEADLK => "EDEADLK",
            Errno::ENAMETOOLONG => "ENAMETOOLONG",
            Errno::ENOLCK => "ENOLCK",
            Errno::ENOSYS => "ENOSYS",
            Errno::ENOTEMPTY => "ENOTEMPTY",
            Errno::ENODATA => "ENODATA",
            Errno::ETIME => "ETIME",
            Errno::EBADMSG => "EBADMSG",
            Errno::EOVERFLOW => "EOVERFLOW",
            Errno::EILSEQ => "EILSEQ",
            Errno::ENOTSOCK => "ENOTSOCK",
            Errno::EMSGSIZE => "EMSGSIZE",
            Errno::EOPNOTSUPP => "EOPNOTSUPP",
            Errno::EADDRINUSE => "EADDRINUSE",
            Errno::EADDRNOTAVAIL => "EADDRNOTAVAIL",
            Errno::ENOBUFS => "ENOBUFS",
            Errno::EISCONN => "EISCONN",
            Errno::ENOTCONN => "ENOTCONN",
            Errno::ETIMEDOUT => "ETIMEDOUT",
            Errno::ECONNREFUSED => "ECONNREFUSED",
        }
    }

    /// What the error means, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Errno::EPERM => "the caller may not do this",
            Errno::ENOENT => "no such object",
            Errno::ESRCH => "no such domain",
            Errno::EIO => "input or output failed",
            Errno::ENXIO => "no such device or address",
            Errno::E2BIG => "argument list too long",
            Errno::ENOEXEC => "not an executable format",
            Errno::EBADF => "bad descriptor",
            Errno::ECHILD => "no child",
            Errno::EAGAIN => "try again",
            Errno::ENOMEM => "out of memory",
            Errno::EACCES => "permission denied (for example a wrong interface version)",
            Errno::EFAULT => "an argument points to memory that cannot be read or written",
            Errno::EBUSY => "in use",
            Errno::EEXIST => "exists already",
            Errno::EXDEV => "crosses a boundary",
            Errno::ENODEV => "no such device",
            Errno::ENOTDIR => "not a directory",
            Errno::EISDIR => "is a directory",
            Errno::EINVAL => "invalid argument",
            Errno::ENFILE => "system-wide table full",
            Errno::EMFILE => "per-caller table full",
            Errno::ENOSPC => "no space left (for example no free port)",
            Errno::EROFS => "read-only",
            Errno::EMLINK => "too many links",
            Errno::EDOM => "argument out of domain",
            Errno::ERANGE => "result out of range",
            Errno::EDEADLK => "would dead-lock",
            Errno::ENAMETOOLONG => "name too long",
            Errno::ENOLCK => "no locks left",
            Errno::ENOSYS => "no such hypercall or operation",
            Errno::ENOTEMPTY => "not empty",
            Errno::ENODATA => "no data",
            Errno::ETIME => "timer expired",
            Errno::EBADMSG => "bad message",
            Errno::EOVERFLOW => "value too large for its type",
            Errno::EILSEQ => "illegal byte sequence",
            Errno::ENOTSOCK => "not a socket",
            Errno::EMSGSIZE => "message too large",
            Errno::EOPNOTSUPP => "not supported here",
            Errno::EADDRINUSE => "address in use",
            Errno::EADDRNOTAVAIL => "address not available",
            Errno::ENOBUFS => "no buffer space",
            Errno::EISCONN => "connected already",
            Errno::ENOTCONN => "not connected",
            Errno::ETIMEDOUT => "timed out",
            Errno::ECONNREFUSED => "connection refused",
        }
    }
}

impl From<Errno> for i64 {
    /// The negative number, as a hypercall returns it.
    fn from(errno: Errno) -> i64 {
        errno.to_return()
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.meaning())
    }
}

impl core::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_split_at_zero() {
        assert_eq!(Errno::check(0), Ok(0));
        assert_eq!(Errno::check(7), Ok(7));
        assert_eq!(Errno::check(-38), Err(Errno::ENOSYS));
        assert_eq!(Errno::check(-4096), Err(Errno::EINVAL));
        assert_eq!(Errno::check(i64::MIN), Err(Errno::EINVAL));
    }

    #[test]
    fn numbers_and_names_agree() {
        for &errno in Errno::ALL {
            assert_eq!(Errno::from_number(errno.number()), Some(errno));
            assert_eq!(Errno::check(errno.into()), Err(errno), "{errno}");
        }
    }
}
