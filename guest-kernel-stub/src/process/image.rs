//! Reads a static Linux program and says what goes where in its address space.
//!
//! Pure: it makes a plan, `process::exec` carries it out. Taken are 64-bit x86 ELF
//! files that need no dynamic linker: fixed ones (`ET_EXEC`) as they stand, and
//! position-independent ones (`ET_DYN`, "static-pie"), which relocate themselves,
//! at a base of our choice.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use elf::ElfBytes;
use elf::abi::{EM_X86_64, ET_DYN, ET_EXEC, PF_R, PF_W, PF_X, PT_INTERP, PT_LOAD, PT_PHDR};
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;

use crate::memory::areas::Protection;
use crate::memory::{PAGE_SIZE, USER_SPACE};

/// Where a position-independent program goes.
pub const PIE_BASE: u64 = 0x5555_5555_4000;

/// What a program file asks for.
#[derive(Debug)]
pub struct Image<'a> {
    /// Address of the first instruction.
    pub entry: u64,
    /// Address of the program headers, for the auxiliary vector; 0 if not loaded.
    pub headers: u64,
    /// Number of program headers.
    pub header_count: u64,
    /// Bytes of one program header.
    pub header_size: u64,
    /// Parts to load, by address.
    pub segments: Vec<Segment<'a>>,
}

/// One part of a program.
#[derive(Debug)]
pub struct Segment<'a> {
    /// Whole pages that it takes.
    pub pages: Range<u64>,
    /// Where `data` goes; the rest of the pages is zero.
    pub start: u64,
    /// Content from the file.
    pub data: &'a [u8],
    /// Rights.
    pub protection: Protection,
}

/// Why a file is no program for this kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not an ELF file, or cut off.
    NotElf,
    /// ELF, but not for 64-bit x86.
    OtherMachine,
    /// Neither a program nor position-independent.
    NotAProgram,
    /// Asks for a dynamic linker.
    NeedsLinker,
    /// A part lies outside the file or outside what a program may use.
    BadSegment,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Error::NotElf => "not an ELF file",
            Error::OtherMachine => "an ELF file, but not for 64-bit x86",
            Error::NotAProgram => "an ELF file, but no program",
            Error::NeedsLinker => {
                "linked dynamically; build it with RUSTFLAGS=\"-C target-feature=+crt-static\" (or cc -static)"
            }
            Error::BadSegment => "damaged: a segment lies outside the file or the address space",
        })
    }
}

impl<'a> Image<'a> {
    /// The plan for `file`.
    pub fn parse(file: &'a [u8]) -> Result<Self, Error> {
        let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| Error::NotElf)?;
        let header = &elf.ehdr;
        if header.class != Class::ELF64 || header.e_machine != EM_X86_64 {
            return Err(Error::OtherMachine);
        }
        let base = match header.e_type {
            ET_EXEC => 0,
            ET_DYN => PIE_BASE,
            _ => return Err(Error::NotAProgram),
        };
        let headers: Vec<_> = elf.segments().ok_or(Error::NotAProgram)?.iter().collect();
        if headers.iter().any(|header| header.p_type == PT_INTERP) {
            return Err(Error::NeedsLinker);
        }
        let loads = headers
            .iter()
            .filter(|header| header.p_type == PT_LOAD && header.p_memsz > 0);
        let segments: Vec<_> = loads
            .map(|load| Segment::parse(file, load, base))
            .collect::<Result<_, _>>()?;
        if segments.is_empty()
            || segments
                .windows(2)
                .any(|pair| pair[0].pages.end > pair[1].pages.start)
        {
            return Err(Error::BadSegment);
        }
        Ok(Self {
            entry: base.checked_add(header.e_entry).ok_or(Error::BadSegment)?,
            headers: address_of_headers(&headers, base, header.e_phoff),
            header_count: headers.len() as u64,
            header_size: u64::from(header.e_phentsize),
            segments,
        })
    }

    /// First address behind the program: where its heap (`brk`) begins.
    pub fn end(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.pages.end)
    }
}

impl<'a> Segment<'a> {
    fn parse(file: &'a [u8], header: &ProgramHeader, base: u64) -> Result<Self, Error> {
        let sum = |a: u64, b: u64| a.checked_add(b).ok_or(Error::BadSegment);
        let start = sum(base, header.p_vaddr)?;
        let end = sum(start, header.p_memsz)?;
        let file_end = sum(header.p_offset, header.p_filesz)?;
        let data = file
            .get(header.p_offset as usize..file_end as usize)
            .ok_or(Error::BadSegment)?;
        if header.p_filesz > header.p_memsz || start < USER_SPACE.start || end > USER_SPACE.end {
            return Err(Error::BadSegment);
        }
        let pages = start / PAGE_SIZE * PAGE_SIZE..end.next_multiple_of(PAGE_SIZE);
        let flag = |bit| header.p_flags & bit != 0;
        let protection = Protection {
            read: flag(PF_R),
            write: flag(PF_W),
            execute: flag(PF_X),
        };
        Ok(Self {
            pages,
            start,
            data,
            protection,
        })
    }
}

/// Address at which the program sees its own headers.
fn address_of_headers(headers: &[ProgramHeader], base: u64, offset: u64) -> u64 {
    let named = headers
        .iter()
        .find(|header| header.p_type == PT_PHDR)
        .map(|header| header.p_vaddr);
    let within = |load: &&ProgramHeader| {
        load.p_type == PT_LOAD && load.p_offset <= offset && offset - load.p_offset < load.p_filesz
    };
    let loaded = || {
        headers
            .iter()
            .find(within)
            .map(|load| load.p_vaddr.wrapping_add(offset - load.p_offset))
    };
    named
        .or_else(loaded)
        .map_or(0, |address| base.wrapping_add(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A file with one segment that loads the whole file at 4 MiB.
    fn sample(kind: u16, segment_type: u32) -> Vec<u8> {
        let mut file = vec![0u8; 0x200];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"\x7fELF\x02\x01\x01");
        put(16, &kind.to_le_bytes());
        put(18, &EM_X86_64.to_le_bytes());
        put(20, &1u32.to_le_bytes());
        put(24, &0x40_0100u64.to_le_bytes());
        put(32, &64u64.to_le_bytes());
        put(52, &[64, 0, 56, 0, 1, 0]);
        put(64, &segment_type.to_le_bytes());
        put(68, &(PF_R | PF_X).to_le_bytes());
        put(80, &0x40_0000u64.to_le_bytes());
        put(96, &0x200u64.to_le_bytes());
        put(104, &0x1200u64.to_le_bytes());
        file
    }

    #[test]
    fn a_fixed_program_stays_where_it_was_linked() {
        let file = sample(ET_EXEC, PT_LOAD);
        let image = Image::parse(&file).unwrap();
        assert_eq!(
            (image.entry, image.headers, image.header_count),
            (0x40_0100, 0x40_0040, 1)
        );
        assert_eq!(image.segments[0].pages, 0x40_0000..0x40_2000);
        assert_eq!(image.end(), 0x40_2000);
        assert!(!image.segments[0].protection.write);
    }

    #[test]
    fn a_position_independent_program_moves_to_our_base() {
        let file = sample(ET_DYN, PT_LOAD);
        let image = Image::parse(&file).unwrap();
        assert_eq!(image.entry, PIE_BASE + 0x40_0100);
        assert_eq!(image.segments[0].start, PIE_BASE + 0x40_0000);
    }

    #[test]
    fn what_cannot_run_is_named() {
        assert_eq!(Image::parse(b"#!/bin/sh").unwrap_err(), Error::NotElf);
        assert_eq!(
            Image::parse(&sample(ET_DYN, PT_INTERP)).unwrap_err(),
            Error::NeedsLinker
        );
        assert_eq!(
            Image::parse(&sample(1, PT_LOAD)).unwrap_err(),
            Error::NotAProgram
        );
        assert_eq!(
            Image::parse(&sample(ET_EXEC, PT_LOAD)[..0x1ff]).unwrap_err(),
            Error::BadSegment
        );
        let mut other = sample(ET_EXEC, PT_LOAD);
        other[18] = 183;
        assert_eq!(Image::parse(&other).unwrap_err(), Error::OtherMachine);
    }

    proptest! {
        #[test]
        fn any_file_ends_without_panic_and_stays_in_user_space(
            changes in proptest::collection::vec((0usize..0x80, any::<u8>()), 0..12)
        ) {
            let mut file = sample(ET_EXEC, PT_LOAD);
            for (at, byte) in changes {
                file[at] = byte;
            }
            if let Ok(image) = Image::parse(&file) {
                for segment in &image.segments {
                    prop_assert!(USER_SPACE.start <= segment.pages.start && segment.pages.end <= USER_SPACE.end);
                    prop_assert!(segment.pages.start <= segment.start);
                    prop_assert!(segment.start + segment.data.len() as u64 <= segment.pages.end);
                }
            }
        }
    }
}
