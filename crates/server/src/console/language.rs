//! The console's two languages. A text is written where it is shown, in both at once, so that none can lack one.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;

use super::visitor::cookie;

/// Name of the cookie that keeps the choice.
pub(crate) const COOKIE: &str = "ticketbridge_language";

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Spanish,
}

impl Language {
    /// All, as the switch shows them.
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::Spanish];

    /// What was chosen here before; else what the browser prefers; else English.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        cookie(headers, COOKIE).and_then(Self::from_tag).unwrap_or_else(|| Self::preferred(headers))
    }

    /// From a language tag; the region does not matter.
    pub(crate) fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The tag of RFC 5646.
    pub(crate) fn tag(self) -> &'static str {
        self.pick("en", "es")
    }

    /// Its own name.
    pub(crate) fn name(self) -> &'static str {
        self.pick("English", "Español")
    }

    /// The text in this language.
    pub(crate) fn pick<T>(self, english: T, spanish: T) -> T {
        match self {
            Self::English => english,
            Self::Spanish => spanish,
        }
    }

    fn preferred(headers: &HeaderMap) -> Self {
        let text = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut best = (0.0, Self::English);
        for range in text.split(',').take(20) {
            let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
            let weight: f32 = weight.trim().parse().unwrap_or(0.0);
            if let Some(language) = Self::from_tag(tag)
                && weight > best.0
            {
                best = (weight, language);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::Language;
    use axum::http::HeaderMap;

    fn of(pairs: &[(&'static str, &'static str)]) -> Language {
        let headers: HeaderMap =
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Language::of(&headers)
    }

    #[test]
    fn the_choice_comes_before_the_browser_and_english_is_the_rest() {
        for (accepted, expected) in [
            ("es-UY,es;q=0.9,en;q=0.8", Language::Spanish),
            ("en-GB, es;q=0.5", Language::English),
            ("fr, es;q=0.3, en;q=0.2", Language::Spanish),
            ("fr", Language::English),
            ("", Language::English),
            ("es;q=x", Language::English),
        ] {
            assert_eq!(of(&[("accept-language", accepted)]), expected, "{accepted}");
        }
        let chosen = [("accept-language", "en"), ("cookie", "a=b; ticketbridge_language=es")];
        assert_eq!(of(&chosen), Language::Spanish);
    }
}
