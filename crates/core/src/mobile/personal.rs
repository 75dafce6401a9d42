//! Personal data of spectators, as types that do not show themselves: `Debug` and `Display` mask, serialization tells.
//!
//! An e-mail shows its first letter and its domain, a name its first letter, a number its last two characters if it has
//! at least five, a date of birth nothing.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest e-mail, in characters.
const MAX_EMAIL: usize = 256;

/// A valid e-mail in its normalised form: trimmed, lower case, one `@` between non-empty ends, no white space, at most
/// 256 characters. All comparisons and everything stored use this form (TIXNGO contract §6.2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Email<'a>(Cow<'a, str>);

impl<'a> Email<'a> {
    /// Normalises `text`; `None` if it is no valid e-mail.
    pub fn normalised(text: Cow<'a, str>) -> Option<Self> {
        let text = narrowed(text, str::trim);
        let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        let text = if is_lower { text } else { Cow::Owned(text.to_lowercase()) };
        let (local, domain) = text.split_once('@')?;
        let is_valid = !local.is_empty()
            && !domain.is_empty()
            && !domain.contains('@')
            && !text.contains(char::is_whitespace)
            && text.chars().count() <= MAX_EMAIL;
        is_valid.then_some(Self(text))
    }

    /// The e-mail itself, unmasked.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same e-mail, borrowed.
    pub fn borrowed(&self) -> Email<'_> {
        Email(Cow::Borrowed(&self.0))
    }
}

impl fmt::Display for Email<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, domain) = self.0.split_once('@').unwrap_or_default();
        write!(f, "{}***@{domain}", Initial(local))
    }
}

impl fmt::Debug for Email<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! personal {
    ($(#[$doc:meta])* $name:ident, $value:ident => $mask:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name<'a>(Cow<'a, str>);

        impl<'a> $name<'a> {
            /// The text itself, unmasked.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The same text, borrowed.
            pub fn borrowed(&self) -> $name<'_> {
                $name(Cow::Borrowed(&self.0))
            }
        }

        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl<'a> From<Cow<'a, str>> for $name<'a> {
            fn from(text: Cow<'a, str>) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $value: &str = &self.0;
                fmt::Display::fmt(&$mask, f)
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

personal! {
    /// A first or last name.
    Name, text => format_args!("{}***", Initial(text))
}
personal! {
    /// A telephone, identity card or passport number.
    Number, text => format_args!("***{}", LastTwo(text))
}
personal! {
    /// A date of birth, `yyyy-MM-dd`.
    BirthDate, _text => "***"
}
personal! {
    /// A text that may hold anything, such as an extra information.
    PrivateText, _text => "***"
}

struct Initial<'a>(&'a str);

impl fmt::Display for Initial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().next().map_or(Ok(()), |letter| write!(f, "{letter}"))
    }
}

struct LastTwo<'a>(&'a str);

impl fmt::Display for LastTwo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.chars().count();
        if count < 5 {
            return Ok(());
        }
        self.0.chars().skip(count - 2).try_for_each(|character| write!(f, "{character}"))
    }
}

/// A part of `text`, still borrowed if `text` was.
pub(super) fn narrowed<'a>(text: Cow<'a, str>, part: impl for<'x> FnOnce(&'x str) -> &'x str) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)),
        Cow::Owned(text) => {
            let part = part(&text);
            if part.len() == text.len() { Cow::Owned(text) } else { Cow::Owned(part.to_owned()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_masked() {
        let email = Email::normalised(" Ann@Example.ORG ".into()).expect("valid");
        assert_eq!(format!("{email} {email:?}"), "a***@example.org a***@example.org");
        assert_eq!(format!("{:?}", Name::from(Cow::Borrowed("Zoë"))), "Z***");
        assert_eq!(format!("{:?}", Number::from(Cow::Borrowed("+41790000012"))), "***12");
        assert_eq!(format!("{:?}", Number::from(Cow::Borrowed("X1"))), "***");
        assert_eq!(format!("{:?}", BirthDate::from(Cow::Borrowed("1990-02-28"))), "***");
    }

    #[test]
    fn what_is_serialized_is_not_masked() {
        let email = Email::normalised(" Ann@Example.ORG ".into()).expect("valid");
        let name = Name::from(Cow::Borrowed("Ann"));
        assert_eq!(serde_json::to_string(&(email, name)).expect("JSON"), r#"["ann@example.org","Ann"]"#);
    }
}
