//! Text from outside on its way into a mail.

use crate::plain::is_steering;

/// What is shown instead of an address.
pub(crate) const MASK: &str = "***";

/// `text` in one line: what ends a line or steers a terminal becomes a blank, and what is longer than `limit` characters
/// is cut, with a mark.
pub(crate) fn line(text: &str, limit: usize) -> String {
    let plain = |letter: char| if is_steering(letter) { ' ' } else { letter };
    let mut clean: String = text.chars().take(limit).map(plain).collect();
    if text.chars().nth(limit).is_some() {
        clean.push('…');
    }
    clean
}

/// `text` with line feeds alone between its lines and without other control characters, at most `limit` bytes.
pub(crate) fn lines(text: &str, limit: usize) -> String {
    let text = text.replace("\r\n", "\n");
    let plain = |letter: char| match letter {
        '\n' | '\t' => letter,
        '\r' => '\n',
        _ if is_steering(letter) => ' ',
        _ => letter,
    };
    let mut clean: String = text.chars().map(plain).collect();
    if clean.len() > limit {
        clean.truncate(clean.floor_char_boundary(limit));
        clean.push_str("…\n(cut)\n");
    }
    clean
}

/// Words that may be e-mail addresses become `***`: a text that others wrote must not carry somebody's address further.
pub(crate) fn without_addresses(text: &str) -> String {
    let mask = |word: &str| if word.contains('@') { String::from(MASK) } else { word.to_owned() };
    text.split_inclusive(char::is_whitespace)
        .map(|piece| {
            let word = piece.trim_end_matches(char::is_whitespace);
            mask(word) + &piece[word.len()..]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line() {
        assert_eq!(line("a\r\nBcc: x\u{2028}y\u{202e}\u{1b}[31m", 100), "a  Bcc: x y  [31m");
        assert_eq!(line("ñandú", 3), "ñan…");
        assert_eq!(line("ñan", 3), "ñan");
    }

    #[test]
    fn lines_keep_their_ends() {
        assert_eq!(lines("a\r\nb\rc\n\td\u{0}", 100), "a\nb\nc\n\td ");
        assert_eq!(lines("ññññ", 3), "ñ…\n(cut)\n");
    }

    #[test]
    fn addresses_are_masked() {
        assert_eq!(without_addresses("no  ann@example.org,\nfor <bo@x> @ all"), "no  ***\nfor *** *** all");
    }
}
