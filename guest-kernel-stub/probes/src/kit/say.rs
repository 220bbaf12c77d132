//! Expectations, and what a probe says when one is not met.

use alloc::string::String;

/// What a probe found: nothing amiss, or what was expected and what was seen.
pub type Outcome = Result<(), String>;

/// Fails the probe unless the condition holds; the text says what was expected and seen.
macro_rules! check {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(alloc::format!($($text)+));
        }
    };
}

/// Fails the probe unless a number is the expected one.
macro_rules! same {
    ($seen:expr, $expected:expr, $($what:tt)+) => {{
        let (seen, expected) = ($seen, $expected);
        if seen != expected {
            return Err(alloc::format!(
                "{}: expected {expected:#x}, seen {seen:#x}",
                format_args!($($what)+)
            ));
        }
    }};
}

/// Fails the probe unless a hypercall returned what was expected (a value or `-ERRNO`).
macro_rules! returns {
    ($call:expr, $expected:expr, $($what:tt)+) => {{
        let (seen, expected): (i64, i64) = ($call, $expected);
        if seen != expected {
            return Err(alloc::format!(
                "{}: expected {}, returned {}",
                format_args!($($what)+),
                $crate::kit::say::result(expected),
                $crate::kit::say::result(seen),
            ));
        }
    }};
}

/// A hypercall's result in words.
pub fn result(value: i64) -> String {
    match pv_guest_abi::Errno::check(value) {
        Err(errno) if errno.to_return() == value => alloc::format!("-{}", errno.name()),
        _ => alloc::format!("{value:#x}"),
    }
}
