//! `dom0 check-kernel` as a person and a program see it.

#[path = "../../hypervisor/rules/src/elf/testfile.rs"]
mod testfile;

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};
use testfile::{Place, TestFile, VIRT_BASE};

fn dom0(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dom0"))
        .args(arguments)
        .output()
        .expect("dom0 runs")
}

/// Writes a file that is this test's own.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("the target directory can be written");
    path
}

fn json(name: &str, bytes: &[u8]) -> (Option<i32>, Value) {
    let path = file(name, bytes);
    let output = dom0(&[
        "check-kernel",
        "--json",
        path.to_str().expect("a plain path"),
    ]);
    let report = serde_json::from_slice(&output.stdout).expect("valid JSON");
    (output.status.code(), report)
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .expect("a list")
        .iter()
        .filter_map(|note| note["name"].as_str())
        .collect()
}

#[test]
fn a_good_kernel() {
    let bytes = TestFile::default().number(2, VIRT_BASE + 0x20_0000).build();
    let (status, report) = json("good", &bytes);
    assert_eq!(status, Some(0));
    assert_eq!(report["boots"], true);
    assert_eq!(report["error"], Value::Null);
    assert_eq!(report["image"]["virt_base"], "0xffffffff80000000");
    assert_eq!(report["image"]["entry"], "0xffffffff80100040");
    // 4 MiB are mapped, and all that is mapped needs memory behind it.
    assert_eq!(report["image"]["least_memory_mib"], 4);
    assert_eq!(report["notes_in"], "segment");
    assert_eq!(
        names(&report["notes"]),
        [
            "GUEST_OS",
            "XEN_VERSION",
            "LOADER",
            "VIRT_BASE",
            "ENTRY",
            "HYPERCALL_PAGE"
        ]
    );
    assert_eq!(report["notes"][1]["value"], "xen-3.0");
    let missing = names(&report["missing"]);
    assert!(
        missing.contains(&"INIT_P2M") && !missing.contains(&"ENTRY"),
        "{missing:?}"
    );

    let text = dom0(&["check-kernel", file("good", &bytes).to_str().unwrap()]);
    let text = String::from_utf8(text.stdout).unwrap();
    for part in [
        "starts here as domain 0",
        "HYPERCALL_PAGE",
        "4 MiB",
        "Notes that are not there",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn a_wrong_version_is_named_and_the_notes_are_shown_all_the_same() {
    let (status, report) = json(
        "version",
        &TestFile::default().without(5).text(5, "xen-2.0").build(),
    );
    assert_eq!(status, Some(1));
    assert_eq!(report["error"]["code"], "bad-note");
    let message = report["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("xen-2.0") && message.contains("xen-3.0"),
        "{message}"
    );
    assert_eq!(report["notes"].as_array().unwrap().len(), 5);
    assert_eq!(report["image"], Value::Null);
}

#[test]
fn files_that_are_no_pv_kernels() {
    let mut bzimage = vec![0; 0x1000];
    bzimage[0x202..0x206].copy_from_slice(b"HdrS");
    let plain = TestFile {
        place: Place::Nowhere,
        ..TestFile::default()
    }
    .build();
    let whole = TestFile::default().build();
    let elf32 = TestFile {
        class: 1,
        ..TestFile::default()
    }
    .build();
    for (name, bytes, code) in [
        ("bzimage", &bzimage[..], "compressed"),
        ("text", b"hello\n", "not-elf"),
        ("empty", b"", "empty"),
        ("plain", &plain, "no-xen-notes"),
        ("half", &whole[..whole.len() / 2], "truncated"),
        ("elf32", &elf32, "not-64-bit"),
    ] {
        let (status, report) = json(name, bytes);
        assert_eq!(status, Some(1), "{name}");
        assert_eq!(report["error"]["code"], code, "{name}");
        assert!(!report["error"]["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn the_role_matters() {
    let path = file("no-dom0", &TestFile::default().number(17, 1).build());
    let path = path.to_str().unwrap();
    assert_eq!(dom0(&["check-kernel", path]).status.code(), Some(1));
    assert_eq!(
        dom0(&["check-kernel", "--as", "domu", path]).status.code(),
        Some(0)
    );
}

#[test]
fn a_file_that_cannot_be_read_is_status_2() {
    let output = dom0(&["check-kernel", "/nonexistent/kernel"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/kernel"));
}

#[test]
fn the_help_promises_no_more_than_there_is() {
    let help = dom0(&["--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(
        text.contains("check-kernel") && text.contains("does not yet"),
        "{text}"
    );
    assert_eq!(dom0(&[]).status.code(), Some(2));
}
