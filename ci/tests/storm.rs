//! Does the hypervisor stand random hypercalls? A short storm for each seed; `make fuzz` has long ones.

use std::time::Duration;
use xenolith_ci::fuzz;

#[track_caller]
fn survives(seed: u64) {
    const CALLS: u64 = 20_000;
    match fuzz::storm(seed, CALLS, Duration::from_secs(120)) {
        Ok(storm) if storm.death.is_none() => {
            let served = storm.answers.iter().filter(|((_, answer), _)| *answer == 0);
            let served: u64 = served.map(|(_, times)| times).sum();
            // A storm that is refused all and everything proves nothing.
            assert!(served > CALLS / 10, "only {served} calls were served");
        }
        Ok(_) => {}
        Err(error) => panic!("{error:#}\nto see it again: make fuzz SEED={seed} CALLS={CALLS}"),
    }
}

#[test]
fn storm_1() {
    survives(1);
}

#[test]
fn storm_2() {
    survives(2);
}

#[test]
fn storm_3() {
    survives(3);
}
