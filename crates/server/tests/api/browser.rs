//! What a browser does with the console: reads pages, and sends the forms that stand on them.

use reqwest::Method;

use crate::place::{Place, Reply, reply};

/// A text that must never be read as HTML.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>\"'";
/// How it has to stand in a page.
pub(crate) const ESCAPED: &str = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;";

/// Callers with the tokens `token-of-viewer` and `token-of-operator`.
pub(crate) const TOKENS: &str = r#"
[[server.tokens]]
name = "eyes"
role = "viewer"
token = "env:TOKEN_VIEWER"
[[server.tokens]]
name = "hands"
role = "operator"
token = "env:TOKEN_OPERATOR"
"#;

/// Somebody with a browser.
pub(crate) struct Browser<'p> {
    place: &'p Place,
    token: Option<&'static str>,
    language: &'static str,
}

impl<'p> Browser<'p> {
    /// In English, without a token.
    pub(crate) fn at(place: &'p Place) -> Self {
        Self { place, token: None, language: "en" }
    }

    /// With the token of this role.
    pub(crate) fn with(self, token: &'static str) -> Self {
        Self { token: Some(token), ..self }
    }

    /// With the choice of Spanish.
    pub(crate) fn spanish(self) -> Self {
        Self { language: "es", ..self }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request =
            self.place.request(method, path).header("cookie", format!("ticketbridge_language={}", self.language));
        match self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Whatever is answered.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        reply(self.request(Method::GET, path)).await
    }

    /// A page that must be there. Nothing in it may be markup that somebody else wrote.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!((answer.status, answer.kind.as_str()), (200, "text/html; charset=utf-8"), "{path}: {}", answer.text);
        checked(path, answer.text)
    }

    /// Sends a form as the page at `page` has it, with its seal, and follows to the page behind it.
    pub(crate) async fn send(&self, page: &str, form: &str, fields: &[(&str, &str)]) -> Reply {
        let text = self.page(page).await;
        let (_, rest) = text.split_once("name=\"seal\" value=\"").unwrap();
        let (seal, _) = rest.split_once('"').unwrap();
        let mut fields = fields.to_vec();
        fields.push(("seal", seal));
        self.post(form, &fields).await
    }

    /// Sends a form and expects to see this in the page behind it.
    pub(crate) async fn does(&self, page: &str, form: &str, fields: &[(&str, &str)], says: &str) -> String {
        let answer = self.send(page, form, fields).await;
        assert_eq!(answer.status, 200, "{form}: {}", answer.text);
        assert!(answer.text.contains(says), "{form} does not say `{says}`: {}", answer.text);
        checked(form, answer.text)
    }

    /// Sends these fields, with or without a seal.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = serde_html_form::to_string(fields).unwrap();
        let request = self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
        reply(request.body(body)).await
    }

    /// The form is refused without the seal, and with a wrong one.
    pub(crate) async fn is_sealed(&self, path: &str, fields: &[(&str, &str)]) {
        for seal in ["", "0123456789abcdef"] {
            let mut fields = fields.to_vec();
            fields.push(("seal", seal));
            let answer = self.post(path, &fields).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.text);
        }
    }
}

fn checked(path: &str, text: String) -> String {
    assert!(!text.contains("<script>alert"), "{path}: {text}");
    assert!(!text.contains(" style="), "{path}: no inline style");
    text
}

/// The page has all of these.
#[track_caller]
pub(crate) fn has(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "`{text}` is not in {page}");
    }
}
