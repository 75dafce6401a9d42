//! Logins: a fixed bearer token, or one that is fetched from the platform's token endpoint, kept, renewed, and dropped
//! when the platform turns it down with 401.

use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ticketbridge_platforms::cherwell::Cherwell;
use ticketbridge_platforms::{HttpCall, LoginFault, Transport};
use ticketbridge_sandbox::TOKEN;
use ticketbridge_sandbox::cherwell::{CLIENT_ID, USER};

/// A token is renewed so many milliseconds before it ends.
const RENEW_BEFORE: u64 = 30_000;

/// How the requests of one process prove who sends them.
#[derive(Debug)]
pub(crate) enum Login {
    /// A token that never changes.
    Fixed,
    /// Cherwell's: password grant, then refreshes that kill both old tokens.
    Rotating(Rotating),
}

/// A token that comes and goes.
#[derive(Debug, Default)]
pub(crate) struct Rotating {
    access: Option<String>,
    refresh: Option<String>,
    renew_at: u64,
    /// A token call is under way.
    pub(crate) asking: bool,
    /// Requests that wait for it.
    pub(crate) waiting: Vec<u64>,
}

impl Login {
    /// The header of a request that leaves now; `None`: a token has to be fetched first.
    pub(crate) fn header(&self, now: u64) -> Option<String> {
        match self {
            Self::Fixed => Some(format!("Bearer {TOKEN}")),
            Self::Rotating(rotating) => {
                let live = rotating.access.as_ref().filter(|_| now < rotating.renew_at);
                live.map(|token| format!("Bearer {token}"))
            }
        }
    }

    /// The platform turned down a request with this header: it is not used again. False: no other is to be had.
    pub(crate) fn turned_down(&mut self, header: Option<&str>) -> bool {
        let Self::Rotating(rotating) = self else { return false };
        let used = rotating.access.as_ref().map(|token| format!("Bearer {token}"));
        if used.as_deref() == header {
            rotating.access = None;
        }
        true
    }
}

impl Rotating {
    /// The token call: a refresh where there is a refresh token, else the password (Cherwell contract §3).
    pub(crate) fn call(&self) -> HttpCall {
        let word = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let grant = match &self.refresh {
            Some(token) => format!("grant_type=refresh_token&refresh_token={}", word(token)),
            None => format!("grant_type=password&username={}&password={}", word(USER), word(TOKEN)),
        };
        let body = format!("{grant}&client_id={}", word(CLIENT_ID));
        HttpCall { method: Method::POST, target: String::from("/token?auth_mode=Internal"), body: Some(body.into()) }
    }

    /// Takes in the answer to a token call.
    pub(crate) fn answered(&mut self, transport: &Transport, now: u64) -> Result<(), (String, LoginFault)> {
        let Transport::Answered(answer) = transport else {
            return Err((String::from("no token: the token endpoint gave no answer"), LoginFault::Unreachable));
        };
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        if answer.status == StatusCode::OK && !text("access_token").is_empty() {
            let life = body.get("expires_in").and_then(Value::as_u64).unwrap_or(60) * 1_000;
            self.access = Some(text("access_token").to_owned());
            self.refresh = Some(text("refresh_token").to_owned()).filter(|token| !token.is_empty());
            self.renew_at = now + life.saturating_sub(RENEW_BEFORE.min(life / 2));
            return Ok(());
        }
        // The next try is with the password.
        self.refresh = None;
        let fault = match answer.status {
            status if status.is_client_error() => {
                Cherwell::login_refusals(status, text("error"), text("error_description"))
            }
            _ => LoginFault::Unreachable,
        };
        Err((format!("no token: {} {}", answer.status, text("error")), fault))
    }
}
