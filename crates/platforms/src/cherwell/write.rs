//! Writes: a batch becomes saves, and their answer outcomes, by position and only then by what is read back.

use std::sync::Arc;

use ticketbridge_core::effect::{CallClass, Operation};

use super::Shared;
use crate::{Decoded, EncodeFault, HttpCall, Item, Transport, Verdict};

/// The request for a batch.
pub(super) fn encode(_shared: &Arc<Shared>, _operation: Operation, _items: &[Item]) -> Result<HttpCall, EncodeFault> {
    Err(EncodeFault { item: None, why: String::from("being written") })
}

/// What the answer to a batch means.
pub(super) fn decode(_shared: &Arc<Shared>, _operation: Operation, _items: &[Item], _transport: &Transport) -> Verdict {
    let why = String::from("being written");
    let call = CallClass::Unknown { why, timed_out: false, retry_after: None };
    Verdict::Done(Decoded { call, outcomes: Vec::new() })
}
