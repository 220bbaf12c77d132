//! What must be hidden and what must be shown, on a host that has everything.

use super::*;
use proptest::prelude::*;

const INTEL: (u32, u32, u32) = (0x756e_6547, 0x6c65_746e, 0x4965_6e69);
const AMD: (u32, u32, u32) = (0x6874_7541, 0x444d_4163, 0x6974_6e65);

/// A host with every feature bit set.
fn host(vendor: (u32, u32, u32)) -> impl Fn(u32, u32) -> Leaf + Copy {
    move |leaf, subleaf| match (leaf, subleaf) {
        (0, _) => Leaf::new(0x20, vendor.0, vendor.1, vendor.2),
        (0x8000_0000, _) => Leaf::new(0x8000_0028, vendor.0, vendor.1, vendor.2),
        (0x8000_0008, _) => Leaf::new(57 << 8 | 52, u32::MAX, u32::MAX, u32::MAX),
        (0xd, 2) => Leaf::new(256, 576, 0, 0),
        (0xd, 5) => Leaf::new(64, 1088, 0, 0),
        (0xd, 6) => Leaf::new(512, 1152, 0, 0),
        (0xd, 7) => Leaf::new(1024, 1664, 0, 0),
        _ => Leaf::new(u32::MAX, u32::MAX, u32::MAX, u32::MAX),
    }
}

fn policy() -> Policy {
    Policy {
        audience: Audience::Guest,
        vcpu: 3,
        xcr0: 0,
        xcr0_max: 0,
        tsc_aux: false,
        sysenter: false,
        tsc_reliable: true,
        tsc_khz: 2_400_000,
        tsc_scale: TscScale::from_khz(2_400_000).unwrap(),
    }
}

fn with_avx() -> Policy {
    Policy {
        xcr0: 3,
        xcr0_max: 7,
        ..policy()
    }
}

fn control() -> Policy {
    Policy {
        audience: Audience::Control,
        ..policy()
    }
}

fn all_policies() -> [Policy; 5] {
    let all = Policy {
        tsc_aux: true,
        sysenter: true,
        xcr0: 7,
        xcr0_max: 0xe7,
        ..control()
    };
    [
        policy(),
        with_avx(),
        control(),
        all,
        Policy {
            audience: Audience::Guest,
            ..all
        },
    ]
}

#[test]
fn what_must_be_hidden_is_hidden_from_all() {
    for p in all_policies() {
        for h in [host(INTEL), host(AMD)] {
            let one = p.leaf(1, 0, h);
            // VME, PSE, MCE, MTRR, PGE, MCA, PSE36, PSN, DS, TM, HTT, PBE
            for bit in [1, 3, 7, 12, 13, 14, 17, 18, 21, 28, 29, 31] {
                assert_eq!(one.edx >> bit & 1, 0, "leaf 1 edx {bit}");
            }
            // MONITOR, VMX, SMX, EST, TM2, PDCM, PCID, DCA, X2APIC, TSC deadline
            for bit in [3, 5, 6, 7, 8, 15, 17, 18, 21, 24] {
                assert_eq!(one.ecx >> bit & 1, 0, "leaf 1 ecx {bit}");
            }
            let seven = p.leaf(7, 0, h);
            // FSGSBASE, TSC_ADJUST, SGX, HLE, SMEP, INVPCID, RTM, MPX, SMAP, PT
            for bit in [0, 1, 2, 4, 7, 10, 11, 14, 20, 25] {
                assert_eq!(seven.ebx >> bit & 1, 0, "leaf 7 ebx {bit}");
            }
            // UMIP, PKU, OSPKE, WAITPKG, shadow stacks, LA57, ENQCMD
            for bit in [2, 3, 4, 5, 7, 16, 29] {
                assert_eq!(seven.ecx >> bit & 1, 0, "leaf 7 ecx {bit}");
            }
            // MD_CLEAR, IBT, IBRSB, STIBP, L1D_FLUSH, ARCH_CAPABILITIES, SSBD
            for bit in [10, 20, 26, 27, 28, 29, 31] {
                assert_eq!(seven.edx >> bit & 1, 0, "leaf 7 edx {bit}");
            }
            let extended = p.leaf(0x8000_0001, 0, h);
            // PSE, MCE, MTRR, PGE, MCA, PSE36, PDPE1GB
            for bit in [3, 7, 12, 13, 14, 17, 26] {
                assert_eq!(extended.edx >> bit & 1, 0, "extended edx {bit}");
            }
            // SVM, EXTAPIC, CR8, OSVW, IBS, SKINIT, WDT, LWP, topology, MONITORX
            for bit in [2, 3, 4, 9, 10, 12, 13, 15, 19, 22, 29] {
                assert_eq!(extended.ecx >> bit & 1, 0, "extended ecx {bit}");
            }
            assert_eq!(p.leaf(0xd, 1, h).eax & 8, 0, "XSAVES");
        }
    }
}

#[test]
fn what_must_be_shown_is_shown() {
    for p in all_policies() {
        let one = p.leaf(1, 0, host(INTEL));
        // FPU, TSC, MSR, PAE, CX8, CMOV, FXSR, SSE, SSE2
        for bit in [0, 4, 5, 6, 8, 15, 24, 25, 26] {
            assert_eq!(one.edx >> bit & 1, 1, "leaf 1 edx {bit}");
        }
        assert_eq!(one.ecx >> 13 & 1, 1, "CX16");
        assert_eq!(one.ecx >> 31, 1, "HYPERVISOR");
        let none = |leaf, _| match leaf {
            0 => Leaf::new(0xd, INTEL.0, INTEL.1, INTEL.2),
            0x8000_0000 => Leaf::new(0x8000_0008, 0, 0, 0),
            _ => Leaf::default(),
        };
        let bare = p.leaf(0x8000_0001, 0, none);
        for bit in [11, 20, 29] {
            assert_eq!(
                bare.edx >> bit & 1,
                1,
                "extended edx {bit}, even if the host says no"
            );
        }
    }
}

#[test]
fn xsave_and_avx_come_together() {
    let without = policy().leaf(1, 0, host(INTEL));
    for bit in [12, 26, 27, 28, 29] {
        assert_eq!(without.ecx >> bit & 1, 0, "leaf 1 ecx {bit}");
    }
    assert_eq!(policy().leaf(7, 0, host(INTEL)).ebx >> 5 & 1, 0, "AVX2");
    assert_eq!(policy().leaf(0xd, 0, host(INTEL)), Leaf::default());

    let with = with_avx().leaf(1, 0, host(INTEL));
    for bit in [12, 26, 27, 28, 29] {
        assert_eq!(with.ecx >> bit & 1, 1, "leaf 1 ecx {bit}");
    }
    // A host without XSAVE: no OSXSAVE either.
    let bare = |leaf, subleaf| match leaf {
        1 => Leaf::default(),
        _ => host(INTEL)(leaf, subleaf),
    };
    assert_eq!(with_avx().leaf(1, 0, bare).ecx, 1 << 31);
}

#[test]
fn xsave_sizes_follow_xcr0() {
    let p = with_avx();
    assert_eq!(p.leaf(0xd, 0, host(INTEL)), Leaf::new(7, 576, 832, 0));
    let p = Policy {
        xcr0: 7,
        xcr0_max: 0xe7,
        ..policy()
    };
    assert_eq!(p.leaf(0xd, 0, host(INTEL)), Leaf::new(0xe7, 832, 2688, 0));
    assert_eq!(p.leaf(0xd, 2, host(INTEL)), Leaf::new(256, 576, 0, 0));
    assert_eq!(p.leaf(0xd, 3, host(INTEL)), Leaf::default());
    assert_eq!(p.leaf(0xd, 1, host(INTEL)), Leaf::new(7, 0, 0, 0));
    assert_eq!(p.leaf(0xd, u32::MAX, host(INTEL)), Leaf::default());
}

#[test]
fn only_the_control_domain_sees_apic_acpi_and_itsc() {
    let (guest, dom0) = (policy(), control());
    assert_eq!(guest.leaf(1, 0, host(INTEL)).edx & features::APIC_ACPI, 0);
    assert_eq!(
        dom0.leaf(1, 0, host(INTEL)).edx & features::APIC_ACPI,
        features::APIC_ACPI
    );
    assert_eq!(guest.leaf(0x8000_0007, 0, host(INTEL)), Leaf::default());
    assert_eq!(
        dom0.leaf(0x8000_0007, 0, host(INTEL)),
        Leaf::new(0, 0, 0, 1 << 8)
    );
    let unsteady = Policy {
        tsc_reliable: false,
        ..control()
    };
    assert_eq!(unsteady.leaf(0x8000_0007, 0, host(INTEL)), Leaf::default());
}

#[test]
fn options_show_their_features() {
    let p = Policy {
        tsc_aux: true,
        sysenter: true,
        ..policy()
    };
    assert_eq!(p.leaf(1, 0, host(INTEL)).edx & features::SEP, features::SEP);
    assert_eq!(
        p.leaf(7, 0, host(INTEL)).ecx & features::RDPID,
        features::RDPID
    );
    assert_eq!(
        p.leaf(0x8000_0001, 0, host(INTEL)).edx & features::RDTSCP,
        features::RDTSCP
    );
    let p = policy();
    assert_eq!(p.leaf(1, 0, host(INTEL)).edx & features::SEP, 0);
    assert_eq!(p.leaf(7, 0, host(INTEL)).ecx & features::RDPID, 0);
    assert_eq!(
        p.leaf(0x8000_0001, 0, host(INTEL)).edx & features::RDTSCP,
        0
    );
}

#[test]
fn the_hypervisors_leaves() {
    let p = policy();
    let first = p.leaf(0x4000_0000, 0, host(INTEL));
    assert_eq!(first.eax, 0x4000_0005);
    let name: Vec<u8> = [first.ebx, first.ecx, first.edx]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    assert_eq!(name, b"XenVMMXenVMM");
    assert_eq!(
        p.leaf(0x4000_0001, 0, host(INTEL)),
        Leaf::new(0x0004_0011, 0, 0, 0)
    );
    assert_eq!(
        p.leaf(0x4000_0002, 0, host(INTEL)),
        Leaf::new(1, 0x4000_0000, 1, 0)
    );
    assert_eq!(
        p.leaf(0x4000_0003, 0, host(INTEL)),
        Leaf::new(2, 0, 2_400_000, 0)
    );
    let scale = p.leaf(0x4000_0003, 1, host(INTEL));
    assert_eq!((scale.ecx, scale.edx as i32), (p.tsc_scale.mul(), -1));
    assert_eq!(p.leaf(0x4000_0003, 2, host(INTEL)).eax, 2_400_000);
    assert_eq!(p.leaf(0x4000_0004, 0, host(INTEL)), Leaf::default());
    assert_eq!(p.leaf(0x4000_0005, 0, host(INTEL)), Leaf::new(0, 44, 0, 0));
    for leaf in [0x4000_0006, 0x4000_0100, 0x4001_0000] {
        assert_eq!(p.leaf(leaf, 0, host(INTEL)), Leaf::default(), "{leaf:#x}");
    }
}

#[test]
fn ranges_end_where_they_say() {
    let p = policy();
    assert_eq!(p.leaf(0, 0, host(INTEL)).eax, 0xd);
    assert_eq!(p.leaf(0x8000_0000, 0, host(INTEL)).eax, 0x8000_0008);
    for leaf in [
        3,
        5,
        6,
        8,
        0xa,
        0xb,
        0xe,
        0x14,
        0x8000_0009,
        0x8000_001e,
        0xc000_0000,
    ] {
        assert_eq!(p.leaf(leaf, 0, host(INTEL)), Leaf::default(), "{leaf:#x}");
    }
    let old = |leaf, _| match leaf {
        0 => Leaf::new(4, 0, 0, 0),
        _ => Leaf::new(9, 9, 9, 9),
    };
    assert_eq!(
        p.leaf(7, 0, old),
        Leaf::default(),
        "above the host's last leaf"
    );
    assert_eq!(p.leaf(0x8000_0001, 0, old), Leaf::default());
}

#[test]
fn identity_and_widths() {
    let p = policy();
    let one = p.leaf(1, 0, host(AMD));
    assert_eq!(one.ebx >> 24, 6, "APIC id is twice the vCPU");
    assert_eq!(one.ebx >> 16 & 0xff, 1);
    assert_eq!(
        p.leaf(0x8000_0008, 0, host(AMD)),
        Leaf::new(48 << 8 | 52, 1, 0, 0)
    );
    assert_eq!(p.leaf(4, 0, host(INTEL)).eax >> 14, 0);
}

proptest! {
    #[test]
    fn no_feature_appears_that_the_host_lacks(a: u32, b: u32, c: u32, d: u32) {
        let h = move |leaf, _| match leaf {
            0 => Leaf::new(0xd, INTEL.0, INTEL.1, INTEL.2),
            0x8000_0000 => Leaf::new(0x8000_0008, 0, 0, 0),
            _ => Leaf::new(a, b, c, d),
        };
        for p in all_policies() {
            let one = p.leaf(1, 0, h);
            prop_assert_eq!(one.edx & !d, 0);
            prop_assert_eq!(one.ecx & !c & !(features::HYPERVISOR | features::OSXSAVE), 0);
            let seven = p.leaf(7, 0, h);
            prop_assert_eq!((seven.ebx & !b, seven.ecx & !c, seven.edx & !d), (0, 0, 0));
            let extended = p.leaf(0x8000_0001, 0, h);
            prop_assert_eq!(extended.ecx & !c, 0);
            let always = features::SYSCALL | features::NX | features::LM;
            prop_assert_eq!(extended.edx & !d & !always, 0);
        }
    }
}
