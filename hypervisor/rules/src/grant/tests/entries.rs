//! The shared entry, and a granter that writes it at the same time.

use super::machine::DOMAINS;
use super::*;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use pv_guest_abi::grant::*;

const US: DomId = DOMAINS[1];

fn entry(flags: u16) -> AtomicU64 {
    AtomicU64::new(EntryWord::new(flags, US, 5).0)
}

fn mark(flags: u16, first: bool, access: Access) -> Result<u16, Status> {
    let entry = entry(flags);
    let check = (US, GTF_TYPE_MASK | GTF_SUB_PAGE);
    word::mark(&entry, first.then_some(check), access)?;
    let now = word::load(&entry);
    assert_eq!((now.domain(), now.frame()), (US, MfnClaim(5)));
    Ok(now.flags())
}

#[test]
fn marks_say_what_is_done() {
    use Access::*;
    let ok = GTF_PERMIT_ACCESS;
    assert_eq!(mark(ok, true, Read), Ok(ok | GTF_READING));
    assert_eq!(mark(ok, true, Write), Ok(ok | GTF_READING | GTF_WRITING));
    let readonly = ok | GTF_READONLY;
    assert_eq!(mark(readonly, true, Read), Ok(readonly | GTF_READING));
    assert_eq!(mark(readonly, true, Write), Err(Status::GeneralError));
    assert_eq!(mark(readonly, false, Write), Err(Status::GeneralError));
}

#[test]
fn other_entries_grant_nothing() {
    for flags in [
        GTF_INVALID,
        GTF_ACCEPT_TRANSFER,
        GTF_TRANSITIVE,
        GTF_PERMIT_ACCESS | GTF_SUB_PAGE,
    ] {
        assert_eq!(mark(flags, true, Access::Read), Err(Status::GeneralError));
        // What is in use already was granted when it was taken into use.
        assert!(mark(flags, false, Access::Read).is_ok());
    }
}

#[test]
fn an_entry_for_another_domain_grants_nothing() {
    let entry = AtomicU64::new(EntryWord::new(GTF_PERMIT_ACCESS, DomId(3), 5).0);
    let check = Some((US, GTF_TYPE_MASK));
    assert_eq!(
        word::mark(&entry, check, Access::Read),
        Err(Status::GeneralError)
    );
    assert_eq!(entry.into_inner() as u16, GTF_PERMIT_ACCESS);
}

#[test]
fn a_transfer_is_committed_once_and_completed() {
    let entry = entry(GTF_ACCEPT_TRANSFER);
    assert!(word::commit_transfer(&entry, DomId(9)).is_err());
    assert!(word::commit_transfer(&entry, US).is_ok());
    assert!(word::commit_transfer(&entry, US).is_err());
    assert_eq!(word::complete_transfer(&entry, 77), 5);
    let now = word::load(&entry);
    assert_eq!(now.frame(), MfnClaim(77));
    let done = GTF_ACCEPT_TRANSFER | GTF_TRANSFER_COMMITTED | GTF_TRANSFER_COMPLETED;
    assert_eq!(now.flags(), done);
}

/// A granter that changes its entry without end can have a mapping refused, but not delayed; and
/// what the hypervisor does to the entry is never lost, whatever the granter exchanges meanwhile.
#[test]
fn a_busy_granter_neither_delays_nor_deceives() {
    let (entry, stop) = (entry(GTF_PERMIT_ACCESS), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // The granter's own bit, toggled by compare-and-exchange as it should.
                let old = entry.load(Ordering::SeqCst);
                let new = old ^ u64::from(GTF_PAT);
                let _ = entry.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst);
            }
        });
        let mut done = 0;
        for _ in 0..20_000 {
            let check = Some((US, GTF_TYPE_MASK));
            if word::mark(&entry, check, Access::Write).is_ok() {
                done += 1;
                let marks = GTF_READING | GTF_WRITING;
                assert_eq!(word::load(&entry).flags() & marks, marks);
                word::clear(&entry, GTF_WRITING);
                assert_eq!(word::load(&entry).flags() & marks, GTF_READING);
                word::clear(&entry, GTF_READING);
            }
            assert_eq!(
                word::load(&entry).flags() & (GTF_READING | GTF_WRITING),
                0,
                "a refused attempt leaves no mark"
            );
        }
        stop.store(true, Ordering::Relaxed);
        assert!(done > 0);
    });
}

/// Revoking is the granter's compare-and-exchange from "granted, not in use" to nothing. Either it
/// fails, or no mapping succeeds any more.
#[test]
fn an_entry_in_use_is_not_revoked() {
    let idle = EntryWord::new(GTF_PERMIT_ACCESS, US, 5).0;
    let gone = EntryWord::new(GTF_INVALID, US, 5).0;
    for _ in 0..2_000 {
        let (entry, mut mapped, mut revoked) = (AtomicU64::new(idle), false, false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let exchanged =
                    entry.compare_exchange(idle, gone, Ordering::SeqCst, Ordering::SeqCst);
                revoked = exchanged.is_ok();
            });
            let check = Some((US, GTF_TYPE_MASK));
            mapped = word::mark(&entry, check, Access::Read).is_ok();
        });
        assert_ne!(mapped, revoked);
        let marked = word::load(&entry).flags() & GTF_READING != 0;
        assert_eq!(marked, mapped);
    }
}
