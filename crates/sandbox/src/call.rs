//! What goes into a stand-in and what comes out: a [`Call`], and [`Act`]s that each have their own time.
//!
//! Guarantee: nothing here touches a socket or a clock. *Effect time is apart from answer time*: a stand-in may say
//! "answer in 5 ms, take effect in 900 ms", or the other way round. The HTTP shell performs the acts under real time, a
//! simulator under virtual time.

use bytes::Bytes;
use http::Method;
use percent_encoding::percent_decode_str;
use rand::Rng;

use crate::clock::Millis;

/// One HTTP request, already read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The HTTP method.
    pub method: Method,
    /// The path below the platform's base path, for instance `/tickets`.
    pub path: String,
    /// The decoded query members, in their order, repeated ones included.
    pub query: Vec<(String, String)>,
    /// The query as it came, still percent-encoded, without the question mark.
    pub raw_query: String,
    /// The value of the `Authorization` header.
    pub authorization: Option<String>,
    /// The value of the `X-Tixngo-Key` header.
    pub api_key: Option<String>,
    /// The body, empty if there is none.
    pub body: Bytes,
    /// Whether the body came in chunks, without a declared length.
    pub chunked: bool,
    /// Whether an earlier request was answered on the same connection (keep-alive).
    pub reused_connection: bool,
}

impl Call {
    /// A call of `target` (path and query, still percent-encoded) without login and body.
    pub fn new(method: Method, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            path: percent_decode_str(path).decode_utf8_lossy().into_owned(),
            query: decode_query(query),
            raw_query: query.to_owned(),
            authorization: None,
            api_key: None,
            body: Bytes::new(),
            chunked: false,
            reused_connection: false,
        }
    }

    /// Adds an `Authorization` header with a bearer token.
    #[must_use]
    pub fn with_bearer(mut self, token: &str) -> Self {
        self.authorization = Some(format!("Bearer {token}"));
        self
    }

    /// Adds an `X-Tixngo-Key` header.
    #[must_use]
    pub fn with_api_key(mut self, key: &str) -> Self {
        self.api_key = Some(key.to_owned());
        self
    }

    /// Adds a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Says that the body came in chunks.
    #[must_use]
    pub fn in_chunks(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Says that the connection carried a request before.
    #[must_use]
    pub fn on_reused_connection(mut self) -> Self {
        self.reused_connection = true;
        self
    }
}

/// One name or value of a query: `+` is a space, `%2B` a plus sign.
pub(crate) fn decode_part(part: &str) -> String {
    percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned()
}

pub(crate) fn decode_query(query: &str) -> Vec<(String, String)> {
    let decode = decode_part;
    query
        .split('&')
        .filter(|member| !member.is_empty())
        .map(|member| {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// One HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body; `Content-Length` is its length.
    pub body: Bytes,
    /// If set, only so many bytes of the body are sent before the connection is closed in the middle of it.
    pub closed_after: Option<usize>,
}

impl Reply {
    /// A JSON answer.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: "application/json", headers: Vec::new(), body: body.into(), closed_after: None }
    }

    /// An answer as a gateway gives it, in HTML.
    pub fn html(status: u16, text: &str) -> Self {
        let body =
            format!("<!DOCTYPE html><html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>");
        Self {
            status,
            content_type: "text/html; charset=utf-8",
            headers: Vec::new(),
            body: body.into(),
            closed_after: None,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// One thing that follows from a call.
///
/// A list of acts without [`Act::Reply`], [`Act::Reset`] and [`Act::Close`] means that the call is never answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Act<E> {
    /// The effect takes place: hand it to [`StandIn::commit`].
    Commit(E),
    /// The answer leaves.
    Reply(Reply),
    /// The connection is reset (TCP RST) without an answer.
    Reset,
    /// The connection is closed in order (TCP FIN) without an answer.
    Close,
}

/// A platform's stand-in: a pure model without clock, socket or randomness of its own.
pub trait StandIn: Send + 'static {
    /// A change that the platform makes to its records.
    type Effect: std::fmt::Debug + Clone + PartialEq + Send + 'static;

    /// Decides everything that follows from `call`, each act at its own time, sorted by time and none before `now`.
    /// No record is changed before its effect is handed to [`commit`](Self::commit).
    fn handle(&mut self, now: Millis, call: &Call, dice: &mut dyn Rng) -> Vec<(Millis, Act<Self::Effect>)>;

    /// Lets an effect take place at time `at`.
    fn commit(&mut self, at: Millis, effect: Self::Effect);

    /// The call is over: its answer is on the wire, or the caller hung up. Only a platform that counts the calls that are
    /// in flight needs to know.
    fn ended(&mut self, _call: &Call) {}

    /// Forgets all records, faults and counters.
    fn reset(&mut self);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_members_are_decoded_and_keep_their_order() {
        let call = Call::new(Method::GET, "/tickets?externalRef=SNR%7CUSSG-1&externalRef=a+b&status=open&x");
        assert_eq!(call.path, "/tickets");
        let members: Vec<_> = call.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(members, [("externalRef", "SNR|USSG-1"), ("externalRef", "a b"), ("status", "open"), ("x", "")]);
    }
}
