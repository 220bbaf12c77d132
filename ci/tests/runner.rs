//! Does the runner tell the truth? Boots a machine made for these tests, without any
//! hypervisor: how it ends must become the exit status, and no byte of piped input
//! may be lost.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The test machine, assembled once.
fn machine() -> &'static Path {
    static MACHINE: OnceLock<PathBuf> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let image = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machine.s");
        let status = Command::new("cc")
            .args([
                "-m32",
                "-nostdlib",
                "-static",
                "-no-pie",
                "-Wl,--build-id=none",
            ])
            .args(["-Wl,-Ttext=0x100000", "-Wl,-z,noseparate-code", "-o"])
            .arg(&image)
            .arg(source)
            .status()
            .expect("cc runs: `ci/setup.sh test` installs gcc");
        assert!(status.success(), "cc: {status}");
        image
    })
}

/// Runs it with this standard input and a grace of one second.
fn run(input: impl Into<Stdio>, feed: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xenolith-ci"))
        .args([
            "run", "--cpus", "1", "--mem", "64", "--grace", "1", "--image",
        ])
        .arg(machine())
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the runner starts");
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(feed).expect("the runner takes its input");
    }
    child.wait_with_output().expect("the runner ends")
}

#[track_caller]
fn ends(feed: &str, status: i32, word: &str) -> String {
    let output = run(Stdio::piped(), feed.as_bytes());
    let said = String::from_utf8_lossy(&output.stderr);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(status), "{shown}\n{said}");
    assert!(said.contains(word), "{word:?} is not in {said:?}");
    shown
}

#[test]
fn nothing_as_input_powers_the_machine_off() {
    let output = run(Stdio::null(), b"");
    assert_eq!(output.status.code(), Some(0));
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("ready"), "{shown}");
}

#[test]
fn no_byte_of_a_long_input_is_lost() {
    // Lines of many lengths, beyond every buffer on the way; none of its letters is a command.
    let input: String = (0..60)
        .map(|line| {
            let letters = "abcdefghijklmnopqrstuvwxyz".chars().cycle();
            letters
                .skip(line)
                .take(1 + line * 7 % 90)
                .collect::<String>()
                + "\n"
        })
        .collect();
    let shown = ends(&input, 0, "");
    let (_, echo) = shown
        .split_once("ready\r\n")
        .expect("the machine was ready");
    assert_eq!(echo, input);
}

#[test]
fn the_machines_verdict_is_the_exit_status() {
    ends("3", 3, "domain 0 crashed");
    ends("5", 5, "refused");
    ends("7", 7, "panicked");
    ends("9", 9, "watchdog");
}

#[test]
fn a_reset_is_no_failure_and_a_triple_fault_is_one() {
    ends("R", 0, "reset");
    ends("T", 10, "triple fault");
}

#[test]
fn a_machine_that_does_not_listen_is_stopped() {
    ends("D", 124, "power button");
}

#[test]
fn wrong_usage_is_status_2_and_a_missing_file_is_named() {
    let runner = env!("CARGO_BIN_EXE_xenolith-ci");
    let usage = Command::new(runner).arg("walk").output().expect("it runs");
    assert_eq!(usage.status.code(), Some(2));
    let missing = Command::new(runner)
        .args(["run", "--dom0", "/nowhere/vmlinuz", "--image"])
        .arg(machine())
        .output()
        .expect("it runs");
    assert_eq!(missing.status.code(), Some(1));
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(said.contains("/nowhere/vmlinuz"), "{said}");
}

#[test]
fn output_that_nobody_reads_ends_the_machine() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xenolith-ci"))
        .args(["run", "--cpus", "1", "--mem", "64", "--image"])
        .arg(machine())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the runner starts");
    drop(child.stdout.take());
    let status = child.wait().expect("the runner ends");
    assert_eq!(status.code(), Some(130));
}
