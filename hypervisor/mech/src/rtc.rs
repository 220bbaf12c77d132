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
const BINARY: u8 = 1 << 2;
const HOURS_24: u8 = 1 << 1;
const AFTERNOON: u8 = 1 << 7;
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
    let show = || {
        [SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR].map(cmos)
    };
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
    let century = if century_register == 0 { 0 } else { cmos(century_register) };
    unix_seconds(last, century, status).unwrap_or(0) * 1_000_000_000
}

fn unix_seconds(shown: [u8; 6], century: u8, status: u8) -> Option<u64> {
    let number = |raw: u8| {
        if status & BINARY != 0 { raw } else { (raw >> 4) * 10 + (raw & 0xf) }
    };
    let [second, minute, mut hour, day, month, year] = shown;
    let afternoon = status & HOURS_24 == 0 && hour & AFTERNOON != 0;
    if status & HOURS_24 == 0 {
        hour &= !AFTERNOON;
    }
    let mut hour = number(hour);
    if status & HOURS_24 == 0 {
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let century = match number(century) {
        century @ 19..=29 => century,
        _ => 20,
    };
    let (second, minute, day, month) = (number(second), number(minute), number(day), number(month));
    if second > 60 || minute > 59 || hour > 23 || !(1..=31).contains(&day) || !(1..=12).contains(&month) {
        return None;
    }
    let year = i64::from(century) * 100 + i64::from(number(year));
    let days = days_since_1970(year, i64::from(month), i64::from(day));
    let seconds = ((days * 24 + i64::from(hour)) * 60 + i64::from(minute)) * 60 + i64::from(second);
    u64::try_from(seconds).ok()
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}
