//! Dates as the culture of our calls writes them, without a zone (Cherwell contract §11).
//!
//! Guarantee: day and month are never taken for each other. A date whose order the culture does not settle, or that does
//! not exist, is no date.
//! Limits: Gregorian years 2 to 9999 of four digits, ASCII digits, whole seconds (fractions are cut off).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Longest text that is looked at, in bytes.
const MAX_TEXT: usize = 64;

/// Which part of a date comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Month,
    Day,
    Year,
}

/// Cultures that write the month first, lower case.
const MONTH_FIRST: [&str; 19] = [
    "en", "en-as", "en-bi", "en-gu", "en-mh", "en-mp", "en-ph", "en-pr", "en-um", "en-us", "en-vi", "es-pa", "es-pr",
    "es-us", "fil-ph", "chr-us", "haw-us", "lkt-us", "moh-ca",
];

/// Cultures, or whole languages, that write the year first, lower case.
const YEAR_FIRST: [&str; 24] = [
    "af", "bo", "dz", "en-ca", "en-se", "en-za", "eu", "fr-ca", "hu", "ii", "ja", "ko", "lt", "mn", "ne", "se", "si",
    "smj-se", "sv-se", "sv", "ug", "zh", "zh-cn", "zh-tw",
];

/// Cultures of a year-first language that write the day first, lower case.
const DAY_FIRST_ALL_THE_SAME: [&str; 4] = ["sv-fi", "zh-hk", "zh-mo", "zh-sg"];

/// Languages and cultures whose years are not Gregorian ones.
const OTHER_CALENDARS: [&str; 6] = ["th", "fa", "ps", "ckb-ir", "ar-sa", "dv"];

/// Words for the first half of the day, without dots and blanks, lower case.
const MORNING: [&str; 11] = ["am", "a", "上午", "午前", "오전", "πμ", "dop", "de", "vm", "ص", "sa"];
/// Words for the second half of the day.
const AFTERNOON: [&str; 11] = ["pm", "p", "下午", "午後", "오후", "μμ", "odp", "du", "nm", "م", "ch"];
/// Words that say nothing: "year" and "hour" of some cultures.
const MEANINGLESS: [&str; 4] = ["", "г", "ч", "h"];

/// A date and time in the words of a culture, as RFC 3339 in UTC to the second (such texts sort by time); `None`: it is
/// empty, stands for "none" (year 1), or can't be read. A text with a zone of its own keeps that; all others are at
/// `offset`.
pub(super) fn instant(text: &str, locale: &str, offset: Offset) -> Option<String> {
    let instant = timestamp(text, locale, offset)?;
    Some(instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The same, as an instant.
pub(super) fn timestamp(text: &str, locale: &str, offset: Offset) -> Option<Timestamp> {
    let text = plain(text)?;
    if let Ok(instant) = text.parse::<Timestamp>() {
        return (offset.to_datetime(instant).year() > 1).then_some(instant);
    }
    let iso = is_iso(&text).then(|| text.parse::<DateTime>().ok()).flatten();
    let civil = iso.or_else(|| civil(&text, locale))?;
    if civil.year() <= 1 {
        return None;
    }
    offset.to_timestamp(civil).ok()
}

/// Without blanks at the ends, marks of direction, and special blanks; `None`: empty or too long.
fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_TEXT {
        return None;
    }
    let marks = ['\u{200e}', '\u{200f}', '\u{061c}'];
    let text: String = text.chars().filter(|char| !marks.contains(char)).collect();
    Some(text.chars().map(|char| if char.is_whitespace() { ' ' } else { char }).collect())
}

/// `2026-11-21`, with or without a time of day.
fn is_iso(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_digit);
    let dash = |place: usize| bytes.get(place) == Some(&b'-');
    (0..4).all(digit) && dash(4) && digit(5) && digit(6) && dash(7) && digit(8) && digit(9) && !digit(10)
}

/// Numbers of a text with what stands between them: `gaps` has one element more than `numbers`.
struct Parts<'a> {
    numbers: Vec<&'a str>,
    gaps: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let mut parts = Self { numbers: Vec::new(), gaps: Vec::new() };
        let mut rest = text;
        loop {
            let (gap, from_digit) = rest.split_at(rest.find(|char: char| char.is_ascii_digit()).unwrap_or(rest.len()));
            parts.gaps.push(gap);
            if from_digit.is_empty() {
                return parts;
            }
            let end = from_digit.find(|char: char| !char.is_ascii_digit()).unwrap_or(from_digit.len());
            let (number, after) = from_digit.split_at(end);
            parts.numbers.push(number);
            rest = after;
        }
    }
}

fn civil(text: &str, locale: &str) -> Option<DateTime> {
    let parts = Parts::of(text);
    let [first, second, third, time @ ..] = parts.numbers.as_slice() else { return None };
    let [before, one, two, after_date, time_gaps @ ..] = parts.gaps.as_slice() else { return None };
    if !before.trim().is_empty() || !separates(one) || one.trim() != two.trim() {
        return None;
    }
    let (year, month, day) = ordered([first, second, third], order(locale)?)?;
    let [hour, minute, second] = time_of_day(time, after_date, time_gaps)?;
    DateTime::new(year, month, day, hour, minute, second, 0).ok()
}

/// `/`, `.`, `-` with or without a blank, or a blank alone.
fn separates(gap: &str) -> bool {
    gap.len() <= 2 && !gap.is_empty() && matches!(gap.trim(), "" | "/" | "." | "-")
}

fn ordered([first, second, third]: [&str; 3], order: Order) -> Option<(i16, i8, i8)> {
    // Four digits at the start are a year in all cultures.
    let (year, month, day) = match order {
        _ if first.len() == 4 => (first, second, third),
        Order::Month => (third, first, second),
        Order::Day => (third, second, first),
        // The culture promised a year: what came is not its own way, and could be either.
        Order::Year => return None,
    };
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

/// Hour, minute, second; midnight if there is no time.
fn time_of_day(numbers: &[&str], after_date: &str, gaps: &[&str]) -> Option<[i8; 3]> {
    let number = |text: &&str| if text.len() <= 2 { text.parse::<i8>().ok() } else { None };
    let between = gaps.get(..gaps.len().saturating_sub(1)).unwrap_or_default();
    if !between.iter().all(|gap| matches!(gap.trim(), ":" | ".")) {
        return None;
    }
    // The half of the day stands before the time in some cultures, after it in most.
    let (earlier, later) = (half_of_day(after_date)?, half_of_day(gaps.last().unwrap_or(&""))?);
    let ((Half::Unsaid, half) | (half, Half::Unsaid)) = (earlier, later) else { return None };
    let (hour, minute, second) = match numbers {
        [] if half == Half::Unsaid => return Some([0, 0, 0]),
        [hour, minute] if after_date.contains(' ') => (number(hour)?, number(minute)?, 0),
        [hour, minute, second] if after_date.contains(' ') => (number(hour)?, number(minute)?, number(second)?),
        _ => return None,
    };
    let hour = match half {
        Half::Unsaid => hour,
        _ if !(1..=12).contains(&hour) => return None,
        Half::Morning => hour % 12,
        Half::Afternoon => hour % 12 + 12,
    };
    Some([hour, minute, second])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Unsaid,
    Morning,
    Afternoon,
}

/// What the words beside a time say; `None`: they are unknown.
fn half_of_day(words: &str) -> Option<Half> {
    // `a. m.` is one word, `г.` another: what dots and commas leave is joined, and meaningless words go first.
    let words = words.to_lowercase().replace(['.', ','], " ");
    let joined: String = words.split_whitespace().filter(|word| !MEANINGLESS.contains(word)).collect();
    match joined.as_str() {
        "" => Some(Half::Unsaid),
        word if MORNING.contains(&word) => Some(Half::Morning),
        word if AFTERNOON.contains(&word) => Some(Half::Afternoon),
        _ => None,
    }
}

/// The order of a culture; `None`: its years are others.
fn order(locale: &str) -> Option<Order> {
    let culture = locale.trim().replace('_', "-").to_lowercase();
    let language = culture.split('-').next().unwrap_or_default();
    let among = |list: &[&str]| list.contains(&culture.as_str());
    if among(&OTHER_CALENDARS) || OTHER_CALENDARS.contains(&language) {
        return None;
    }
    Some(if culture.is_empty() || among(&MONTH_FIRST) {
        Order::Month
    } else if !among(&DAY_FIRST_ALL_THE_SAME) && (among(&YEAR_FIRST) || YEAR_FIRST.contains(&language)) {
        Order::Year
    } else {
        Order::Day
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MEXICO: i8 = -6;

    fn read(text: &str, locale: &str) -> Option<String> {
        instant(text, locale, Offset::constant(MEXICO))
    }

    #[test]
    fn dates_of_live_sites_are_read() {
        for (text, locale, expected) in [
            ("1/8/2020 10:56:30 AM", "en-US", "2020-01-08T16:56:30Z"),
            ("11/22/2017 12:15 AM", "en-US", "2017-11-22T06:15:00Z"),
            ("11/22/2017 12:15 pm", "en_us", "2017-11-22T18:15:00Z"),
            ("1/8/2020", "", "2020-01-08T06:00:00Z"),
            ("23/05/2025 6:25 PM", "es-MX", "2025-05-24T00:25:00Z"),
            ("23/05/2025 06:25:59 p. m.", "es-MX", "2025-05-24T00:25:59Z"),
            ("23/05/2025 06:25:59\u{a0}p.\u{a0}m.", "es-MX", "2025-05-24T00:25:59Z"),
            ("23/05/2025 6:25\u{202f}a.m.", "es-MX", "2025-05-23T12:25:00Z"),
            ("21/11/2026 09:31:39", "en-GB", "2026-11-21T15:31:39Z"),
            ("21.11.2026 09:31:39", "de-DE", "2026-11-21T15:31:39Z"),
            ("21. 11. 2026 9:31:39", "sk-SK", "2026-11-21T15:31:39Z"),
            ("21-11-2026 9.31.39", "id-ID", "2026-11-21T15:31:39Z"),
            ("21 11 2026 9:31", "es-ES", "2026-11-21T15:31:00Z"),
            ("21.11.2026 г. 9:31:39 ч.", "bg-BG", "2026-11-21T15:31:39Z"),
            ("2026/11/21 9:31:39", "ja-JP", "2026-11-21T15:31:39Z"),
            ("2026/11/21 下午 9:31:39", "zh-TW", "2026-11-22T03:31:39Z"),
            ("2026. 11. 21. 9:31:39", "hu-HU", "2026-11-21T15:31:39Z"),
            ("2026-11-21 09:31", "sv-SE", "2026-11-21T15:31:00Z"),
            ("2026-11-21 9:31 AM", "en-CA", "2026-11-21T15:31:00Z"),
            ("21/11/2026 9:31", "zh-HK", "2026-11-21T15:31:00Z"),
            ("2026-11-21T09:31:39", "en-US", "2026-11-21T15:31:39Z"),
            ("2026-11-21T09:31:39.973", "es-MX", "2026-11-21T15:31:39Z"),
            ("2026-11-21T09:31:39Z", "es-MX", "2026-11-21T09:31:39Z"),
            ("2026-11-21 09:31:39.510452+01:00", "es-MX", "2026-11-21T08:31:39Z"),
            ("2026-11-21", "es-MX", "2026-11-21T06:00:00Z"),
        ] {
            assert_eq!(read(text, locale).as_deref(), Some(expected), "{text} in {locale}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for (text, locale) in [
            ("", "en-US"),
            ("   ", "en-US"),
            ("0001-01-01T00:00:00", "en-US"),
            ("0001-01-01T00:00:00Z", "en-US"),
            ("1/1/0001 12:00:00 AM", "en-US"),
            ("0000-01-01", "en-US"),
            ("2/30/2025", "en-US"),
            ("2025-02-30T00:00:00", "en-US"),
            ("2/29/2023 1:00 PM", "en-US"),
            ("1/8/2020 25:00", "en-US"),
            ("1/8/2020 13:00 PM", "en-US"),
            ("1/8/2020 0:30 AM", "en-US"),
            ("1/8/2020 10:61", "en-US"),
            ("1/8/2020 PM", "en-US"),
            ("1/8/2020 10 PM", "en-US"),
            ("1/8/2020 AM 10:00 PM", "en-US"),
            ("1/8/2020 10:00 XM", "en-US"),
            ("1/8/2020 1:2:3:4", "en-US"),
            ("1/8/202010:00", "en-US"),
            ("1/8/20", "en-US"),
            ("1-8/2020", "en-US"),
            ("1//8//2020", "en-US"),
            ("1/8", "en-US"),
            ("x1/8/2020", "en-US"),
            ("١/٨/٢٠٢٠", "ar-EG"),
            ("1/8/2568", "th-TH"),
            ("1/8/1403", "fa-IR"),
            ("99999999999999999999/1/1", "en-US"),
            ("9999-12-31T23:59:59", "en-US"),
        ] {
            assert_eq!(read(text, locale), None, "{text} in {locale}");
        }
        assert_eq!(read(&"1".repeat(100_000), "en-US"), None);
    }

    #[test]
    fn day_and_month_are_never_taken_for_each_other() {
        assert_eq!(read("05/06/2025 10:00", "en-US").as_deref(), Some("2025-05-06T16:00:00Z"));
        for locale in ["en-GB", "es-MX", "es-ES", "de-DE", "fr-FR", "pt-BR", "nl-NL", "sv-FI", "unheard-of"] {
            assert_eq!(read("05/06/2025 10:00", locale).as_deref(), Some("2025-06-05T16:00:00Z"), "{locale}");
            assert_eq!(read("05/23/2025 10:00", locale), None, "{locale}");
        }
        for locale in ["en-US", "es-PA", "fil-PH"] {
            assert_eq!(read("23/05/2025 10:00", locale), None, "{locale}");
        }
        for locale in ["ja-JP", "zh-CN", "sv-SE", "hu-HU", "en-CA", "fr-CA", "ko-KR", "lt-LT"] {
            assert_eq!(read("05/06/2025 10:00", locale), None, "{locale} promises the year first");
            assert_eq!(read("2025/06/05 10:00", locale).as_deref(), Some("2025-06-05T16:00:00Z"), "{locale}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_reads_back_in_every_culture(second in -60_000_000_000_i64..250_000_000_000, quarters in -56_i32..=56) {
            let offset = Offset::from_seconds(quarters * 900).expect("an offset");
            let at = Timestamp::from_second(second).expect("an instant");
            let civil = offset.to_datetime(at);
            let expected = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            for (locale, pattern) in [
                ("en-US", "%-m/%-d/%Y %-I:%M:%S %p"),
                ("en-GB", "%d/%m/%Y %H:%M:%S"),
                ("es-MX", "%d/%m/%Y %I:%M:%S %p"),
                ("de-DE", "%d.%m.%Y %H:%M:%S"),
                ("hu-HU", "%Y. %m. %d. %-H:%M:%S"),
                ("ja-JP", "%Y/%m/%d %-H:%M:%S"),
            ] {
                let written = civil.strftime(pattern).to_string();
                prop_assert_eq!(instant(&written, locale, offset), Some(expected.clone()), "{}", written);
                let spanish = written.replace("AM", "a.\u{a0}m.").replace("PM", "p.\u{a0}m.");
                prop_assert_eq!(instant(&spanish, locale, offset), Some(expected.clone()), "{}", spanish);
            }
        }

        #[test]
        fn hostile_text_gives_no_panic(text in "\\PC{0,80}", locale in "[a-zA-Z_-]{0,8}") {
            if let Some(read) = read(&text, &locale) {
                prop_assert_eq!(read.len(), 20, "{}", read);
            }
        }
    }
}
