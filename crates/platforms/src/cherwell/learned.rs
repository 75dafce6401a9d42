//! What `serviceinfo` tells, in lines for people: version, offset, clock, and what a page is (Cherwell contract §2, §8,
//! §11).

use http::HeaderMap;
use http::header::DATE;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::Offset;

use super::culture::timestamp;
use super::findings::{Findings, shown};
use super::schema::ServiceInfo;
use super::settings::{CherwellSettings, PageMode};

/// From this API version on, `pageNumber` is a row.
const ROWS_FROM: [u64; 3] = [9, 7, 0];
/// Largest difference of two clocks that nobody needs to hear of, in seconds.
const CLOCKS_AGREE: i64 = 120;
/// Largest offset from UTC, in minutes.
const MAX_OFFSET: i64 = 14 * 60;

/// What the service tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) offset: Offset,
    pub(super) rows: bool,
}

/// Reads the service's answer; `headers` are of the same answer.
pub(super) fn service(
    findings: &mut Findings,
    settings: &CherwellSettings,
    info: &ServiceInfo,
    headers: &HeaderMap,
) -> Service {
    let known = |text: &str| if text.trim().is_empty() { String::from("unknown") } else { shown(text.trim()) };
    findings.line("version", format!("API {}, Cherwell {}", known(&info.api_version), known(&info.csm_version)));
    let culture = format!("{} by default; our calls ask for {}", known(&info.csm_culture), settings.locale);
    findings.line("culture", culture);
    let offset = offset(findings, settings, info);
    clock(findings, settings, info, headers, offset);
    let rows = rows(findings, settings.page_mode, &info.api_version);
    Service { offset, rows }
}

fn offset(findings: &mut Findings, settings: &CherwellSettings, info: &ServiceInfo) -> Offset {
    let said = parse_offset(&info.system_utc_offset);
    match (settings.utc_offset, said) {
        (Some(set), Some(said)) if set != said => {
            findings.line("offset", format!("{set} as `utc_offset` says; the site itself says {said}"));
            set
        }
        (Some(set), _) => {
            findings.line("offset", format!("{set} as `utc_offset` says"));
            set
        }
        (None, Some(said)) => {
            findings.line("offset", format!("{said} as the site says"));
            said
        }
        (None, None) => {
            let text = shown(&info.system_utc_offset);
            let seen = format!(
                "the site's offset from UTC can't be read (`{text}`), and +00 is taken; set `utc_offset` if that is wrong"
            );
            findings.warning("offset", seen);
            Offset::UTC
        }
    }
}

/// `-06:00:00`, `+05:30`, `-6`, `-360` (minutes), `UTC`.
fn parse_offset(text: &str) -> Option<Offset> {
    let text = text.trim();
    let rest = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")).unwrap_or(text).trim();
    if rest.is_empty() || rest == "Z" {
        return (!text.is_empty()).then_some(Offset::UTC);
    }
    let (sign, digits) = match rest.as_bytes().first()? {
        b'-' => (-1, rest.get(1..)?),
        b'+' => (1, rest.get(1..)?),
        _ => (1, rest),
    };
    let number =
        |text: &str| if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<i64>().ok() } else { None };
    let mut parts = digits.split(':').map(number);
    let first = parts.next()??;
    let minutes = match parts.next() {
        None if first <= MAX_OFFSET / 60 => first * 60,
        None => first,
        Some(minutes) => first.checked_mul(60)?.checked_add(minutes.filter(|minutes| *minutes < 60)?)?,
    };
    // Seconds, and fractions of them, say nothing about an offset of today.
    let seconds = i32::try_from(sign * minutes.min(MAX_OFFSET + 1) * 60).ok()?;
    if minutes > MAX_OFFSET { None } else { Offset::from_seconds(seconds).ok() }
}

fn clock(
    findings: &mut Findings,
    settings: &CherwellSettings,
    info: &ServiceInfo,
    headers: &HeaderMap,
    offset: Offset,
) {
    let culture = if info.csm_culture.trim().is_empty() { &settings.locale } else { &info.csm_culture };
    let at = parse_offset(&info.system_utc_offset).unwrap_or(offset);
    let Some(site) = timestamp(&info.system_date_time, culture, at) else {
        let text = shown(&info.system_date_time);
        findings
            .warning("clock", format!("the site's date and time can't be read: `{text}`; is it of another culture?"));
        return;
    };
    let Some(server) = headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(http_date) else {
        findings.line("clock", "not compared: the answer carries no date of its own");
        return;
    };
    let apart = site.as_second() - server.as_second();
    if apart.abs() <= CLOCKS_AGREE {
        findings.line("clock", "agrees with the date of the answer");
        return;
    }
    let direction = if apart > 0 { "ahead of" } else { "behind" };
    let minutes = apart.abs() / 60;
    findings.warning(
        "clock",
        format!(
            "{} h {} min {direction} the date of the same answer: the site's clock or its zone is wrong; dates of records \
             are read at {offset} (`utc_offset`)",
            minutes / 60,
            minutes % 60
        ),
    );
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

fn rows(findings: &mut Findings, mode: PageMode, version: &str) -> bool {
    let rows = match (mode, parse_version(version)) {
        (PageMode::Row, _) => true,
        (PageMode::Page, _) => false,
        (PageMode::Auto, Some(version)) => version >= ROWS_FROM,
        (PageMode::Auto, None) => {
            let seen = "the API's version can't be read, and `pageNumber` is taken for a row, as from 9.7.0 on; set \
                        `page_mode` if pages repeat";
            findings.warning("pages", seen);
            return true;
        }
    };
    let by = if mode == PageMode::Auto { "by the API's version, and checked once" } else { "as `page_mode` says" };
    let what = if rows { "counted by row" } else { "counted by page" };
    findings.line("pages", format!("{what}, {by}"));
    rows
}

/// The first three numbers of the first word that begins with a digit: `CSM 10.1.4 build 5` is 10.1.4.
fn parse_version(text: &str) -> Option<[u64; 3]> {
    let start = text.find(|char: char| char.is_ascii_digit())?;
    let mut version = [0; 3];
    for (place, part) in text.get(start..)?.split('.').take(3).enumerate() {
        let digits = part.find(|char: char| !char.is_ascii_digit()).unwrap_or(part.len());
        let Some(slot) = version.get_mut(place) else { break };
        match part.get(..digits)?.parse() {
            Ok(number) => *slot = number,
            Err(_) if place == 0 => return None,
            Err(_) => break,
        }
        if digits < part.len() {
            break;
        }
    }
    Some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_leniently() {
        for (text, expected) in [
            ("10.5", Some([10, 5, 0])),
            ("9.6.0.1", Some([9, 6, 0])),
            ("9.7.0", Some([9, 7, 0])),
            ("CSM 10.1.4 build 5", Some([10, 1, 4])),
            ("v9.7-rc1.3", Some([9, 7, 0])),
            ("10", Some([10, 0, 0])),
            ("10.x", Some([10, 0, 0])),
            ("", None),
            ("unknown", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(parse_version(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_page_is_follows_the_version_unless_it_is_set() {
        let judge = |mode, version| {
            let mut findings = Findings::default();
            let rows = rows(&mut findings, mode, version);
            (rows, findings.lines.first().is_some_and(|line| line.warning))
        };
        assert_eq!(judge(PageMode::Auto, "9.6.0.1"), (false, false));
        assert_eq!(judge(PageMode::Auto, "9.7.0"), (true, false));
        assert_eq!(judge(PageMode::Auto, "10.5"), (true, false));
        assert_eq!(judge(PageMode::Auto, "who knows"), (true, true));
        assert_eq!(judge(PageMode::Page, "10.5"), (false, false));
        assert_eq!(judge(PageMode::Row, "who knows"), (true, false));
    }

    #[test]
    fn offsets_are_read_leniently() {
        for (text, minutes) in [
            ("-06:00:00", Some(-360)),
            ("+05:30", Some(330)),
            ("05:30:00.0000", Some(330)),
            ("00:00:00", Some(0)),
            ("-6", Some(-360)),
            ("-360", Some(-360)),
            ("UTC-03:00", Some(-180)),
            ("Z", Some(0)),
            ("", None),
            ("-26:00", None),
            ("-06:75", None),
            ("--6", None),
            ("six", None),
            ("-é6", None),
            ("99999999999999999999", None),
            ("9999999999999999:00", None),
        ] {
            let expected = minutes.map(|minutes: i32| Offset::from_seconds(minutes * 60).expect("an offset"));
            assert_eq!(parse_offset(text), expected, "{text}");
        }
    }

    fn clock_line(date_time: &str, date: Option<&str>) -> crate::Learned {
        let info = ServiceInfo {
            system_date_time: date_time.to_owned(),
            system_utc_offset: String::from("-06:00:00"),
            csm_culture: String::from("en-US"),
            ..ServiceInfo::default()
        };
        let mut headers = HeaderMap::new();
        if let Some(date) = date {
            headers.insert(DATE, date.parse().expect("a header value"));
        }
        let mut findings = Findings::default();
        clock(&mut findings, &CherwellSettings::default(), &info, &headers, Offset::UTC);
        findings.lines.pop().expect("a line")
    }

    #[test]
    fn clocks_are_compared_with_the_date_of_the_same_answer() {
        let date = Some("Sat, 21 Nov 2026 15:31:39 GMT");
        for good in ["2026-11-21T09:33:39.5", "2026-11-21T15:29:39Z", "11/21/2026 9:31 AM"] {
            let line = clock_line(good, date);
            assert!(!line.warning, "{good}: {}", line.seen);
        }
        let ahead = clock_line("2026-11-21T10:33:40", date);
        assert!(ahead.warning && ahead.seen.starts_with("1 h 2 min ahead of"), "{}", ahead.seen);
        let behind = clock_line("2026-11-21T09:31:39Z", date);
        assert!(behind.warning && behind.seen.starts_with("6 h 0 min behind"), "{}", behind.seen);
        assert!(clock_line("21/11/2026 9:31 AM", date).warning);
        assert!(!clock_line("2026-11-21T09:31:39", None).warning);
        assert!(!clock_line("2026-11-21T09:31:39", Some("yesterday")).warning);
    }
}
