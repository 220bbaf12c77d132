//! Why a grant operation is refused: Xen's `GNTST_*` (`public/grant_table.h`).

use pv_guest_abi::grant;

/// A refusal, written into the operation's `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No more precise reason: an entry that grants this not, a bad page-table entry.
    GeneralError,
    /// No such domain.
    BadDomain,
    /// No such entry, or a mapping that is for nothing.
    BadRef,
    /// The handle stands for nothing.
    BadHandle,
    /// The guest's list cannot be written.
    BadVirtAddr,
    /// The device address is not the mapping's.
    BadDevAddr,
    /// Not the caller's to ask.
    PermissionDenied,
    /// The granted frame is not the granter's.
    BadPage,
    /// The copy leaves a page.
    BadCopyArg,
    /// The entry is in use.
    Again,
    /// No handle is left.
    NoSpace,
}

impl Status {
    /// The number in the ABI.
    pub const fn code(self) -> i16 {
        match self {
            Self::GeneralError => grant::GNTST_GENERAL_ERROR,
            Self::BadDomain => grant::GNTST_BAD_DOMAIN,
            Self::BadRef => grant::GNTST_BAD_GNTREF,
            Self::BadHandle => grant::GNTST_BAD_HANDLE,
            Self::BadVirtAddr => grant::GNTST_BAD_VIRT_ADDR,
            Self::BadDevAddr => grant::GNTST_BAD_DEV_ADDR,
            Self::PermissionDenied => grant::GNTST_PERMISSION_DENIED,
            Self::BadPage => grant::GNTST_BAD_PAGE,
            Self::BadCopyArg => grant::GNTST_BAD_COPY_ARG,
            Self::Again => grant::GNTST_EAGAIN,
            Self::NoSpace => grant::GNTST_NO_SPACE,
        }
    }
}

/// The number for an operation's outcome.
pub const fn code(outcome: &Result<(), Status>) -> i16 {
    match outcome {
        Ok(()) => grant::GNTST_OKAY,
        Err(status) => status.code(),
    }
}
