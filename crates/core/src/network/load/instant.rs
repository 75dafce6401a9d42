//! Timestamps of the CSV files (telecom contract §3.3).

use crate::network::Timestamp;

/// 9999-12-31T23:59:59Z: later instants have no four-digit year.
const LAST_SECOND: i64 = 253_402_300_799;

/// RFC 3339 with a zone (`t`, `z` and a space for the `T` allowed), or `YYYY-MM-DD HH:MM:SS` without zone = UTC.
///
/// A fraction is cut off. `None`: another form, a date or time that does not exist, second 60, hour 24, before 1970.
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let (date_time, rest) = bytes.split_at_checked(19)?;
    let [year @ .., b'-', m1, m2, b'-', d1, d2, separator, h1, h2, b':', n1, n2, b':', s1, s2] = date_time else {
        return None;
    };
    let year = number(year)?;
    let (month, day) = (number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*n1, *n2])?, number(&[*s1, *s2])?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let zone = without_fraction(rest)?;
    let offset = match (*separator, zone) {
        (b' ', []) | (b'T' | b't' | b' ', [b'Z' | b'z']) => 0,
        (b'T' | b't' | b' ', [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2]) => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3_600 + minutes * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let at = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    (0..=LAST_SECOND).contains(&at).then_some(Timestamp(at))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

fn without_fraction(rest: &[u8]) -> Option<&[u8]> {
    let [b'.', fraction @ ..] = rest else {
        return Some(rest);
    };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then(|| &fraction[digits..])
}

fn is_leap_year(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, by counting from 1 March, so that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Timestamp, parse_timestamp};

    #[test]
    fn all_accepted_forms_name_the_same_second() {
        for text in [
            "2026-11-20T10:00:00Z",
            "2026-11-20t10:00:00z",
            "2026-11-20 10:00:00",
            "2026-11-20 10:00:00Z",
            "2026-11-20T10:00:00.999999999999Z",
            "2026-11-20 10:00:00.250",
            "2026-11-20T04:00:00-06:00",
            "2026-11-20T15:45:00+05:45",
        ] {
            let at = parse_timestamp(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(at.to_string(), "2026-11-20T10:00:00Z", "{text}");
        }
    }

    #[test]
    fn everything_else_is_rejected() {
        for text in [
            "",
            "ayer",
            "2026-11-20",
            "2026-11-20T10:00:00",
            "2026-11-20T10:00:00.5",
            "2026-11-20T10:00Z",
            "2026-11-20T10:00:60Z",
            "2026-11-20T24:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-11-20T10:60:00Z",
            "2026-11-20T10:00:00+24:00",
            "2026-11-20T10:00:00+06",
            "2026-11-20T10:00:00+0600",
            "2026-11-20T10:00:00.Z",
            "2026-11-20T10:00:00,5Z",
            "2026-11-20  10:00:00",
            "2026-11-20_10:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "+026-11-20T10:00:00Z",
            "2026-11-20T10:00:00Zé",
            "2026-11-20T10:00:0é",
            "1763632800",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
        assert_eq!(parse_timestamp("1970-01-01T00:00:00Z"), Some(Timestamp(0)));
        assert_eq!(parse_timestamp("2024-02-29 00:00:00"), Some(Timestamp(1_709_164_800)));
    }

    proptest! {
        #[test]
        fn every_second_comes_back_as_printed(second in 0_i64..=super::LAST_SECOND) {
            prop_assert_eq!(parse_timestamp(&Timestamp(second).to_string()), Some(Timestamp(second)));
        }

        #[test]
        fn hostile_text_never_panics(text in "\\PC{0,40}") {
            let _ = parse_timestamp(&text);
        }
    }
}
