//! Does it boot, on which machines, and what does it say of what it cannot boot?

use std::path::PathBuf;

use xenolith_ci::artefacts;
use xenolith_ci::elfsmith::{self, Kernel, Value};
use xenolith_ci::harness::{Firmware, Machine, Running};
use xenolith_ci::verdict::Verdict;

/// A file of this test's own.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("a file in the target folder");
    path
}

/// The machine boots to domain 0's last word, with most of its memory given to it.
#[track_caller]
fn boots(cpus: u32, mem_mib: u32) {
    let smallest = artefacts::smallest().expect("built");
    let mut machine = Machine::new().cpus(cpus).mem(mem_mib).dom0(smallest).boot();
    let found = machine.expect_re(r"smallest: Xen 4.17, (\d+) pages");
    let given: u64 = found[1].parse::<u64>().expect("a number") / 256;
    assert!(
        given >= u64::from(mem_mib) / 2 && given <= u64::from(mem_mib),
        "{given} MiB of {mem_mib}"
    );
    let transcript = machine.ends(Verdict::PowerOff);
    assert!(
        transcript.contains(&format!("(XL) CPUs: {cpus}\n")),
        "not {cpus} CPUs:\n{transcript}"
    );
}

#[test]
fn one_cpu() {
    boots(1, 512);
}

#[test]
fn two_cpus() {
    boots(2, 512);
}

#[test]
fn four_cpus() {
    boots(4, 512);
}

#[test]
fn memory_of_128_mib() {
    boots(2, 128);
}

#[test]
fn memory_of_1_gib() {
    boots(2, 1024);
}

#[test]
fn memory_of_4_gib_around_the_hole_below_it() {
    boots(2, 4096);
}

/// A CD boots to the reference kernel's prompt, which then powers the machine off.
#[track_caller]
fn boots_cd(firmware: Firmware) {
    let mut machine = Machine::iso(firmware).boot();
    machine.expect("(XL) ");
    machine.expect("stub> ");
    machine.send_line("poweroff");
    machine.ends(Verdict::PowerOff);
}

#[test]
fn cd_by_grub_on_bios() {
    boots_cd(Firmware::Bios);
}

#[test]
fn cd_by_grub_on_uefi() {
    boots_cd(Firmware::Uefi);
}

/// Boot is refused, and the reason names all of this.
#[track_caller]
fn refused(machine: Machine, words: &[&str]) {
    let transcript = machine.boot().ends(Verdict::BootRefused);
    for word in words {
        assert!(
            transcript.contains(word),
            "{word:?} is not in the reason:\n{transcript}"
        );
    }
}

fn boot_made_up(name: &str, kernel: &Kernel) -> Machine {
    Machine::new().dom0(file(name, &kernel.bytes()))
}

#[test]
fn no_module_is_refused() {
    refused(Machine::new(), &["no module", "-initrd"]);
}

#[test]
fn a_module_that_is_no_elf_is_refused() {
    let text = file("text", b"Once upon a time there was no kernel.\n");
    refused(Machine::new().dom0(text), &["no ELF", "a text"]);
    let initrd = artefacts::initrd().expect("built");
    refused(Machine::new().dom0(initrd), &["no ELF", "a cpio archive"]);
}

#[test]
fn an_empty_module_is_refused() {
    refused(Machine::new().dom0(file("empty", b"")), &["empty"]);
}

#[test]
fn a_32_bit_kernel_is_refused() {
    let kernel = Kernel::default().thirty_two_bit();
    refused(boot_made_up("elf32", &kernel), &["32-bit"]);
}

#[test]
fn a_truncated_kernel_is_refused() {
    let whole = Kernel::default().bytes();
    let half = file("half", &whole[..whole.len() / 2]);
    refused(Machine::new().dom0(half), &["truncated", "bytes"]);
}

#[test]
fn wrong_notes_are_refused_with_what_was_found_and_expected() {
    let none = Kernel {
        notes: Vec::new(),
        ..Kernel::default()
    };
    refused(
        boot_made_up("no-notes", &none),
        &["no Xen ELF notes", "expected"],
    );
    let version = Kernel::default().note(elfsmith::XEN_VERSION, Value::Text("xen-2.0"));
    refused(
        boot_made_up("version", &version),
        &["XEN_VERSION", "xen-2.0", "xen-3.0"],
    );
    let no_entry = Kernel::default().without(elfsmith::VIRT_BASE);
    refused(
        boot_made_up("no-base", &no_entry),
        &["VIRT_BASE", "missing"],
    );
    let feature = Kernel::default().note(elfsmith::FEATURES, Value::Text("!time_travel"));
    refused(
        boot_made_up("feature", &feature),
        &["time_travel", "FEATURES"],
    );
}

#[test]
fn too_little_memory_is_refused() {
    let huge = Kernel {
        bss: 400 << 20,
        ..Kernel::default()
    };
    refused(boot_made_up("huge", &huge).mem(128), &["memory", "MiB"]);
    let small = Machine::new()
        .dom0(artefacts::smallest().expect("built"))
        .hv_args("dom0_mem=256K");
    refused(small, &["dom0_mem"]);
}

#[test]
fn a_truncated_initrd_is_told_and_does_not_hang() {
    let whole = std::fs::read(artefacts::initrd().expect("built")).expect("readable");
    let half = file("half.cpio", &whole[..whole.len() / 2]);
    let mut machine = Machine::stub().initrd(half).boot();
    machine.expect("truncated");
}

#[test]
fn an_unknown_option_is_reported_and_not_fatal() {
    let mut machine = smallest_with("swordfish=1 nosuchthing");
    machine.expect("swordfish");
    machine.expect("nosuchthing");
    machine.ends(Verdict::PowerOff);
}

#[test]
fn maxcpus_and_dom0_mem_are_obeyed() {
    let mut machine = smallest_with("maxcpus=1 dom0_mem=64M");
    machine.expect("(XL) CPUs: 1\n");
    let found = machine.expect_re(r"smallest: Xen 4.17, (\d+) pages");
    assert_eq!(found[1], "16384");
    machine.ends(Verdict::PowerOff);
}

#[track_caller]
fn smallest_with(options: &str) -> Running {
    Machine::new()
        .dom0(artefacts::smallest().expect("built"))
        .hv_args(options)
        .boot()
}

#[test]
fn domain_0s_crash_is_the_verdict() {
    // Its entry is an undefined instruction, and it has no handler for that.
    let kernel = Kernel {
        code: vec![0x0f, 0x0b],
        ..Kernel::default()
    };
    let transcript = boot_made_up("ud2", &kernel).boot().ends(Verdict::Dom0Crash);
    assert!(transcript.contains("d0"), "who crashed?\n{transcript}");
}
