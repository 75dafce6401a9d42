//! A token that is fetched once and shared by all requests.
//!
//! Guarantee: never two token requests at a time per client; whoever comes meanwhile waits for the one under way. A 401
//! marks only the token that was used, so that many 401 at once renew it once. Tokens are renewed early, by 30 s or a
//! quarter of their life, whichever is less. A refused login is not repeated for 5 s, since accounts lock.

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;

use super::auth::{basic, sensitive};
use super::stopwatch::Moment;
use super::{Grant, OAuth2, Redactor, Secret};

/// Life of a token whose answer names none.
const DEFAULT_LIFE: Duration = Duration::from_mins(5);
/// Longest life that is believed.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// Pause after a token request that failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Longest answer of a token endpoint, in bytes.
const MAX_TOKEN_ANSWER: usize = 64 * 1024;

/// A token and its number; the number tells a 401 with this token from one with an earlier one.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) value: Secret,
    pub(super) number: u64,
}

#[derive(Default)]
struct Kept {
    token: Option<(Token, Moment, Duration)>,
    refresh: Option<Secret>,
    issued: u64,
    failure: Option<(Moment, String)>,
}

/// The token of one platform.
pub(super) struct TokenCache {
    oauth: OAuth2,
    url: reqwest::Url,
    timeout: Duration,
    kept: Mutex<Kept>,
}

/// The members of a token answer that count.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
    #[serde(default)]
    refresh_token: Option<String>,
}

impl TokenCache {
    pub(super) fn new(oauth: OAuth2, url: reqwest::Url, timeout: Duration) -> Self {
        Self { oauth, url, timeout, kept: Mutex::default() }
    }

    /// A token that is good for now. The error is for people and has no secret in it.
    pub(super) async fn get(&self, client: &reqwest::Client, redactor: &Redactor) -> Result<Token, String> {
        let mut kept = self.kept.lock().await;
        if let Some((token, since, life)) = &kept.token
            && since.elapsed() < *life
        {
            return Ok(token.clone());
        }
        if let Some((since, why)) = &kept.failure
            && since.elapsed() < PAUSE_AFTER_FAILURE
        {
            return Err(format!("{why} (not asked again for {} s)", PAUSE_AFTER_FAILURE.as_secs()));
        }
        kept.token = None;
        let refreshed = match kept.refresh.take() {
            Some(refresh) => self.fetch(client, redactor, Some(&refresh)).await.ok(),
            None => None,
        };
        let answer = match refreshed {
            Some(answer) => Ok(answer),
            None => self.fetch(client, redactor, None).await,
        };
        match answer {
            Ok((value, life, refresh)) => {
                redactor.remember(&value);
                kept.issued += 1;
                let token = Token { value, number: kept.issued };
                kept.token = Some((token.clone(), Moment::now(), life));
                kept.refresh = refresh;
                kept.failure = None;
                Ok(token)
            }
            Err(why) => {
                let why = redactor.redact(&why);
                kept.failure = Some((Moment::now(), why.clone()));
                Err(why)
            }
        }
    }

    /// The platform did not accept token `number`; a newer one is left alone.
    pub(super) async fn mark_stale(&self, number: u64) {
        let mut kept = self.kept.lock().await;
        if kept.token.as_ref().is_some_and(|(token, ..)| token.number == number) {
            kept.token = None;
        }
    }

    /// The form of a token request. Built apart, since the serializer must not be held over an await.
    fn form(&self, refresh: Option<&Secret>) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        match (refresh, &self.oauth.grant) {
            (Some(refresh), _) => {
                form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", refresh.expose());
            }
            (None, Grant::ClientCredentials) => {
                form.append_pair("grant_type", "client_credentials");
            }
            (None, Grant::Password { username, password }) => {
                form.append_pair("grant_type", "password");
                form.append_pair("username", username).append_pair("password", password.expose());
            }
        }
        if !self.oauth.client_in_header {
            form.append_pair("client_id", &self.oauth.client_id);
            if let Some(secret) = &self.oauth.client_secret {
                form.append_pair("client_secret", secret.expose());
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

    async fn fetch(
        &self,
        client: &reqwest::Client,
        redactor: &Redactor,
        refresh: Option<&Secret>,
    ) -> Result<(Secret, Duration, Option<Secret>), String> {
        let mut request = client.post(self.url.clone()).timeout(self.timeout);
        let nothing = Secret::known("");
        if self.oauth.client_in_header {
            let secret = self.oauth.client_secret.as_ref().unwrap_or(&nothing);
            let value = sensitive(&format!("Basic {}", basic(&self.oauth.client_id, secret)))
                .map_err(|error| error.to_string())?;
            request = request.header(http::header::AUTHORIZATION, value);
        }
        let request = request
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(http::header::ACCEPT, "application/json")
            .body(self.form(refresh));
        let answer = request.send().await.map_err(|error| format!("no token: {}", super::client::chain(&error)))?;
        let status = answer.status();
        let body =
            super::client::read_body(answer, MAX_TOKEN_ANSWER).await.map_err(|why| format!("no token: {why}"))?;
        if !status.is_success() {
            return Err(format!("no token: the token endpoint answered {status}: {}", redactor.capture(&body, 300)));
        }
        // The body holds the token: neither it nor serde's excerpt of it may be shown.
        let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| {
            String::from("no token: the answer of the token endpoint is no JSON with an `access_token`")
        })?;
        if answer.access_token.is_empty() {
            return Err(String::from("no token: the token endpoint answered an empty `access_token`"));
        }
        let life = life(answer.expires_in.as_ref());
        Ok((Secret::known(&answer.access_token), life, answer.refresh_token.as_deref().map(Secret::known)))
    }
}

/// How long a token is used; `expires_in` comes as a number or as text.
fn life(expires_in: Option<&serde_json::Value>) -> Duration {
    let seconds = expires_in.and_then(|value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()));
    let life = seconds.map_or(DEFAULT_LIFE, Duration::from_secs).min(LONGEST_LIFE);
    life.saturating_sub((life / 4).min(Duration::from_secs(30)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_early() {
        assert_eq!(life(Some(&1199.into())), Duration::from_secs(1169));
        assert_eq!(life(Some(&"40".into())), Duration::from_secs(30));
        assert_eq!(life(None), Duration::from_secs(270));
        assert_eq!(life(Some(&u64::MAX.into())), Duration::from_secs(86_370));
    }
}
