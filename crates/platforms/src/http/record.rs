//! What is kept of an exchange for people: the *Stream Viewer*, traces, `explain`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ticketbridge_core::delivery::BatchId;
use ticketbridge_core::effect::Query;

use super::Redactor;
use super::personal::{Masked, mask_target, masked};

/// Most bytes kept of each body.
pub const CAPTURE_LIMIT: usize = 8 * 1024;

/// What a request is for, as its sender knows it; given back with its [`ExchangeRecord`].
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Purpose {
    /// Neither of the others: a login, learning names, a logout, a page of mobile tickets.
    #[default]
    Other,
    /// It writes this batch, or reads back what it wrote.
    Write(BatchId),
    /// It is part of this look-up.
    LookUp(Arc<Query>),
}

/// One exchange. A request for a token is one, too: its form has `***` in place of secrets, and its answer is
/// `(not kept)`; so logins can be counted.
#[derive(Debug, Clone)]
pub struct ExchangeRecord {
    /// The platform's name, as configured.
    pub platform: String,
    /// What it was for.
    pub purpose: Purpose,
    /// Method.
    pub method: String,
    /// Path and query, without secrets.
    pub target: String,
    /// Status, if there was an answer.
    pub status: Option<u16>,
    /// From the call of `send` until its end.
    pub latency: Duration,
    /// What was sent and what came back.
    pub bodies: Bodies,
    /// Why there is no answer, without secrets; empty if there is one.
    pub fault: String,
}

/// What was sent and what came back, shared with the exchange itself: to hand it on costs nothing, however large it is.
/// Secrets, and where the platform is about people their data, are masked when it is read, which is the only way to it.
#[derive(Clone)]
pub struct Bodies {
    request: Kept,
    answer: Kept,
    mask: Arc<Mask>,
}

/// One body of a record.
#[derive(Clone)]
pub(super) enum Kept {
    /// As it was on the wire.
    Raw(Bytes),
    /// As it may be shown.
    Shown(String),
}

impl Kept {
    fn len(&self) -> usize {
        match self {
            Self::Raw(body) => body.len(),
            Self::Shown(text) => text.len(),
        }
    }

    fn text(&self, mask: &Mask) -> String {
        match self {
            Self::Raw(body) => mask.capture.body(body, &mask.redactor),
            Self::Shown(text) => text.clone(),
        }
    }
}

impl Bodies {
    pub(super) fn of(request: Kept, answer: Kept, mask: Arc<Mask>) -> Self {
        Self { request, answer, mask }
    }

    /// Bodies as they were on the wire, and what has to be masked in them.
    pub fn new(request: Bytes, answer: Bytes, redactor: Redactor, capture: Capture) -> Self {
        Self::of(Kept::Raw(request), Kept::Raw(answer), Arc::new(Mask { redactor, capture }))
    }

    /// What was sent, without secrets, at most [`CAPTURE_LIMIT`] bytes and the mark of a cut. Its time is that of the
    /// first 16 KiB or so, not of the whole body.
    pub fn request(&self) -> String {
        self.request.text(&self.mask)
    }

    /// What came back, as [`Bodies::request`].
    pub fn answer(&self) -> String {
        self.answer.text(&self.mask)
    }

    /// Bytes of memory that it holds.
    pub fn size(&self) -> usize {
        self.request.len().saturating_add(self.answer.len())
    }

    /// Most bytes that its texts may have.
    pub fn kept_size(&self) -> usize {
        self.request.len().min(CAPTURE_LIMIT).saturating_add(self.answer.len().min(CAPTURE_LIMIT))
    }
}

impl fmt::Debug for Bodies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bodies({} and {} bytes)", self.request.len(), self.answer.len())
    }
}

/// What has to be masked in the bodies and addresses of one platform.
#[derive(Debug, Default)]
pub(super) struct Mask {
    pub(super) redactor: Redactor,
    pub(super) capture: Capture,
}

/// What a record keeps of bodies and addresses, beyond that secrets are masked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Capture {
    /// All of it.
    #[default]
    Whole,
    /// Nothing about people, by the rules of [`personal`](super::personal).
    WithoutPersonalData,
}

impl Capture {
    /// What is kept of a body, at most [`CAPTURE_LIMIT`] bytes and the mark of a cut.
    pub(super) fn body(self, body: &[u8], redactor: &Redactor) -> String {
        if self == Self::Whole {
            return redactor.capture(body, CAPTURE_LIMIT);
        }
        // Secrets are masked before the cut, with room for a long one behind it: half of one would not be known.
        let Masked { text, is_cut } = masked(body, 2 * CAPTURE_LIMIT);
        let mut clean = redactor.redact(&text);
        if is_cut || clean.len() > CAPTURE_LIMIT {
            clean.truncate(clean.floor_char_boundary(CAPTURE_LIMIT));
            clean.extend(["… (", &body.len().to_string(), " bytes)"]);
        }
        clean
    }

    /// What is kept of a path and query.
    pub(super) fn target(self, target: &str, redactor: &Redactor) -> String {
        match self {
            Self::Whole => redactor.redact(target),
            Self::WithoutPersonalData => redactor.redact(&mask_target(target)),
        }
    }
}

/// Takes note of every exchange. Called inside `send`, so it must be quick and must not wait: what masks bodies does so
/// later, on a thread of its own.
pub trait ExchangeObserver: Send + Sync {
    /// Takes note of one exchange.
    fn observe(&self, record: ExchangeRecord);
}
