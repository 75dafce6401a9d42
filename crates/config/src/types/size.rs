//! A number of bytes, written with its unit.

use std::fmt;
use std::str::FromStr;

use super::written_as_text;

/// Units, largest first, in bytes.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A number of bytes of at least 1, written as `"512KiB"`, `"64MiB"` or `"1GiB"`. Units of 1024, whatever their case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no size; write a whole number above 0 and a unit (B, KiB, MiB, GiB), for instance \"64MiB\"")]
pub struct SizeError(String);

impl Size {
    /// So many MiB.
    pub const fn mebibytes(number: u64) -> Self {
        Self(number << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim())).map(|(_, unit)| *unit);
        number
            .parse::<u64>()
            .ok()
            .zip(unit)
            .and_then(|(number, unit)| number.checked_mul(unit))
            .filter(|bytes| *bytes > 0)
            .map(Self)
            .ok_or_else(|| SizeError(text.to_owned()))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = UNITS.iter().find(|(_, unit)| self.0.is_multiple_of(*unit)).unwrap_or(&UNITS[3]);
        write!(f, "{}{name}", self.0 / unit)
    }
}

written_as_text!(
    Size,
    "Size",
    "a size with its unit, such as \"512KiB\" or \"64MiB\"",
    "^\\s*[0-9]+\\s*([KkMmGg][Ii])?[Bb]\\s*$"
);

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn units_of_1024_are_read_and_written() {
        assert_eq!("64MiB".parse::<Size>().unwrap(), Size::mebibytes(64));
        assert_eq!("1024 kib".parse::<Size>().unwrap().to_string(), "1MiB");
        assert_eq!("1000B".parse::<Size>().unwrap().to_string(), "1000B");
        for text in ["", "5", "0B", "5MB", "-1B", "99999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
