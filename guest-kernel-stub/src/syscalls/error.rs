//! Linux's error numbers, as far as they are given (`errno.h`).

use crate::memory::OutOfMemory;
use crate::memory::areas::NotInUse;
use crate::memory::user::BadAddress;

/// An error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(u16);

impl Error {
    pub const ENOENT: Self = Self(2);
    pub const ESRCH: Self = Self(3);
    pub const EINTR: Self = Self(4);
    pub const EBADF: Self = Self(9);
    pub const EAGAIN: Self = Self(11);
    pub const ENOMEM: Self = Self(12);
    pub const EFAULT: Self = Self(14);
    pub const ENODEV: Self = Self(19);
    pub const EISDIR: Self = Self(21);
    pub const ENOTDIR: Self = Self(20);
    pub const EINVAL: Self = Self(22);
    pub const EMFILE: Self = Self(24);
    pub const ENOTTY: Self = Self(25);
    pub const ESPIPE: Self = Self(29);
    pub const EROFS: Self = Self(30);
    pub const ERANGE: Self = Self(34);
    pub const ENOSYS: Self = Self(38);
    pub const ETIMEDOUT: Self = Self(110);

    /// The word that a system call returns.
    pub fn to_return(self) -> u64 {
        u64::from(self.0).wrapping_neg()
    }
}

impl From<BadAddress> for Error {
    fn from(_: BadAddress) -> Self {
        Self::EFAULT
    }
}

impl From<OutOfMemory> for Error {
    fn from(_: OutOfMemory) -> Self {
        Self::ENOMEM
    }
}

impl From<NotInUse> for Error {
    fn from(_: NotInUse) -> Self {
        Self::ENOMEM
    }
}
