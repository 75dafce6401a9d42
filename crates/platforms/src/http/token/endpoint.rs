//! One token request, RFC 6749, and what its answer means.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::http::auth::{basic, sensitive};
use crate::http::record::Kept;
use crate::http::stopwatch::Moment;
use crate::http::wire::{Shown, Wire, not_sent};
use crate::http::{Grant, OAuth2, Purpose, Secret, retry_after};
use crate::{Answer, LoginFault, Transport};

/// Life of a token whose answer names none.
const DEFAULT_LIFE: Duration = Duration::from_mins(5);
/// Longest life that is believed.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// Longest answer of a token endpoint, in bytes.
const MAX_TOKEN_ANSWER: usize = 64 * 1024;
/// Longest excerpt of an answer in a message, in bytes.
const EXCERPT: usize = 300;
/// What stands for a secret in the text of a request.
const MASK: &str = "***";

/// What is given for a token this time.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) enum Asked<'k> {
    /// The grant of the configuration.
    Grant,
    /// A refresh token, RFC 6749 §6.
    Refresh(&'k Secret),
}

/// A token that was issued.
#[derive(Debug)]
pub(in crate::http) struct Granted {
    /// The value of the header `Authorization`, marked sensitive.
    pub(in crate::http) header: HeaderValue,
    pub(in crate::http) life: Duration,
    pub(in crate::http) refresh: Option<Secret>,
}

/// A token request that brought none.
#[derive(Debug)]
pub(in crate::http) struct Fault {
    pub(in crate::http) login: LoginFault,
    /// For people, without secrets.
    pub(in crate::http) why: String,
    /// The platform may have acted, though there is no token: a refresh token, and the token before, may be dead by now.
    pub(in crate::http) consumed: bool,
    /// The platform's own wish for a pause.
    pub(in crate::http) wish: Option<Duration>,
}

/// Where tokens come from; apart, so that the rules of the cache can be tested without sockets.
pub(in crate::http) trait Endpoint: Send + Sync + 'static {
    /// Asks once.
    fn ask(&self, asked: Asked<'_>, within: Duration) -> impl Future<Output = Result<Granted, Fault>> + Send;
}

/// The real one.
pub(in crate::http) struct TokenEndpoint {
    oauth: OAuth2,
    url: reqwest::Url,
    wire: Arc<Wire>,
}

/// The members of a token answer that count.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<Value>,
    #[serde(default)]
    refresh_token: Option<String>,
}

impl Endpoint for TokenEndpoint {
    async fn ask(&self, asked: Asked<'_>, within: Duration) -> Result<Granted, Fault> {
        let begun = Moment::now();
        let transport = self.exchange(asked, within).await;
        self.wire.observe(|| self.shown(asked), &transport, begun.elapsed());
        match transport {
            Transport::NotSent { why, .. } => Err(self.unreachable(&why, false)),
            Transport::NoAnswer { why, .. } => Err(self.unreachable(&why, true)),
            Transport::Answered(answer) if answer.status.is_success() => self.granted(&answer.body),
            Transport::Answered(answer) => Err(self.refused(&answer)),
        }
    }
}

impl TokenEndpoint {
    pub(in crate::http) fn new(oauth: OAuth2, url: reqwest::Url, wire: Arc<Wire>) -> Self {
        Self { oauth, url, wire }
    }

    async fn exchange(&self, asked: Asked<'_>, within: Duration) -> Transport {
        let mut request = self.wire.client.post(self.url.clone()).timeout(within);
        if self.oauth.client_in_header {
            match sensitive(&format!("Basic {}", self.oauth.client_basic())) {
                Ok(value) => request = request.header(AUTHORIZATION, value),
                Err(error) => return not_sent(error.to_string()),
            }
        }
        let request = request
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        let form = Bytes::from(self.form(asked, Secret::expose));
        self.wire.exchange(request, Some(form), None, MAX_TOKEN_ANSWER).await
    }

    /// The form of a token request, secrets as `tell` tells them.
    fn form(&self, asked: Asked<'_>, tell: fn(&Secret) -> &str) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        match (asked, &self.oauth.grant) {
            (Asked::Refresh(refresh), _) => {
                form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", tell(refresh));
            }
            (Asked::Grant, Grant::ClientCredentials) => {
                form.append_pair("grant_type", "client_credentials");
            }
            (Asked::Grant, Grant::Password { username, password }) => {
                form.append_pair("grant_type", "password");
                form.append_pair("username", username).append_pair("password", tell(password));
            }
        }
        if !self.oauth.client_in_header {
            form.append_pair("client_id", &self.oauth.client_id);
            if let Some(secret) = &self.oauth.client_secret {
                form.append_pair("client_secret", tell(secret));
            }
        }
        if let Some(scope) = &self.oauth.scope {
            form.append_pair("scope", scope);
        }
        for (name, value) in &self.oauth.parameters {
            form.append_pair(name, value);
        }
        form.finish()
    }

    /// What the record shows. The redactor masks, too, what a setting repeats of a secret.
    fn shown(&self, asked: Asked<'_>) -> Shown {
        let target = match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        };
        let request = Kept::Shown(self.wire.redactor().redact(&self.form(asked, |_| MASK)));
        Shown { purpose: Purpose::Other, method: String::from("POST"), target, request, keep_answer: false }
    }

    fn unreachable(&self, why: &str, consumed: bool) -> Fault {
        let why = format!("no token: {}", self.wire.redactor().redact(why));
        Fault { login: LoginFault::Unreachable, why, consumed, wish: None }
    }

    /// An answer that is no token.
    fn refused(&self, answer: &Answer) -> Fault {
        let (error, description) = refusal_words(&answer.body);
        let login = (self.oauth.refusals)(answer.status, &error, &description);
        let words = if !error.is_empty() || !description.is_empty() {
            self.wire.redactor().capture(format!("{error} {description}").trim().as_bytes(), EXCERPT)
        } else if may_hold_a_token(&answer.body) {
            String::from("(not shown, since it may hold a token)")
        } else {
            self.wire.redactor().capture(answer.body.trim_ascii(), EXCERPT)
        };
        // Who asks for patience or says 503 did nothing; any other trouble of the platform leaves it open.
        let nothing_done = login == LoginFault::Throttled || answer.status == StatusCode::SERVICE_UNAVAILABLE;
        Fault {
            login,
            why: format!("no token: the token endpoint answered {}: {words}", answer.status),
            consumed: !nothing_done,
            wish: retry_after(&answer.headers),
        }
    }

    /// An answer that should be a token. Neither the body nor serde's excerpt of it may be shown: the token is in it.
    fn granted(&self, body: &[u8]) -> Result<Granted, Fault> {
        let answer: TokenAnswer = serde_json::from_slice(body).map_err(|_| {
            self.unreachable("the answer of the token endpoint is no JSON with an `access_token`", true)
        })?;
        if answer.access_token.is_empty() {
            return Err(self.unreachable("the token endpoint answered an empty `access_token`", true));
        }
        let token = Secret::known(&answer.access_token);
        let refresh = answer.refresh_token.filter(|text| !text.is_empty()).map(|text| Secret::known(&text));
        self.wire.redactor().remember(&token);
        if let Some(refresh) = &refresh {
            self.wire.redactor().remember(refresh);
        }
        let header = sensitive(&format!("Bearer {}", token.expose()))
            .map_err(|_| self.unreachable("the token that was issued can't be put into a header", true))?;
        Ok(Granted { header, life: life(answer.expires_in.as_ref()), refresh })
    }
}

impl OAuth2 {
    /// Client id and secret for HTTP Basic.
    pub(in crate::http) fn client_basic(&self) -> String {
        let nothing = Secret::known("");
        basic(&self.client_id, self.client_secret.as_ref().unwrap_or(&nothing))
    }
}

/// `error` and `error_description` of the error body of a token endpoint (RFC 6749 §5.2), without blanks at their ends;
/// empty where it has none, whatever the body is.
pub fn refusal_words(body: &[u8]) -> (String, String) {
    let members: serde_json::Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    (text("error"), text("error_description"))
}

/// Whether a body that could not be read has the looks of a token answer, cut or under a wrong status.
fn may_hold_a_token(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).to_ascii_lowercase().contains("_token")
}

/// How long a token lives; `expires_in` comes as a number or as text.
fn life(expires_in: Option<&Value>) -> Duration {
    let seconds = expires_in.and_then(|value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()));
    match seconds {
        Some(seconds) if seconds.is_finite() => Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_LIFE.as_secs_f64())),
        _ => DEFAULT_LIFE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_a_number_or_a_text() {
        assert_eq!(life(Some(&1199.into())), Duration::from_secs(1199));
        assert_eq!(life(Some(&" 40 ".into())), Duration::from_secs(40));
        assert_eq!(life(Some(&1199.5.into())), Duration::from_millis(1_199_500));
        assert_eq!(life(Some(&(-1).into())), Duration::ZERO);
        assert_eq!(life(Some(&u64::MAX.into())), LONGEST_LIFE);
        for nonsense in [Value::Null, Value::from("soon"), Value::from("NaN"), Value::from("inf"), Value::from([1])] {
            assert_eq!(life(Some(&nonsense)), DEFAULT_LIFE, "{nonsense}");
        }
        assert_eq!(life(None), DEFAULT_LIFE);
    }

    #[test]
    fn error_bodies_of_any_sort_are_read() {
        let read = |body: &str| refusal_words(body.as_bytes());
        let pair = |error: &str, description: &str| (error.to_owned(), description.to_owned());
        assert_eq!(read(r#"{"error":" invalid_grant ","error_description":"no"}"#), pair("invalid_grant", "no"));
        assert_eq!(read(r#"{"error":{"code":7},"error_description":null}"#), pair("", ""));
        for body in ["", "<html>", "[]", "null", r#"{"error":"cu"#, &"[".repeat(60_000), &"{\"a\":".repeat(10_000)] {
            assert_eq!(read(body), pair("", ""));
        }
        assert_eq!(refusal_words(b"\xff\xfe"), pair("", ""));
    }
}
