//! Small text rules that every stand-in shares: comparing without case and accents, and writing times.

use jiff::Timestamp;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::clock::Millis;

/// Lower case without accents, outer spaces cut: `Falla de Línea` and `FALLA DE LINEA` become the same text.
pub(crate) fn fold(text: &str) -> String {
    text.trim().nfd().filter(|character| !is_combining_mark(*character)).flat_map(char::to_lowercase).collect()
}

/// RFC 3339 in UTC with three digits after the second, as the contracts write times.
pub(crate) fn rfc3339(at: Millis) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The date of HTTP headers, for instance `Sat, 21 Nov 2026 15:31:39 GMT`.
pub(crate) fn http_date(at: Millis) -> String {
    timestamp(at).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads an RFC 3339 time; `None` if it is none.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Millis> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// Times out of the calendar's range can only come from a caller's mistake; they show as 1970.
fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_ignores_case_accents_and_outer_spaces() {
        assert_eq!(fold(" Falla de Línea "), fold("FALLA DE LINEA"));
        assert_eq!(fold("Ñandú"), "nandu");
        assert_ne!(fold("SNR"), fold("SN R"));
    }

    #[test]
    fn times_are_written_as_the_contracts_say() {
        assert_eq!(rfc3339(1_795_275_099_007), "2026-11-21T15:31:39.007Z");
        assert_eq!(http_date(1_795_275_099_007), "Sat, 21 Nov 2026 15:31:39 GMT");
        assert_eq!(parse_rfc3339("2026-11-21T15:31:39.007Z"), Some(1_795_275_099_007));
        assert_eq!(parse_rfc3339("yesterday"), None);
    }
}
