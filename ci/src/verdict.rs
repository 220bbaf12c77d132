//! How a machine ended, and the exit status that says so.
//!
//! | status | meaning |
//! |-------:|---------|
//! | 0 | the machine was powered off, or asked for a reset |
//! | 1 | QEMU itself failed |
//! | 2 | wrong usage of the runner |
//! | 3 | domain 0 crashed |
//! | 5 | the hypervisor refused to boot what it was given |
//! | 7 | the hypervisor panicked |
//! | 9 | the hypervisor's watchdog fired |
//! | 10 | triple fault: the CPU reset itself |
//! | 124 | the machine did not end in time and was stopped |
//! | 130 | a signal stopped the machine, or nobody read its output |
//!
//! A person who quits by the escape key gets 0, as from QEMU.
//!
//! 3, 5, 7 and 9 come from the hypervisor by way of QEMU's `isa-debug-exit`
//! device, which ends QEMU with `(value << 1) | 1`.

use std::fmt;
use std::process::ExitStatus;

/// How a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// ACPI S5: the machine was powered off in order.
    PowerOff,
    /// The machine asked for a reset.
    Reboot,
    /// The hypervisor said that domain 0 crashed.
    Dom0Crash,
    /// The hypervisor said that it cannot boot what it was given.
    BootRefused,
    /// The hypervisor panicked.
    HypervisorPanic,
    /// The hypervisor's watchdog fired.
    Watchdog,
    /// A CPU shut down on a triple fault.
    TripleFault,
    /// Nobody asked for it from within: time ran out.
    TimedOut,
    /// A person quit by the escape key.
    Quit,
    /// Stopped from outside by a signal, or since nobody read its output.
    Stopped,
    /// QEMU failed, with this status.
    Qemu(String),
}

impl Verdict {
    /// The verdict of a QEMU that ended by itself.
    ///
    /// `events` are the lines that its monitor sent, `cpu_log` is what `-d cpu_reset` wrote.
    pub fn of(status: ExitStatus, events: &[String], cpu_log: &str) -> Verdict {
        if cpu_log.contains("Triple fault") {
            return Verdict::TripleFault;
        }
        match status.code() {
            Some(0) => {
                let reset = events
                    .iter()
                    .any(|e| e.contains("\"SHUTDOWN\"") && e.contains("\"guest-reset\""));
                if reset {
                    Verdict::Reboot
                } else {
                    Verdict::PowerOff
                }
            }
            Some(3) => Verdict::Dom0Crash,
            Some(5) => Verdict::BootRefused,
            Some(7) => Verdict::HypervisorPanic,
            Some(9) => Verdict::Watchdog,
            _ => Verdict::Qemu(status.to_string()),
        }
    }

    /// The exit status that stands for this verdict.
    pub fn status(&self) -> u8 {
        match self {
            Verdict::PowerOff | Verdict::Reboot | Verdict::Quit => 0,
            Verdict::Qemu(_) => 1,
            Verdict::Dom0Crash => 3,
            Verdict::BootRefused => 5,
            Verdict::HypervisorPanic => 7,
            Verdict::Watchdog => 9,
            Verdict::TripleFault => 10,
            Verdict::TimedOut => 124,
            Verdict::Stopped => 130,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::PowerOff => "powered off",
            Verdict::Reboot => {
                "the machine asked for a reset (the runner ends here instead of starting again)"
            }
            Verdict::Dom0Crash => "domain 0 crashed: see the lines above",
            Verdict::BootRefused => {
                "the hypervisor refused to boot: its last lines name the cause and the remedy"
            }
            Verdict::HypervisorPanic => "the hypervisor panicked: this is a bug of Xenolith's",
            Verdict::Watchdog => "the hypervisor's watchdog fired: a CPU was stuck",
            Verdict::TripleFault => "triple fault: a CPU reset itself; this is a bug of Xenolith's",
            Verdict::TimedOut => "the machine did not power off in time and was stopped",
            Verdict::Quit => "quit",
            Verdict::Stopped => "stopped from outside",
            Verdict::Qemu(status) => return write!(f, "QEMU failed ({status})"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn of(code: i32, events: &[&str], log: &str) -> Verdict {
        let events: Vec<String> = events.iter().map(|e| e.to_string()).collect();
        Verdict::of(ExitStatus::from_raw(code << 8), &events, log)
    }

    #[test]
    fn every_status_of_the_debug_exit_device_has_its_verdict() {
        for (code, verdict) in [
            (3, Verdict::Dom0Crash),
            (5, Verdict::BootRefused),
            (7, Verdict::HypervisorPanic),
            (9, Verdict::Watchdog),
        ] {
            assert_eq!(of(code, &[], ""), verdict);
            assert_eq!(i32::from(verdict.status()), code);
        }
    }

    #[test]
    fn a_reset_and_a_power_off_are_told_apart() {
        let off = r#"{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}"#;
        let reset = r#"{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}"#;
        assert_eq!(of(0, &[off], ""), Verdict::PowerOff);
        assert_eq!(of(0, &[reset], "CPU Reset (CPU 0)"), Verdict::Reboot);
        assert_eq!(of(0, &[reset], "Triple fault"), Verdict::TripleFault);
    }

    #[test]
    fn other_statuses_are_failures_of_qemu() {
        assert_eq!(of(1, &[], "").status(), 1);
        assert_eq!(Verdict::of(ExitStatus::from_raw(9), &[], "").status(), 1);
    }
}
