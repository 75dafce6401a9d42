//! Numbers of the CSV files (telecom contract §3.2).

/// Longest number, in characters.
const MAX_NUMBER: usize = 32;
/// Most digits of an optional integer.
const MAX_INTEGER_DIGITS: usize = 18;

/// The decimal sign that a file may use beside the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decimal {
    /// Only the point: the delimiter is the comma.
    Point,
    /// Point or comma.
    PointOrComma,
}

/// `[+-]?digits`, at most one decimal sign with digits after it, 32 characters at most, as an integer of
/// 10^-`places`. The digit behind the last kept one rounds half away from zero. Numbers too large for the type are
/// kept as its end, which every range check refuses. `None`: not such a number.
pub(crate) fn parse_decimal(text: impl AsRef<[u8]>, places: u32, decimal: Decimal) -> Option<i64> {
    let text = text.as_ref();
    if text.len() > MAX_NUMBER {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let is_sign = |byte: &u8| *byte == b'.' || (*byte == b',' && decimal == Decimal::PointOrComma);
    let (whole, fraction) = match digits.iter().position(is_sign) {
        Some(at) => (&digits[..at], Some(&digits[at + 1..])),
        None => (digits, None),
    };
    let well_formed = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if !well_formed(whole) || fraction.is_some_and(|part| !well_formed(part)) {
        return None;
    }
    let fraction = fraction.unwrap_or_default();
    let push = |value: i64, digit: u8| value.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    let mut value = whole.iter().fold(0, |value, digit| push(value, *digit));
    let places = places as usize;
    for place in 0..places {
        value = push(value, fraction.get(place).copied().unwrap_or(b'0'));
    }
    if fraction.get(places).is_some_and(|digit| *digit >= b'5') {
        value = value.saturating_add(1);
    }
    Some(if negative { -value } else { value })
}

/// An optional integer: 1 to 18 digits and nothing else. `None` otherwise: such a field never rejects its row.
pub(crate) fn optional_integer(text: impl AsRef<[u8]>) -> Option<u64> {
    let text = text.as_ref();
    let push = |value, digit: &u8| digit.is_ascii_digit().then(|| value * 10 + u64::from(digit - b'0'));
    if (1..=MAX_INTEGER_DIGITS).contains(&text.len()) { text.iter().try_fold(0, push) } else { None }
}

#[cfg(test)]
mod tests {
    use super::{Decimal, optional_integer, parse_decimal};

    fn thousandths(text: &str) -> Option<i64> {
        parse_decimal(text, 3, Decimal::PointOrComma)
    }

    #[test]
    fn numbers_become_integers_of_thousandths() {
        for (text, expected) in [
            ("18.7", 18_700),
            ("+18,7", 18_700),
            ("-1", -1_000),
            ("-1,0", -1_000),
            ("0", 0),
            ("-0", 0),
            ("007", 7_000),
            ("0.0004", 0),
            ("0.0005", 1),
            ("-0.0005", -1),
            ("-0.00049", 0),
            ("1.2345678901234567890123456789", 1_235),
            ("99999999999999999999999999999999", i64::MAX),
        ] {
            assert_eq!(thousandths(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_number() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "5.",
            ".5",
            "1.2.3",
            "1,2,3",
            "1.2,3",
            "1e3",
            "1 000",
            "1_000",
            "NaN",
            "inf",
            "0x10",
            "12dB",
            "١٢",
            "--1",
            "999999999999999999999999999999999",
        ] {
            assert_eq!(thousandths(text), None, "{text}");
        }
    }

    #[test]
    fn the_decimal_comma_needs_another_delimiter() {
        assert_eq!(parse_decimal("1,5", 3, Decimal::Point), None);
        assert_eq!(parse_decimal("1.5", 3, Decimal::Point), Some(1_500));
    }

    #[test]
    fn tenths_are_divided_on_the_text() {
        assert_eq!(parse_decimal("187", 2, Decimal::Point), Some(18_700));
        assert_eq!(parse_decimal("187.25", 2, Decimal::Point), Some(18_725));
        assert_eq!(parse_decimal("187.255", 2, Decimal::Point), Some(18_726));
    }

    #[test]
    fn optional_integers_are_digits_or_nothing() {
        assert_eq!(optional_integer("298"), Some(298));
        assert_eq!(optional_integer("999999999999999999"), Some(999_999_999_999_999_999));
        for text in ["", "-1", "+1", "1.0", "N/A", "1000000000000000000", "٣"] {
            assert_eq!(optional_integer(text), None, "{text}");
        }
    }
}
