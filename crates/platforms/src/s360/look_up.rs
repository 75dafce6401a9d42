//! Look-ups: which values travel in one call.

use std::iter;

use http::Method;
use percent_encoding::utf8_percent_encode;

use crate::HttpCall;
use crate::query::VERBATIM;

/// Most tickets that one call asks for.
pub const MAX_TICKETS: usize = 1000;
/// Most e-mails or references that one call asks for.
pub const MAX_CONTACTS: usize = 200;
/// Longest path and query of a part, in bytes. A value of 256 characters takes 3 KiB at most.
pub const MAX_TARGET: usize = 16 * 1024;

/// Something to be looked up, by one value or more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LookUp<'a> {
    /// Tickets by their ids.
    Tickets(&'a [&'a str]),
    /// Contacts by e-mail; S-360 ignores case and outer spaces.
    ContactsByEmail(&'a [&'a str]),
    /// Contacts by the reference of the request that made them.
    ContactsByRequestRef(&'a [&'a str]),
    /// Distribution rows by the ids of their tickets.
    Distributions(&'a [&'a str]),
}

impl std::fmt::Debug for LookUp<'_> {
    /// Shows no value: e-mails are personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LookUp({} {} values)", self.begin(), self.values().len())
    }
}

impl<'a> LookUp<'a> {
    /// Most values of one call.
    pub fn limit(&self) -> usize {
        match self {
            Self::Tickets(_) | Self::Distributions(_) => MAX_TICKETS,
            Self::ContactsByEmail(_) | Self::ContactsByRequestRef(_) => MAX_CONTACTS,
        }
    }

    /// The values that are asked for.
    pub fn values(&self) -> &'a [&'a str] {
        match self {
            Self::Tickets(values)
            | Self::ContactsByEmail(values)
            | Self::ContactsByRequestRef(values)
            | Self::Distributions(values) => values,
        }
    }

    /// The look-up in parts that each fit into one call: at most [`limit`](Self::limit) values, and [`MAX_TARGET`] bytes of
    /// path and query unless a single value is longer. No values, no parts.
    pub fn parts(self) -> impl Iterator<Item = LookUp<'a>> {
        let mut rest = self.values();
        iter::from_fn(move || {
            let (part, behind) = rest.split_at_checked(self.fitting(rest))?;
            rest = behind;
            (!part.is_empty()).then(|| self.with(part))
        })
    }

    /// The call for all values; [`parts`](Self::parts) says how many it may have.
    pub fn call(&self) -> HttpCall {
        let mut target = String::from(self.begin());
        for (place, value) in self.values().iter().enumerate() {
            if place > 0 {
                target.push(',');
            }
            target.extend(utf8_percent_encode(value, VERBATIM));
        }
        HttpCall { method: Method::GET, target, body: None }
    }

    fn begin(&self) -> &'static str {
        match self {
            Self::Tickets(_) => "/tickets?ticketId=",
            Self::ContactsByEmail(_) => "/contacts?email=",
            Self::ContactsByRequestRef(_) => "/contacts?requestRef=",
            Self::Distributions(_) => "/distributions?ticketId=",
        }
    }

    /// How many of `values`, from the first, fit into one call; at least one, if there is one.
    fn fitting(&self, values: &[&str]) -> usize {
        let mut length = self.begin().len();
        let fits = |value: &&&str| {
            length += utf8_percent_encode(value, VERBATIM).map(str::len).sum::<usize>() + 1;
            length <= MAX_TARGET
        };
        values.iter().take(self.limit()).take_while(fits).count().max(1).min(values.len())
    }

    fn with(&self, values: &'a [&'a str]) -> Self {
        match self {
            Self::Tickets(_) => Self::Tickets(values),
            Self::ContactsByEmail(_) => Self::ContactsByEmail(values),
            Self::ContactsByRequestRef(_) => Self::ContactsByRequestRef(values),
            Self::Distributions(_) => Self::Distributions(values),
        }
    }
}
