//! Domains from boot modules: do they start, die and leave nothing behind, and does domain 0 beside
//! them notice none of it?

use std::path::PathBuf;

use xenolith_ci::artefacts;
use xenolith_ci::elfsmith::Kernel;
use xenolith_ci::harness::{Machine, Running};
use xenolith_ci::verdict::Verdict;

/// The machine as it is tested here: domain 0 at its prompt beside the others.
fn beside_dom0() -> Machine {
    Machine::stub().cpus(2).mem(256)
}

/// Domain 0 answers at its prompt.
#[track_caller]
fn dom0_answers(machine: &mut Running) {
    machine.send_line("mem");
    machine.expect("frames of 4 KiB");
    machine.expect("stub> ");
}

/// Domain 0 answers, and powers the machine off. The transcript.
#[track_caller]
fn ends_well(mut machine: Running) -> String {
    dom0_answers(&mut machine);
    machine.send_line("poweroff");
    machine.ends(Verdict::PowerOff)
}

/// Waits until so many domains are gone, in any order.
#[track_caller]
fn all_gone(machine: &mut Running, domains: usize) {
    for _ in 0..domains {
        machine.expect_re(r"\(XL\) d\d+ is gone: \d+ frames came back, balance ok\n");
    }
}

#[test]
fn two_domains_run_probes_beside_domain_0() {
    let mut machine = beside_dom0()
        .domu("name=one memory=16M vcpus=2", "rings::kernel_is_ring_1")
        .domu(
            "name=two memory=24 u-bit=as-given cpus=0,1",
            "tables::pin_each_level",
        )
        .boot();
    all_gone(&mut machine, 2);
    let transcript = ends_well(machine);
    for line in [
        "(XL) d1 (one): 16 MiB, 2 vCPUs",
        "(XL) d2 (two): 24 MiB, 1 vCPU",
        "(d1) PROBE rings::kernel_is_ring_1 pass",
        "(d2) PROBE tables::pin_each_level pass",
        // All of its memory, and its shared info.
        "(XL) d1 is gone: 4097 frames came back, balance ok",
        "(XL) d2 is gone: 6145 frames came back, balance ok",
    ] {
        assert!(
            transcript.contains(line),
            "{line:?} is not in\n{transcript}"
        );
    }
}

/// A probe that ends its domain: domain 0 goes on, and the memory comes back.
#[track_caller]
fn dies(probe: &str, words: &str) {
    let mut machine = beside_dom0().domu("memory=16M", probe).boot();
    machine.expect(words);
    all_gone(&mut machine, 1);
    ends_well(machine);
}

#[test]
fn shutdowns_end_the_domain_only() {
    dies("endings::power_off", "d1 (module3) has powered off");
    dies("endings::reboot", "asked for a reboot");
    dies("endings::crash", "d1 (module3) says that it has crashed");
    dies(
        "endings::watchdog",
        "d1 (module3) has shut down with reason 4",
    );
}

#[test]
fn exceptions_without_a_handler() {
    dies(
        "endings::exception_without_handler",
        "exception 6 without a handler",
    );
    dies(
        "endings::exception_of_the_user_without_handler",
        "exception 6 without a handler",
    );
}

#[test]
fn kernel_stacks_that_cannot_be_used() {
    dies(
        "endings::kernel_stack_absent",
        "kernel stack cannot be written",
    );
    dies(
        "endings::kernel_stack_in_the_hypervisor",
        "kernel stack cannot be written",
    );
}

#[test]
fn iret_frames_that_cannot_be_read() {
    dies("endings::iret_frame_absent", "iret frame cannot be read");
    dies(
        "endings::iret_without_user_tables",
        "without a user root table",
    );
}

#[test]
fn a_kernel_that_faults_at_once() {
    // Undefined from its first instruction, with no table of handlers.
    let kernel = Kernel {
        code: vec![0x0f, 0x0b],
        ..Kernel::default()
    };
    let mut machine = beside_dom0()
        .module(file("domu-ud2", &kernel.bytes()), "domu name=ud2 memory=8M")
        .boot();
    machine.expect("d1 (ud2) has been ended: exception 6");
    all_gone(&mut machine, 1);
    ends_well(machine);
}

#[test]
fn nothing_stays_of_a_domain_with_grants_events_and_tables() {
    for probe in ["tables::hundreds_of_tables", "storm seed=7 calls=3000"] {
        let mut machine = beside_dom0().domu("memory=32M vcpus=4", probe).boot();
        all_gone(&mut machine, 1);
        ends_well(machine);
    }
}

#[test]
fn one_dies_while_another_and_domain_0_go_on() {
    let mut machine = beside_dom0()
        .cpus(1)
        .domu("name=stays memory=16M", "stay")
        .domu("name=dies memory=16M", "endings::crash")
        .domu("name=spins memory=16M", "spin")
        .boot();
    machine.expect("d2 is gone: 4097 frames came back, balance ok");
    machine.expect("d3 is gone: 4097 frames came back, balance ok");
    let transcript = ends_well(machine);
    assert!(transcript.contains("(d1) STAY here"));
    assert!(!transcript.contains("d1 is gone"));
}

#[test]
fn a_flood_of_lines_is_rationed_and_cannot_be_taken_for_others_words() {
    let mut machine = beside_dom0().domu("memory=16M", "flood").boot();
    machine.expect("stub> ");
    dom0_answers(&mut machine);
    machine.expect_re(r"\(d1\) \.\.\. \d+ lines left out");
    machine.expect_re(r"\(d1\) FLOOD of \d+ lines ends");
    all_gone(&mut machine, 1);
    let transcript = ends_well(machine);
    assert!(!transcript.contains('\u{1b}'), "an escape came through");
    for line in transcript.lines() {
        let forged = line.starts_with("(XL) not the hypervisor") || line.starts_with("d0 crashed");
        assert!(!forged, "{line}");
    }
}

/// What two spinning domains with these words got, in ms.
#[track_caller]
fn shares(one: &str, two: &str) -> [f64; 2] {
    let mut machine = beside_dom0()
        .domu(&format!("memory=16M {one}"), "spin")
        .domu(&format!("memory=16M {two}"), "spin")
        .boot();
    let mut ran = [0.0; 2];
    for _ in 0..2 {
        let found = machine.expect_re(r"\(d([12])\) SPIN ran (\d+) of (\d+) ms\n");
        let number = |n: usize| found[n].parse::<f64>().expect("a number");
        ran[number(1) as usize - 1] = number(2) / number(3);
    }
    all_gone(&mut machine, 2);
    ends_well(machine);
    ran
}

#[test]
fn weights_are_kept() {
    let [heavy, light] = shares("cpus=1 weight=768", "cpus=1 weight=256");
    assert!(heavy > light * 1.7, "{heavy} and {light} of the time");
}

#[test]
fn caps_are_kept() {
    let [capped, free] = shares("cpus=0 cap=20", "cpus=1");
    assert!(
        capped < 0.4 && capped * 2.0 < free,
        "{capped} and {free} of the time"
    );
}

/// A file of this test's own.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("a file in the target folder");
    path
}

#[test]
fn what_is_wrong_with_a_domain_is_told_and_keeps_nobody_back() {
    let initrd = artefacts::initrd().expect("built");
    let mut machine = beside_dom0()
        .domu("name=typo memry=16M vcpus=0", "list")
        .domu("name=huge memory=64G", "list")
        .domu("name=tiny memory=1M", "list")
        .domu("name=nowhere cpus=40-41", "list")
        .module(initrd.clone(), "domu name=cpio")
        .module(initrd, "no domain")
        .domu("name=good memory=8M", "rings::kernel_is_ring_1")
        .domu("name=good memory=8M", "list")
        .domu("name=lacks-initrd initrd", "list")
        .boot();
    machine.expect("(d6) PROBE rings::kernel_is_ring_1 pass");
    let transcript = ends_well(machine);
    for words in [
        "`memry=16M` is not understood: accepted is name=, memory=",
        "`vcpus=0` is not understood: accepted is vcpus=<1..64>",
        "d1 (module3) is not started: correct the line of module 3",
        "d2 (huge) is not started: it wants 65536 MiB",
        "d3 (tiny) is not started: too little memory for d3 (tiny)",
        "raise its memory=",
        "d4 (nowhere) is not started: none of the CPUs in its cpus= runs; CPUs 0 to 1 do",
        "d5 (cpio) is not started: the kernel of d5 (cpio) (module 7): ",
        "a cpio archive",
        "Module 8 is not used",
        "d7 (good) is not started: an earlier module has the same name=",
        "d8 (lacks-initrd) is not started: `initrd` says that module 12 is its initrd",
    ] {
        assert!(
            transcript.contains(words),
            "{words:?} is not in\n{transcript}"
        );
    }
}

#[test]
fn a_module_may_be_a_domains_initrd() {
    let stub = artefacts::stub().expect("built");
    let initrd = artefacts::initrd().expect("built");
    let mut machine = Machine::stub()
        .no_initrd()
        .mem(256)
        .module(
            stub,
            "domu name=guest memory=32M initrd -- exec=\"run hello 7; poweroff\"",
        )
        .module(initrd, "")
        .boot();
    machine.expect("(d1) ");
    machine.expect("hello");
    all_gone(&mut machine, 1);
    ends_well(machine);
}
