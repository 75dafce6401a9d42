//! Settings that every platform has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PlatformKind;
use crate::types::Span;

/// Settings that every platform has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Common {
    /// Shortest time between the two look-ups that must both find nothing before a create is sent again.
    pub settling_time: Span,
    /// Longest time that the platform may go on with a request after our time-out. Default: 30 s with `s360`, 120 s
    /// with the others.
    pub in_doubt_for: Span,
    /// What follows when look-ups surely found nothing.
    pub on_unresolved: OnUnresolved,
    /// Pauses between attempts.
    pub retry: Retry,
    /// `true`: never use a proxy. `false`: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are obeyed, loopback included.
    pub bypass_proxy: bool,
}

impl Common {
    /// The default of `in_doubt_for`. A read of S-360 that is made after the time-out sees the effect if there is one
    /// (S-360 contract, "faults to expect"); 30 s leave room for a proxy in between.
    pub const fn in_doubt_for(kind: PlatformKind) -> Span {
        match kind {
            PlatformKind::S360 => Span::seconds(30),
            PlatformKind::Connector | PlatformKind::Cherwell | PlatformKind::Tixngo => Span::seconds(120),
        }
    }
}

impl Default for Common {
    fn default() -> Self {
        Self {
            settling_time: Span::seconds(5),
            in_doubt_for: Self::in_doubt_for(PlatformKind::Connector),
            on_unresolved: OnUnresolved::Resend,
            retry: Retry::default(),
            bypass_proxy: false,
        }
    }
}

/// What follows when look-ups surely found nothing of a create without a clear answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnresolved {
    /// Send it again.
    #[default]
    Resend,
    /// Never send it twice: hold it for an operator.
    Hold,
}

/// Pauses between attempts: exponential with full jitter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Longest first pause.
    pub initial: Span,
    /// Longest pause at all.
    pub max: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self { initial: Span::seconds(1), max: Span::seconds(60) }
    }
}

/// Time-outs of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Span,
    /// From the request to the end of the answer.
    pub request: Span,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Span::seconds(5), request: Span::seconds(60) }
    }
}
