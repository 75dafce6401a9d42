//! The knobs and their fields, as JSON reads and writes them.

use serde::{Deserialize, Serialize};

/// One thing that can go wrong. In JSON: `{"knob": "index_lag", "ms": 500}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "knob", rename_all = "snake_case", deny_unknown_fields)]
pub enum Knob {
    /// Searches show a new record only `ms` to `ms + jitter_ms` after it was made, drawn per record.
    IndexLag {
        /// The least lag.
        ms: u64,
        /// The most that is added to it.
        #[serde(default)]
        jitter_ms: u64,
    },
    /// The answer leaves `ms` later, or with `max_ms` after a time drawn between the two. The effect is not delayed.
    AnswerDelay {
        /// The delay, or the least delay.
        ms: u64,
        /// The greatest delay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_ms: Option<u64>,
    },
    /// The effect takes place; the answer leaves after `answer_after_ms`, or never.
    CommitThenStall {
        /// When the answer leaves; absent: never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer_after_ms: Option<u64>,
    },
    /// The answer comes first (or a stall), the effect takes place `effect_after_ms` after the call.
    DelayedEffect {
        /// When the effect takes place.
        effect_after_ms: u64,
        /// What the caller sees before that.
        #[serde(default)]
        answer: EarlyAnswer,
    },
    /// The connection is reset; nothing was done.
    ResetBeforeCommit {
        /// When it is reset.
        #[serde(default)]
        after_ms: u64,
    },
    /// The effect takes place, then the connection is reset.
    ResetAfterCommit {
        /// When it is reset.
        #[serde(default)]
        after_ms: u64,
    },
    /// A 5xx answer in JSON, or 409, which says as little about what was done.
    ServerError {
        /// The status, 409 or 500 to 599.
        #[serde(default = "default_server_error")]
        status: u16,
        /// Whether the effect takes place all the same.
        #[serde(default)]
        effect: bool,
    },
    /// An HTML page instead of JSON.
    HtmlAnswer {
        /// The status, 200 or 400 to 599.
        #[serde(default = "default_html_status")]
        status: u16,
        /// Whether the effect takes place all the same.
        #[serde(default)]
        effect: bool,
    },
    /// The JSON of the real answer, cut in the middle.
    CutJson {
        /// Whether the effect takes place all the same.
        #[serde(default)]
        effect: bool,
        /// How the cut looks on the wire.
        #[serde(default)]
        body: BodyCut,
    },
    /// 429; nothing was done.
    TooManyRequests {
        /// The seconds in `Retry-After`.
        #[serde(default = "default_retry_after")]
        retry_after_s: u64,
        /// How `Retry-After` is written.
        #[serde(default)]
        form: RetryAfterForm,
    },
    /// Some results are missing from the answer, drawn at random; the effect is whole.
    ShortResults {
        /// How many are missing.
        #[serde(default = "one")]
        drop: usize,
    },
    /// The results come in another order: none stays in its place.
    ReorderedResults {},
    /// Some results are answered twice, drawn at random.
    DuplicatedResults {
        /// How many are answered twice.
        #[serde(default = "one")]
        copies: usize,
    },
    /// Items are refused one by one, drawn at random; the others are done.
    PartialFailure {
        /// The share of the items that is refused, 0 to 1.
        #[serde(default = "half")]
        share: f64,
        /// The error code of a refused item.
        #[serde(default = "default_code")]
        code: String,
        /// The error message of a refused item.
        #[serde(default = "default_message")]
        message: String,
        /// Whether the platform says that trying again helps.
        #[serde(default)]
        retryable: bool,
    },
    /// An item with this text in it is refused, its neighbours are done.
    PoisonItem {
        /// The text.
        text: String,
        /// The error code of a refused item.
        #[serde(default = "default_code")]
        code: String,
        /// The error message of a refused item.
        #[serde(default = "default_message")]
        message: String,
        /// Whether the platform says that trying again helps.
        #[serde(default)]
        retryable: bool,
    },
    /// A call with an item with this text in it is refused whole; nothing is done.
    PoisonCall {
        /// The text.
        text: String,
        /// The status: 400, 413, 422 or 500.
        #[serde(default = "default_poison_status")]
        status: u16,
    },
    /// Notes and links on a ticket that is not open any more are refused one by one with `TICKET_CLOSED`.
    ClosedTicketRefused {},
    /// Look-ups answer nothing, as if no record were there.
    EmptyLookups {},
    /// Filters are ignored as if the platform did not know them: every row matches.
    UnknownFilterIgnored {
        /// The query members that are ignored; empty: all that name a key, and all unknown ones.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        filters: Vec<String>,
    },
    /// New records are stored with a changed reference.
    OriginField {
        /// How it is changed.
        change: OriginChange,
        /// How many characters are left by `truncated`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<usize>,
        /// Which reference.
        #[serde(default)]
        field: OriginField,
    },
    /// A page is answered empty although it is not.
    EmptyPage {
        /// The first page that is answered empty.
        #[serde(default = "one")]
        from_page: usize,
        /// Whether the answer claims that a next page exists; else it claims to be the last one.
        #[serde(default)]
        more: bool,
    },
    /// 401 although the login is right.
    TokenRevoked {},
    /// 403 although the login is right.
    Forbidden {},
    /// 503; nothing was done. With the rule's `for_ms` the platform is away for a while.
    Unavailable {
        /// The seconds in `Retry-After`; absent: without that header.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u64>,
    },
    /// The whole call is refused with an error code of the platform.
    CallFailure {
        /// The status, 400 to 599.
        #[serde(default = "default_failure_status")]
        status: u16,
        /// The error code.
        #[serde(default = "default_failure_code")]
        code: String,
        /// The error message.
        #[serde(default = "default_message")]
        message: String,
        /// Whether the effect takes place all the same.
        #[serde(default)]
        effect: bool,
    },
    /// The results of a batch end early.
    ShortBatch {
        /// How many results are missing at the end.
        #[serde(default = "one")]
        drop: usize,
        /// Whether the items without a result are done all the same.
        #[serde(default)]
        tail_done: bool,
    },
    /// Items are refused one by one with a validation error under the status 200.
    ValidationError {
        /// The share of the items that is refused, 0 to 1.
        #[serde(default = "whole")]
        share: f64,
        /// Whether the result says `hasError` and has an error code of its own.
        #[serde(default = "yes")]
        has_error: bool,
        /// The name of the field that is blamed; absent: the first field of the item.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
    },
    /// A new record gets the public id of the record made before it.
    DuplicatePublicId {},
    /// Reads of related records are cut.
    RelatedCut {
        /// How many records are left.
        #[serde(default = "one")]
        keep: usize,
        /// Whether the total is cut too, so that nobody can see it.
        #[serde(default)]
        hide_total: bool,
    },
    /// New access tokens live only so long.
    TokenLife {
        /// The seconds.
        seconds: u64,
    },
    /// All live tokens end with this call.
    SessionsRevoked {},
    /// A token call is refused as if the user made too many calls at a time.
    ThrottledLogin {
        /// Whether only token calls that overlap another one are refused.
        #[serde(default)]
        overlapping: bool,
    },
    /// A page carries items once more that were answered before, as they are now.
    Redelivery {
        /// How many.
        #[serde(default = "one")]
        items: usize,
    },
    /// `nextPageKey` is the key that was sent, although the page has items.
    KeyNotAdvanced {},
    /// The page has no `nextPageKey`.
    NextKeyMissing {
        /// How it is missing.
        #[serde(default)]
        form: MissingKey,
    },
    /// A request on a kept-alive connection finds it closed: no answer, nothing done. A first request never does.
    KeepAliveClosed {},
}

/// What the caller sees of a delayed effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyAnswer {
    /// Never an answer.
    #[default]
    Stall,
    /// The answer of success, before it is true.
    Applied,
    /// The connection is reset at once.
    Reset,
    /// 504.
    GatewayTimeout,
}

/// How a cut answer looks on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyCut {
    /// HTTP is whole: `Content-Length` is that of the cut body.
    #[default]
    WellFramed,
    /// `Content-Length` is that of the whole body; the connection is closed in the middle of it.
    ClosedEarly,
}

/// How `Retry-After` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfterForm {
    /// A number of seconds.
    #[default]
    Seconds,
    /// An HTTP date.
    Date,
    /// The header is missing.
    Absent,
}

/// How `nextPageKey` is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingKey {
    /// The member is not there.
    #[default]
    Absent,
    /// It is null.
    Null,
    /// It is an empty text.
    Empty,
    /// The whole of `pagination` is not there.
    NoPagination,
}

/// What happens to a reference on its way into the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginChange {
    /// Outer spaces are cut.
    Trimmed,
    /// It is not stored.
    Dropped,
    /// It is stored in capitals.
    UpperCased,
    /// Only its first `length` characters are stored.
    Truncated,
}

/// Which reference is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginField {
    /// The one that carries the origin id: a ticket's `originRef`, a work order's `externalRef`, a note's `noteRef`.
    #[default]
    Origin,
    /// The dedupe key: a ticket's `externalRef`.
    Key,
    /// Both.
    Both,
}

fn default_server_error() -> u16 {
    503
}
fn default_html_status() -> u16 {
    502
}
fn default_poison_status() -> u16 {
    422
}
fn default_retry_after() -> u64 {
    1
}
fn default_failure_status() -> u16 {
    500
}
fn default_failure_code() -> String {
    "GENERALFAILURE".to_owned()
}
fn whole() -> f64 {
    1.0
}
fn yes() -> bool {
    true
}
fn one() -> usize {
    1
}
fn half() -> f64 {
    0.5
}
fn default_code() -> String {
    "INVALID_FIELD".to_owned()
}
fn default_message() -> String {
    "refused by a fault rule".to_owned()
}
