//! What a value may be, and the fields of a contact that callers write.

use jiff::civil::Date;

use super::record::{Change, Contact, Value};

/// What a text must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// At most so many characters, white space alone is refused.
    Text(usize),
    /// Two upper-case letters.
    Country,
    /// Two lower-case letters.
    Language,
    /// `yyyy-MM-dd`, a day of the calendar.
    Date,
    /// `yyyy-MM-ddTHH:mm:ss.fffZ`.
    Instant,
}

/// Checks a value; answers what is wrong with it.
pub(super) fn check(rule: Rule, name: &str, value: &str) -> Result<(), String> {
    let two_letters = |is_right: fn(&u8) -> bool| value.len() == 2 && value.as_bytes().iter().all(is_right);
    let (fits, wanted) = match rule {
        Rule::Text(_) if value.trim().is_empty() => return Err(format!("{name} is empty")),
        Rule::Text(most) => {
            let length = value.chars().count();
            if length > most {
                return Err(format!("{name} has {length} characters, at most {most} fit"));
            }
            return Ok(());
        }
        Rule::Country => (two_letters(u8::is_ascii_uppercase), "two upper-case letters"),
        Rule::Language => (two_letters(u8::is_ascii_lowercase), "two lower-case letters"),
        Rule::Date => (is_date(value), "a day as yyyy-MM-dd"),
        Rule::Instant => (is_instant(value), "an instant in UTC with three fractional digits"),
    };
    if fits { Ok(()) } else { Err(format!("{name} must be {wanted}")) }
}

/// Whether a text has digits where the pattern has a `0`, and the pattern's own characters elsewhere.
fn looks_like(text: &str, pattern: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
}

fn is_date(text: &str) -> bool {
    looks_like(text, "0000-00-00") && text.parse::<Date>().is_ok()
}

fn is_instant(text: &str) -> bool {
    looks_like(text, "0000-00-00T00:00:00.000Z") && text.parse::<jiff::Timestamp>().is_ok() && &text[17..19] < "60"
}

/// A field of a contact that callers write.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) rule: Rule,
    place: fn(&mut Contact) -> &mut Option<Box<str>>,
}

/// All fields but the e-mail, which is set when a contact is made and never again.
pub(super) static CONTACT: [Field; 9] = [
    Field { name: "individualTitle", rule: Rule::Text(256), place: |contact| &mut contact.individual_title },
    Field { name: "individualFirstname", rule: Rule::Text(50), place: |contact| &mut contact.individual_firstname },
    Field { name: "individualLastname", rule: Rule::Text(100), place: |contact| &mut contact.individual_lastname },
    Field { name: "individualBirthdate", rule: Rule::Date, place: |contact| &mut contact.individual_birthdate },
    Field { name: "individualCountryCode", rule: Rule::Country, place: |contact| &mut contact.individual_country_code },
    Field { name: "individualIdNumber", rule: Rule::Text(256), place: |contact| &mut contact.individual_id_number },
    Field { name: "cellPhoneNumber", rule: Rule::Text(256), place: |contact| &mut contact.cell_phone_number },
    Field { name: "countryCode", rule: Rule::Country, place: |contact| &mut contact.country_code },
    Field {
        name: "individualPreferredLanguage",
        rule: Rule::Language,
        place: |contact| &mut contact.individual_preferred_language,
    },
];

/// The authorizations of the institution and of third parties.
pub(super) const CONSENTS: [&str; 2] = ["CNIL_O", "CNIL_T"];

/// Reads one field of a contact: a text or null.
pub(super) fn change(field: &Field, value: &serde_json::Value) -> Result<Change, String> {
    let text = match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => {
            check(field.rule, field.name, text)?;
            Some(text.as_str().into())
        }
        _ => return Err(format!("{} must be a text or null", field.name)),
    };
    Ok(Change { field: field.name, value: Value::Text(text) })
}

/// Reads the authorizations: true, false or null each.
pub(super) fn consents(value: &serde_json::Value) -> Result<Vec<Change>, String> {
    let members = match value {
        serde_json::Value::Null => return Ok(Vec::new()),
        serde_json::Value::Object(members) => members,
        _ => return Err("authorizations must be an object".to_owned()),
    };
    let read = |(name, value): (&String, &serde_json::Value)| {
        let field = CONSENTS.into_iter().find(|known| known == name);
        let field = field.ok_or_else(|| format!("authorizations has no member `{name}`"))?;
        let consent = match value {
            serde_json::Value::Null => None,
            serde_json::Value::Bool(consent) => Some(*consent),
            _ => return Err(format!("authorizations.{field} must be true, false or null")),
        };
        Ok(Change { field, value: Value::Consent(consent) })
    };
    members.iter().map(read).collect()
}

/// Sets one field of a contact.
pub(super) fn apply(contact: &mut Contact, change: Change) {
    match change.value {
        Value::Text(text) => {
            if let Some(field) = CONTACT.iter().find(|field| field.name == change.field) {
                *(field.place)(contact) = text;
            }
        }
        Value::Consent(consent) if change.field == CONSENTS[0] => contact.authorizations.institution = consent,
        Value::Consent(consent) => contact.authorizations.third_party = consent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_their_rules() {
        let fits = |rule, value: &str| check(rule, "x", value).is_ok();
        assert!(fits(Rule::Text(3), "äöü") && !fits(Rule::Text(3), "äöüa") && !fits(Rule::Text(3), "  "));
        assert!(fits(Rule::Country, "CH") && !fits(Rule::Country, "ch") && !fits(Rule::Country, "CHE"));
        assert!(fits(Rule::Language, "fr") && !fits(Rule::Language, "FR") && !fits(Rule::Language, "é"));
        assert!(fits(Rule::Date, "2028-02-29") && !fits(Rule::Date, "2026-02-29") && !fits(Rule::Date, "2026-2-9"));
        assert!(fits(Rule::Instant, "2026-05-04T08:00:00.500Z"));
        for wrong in [
            "2026-05-04T08:00:00Z",
            "2026-05-04T08:00:00.5Z",
            "2026-05-04T08:00:00.500+00:00",
            "2026-05-04 08:00:00.500Z",
            "2026-05-04T08:00:60.500Z",
            "2026-02-30T08:00:00.500Z",
            "2026-05-04T08:00:00.5é0",
        ] {
            assert!(!fits(Rule::Instant, wrong), "{wrong}");
        }
    }
}
