//! Days of the proleptic Gregorian calendar by their number, without limits of its own.

/// Days from 0000-03-01 to 2000-01-01.
const TO_2000: i64 = 730_425;
/// Days of 400 years.
const ERA: i64 = 146_097;

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;
/// Microseconds of an hour.
pub const HOUR: i64 = 3_600_000_000;
/// Microseconds of a minute.
pub const MINUTE: i64 = 60_000_000;
/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;

/// The Julian day of 2000-01-01.
pub const JULIAN_2000: i64 = 2_451_545;
/// Days from 1970-01-01 to 2000-01-01.
pub const UNIX_2000: i64 = 10_957;

/// Days since 2000-01-01 of a date; year 0 is 1 BC. The day may lie outside the month.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - TO_2000
}

/// Year (0 is 1 BC), month and day of a number of days since 2000-01-01.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + TO_2000;
    let era = days.div_euclid(ERA);
    let of_era = days.rem_euclid(ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// Whether February has 29 days; year 0 is 1 BC.
pub const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month, 1 to 12.
pub const fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day of the week: Sunday is 0.
pub const fn weekday(days: i64) -> i64 {
    (days + 6).rem_euclid(7)
}

/// The first day of the ISO week 1 of a year, a Monday.
pub fn iso_year_start(year: i64) -> i64 {
    let fourth = days(year, 1, 4);
    fourth - (weekday(fourth) + 6) % 7
}

/// ISO year and week of a day.
pub fn iso_week(day: i64) -> (i64, i64) {
    let (year, _, _) = civil(day);
    let year = (year - 1..=year + 1).rev().find(|&year| iso_year_start(year) <= day).unwrap_or(year);
    (year, (day - iso_year_start(year)) / 7 + 1)
}
