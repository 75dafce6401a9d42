//! Texts that fit their fields: descriptions may be cut, what is searched or compared by never.
//!
//! Sizes are counted as .NET and its database count: in UTF-16 units, so that one emoji is two.

use super::site::Field;
use super::wire::FieldValue;

/// A cut text ends with it.
const CUT: char = '…';

/// A field's new value.
fn value(field: &Field, value: String) -> FieldValue {
    FieldValue { dirty: true, field_id: field.id.clone(), name: field.name.clone(), value }
}

/// Most units of a field; a site that says zero says nothing.
fn limit(field: &Field) -> usize {
    field.maximum.filter(|maximum| *maximum > 0).unwrap_or(usize::MAX)
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A text for people: cut at the size of its field, on a character boundary.
pub(super) fn text(field: &Field, text: &str) -> FieldValue {
    value(field, cut(text, limit(field)))
}

/// A text that is compared or searched by, or that the site checks: never cut. The error names field and size.
pub(super) fn key(field: &Field, what: &str, text: &str) -> Result<FieldValue, String> {
    let (needed, limit) = (units(text), limit(field));
    if needed > limit {
        return Err(format!(
            "the {what} `{text}` has {needed} characters, and the field `{}` takes {limit}; it is written whole or not \
             at all: give the field more room on the site",
            field.name
        ));
    }
    Ok(value(field, text.to_owned()))
}

/// A note's text: cut before its marker, which stays whole.
pub(super) fn marked(field: &Field, text: &str, marker: &str) -> Result<FieldValue, String> {
    let Some(words) = text.trim_end().strip_suffix(marker) else {
        return Err(format!("the note's text does not end with its marker `{marker}`, by which it is found again"));
    };
    let (needed, limit) = (units(marker), limit(field));
    if needed > limit {
        return Err(format!(
            "the marker `{marker}` has {needed} characters, and the field `{}` takes {limit}: a note could not be found \
             again; give the field more room on the site",
            field.name
        ));
    }
    let whole = units(words) + needed <= limit;
    let words = if whole { words.to_owned() } else { cut(words.trim_end(), (limit - needed).saturating_sub(1)) };
    let between = if whole || words.is_empty() { "" } else { "\n" };
    Ok(value(field, format!("{words}{between}{marker}")))
}

/// At most `limit` units, the sign that it was cut included.
fn cut(text: &str, limit: usize) -> String {
    if units(text) <= limit {
        return text.to_owned();
    }
    let mut room = limit.saturating_sub(CUT.len_utf16());
    let kept = |c: &char| match room.checked_sub(c.len_utf16()) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    };
    let mut short: String = text.chars().take_while(kept).collect();
    if limit > 0 {
        short.push(CUT);
    }
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(maximum: Option<usize>) -> Field {
        Field { id: String::from("BO:1,FI:2"), short: String::from("2"), name: String::from("Details"), maximum }
    }

    #[test]
    fn a_text_is_cut_on_a_character_boundary() {
        let rows = [
            (Some(7), "línea", "línea"),
            (Some(5), "línea", "línea"),
            (Some(4), "línea", "lín…"),
            (Some(1), "línea", "…"),
            // Two units each: half of one would be garbage.
            (Some(4), "🔥🔥🔥", "🔥…"),
            (Some(3), "🔥🔥🔥", "🔥…"),
            (Some(2), "🔥🔥🔥", "…"),
            (Some(0), "línea", "línea"),
            (None, "línea", "línea"),
        ];
        for (maximum, long, expected) in rows {
            assert_eq!(text(&field(maximum), long).value, expected, "{maximum:?} {long}");
        }
    }

    #[test]
    fn a_key_is_never_cut() {
        assert_eq!(key(&field(Some(9)), "dedupe key", "SNR|USSG1").unwrap().value, "SNR|USSG1");
        let why = key(&field(Some(8)), "dedupe key", "SNR|USSG1").unwrap_err();
        for word in ["dedupe key", "SNR|USSG1", "9 characters", "Details", "takes 8"] {
            assert!(why.contains(word), "{word}: {why}");
        }
    }

    #[test]
    fn a_note_is_cut_before_its_marker() {
        let note = "Nuevo incidente\n[ref:1]";
        let rows = [
            (None, note),
            (Some(23), note),
            (Some(22), "Nuevo inciden…\n[ref:1]"),
            (Some(10), "N…\n[ref:1]"),
            (Some(9), "…\n[ref:1]"),
            (Some(8), "[ref:1]"),
            (Some(7), "[ref:1]"),
        ];
        for (maximum, expected) in rows {
            let fitted = marked(&field(maximum), note, "[ref:1]").unwrap().value;
            assert_eq!(fitted, expected, "{maximum:?}");
        }
        assert!(marked(&field(Some(6)), note, "[ref:1]").unwrap_err().contains("takes 6"));
        assert!(marked(&field(None), "no marker", "[ref:1]").unwrap_err().contains("[ref:1]"));
    }

    proptest! {
        #[test]
        fn whatever_is_cut_fits_and_begins_as_it_did(words in ".{0,40}", maximum in 1_usize..50) {
            let short = text(&field(Some(maximum)), &words).value;
            prop_assert!(units(&short) <= maximum);
            prop_assert!(words.starts_with(short.trim_end_matches(CUT)) || words == short);
            let note = format!("{words}\n[ref:1]");
            if let Ok(fitted) = marked(&field(Some(maximum)), &note, "[ref:1]") {
                prop_assert!(units(&fitted.value) <= maximum);
                prop_assert!(fitted.value.ends_with("[ref:1]"));
            } else {
                prop_assert!(maximum < 7);
            }
        }
    }
}
