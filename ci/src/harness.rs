//! Expect and send over a machine's serial console, for tests.
//!
//! Every wait is bounded, a failure shows the end of the console's transcript, and a
//! machine that is dropped is ended. A hypervisor's panic anywhere in the transcript
//! fails the test, also when the test never looked for it.
//!
//! ```no_run
//! use xenolith_ci::harness::Machine;
//! use xenolith_ci::verdict::Verdict;
//!
//! let mut machine = Machine::stub().cpus(2).mem(512).boot();
//! machine.expect("domain 0");
//! machine.send_line("poweroff");
//! machine.ends(Verdict::PowerOff);
//! ```

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ChildStdout;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use regex_lite::Regex;

use crate::artefacts;
use crate::qemu::{Config, DEBUG_EXIT, DEFAULT_HV_ARGS, Qemu, Source};
use crate::verdict::Verdict;

/// How long a wait may take unless it says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the hypervisor says when it panics.
pub const PANIC_MARK: &str = "The hypervisor stops on";
/// How much of the transcript a failure shows.
const SHOWN: usize = 6000;

/// A machine to be booted. Each setter returns the machine, so that they chain.
#[derive(Clone, Debug)]
pub struct Machine {
    cpus: u32,
    mem_mib: u32,
    hv_args: String,
    kernel: Option<PathBuf>,
    kernel_args: String,
    initrd: Option<PathBuf>,
    further: Vec<(PathBuf, String)>,
    iso: Option<Firmware>,
    extra: Vec<String>,
}

/// What boots a CD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS.
    Bios,
    /// OVMF.
    Uefi,
}

impl Default for Machine {
    fn default() -> Machine {
        Machine::new()
    }
}

impl Machine {
    /// 2 CPUs, 512 MiB, the default options, and nothing to boot yet.
    pub fn new() -> Machine {
        Machine {
            cpus: 2,
            mem_mib: 512,
            hv_args: format!("{DEFAULT_HV_ARGS} {DEBUG_EXIT}"),
            kernel: None,
            kernel_args: String::new(),
            initrd: None,
            further: Vec::new(),
            iso: None,
            extra: Vec::new(),
        }
    }

    /// A machine that boots the reference kernel with its initrd.
    ///
    /// Panics if they are not built.
    #[track_caller]
    pub fn stub() -> Machine {
        Machine::new()
            .dom0(need(artefacts::stub()))
            .initrd(need(artefacts::initrd()))
    }

    /// A machine of one CPU that boots a probe, by its name.
    ///
    /// Panics if the probes are not built.
    #[track_caller]
    pub fn probe(name: &str) -> Machine {
        Machine::new()
            .cpus(1)
            .dom0(need(artefacts::probes()))
            .dom0_args(name)
    }

    /// A machine that boots the CD image by this firmware. What it boots stands in
    /// the CD's menu: the other setters of domain 0 and of options are without effect.
    pub fn iso(firmware: Firmware) -> Machine {
        Machine {
            iso: Some(firmware),
            ..Machine::new()
        }
    }

    /// The number of CPUs.
    pub fn cpus(mut self, cpus: u32) -> Machine {
        self.cpus = cpus;
        self
    }

    /// The memory in MiB.
    pub fn mem(mut self, mib: u32) -> Machine {
        self.mem_mib = mib;
        self
    }

    /// Domain 0's kernel.
    pub fn dom0(mut self, kernel: impl Into<PathBuf>) -> Machine {
        self.kernel = Some(kernel.into());
        self
    }

    /// Domain 0's command line.
    pub fn dom0_args(mut self, args: &str) -> Machine {
        self.kernel_args = args.to_string();
        self
    }

    /// Domain 0's initrd.
    pub fn initrd(mut self, initrd: impl Into<PathBuf>) -> Machine {
        self.initrd = Some(initrd.into());
        self
    }

    /// No initrd.
    pub fn no_initrd(mut self) -> Machine {
        self.initrd = None;
        self
    }

    /// One more module with its line, behind the initrd.
    pub fn module(mut self, file: impl Into<PathBuf>, line: &str) -> Machine {
        self.further.push((file.into(), line.to_string()));
        self
    }

    /// One more domain that runs a probe: its words behind `domu`, and the probe's name.
    ///
    /// Panics if the probes are not built.
    #[track_caller]
    pub fn domu(self, words: &str, probe: &str) -> Machine {
        self.module(
            need(artefacts::probes()),
            &format!("domu {words} -- {probe}"),
        )
    }

    /// Further options for the hypervisor, behind the default ones.
    pub fn hv_args(mut self, args: &str) -> Machine {
        self.hv_args.push(' ');
        self.hv_args.push_str(args);
        self
    }

    /// The hypervisor's options, without the default ones.
    pub fn only_hv_args(mut self, args: &str) -> Machine {
        self.hv_args = args.to_string();
        self
    }

    /// Further arguments for QEMU.
    pub fn qemu(mut self, args: &[&str]) -> Machine {
        self.extra.extend(args.iter().map(|a| a.to_string()));
        self
    }

    /// Starts it. Panics with the reason if that fails.
    #[track_caller]
    pub fn boot(self) -> Running {
        match self.try_boot() {
            Ok(running) => running,
            Err(error) => panic!("{error:#}"),
        }
    }

    /// Starts it.
    pub fn try_boot(self) -> Result<Running> {
        let source = match self.iso {
            Some(Firmware::Bios) => Source::CdBios(artefacts::iso()?),
            Some(Firmware::Uefi) => Source::CdUefi(artefacts::iso()?),
            None => {
                let mut modules = Vec::new();
                if let Some(kernel) = &self.kernel {
                    modules.push((kernel.clone(), self.kernel_args.clone()));
                }
                modules.extend(self.initrd.iter().map(|file| (file.clone(), String::new())));
                modules.extend(self.further.iter().cloned());
                Source::Multiboot {
                    image: artefacts::image()?,
                    args: self.hv_args.clone(),
                    modules,
                }
            }
        };
        Running::start(&Config {
            accel: "tcg".to_string(),
            cpus: self.cpus,
            mem_mib: self.mem_mib,
            source,
            extra: self.extra,
        })
    }
}

#[track_caller]
fn need(found: Result<PathBuf>) -> PathBuf {
    match found {
        Ok(path) => path,
        Err(error) => panic!("{error:#}"),
    }
}

/// What the console has said, shared with the thread that reads it.
#[derive(Debug, Default)]
struct Console {
    heard: Mutex<Heard>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Heard {
    /// Everything, with carriage returns left out and `?` for what is not ASCII,
    /// so that it can be cut anywhere.
    text: String,
    ended: bool,
}

impl Console {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("no holder panics")
    }

    fn listen(&self, mut output: ChildStdout) {
        let mut buffer = [0; 4096];
        loop {
            let count = output.read(&mut buffer).unwrap_or(0);
            let mut heard = self.lock();
            for byte in buffer[..count].iter().filter(|byte| **byte != b'\r') {
                let shown = if byte.is_ascii() { *byte } else { b'?' };
                heard.text.push(char::from(shown));
            }
            heard.ended = count == 0;
            self.more.notify_all();
            if count == 0 {
                return;
            }
        }
    }
}

/// A machine that runs.
#[derive(Debug)]
pub struct Running {
    qemu: Qemu,
    console: Arc<Console>,
    /// How much of the transcript has been matched.
    seen: usize,
    verdict: Option<Verdict>,
    panic_is_fine: bool,
}

impl Running {
    /// Starts a machine as described.
    pub fn start(config: &Config) -> Result<Running> {
        let mut qemu = config.start()?;
        let console = Arc::new(Console::default());
        let output = qemu.output.take().context("QEMU has no output")?;
        let listener = Arc::clone(&console);
        std::thread::spawn(move || listener.listen(output));
        Ok(Running {
            qemu,
            console,
            seen: 0,
            verdict: None,
            panic_is_fine: false,
        })
    }

    /// Waits for this text, somewhere behind what was matched before.
    ///
    /// Returns what stood between. Panics with the transcript if it does not come.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        self.expect_within(PATIENCE, text)
    }

    /// The same with another limit.
    #[track_caller]
    pub fn expect_within(&mut self, limit: Duration, text: &str) -> String {
        let found = self.search(limit, &format!("{text:?}"), |heard| {
            heard.find(text).map(|at| (at, at + text.len(), ()))
        });
        match found {
            Ok((before, ())) => before,
            Err(error) => panic!("{error:#}"),
        }
    }

    /// Waits for this regular expression, and returns its groups (0: the whole match).
    ///
    /// Mind that output comes in pieces: end an expression with what follows it.
    #[track_caller]
    pub fn expect_re(&mut self, expression: &str) -> Vec<String> {
        let regex = match Regex::new(expression) {
            Ok(regex) => regex,
            Err(error) => panic!("{expression}: {error}"),
        };
        let found = self.search(PATIENCE, &format!("/{expression}/"), |heard| {
            let groups = regex.captures(heard)?;
            let whole = groups.get(0)?;
            let texts = groups
                .iter()
                .map(|g| g.map_or(String::new(), |m| m.as_str().to_string()))
                .collect();
            Some((whole.start(), whole.end(), texts))
        });
        match found {
            Ok((_, groups)) => groups,
            Err(error) => panic!("{error:#}"),
        }
    }

    /// Sends these bytes to the console.
    #[track_caller]
    pub fn send(&mut self, text: &str) {
        let sent = match &mut self.qemu.input {
            Some(input) => input
                .write_all(text.as_bytes())
                .and_then(|()| input.flush()),
            None => panic!("the console's input was closed"),
        };
        if let Err(error) = sent {
            panic!("cannot send {text:?}: {error}\n{}", self.tail());
        }
    }

    /// Sends a line.
    #[track_caller]
    pub fn send_line(&mut self, line: &str) {
        self.send(&format!("{line}\n"));
    }

    /// Presses the machine's ACPI power button.
    #[track_caller]
    pub fn press_power_button(&mut self) {
        if let Err(error) = self.qemu.press_power_button() {
            panic!("{error:#}");
        }
    }

    /// Waits for the machine's end, which must be this one. Returns the transcript.
    #[track_caller]
    pub fn ends(&mut self, expected: Verdict) -> String {
        self.ends_within(PATIENCE, expected)
    }

    /// The same with another limit.
    #[track_caller]
    pub fn ends_within(&mut self, limit: Duration, expected: Verdict) -> String {
        self.panic_is_fine = expected == Verdict::HypervisorPanic;
        match self.verdict_within(limit) {
            Ok(found) if found == expected => self.transcript(),
            Ok(found) => panic!(
                "the machine's end: found {found:?} ({found}), expected {expected:?}\n{}",
                self.tail()
            ),
            Err(error) => panic!("{error:#}\n{}", self.tail()),
        }
    }

    /// Waits for the machine's end and tells which one it was.
    pub fn verdict_within(&mut self, limit: Duration) -> Result<Verdict> {
        let limit = scaled(limit);
        let verdict = self
            .qemu
            .wait(limit)?
            .ok_or_else(|| anyhow!("the machine did not end within {limit:?}"))?;
        // QEMU has closed its end; let the last of it arrive.
        let mut heard = self.console.lock();
        while !heard.ended {
            heard = self.console.more.wait(heard).expect("no holder panics");
        }
        drop(heard);
        self.verdict = Some(verdict.clone());
        Ok(verdict)
    }

    /// All that the console has said so far, carriage returns left out.
    pub fn transcript(&self) -> String {
        self.console.lock().text.clone()
    }

    /// Looks for a match behind what was seen, as output comes in.
    fn search<T>(
        &mut self,
        limit: Duration,
        what: &str,
        find: impl Fn(&str) -> Option<(usize, usize, T)>,
    ) -> Result<(String, T)> {
        let limit = scaled(limit);
        let deadline = Instant::now() + limit;
        let mut heard = self.console.lock();
        loop {
            let text = &heard.text[self.seen..];
            if let Some((start, end, value)) = find(text) {
                let before = text[..start].to_string();
                self.seen += end;
                return Ok((before, value));
            }
            let now = Instant::now();
            if heard.ended || now >= deadline {
                let why = if heard.ended {
                    "the machine ended".to_string()
                } else {
                    format!("{limit:?} passed")
                };
                drop(heard);
                let verdict = match self.qemu.wait(Duration::from_secs(1)) {
                    Ok(Some(verdict)) => format!(" ({verdict})"),
                    _ => String::new(),
                };
                return Err(anyhow!(
                    "{why}{verdict} before {what} came\n{}",
                    self.tail()
                ));
            }
            heard = self
                .console
                .more
                .wait_timeout(heard, deadline - now)
                .expect("no holder panics")
                .0;
        }
    }

    /// The transcript's end, framed for a failure's message.
    fn tail(&self) -> String {
        let text = self.transcript();
        let from = text.len().saturating_sub(SHOWN);
        format!(
            "--- the console's last {} of {} bytes ---\n{}\n--- end of the console ---",
            text.len() - from,
            text.len(),
            &text[from..]
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.qemu.kill();
        // Only a test that fails already may be silent about it.
        if !std::thread::panicking()
            && !self.panic_is_fine
            && self.transcript().contains(PANIC_MARK)
        {
            panic!("the hypervisor panicked\n{}", self.tail());
        }
    }
}

/// A limit, lengthened by `$XENOLITH_PATIENCE` for slow machines.
fn scaled(limit: Duration) -> Duration {
    let factor = std::env::var("XENOLITH_PATIENCE")
        .ok()
        .and_then(|f| f.parse::<u32>().ok())
        .unwrap_or(1);
    limit * factor.max(1)
}
