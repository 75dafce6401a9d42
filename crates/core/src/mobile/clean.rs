//! Cleaning of everything that is written to S-360 (TIXNGO contract §6.2).
//!
//! A value that fails its rule becomes missing and leaves a [`Warning`]; it never fails the ticket. Texts are cut to 50
//! (first name), 100 (last name) or 256 characters. A blank text is missing without a warning.

use std::borrow::Cow;
use std::fmt;

use super::instant::{UtcInstant, calendar_date};
use super::json;
use super::personal::{BirthDate, Email, Name, Number, PrivateText, narrowed};

/// Longest first name, in characters.
pub const MAX_FIRST_NAME: usize = 50;
/// Longest last name, in characters.
pub const MAX_LAST_NAME: usize = 100;
/// Longest of any other text, in characters.
pub const MAX_TEXT: usize = 256;

/// A value that was dropped or cut. The value itself is personal and not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning {
    /// Name of the field, as the diff endpoint spells it.
    pub field: &'static str,
    /// What is wrong with it.
    pub flaw: Flaw,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.flaw)
    }
}

/// What can be wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Another JSON type, or no Unicode.
    #[error("is not a text, and was left out")]
    NotText,
    /// Another JSON type.
    #[error("is not an object, and was left out")]
    NotAnObject,
    /// Another JSON type.
    #[error("is not true or false, and was left out")]
    NotBoolean,
    /// Not an e-mail.
    #[error("is not an e-mail, and was left out")]
    NotEmail,
    /// Not a calendar date.
    #[error("is not a date yyyy-MM-dd, and was left out")]
    NotDate,
    /// Not a country.
    #[error("is not a country code of two letters, and was left out")]
    NotCountry,
    /// Not a language.
    #[error("does not begin with a language code of two letters, and was left out")]
    NotLanguage,
    /// Not an instant.
    #[error("is not an RFC 3339 instant, and was left out")]
    NotInstant,
    /// Longer than its limit.
    #[error("is longer than {0} characters, and was cut")]
    TooLong(usize),
}

/// Applies the rules and collects the warnings. Values come as raw JSON; `None` is absent or null.
#[derive(Debug, Default)]
pub(super) struct Cleaner {
    pub(super) warnings: Vec<Warning>,
}

type Raw<'a> = Option<&'a str>;

impl Cleaner {
    pub(super) fn warn(&mut self, field: &'static str, flaw: Flaw) {
        self.warnings.push(Warning { field, flaw });
    }

    pub(super) fn text<'a>(&mut self, field: &'static str, raw: Raw<'a>) -> Option<Cow<'a, str>> {
        self.limited(field, raw, MAX_TEXT)
    }

    pub(super) fn first_name<'a>(&mut self, raw: Raw<'a>) -> Option<Name<'a>> {
        self.limited("firstName", raw, MAX_FIRST_NAME).map(Name::from)
    }

    pub(super) fn last_name<'a>(&mut self, raw: Raw<'a>) -> Option<Name<'a>> {
        self.limited("lastName", raw, MAX_LAST_NAME).map(Name::from)
    }

    pub(super) fn number<'a>(&mut self, field: &'static str, raw: Raw<'a>) -> Option<Number<'a>> {
        self.text(field, raw).map(Number::from)
    }

    pub(super) fn private_text<'a>(&mut self, field: &'static str, raw: Raw<'a>) -> Option<PrivateText<'a>> {
        self.text(field, raw).map(PrivateText::from)
    }

    pub(super) fn email<'a>(&mut self, field: &'static str, raw: Raw<'a>) -> Option<Email<'a>> {
        let text = self.string(field, raw)?;
        self.kept(field, Flaw::NotEmail, Email::normalised(text))
    }

    pub(super) fn birth_date<'a>(&mut self, raw: Raw<'a>) -> Option<BirthDate<'a>> {
        let text = self.string("dateOfBirth", raw)?;
        self.kept("dateOfBirth", Flaw::NotDate, date(text)).map(BirthDate::from)
    }

    pub(super) fn country<'a>(&mut self, field: &'static str, raw: Raw<'a>) -> Option<Cow<'a, str>> {
        let text = self.string(field, raw)?;
        self.kept(field, Flaw::NotCountry, country(text))
    }

    pub(super) fn language<'a>(&mut self, field: &'static str, raw: Raw<'a>) -> Option<Cow<'a, str>> {
        let text = self.string(field, raw)?;
        self.kept(field, Flaw::NotLanguage, language(text))
    }

    pub(super) fn boolean(&mut self, field: &'static str, raw: Raw<'_>) -> Option<bool> {
        match raw? {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.kept(field, Flaw::NotBoolean, None),
        }
    }

    pub(super) fn instant(&mut self, field: &'static str, raw: Raw<'_>) -> Option<UtcInstant> {
        let text = self.string(field, raw)?;
        self.kept(field, Flaw::NotInstant, UtcInstant::parse(&text))
    }

    /// The members of an object; all absent, with a warning, if the value is something else.
    pub(super) fn members<'a, const N: usize>(
        &mut self,
        field: &'static str,
        raw: Raw<'a>,
        names: &[&str; N],
    ) -> [Raw<'a>; N] {
        let Some(raw) = raw else { return [None; N] };
        let found = json::members(raw, names);
        self.kept(field, Flaw::NotAnObject, found).unwrap_or([None; N])
    }

    fn string<'a>(&mut self, field: &'static str, raw: Raw<'a>) -> Option<Cow<'a, str>> {
        let text = json::string(raw?);
        self.kept(field, Flaw::NotText, text)
    }

    fn limited<'a>(&mut self, field: &'static str, raw: Raw<'a>, limit: usize) -> Option<Cow<'a, str>> {
        let text = narrowed(self.string(field, raw)?, str::trim);
        let text = match text.char_indices().nth(limit) {
            None => text,
            Some((end, _)) => {
                self.warn(field, Flaw::TooLong(limit));
                narrowed(text, |text| text.get(..end).unwrap_or(text).trim_end())
            }
        };
        (!text.is_empty()).then_some(text)
    }

    fn kept<T>(&mut self, field: &'static str, flaw: Flaw, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.warn(field, flaw);
        }
        value
    }
}

/// `yyyy-MM-dd` of a real day from year 1 on, alone or followed by a time.
fn date(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let text = narrowed(text, str::trim);
    let (day, rest) = (text.get(..10)?, text.get(10..)?);
    let is_valid = (rest.is_empty() || rest.starts_with(['T', 't'])) && calendar_date(day)?.year() > 0;
    is_valid.then(|| narrowed(text, |text| text.get(..10).unwrap_or(text)))
}

fn country(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let is_valid = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_valid.then(|| in_case(text, u8::is_ascii_lowercase, str::to_ascii_uppercase))
}

fn language(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let (code, rest) = (text.get(..2)?, text.get(2..)?);
    let is_valid =
        code.bytes().all(|byte| byte.is_ascii_alphabetic()) && (rest.is_empty() || rest.starts_with(['-', '_']));
    let code = narrowed(text, |text| text.get(..2).unwrap_or(text));
    is_valid.then(|| in_case(code, u8::is_ascii_uppercase, str::to_ascii_lowercase))
}

/// `text` changed to the other case if any byte needs it.
fn in_case(text: Cow<'_, str>, needs: fn(&u8) -> bool, change: fn(&str) -> String) -> Cow<'_, str> {
    if text.as_bytes().iter().any(needs) { Cow::Owned(change(&text)) } else { text }
}

#[cfg(test)]
#[path = "clean_checks.rs"]
mod checks;
