//! Words of others on their way to people: platforms, senders and files may write anything.

/// Control characters, and marks that break lines or turn the direction of writing.
pub(crate) fn is_steering(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Text for a terminal: what could steer it is written out.
pub fn escaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_steering(letter) { plain.extend(letter.escape_unicode()) } else { plain.push(letter) }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        assert_eq!(escaped("a\u{1b}[31mb\r\n\u{202e}c\t\u{61c}ñ→"), r"a\u{1b}[31mb\u{d}\u{a}\u{202e}c\u{9}\u{61c}ñ→");
    }
}
