//! How calls are refused.

use serde_json::json;

use crate::call::Reply;
use crate::timeline::Refused;

/// The refusal of a call.
pub(super) fn refusal(status: u16, code: &str, message: impl Into<String>) -> Reply {
    Reply::json(status, json!({"error": {"code": code, "message": message.into()}}).to_string())
}

/// How a fault refuses a call.
pub(super) fn refuse_for_fault(refused: &Refused<'_>) -> Reply {
    match *refused {
        Refused::GatewayTimeout => refusal(504, "GATEWAY_TIMEOUT", "the platform did not answer the gateway in time"),
        Refused::Server(status) => refusal(status, "SERVER_ERROR", "something went wrong"),
        Refused::TooManyRequests => refusal(429, "TOO_MANY_REQUESTS", "slow down"),
        Refused::Poisoned(status) => refusal(status, "INVALID_REQUEST", "the call was refused by a fault rule"),
        Refused::Unauthorized => refusal(401, "UNAUTHORIZED", "the API key was revoked"),
        Refused::Forbidden => refusal(403, "FORBIDDEN", "this API key may not do that"),
        Refused::Code { status, code, message } => refusal(status, code, message),
    }
}
