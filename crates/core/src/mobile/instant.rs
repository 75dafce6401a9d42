//! Instants as the TIXNGO contract writes them (§6.2): RFC 3339 in, UTC with three fractional digits out.
//!
//! Accepted: years 0000 to 9999 (also after the conversion to UTC), `T` and `Z` in upper case, seconds 00 to 59, any
//! number of fractional digits. Digits beyond the third are cut, not rounded.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Milliseconds since 1970-01-01T00:00:00Z, within the years 0000 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcInstant(i64);

impl UtcInstant {
    /// Reads an instant; surrounding white space is allowed. `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let date = calendar_date(text.get(..10)?)?;
        let time = text.get(10..19)?.strip_prefix('T')?;
        let (hour, minute, second) = (digits(time, 0, 2)?, digits(time, 3, 2)?, digits(time, 6, 2)?);
        let has_colons = time.get(2..3) == Some(":") && time.get(5..6) == Some(":");
        let (millisecond, zone) = fraction(text.get(19..)?)?;
        let offset = offset_minutes(zone)?;
        if !has_colons || second > 59 {
            return None;
        }
        let time = Time::new(hour as i8, minute as i8, second as i8, millisecond * 1_000_000).ok()?;
        let utc = date.to_datetime(time).checked_sub(SignedDuration::from_mins(offset)).ok()?;
        if utc.year() < 0 {
            return None;
        }
        i64::try_from(utc.duration_since(EPOCH).as_millis()).ok().map(Self)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for UtcInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = EPOCH.saturating_add(SignedDuration::from_millis(self.0));
        let (date, time) = (utc.date(), utc.time());
        write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())?;
        write!(f, "T{:02}:{:02}:{:02}.{:03}Z", time.hour(), time.minute(), time.second(), time.millisecond())
    }
}

impl fmt::Debug for UtcInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for UtcInstant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcInstant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("an instant is not RFC 3339"))
    }
}

/// The calendar date `yyyy-MM-dd`, if it is one.
pub(super) fn calendar_date(text: &str) -> Option<Date> {
    let is_shaped = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    if !is_shaped {
        return None;
    }
    let (year, month, day) = (digits(text, 0, 4)?, digits(text, 5, 2)?, digits(text, 8, 2)?);
    Date::new(year as i16, month as i8, day as i8).ok()
}

/// The number written by exactly `count` ASCII digits at `from`.
fn digits(text: &str, from: usize, count: usize) -> Option<i32> {
    let part = text.get(from..from + count)?;
    if part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None }
}

/// Milliseconds of `.digits`, if there is a fraction, and what follows it.
fn fraction(text: &str) -> Option<(i32, &str)> {
    let Some(text) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return None;
    }
    let (fraction, rest) = text.split_at(length);
    let millis = fraction.bytes().chain(*b"00").take(3).fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    Some((millis, rest))
}

/// Minutes east of UTC of `Z` or `±hh:mm`.
fn offset_minutes(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = (digits(zone, 1, 2)?, digits(zone, 4, 2)?);
    let is_valid = zone.len() == 6 && zone.get(3..4) == Some(":") && hours <= 23 && minutes <= 59;
    is_valid.then(|| sign * i64::from(hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        UtcInstant::parse(text).map(|instant| instant.to_string())
    }

    #[test]
    fn instants_become_utc_with_three_digits_cut() {
        for (text, expected) in [
            ("2026-05-04T12:00:00.5+02:00", "2026-05-04T10:00:00.500Z"),
            (" 2026-05-04T08:00:00Z ", "2026-05-04T08:00:00.000Z"),
            ("2026-05-04T08:00:00.9999999999999Z", "2026-05-04T08:00:00.999Z"),
            ("2026-05-04T08:00:00.0019-00:00", "2026-05-04T08:00:00.001Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("2024-02-29T23:59:59-23:59", "2024-03-01T23:58:59.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn malformed_instants_are_none() {
        for text in [
            "",
            "2026-05-04",
            "2026-05-04 08:00:00Z",
            "2026-05-04t08:00:00Z",
            "2026-05-04T08:00:00z",
            "2026-05-04T08:00:00",
            "2026-05-04T08:00Z",
            "2026-05-04T08:00:60Z",
            "2026-05-04T24:00:00Z",
            "2026-05-04T08:60:00Z",
            "2026-02-29T08:00:00Z",
            "2026-13-01T08:00:00Z",
            "2026-05-04T08:00:00.Z",
            "2026-05-04T08:00:00,5Z",
            "2026-05-04T08:00:00+0200",
            "2026-05-04T08:00:00+02",
            "2026-05-04T08:00:00+24:00",
            "2026-05-04T08:00:00+01:60",
            "2026-05-04T08:00:00Z+",
            "2026-05-04T08:00:0٣Z",
            "+026-05-04T08:00:00Z",
            "2026-05-04T+8:00:00Z",
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "20260504T080000Z",
            "1777881600000",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
