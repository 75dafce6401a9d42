//! `Retry-After`: seconds or an HTTP date.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use ticketbridge_core::time::Wall;

/// Longest wish that is obeyed: a platform that says more is asked again after a day.
const LONGEST: Duration = Duration::from_hours(24);

/// The platform's own wish, from the moment of its answer. A date is read against the answer's own `Date`, so that a
/// difference between the two clocks does not matter; one in the past is zero. Anything else is no wish.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    wish(headers, None)
}

/// [`retry_after`], where `wall_now` stands in for the `Date` of an answer that has none, or none that can be read.
pub fn retry_after_at(headers: &HeaderMap, wall_now: Wall) -> Option<Duration> {
    wish(headers, Some(wall_now.0.div_euclid(1000)))
}

fn wish(headers: &HeaderMap, now: Option<i64>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wish = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a u64 has is a very long time, not a mistake.
        text.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        let until = http_date(text)?;
        let date = headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?));
        let from = date.or(now)?;
        Duration::from_secs(u64::try_from(until.saturating_sub(from)).unwrap_or(0))
    };
    Some(wish.min(LONGEST))
}

/// Seconds since 1970 of an HTTP date in any of its three forms.
pub(super) fn http_date(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches("GMT").trim_end();
    ["%a, %d %b %Y %H:%M:%S", "%A, %d-%b-%y %H:%M:%S", "%a %b %e %H:%M:%S %Y"].into_iter().find_map(|form| {
        let civil = jiff::civil::DateTime::strptime(form, text).ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(retry: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn seconds() {
        assert_eq!(read("7", None), Some(Duration::from_secs(7)));
        assert_eq!(read("99999999999999999999999", None), Some(LONGEST));
    }

    #[test]
    fn a_date_is_read_against_the_date_of_the_answer() {
        let now = Some("Sat, 21 Nov 2026 08:00:00 GMT");
        assert_eq!(read("Sat, 21 Nov 2026 08:01:30 GMT", now), Some(Duration::from_secs(90)));
        assert_eq!(read("Saturday, 21-Nov-26 08:01:30 GMT", now), Some(Duration::from_secs(90)));
        assert_eq!(read("Sat Nov 21 08:01:30 2026", now), Some(Duration::from_secs(90)));
        assert_eq!(read("Sat, 21 Nov 2026 07:00:00 GMT", now), Some(Duration::ZERO));
    }

    #[test]
    fn nonsense_is_no_wish() {
        assert_eq!(read("soon", Some("Sat, 21 Nov 2026 08:00:00 GMT")), None);
        assert_eq!(read("-5", None), None);
        assert_eq!(read("", None), None);
        assert_eq!(read("Sat, 21 Nov 2026 08:01:30 GMT", None), None);
    }
}
