//! A probe: a test kernel that asks one question; how it is booted and judged.
//!
//! `docs/testing.md` has the contract. What a probe needs stands in its own source's
//! documentation, so that a new probe is one new file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use regex_lite::Regex;

use crate::artefacts;
use crate::harness::{Machine, PANIC_MARK};
use crate::verdict::Verdict;

/// A probe may take long under TCG, but not for ever.
const LIMIT: Duration = Duration::from_secs(120);

/// One boot of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The probe's name, of its file and of its `PROBE` line.
    pub name: String,
    /// The machine's CPUs.
    pub cpus: u32,
    /// The machine's memory in MiB.
    pub mem: u32,
    /// Further options for the hypervisor.
    pub hv: String,
    /// The probe's command line.
    pub args: String,
    /// How the machine must end.
    pub ends: Verdict,
    /// What must be in the transcript besides.
    pub says: Vec<String>,
}

impl Run {
    /// What a probe gets that asks for nothing else.
    pub fn plain(name: &str) -> Run {
        Run {
            name: name.to_string(),
            cpus: 1,
            mem: 256,
            hv: String::new(),
            args: String::new(),
            ends: Verdict::PowerOff,
            says: Vec::new(),
        }
    }

    /// Boots it and judges what it said; the number of its right answers.
    pub fn check(&self) -> Result<usize> {
        let mut machine = Machine::new()
            .cpus(self.cpus)
            .mem(self.mem)
            .hv_args(&self.hv)
            .dom0(artefacts::probe(&self.name)?)
            .dom0_args(&self.args)
            .try_boot()?;
        let verdict = machine.verdict_within(LIMIT);
        let transcript = machine.transcript();
        let judged = verdict.and_then(|verdict| self.judge(&verdict, &transcript));
        judged.with_context(|| format!("probe {}:\n{transcript}", self.name))
    }

    fn judge(&self, verdict: &Verdict, transcript: &str) -> Result<usize> {
        ensure!(!transcript.contains(PANIC_MARK), "the hypervisor panicked");
        ensure!(
            *verdict == self.ends,
            "the machine's end: found {verdict:?}, expected {:?}",
            self.ends
        );
        for text in &self.says {
            ensure!(transcript.contains(text), "it did not say {text:?}");
        }
        let count = |word: &str| {
            let starts = |line: &&str| line.trim_start().starts_with(word);
            transcript.lines().filter(starts).count()
        };
        let (passed, failed) = (count("PASS "), count("FAIL "));
        ensure!(failed == 0, "{failed} of its answers are wrong");
        if self.ends == Verdict::PowerOff {
            let last = format!("PROBE {} passed={passed} failed=0", self.name);
            ensure!(transcript.contains(&last), "it did not say {last:?}");
            ensure!(passed > 0, "it asked nothing");
        } else {
            ensure!(
                !self.says.is_empty(),
                "it ends by {verdict:?} and its `probe:` line has no says="
            );
        }
        Ok(passed)
    }
}

/// What a probe's documentation asks for: one run for each `probe:` line, or a plain one.
fn runs(name: &str, source: &str) -> Result<Vec<Run>> {
    let field = Regex::new(r#"^\s*([a-z]+)=(?:"([^"]*)"|(\S+))"#).expect("a valid expression");
    let mut runs = Vec::new();
    for line in source.lines() {
        let Some(mut rest) = line.strip_prefix("//! probe:") else {
            continue;
        };
        let mut run = Run::plain(name);
        while let Some(found) = field.captures(rest) {
            let value = found
                .get(2)
                .or(found.get(3))
                .map_or("", |value| value.as_str());
            match &found[1] {
                "cpus" => run.cpus = value.parse()?,
                "mem" => run.mem = value.parse()?,
                "hv" => run.hv = value.to_string(),
                "args" => run.args = value.to_string(),
                "says" => run.says.push(value.to_string()),
                "ends" => {
                    run.ends = match value {
                        "PowerOff" => Verdict::PowerOff,
                        "Reboot" => Verdict::Reboot,
                        "Dom0Crash" => Verdict::Dom0Crash,
                        "Watchdog" => Verdict::Watchdog,
                        _ => bail!("ends={value}: no such end"),
                    }
                }
                key => bail!("{key}=: no such key"),
            }
            rest = &rest[found[0].len()..];
        }
        ensure!(rest.trim().is_empty(), "cannot read {rest:?}");
        runs.push(run);
    }
    if runs.is_empty() {
        runs.push(Run::plain(name));
    }
    Ok(runs)
}

/// The folder with a source file for each probe.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-kernel-stub/probes/src/bin")
}

/// All runs of all probes that have a source. The benchmark is none: `make bench` runs it.
pub fn all() -> Result<Vec<Run>> {
    let folder = sources();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        if file.extension().is_some_and(|e| e == "rs") && name != "bench" {
            let text = std::fs::read_to_string(&file)?;
            all.extend(runs(&name, &text).with_context(|| file.display().to_string())?);
        }
    }
    ensure!(!all.is_empty(), "no probe in {}", folder.display());
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_and_mistakes_are_named() {
        let text = "//! Why?\n//!\n//! probe: cpus=2 hv=\"maxcpus=1 x\" ends=Dom0Crash says=\"a b\" says=c\n";
        let expected = Run {
            cpus: 2,
            hv: "maxcpus=1 x".into(),
            ends: Verdict::Dom0Crash,
            says: vec!["a b".into(), "c".into()],
            ..Run::plain("x")
        };
        assert_eq!(runs("x", text).expect("well formed"), [expected]);
        assert_eq!(runs("x", "//! Why?").expect("none"), [Run::plain("x")]);
        assert!(runs("x", "//! probe: colour=red").is_err());
        assert!(runs("x", "//! probe: ends=Never").is_err());
        assert!(runs("x", "//! probe: nonsense").is_err());
    }

    #[test]
    fn a_probe_that_says_nothing_has_not_passed() {
        let run = Run::plain("x");
        let good = "PASS a\nPROBE x passed=1 failed=0\n";
        assert_eq!(run.judge(&Verdict::PowerOff, good).expect("good"), 1);
        for bad in [
            "",
            "PROBE x passed=0 failed=0\n",
            "PASS a\n",
            "PASS a\nPROBE x passed=2 failed=0\n",
            "PASS a\nFAIL b: found 1, expected 2\nPROBE x passed=1 failed=0\n",
        ] {
            assert!(run.judge(&Verdict::PowerOff, bad).is_err(), "{bad:?}");
        }
        assert!(run.judge(&Verdict::Dom0Crash, good).is_err());
        let panicked = format!("{good}(XL) {PANIC_MARK} cpu0: x\n");
        assert!(run.judge(&Verdict::PowerOff, &panicked).is_err());
    }
}
