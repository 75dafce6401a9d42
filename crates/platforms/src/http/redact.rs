//! Masks secrets in text that is kept or shown.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use super::Secret;

/// What stands in place of a secret.
const MASK: &str = "***";
/// Most forms of secrets remembered; the oldest token leaves first. Six forms per secret at most.
const MAX_FORMS: usize = 128;

/// Knows the secrets of one platform and replaces each by `***`, also where it stands percent-encoded or escaped.
#[derive(Default)]
pub struct Redactor {
    fixed: Vec<String>,
    known: RwLock<Known>,
}

/// What is looked for, changed only when a token is issued: bodies are masked far more often.
#[derive(Default)]
struct Known {
    /// Forms of tokens, the oldest first.
    tokens: Vec<String>,
    /// All forms, the longest first: a secret that contains another one is masked whole, whichever came first.
    forms: Vec<String>,
}

impl Redactor {
    /// Masks these secrets.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let fixed: Vec<String> = secrets.into_iter().flat_map(|secret| forms(secret.expose())).collect();
        let known = Known { tokens: Vec::new(), forms: longest_first(fixed.clone()) };
        Self { fixed, known: RwLock::new(known) }
    }

    /// Masks this text, too, from now on (a token that was just issued).
    pub(super) fn remember(&self, secret: &Secret) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.tokens.extend(forms(secret.expose()));
        let surplus = known.tokens.len().saturating_sub(MAX_FORMS);
        known.tokens.drain(..surplus);
        known.forms = longest_first(self.fixed.iter().chain(&known.tokens).cloned().collect());
    }

    /// `text` without secrets.
    pub fn redact(&self, text: &str) -> String {
        self.masked(text).into_owned()
    }

    /// Copies only what holds a secret.
    fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut clean = Cow::Borrowed(text);
        for form in &known.forms {
            if clean.contains(form.as_str()) {
                clean = Cow::Owned(clean.replace(form.as_str(), MASK));
            }
        }
        clean
    }

    /// The first `limit` bytes of a body as text without secrets. A huge body is not copied whole: only a window of it
    /// is looked at, and its last bytes, which may be the first half of a secret, are left out.
    pub fn capture(&self, body: &[u8], limit: usize) -> String {
        let longest = self.longest();
        let window = &body[..body.len().min(limit.saturating_add(longest).saturating_mul(2))];
        let text = String::from_utf8_lossy(window);
        let clean = self.masked(&text);
        let whole = window.len() == body.len();
        let end = if whole { clean.len() } else { clean.len().saturating_sub(longest) };
        if end <= limit && whole {
            return clean.into_owned();
        }
        let shown = &clean[..clean.floor_char_boundary(end.min(limit))];
        format!("{shown}… ({} bytes)", body.len())
    }

    fn longest(&self) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.forms.first().map_or(0, String::len)
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.fixed.len())
    }
}

fn longest_first(mut forms: Vec<String>) -> Vec<String> {
    forms.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    forms.dedup();
    forms
}

/// The forms in which a secret may turn up: as it is, percent-encoded, inside a JSON string.
fn forms(secret: &str) -> Vec<String> {
    if secret.is_empty() {
        return Vec::new();
    }
    let json = serde_json::Value::from(secret).to_string();
    let mut forms = vec![
        secret.to_owned(),
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        json[1..json.len() - 1].to_owned(),
    ];
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_in_every_form() {
        let redactor = Redactor::new([&Secret::known("p\"ss w/rd")]);
        let text = r#"plain p"ss w/rd, json "p\"ss w/rd", query p%22ss%20w%2Frd, form p%22ss+w%2Frd"#;
        let clean = redactor.redact(text);
        assert_eq!(clean, r#"plain ***, json "***", query ***, form ***"#);
    }

    #[test]
    fn a_cut_never_shows_half_a_secret() {
        let redactor = Redactor::new([&Secret::known("abcdefghij")]);
        assert_eq!(redactor.capture(b"12345abcdefghij67890", 8), "12345***… (20 bytes)");
        assert_eq!(redactor.capture("ñandú ñandú".as_bytes(), 3), "ña… (15 bytes)");
        let body = "abcdefghij".repeat(100);
        for cut in 0..60 {
            let shown = redactor.capture(&body.as_bytes()[cut..], 20);
            assert!(!shown.contains("abcde"), "{shown}");
        }
    }

    #[test]
    fn a_token_that_contains_another_secret_is_masked_whole() {
        let redactor = Redactor::new([&Secret::known("client-7")]);
        redactor.remember(&Secret::known("first"));
        redactor.remember(&Secret::known("first.client-7.second"));
        assert_eq!(redactor.redact("a first.client-7.second b client-7 c first"), "a *** b *** c ***");
    }

    #[test]
    fn tokens_are_remembered_within_a_bound() {
        let redactor = Redactor::default();
        for number in 0..1000 {
            redactor.remember(&Secret::known(&format!("token-{number}-end")));
        }
        assert!(redactor.known.read().unwrap().tokens.len() <= MAX_FORMS);
        assert_eq!(redactor.redact("token-999-end"), "***");
    }
}
