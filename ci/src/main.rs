//! `xenolith-ci`: the command behind the front door.
//!
//! See `usage()` below, and `make help` for the door itself.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;

use xenolith_ci::qemu::{Config, DEBUG_EXIT, DEFAULT_HV_ARGS, Source};
use xenolith_ci::verdict::Verdict;
use xenolith_ci::{artefacts, bench, fuzz, symbols, terminal};

const USAGE: &str = "\
xenolith-ci image FROM TO       fill .ksyms of the linked hypervisor FROM, write TO
xenolith-ci run [options]       boot in QEMU, serial console on standard input and output
xenolith-ci bench [--write FILE]  run the bench probe twice, print (and keep) its table
xenolith-ci fuzz [--seed N] [--calls N]  storms of random hypercalls [1, 10000000]

run's options:
  --accel tcg|kvm   QEMU's accelerator [tcg]
  --cpus N          CPUs [2]
  --mem MIB         memory in MiB [512]
  --image FILE      the multiboot image [build/xenolith]
  --dom0 FILE       domain 0's kernel
  --dom0-args TEXT  its command line
  --initrd FILE     its initrd
  --hv-args TEXT    further options for the hypervisor
  --iso FILE        boot this CD instead
  --uefi            ... by UEFI, not by BIOS
  --grace SECONDS   silence allowed after the input's end [30]
  -- ARGS...        further arguments for QEMU
exit statuses: see README.md
";

fn main() -> ExitCode {
    match dispatch(lexopt::Parser::from_env()) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("xenolith-ci: {error:#}");
            ExitCode::from(if error.is::<lexopt::Error>() { 2 } else { 1 })
        }
    }
}

fn dispatch(mut parser: lexopt::Parser) -> Result<ExitCode> {
    let command = match parser.next()? {
        Some(Value(word)) => word.string()?,
        Some(Short('h') | Long("help")) => "help".to_string(),
        _ => bail!(lexopt::Error::from(format!("no command given\n{USAGE}"))),
    };
    match command.as_str() {
        "image" => image(parser),
        "run" => run(parser),
        "bench" => run_bench(parser),
        "fuzz" => run_fuzz(parser),
        "help" => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!(lexopt::Error::from(format!(
            "no command {other:?}\n{USAGE}"
        ))),
    }
}

fn image(mut parser: lexopt::Parser) -> Result<ExitCode> {
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(arg) = parser.next()? {
        match arg {
            Value(file) => files.push(file.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    let [from, to] = files.as_slice() else {
        bail!(lexopt::Error::from("image wants FROM and TO".to_string()));
    };
    let count = symbols::fill_file(from, to)?;
    eprintln!("{}: {count} symbols", to.display());
    Ok(ExitCode::SUCCESS)
}

fn run(mut parser: lexopt::Parser) -> Result<ExitCode> {
    let mut accel = "tcg".to_string();
    let (mut cpus, mut mem_mib, mut grace) = (2, 512, 30);
    let mut image = None;
    let mut dom0: Option<PathBuf> = None;
    let mut initrd: Option<PathBuf> = None;
    let (mut dom0_args, mut hv_args) = (String::new(), String::new());
    let mut iso: Option<PathBuf> = None;
    let mut uefi = false;
    let mut extra = Vec::new();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("accel") => accel = parser.value()?.string()?,
            Long("cpus") => cpus = parser.value()?.parse()?,
            Long("mem") => mem_mib = mebibytes(parser.value()?)?,
            Long("image") => image = Some(PathBuf::from(parser.value()?)),
            Long("dom0") => dom0 = file(parser.value()?),
            Long("dom0-args") => dom0_args = parser.value()?.string()?,
            Long("initrd") => initrd = file(parser.value()?),
            Long("hv-args") => hv_args = parser.value()?.string()?,
            Long("iso") => iso = file(parser.value()?),
            Long("uefi") => uefi = true,
            Long("grace") => grace = parser.value()?.parse()?,
            Value(word) => extra.push(word.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let source = match iso {
        Some(iso) if uefi => Source::CdUefi(iso),
        Some(iso) => Source::CdBios(iso),
        None => Source::Multiboot {
            image: match image {
                Some(image) => image,
                None => artefacts::image()?,
            },
            args: format!("{DEFAULT_HV_ARGS} {DEBUG_EXIT} {hv_args}")
                .trim_end()
                .to_string(),
            modules: dom0
                .map(|kernel| (kernel, dom0_args))
                .into_iter()
                .chain(initrd.map(|initrd| (initrd, String::new())))
                .collect(),
        },
    };
    let config = Config {
        accel,
        cpus,
        mem_mib,
        source,
        extra,
    };
    let verdict = terminal::run(&config, Duration::from_secs(grace))?;
    if verdict != Verdict::PowerOff {
        eprintln!("\nxenolith-ci: {verdict}");
    }
    Ok(ExitCode::from(verdict.status()))
}

/// An empty name, as the Makefile passes for "none", is no file.
fn file(name: OsString) -> Option<PathBuf> {
    (!name.is_empty()).then(|| PathBuf::from(name))
}

/// Memory as QEMU's users write it: `512`, `512M`, `4G`.
fn mebibytes(text: OsString) -> Result<u32> {
    let text = text.string()?;
    let upper = text.to_ascii_uppercase();
    let (digits, factor) = match (upper.strip_suffix('G'), upper.strip_suffix('M')) {
        (Some(gibibytes), _) => (gibibytes, 1024),
        (_, Some(mebibytes)) => (mebibytes, 1),
        _ => (upper.as_str(), 1),
    };
    digits
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .with_context(|| format!("{text:?} is no memory size: write 512M or 4G"))
}

fn run_bench(mut parser: lexopt::Parser) -> Result<ExitCode> {
    let mut page = None;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("write") => page = file(parser.value()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let table = bench::table()?;
    print!("{table}");
    if let Some(page) = page {
        bench::write(&table, &page)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn run_fuzz(mut parser: lexopt::Parser) -> Result<ExitCode> {
    let (mut seed, mut calls) = (1, 10_000_000);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("seed") => seed = parser.value()?.parse()?,
            Long("calls") => calls = parser.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    fuzz::run(seed, calls)?;
    Ok(ExitCode::SUCCESS)
}
