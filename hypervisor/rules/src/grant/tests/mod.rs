//! Grants on a small machine: single questions, two threads on one entry, and random sequences of
//! two domains that grant to each other, audited from scratch after every step.

mod books;
mod entries;
mod machine;
mod random;

use super::*;
use crate::types::{DomId, Mfn, MfnClaim};
