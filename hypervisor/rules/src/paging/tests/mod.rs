//! Paging on a recording machine: single questions, and random sequences that are
//! audited from scratch after every step.

mod audit;
mod machine;
mod random;
mod refusals;
mod steps;

use super::*;
use crate::types::{DomId, Mfn, MfnClaim};
use machine::{Model, World};

const P: u64 = Entry::PRESENT;
const RW: u64 = Entry::PRESENT | Entry::WRITE;
const U: u64 = Entry::USER;

fn claim(mfn: u64) -> MfnClaim {
    MfnClaim(mfn)
}

/// Runs an operation with a small budget until it is done.
fn finish<T>(
    mut op: impl FnMut(&mut Budget) -> Result<Progress<T>, Refusal>,
) -> Result<T, Refusal> {
    for _ in 0..100_000 {
        if let Progress::Done(value) = op(&mut Budget::new(100))? {
            return Ok(value);
        }
    }
    panic!("no progress");
}
