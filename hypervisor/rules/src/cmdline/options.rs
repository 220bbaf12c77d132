//! The table of options and what they set.

use super::dom0_mem::{self, Dom0Memory};
use super::serial::{self, Serial};
use super::value::{boolean, listed_boolean, number, size};
use super::words::{Word, same_name, words};
use core::fmt;

/// How important a message has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    None,
    /// Errors.
    Error,
    /// Warnings too.
    Warning,
    /// What may interest an administrator too.
    Info,
    /// Everything (`debug`, `all`).
    All,
}

/// `loglvl=<always>[/<limited>]`: what is printed, and what is printed at a bounded rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Messages up to this level are always printed.
    pub always: LogLevel,
    /// Messages up to this level are printed as the rate limit allows; never below `always`.
    pub limited: LogLevel,
}

/// Where the console is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consoles {
    /// On the first serial port.
    pub com1: bool,
    /// On the second serial port.
    pub com2: bool,
    /// On the screen.
    pub vga: bool,
}

/// How many vCPUs domain 0 gets: as many as pCPUs, within these bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VcpuRange {
    /// At least.
    pub min: u32,
    /// At most; `None`: no bound of its own.
    pub max: Option<u32>,
}

impl VcpuRange {
    /// The number of vCPUs on a machine of `pcpus`.
    pub fn count(&self, pcpus: u32) -> u32 {
        pcpus.min(self.max.unwrap_or(u32::MAX)).max(self.min).max(1)
    }
}

/// The way to reset the machine that is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebootMethod {
    /// The hypervisor's choice.
    Default,
    /// The FADT's reset register.
    Acpi,
    /// Port 0xcf9.
    Pci,
    /// Port 0xcf9, power cycle.
    Power,
    /// The keyboard controller.
    Keyboard,
    /// A triple fault.
    Triple,
    /// The firmware's service.
    Efi,
}

/// The NMI watchdog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watchdog {
    /// Not used.
    Off,
    /// Used.
    On,
    /// Used even where it is known not to be reliable.
    Force,
}

/// Which control character moves serial input between hypervisor and domain 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conswitch {
    /// The letter that is held with Ctrl, in lower case; `None`: no switching.
    pub letter: Option<u8>,
    /// Whether input goes to domain 0 once it has started (no trailing `x`).
    pub to_dom0: bool,
}

/// Everything that the command line sets, with the defaults in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// First serial port; `None`: not set up.
    pub com1: Option<Serial>,
    /// Second serial port; `None`: not set up.
    pub com2: Option<Serial>,
    /// `console=`
    pub console: Consoles,
    /// `loglvl=`: the hypervisor's own messages.
    pub loglvl: Threshold,
    /// `guest_loglvl=`: messages on account of a guest.
    pub guest_loglvl: Threshold,
    /// `sync_console`: every line is out before the next instruction.
    pub sync_console: bool,
    /// `conswitch=`
    pub conswitch: Conswitch,
    /// `mem=`: RAM above this many bytes is not used.
    pub mem_bytes: Option<u64>,
    /// `dom0_mem=`
    pub dom0_mem: Dom0Memory,
    /// `dom0_max_vcpus=`
    pub dom0_max_vcpus: VcpuRange,
    /// `dom0=verbose`: say how domain 0 is laid out.
    pub dom0_verbose: bool,
    /// `dom0=force-user-bit`: every page of domain 0's is a user page, as in Xen.
    pub dom0_force_user_bit: bool,
    /// `maxcpus=`, and 1 with `nosmp`: how many pCPUs to start.
    pub maxcpus: Option<u32>,
    /// `noreboot`: after a crash stop, do not reset.
    pub noreboot: bool,
    /// `reboot=`
    pub reboot: RebootMethod,
    /// `watchdog`
    pub watchdog: Watchdog,
    /// `watchdog_timeout=`, seconds.
    pub watchdog_timeout_s: u32,
    /// `debug_exit=`: the I/O port of QEMU's `isa-debug-exit`, for verdicts of crashes.
    pub debug_exit: Option<u16>,
}

impl Default for Options {
    fn default() -> Self {
        let warning = Threshold {
            always: LogLevel::Warning,
            limited: LogLevel::Warning,
        };
        Self {
            com1: None,
            com2: None,
            console: Consoles {
                com1: true,
                com2: false,
                vga: true,
            },
            loglvl: Threshold {
                always: LogLevel::Info,
                limited: LogLevel::Info,
            },
            guest_loglvl: warning,
            sync_console: false,
            conswitch: Conswitch {
                letter: Some(b'a'),
                to_dom0: true,
            },
            mem_bytes: None,
            dom0_mem: Dom0Memory::default(),
            dom0_max_vcpus: VcpuRange { min: 1, max: None },
            dom0_verbose: false,
            dom0_force_user_bit: false,
            maxcpus: None,
            noreboot: false,
            reboot: RebootMethod::Default,
            watchdog: Watchdog::Off,
            watchdog_timeout_s: 5,
            debug_exit: None,
        }
    }
}

/// Something on the line that had no effect, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint<'a> {
    /// No such option.
    Unknown {
        /// The word.
        text: &'a str,
    },
    /// The option is known, its value is not understood.
    BadValue {
        /// The word.
        text: &'a str,
        /// The form that is understood.
        accepted: &'static str,
    },
    /// An option of Xen's that does nothing here, or not yet.
    NoEffect {
        /// The word.
        text: &'a str,
    },
}

impl fmt::Display for Complaint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { text } => write!(f, "unknown option `{text}` ignored"),
            Self::BadValue { text, accepted } => {
                write!(f, "option `{text}` ignored: accepted is {accepted}")
            }
            Self::NoEffect { text } => write!(f, "option `{text}` has no effect here"),
        }
    }
}

/// Sets the option from its value (`None`: no `=`); `None` back: a bad value.
type Set = fn(&mut Options, Option<&str>) -> Option<()>;

struct Known {
    name: &'static str,
    accepted: &'static str,
    set: Set,
}

/// Options that are read and kept, and that nothing goes by yet: reported, so that nobody
/// relies on them.
static NOT_YET: &[&str] = &["conswitch", "reboot", "watchdog", "watchdog_timeout"];

const BOOLEAN: &str =
    "the name alone, no-<name>, or =<yes|no|on|off|true|false|enable|disable|1|0>";
const LEVELS: &str =
    "<level>[/<rate-limited level>] with <level> = none, error, warning, info, debug or all";

static KNOWN: &[Known] = &[
    Known {
        name: "com1",
        accepted: serial::FORM,
        set: |o, v| {
            o.com1 = Some(o.com1.unwrap_or(Serial::COM1).parse(v?)?);
            Some(())
        },
    },
    Known {
        name: "com2",
        accepted: serial::FORM,
        set: |o, v| {
            o.com2 = Some(o.com2.unwrap_or(Serial::COM2).parse(v?)?);
            Some(())
        },
    },
    Known {
        name: "console",
        accepted: "a comma list of com1, com2, vga, none",
        set: |o, v| {
            o.console = consoles(v?)?;
            Some(())
        },
    },
    Known {
        name: "loglvl",
        accepted: LEVELS,
        set: |o, v| {
            o.loglvl = threshold(v?)?;
            Some(())
        },
    },
    Known {
        name: "guest_loglvl",
        accepted: LEVELS,
        set: |o, v| {
            o.guest_loglvl = threshold(v?)?;
            Some(())
        },
    },
    Known {
        name: "sync_console",
        accepted: BOOLEAN,
        set: |o, v| {
            o.sync_console = flag(v)?;
            Some(())
        },
    },
    Known {
        name: "conswitch",
        accepted: "<letter>[x], or x or 0 for no switching",
        set: |o, v| {
            o.conswitch = conswitch(v?)?;
            Some(())
        },
    },
    Known {
        name: "mem",
        accepted: "<number>[B|K|M|G|T]",
        set: |o, v| {
            o.mem_bytes = Some(size(v?)?);
            Some(())
        },
    },
    Known {
        name: "dom0_mem",
        accepted: dom0_mem::FORM,
        set: |o, v| {
            o.dom0_mem = o.dom0_mem.parse(v?)?;
            Some(())
        },
    },
    Known {
        name: "dom0_max_vcpus",
        accepted: "<n> or <min>-[<max>], <n> at least 1",
        set: |o, v| {
            o.dom0_max_vcpus = vcpus(v?)?;
            Some(())
        },
    },
    Known {
        name: "dom0",
        accepted: "a comma list of pv, verbose, force-user-bit (domain 0 is always PV)",
        set: |o, v| v?.split(',').try_for_each(|item| dom0(o, item)),
    },
    Known {
        name: "maxcpus",
        accepted: "<n>, the number of CPUs to use; 0 means 1",
        set: |o, v| {
            o.maxcpus = Some(u32::try_from(number(v?)?).ok()?.max(1));
            Some(())
        },
    },
    Known {
        name: "smp",
        accepted: BOOLEAN,
        set: |o, v| {
            o.maxcpus = if flag(v)? {
                o.maxcpus.filter(|&n| n != 1)
            } else {
                Some(1)
            };
            Some(())
        },
    },
    Known {
        name: "noreboot",
        accepted: BOOLEAN,
        set: |o, v| {
            o.noreboot = flag(v)?;
            Some(())
        },
    },
    Known {
        name: "reboot",
        accepted: "acpi, pci, Power, kbd, triple, efi or no (first letters suffice), and warm or cold",
        set: |o, v| v?.split(',').try_for_each(|item| reboot(o, item)),
    },
    Known {
        name: "watchdog",
        accepted: "force or a boolean",
        set: |o, v| {
            o.watchdog = match v {
                Some("force") => Watchdog::Force,
                v if flag(v)? => Watchdog::On,
                _ => Watchdog::Off,
            };
            Some(())
        },
    },
    Known {
        name: "watchdog_timeout",
        accepted: "<seconds>",
        set: |o, v| {
            o.watchdog_timeout_s = u32::try_from(number(v?)?).ok()?;
            if o.watchdog_timeout_s == 0 {
                o.watchdog = Watchdog::Off;
            }
            Some(())
        },
    },
    Known {
        name: "debug_exit",
        accepted: "the I/O port of isa-debug-exit, for example 0xf4",
        set: |o, v| {
            o.debug_exit = Some(u16::try_from(number(v?)?).ok()?);
            Some(())
        },
    },
];

/// Options of Xen's that people and boot loaders' scripts pass on and that do nothing here.
static NO_EFFECT: &[&str] = &[
    "acpi",
    "allow_unsafe",
    "apic",
    "apic_verbosity",
    "clocksource",
    "console_timestamps",
    "console_to_ring",
    "conring_size",
    "cpufreq",
    "cpuid",
    "crashkernel",
    "dom0_nodes",
    "dom0_vcpus_pin",
    "edd",
    "edid",
    "efi",
    "ept",
    "extra_guest_irqs",
    "flask",
    "gnttab",
    "gnttab_max_frames",
    "gnttab_max_maptrack_frames",
    "hap",
    "hpet",
    "hvm_fep",
    "idle_latency_factor",
    "iommu",
    "ioapic_ack",
    "kexec",
    "lapic",
    "m2p",
    "max_cstate",
    "mce",
    "mmcfg",
    "msi",
    "noapic",
    "numa",
    "nx",
    "pci",
    "pcid",
    "pv",
    "pv-l1tf",
    "sched",
    "smt",
    "spec-ctrl",
    "tboot",
    "tsc",
    "tsx",
    "ucode",
    "vga",
    "vpmu",
    "x2apic",
    "xpti",
    "xsave",
];

/// Words that are accepted in silence: GRUB's scripts put them there.
static SILENT: &[&str] = &["placeholder", "no-real-mode", "edd"];

impl Options {
    /// Reads `line` over the defaults and hands every word without effect to `report`.
    ///
    /// Allocates nothing. Later words win over earlier ones.
    pub fn parse<'a>(line: &'a str, mut report: impl FnMut(Complaint<'a>)) -> Self {
        let mut options = Self::default();
        for word in words(line) {
            if let Some(complaint) = options.take(word) {
                report(complaint);
            }
        }
        options
    }

    fn take<'a>(&mut self, word: Word<'a>) -> Option<Complaint<'a>> {
        let text = word.text;
        if word.name.is_empty() {
            return Some(Complaint::Unknown { text });
        }
        let find = |name| KNOWN.iter().find(|known| same_name(known.name, name));
        // `noreboot` is a name; `nosmp`, `no-watchdog` are negations.
        let (known, value) = match find(word.name) {
            Some(known) => (Some(known), word.value),
            None if word.value.is_none() => {
                let bare = word.name.strip_prefix("no").unwrap_or("");
                let bare = bare.strip_prefix('-').unwrap_or(bare);
                (find(bare), Some("no"))
            }
            None => (None, word.value),
        };
        let Some(known) = known else {
            if SILENT.iter().any(|name| same_name(name, word.name)) {
                return None;
            }
            let name = word.name.strip_prefix("no-").unwrap_or(word.name);
            if NO_EFFECT.iter().any(|known| same_name(known, name)) {
                return Some(Complaint::NoEffect { text });
            }
            return Some(Complaint::Unknown { text });
        };
        // A value that is half right must change nothing.
        let mut changed = *self;
        match (known.set)(&mut changed, value) {
            Some(()) => {
                *self = changed;
                let idle =
                    NOT_YET.contains(&known.name) && !(known.name == "reboot" && self.noreboot);
                idle.then_some(Complaint::NoEffect { text })
            }
            None => Some(Complaint::BadValue {
                text,
                accepted: known.accepted,
            }),
        }
    }
}

/// The names of all options, for the check of their documentation.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = (&'static str, bool)> {
    KNOWN
        .iter()
        .map(|known| (known.name, !NOT_YET.contains(&known.name)))
}

fn flag(value: Option<&str>) -> Option<bool> {
    value.map_or(Some(true), boolean)
}

fn consoles(text: &str) -> Option<Consoles> {
    let mut consoles = Consoles {
        com1: false,
        com2: false,
        vga: false,
    };
    for item in text.split(',') {
        match item {
            // H and L take half of the characters in Xen; one console needs no halves.
            "com1" | "com1H" | "com1L" => consoles.com1 = true,
            "com2" | "com2H" | "com2L" => consoles.com2 = true,
            "vga" => consoles.vga = true,
            "none" => {}
            _ => return None,
        }
    }
    Some(consoles)
}

fn threshold(text: &str) -> Option<Threshold> {
    let level = |text| match text {
        "none" => Some(LogLevel::None),
        "error" => Some(LogLevel::Error),
        "warning" => Some(LogLevel::Warning),
        "info" => Some(LogLevel::Info),
        "debug" | "all" => Some(LogLevel::All),
        _ => None,
    };
    let (always, limited) = text.split_once('/').unwrap_or((text, text));
    let always = level(always)?;
    Some(Threshold {
        always,
        limited: level(limited)?.max(always),
    })
}

fn conswitch(text: &str) -> Option<Conswitch> {
    let (letter, to_dom0) = match text.as_bytes() {
        [b'x'] => {
            return Some(Conswitch {
                letter: None,
                to_dom0: false,
            });
        }
        [letter] => (letter, true),
        [letter, b'x'] => (letter, false),
        _ => return None,
    };
    match letter {
        b'a'..=b'z' | b'A'..=b'Z' => Some(Conswitch {
            letter: Some(letter.to_ascii_lowercase()),
            to_dom0,
        }),
        b'0' => Some(Conswitch {
            letter: None,
            to_dom0,
        }),
        _ => None,
    }
}

fn vcpus(text: &str) -> Option<VcpuRange> {
    let count = |text| u32::try_from(number(text)?).ok();
    let range = match text.split_once('-') {
        Some((min, max)) => VcpuRange {
            min: if min.is_empty() { 1 } else { count(min)? },
            max: if max.is_empty() {
                None
            } else {
                Some(count(max)?)
            },
        },
        None => {
            let n = count(text)?;
            VcpuRange {
                min: n,
                max: Some(n),
            }
        }
    };
    (range.min >= 1 && range.max.is_none_or(|max| max >= range.min)).then_some(range)
}

fn dom0(options: &mut Options, item: &str) -> Option<()> {
    if item == "pv" {
        return Some(());
    }
    if let Some(verbose) = listed_boolean(item, "verbose") {
        options.dom0_verbose = verbose?;
        return Some(());
    }
    options.dom0_force_user_bit = listed_boolean(item, "force-user-bit")??;
    Some(())
}

fn reboot(options: &mut Options, item: &str) -> Option<()> {
    options.reboot = match item.as_bytes().first()? {
        b'a' => RebootMethod::Acpi,
        b'p' => RebootMethod::Pci,
        b'P' => RebootMethod::Power,
        b'k' => RebootMethod::Keyboard,
        b't' => RebootMethod::Triple,
        b'e' => RebootMethod::Efi,
        b'n' => {
            options.noreboot = true;
            return Some(());
        }
        // How much of its self-test the firmware runs: any firmware decides by itself today.
        b'w' | b'c' => return Some(()),
        _ => return None,
    };
    Some(())
}
