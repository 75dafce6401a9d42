//! TIXNGO: the diff endpoint of the wallets, which is only read (TIXNGO contract §4). Calls and answers as data: no clock,
//! no socket.
//!
//! The API key is the client's matter ([`Auth::ApiKey`](crate::http::Auth::ApiKey)). Guarantee: what [`read_diff`] lets
//! through is a page, byte by byte as it came; all else is a fault that shows nothing of the body. Limit: 64 MiB
//! ([`MAX_PAGE_BYTES`](ticketbridge_core::mobile::MAX_PAGE_BYTES)).

use bytes::Bytes;
use http::Method;
use percent_encoding::utf8_percent_encode;
use ticketbridge_core::mobile::{Page, PaginationKey};
use ticketbridge_core::time::Wall;

use crate::call_fault::{CallFault, Party, answered};
use crate::query::VERBATIM;
use crate::{HttpCall, Transport};

const TIXNGO: Party = Party {
    name: "TIXNGO",
    on_bad_request: "the batch size is too large, or the pagination key is malformed or another organizer's",
    code: |_| None,
};

/// The call for the page behind `key`, of at most `limit` items (1 to 10,000). An empty key is left out.
pub fn diff_call(key: &PaginationKey, limit: u32) -> HttpCall {
    let mut target = format!("/diff?limit={limit}");
    if !key.is_empty() {
        target.push_str("&paginationKey=");
        target.extend(utf8_percent_encode(key.as_str(), VERBATIM));
    }
    HttpCall { method: Method::GET, target, body: None }
}

/// The page in the answer, verbatim, once [`Page::read`] accepts it. `wall_now` dates a `Retry-After` whose answer has no
/// date of its own.
pub fn read_diff(transport: &Transport, wall_now: Wall) -> Result<Bytes, CallFault> {
    let body = answered(&TIXNGO, transport, wall_now)?;
    match Page::read(body) {
        Ok(_) => Ok(body.clone()),
        Err(error) => Err(CallFault::transient(format!("TIXNGO's answer is no page: {error}"))),
    }
}
