//! What all answers of S-360 have in common: an object with one array, or an error.

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::value::RawValue;
use ticketbridge_core::time::Wall;

use crate::Transport;
use crate::call_fault::{CallFault, Party, answered, is_code};

/// Largest answer, in bytes.
pub const MAX_BODY: usize = 16 * 1024 * 1024;

const S360: Party = Party {
    name: "S-360",
    on_bad_request: "it refuses the request as a whole; check its version and the base URL",
    code,
};

/// A body of a write.
#[derive(Serialize)]
pub(super) struct Items<T> {
    pub(super) items: T,
}

/// The body of an answer 200 as text.
pub(super) fn text(transport: &Transport, wall_now: Wall) -> Result<&str, CallFault> {
    let body: &Bytes = answered(&S360, transport, wall_now)?;
    if body.len() > MAX_BODY {
        return Err(fault(format!("it has {} bytes; the limit is {MAX_BODY}", body.len())));
    }
    let text =
        std::str::from_utf8(body).map_err(|error| fault(format!("byte {} is not UTF-8", error.valid_up_to())))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The whole answer: an object with the array `name` of at most `limit` elements, as `T` says.
pub(super) fn envelope<'t, T: Deserialize<'t>>(text: &'t str, name: &str, limit: usize) -> Result<T, CallFault> {
    let is_object = text.trim_start().starts_with('{');
    match serde_json::from_str(text) {
        Ok(envelope) if is_object => Ok(envelope),
        Ok(_) => Err(fault("it is not an object")),
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            Err(fault(match error.classify() {
                _ if text.trim_start().starts_with('<') => {
                    String::from("it is HTML, not JSON; check what stands between")
                }
                Category::Eof => format!("it ends in the middle ({place}); the answer was cut"),
                Category::Syntax | Category::Io => format!("it is not JSON ({place})"),
                // The reader's own words may show a value.
                Category::Data => {
                    format!("it must have one array `{name}` of at most {limit} elements ({place})")
                }
            }))
        }
    }
}

/// An answer 200 that is unreadable. It may be another one the next time.
pub(super) fn fault(why: impl fmt::Display) -> CallFault {
    CallFault::transient(format!("the answer of S-360 cannot be used: {why}"))
}

/// At most `N` elements of an array, unread.
#[derive(Debug)]
pub(super) struct Array<'a, const N: usize>(pub(super) Vec<&'a RawValue>);

impl<'de: 'a, 'a, const N: usize> Deserialize<'de> for Array<'a, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<const N: usize>;

        impl<'a, const N: usize> Visitor<'a> for Elements<N> {
            type Value = Array<'a, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an array of at most {N} elements")
            }

            fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if elements.len() == N {
                        return Err(A::Error::invalid_length(N + 1, &self));
                    }
                    elements.push(element);
                }
                Ok(Array(elements))
            }
        }

        deserializer.deserialize_seq(Elements)
    }
}

/// The error code of a whole answer, if there is one that can be shown.
fn code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        code: String,
    }
    let body = body.get(..body.len().min(MAX_BODY))?;
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    Some(refusal.error.code).filter(|code| is_code(code))
}
