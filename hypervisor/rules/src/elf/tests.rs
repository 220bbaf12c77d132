//! Kernels that are right, and every way in which a file is wrong.

use super::testfile::{Place, TestFile, VIRT_BASE};
use super::*;
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec;

fn dom0(file: &TestFile) -> Result<String, KernelError> {
    KernelImage::parse(&file.build(), Role::Dom0).map(|_| String::new())
}

fn refusal(file: &TestFile) -> String {
    dom0(file).unwrap_err().to_string()
}

#[test]
fn a_small_kernel() {
    let file = TestFile::default()
        .number(2, VIRT_BASE + 0x20_1000)
        .note("Xen", 16, &1u32.to_le_bytes())
        .number(15, 0x80_0000_0000)
        .build();
    let image = KernelImage::parse(&file, Role::Dom0).unwrap();
    assert_eq!(image.entry, VIRT_BASE + 0x10_0040);
    assert_eq!((image.virt_base, image.paddr_offset), (VIRT_BASE, 0));
    assert_eq!(
        (image.start, image.end),
        (VIRT_BASE + 0x10_0000, VIRT_BASE + 0x20_4000)
    );
    assert_eq!(image.hypercall_page, Some(VIRT_BASE + 0x20_1000));
    assert_eq!(image.init_p2m, Some(0x80_0000_0000));
    assert!(image.mod_start_pfn && !image.suspend_cancel);
    // Loaded by p_paddr: the second segment's p_vaddr is 0.
    assert_eq!(image.segments[1].address, VIRT_BASE + 0x20_0000);
    assert_eq!(image.segments[1].mem_bytes, 0x4000);
    assert_eq!(image.segments[1].bytes, [0xbb; 0x1000]);
    assert_eq!(image.notes.text(6), Some("test"));
}

/// The notes of Debian's vmlinuz-6.1.0-56-amd64, as its file has them.
#[test]
fn linux() {
    let mut file = TestFile {
        notes: vec![],
        ..TestFile::default()
    };
    file.segments = vec![
        (
            0xffff_ffff_8100_0000,
            0x100_0000,
            vec![1; 0x2000],
            0x18ea9f0,
        ),
        (0, 0x304_4000, vec![2; 0x1000], 0x35000),
        (
            0xffff_ffff_8307_9000,
            0x307_9000,
            vec![3; 0x1000],
            0x198_7000,
        ),
    ];
    let file = file
        .text(6, "linux")
        .text(7, "2.6")
        .text(5, "xen-3.0")
        .number(3, 0xffff_ffff_8000_0000)
        .number(15, 0x80_0000_0000)
        .number(1, 0xffff_ffff_8307_91c0)
        .note("Xen", 10, b"!writable_page_tables|pae_pgdir_above_4gb")
        .note("Xen", 17, &0x8801u32.to_le_bytes())
        .text(9, "yes")
        .text(8, "generic")
        .note("Xen", 13, &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        .note("Xen", 14, &1u32.to_le_bytes())
        .note("Xen", 16, &1u32.to_le_bytes())
        .number(12, 0xffff_8000_0000_0000)
        .number(4, 0)
        .number(18, 0x100_0850)
        .note("GNU", 3, &[7; 20])
        .build();
    let image = KernelImage::parse(&file, Role::Dom0).unwrap();
    assert_eq!(image.features.supported, 0x8811);
    assert_eq!(image.features.required, 1);
    assert_eq!(image.end, 0xffff_ffff_84a0_0000);
    assert_eq!(image.segments[1].address, 0xffff_ffff_8304_4000);
    assert_eq!(image.notes.list.len(), 16);
    assert!(image.suspend_cancel && image.mod_start_pfn);
}

#[test]
fn notes_in_a_section() {
    let file = TestFile {
        place: Place::Section,
        ..TestFile::default()
    }
    .build();
    let image = KernelImage::parse(&file, Role::DomU).unwrap();
    assert_eq!(image.notes.source, NoteSource::Section);
    assert_eq!(image.entry, VIRT_BASE + 0x10_0040);
}

#[test]
fn the_old_guest_text() {
    let file = TestFile {
        place: Place::GuestText,
        guest_text: "GUEST_OS=old,XEN_VER=xen-3.0,VIRT_BASE=0x0,ELF_PADDR_OFFSET=0x0,HYPERCALL_PAGE=0x200,LOADER=generic",
        e_entry: 0x10_0000,
        ..TestFile::default()
    }
    .build();
    let image = KernelImage::parse(&file, Role::Dom0).unwrap();
    assert_eq!(image.notes.source, NoteSource::GuestText);
    assert_eq!(image.hypercall_page, Some(0x20_0000));
    assert_eq!(image.entry, 0x10_0000);
    assert_eq!(image.start, 0x10_0000);

    // Without ELF_PADDR_OFFSET, the physical addresses contain the base.
    let based = TestFile {
        place: Place::GuestText,
        guest_text: "XEN_VER=xen-3.0,VIRT_BASE=0x100000,LOADER=generic",
        e_entry: 0x10_0000,
        ..TestFile::default()
    }
    .build();
    assert_eq!(
        KernelImage::parse(&based, Role::Dom0).unwrap().start,
        0x10_0000
    );
}

#[test]
fn files_that_are_no_elf() {
    let message = |bytes: &[u8]| {
        KernelImage::parse(bytes, Role::Dom0)
            .unwrap_err()
            .to_string()
    };
    assert!(message(b"").contains("empty"));
    let mut bzimage = vec![0; 0x1000];
    bzimage[..2].copy_from_slice(b"MZ");
    bzimage[0x202..0x206].copy_from_slice(b"HdrS");
    assert!(message(&bzimage).contains("bzImage, a compressed kernel: unpack it first"));
    assert!(message(&[0x1f, 0x8b, 8, 0]).contains("gzip -dc"));
    assert!(message(&[0xfd, b'7', b'z', b'X', b'Z', 0, 0]).contains("compressed by xz"));
    assert!(message(b"070701000000").contains("initrd"));
    assert!(message(b"#!/bin/sh\n").contains("script"));
    assert!(message(b"root=/dev/sda1\n").contains("a text"));
    assert!(message(&[0; 100]).contains("only zeros"));
    assert!(message(&[0xde, 0xad, 0xbe, 0xef]).contains("de ad be ef"));
    assert!(message(b"\x7fELF").contains("truncated"));
}

#[test]
fn wrong_kinds_of_elf() {
    assert!(
        refusal(&TestFile {
            class: 1,
            ..TestFile::default()
        })
        .contains("32-bit kernel")
    );
    let arm = refusal(&TestFile {
        machine: 183,
        ..TestFile::default()
    });
    assert!(
        arm.contains("machine 0xb7") && arm.contains("0x3e (x86-64)"),
        "{arm}"
    );
    assert!(
        refusal(&TestFile {
            kind: 1,
            ..TestFile::default()
        })
        .contains("type 0x1")
    );
    let none = TestFile {
        segments: vec![],
        ..TestFile::default()
    };
    assert_eq!(dom0(&none), Err(KernelError::NoSegments));
}

#[test]
fn wrong_notes_are_named_with_found_and_expected() {
    let bare = TestFile {
        notes: vec![],
        ..TestFile::default()
    };
    let message = refusal(
        &bare
            .clone()
            .note("GNU", 3, &[1; 20])
            .note("FreeBSD", 1, &[0; 4]),
    );
    assert!(
        message.contains("not a PV kernel") && message.contains("GNU, FreeBSD"),
        "{message}"
    );
    assert!(refusal(&bare).contains("found no notes at all"));
    assert!(
        refusal(&TestFile {
            place: Place::Nowhere,
            ..TestFile::default()
        })
        .contains("no Xen ELF notes")
    );

    let message = refusal(&TestFile::default().without(5).text(5, "xen-4.0"));
    assert!(
        message.contains("XEN_VERSION is \"xen-4.0\", expected \"xen-3.0\""),
        "{message}"
    );
    let message = refusal(&TestFile::default().without(5));
    assert!(
        message.contains("XEN_VERSION is missing, expected \"xen-3.0\""),
        "{message}"
    );
    let message = refusal(&TestFile::default().without(8));
    assert!(
        message.contains("LOADER is missing, expected \"generic\""),
        "{message}"
    );
    let message = refusal(&TestFile::default().without(1).note("Xen", 1, &[0; 3]));
    assert!(
        message.contains("ENTRY is 3 bytes wide, expected a number of 4 or 8"),
        "{message}"
    );
    let pvh = bare.clone().note("Xen", 18, &[0, 0, 0x10, 0]);
    assert_eq!(dom0(&pvh), Err(KernelError::PvhOnly));
    assert!(refusal(&TestFile::default().without(3).number(4, 0)).contains("VIRT_BASE is missing"));
}

#[test]
fn features() {
    let with = |text: &str| TestFile::default().text(10, text);
    assert!(dom0(&with("!writable_page_tables|pae_pgdir_above_4gb")).is_ok());
    assert!(dom0(&with("something_new")).is_ok());
    assert!(dom0(&with("!gnttab_map_avail_bits")).is_ok());
    let message = refusal(&with("!supervisor_mode_kernel"));
    assert!(message.contains("\"supervisor_mode_kernel\""), "{message}");
    assert!(
        refusal(&with("!auto_translated_physmap|pae_pgdir_above_4gb")).contains("auto_translated")
    );
    let message = refusal(&with("!something_new"));
    assert!(
        message.contains("unknown feature \"something_new\""),
        "{message}"
    );

    let no_dom0 = TestFile::default().number(17, 1).build();
    assert_eq!(
        KernelImage::parse(&no_dom0, Role::Dom0),
        Err(KernelError::NotForDom0)
    );
    assert!(KernelImage::parse(&no_dom0, Role::DomU).is_ok());
    assert!(dom0(&TestFile::default().number(17, 1 << 11)).is_ok());
}

#[test]
fn addresses() {
    let entry = |at| refusal(&TestFile::default().without(1).number(1, at));
    assert!(entry(VIRT_BASE + 0x20_4000).contains("entry point"));
    let no_base = refusal(&TestFile::default().without(3));
    assert!(no_base.contains("VIRT_BASE is missing"), "{no_base}");
    assert!(entry(0x1000).contains("expected within 0xffffffff80100000..0xffffffff80204000"));
    for page in [VIRT_BASE, VIRT_BASE + 0x10_0800, VIRT_BASE + 0x20_4000] {
        assert!(refusal(&TestFile::default().number(2, page)).contains("HYPERCALL_PAGE"));
    }
    for p2m in [
        VIRT_BASE + 0x10_0000,
        0x123,
        0x8000_0000_0000,
        0xffff_8000_0000_0000,
    ] {
        assert!(
            refusal(&TestFile::default().number(15, p2m)).contains("INIT_P2M"),
            "{p2m:#x}"
        );
    }
    let hole = TestFile::default()
        .without(3)
        .number(3, 0xffff_8400_0000_0000);
    assert!(
        refusal(&hole.without(1).number(1, 0xffff_8400_0010_0000)).contains("the kernel is at")
    );
    let high = refusal(&TestFile::default().number(12, 0xffff_9000_0000_0000));
    assert!(high.contains("HV_START_LOW"), "{high}");
    let below = TestFile::default().number(4, 0x10_1000);
    assert!(refusal(&below).contains("first segment"));
}

#[test]
fn every_shortened_file_is_refused() {
    let file = TestFile::default().build();
    for len in 0..file.len() {
        let error = KernelImage::parse(&file[..len], Role::Dom0).unwrap_err();
        if len >= 4 {
            assert_eq!(error.code(), "truncated", "{len}: {error}");
        }
    }
    // A header that promises more than there is, without sections to notice it first.
    let mut liar = file;
    liar[64 + 32..64 + 40].copy_from_slice(&0x10_0000u64.to_le_bytes());
    liar[64 + 40..64 + 48].copy_from_slice(&0x10_0000u64.to_le_bytes());
    let message = KernelImage::parse(&liar, Role::Dom0)
        .unwrap_err()
        .to_string();
    assert!(message.contains("truncated: a segment needs"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    /// Any change of any bytes gives an image or an error, and never an inconsistent image.
    #[test]
    fn damaged_files(changes in prop::collection::vec((0usize..0x400, any::<u8>()), 1..6), tail in any::<bool>()) {
        let mut file = TestFile::default().number(2, VIRT_BASE + 0x20_0000).number(15, 1 << 39).build();
        let len = file.len();
        for (at, byte) in changes {
            // The headers are at the front, notes and sections at the end.
            let at = if tail { len - 1 - at } else { at };
            file[at] = byte;
        }
        match KernelImage::parse(&file, Role::Dom0) {
            Ok(image) => {
                prop_assert!(image.virt_base <= image.start && image.start < image.end);
                prop_assert!(image.start <= image.entry && image.entry < image.end);
                for segment in &image.segments {
                    prop_assert!(image.start <= segment.address && segment.end() <= image.end);
                    prop_assert!(segment.bytes.len() as u64 <= segment.mem_bytes);
                }
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = KernelImage::parse(&bytes, Role::Dom0);
        let elf = [b"\x7fELF\x02\x01\x01".as_slice(), &bytes].concat();
        let _ = KernelImage::parse(&elf, Role::Dom0);
        let _ = Notes::read(&bytes, NoteSource::Segment, &mut String::new());
        let _ = Notes::read_text(&bytes);
    }
}
