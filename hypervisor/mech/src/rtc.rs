//! The date, from the CMOS clock.

use crate::port;

const INDEX: u16 = 0x70;
const DATA: u16 = 0x71;
const SECONDS: u8 = 0x00;
const MINUTES: u8 = 0x02;
const HOURS: u8 = 0x04;
const DAY: u8 = 0x07;
const MONTH: u8 = 0x08;
const YEAR: u8 = 0x09;
const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;
const UPDATING: u8 = 1 << 7;
/// Reads before a clock that never shows the same twice is given up.
const PATIENCE: usize = 1000;

fn cmos(register: u8) -> u8 {
    // SAFETY: the CMOS clock's ports, which transfer no memory. Used by the boot CPU only.
    unsafe {
        port::write_u8(INDEX, register);
        port::read_u8(DATA)
    }
}

/// Unix time in nanoseconds, as the clock shows it (taken to be UTC). `century_register`
/// is the FADT's, 0 if there is none. A dead clock gives 1970.
pub fn read(century_register: u8) -> u64 {
    let show = || [SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR].map(cmos);
    let mut last = show();
    for _ in 0..PATIENCE {
        if cmos(STATUS_A) & UPDATING != 0 {
            core::hint::spin_loop();
            continue;
        }
        let now = show();
        if now == last {
            break;
        }
        last = now;
    }
    let status = cmos(STATUS_B);
    let century = if century_register == 0 {
        0
    } else {
        cmos(century_register)
    };
    xenolith_rules::cmos::unix_seconds(last, century, status).unwrap_or(0) * 1_000_000_000
}
