//! Is the built image what loaders and back traces need it to be?

use object::elf::{PF_W, PF_X, PT_LOAD};
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Endianness, Object, ObjectSection};

use xenolith_ci::{artefacts, symbols};

fn image() -> Vec<u8> {
    let path = artefacts::image().expect("built");
    std::fs::read(path).expect("readable")
}

/// The 32-bit word at a place of the image.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[test]
fn both_multiboot_headers_lie_where_loaders_look() {
    let image = image();
    let checked = |magic: u32, reach: usize, words: usize| {
        (0..reach.min(image.len() - 4 * words))
            .step_by(4)
            .filter(|at| word(&image, *at) == magic)
            .any(|at| {
                let sum = (0..words).map(|n| word(&image, at + 4 * n));
                sum.fold(0, u32::wrapping_add) == 0
            })
    };
    assert!(checked(0x1bad_b002, 8192, 3), "multiboot 1");
    assert!(checked(0xe852_50d6, 32768, 4), "multiboot 2");
}

#[test]
fn file_offsets_are_linear_in_load_addresses() {
    let image = image();
    let elf = ElfFile64::<Endianness>::parse(&*image).expect("an ELF");
    let endian = elf.endian();
    let mut distances: Vec<u64> = elf
        .elf_program_headers()
        .iter()
        .filter(|p| p.p_type(endian) == PT_LOAD && p.p_filesz(endian) > 0)
        .map(|p| p.p_paddr(endian) - p.p_offset(endian))
        .collect();
    distances.dedup();
    assert_eq!(distances.len(), 1, "{distances:x?}");
}

#[test]
fn no_segment_is_writable_and_executable() {
    let image = image();
    let elf = ElfFile64::<Endianness>::parse(&*image).expect("an ELF");
    for segment in elf.elf_program_headers() {
        let flags = segment.p_flags(elf.endian());
        assert!(!(flags.contains(PF_W) && flags.contains(PF_X)));
    }
}

#[test]
fn the_symbol_table_is_filled_sorted_and_names_our_functions() {
    let image = image();
    let elf = ElfFile64::<Endianness>::parse(&*image).expect("an ELF");
    let section = elf.section_by_name(".ksyms").expect("the section");
    let table = section.data().expect("its bytes");
    assert_eq!(&table[..8], symbols::MAGIC);
    let (count, names_len) = (word(table, 8) as usize, word(table, 12) as usize);
    let offsets: Vec<u32> = (0..count).map(|n| word(table, 16 + 8 * n)).collect();
    assert!(offsets.is_sorted(), "not sorted");
    let names = &table[16 + 8 * count..][..names_len];
    let names = std::str::from_utf8(names).expect("UTF-8");
    assert_eq!(names.matches('\0').count(), count);
    assert!(count > 500, "only {count} functions");
    assert!(names.contains("xenolith_mech::"), "names are demangled");
    // Linked elsewhere, listed where it is loaded.
    assert!(names.contains("boot_entry"), "labels of assembly are there");
}
