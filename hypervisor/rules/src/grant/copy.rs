//! What a copy may touch.

use super::Status;
use crate::types::PAGE_SIZE;

/// Bytes of a page, not checked to be inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub offset: u16,
    /// How many bytes.
    pub len: u16,
}

impl Span {
    const fn is_inside(self) -> bool {
        self.offset as u64 + self.len as u64 <= PAGE_SIZE
    }
}

/// Refuses a copy that leaves either page. An empty copy at a page's very end is inside.
pub const fn check_spans(source: Span, dest: Span) -> Result<(), Status> {
    if source.is_inside() && dest.is_inside() {
        Ok(())
    } else {
        Err(Status::BadCopyArg)
    }
}
