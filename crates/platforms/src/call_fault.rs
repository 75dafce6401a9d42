//! What is wrong with a whole call to TIXNGO or S-360 (TIXNGO contract §7.1), told from what became of it on the wire.
//!
//! Guarantee: no piece of a body is in a fault but an error code of at most 100 letters, digits, `_`, `-` and `.`; bodies
//! hold personal data.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use ticketbridge_core::time::Wall;

use crate::Transport;
use crate::http::retry_after_at;

/// Longest error code that is believed, in bytes.
const MAX_CODE: usize = 100;

/// A call that failed whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct CallFault {
    /// What it means for the caller.
    pub kind: CallFaultKind,
    /// What happened and what to do, for people; never a piece of a body with personal data.
    pub why: String,
}

/// What a failed call means for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFaultKind {
    /// Nothing was sent: no connection, or held back by the last check.
    NotSent,
    /// May pass by itself: 429, 5xx, time-outs, unreadable answers. The request may have had an effect.
    Transient {
        /// The platform's own wish, from now; at most 24 h.
        retry_after: Option<Duration>,
    },
    /// 400, 401, 403, 404: an operator must change something; do not repeat. Nothing was done.
    SetUp {
        /// The status.
        status: u16,
    },
}

impl CallFault {
    /// A fault that may pass by itself; the platform has no wish when to come back.
    pub(crate) fn transient(why: impl Into<String>) -> Self {
        Self { kind: CallFaultKind::Transient { retry_after: None }, why: why.into() }
    }
}

/// What faults say of a platform.
pub(crate) struct Party {
    /// Its name.
    pub(crate) name: &'static str,
    /// What an operator should look at after a 400.
    pub(crate) on_bad_request: &'static str,
    /// Finds the error code in the body of an answer that is not 200; one that [`is_code`].
    pub(crate) code: fn(&[u8]) -> Option<String>,
}

/// The body of an answer 200, or what is wrong with the call.
pub(crate) fn answered<'t>(party: &Party, transport: &'t Transport, wall_now: Wall) -> Result<&'t Bytes, CallFault> {
    let platform = party.name;
    let answer = match transport {
        Transport::NotSent { why, .. } => {
            let why = format!("nothing was sent to {platform}: {why}");
            return Err(CallFault { kind: CallFaultKind::NotSent, why });
        }
        Transport::NoAnswer { why, .. } => {
            return Err(CallFault::transient(format!("no answer from {platform}: {why}")));
        }
        Transport::Answered(answer) if answer.status == StatusCode::OK => return Ok(&answer.body),
        Transport::Answered(answer) => answer,
    };
    let code = (party.code)(&answer.body).map_or_else(String::new, |code| format!(", {code}"));
    let said = format!("{platform} answered {}{code}", answer.status);
    let (kind, advice) = match answer.status.as_u16() {
        status @ 400 => (CallFaultKind::SetUp { status }, party.on_bad_request),
        status @ 401 => (CallFaultKind::SetUp { status }, "it does not accept the key or token; set a valid one"),
        status @ 403 => (CallFaultKind::SetUp { status }, "the key or token lacks a permission; have it granted"),
        status @ 404 => (CallFaultKind::SetUp { status }, "there is nothing at this address; check the base URL"),
        429 => (transient(answer, wall_now), "it wants fewer requests"),
        300..400 => (transient(answer, wall_now), "redirects are not followed; check the base URL"),
        _ => (transient(answer, wall_now), "it may pass by itself"),
    };
    Err(CallFault { kind, why: format!("{said}: {advice}") })
}

fn transient(answer: &crate::Answer, wall_now: Wall) -> CallFaultKind {
    CallFaultKind::Transient { retry_after: retry_after_at(&answer.headers, wall_now) }
}

/// Whether `code` can be an error code, and no sentence about somebody.
pub(crate) fn is_code(code: &str) -> bool {
    let is_fitting = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MAX_CODE).contains(&code.len()) && code.bytes().all(is_fitting)
}
