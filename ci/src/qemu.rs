//! One description of a machine, turned into a QEMU process.
//!
//! The serial line is a pair of pipes, not a socket or a file: QEMU takes from its
//! end only what the 16550's FIFO has room for, and `FIONREAD` tells us what is left,
//! so input is never lost and never ahead of the machine by more than the FIFO.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::qmp::Qmp;
use crate::verdict::Verdict;

/// The hypervisor options that the runner gives unless told otherwise.
pub const DEFAULT_HV_ARGS: &str = "com1=115200,8n1 console=com1";
/// The port of QEMU's `isa-debug-exit`, by which the hypervisor tells its verdict.
pub const DEBUG_EXIT: &str = "debug_exit=0xf4";

/// What the machine boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// QEMU's own multiboot1 loader: the image, its options, and its modules.
    Multiboot {
        /// The multiboot image.
        image: PathBuf,
        /// The image's command line.
        args: String,
        /// Each module's file and arguments.
        modules: Vec<(PathBuf, String)>,
    },
    /// A CD, by the PC's BIOS.
    CdBios(PathBuf),
    /// A CD, by UEFI.
    CdUefi(PathBuf),
}

/// A machine and what it boots.
#[derive(Clone, Debug)]
pub struct Config {
    /// QEMU's accelerator: `tcg`, or `kvm` when asked for.
    pub accel: String,
    /// Number of CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub mem_mib: u32,
    /// What to boot.
    pub source: Source,
    /// Further arguments for QEMU.
    pub extra: Vec<String>,
}

/// A QEMU that runs. Dropping it ends the process and removes its files.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    /// The machine's serial input, until taken or closed.
    pub input: Option<ChildStdin>,
    /// The machine's serial output, until taken.
    pub output: Option<ChildStdout>,
    qmp: Qmp,
    dir: TempDir,
}

impl Config {
    /// Starts the machine.
    pub fn start(&self) -> Result<Qemu> {
        let dir = TempDir::new()?;
        let mut command = self.command(dir.path())?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = command.spawn().context(
            "cannot start qemu-system-x86_64 (is it installed? `ci/setup.sh run` installs it)",
        )?;
        let socket = dir.path().join("qmp");
        let connected = Qmp::connect(&socket, Duration::from_secs(30), || {
            match child.try_wait()? {
                Some(status) => bail!("QEMU ended at once ({status}); its message is above"),
                None => Ok(()),
            }
        });
        let qmp = match connected {
            Ok(qmp) => qmp,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        let mut qemu = Qemu {
            input: child.stdin.take(),
            output: child.stdout.take(),
            child,
            qmp,
            dir,
        };
        // QEMU was started with -S, so that no event comes before we listen.
        qemu.qmp.execute("cont")?;
        Ok(qemu)
    }

    /// QEMU's command line; its files go below `dir`.
    fn command(&self, dir: &Path) -> Result<Command> {
        // setpriv: when the runner dies, however it dies, QEMU dies with it.
        let mut c = Command::new("setpriv");
        c.args(["--pdeathsig", "KILL", "--", "qemu-system-x86_64"]);
        c.args(["-name", "xenolith", "-nodefaults", "-no-user-config"]);
        c.args(["-display", "none", "-no-reboot", "-S"]);
        c.args(["-accel", &self.accel]);
        c.args(["-cpu", if self.accel == "kvm" { "host" } else { "max" }]);
        c.args(["-smp", &self.cpus.to_string()]);
        c.args(["-m", &format!("{}M", self.mem_mib)]);
        c.args(["-chardev", "stdio,id=com1,signal=off"]);
        c.args(["-serial", "chardev:com1"]);
        c.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
        c.args(["-d", "cpu_reset", "-D"]).arg(dir.join("cpu.log"));
        c.arg("-qmp")
            .arg(prefixed("unix:", &dir.join("qmp"), ",server=on,wait=off"));
        match &self.source {
            Source::Multiboot {
                image,
                args,
                modules,
            } => {
                c.arg("-kernel").arg(image);
                c.args(["-append", args]);
                if !modules.is_empty() {
                    c.args(["-initrd", &module_list(modules, dir)?]);
                }
            }
            Source::CdBios(iso) => {
                c.arg("-drive").arg(cd(iso)).args(["-boot", "d"]);
            }
            Source::CdUefi(iso) => {
                c.arg("-drive").arg(cd(iso));
                let (code, vars) = ovmf()?;
                let own_vars = dir.join("vars.fd");
                std::fs::copy(&vars, &own_vars)
                    .with_context(|| format!("cannot copy {}", vars.display()))?;
                c.arg("-drive")
                    .arg(prefixed(
                        "if=pflash,format=raw,readonly=on,file=",
                        &code,
                        "",
                    ))
                    .arg("-drive")
                    .arg(prefixed("if=pflash,format=raw,file=", &own_vars, ""));
            }
        }
        c.args(&self.extra);
        Ok(c)
    }
}

impl Qemu {
    /// The verdict, if the machine has ended.
    pub fn try_verdict(&mut self) -> Result<Option<Verdict>> {
        Ok(self.child.try_wait()?.map(|status| self.verdict(status)))
    }

    /// Waits for the machine's end, up to `limit`; `None` if it goes on.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<Verdict>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(verdict) = self.try_verdict()? {
                return Ok(Some(verdict));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Presses the machine's ACPI power button.
    pub fn press_power_button(&mut self) -> Result<()> {
        self.qmp.execute("system_powerdown")
    }

    /// Ends QEMU, whatever the machine is doing.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn verdict(&mut self, status: ExitStatus) -> Verdict {
        let log = std::fs::read(self.dir.path().join("cpu.log")).unwrap_or_default();
        Verdict::of(status, &self.qmp.finish(), &String::from_utf8_lossy(&log))
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}

fn prefixed(before: &str, path: &Path, after: &str) -> OsString {
    let mut s = OsString::from(before);
    s.push(path);
    s.push(after);
    s
}

fn cd(iso: &Path) -> OsString {
    prefixed("media=cdrom,if=ide,format=raw,readonly=on,file=", iso, "")
}

/// QEMU's `-initrd` syntax: modules apart by commas, a literal comma doubled,
/// the file's name and its arguments apart by the first space.
fn module_list(modules: &[(PathBuf, String)], dir: &Path) -> Result<String> {
    let mut list = Vec::new();
    for (index, (file, args)) in modules.iter().enumerate() {
        if !file.is_file() {
            bail!("the module {} is not a file", file.display());
        }
        let mut name = file.to_string_lossy().into_owned();
        if name.contains([' ', ',']) || file.to_str().is_none() {
            // No way to quote a space there: give the file another name.
            let link = dir.join(format!("module{index}"));
            std::os::unix::fs::symlink(std::fs::canonicalize(file)?, &link)?;
            name = link.to_string_lossy().into_owned();
        }
        if !args.is_empty() {
            name.push(' ');
            name.push_str(&args.replace(',', ",,"));
        }
        list.push(name);
    }
    Ok(list.join(","))
}

/// OVMF's code and the template of its variables, as Debian's package `ovmf` has them.
fn ovmf() -> Result<(PathBuf, PathBuf)> {
    for size in ["_4M", ""] {
        let code = PathBuf::from(format!("/usr/share/OVMF/OVMF_CODE{size}.fd"));
        let vars = PathBuf::from(format!("/usr/share/OVMF/OVMF_VARS{size}.fd"));
        if code.is_file() && vars.is_file() {
            return Ok((code, vars));
        }
    }
    bail!("no UEFI firmware in /usr/share/OVMF: run `ci/setup.sh test` (Debian's package `ovmf`)")
}

/// A folder of a machine's own, removed with it.
#[derive(Debug)]
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Result<TempDir> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("xenolith-{}-{number}", std::process::id()));
        // A left-over of a killed runner with our process number may be in the way.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(TempDir(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_module_arguments_are_doubled_and_odd_names_get_a_link() {
        let dir = TempDir::new().unwrap();
        let plain = dir.path().join("kernel");
        let odd = dir.path().join("an initrd,odd");
        std::fs::write(&plain, "k").unwrap();
        std::fs::write(&odd, "i").unwrap();
        let list = module_list(
            &[
                (plain.clone(), "console=hvc0,115200 x".into()),
                (odd, "".into()),
            ],
            dir.path(),
        )
        .unwrap();
        let link = dir.path().join("module1");
        assert_eq!(
            list,
            format!(
                "{} console=hvc0,,115200 x,{}",
                plain.display(),
                link.display()
            )
        );
        assert_eq!(std::fs::read_to_string(link).unwrap(), "i");
    }

    #[test]
    fn a_module_that_is_not_there_is_named() {
        let dir = TempDir::new().unwrap();
        let error = module_list(&[("/nowhere/vmlinuz".into(), String::new())], dir.path());
        assert!(error.unwrap_err().to_string().contains("/nowhere/vmlinuz"));
    }
}
