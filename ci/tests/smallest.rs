//! Does the kernel of `pv-guest-abi`'s guide boot, unchanged?

use xenolith_ci::artefacts;
use xenolith_ci::harness::Machine;
use xenolith_ci::verdict::Verdict;

#[test]
fn the_smallest_kernel_reports_and_powers_off() {
    let kernel = artefacts::smallest().expect("built");
    let mut machine = Machine::new()
        .dom0(kernel)
        .dom0_args("one,two three=\"4 5\"")
        .boot();
    let found = machine.expect_re(r#"smallest: Xen (\d+\.\d+), (\d+) pages, arguments: "(.*)"\n"#);
    assert_eq!(found[1], "4.17");
    let pages: u64 = found[2].parse().expect("a number");
    // Most of the machine's 512 MiB.
    assert!((64 * 1024..128 * 1024).contains(&pages), "{pages} pages");
    assert_eq!(found[3], r#"one,two three=\"4 5\""#);
    machine.ends(Verdict::PowerOff);
}
