//! When the answer leaves and when the effect takes place, and what a deciding fault makes of both; for every stand-in.

use crate::call::{Act, Reply};
use crate::clock::Millis;
use crate::faults::{BodyCut, EarlyAnswer, Knob, RetryAfterForm};
use crate::text::http_date;

/// What the rules made of a call.
pub(crate) struct Work<E> {
    pub(crate) reply: Reply,
    pub(crate) effect: Option<E>,
}

/// A whole call that a fault refuses; each platform says it in its own words.
pub(crate) enum Refused<'a> {
    GatewayTimeout,
    Server(u16),
    TooManyRequests,
    Poisoned(u16),
    Unauthorized,
    Forbidden,
    Code { status: u16, code: &'a str, message: &'a str },
}

/// Lays the acts out in time, sorted; of acts at the same time the effect comes first. `refuse` gives refusals their shape.
pub(crate) fn lay_out<E>(
    now: Millis,
    delay: Millis,
    outcome: Option<&Knob>,
    work: Work<E>,
    refuse: impl Fn(&Refused<'_>) -> Reply,
) -> Vec<(Millis, Act<E>)> {
    let Work { reply, effect } = work;
    let answer = |reply| (now + delay, Act::Reply(reply));
    let refusal = |refused: Refused<'_>| Some(answer(refuse(&refused)));
    let later = |ms: u64| now + ms as Millis;
    let commit = |at, effect: Option<E>| effect.map(|effect| (at, Act::Commit(effect)));
    let commit_if = |wanted: bool, effect: Option<E>| commit(now, effect.filter(|_| wanted));

    let (committed, answered) = match outcome {
        Some(Knob::CommitThenStall { answer_after_ms }) => {
            (commit(now, effect), answer_after_ms.map(|ms| (later(ms), Act::Reply(reply))))
        }
        Some(Knob::DelayedEffect { effect_after_ms, answer: early }) => {
            let answered = match early {
                EarlyAnswer::Stall => None,
                EarlyAnswer::Applied => Some(answer(reply)),
                EarlyAnswer::Reset => Some((now, Act::Reset)),
                EarlyAnswer::GatewayTimeout => refusal(Refused::GatewayTimeout),
            };
            (commit(later(*effect_after_ms), effect), answered)
        }
        Some(Knob::ResetBeforeCommit { after_ms }) => (None, Some((later(*after_ms), Act::Reset))),
        Some(Knob::ResetAfterCommit { after_ms }) => (commit(now, effect), Some((later(*after_ms), Act::Reset))),
        Some(Knob::ServerError { status, effect: wanted }) => {
            (commit_if(*wanted, effect), refusal(Refused::Server(*status)))
        }
        Some(Knob::CallFailure { status, code, message, effect: wanted }) => {
            (commit_if(*wanted, effect), refusal(Refused::Code { status: *status, code, message }))
        }
        Some(Knob::HtmlAnswer { status, effect: wanted }) => {
            (commit_if(*wanted, effect), Some(answer(Reply::html(*status, "Service status"))))
        }
        Some(Knob::CutJson { effect: wanted, body }) => (commit_if(*wanted, effect), Some(answer(cut(reply, *body)))),
        Some(Knob::TooManyRequests { retry_after_s, form }) => {
            let reply = refuse(&Refused::TooManyRequests);
            (None, Some(answer(with_retry_after(reply, now, *retry_after_s, *form))))
        }
        Some(Knob::Unavailable { retry_after_s }) => {
            let reply = refuse(&Refused::Server(503));
            let reply = match retry_after_s {
                Some(seconds) => with_retry_after(reply, now, *seconds, RetryAfterForm::Seconds),
                None => reply,
            };
            (None, Some(answer(reply)))
        }
        Some(Knob::PoisonCall { status, .. }) => (None, refusal(Refused::Poisoned(*status))),
        Some(Knob::TokenRevoked {}) => (None, refusal(Refused::Unauthorized)),
        Some(Knob::Forbidden {}) => (None, refusal(Refused::Forbidden)),
        Some(Knob::KeepAliveClosed {}) => (None, Some((now, Act::Close))),
        // Knobs that do not decide the whole answer never come here as the outcome.
        None | Some(_) => (commit(now, effect), Some(answer(reply))),
    };
    let mut acts: Vec<_> = committed.into_iter().chain(answered).collect();
    acts.sort_by_key(|(at, _)| *at);
    acts
}

fn with_retry_after(reply: Reply, now: Millis, seconds: u64, form: RetryAfterForm) -> Reply {
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
