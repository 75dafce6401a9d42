//! How values are written in a culture: dates without zone, numbers, logicals.
//!
//! The Cherwell contract has a date of a Mexican site without seconds, so `es-MX` has none here; all others have them.
//! Limit: the cultures of the table; a culture of another region of a known language is taken for that language.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::clock::Millis;

/// A culture that the site knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Culture {
    /// Its code, `es-MX` for instance.
    pub(super) code: &'static str,
    date: &'static str,
    is_month_first: bool,
    separator: char,
    decimal: char,
}

const CULTURES: [Culture; 7] = [
    Culture { code: "en-US", date: "%-m/%-d/%Y %-I:%M:%S %p", is_month_first: true, separator: '/', decimal: '.' },
    Culture { code: "en-GB", date: "%d/%m/%Y %H:%M:%S", is_month_first: false, separator: '/', decimal: '.' },
    Culture { code: "es-MX", date: "%d/%m/%Y %-I:%M %p", is_month_first: false, separator: '/', decimal: '.' },
    Culture { code: "es-ES", date: "%d/%m/%Y %-H:%M:%S", is_month_first: false, separator: '/', decimal: ',' },
    Culture { code: "de-DE", date: "%d.%m.%Y %H:%M:%S", is_month_first: false, separator: '.', decimal: ',' },
    Culture { code: "fr-FR", date: "%d/%m/%Y %H:%M:%S", is_month_first: false, separator: '/', decimal: ',' },
    Culture { code: "pt-BR", date: "%d/%m/%Y %H:%M:%S", is_month_first: false, separator: '/', decimal: ',' },
];

impl Culture {
    /// The culture with this code, else the first of the same language; `None` for a language that the site lacks.
    pub(super) fn find(code: &str) -> Option<&'static Self> {
        let code = code.trim().replace('_', "-");
        let language = |code: &str| code.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let exact = CULTURES.iter().find(|culture| culture.code.eq_ignore_ascii_case(&code));
        exact.or_else(|| CULTURES.iter().find(|culture| language(culture.code) == language(&code)))
    }

    /// Writes a time at an offset from UTC, without naming it.
    pub(super) fn write_time(&self, at: Millis, offset_minutes: i32) -> String {
        civil(at, offset_minutes).strftime(self.date).to_string()
    }

    /// Reads a time of this culture, with or without seconds and AM or PM, or an ISO time; `None` if it is none.
    pub(super) fn read_time(&self, text: &str, offset_minutes: i32) -> Option<Millis> {
        let text = text.trim();
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Some(instant.as_millisecond());
        }
        let civil = text.parse::<DateTime>().ok().or_else(|| self.read_civil(text))?;
        let offset = offset(offset_minutes);
        offset.to_timestamp(civil).ok().map(jiff::Timestamp::as_millisecond)
    }

    fn read_civil(&self, text: &str) -> Option<DateTime> {
        let mut words = text.split_whitespace();
        let mut date = words.next()?.split(self.separator);
        let mut part = || date.next().and_then(|part| part.parse::<i16>().ok());
        let (first, second, year) = (part()?, part()?, part()?);
        if date.next().is_some() {
            return None;
        }
        let (month, day) = if self.is_month_first { (first, second) } else { (second, first) };
        let (mut hour, mut minute, mut second) = (0_i8, 0_i8, 0_i8);
        if let Some(time) = words.next() {
            let mut parts = time.split(':').map(str::parse::<i8>);
            hour = parts.next()?.ok()?;
            minute = parts.next()?.ok()?;
            second = parts.next().transpose().ok()?.unwrap_or(0);
            if parts.next().is_some() {
                return None;
            }
        }
        let half: String = words.flat_map(|word| word.chars()).filter(char::is_ascii_alphabetic).collect();
        match half.to_ascii_lowercase().as_str() {
            "" => {}
            "am" | "pm" if !(1..=12).contains(&hour) => return None,
            "am" => hour %= 12,
            "pm" => hour = hour % 12 + 12,
            _ => return None,
        }
        DateTime::new(year, month.try_into().ok()?, day.try_into().ok()?, hour, minute, second, 0).ok()
    }

    /// Writes a number.
    pub(super) fn write_number(&self, number: f64, decimals: usize) -> String {
        format!("{number:.decimals$}").replace('.', &self.decimal.to_string())
    }

    /// Reads a number without separators of thousands; `None` if it is none.
    pub(super) fn read_number(&self, text: &str) -> Option<f64> {
        let text = text.trim();
        let plain = text.replace(self.decimal, ".");
        let is_plain =
            !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == self.decimal || matches!(c, '-' | '+'));
        is_plain.then(|| plain.parse().ok()).flatten()
    }
}

/// Reads `True`, `false` and the like; `None` if it is neither.
pub(super) fn read_logical(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        _ => None,
    }
}

/// The time of day at an offset from UTC; a time out of the calendar's range shows as 1970.
pub(super) fn civil(at: Millis, offset_minutes: i32) -> DateTime {
    let instant = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    offset(offset_minutes).to_datetime(instant)
}

fn offset(minutes: i32) -> Offset {
    Offset::from_seconds(minutes.saturating_mul(60)).unwrap_or(Offset::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Millis = 1_795_275_099_000; // 2026-11-21T15:31:39Z

    #[test]
    fn every_culture_writes_its_own_way_and_reads_it_back() {
        let written = |code: &str| Culture::find(code).map(|culture| culture.write_time(AT, -360));
        for (code, expected) in [
            ("en-US", "11/21/2026 9:31:39 AM"),
            ("en-GB", "21/11/2026 09:31:39"),
            ("es-MX", "21/11/2026 9:31 AM"),
            ("es-ES", "21/11/2026 9:31:39"),
            ("de-DE", "21.11.2026 09:31:39"),
            ("fr-FR", "21/11/2026 09:31:39"),
            ("pt-BR", "21/11/2026 09:31:39"),
        ] {
            assert_eq!(written(code).as_deref(), Some(expected), "{code}");
            let culture = Culture::find(code).expect("a culture");
            let lost = if code == "es-MX" { 39_000 } else { 0 };
            assert_eq!(culture.read_time(expected, -360), Some(AT - lost), "{code}");
        }
        assert_eq!(Culture::find("EN-us").map(|culture| culture.code), Some("en-US"));
        assert_eq!(Culture::find("es-CO").map(|culture| culture.code), Some("es-MX"));
        assert_eq!(Culture::find("xx-YY"), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let english = Culture::find("en-US").expect("a culture");
        assert_eq!(english.read_time("1/8/2020 12:00:01 AM", 0), Some(1_578_441_601_000));
        assert_eq!(english.read_time("1/8/2020", 0), Some(1_578_441_600_000));
        assert_eq!(english.read_time("2020-01-08T00:00:00", 0), Some(1_578_441_600_000));
        for wrong in ["", "x", "21/11/2026 10:00", "1/2", "1/8/2020 25:00", "1/8/2020 13:00 PM", "1/8/2020 1:2:3:4"] {
            assert_eq!(english.read_time(wrong, 0), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_follow_the_culture() {
        let (english, german) = (Culture::find("en-US").expect("one"), Culture::find("de-DE").expect("one"));
        assert_eq!(english.write_number(-2.5, 2), "-2.50");
        assert_eq!(german.write_number(2.5, 2), "2,50");
        assert_eq!(german.read_number("2,5"), Some(2.5));
        for wrong in ["", "a", "2.5", "NaN", "inf", "1e5", "2,5,5"] {
            assert_eq!(german.read_number(wrong), None, "{wrong}");
        }
    }
}
