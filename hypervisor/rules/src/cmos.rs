//! What the registers of a PC's CMOS clock mean as a date.

/// Status B: numbers are binary, not BCD.
pub const BINARY: u8 = 1 << 2;
/// Status B: hours count to 24.
pub const HOURS_24: u8 = 1 << 1;
/// In the hours of a 12-hour clock: afternoon.
const AFTERNOON: u8 = 1 << 7;

/// Unix time of a date as the clock shows it: seconds, minutes, hours, day, month, year of
/// the century, taken to be UTC. `century` is the century register's value, or 0; `status`
/// is status register B. `None` if it is no date after 1970.
pub fn unix_seconds(shown: [u8; 6], century: u8, status: u8) -> Option<u64> {
    let number = |raw: u8| {
        if status & BINARY != 0 {
            raw
        } else {
            (raw >> 4) * 10 + (raw & 0xf)
        }
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
    if second > 60
        || minute > 59
        || hour > 23
        || !(1..=31).contains(&day)
        || !(1..=12).contains(&month)
    {
        return None;
    }
    let year = i64::from(century) * 100 + i64::from(number(year));
    let days = days_since_1970(year, i64::from(month), i64::from(day));
    let seconds = ((days * 24 + i64::from(hour)) * 60 + i64::from(minute)) * 60 + i64::from(second);
    u64::try_from(seconds).ok()
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bcd_with_24_hours() {
        let shown = [0x59, 0x34, 0x12, 0x23, 0x11, 0x26];
        assert_eq!(unix_seconds(shown, 0x20, HOURS_24), Some(1_795_437_299));
    }

    #[test]
    fn binary_with_12_hours() {
        let noon = [0, 0, 12 | AFTERNOON, 1, 1, 0];
        assert_eq!(unix_seconds(noon, 20, BINARY), Some(946_728_000));
        let midnight = [0, 0, 12, 1, 1, 0];
        assert_eq!(unix_seconds(midnight, 20, BINARY), Some(946_684_800));
    }

    #[test]
    fn no_century_register_means_this_century() {
        let shown = [0, 0, 0, 0x29, 0x02, 0x24];
        assert_eq!(unix_seconds(shown, 0, HOURS_24), Some(1_709_164_800));
    }

    #[test]
    fn a_dead_clock_is_no_date() {
        assert_eq!(unix_seconds([0xff; 6], 0xff, 0xff), None);
        assert_eq!(unix_seconds([0; 6], 0, 0), None);
    }

    proptest! {
        #[test]
        fn days_go_up_by_one(year in 1970_i64..2400, month in 1_i64..=12, day in 1_i64..=27) {
            let today = days_since_1970(year, month, day);
            prop_assert_eq!(days_since_1970(year, month, day + 1), today + 1);
        }

        #[test]
        fn no_registers_make_it_panic(shown: [u8; 6], century: u8, status: u8) {
            let _ = unix_seconds(shown, century, status);
        }
    }
}
