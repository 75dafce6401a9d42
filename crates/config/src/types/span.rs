//! A length of time, written with its unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::written_as_text;

/// Longest length of time: a hundred years.
const MAX_MILLISECONDS: u64 = 36_500 * 86_400_000;
/// Units, longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A length of time of at least 1 ms, written as `"250ms"`, `"60s"`, `"5m"`, `"24h"`, `"90d"` or `"1h30m"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Not numbers followed by units.
    #[error(
        "`{0}` is no length of time; write a number and a unit (ms, s, m, h, d), for instance \"60s\" or \"1h30m\""
    )]
    Malformed(String),
    /// A number without a unit.
    #[error("`{0}` has no unit; write for instance \"{0}s\" (units: ms, s, m, h, d)")]
    NoUnit(String),
    /// Zero.
    #[error("a length of time must be longer than 0; the shortest is \"1ms\"")]
    Zero,
    /// Longer than a hundred years.
    #[error("`{0}` is too long; the longest is \"36500d\"")]
    TooLong(String),
}

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The length of time.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let malformed = || SpanError::Malformed(text.to_owned());
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(malformed());
        }
        if rest.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SpanError::NoUnit(rest.to_owned()));
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = after.split_at(letters);
            let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(malformed)?;
            if number.is_empty() {
                return Err(malformed());
            }
            let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*unit));
            total = part
                .and_then(|part| total.checked_add(part))
                .filter(|total| *total <= MAX_MILLISECONDS)
                .ok_or_else(|| SpanError::TooLong(text.to_owned()))?;
            rest = after.trim_start();
        }
        if total == 0 { Err(SpanError::Zero) } else { Ok(Self(Duration::from_millis(total))) }
    }
}

impl fmt::Display for Span {
    /// In the longest unit that gives a whole number; seconds stay seconds up to two minutes, as people write them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if total <= 120_000 && total.is_multiple_of(1_000) {
            return write!(f, "{}s", total / 1_000);
        }
        let (name, unit) = UNITS.iter().find(|(_, unit)| total.is_multiple_of(*unit)).unwrap_or(&UNITS[4]);
        write!(f, "{}{name}", total / unit)
    }
}

written_as_text!(
    Span,
    "Span",
    "a length of time with its unit, such as \"60s\", \"5m\" or \"90d\"",
    "^\\s*([0-9]+(ms|s|m|h|d)\\s*)+$"
);

#[cfg(test)]
mod tests {
    use super::Span;

    fn read(text: &str) -> String {
        text.parse::<Span>().map_or_else(|error| error.to_string(), |span| span.to_string())
    }

    #[test]
    fn units_are_read_and_written() {
        assert_eq!(read("60s"), "60s");
        assert_eq!(read("120s"), "120s");
        assert_eq!(read("300s"), "5m");
        assert_eq!(read("90d"), "90d");
        assert_eq!(read("1h 30m"), "90m");
        assert_eq!(read("1500ms"), "1500ms");
    }

    #[test]
    fn mistakes_say_how_to_write_it() {
        assert_eq!(read("60"), "`60` has no unit; write for instance \"60s\" (units: ms, s, m, h, d)");
        assert_eq!(read("0s"), "a length of time must be longer than 0; the shortest is \"1ms\"");
        for text in ["", "s", "5 weeks", "-5s", "1.5s", "5s!", "٣s"] {
            assert!(read(text).contains("is no length of time"), "{text}: {}", read(text));
        }
        assert!(read("99999999999999999999d").contains("too long"));
        assert!(read("36501d").contains("too long"));
    }
}
