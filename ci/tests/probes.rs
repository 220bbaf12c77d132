//! What does a guest find? Each probe is booted as domain 0 and must pass.
//!
//! The probes are functions of one kernel, `guest-kernel-stub/probes`; here stands one
//! test for each, by the same name. `the_list_is_complete` compares the two.

use std::collections::BTreeSet;

use xenolith_ci::harness::Machine;
use xenolith_ci::verdict::Verdict;

/// What the hypervisor never says while a probe runs that ends well.
const NEVER: &[&str] = &[
    "The hypervisor stops on",
    "NMI without a known cause",
    "crashed",
    "has been ended",
];

/// Boots a probe, which must say that it passed and power off, and nothing else may happen.
#[track_caller]
fn passes(name: &str, machine: Machine) {
    let transcript = machine.boot().ends(Verdict::PowerOff);
    let verdict = format!("PROBE {name} pass");
    let said: Vec<&str> = transcript
        .lines()
        .filter(|line| line.starts_with("PROBE "))
        .collect();
    assert_eq!(said, [verdict], "{transcript}");
    for words in NEVER {
        assert!(!transcript.contains(words), "{words:?} in\n{transcript}");
    }
}

/// The machine that a family's probes are booted on.
fn machine(name: &str) -> Machine {
    Machine::probe(name).mem(256)
}

macro_rules! probes {
    ($($family:ident { $($name:ident),+ $(,)? })+) => {
        $(mod $family {
            $(#[test]
            fn $name() {
                let name = concat!(stringify!($family), "::", stringify!($name));
                super::passes(name, super::machine(name));
            })+
        })+

        /// The probes that have a test above.
        const PASSING: &[&str] = &[$($(concat!(stringify!($family), "::", stringify!($name))),+),+];
    };
}

/// Probes whose machine ends otherwise, with tests of their own.
const ENDING: &[&str] = &[];

#[test]
fn the_list_is_complete() {
    let transcript = machine("list").boot().ends(Verdict::PowerOff);
    let listed: BTreeSet<&str> = transcript
        .lines()
        .filter_map(|line| line.strip_prefix("LIST ")?.split_whitespace().next())
        .filter(|name| *name != "end")
        .collect();
    let tested: BTreeSet<&str> = PASSING.iter().chain(ENDING).copied().collect();
    let untested: Vec<_> = listed.difference(&tested).collect();
    let unknown: Vec<_> = tested.difference(&listed).collect();
    assert!(
        untested.is_empty() && unknown.is_empty(),
        "without a test: {untested:?}; tests without a probe: {unknown:?}"
    );
}

probes! {
    rings {
        kernel_is_ring_1,
        user_is_ring_3,
        kernel_sees_its_selectors,
        popf_keeps_if_and_iopl,
        user_popf_keeps_if_and_iopl,
        syscall_of_user_enters_kernel,
        user_makes_no_hypercalls,
        hypercall_of_kernel_works,
        privileged_instructions_fault_in_kernel,
        privileged_instructions_fault_in_user,
    }
}
