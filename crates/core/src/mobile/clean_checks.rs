//! The cleaning rules as tables: raw JSON in, what is written out.

use super::*;

/// Runs `rule` on each raw value and compares; what is missing must have left a warning.
fn table(rule: impl for<'a> Fn(&mut Cleaner, Raw<'a>) -> Option<String>, rows: &[(&str, Option<&str>)]) {
    for (raw, expected) in rows {
        let mut cleaner = Cleaner::default();
        assert_eq!(rule(&mut cleaner, Some(raw)).as_deref(), *expected, "{raw}");
        assert_eq!(cleaner.warnings.len(), usize::from(expected.is_none()), "{raw}");
    }
    let mut cleaner = Cleaner::default();
    assert_eq!(rule(&mut cleaner, None), None);
    assert_eq!(cleaner.warnings, [], "null is missing without a warning");
}

#[test]
fn texts_are_trimmed() {
    let rule = |cleaner: &mut Cleaner, raw: Raw<'_>| cleaner.text("title", raw).map(Cow::into_owned);
    table(
        rule,
        &[
            ("\"MR\"", Some("MR")),
            ("\" \\t MR \\u00a0\\n\"", Some("MR")),
            ("\"a  b\"", Some("a  b")),
            ("\"\\u00e9\"", Some("é")),
            ("1", None),
            ("true", None),
            ("[]", None),
            ("{}", None),
            ("\"\\ud800\"", None),
        ],
    );
}

#[test]
fn blank_texts_are_missing_without_a_warning() {
    for raw in ["\"\"", "\"  \"", "\"\\u2003\""] {
        let mut cleaner = Cleaner::default();
        assert_eq!(cleaner.text("title", Some(raw)), None);
        assert_eq!(cleaner.warnings, []);
    }
}

#[test]
fn texts_are_cut_in_characters_and_trimmed_again() {
    let long = |characters: usize| format!("\"{}\"", "é".repeat(characters));
    for (limit, field) in [(MAX_FIRST_NAME, "firstName"), (MAX_LAST_NAME, "lastName"), (MAX_TEXT, "title")] {
        let rule = |cleaner: &mut Cleaner, raw: &str| match field {
            "firstName" => cleaner.first_name(Some(raw)).map(|name| name.as_str().to_owned()),
            "lastName" => cleaner.last_name(Some(raw)).map(|name| name.as_str().to_owned()),
            _ => cleaner.text("title", Some(raw)).map(Cow::into_owned),
        };
        let mut cleaner = Cleaner::default();
        assert_eq!(rule(&mut cleaner, &long(limit)), Some("é".repeat(limit)));
        assert_eq!(cleaner.warnings, []);
        assert_eq!(rule(&mut cleaner, &long(limit + 1)), Some("é".repeat(limit)));
        assert_eq!(cleaner.warnings, [Warning { field, flaw: Flaw::TooLong(limit) }]);
        let spaced = format!("\"  {} {}\"", "x".repeat(limit - 1), "y".repeat(9));
        assert_eq!(rule(&mut cleaner, &spaced), Some("x".repeat(limit - 1)), "trimmed after the cut");
    }
}

#[test]
fn emails_are_normalised_or_missing() {
    let rule = |cleaner: &mut Cleaner, raw: Raw<'_>| cleaner.email("email", raw).map(|email| email.as_str().to_owned());
    let just = format!("\"{}@X.org\"", "A".repeat(250));
    let over = format!("\"{}@X.org\"", "A".repeat(251));
    let just_clean = format!("{}@x.org", "a".repeat(250));
    table(
        rule,
        &[
            ("\"a@b\"", Some("a@b")),
            ("\" DAN@example.org \"", Some("dan@example.org")),
            ("\"\\u00c9VE@Example.org\"", Some("éve@example.org")),
            (&just, Some(&*just_clean)),
            (&over, None),
            ("\"\"", None),
            ("\"a\"", None),
            ("\"@b\"", None),
            ("\"a@\"", None),
            ("\"a@b@c\"", None),
            ("\"a b@c\"", None),
            ("\"a@b\\u00a0c\"", None),
            ("5", None),
        ],
    );
}

#[test]
fn dates_are_real_days() {
    let rule = |cleaner: &mut Cleaner, raw: Raw<'_>| cleaner.birth_date(raw).map(|date| date.as_str().to_owned());
    table(
        rule,
        &[
            ("\"1990-02-28\"", Some("1990-02-28")),
            ("\" 2024-02-29T00:00:00Z \"", Some("2024-02-29")),
            ("\"1990-02-28tanything\"", Some("1990-02-28")),
            ("\"1990-02-28T\"", Some("1990-02-28")),
            ("\"1990-02-28 10:00\"", None),
            ("\"1990-02-29\"", None),
            ("\"1990-13-01\"", None),
            ("\"1990-00-10\"", None),
            ("\"0000-01-01\"", None),
            ("\"1990-2-8\"", None),
            ("\"31/12/1980\"", None),
            ("\"19900228\"", None),
            ("\"1990-02-2\\u0663\"", None),
            ("\"+990-02-28\"", None),
            ("\"\"", None),
            ("19900228", None),
        ],
    );
}

#[test]
fn countries_are_two_letters_in_upper_case() {
    let rule = |cleaner: &mut Cleaner, raw: Raw<'_>| cleaner.country("nationality", raw).map(Cow::into_owned);
    table(
        rule,
        &[
            ("\"ch\"", Some("CH")),
            ("\"CH\"", Some("CH")),
            ("\"cH\"", Some("CH")),
            ("\" CH\"", None),
            ("\"CHE\"", None),
            ("\"C\"", None),
            ("\"C1\"", None),
            ("\"\\u00e9\"", None),
            ("\"Switzerland\"", None),
            ("41", None),
        ],
    );
}

#[test]
fn languages_are_two_letters_in_lower_case() {
    let rule = |cleaner: &mut Cleaner, raw: Raw<'_>| cleaner.language("language", raw).map(Cow::into_owned);
    table(
        rule,
        &[
            ("\"fr\"", Some("fr")),
            ("\"EN\"", Some("en")),
            ("\"DE-ch\"", Some("de")),
            ("\"de_\"", Some("de")),
            ("\"de-\\u00e9 x\"", Some("de")),
            ("\"english\"", None),
            ("\"e\"", None),
            ("\"e1\"", None),
            ("\"\\u00e9\\u00e9\"", None),
            ("\"e\\u00e9\"", None),
            ("\" fr\"", None),
            ("true", None),
        ],
    );
}

#[test]
fn booleans_are_only_true_and_false() {
    table(
        |cleaner, raw| cleaner.boolean("allowPromoEmail", raw).map(|value| value.to_string()),
        &[("true", Some("true")), ("false", Some("false")), ("\"true\"", None), ("1", None), ("0", None), ("[]", None)],
    );
}

#[test]
fn instants_are_utc() {
    let rule = |cleaner: &mut Cleaner, raw: Raw<'_>| cleaner.instant("initiatedAt", raw).map(|at| at.to_string());
    table(
        rule,
        &[
            ("\"2026-05-04T12:00:00.5+02:00\"", Some("2026-05-04T10:00:00.500Z")),
            ("\"2026-05-04\"", None),
            ("1777881600", None),
        ],
    );
}

#[test]
fn objects_of_another_type_have_nothing_in_them() {
    let mut cleaner = Cleaner::default();
    assert_eq!(cleaner.members("holder", Some("[1]"), &["firstName"]), [None]);
    assert_eq!(cleaner.warnings, [Warning { field: "holder", flaw: Flaw::NotAnObject }]);
    assert_eq!(cleaner.warnings[0].to_string(), "`holder` is not an object, and was left out");
}
