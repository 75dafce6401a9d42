//! The dedupe key of a ticket (telecom contract §7.3).

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// `kind_key(kind)|group_id`. Split at the first `|` only: a group id may hold more.
pub fn dedupe_key(kind: &str, group_id: &str) -> String {
    format!("{}|{group_id}", kind_key(kind))
}

/// A kind without accents and case, each run of other characters one `_`: a changed accent does not change the key.
pub fn kind_key(kind: &str) -> String {
    let mut key = String::with_capacity(kind.len());
    for letter in kind.nfd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_uppercase) {
        if letter.is_ascii_uppercase() || letter.is_ascii_digit() {
            key.push(letter);
        } else if !key.ends_with('_') && !key.is_empty() {
            key.push('_');
        }
    }
    if key.ends_with('_') {
        key.pop();
    }
    key
}

#[cfg(test)]
mod tests {
    use super::{dedupe_key, kind_key};

    #[test]
    fn accents_case_and_punctuation_do_not_count() {
        assert_eq!(kind_key("Falla de Línea"), "FALLA_DE_LINEA");
        assert_eq!(kind_key("  falla -- de linea! "), "FALLA_DE_LINEA");
        assert_eq!(kind_key("SNR"), "SNR");
        assert_eq!(dedupe_key("SNR", "USSG|1"), "SNR|USSG|1");
    }
}
