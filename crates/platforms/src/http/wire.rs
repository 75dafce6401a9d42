//! One exchange on the wire: what requests for a ticket and requests for a token have in common.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http::header::DATE;

use super::body::{OnceBody, Progress};
use super::record::{Bodies, Kept, Mask};
use super::stopwatch::http_date;
use super::{ExchangeObserver, ExchangeRecord, LastCheck, Purpose, Redactor};
use crate::{Answer, Transport};

/// The connections of one platform, its secrets, and who takes note.
pub(super) struct Wire {
    pub(super) platform: String,
    pub(super) client: reqwest::Client,
    pub(super) observer: Option<Arc<dyn ExchangeObserver>>,
    pub(super) mask: Arc<Mask>,
}

/// What a record says about a request. A raw body and the target may hold secrets: `observe` masks them.
pub(super) struct Shown {
    pub(super) purpose: Purpose,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) request: Kept,
    /// The answer's body is kept.
    pub(super) keep_answer: bool,
}

impl Wire {
    /// Sends `request` at most once and reads the answer, up to `max_answer` bytes. `check` is asked right before the
    /// write. The request must have its time limit.
    pub(super) async fn exchange(
        &self,
        mut request: reqwest::RequestBuilder,
        body: Option<Bytes>,
        check: Option<LastCheck>,
        max_answer: usize,
    ) -> Transport {
        let mut watch = None;
        if let Some(data) = body {
            let (body, its_watch) = OnceBody::new(data, check);
            watch = Some(its_watch);
            request = request.body(reqwest::Body::wrap(body));
        } else if check.is_some_and(|check| !check()) {
            return held_back();
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return classify(&error, watch.map(|watch| watch.settle())),
        };
        let status = answer.status();
        let mut headers = answer.headers().clone();
        headers.entry(DATE).or_insert_with(|| {
            HeaderValue::from_str(&http_date()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
        });
        match read_body(answer, max_answer).await {
            Ok(body) => Transport::Answered(Answer { status, headers, body }),
            Err(BodyFault { why, timed_out }) => {
                Transport::NoAnswer { why: format!("{status}, but the body is missing: {why}"), timed_out }
            }
        }
    }

    /// Knows the secrets of the platform.
    pub(super) fn redactor(&self) -> &Redactor {
        &self.mask.redactor
    }

    /// Tells the observer, if there is one; what is told costs nothing without.
    pub(super) fn observe(&self, shown: impl FnOnce() -> Shown, transport: &Transport, latency: Duration) {
        let Some(observer) = &self.observer else { return };
        let Shown { purpose, method, target, request, keep_answer } = shown();
        let nothing = || Kept::Shown(String::new());
        let (status, answer, fault) = match transport {
            Transport::NotSent { why, .. } => (None, nothing(), format!("not sent: {why}")),
            Transport::NoAnswer { why, .. } => (None, nothing(), format!("no answer: {why}")),
            Transport::Answered(answer) => {
                let body =
                    if keep_answer { Kept::Raw(answer.body.clone()) } else { Kept::Shown(String::from("(not kept)")) };
                (Some(answer.status.as_u16()), body, String::new())
            }
        };
        observer.observe(ExchangeRecord {
            platform: self.platform.clone(),
            purpose,
            method,
            target: self.mask.capture.target(&target, &self.mask.redactor),
            status,
            latency,
            bodies: Bodies::of(request, answer, Arc::clone(&self.mask)),
            fault: self.mask.redactor.redact(&fault),
        });
    }
}

fn held_back() -> Transport {
    not_sent("the last check before the write said no")
}

/// A request that was not sent for another reason than its token.
pub(super) fn not_sent(why: impl Into<String>) -> Transport {
    Transport::NotSent { why: why.into(), login: None }
}

/// What an error says about the request. In doubt it may have arrived.
fn classify(error: &reqwest::Error, body: Option<Progress>) -> Transport {
    match body {
        Some(Progress::Withheld) => held_back(),
        // Nobody asked for the body: at most a head went out that announces one, and no server acts upon that.
        Some(Progress::Untouched) => not_sent(chain(error)),
        _ if error.is_connect() || error.is_builder() => not_sent(chain(error)),
        _ => Transport::NoAnswer { why: chain(error), timed_out: error.is_timeout() },
    }
}

/// Why a body is not there.
#[derive(Debug)]
struct BodyFault {
    why: String,
    timed_out: bool,
}

/// Reads a body of at most `limit` bytes to its proper end.
async fn read_body(mut answer: reqwest::Response, limit: usize) -> Result<Bytes, BodyFault> {
    let too_long = || BodyFault { why: format!("it is longer than {limit} bytes"), timed_out: false };
    let announced = answer.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return Err(too_long());
    }
    let mut body = BytesMut::with_capacity(announced as usize);
    loop {
        match answer.chunk().await {
            Ok(None) => return Ok(body.freeze()),
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(too_long()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) => return Err(BodyFault { why: chain(&error), timed_out: error.is_timeout() }),
        }
    }
}

/// An error with its causes, without the address (its query holds keys of tickets).
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        String::from("time-out")
    } else if error.is_connect() {
        String::from("no connection")
    } else {
        String::from("the exchange broke off")
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
