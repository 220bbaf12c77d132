//! Grants between domains: what happens when one of the two dies?

use xenolith_ci::harness::Machine;
use xenolith_ci::verdict::Verdict;

/// Runs one end in domain 0 and the other in domain 1; both pass, and domain 1's memory is all back.
#[track_caller]
fn share(dom0: &str, domu: &str) {
    let machine = Machine::probe(dom0).mem(256).cpus(2);
    let mut machine = machine.domu("name=other memory=16M", domu).boot();
    let transcript = machine.ends(Verdict::PowerOff);
    for line in [
        format!("PROBE {dom0} pass"),
        format!("(d1) PROBE {domu} pass"),
        "(XL) d1 is gone: ".to_owned(),
        "frames came back, balance ok".to_owned(),
    ] {
        assert!(
            transcript.contains(&line),
            "{line:?} is not in\n{transcript}"
        );
    }
}

#[test]
fn a_lender_dies_while_its_page_is_mapped() {
    share("borrow", "lend");
}

#[test]
fn a_borrower_dies_without_letting_go() {
    share("lend-on", "borrow-and-die");
}
