//! What people are told of once: a cause, and what belongs to it at one look.

use std::fmt::Write as _;

use ticketbridge_core::time::Wall;

use crate::mail::clean;

/// Longest pattern in characters.
const MAX_PATTERN: usize = 200;
/// Longest reason that is told, in characters.
const MAX_REASON: usize = 500;
/// Shortest piece of a reason that is worth a filter, in characters.
const MIN_FILTER: usize = 8;

/// What sort of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A platform's breaker is open.
    Away,
    /// A platform cannot be used.
    Unusable,
    /// A platform refuses operations: login or configuration.
    Held,
    /// Nothing is created on a platform.
    Stopped,
    /// Something was found out that an operator must know.
    Problem,
    /// Tickets are in Error.
    Errors,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Unusable => "unusable",
            Self::Held => "held",
            Self::Stopped => "stopped",
            Self::Problem => "problem",
            Self::Errors => "errors",
        }
    }
}

/// A cause.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cause {
    pub(super) kind: Kind,
    pub(super) platform: String,
    /// The operation or the code; empty where it is about neither.
    pub(super) what: String,
    /// The reason without its changing parts; see [`pattern`].
    pub(super) reason: String,
}

impl Cause {
    /// Its name in the memory of what was told.
    pub(super) fn name(&self) -> String {
        [self.kind.as_str(), &self.platform, &self.what, &self.reason].join("|")
    }
}

/// A ticket that is named, so that people can look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Example {
    /// Its id; empty where only the key is known.
    pub(super) id: String,
    /// What it is about.
    pub(super) key: String,
}

/// A cause as one look has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) cause: Cause,
    /// Lasts long enough to be told of. Otherwise it is only not over yet.
    pub(super) is_due: bool,
    /// Its tickets or problems; 0 for what has none.
    pub(super) count: u64,
    /// The newest of them; of what has none always the same.
    pub(super) newest: Wall,
    /// The newest ones.
    pub(super) examples: Vec<Example>,
    /// The reason as it was last given, fit to be shown.
    pub(super) words: String,
    /// A text that stands in the reasons of all its tickets.
    pub(super) filter: Option<String>,
}

/// A reason as people are shown it: one line, bounded, without anybody's address.
pub(crate) fn shown(reason: &str) -> String {
    clean::without_addresses(&clean::line(reason, MAX_REASON))
}

/// A reason without what differs from ticket to ticket: `own` (its ids), and words that hold a digit. Error codes (`TB0301`)
/// and HTTP statuses of errors (400 to 599) stay, since they tell causes apart.
pub(crate) fn pattern(reason: &str, own: &[&str]) -> String {
    let mut text = shown(reason);
    for id in own.iter().filter(|id| !id.is_empty()) {
        text = without(&text, id);
    }
    let mut pattern = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find(is_of_word) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|letter| !is_of_word(letter)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        pattern.push_str(before);
        pattern.push_str(if changes(word) { "#" } else { word });
        rest = after;
    }
    pattern.push_str(rest);
    pattern.chars().take(MAX_PATTERN).collect()
}

/// The text with `#` for each place where `id` stands as a word of its own: a short id is also a part of other words.
fn without(text: &str, id: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for (start, _) in text.match_indices(id) {
        let (before, behind) = (&text[..start], &text[start + id.len()..]);
        let goes_on_before = before.ends_with(is_of_word) && id.starts_with(is_of_word);
        let goes_on_behind = behind.starts_with(is_of_word) && id.ends_with(is_of_word);
        if !goes_on_before && !goes_on_behind {
            kept.push_str(&text[from..start]);
            kept.push('#');
            from = start + id.len();
        }
    }
    kept.push_str(&text[from..]);
    kept
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '-' | '_')
}

fn changes(word: &str) -> bool {
    let is_status =
        word.len() == 3 && word.starts_with(['4', '5']) && word.bytes().all(|letter| letter.is_ascii_digit());
    let is_code = word
        .strip_prefix("TB")
        .is_some_and(|number| number.len() == 4 && number.bytes().all(|letter| letter.is_ascii_digit()));
    word.contains(|letter: char| letter.is_numeric()) && !is_status && !is_code
}

/// The longest piece of a pattern that stands in the reason as it is, for a filter by text.
pub(super) fn filter(pattern: &str, reason: &str) -> Option<String> {
    let pieces = pattern.split('#').flat_map(|piece| piece.split(clean::MASK)).map(str::trim);
    let pieces = pieces.filter(|piece| reason.contains(piece));
    let longest = pieces.max_by_key(|piece| piece.chars().count())?;
    (longest.chars().count() >= MIN_FILTER).then(|| longest.to_owned())
}

/// A word of a command line, quoted for a shell where it has to be.
pub(super) fn argument(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let mut word = String::with_capacity(text.len() + 2);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        word.push_str(text);
    } else {
        // Writing into a text cannot fail.
        write!(word, "'{}'", text.replace('\'', "'\\''")).unwrap_or_default();
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_by_numbers_and_ids_have_one_pattern() {
        let of = |key: &str, number: &str| {
            pattern(
                &format!("422 VALIDATION: `{key}` is no group, see record {number} at 2026-05-04T08:00:01Z"),
                &[key],
            )
        };
        assert_eq!(of("SNR|Node A", "17"), of("SNR|Node B", "9f3c-18"));
        assert_eq!(of("SNR|Node A", "17"), "422 VALIDATION: `#` is no group, see record # at #:#:#");
    }

    #[test]
    fn a_short_id_is_not_cut_out_of_other_words() {
        let of = |id: &str| pattern(&format!("no group `{id}` in the cage; {id}"), &[id]);
        assert_eq!(of("a"), "no group `#` in the cage; #");
        assert_eq!(of("a"), of("ge"));
        assert_eq!(pattern("SNR|AB, SNR|A", &["SNR|A"]), "SNR|AB, #");
        assert_eq!(pattern("aaa aa", &["aa"]), "aaa #");
    }

    #[test]
    fn statuses_and_codes_tell_causes_apart() {
        assert_eq!(
            pattern("HTTP 400 TB0306 after 3 attempts, 12345, 601", &[]),
            "HTTP 400 TB0306 after # attempts, #, #"
        );
        assert_ne!(pattern("HTTP 400", &[]), pattern("HTTP 404", &[]));
    }

    #[test]
    fn hostile_reasons_make_short_clean_patterns() {
        let long = pattern(&"ñ1 ñandú\r\n".repeat(10_000), &["", "ñ"]);
        assert!(long.chars().count() <= MAX_PATTERN && !long.contains(['\r', '\n']), "{long}");
        assert_eq!(pattern("for ann@example.org, 7", &[]), "for *** #");
        assert_eq!(pattern("", &[]), "");
        assert_eq!(shown("a\r\nBcc: x@example.org"), "a  Bcc: ***");
    }

    #[test]
    fn a_filter_is_a_piece_of_the_reason_itself() {
        let reason = "record 17 is locked by another user since 08:00";
        assert_eq!(filter(&pattern(reason, &[]), reason).as_deref(), Some("is locked by another user since"));
        assert_eq!(filter("# a #", "1 a 2"), None, "too short to say anything");
        assert_eq!(filter("is locked by ***", "is locked by ann@example.org").as_deref(), Some("is locked by"));
        assert_eq!(filter("lines  in one", "lines\r\nin one"), None, "it stands in no reason");
    }

    #[test]
    fn words_of_a_command_line_are_quoted() {
        assert_eq!(argument("cherwell-1"), "cherwell-1");
        assert_eq!(argument("it's; rm"), r"'it'\''s; rm'");
        assert_eq!(argument("-x"), "'-x'");
        assert_eq!(argument(""), "''");
    }
}
