//! How a machine is switched off: the `\_S5` package, found in the DSDT's bytes.
//!
//! A whole AML interpreter for two numbers would be the larger risk; looking for the
//! package by its name is what small kernels do. ACPI 6.5, sections 7.4.2 and 20.2.

const NAME: &[u8; 4] = b"_S5_";
const PACKAGE_OP: u8 = 0x12;
const ZERO_OP: u8 = 0x00;
const ONE_OP: u8 = 0x01;
const BYTE_PREFIX: u8 = 0x0a;
const WORD_PREFIX: u8 = 0x0b;
const DWORD_PREFIX: u8 = 0x0c;

/// The values for SLP_TYPa and SLP_TYPb, if the table has them.
pub fn find_s5(dsdt: &[u8]) -> Option<(u8, u8)> {
    dsdt.windows(NAME.len())
        .enumerate()
        .filter(|(_, window)| window == NAME)
        .find_map(|(at, _)| package(dsdt.get(at + NAME.len()..)?))
}

/// Reads `Package { a, b, .. }`; one element stands for both.
fn package(bytes: &[u8]) -> Option<(u8, u8)> {
    let (&op, bytes) = bytes.split_first()?;
    if op != PACKAGE_OP {
        return None;
    }
    // The two top bits of the first byte of the length tell how many more follow.
    let more = usize::from(bytes.first()? >> 6);
    let (&count, bytes) = bytes.get(1 + more..)?.split_first()?;
    let (a, bytes) = integer(bytes)?;
    match count {
        0 => None,
        1 => Some((a, a)),
        _ => Some((a, integer(bytes)?.0)),
    }
}

/// An integer's low byte, and what follows it.
fn integer(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (&op, rest) = bytes.split_first()?;
    let size = match op {
        ZERO_OP => return Some((0, rest)),
        ONE_OP => return Some((1, rest)),
        BYTE_PREFIX => 1,
        WORD_PREFIX => 2,
        DWORD_PREFIX => 4,
        _ => return None,
    };
    Some((*rest.first()?, rest.get(size..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_qemu_writes_it() {
        let table = [
            b"\x08_S4_\x12\x08\x04\x0a\x02\x0a\x02\x00\x00".as_slice(),
            b"\x08_S5_\x12\x06\x04\x00\x00\x00\x00",
        ]
        .concat();
        assert_eq!(find_s5(&table), Some((0, 0)));
    }

    #[test]
    fn as_hardware_writes_it() {
        assert_eq!(
            find_s5(b"..\x08_S5_\x12\x0a\x04\x0a\x07\x0b\x05\x00\x00\x00"),
            Some((7, 5))
        );
        assert_eq!(
            find_s5(b"\x08_S5_\x12\x41\x01\x02\x0a\x05\x01"),
            Some((5, 1))
        );
        assert_eq!(find_s5(b"\x08_S5_\x12\x04\x01\x0a\x06"), Some((6, 6)));
    }

    #[test]
    fn a_mention_is_no_definition() {
        assert_eq!(
            find_s5(b"\\_S5_ _S5_\x08_S5_\x12\x05\x02\x01\x01"),
            Some((1, 1))
        );
        assert_eq!(find_s5(b"_S5_"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..64), at in 0_usize..60) {
            if bytes.len() >= at + 5 {
                bytes[at..at + 5].copy_from_slice(b"_S5_\x12");
            }
            let _ = find_s5(&bytes);
        }
    }
}
