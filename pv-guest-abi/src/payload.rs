//! Helpers of the structures: zero defaults, and typed access to the bytes of a C union.

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Gives each structure an all-zero [`Default`], so that literals may end with `..Default::default()`.
macro_rules! zeroed_default {
    ($($name:ident),* $(,)?) => {$(
        impl Default for $name {
            fn default() -> Self {
                ::zerocopy::FromZeros::new_zeroed()
            }
        }
    )*};
}
pub(crate) use zeroed_default;

/// Size of the payload union of domctl, sysctl and platform operations, in bytes.
const UNION: usize = 128;

/// Reads a payload structure from the front of a union.
pub(crate) fn read<T: FromBytes>(words: &[u64; UNION / 8]) -> T {
    const { assert!(size_of::<T>() <= UNION, "larger than the union") };
    match T::read_from_prefix(words.as_bytes()) {
        Ok((value, _)) => value,
        // Cannot be: the size was checked when this was compiled.
        Err(_) => T::new_zeroed(),
    }
}

/// Writes a payload structure to the front of a union.
pub(crate) fn write<T: IntoBytes + Immutable>(words: &mut [u64; UNION / 8], value: &T) {
    const { assert!(size_of::<T>() <= UNION, "larger than the union") };
    // Cannot fail: the size was checked when this was compiled.
    let _ = value.write_to_prefix(words.as_mut_bytes());
}
