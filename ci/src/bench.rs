//! Runs the benchmark probe and makes its table.
//!
//! The probe `bench` prints one line for each figure and powers off:
//!
//! ```text
//! BENCH name=<words-with-hyphens> unit=ticks value=<least> [median=<number>]
//! ```
//!
//! It is booted twice. Plainly, its ticks are those of the host's TSC while QEMU's TCG
//! works, which include the price of a dropped software TLB. With `-icount shift=0` the TSC counts
//! guest instructions, the same in every run. Neither is a limit: nothing is asserted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::harness::{Machine, Running};
use crate::verdict::Verdict;

/// The lines of `docs/performance.md` between which the table stands.
const BEGIN: &str = "<!-- bench: begin (make bench WRITE=1) -->";
const END: &str = "<!-- bench: end -->";

/// One figure of the probe's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What was measured, words joined by hyphens.
    pub name: String,
    /// What the value counts.
    pub unit: String,
    /// The least value of all repetitions.
    pub value: u64,
    /// The median of all repetitions, if the probe told it.
    pub median: Option<u64>,
}

/// Boots the probe twice and returns the table in Markdown.
pub fn table() -> Result<String> {
    let kernel = crate::artefacts::probes()?;
    let machine = Machine::new()
        .cpus(1)
        .mem(256)
        .dom0(kernel)
        .dom0_args("bench");
    eprintln!("bench: in TSC ticks ...");
    let ticks = figures(machine.clone())?;
    eprintln!("bench: in instructions (-icount) ...");
    let counted = figures(machine.qemu(&["-icount", "shift=0,sleep=off"]))?;
    Ok(markdown(&ticks, &counted))
}

/// Puts the table into a Markdown file, between its two marks.
pub fn write(table: &str, file: &Path) -> Result<()> {
    let old =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let new = replaced(&old, table).with_context(|| file.display().to_string())?;
    std::fs::write(file, new).with_context(|| format!("cannot write {}", file.display()))
}

fn figures(machine: Machine) -> Result<Vec<Figure>> {
    let mut running: Running = machine.try_boot()?;
    let verdict = running.verdict_within(Duration::from_secs(300));
    let transcript = running.transcript();
    match verdict {
        Ok(Verdict::PowerOff) => {}
        Ok(other) => bail!("the bench probe's end: {other}\n{transcript}"),
        Err(error) => bail!("the bench probe: {error}\n{transcript}"),
    }
    let figures = parse(&transcript)?;
    if figures.is_empty() {
        bail!("the bench probe printed no BENCH line\n{transcript}");
    }
    Ok(figures)
}

/// The figures in a transcript. A line that begins like one and is none is an error.
pub fn parse(transcript: &str) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for line in transcript.lines() {
        let Some(rest) = line.trim().strip_prefix("BENCH ") else {
            continue;
        };
        let fields: BTreeMap<&str, &str> = rest
            .split_whitespace()
            .filter_map(|field| field.split_once('='))
            .collect();
        let field = |name: &str| {
            fields
                .get(name)
                .copied()
                .with_context(|| format!("no {name}= in the line {line:?}"))
        };
        figures.push(Figure {
            name: field("name")?.to_string(),
            unit: field("unit")?.to_string(),
            value: field("value")?
                .parse()
                .with_context(|| format!("no number as value= in the line {line:?}"))?,
            median: match fields.get("median") {
                Some(number) => Some(
                    number
                        .parse()
                        .with_context(|| format!("no number as median= in the line {line:?}"))?,
                ),
                None => None,
            },
        });
    }
    Ok(figures)
}

fn markdown(ticks: &[Figure], counted: &[Figure]) -> String {
    let mut out =
        String::from("| what | TSC ticks, least | median | instructions |\n|---|---:|---:|---:|\n");
    for figure in ticks {
        let instructions = counted
            .iter()
            .find(|other| other.name == figure.name)
            .map_or("-".to_string(), |other| grouped(other.value));
        out.push_str(&format!(
            "| {} | {} | {} | {instructions} |\n",
            figure.name.replace('-', " "),
            grouped(figure.value),
            figure.median.map_or("-".to_string(), grouped),
        ));
    }
    out
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn replaced(old: &str, table: &str) -> Result<String> {
    let (before, rest) = old
        .split_once(BEGIN)
        .with_context(|| format!("there is no line {BEGIN:?}"))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("there is no line {END:?}"))?;
    Ok(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_a_table() {
        let ticks =
            parse("(XL) x\nBENCH name=null-hypercall unit=ticks value=16095 median=17000\n")
                .unwrap();
        let counted = parse("BENCH name=null-hypercall unit=ticks value=412\n").unwrap();
        let table = markdown(&ticks, &counted);
        assert!(
            table.ends_with("| null hypercall | 16,095 | 17,000 | 412 |\n"),
            "{table}"
        );
        let page = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let page = replaced(&page, &table).unwrap();
        assert!(page.contains("16,095") && !page.contains("old") && page.ends_with("\nb\n"));
    }

    #[test]
    fn a_broken_line_is_named() {
        let error = parse("BENCH name=x unit=ticks value=lots\n").unwrap_err();
        assert!(error.to_string().contains("value="));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(5), "5");
        assert_eq!(grouped(1234567), "1,234,567");
    }
}
