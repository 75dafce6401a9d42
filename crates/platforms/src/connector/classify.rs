//! What an answer means as a whole, before anybody looks at its items.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use ticketbridge_core::effect::{CallClass, LookUpFault, Refusal};

use super::file::{CodeClass, StatusClass};
use super::filter::Filter;
use crate::fault::{excerpt, fault, shorten};
use crate::http::retry_after;
use crate::{Answer, LoginFault, Transport};

/// How errors are read, for one operation.
#[derive(Debug, Clone, Default)]
pub(super) struct ErrorRules {
    pub(super) reading: Option<Filter>,
    pub(super) statuses: BTreeMap<u16, StatusClass>,
    pub(super) codes: BTreeMap<String, CodeClass>,
}

/// An answer that is no proper one, or a proper one.
pub(super) enum Class<'a> {
    /// Status of success; its body.
    Proper(&'a Answer),
    /// About one item: an operation of one item per request.
    Item(Refusal, String, String),
    /// Anything else.
    Call(CallClass),
}

impl ErrorRules {
    /// What a status means: by the file, else by the usual table.
    pub(super) fn status(&self, status: StatusCode) -> StatusClass {
        self.statuses.get(&status.as_u16()).copied().unwrap_or_else(|| usual(status))
    }

    /// Code and message of an error body; the status and an excerpt where it has none.
    pub(super) fn words(&self, answer: &Answer) -> (String, String) {
        let read = || {
            let body: Value = serde_json::from_slice(&answer.body).ok()?;
            let row = self.reading.as_ref()?.run_one(&body).ok()?;
            let text = |place: usize| match row.get(place) {
                Some(Value::String(text)) if !text.trim().is_empty() => Some(text.clone()),
                Some(Value::Number(number)) => Some(number.to_string()),
                _ => None,
            };
            Some((text(0), text(1)))
        };
        let (code, message) = read().unwrap_or((None, None));
        let code = code.unwrap_or_else(|| answer.status.as_u16().to_string());
        (shorten(&code), message.map_or_else(|| excerpt(&answer.body), |message| shorten(&message)))
    }

    /// What became of a write of `items` items.
    pub(super) fn write<'a>(&self, transport: &'a Transport, items: usize, atomic: bool) -> Class<'a> {
        let answer = match transport {
            Transport::NotSent { why, login } => {
                return Class::Call(CallClass::Unavailable {
                    why: login_words(why, *login),
                    retry_after: None,
                    throttled: *login == Some(LoginFault::Throttled),
                    configuration: login.is_some_and(LoginFault::needs_operator),
                });
            }
            Transport::NoAnswer { why, timed_out } => {
                let unknown = CallClass::Unknown { why: why.clone(), timed_out: *timed_out, retry_after: None };
                return Class::Call(unknown);
            }
            Transport::Answered(answer) => answer,
        };
        let class = self.status(answer.status);
        if class == StatusClass::Success {
            return Class::Proper(answer);
        }
        let (code, message) = self.words(answer);
        let wish = retry_after(&answer.headers);
        let why = why(class, answer.status, &message);
        Class::Call(match class {
            StatusClass::Success => return Class::Proper(answer),
            StatusClass::BatchRefused => {
                // One item alone, and a code that says what is wrong with it: no need to guess.
                if let (1, true, Some(refusal)) = (items, atomic, self.codes.get(&code).copied().and_then(refusal)) {
                    return Class::Item(refusal, code, message);
                }
                CallClass::BatchRefused { atomic, code, message }
            }
            StatusClass::Configuration => {
                CallClass::Unavailable { why, retry_after: wish, throttled: false, configuration: true }
            }
            StatusClass::Unavailable => unavailable(why, wish),
            StatusClass::Throttled => {
                CallClass::Unavailable { why, retry_after: wish, throttled: true, configuration: false }
            }
            StatusClass::Unknown => CallClass::Unknown { why, timed_out: false, retry_after: wish },
            StatusClass::Refused => return Class::Item(Refusal::Item, code, message),
            StatusClass::RefusedForGood => return Class::Item(Refusal::ItemForGood, code, message),
            StatusClass::TargetClosed => return Class::Item(Refusal::TargetClosed, code, message),
            StatusClass::TargetGone => return Class::Item(Refusal::TargetGone, code, message),
        })
    }

    /// The body of a read's answer, or why it has none.
    pub(super) fn read<'a>(&self, transport: &'a Transport) -> Result<&'a Answer, LookUpFault> {
        let answer = match transport {
            Transport::NotSent { why, login } => {
                return Err(LookUpFault {
                    why: login_words(why, *login),
                    retry_after: None,
                    throttled: *login == Some(LoginFault::Throttled),
                    configuration: login.is_some_and(LoginFault::needs_operator),
                });
            }
            Transport::NoAnswer { why, .. } => return Err(fault(why)),
            Transport::Answered(answer) => answer,
        };
        let class = self.status(answer.status);
        if class == StatusClass::Success {
            return Ok(answer);
        }
        let (_, message) = self.words(answer);
        Err(LookUpFault {
            why: why(class, answer.status, &message),
            retry_after: retry_after(&answer.headers),
            throttled: class == StatusClass::Throttled,
            // A read that is refused as such is refused again and again.
            configuration: matches!(class, StatusClass::Configuration | StatusClass::BatchRefused),
        })
    }
}

/// What happened, for people; with the page of the error where only an operator can mend it.
fn why(class: StatusClass, status: StatusCode, message: &str) -> String {
    match (class, status.as_u16()) {
        (StatusClass::Configuration, 401 | 403 | 407) => format!("TB0202: {status}: {message}"),
        (StatusClass::Configuration, _) => format!("TB0203: {status}: {message}"),
        _ => format!("{status}: {message}"),
    }
}

/// Why a request was not sent; with the page of the error where there is no token until an operator acts.
fn login_words(why: &str, login: Option<LoginFault>) -> String {
    if login.is_some_and(LoginFault::needs_operator) { format!("TB0202: {why}") } else { why.to_owned() }
}

/// The usual table: RFC 9110, and what the SFyC platform says of its own statuses.
fn usual(status: StatusCode) -> StatusClass {
    match status.as_u16() {
        200..=299 => StatusClass::Success,
        400 | 413 | 422 => StatusClass::BatchRefused,
        // 307 and 308 say that nothing was done here; nobody follows them.
        307 | 308 | 401 | 403 | 404 | 405 | 406 | 407 | 410 | 411 | 414 | 415 | 431 => StatusClass::Configuration,
        425 => StatusClass::Unavailable,
        429 => StatusClass::Throttled,
        _ => StatusClass::Unknown,
    }
}

/// What a code says about an item, if it is a refusal.
pub(super) fn refusal(class: CodeClass) -> Option<Refusal> {
    match class {
        CodeClass::Refused => Some(Refusal::Item),
        CodeClass::RefusedForGood => Some(Refusal::ItemForGood),
        CodeClass::TargetClosed => Some(Refusal::TargetClosed),
        CodeClass::TargetGone => Some(Refusal::TargetGone),
        CodeClass::Unavailable | CodeClass::Unknown => None,
    }
}

fn unavailable(why: String, retry_after: Option<Duration>) -> CallClass {
    CallClass::Unavailable { why, retry_after, throttled: false, configuration: false }
}
