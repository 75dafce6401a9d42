//! Faults in words: what went wrong, with a piece of the answer that people can read.

use ticketbridge_core::effect::LookUpFault;

/// Longest excerpt of an answer in a message, in characters.
const EXCERPT: usize = 200;

/// A fault that may pass by itself.
pub(crate) fn fault(why: impl Into<String>) -> LookUpFault {
    LookUpFault { why: why.into(), retry_after: None, throttled: false, configuration: false }
}

/// A fault that only an operator can mend.
pub(crate) fn misconfigured(why: impl Into<String>) -> LookUpFault {
    LookUpFault { configuration: true, ..fault(why) }
}

/// The beginning of a body, on one line.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let window = &body[..body.len().min(EXCERPT * 8)];
    let text: Vec<_> = String::from_utf8_lossy(window).split_whitespace().map(str::to_owned).collect();
    if text.is_empty() { String::from("(no body)") } else { shorten(&text.join(" ")) }
}

/// At most [`EXCERPT`] characters.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
