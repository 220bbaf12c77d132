//! Storms of random hypercalls: a seed, a number of calls, and what came of it.
//!
//! The guest's end is the guest's affair. What counts is that the hypervisor goes on: it neither
//! panics nor falls silent, and what it answers is the ABI's own.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::harness::Machine;
use crate::verdict::Verdict;

/// The largest number that the ABI uses for an error (`xen/errno.h`); ERESTART (85) is never seen.
const LARGEST_ERROR: i64 = 107;
const ERESTART: i64 = 85;

/// What a storm came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storm {
    /// Calls made, as far as the guest lived to say so.
    pub calls: u64,
    /// How often which number was answered with which error (0: none).
    pub answers: BTreeMap<(u32, i64), u64>,
    /// Why the guest ended early, if it did.
    pub death: Option<String>,
}

/// Boots a storm and reads its report.
///
/// # Errors
/// The hypervisor did not survive it, or answered with what is no error of the ABI; the transcript's
/// end is in the message, and the seed.
pub fn storm(seed: u64, calls: u64, limit: Duration) -> Result<Storm> {
    let line = format!("storm seed={seed} calls={calls}");
    let mut machine = Machine::probe(&line).mem(256).cpus(2).try_boot()?;
    let verdict = machine.verdict_within(limit)?;
    let transcript = machine.transcript();
    if !matches!(verdict, Verdict::PowerOff | Verdict::Dom0Crash) {
        bail!(
            "seed {seed}: the machine's end is {verdict:?}\n{}",
            tail(&transcript)
        );
    }
    let storm = read(&transcript);
    for &(number, answer) in storm.answers.keys() {
        if answer < -LARGEST_ERROR || answer == -ERESTART {
            bail!("seed {seed}: call {number} was answered with {answer}");
        }
    }
    if storm.calls != calls && storm.death.is_none() {
        bail!(
            "seed {seed}: neither a report nor a reason\n{}",
            tail(&transcript)
        );
    }
    Ok(storm)
}

/// Reads what a storm printed.
pub fn read(transcript: &str) -> Storm {
    let mut storm = Storm::default();
    for line in transcript.lines() {
        let field = |name: &str| {
            let word = line
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name))?;
            word.parse::<i64>().ok()
        };
        if line.starts_with("STORM call=") {
            if let (Some(call), Some(answer), Some(times)) =
                (field("call="), field("answer="), field("times="))
            {
                storm.answers.insert((call as u32, answer), times as u64);
            }
        } else if let Some(made) = line.strip_prefix("STORM at ") {
            storm.calls = made.trim().parse().unwrap_or(storm.calls);
        } else if line.starts_with("STORM end") {
            storm.calls = field("calls=").unwrap_or(0) as u64;
        } else if line.contains("has been ended") || line.starts_with("PROBE ? FAIL") {
            storm
                .death
                .get_or_insert_with(|| line.chars().take(200).collect());
        }
    }
    storm
}

/// Storms one after the other until `calls` have been made, from `seed` on, with a line for each.
///
/// # Errors
/// As [`storm`]: the first that fails ends it.
pub fn run(seed: u64, calls: u64) -> Result<Storm> {
    const EACH: u64 = 100_000;
    let mut sum = Storm::default();
    let mut deaths: BTreeMap<String, u64> = BTreeMap::new();
    let mut seed = seed;
    let mut asked = 0;
    while asked < calls {
        let each = EACH.min(calls - asked);
        let one = storm(seed, each, Duration::from_secs(300))?;
        println!(
            "seed {seed}: {} calls{}",
            one.calls,
            one.death
                .as_ref()
                .map_or(String::new(), |why| format!(", the guest died: {why}"))
        );
        if let Some(why) = one.death {
            *deaths.entry(why).or_default() += 1;
        }
        for (key, times) in one.answers {
            *sum.answers.entry(key).or_default() += times;
        }
        // What a guest that died had made since it last said so is not counted.
        sum.calls += one.calls;
        asked += each;
        seed += 1;
    }
    report(&sum, &deaths);
    Ok(sum)
}

fn report(sum: &Storm, deaths: &BTreeMap<String, u64>) {
    let mut errors: BTreeMap<i64, u64> = BTreeMap::new();
    for ((_, answer), times) in &sum.answers {
        *errors.entry(*answer).or_default() += times;
    }
    println!("{} calls, by answer:", sum.calls);
    for (answer, times) in errors.iter().rev() {
        println!("{answer:>6} {times:>10}");
    }
    println!("{} guests died early", deaths.values().sum::<u64>());
    for (why, times) in deaths {
        println!("{times:>6} {why}");
    }
}

fn tail(transcript: &str) -> String {
    let lines: Vec<&str> = transcript.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let storm = read(
            "STORM seed=1 calls=3\nSTORM call=1 answer=-22 times=2\nSTORM call=12 answer=0 times=1\n\
             STORM end calls=3 refused=2\n",
        );
        assert_eq!(storm.calls, 3);
        assert_eq!(storm.answers[&(1, -22)], 2);
        assert_eq!(storm.death, None);
    }

    #[test]
    fn a_death_is_read() {
        let storm = read("(XL) error: d0 has been ended: exception 14 without a handler for it\n");
        assert!(storm.death.is_some());
        assert_eq!(storm.calls, 0);
    }

    #[test]
    fn only_calls_that_were_made_are_counted() {
        let died = read(
            "STORM seed=1 calls=100000\nSTORM at 10000\nSTORM at 20000\n\
             (XL) error: d0 has been ended: exception 14 without a handler for it\n",
        );
        assert_eq!(died.calls, 20_000);
    }
}
