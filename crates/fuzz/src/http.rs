//! What the HTTP client reads beside bodies, and what it keeps of them.
//! Input: a `Retry-After`, `---`, a `Date`, `---`, the body of a refused login, `---`, a secret, `---`, a text that holds it
//! where `@` stands.

use std::time::Duration;

use ::http::header::{DATE, RETRY_AFTER};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use ticketbridge_platforms::cherwell::Cherwell;
use ticketbridge_platforms::http::{Redactor, Secret, refusal_words, retry_after, usual_refusals};

use crate::parts::{parts, text};

/// Words of the parts.
pub const DICTIONARY: &[&str] = &[
    "120",
    "-1",
    "99999999999999999999999",
    "Sat, 21 Nov 2026 08:01:30 GMT",
    "Saturday, 21-Nov-26 08:01:30 GMT",
    "Sat Nov 21 08:01:30 2026",
    "Feb",
    "9999",
    "{\"error\":\"invalid_grant\",\"error_description\":\"",
    "\"error\":",
    "\"access_token\":",
    "@",
    "@@",
    "%40",
    "***",
    "*",
    "\\\"",
    "%22",
    "+",
    " ",
    "\u{e9}",
    "\u{0}",
    "s3cret-p\"ss w/rd",
    "\n---\n",
];
/// Secrets are longer than this; shorter ones may be part of any word.
const SHORTEST: usize = 8;

/// A wish of at most a day; words of a refusal that were in it; no secret, whole or in half, in what is kept.
pub fn target(data: &[u8]) {
    let input = parts(data, 5);
    let part = |place: usize| input.get(place).copied().unwrap_or_default();
    let mut headers = HeaderMap::new();
    for (name, value) in [(RETRY_AFTER, part(0)), (DATE, part(1))] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    assert!(retry_after(&headers).is_none_or(|wish| wish <= Duration::from_hours(24)));
    refusals(part(2));
    redaction(&text(part(3)), &text(part(4)));
}

fn refusals(body: &[u8]) {
    let (error, description) = refusal_words(body);
    assert!(error.len() <= body.len() * 3 && description.len() <= body.len() * 3);
    for status in [302, 400, 401, 408, 429, 500, 503] {
        let Ok(status) = StatusCode::from_u16(status) else { continue };
        let fault = usual_refusals(status, &error, &description);
        assert!(!(status.is_server_error() && fault.needs_operator()), "an ill platform needs no operator");
        assert_eq!(
            Cherwell::login_refusals(status, &error, &description),
            Cherwell::login_refusals(status, &error, &description)
        );
    }
}

/// The secret stands in the text in all the forms that a request or answer may give it.
fn redaction(secret: &str, body: &str) {
    let is_plain = secret.chars().all(|letter| !letter.is_control() && letter != '*' && letter != '\u{fffd}');
    if secret.len() < SHORTEST || secret.len() > 300 || !is_plain || body.len() > 8_000 {
        return;
    }
    let json = serde_json::Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    // A text that holds a piece of the secret by itself proves nothing.
    let halves = [
        &secret[..secret.floor_char_boundary(secret.len() / 2)],
        &secret[secret.ceil_char_boundary(secret.len() / 2)..],
    ];
    let forms = [secret.to_owned(), json];
    let redactor = Redactor::new([&Secret::known(secret)]);
    for form in &forms {
        let text = body.replace('@', form);
        let without = body.replace('@', "***");
        let is_clean = |shown: &str| {
            let halves = halves.iter().filter(|half| half.len() >= SHORTEST / 2 && !without.contains(**half));
            !halves.into_iter().any(|half| shown.contains(half))
                && (without.contains(secret) || !shown.contains(secret))
        };
        // The text around may make another secret with it (`abcabc` beside `abc`): only the plain case is clear.
        if text.matches(form.as_str()).count() != body.matches('@').count() || overlaps(&text, form) {
            continue;
        }
        let shown = redactor.redact(&text);
        assert!(is_clean(&shown), "{shown}");
        for limit in [0, 1, 7, text.len() / 2, text.len().saturating_sub(1), text.len(), text.len() + 10] {
            let kept = redactor.capture(text.as_bytes(), limit);
            assert!(is_clean(&kept), "{limit}: {kept}");
            assert!(kept.len() <= limit + 40, "{limit}: {} bytes", kept.len());
        }
    }
}

/// Whether two occurrences of `form` share letters.
fn overlaps(text: &str, form: &str) -> bool {
    let starts = text.char_indices().filter(|(at, _)| text[*at..].starts_with(form)).map(|(at, _)| at);
    let starts: Vec<usize> = starts.collect();
    starts.windows(2).any(|pair| pair[1] - pair[0] < form.len())
}
