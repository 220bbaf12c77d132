//! Does the reference kernel tell the truth of itself, and do its programs in ring 3
//! stay within their bounds? Asked on its console, as a person would.

use std::time::Duration;

use xenolith_ci::harness::{Machine, Running};
use xenolith_ci::verdict::Verdict;

const PROMPT: &str = "stub> ";

/// The kernel at its prompt.
struct Shell(Running);

impl Shell {
    #[track_caller]
    fn new() -> Shell {
        Shell::on(Machine::stub())
    }

    #[track_caller]
    fn on(machine: Machine) -> Shell {
        let mut machine = machine.boot();
        machine.expect(PROMPT);
        Shell(machine)
    }

    /// Runs a command, returns what it printed.
    #[track_caller]
    fn run(&mut self, command: &str) -> String {
        self.0.send_line(command);
        self.0.expect(&format!("{command}\n"));
        self.0.expect(PROMPT)
    }

    #[track_caller]
    fn power_off(mut self) -> String {
        self.0.send_line("poweroff");
        self.0.ends(Verdict::PowerOff)
    }
}

/// The first number behind a word.
#[track_caller]
fn number_after(word: &str, text: &str) -> u64 {
    let digits: String = text
        .split_once(word)
        .map_or("", |(_, rest)| rest)
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    match digits.parse() {
        Ok(number) => number,
        Err(_) => panic!("no number behind {word:?} in:\n{text}"),
    }
}

#[test]
fn it_introduces_itself_as_domain_0_on_the_abi_of_xen_4_17() {
    let mut machine = Machine::stub().dom0_args("one two,three").boot();
    let screen = machine.expect(PROMPT);
    for words in [
        "as domain 0",
        "ABI of Xen 4.17",
        "arguments   one two,three",
    ] {
        assert!(screen.contains(words), "{words:?} is not in:\n{screen}");
    }
    machine.send_line("poweroff");
    machine.ends(Verdict::PowerOff);
}

#[test]
fn its_kernel_runs_in_ring_1() {
    let mut shell = Shell::new();
    let told = shell.run("ring");
    assert!(told.contains("ring 1"), "{told}");
    shell.power_off();
}

#[test]
fn its_memory_is_what_the_machine_has_to_give() {
    let mut shell = Shell::on(Machine::stub().mem(1024));
    let told = shell.run("mem");
    let frames: u64 = told
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no number of frames in:\n{told}"));
    assert!(
        (128 * 1024..256 * 1024).contains(&frames),
        "{frames} frames of a machine with 1 GiB"
    );
    shell.power_off();
}

#[test]
fn time_passes_and_the_timer_ticks() {
    let mut shell = Shell::new();
    let before = number_after("system time", &shell.run("time"));
    let ticks_before = number_after("", &shell.run("ticks"));
    shell.run("run hello"); // sleeps 50 ms
    let after = number_after("system time", &shell.run("time"));
    let ticks_after = number_after("", &shell.run("ticks"));
    assert!(after >= before + 50_000_000, "{before} ns, then {after} ns");
    assert!(
        ticks_after > ticks_before,
        "{ticks_before} ticks, then {ticks_after}"
    );
    shell.power_off();
}

#[test]
fn events_arrive() {
    let mut shell = Shell::new();
    let before = number_after("", &shell.run("events"));
    let after = number_after("", &shell.run("events"));
    // Keys were pressed meanwhile, and the console's event told of them.
    assert!(after > before, "{before} upcalls, then {after}");
    shell.power_off();
}

#[test]
fn a_program_of_rusts_std_runs_in_ring_3() {
    let mut shell = Shell::new();
    let told = shell.run("run hello 3");
    for words in [
        r#"hello from ring 3: ["hello", "3"]"#,
        "the last of 100000 squares is 9999800001",
        r#"words of four letters are ["ring", "ring"]"#,
        "file: A stone enclosed in another rock.",
        "sleep: at least 50 ms",
        "exit status 3",
    ] {
        assert!(told.contains(words), "{words:?} is not in:\n{told}");
    }
    shell.power_off();
}

#[test]
fn every_fault_of_a_program_ends_that_program_alone() {
    let mut shell = Shell::new();
    let deeds = shell.run("run crash");
    let deeds: Vec<(&str, &str)> = deeds.lines().filter_map(|l| l.split_once(' ')).collect();
    assert!(deeds.len() >= 20, "{deeds:?}");
    for (deed, status) in deeds {
        let told = shell.run(&format!("run crash {deed}"));
        assert!(
            told.contains(&format!("exit status {status}")),
            "{deed}, expected status {status}:\n{told}"
        );
        assert!(!told.contains("HAD NO CONSEQUENCE"), "{told}");
    }
    // The kernel and what it runs are as good as before.
    assert!(shell.run("run hello").contains("hello from ring 3"));
    shell.power_off();
}

#[test]
fn the_kernels_own_fault_is_told_to_it() {
    let mut shell = Shell::new();
    let told = shell.run("faults");
    assert!(told.contains("ended with status 139"), "{told}");
    assert!(told.contains("the read was refused"), "{told}");
    shell.power_off();
}

#[test]
fn a_program_that_never_rests_does_not_stop_another() {
    let mut shell = Shell::new();
    shell.run("run spin long 60000 &");
    let told = shell.run("run hello");
    assert!(told.contains("sleep: at least 50 ms"), "{told}");
    assert!(shell.run("ps").contains("spin"));
    shell.run("kill 1");
    shell.power_off();
}

#[test]
fn programs_beside_each_other_keep_their_floating_point_registers() {
    let mut shell = Shell::new();
    shell.run("run spin a 300 &");
    shell.run("run spin b 300 &");
    let told = shell.run("wait");
    for name in ["a", "b"] {
        assert!(told.contains(&format!("{name}: some rounds")), "{told}");
    }
    assert!(!told.contains("SIG"), "{told}");
    shell.power_off();
}

#[test]
fn a_program_reads_the_console() {
    let mut shell = Shell::new();
    shell.0.send("run echo\nfirst line\nsecond line\n\x04");
    shell.0.expect("echo: first line");
    shell.0.expect("echo: second line");
    shell.0.expect(PROMPT);
    shell.power_off();
}

#[test]
fn long_input_at_once_is_not_lost() {
    let mut shell = Shell::new();
    // Far more than any buffer between here and the kernel, while it is busy.
    let line = "abcdefghijklmnopqrstuvwxyz0123456789";
    let input: String = (0..40).map(|n| format!("{n}-{line}\n")).collect();
    shell.0.send(&format!("run echo\n{input}\x04"));
    for n in 0..40 {
        shell.0.expect(&format!("echo: {n}-{line}\n"));
    }
    shell.0.expect(PROMPT);
    shell.power_off();
}

#[test]
fn ctrl_d_powers_off() {
    let mut shell = Shell::new();
    shell.0.send("\x04");
    shell.0.ends(Verdict::PowerOff);
}

#[test]
fn reboot_resets_the_machine() {
    let mut shell = Shell::new();
    shell.0.send_line("reboot");
    shell.0.ends(Verdict::Reboot);
}

#[test]
fn a_crash_is_told_and_is_the_verdict() {
    let mut shell = Shell::new();
    shell.0.send_line("crash");
    let transcript = shell.0.ends(Verdict::Dom0Crash);
    assert!(transcript.contains("asked to crash"), "{transcript}");
    assert!(transcript.contains("(XL) "), "{transcript}");
}

#[test]
fn commands_of_the_arguments_are_run() {
    let mut machine = Machine::stub()
        .dom0_args("exec=\"run hello; poweroff\"")
        .boot();
    let transcript = machine.ends_within(Duration::from_secs(120), Verdict::PowerOff);
    assert!(transcript.contains("hello from ring 3"), "{transcript}");
}

#[test]
fn four_cpus_are_no_hindrance() {
    let mut shell = Shell::on(Machine::stub().cpus(4));
    assert!(shell.run("run hello").contains("hello from ring 3"));
    shell.power_off();
}

#[test]
fn vcpus_come_and_go() {
    // More vCPUs than CPUs, so that they share.
    let mut shell = Shell::on(Machine::stub().cpus(2).hv_args("dom0_max_vcpus=4"));
    let all = shell.run("cpus");
    assert_eq!(all.matches("online").count(), 4, "{all}");
    assert_eq!(all.matches("answered").count(), 3, "{all}");
    assert!(shell.run("vcpu down 2").contains("vCPU 2 is down"));
    let less = shell.run("cpus");
    assert!(less.contains("vCPU 2: offline"), "{less}");
    assert_eq!(less.matches("answered").count(), 2, "{less}");
    assert!(shell.run("vcpu down 2").contains("it is down"));
    assert!(shell.run("vcpu up 2").contains("vCPU 2 is up"));
    let again = shell.run("cpus");
    assert_eq!(again.matches("answered").count(), 3, "{again}");
    assert!(shell.run("vcpu up 4").contains("no such vCPU"));
    assert!(shell.run("vcpu down 0").contains("always up"));
    assert!(shell.run("run hello").contains("hello from ring 3"));
    shell.power_off();
}
