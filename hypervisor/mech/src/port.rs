//! I/O ports, by number.
//!
//! A port belongs to a device; who reads or writes it must be that device's driver.

use core::arch::asm;

macro_rules! access {
    ($read:ident, $write:ident, $word:ty, $register:tt) => {
        #[doc = concat!("Reads a `", stringify!($word), "` from a port.")]
        ///
        /// # Safety
        /// The read has no effect on memory that Rust knows (no device starts a transfer by it).
        pub unsafe fn $read(port: u16) -> $word {
            let value;
            // SAFETY: the caller answers for the device; the instruction touches no memory.
            unsafe {
                asm!(concat!("in ", $register, ", dx"), in("dx") port, out($register) value,
                    options(nomem, nostack, preserves_flags));
            }
            value
        }

        #[doc = concat!("Writes a `", stringify!($word), "` to a port.")]
        ///
        /// # Safety
        /// The write has no effect on memory that Rust knows (no device starts a transfer by it).
        pub unsafe fn $write(port: u16, value: $word) {
            // SAFETY: the caller answers for the device; the instruction touches no memory.
            unsafe {
                asm!(concat!("out dx, ", $register), in("dx") port, in($register) value,
                    options(nomem, nostack, preserves_flags));
            }
        }
    };
}

access!(read_u8, write_u8, u8, "al");
access!(read_u16, write_u16, u16, "ax");
access!(read_u32, write_u32, u32, "eax");
