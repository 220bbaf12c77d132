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

/// Makes the enumeration from the names of the constants and what they mean.
macro_rules! errnos {
    ($($name:ident $meaning:literal,)*) => {
        /// An error number of the ABI.
        ///
        /// `EWOULDBLOCK` and `EDEADLOCK` are other names for [`Errno::EAGAIN`] and [`Errno::EDEADLK`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i64)]
        pub enum Errno {
            $(
                #[doc = concat!("The ", stringify!($name), " error: ", $meaning, ".")]
                $name = $name,
            )*
        }

        impl Errno {
            /// Every error number, in rising order.
            pub const ALL: &'static [Errno] = &[$(Errno::$name),*];

            /// The error with this positive number.
            pub const fn from_number(number: i64) -> Option<Errno> {
                match number {
                    $($name => Some(Errno::$name),)*
                    _ => None,
                }
            }

            /// The name, as in C without the `XEN_` prefix.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Errno::$name => stringify!($name),)*
                }
            }

            /// What the error means, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Errno::$name => $meaning,)*
                }
            }
        }
    };
}

errnos! {
    EPERM "the caller may not do this",
    ENOENT "no such object",
    ESRCH "no such domain",
    EIO "input or output failed",
    ENXIO "no such device or address",
    E2BIG "argument list too long",
    ENOEXEC "not an executable format",
    EBADF "bad descriptor",
    ECHILD "no child",
    EAGAIN "try again",
    ENOMEM "out of memory",
    EACCES "permission denied (for example a wrong interface version)",
    EFAULT "an argument points to memory that cannot be read or written",
    EBUSY "in use",
    EEXIST "exists already",
    EXDEV "crosses a boundary",
    ENODEV "no such device",
    ENOTDIR "not a directory",
    EISDIR "is a directory",
    EINVAL "invalid argument",
    ENFILE "system-wide table full",
    EMFILE "per-caller table full",
    ENOSPC "no space left (for example no free port)",
    EROFS "read-only",
    EMLINK "too many links",
    EDOM "argument out of domain",
    ERANGE "result out of range",
    EDEADLK "would dead-lock",
    ENAMETOOLONG "name too long",
    ENOLCK "no locks left",
    ENOSYS "no such hypercall or operation",
    ENOTEMPTY "not empty",
    ENODATA "no data",
    ETIME "timer expired",
    EBADMSG "bad message",
    EOVERFLOW "value too large for its type",
    EILSEQ "illegal byte sequence",
    ENOTSOCK "not a socket",
    EMSGSIZE "message too large",
    EOPNOTSUPP "not supported here",
    EADDRINUSE "address in use",
    EADDRNOTAVAIL "address not available",
    ENOBUFS "no buffer space",
    EISCONN "connected already",
    ENOTCONN "not connected",
    ETIMEDOUT "timed out",
    ECONNREFUSED "connection refused",
}

impl Errno {
    /// The positive number.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// The value that a hypercall returns for this error.
    pub const fn to_return(self) -> i64 {
        -(self as i64)
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
