//! I3: no request without a committed intent; and no intent is sent twice.

use ticketbridge_core::delivery::{BatchId, Intent};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::PlatformName;

use super::Violation;

/// A write request that reaches a platform.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its batch.
    pub batch: BatchId,
    /// What it does.
    pub operation: Operation,
    /// Where it goes.
    pub platform: &'a PlatformName,
    /// SHA-256 of its body.
    pub body_hash: [u8; 32],
    /// How often a request of this batch left before, apart from one that was turned down with 401.
    pub left_before: u32,
}

/// Compares a request with the intent that the store has of it.
pub fn check(request: Request<'_>, intent: Option<&Intent>, key: Option<&str>) -> Option<Violation> {
    let number = request.batch.0;
    let wrong = |text: String| Some(Violation::new("I3", key, text));
    let Some(intent) = intent else {
        return wrong(format!("batch {number} is on the wire without a committed intent"));
    };
    if intent.operation != request.operation || intent.platform != *request.platform {
        return wrong(format!(
            "batch {number} was to {} on {}, and its request does {} on {}",
            intent.operation, intent.platform, request.operation, request.platform
        ));
    }
    if intent.body_hash != request.body_hash {
        return wrong(format!("the body of batch {number} is not the one whose hash was committed"));
    }
    (request.left_before > 0)
        .then(|| Violation::new("I3", key, format!("batch {number} is sent {} times", request.left_before + 1)))
}
