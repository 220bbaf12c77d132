//! Each line of the table, and what is not in it.

use super::table::TABLE;
use super::*;
use proptest::prelude::*;

fn intel() -> MsrContext {
    MsrContext {
        vendor: Vendor::Intel,
        boot_vcpu: true,
        efer: 0xd01,
        misc_enable: Some(0x85_0089),
        tsc_aux: false,
        cpuid_faulting: false,
        has_gp_handler: true,
    }
}

fn amd() -> MsrContext {
    MsrContext {
        vendor: Vendor::Amd,
        efer: 0x1d01,
        misc_enable: None,
        ..intel()
    }
}

const KERNEL: u64 = 0xffff_ffff_8300_0000;

#[test]
fn the_table_is_in_order() {
    for pair in TABLE.windows(2) {
        assert!(pair[0].last < pair[1].first, "{:#x}", pair[1].first);
    }
    assert!(TABLE.iter().all(|rule| rule.first <= rule.last));
}

#[test]
fn segment_bases() {
    let c = intel();
    assert_eq!(read(0xc000_0100, &c), MsrRead::FsBase);
    assert_eq!(read(0xc000_0101, &c), MsrRead::GsBase);
    assert_eq!(read(0xc000_0102, &c), MsrRead::UserGsBase);
    assert_eq!(write(0xc000_0100, 0, &c), MsrWrite::FsBase(GuestAddr(0)));
    assert_eq!(
        write(0xc000_0101, KERNEL, &c),
        MsrWrite::GsBase(GuestAddr(KERNEL))
    );
    assert_eq!(
        write(0xc000_0102, 5, &c),
        MsrWrite::UserGsBase(GuestAddr(5))
    );
    for msr in 0xc000_0100..=0xc000_0102 {
        assert_eq!(
            write(msr, 0x8000_0000_0000, &c),
            MsrWrite::Fault,
            "not canonical"
        );
    }
}

#[test]
fn efer_shows_no_svme_and_takes_only_itself() {
    assert_eq!(read(0xc000_0080, &intel()), MsrRead::Value(0xd01));
    assert_eq!(read(0xc000_0080, &amd()), MsrRead::Value(0xd01));
    assert_eq!(write(0xc000_0080, 0xd01, &amd()), MsrWrite::Ignore);
    assert_eq!(write(0xc000_0080, 0x501, &amd()), MsrWrite::Fault);
    assert_eq!(write(0xc000_0080, 0x1d01, &amd()), MsrWrite::Fault);
}

#[test]
fn fixed_values() {
    let c = intel();
    assert_eq!(read(0x277, &c), MsrRead::Value(0x0000_0501_0007_0406));
    assert_eq!(write(0x277, PAT, &c), MsrWrite::Ignore);
    assert_eq!(write(0x277, 0x0007_0406_0007_0406, &c), MsrWrite::Fault);
    assert_eq!(read(0x1b, &c), MsrRead::Value(0xfee0_0900));
    assert_eq!(
        read(
            0x1b,
            &MsrContext {
                boot_vcpu: false,
                ..c
            }
        ),
        MsrRead::Value(0xfee0_0800)
    );
    assert_eq!(read(0x10, &c), MsrRead::Tsc);
    assert_eq!(write(0x10, 0, &c), MsrWrite::Fault);
    assert_eq!(read(0x345, &c), MsrRead::Value(0));
    assert_eq!(read(0x8b, &c), MsrRead::Value(0));
    assert_eq!(write(0x8b, 0, &c), MsrWrite::Ignore);
    assert_eq!(write(0x8b, 1, &c), MsrWrite::Fault);
    assert_eq!(write(0x79, KERNEL, &c), MsrWrite::Ignore);
    assert_eq!(read(0x179, &c), MsrRead::Value(0));
    assert_eq!(read(0x403, &c), MsrRead::Value(0));
}

#[test]
fn misc_enable_hides_counters_and_takes_only_itself() {
    let c = intel();
    let value = 0x85_0089 & !(1 << 7 | 1 << 18) | 1 << 11 | 1 << 12 | 1 << 23;
    assert_eq!(read(0x1a0, &c), MsrRead::Value(value));
    assert_eq!(write(0x1a0, value, &c), MsrWrite::Ignore);
    assert_eq!(write(0x1a0, value ^ 1, &c), MsrWrite::Fault);
    assert_eq!(read(0x1a0, &amd()), MsrRead::Fault);
}

#[test]
fn cpuid_faulting_as_offered() {
    let c = intel();
    assert_eq!(read(0xce, &c), MsrRead::Value(0));
    assert_eq!(read(0x140, &c), MsrRead::Value(0));
    assert_eq!(write(0x140, 0, &c), MsrWrite::Ignore);
    assert_eq!(write(0x140, 1, &c), MsrWrite::Fault);
    let offered = MsrContext {
        cpuid_faulting: true,
        ..c
    };
    assert_eq!(read(0xce, &offered), MsrRead::Value(1 << 31));
    assert_eq!(read(0x140, &offered), MsrRead::MiscFeatures);
    assert_eq!(write(0x140, 1, &offered), MsrWrite::CpuidFaulting(true));
    assert_eq!(write(0x140, 0, &offered), MsrWrite::CpuidFaulting(false));
    assert_eq!(write(0x140, 2, &offered), MsrWrite::Fault);
}

#[test]
fn tsc_aux_as_offered() {
    let c = intel();
    assert_eq!(read(0xc000_0103, &c), MsrRead::Fault);
    assert_eq!(write(0xc000_0103, 1, &c), MsrWrite::Fault);
    let offered = MsrContext { tsc_aux: true, ..c };
    assert_eq!(read(0xc000_0103, &offered), MsrRead::TscAux);
    assert_eq!(write(0xc000_0103, 7, &offered), MsrWrite::TscAux(7));
    assert_eq!(write(0xc000_0103, 1 << 32, &offered), MsrWrite::Fault);
}

#[test]
fn amds_registers_are_amds() {
    for msr in [
        0xc001_0015,
        0xc001_001f,
        0xc001_0058,
        0xc001_0061,
        0xc001_006b,
    ] {
        assert_eq!(read(msr, &amd()), MsrRead::Value(0), "{msr:#x}");
        assert_eq!(write(msr, 1, &amd()), MsrWrite::Ignore, "{msr:#x}");
        assert_eq!(read(msr, &intel()), MsrRead::Fault, "{msr:#x}");
    }
    assert_eq!(read(0xc001_1029, &amd()), MsrRead::Value(2));
    assert_eq!(read(0xc001_0010, &amd()), MsrRead::Fault);
}

#[test]
fn what_is_hidden_faults() {
    let hidden = [
        0x35,
        0x3a,
        0x3b,
        0x48,
        0x49,
        0xe7,
        0xfe,
        0x10a,
        0x10b,
        0x122,
        0x174,
        0x198,
        0x199,
        0x19c,
        0x200,
        0x2ff,
        0x38f,
        0x6a0,
        0x6e0,
        0x800,
        0x8ff,
        0xda0,
        0xc000_0081,
        0xc000_0082,
        0xc000_0083,
        0xc000_0084,
    ];
    for msr in hidden {
        for c in [intel(), amd()] {
            assert_eq!(read(msr, &c), MsrRead::Fault, "{msr:#x}");
            assert_eq!(write(msr, 0, &c), MsrWrite::Fault, "{msr:#x}");
        }
    }
}

#[test]
fn before_a_gp_handler_reads_give_zero_and_writes_still_fault() {
    let early = MsrContext {
        has_gp_handler: false,
        ..intel()
    };
    assert_eq!(read(0x48, &early), MsrRead::Value(0));
    assert_eq!(write(0x48, 0, &early), MsrWrite::Fault);
    assert_eq!(read(0xc000_0080, &early), MsrRead::Value(0xd01));
}

#[test]
fn the_hypercall_page() {
    let c = intel();
    assert_eq!(read(0x4000_0000, &c), MsrRead::Value(0));
    assert_eq!(
        write(0x4000_0000, 0x1234_5000, &c),
        MsrWrite::HypercallPage(MfnClaim(0x12345))
    );
    assert_eq!(write(0x4000_0000, 0x1234_5001, &c), MsrWrite::Fault);
    assert_eq!(write(0x4000_0001, 0x1234_5000, &c), MsrWrite::Fault);
}

#[test]
fn vendors_by_their_names() {
    let words = |name: &[u8; 12]| {
        let word = |i: usize| u32::from_le_bytes(name[i..i + 4].try_into().unwrap());
        Vendor::from_cpuid(word(0), word(8), word(4))
    };
    assert_eq!(words(b"GenuineIntel"), Vendor::Intel);
    assert_eq!(words(b"AuthenticAMD"), Vendor::Amd);
    assert_eq!(words(b"HygonGenuine"), Vendor::Amd);
    assert_eq!(words(b"KVMKVMKVMKVM"), Vendor::Other);
}

proptest! {
    #[test]
    fn no_write_reaches_a_register_outside_the_table(msr: u32, value: u64) {
        let listed = TABLE.iter().any(|rule| (rule.first..=rule.last).contains(&msr));
        if !listed {
            prop_assert_eq!(write(msr, value, &intel()), MsrWrite::Fault);
            prop_assert_eq!(read(msr, &intel()), MsrRead::Fault);
        }
    }
}
