//! When the answer leaves and when the effect takes place, and what a deciding fault makes of both.

use super::answer::refusal;
use super::record::Effect;
use crate::call::{Act, Reply};
use crate::clock::Millis;
use crate::faults::{BodyCut, EarlyAnswer, Knob, RetryAfterForm};
use crate::text::http_date;

/// What the rules made of a call.
pub(super) struct Work {
    pub(super) reply: Reply,
    pub(super) effect: Option<Effect>,
}

/// Lays the acts out in time, sorted; of acts at the same time the effect comes first.
pub(super) fn lay_out(now: Millis, delay: Millis, outcome: Option<&Knob>, work: Work) -> Vec<(Millis, Act<Effect>)> {
    let Work { reply, effect } = work;
    let answer = |reply| (now + delay, Act::Reply(reply));
    let later = |ms: u64| now + ms as Millis;
    let commit = |at, effect: Option<Effect>| effect.map(|effect| (at, Act::Commit(effect)));
    let commit_if = |wanted: bool, effect: Option<Effect>| commit(now, effect.filter(|_| wanted));

    let (committed, answered) = match outcome {
        Some(Knob::CommitThenStall { answer_after_ms }) => {
            (commit(now, effect), answer_after_ms.map(|ms| (later(ms), Act::Reply(reply))))
        }
        Some(Knob::DelayedEffect { effect_after_ms, answer: early }) => {
            let answered = match early {
                EarlyAnswer::Stall => None,
                EarlyAnswer::Applied => Some(answer(reply)),
                EarlyAnswer::Reset => Some((now, Act::Reset)),
                EarlyAnswer::GatewayTimeout => {
                    Some(answer(refusal(504, "GATEWAY_TIMEOUT", "the platform did not answer the gateway in time")))
                }
            };
            (commit(later(*effect_after_ms), effect), answered)
        }
        Some(Knob::ResetBeforeCommit { after_ms }) => (None, Some((later(*after_ms), Act::Reset))),
        Some(Knob::ResetAfterCommit { after_ms }) => (commit(now, effect), Some((later(*after_ms), Act::Reset))),
        Some(Knob::ServerError { status, effect: wanted }) => {
            (commit_if(*wanted, effect), Some(answer(refusal(*status, "SERVER_ERROR", "something went wrong"))))
        }
        Some(Knob::HtmlAnswer { status, effect: wanted }) => {
            (commit_if(*wanted, effect), Some(answer(Reply::html(*status, "Service status"))))
        }
        Some(Knob::CutJson { effect: wanted, body }) => (commit_if(*wanted, effect), Some(answer(cut(reply, *body)))),
        Some(Knob::TooManyRequests { retry_after_s, form }) => {
            (None, Some(answer(too_many_requests(now, *retry_after_s, *form))))
        }
        Some(Knob::PoisonCall { status, .. }) => {
            (None, Some(answer(refusal(*status, "INVALID_BODY", "the body was refused by a fault rule"))))
        }
        Some(Knob::TokenRevoked {}) => (None, Some(answer(unauthorized("the token was revoked")))),
        Some(Knob::Forbidden {}) => (None, Some(answer(refusal(403, "FORBIDDEN", "this login may not do that")))),
        Some(Knob::KeepAliveClosed {}) => (None, Some((now, Act::Close))),
        // Knobs that do not decide the whole answer never come here as the outcome.
        None | Some(_) => (commit(now, effect), Some(answer(reply))),
    };
    let mut acts: Vec<_> = committed.into_iter().chain(answered).collect();
    acts.sort_by_key(|(at, _)| *at);
    acts
}

/// The answer to a missing or wrong login.
pub(super) fn unauthorized(message: &str) -> Reply {
    refusal(401, "UNAUTHORIZED", message).with_header("www-authenticate", "Bearer realm=\"sfyc\", Basic realm=\"sfyc\"")
}

fn too_many_requests(now: Millis, seconds: u64, form: RetryAfterForm) -> Reply {
    let reply = refusal(429, "TOO_MANY_REQUESTS", "slow down");
    match form {
        RetryAfterForm::Seconds => reply.with_header("retry-after", seconds.to_string()),
        RetryAfterForm::Date => {
            // The date has no parts of a second: round up, so that it is never earlier than asked.
            let at = now + seconds as Millis * 1_000;
            reply.with_header("retry-after", http_date((at + 999) / 1_000 * 1_000))
        }
        RetryAfterForm::Absent => reply,
    }
}

/// Half of a JSON object is never JSON.
fn cut(mut reply: Reply, body: BodyCut) -> Reply {
    let half = reply.body.len() / 2;
    match body {
        BodyCut::WellFramed => reply.body.truncate(half),
        BodyCut::ClosedEarly => reply.closed_after = Some(half),
    }
    reply
}
