//! What may become of an effect, per item of a batch (`docs/guarantees.md`).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Ids that a platform gave with its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemoteIds {
    /// Ticket number (create).
    pub ticket_number: Option<String>,
    /// Record id of the ticket, where the platform has one (create).
    pub ticket_record: Option<String>,
    /// Work-order number (create work order).
    pub work_order_number: Option<String>,
    /// Record id of the work order, where the platform has one (create work order).
    pub work_order_record: Option<String>,
}

/// Who or what a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The item itself; sending it again may help.
    Item,
    /// The item itself; sending it again can't help.
    ItemForGood,
    /// The remote ticket it refers to is closed, resolved or cancelled.
    TargetClosed,
    /// The remote ticket it refers to does not exist.
    TargetGone,
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The platform says that it is done.
    Applied {
        /// The ids it gave.
        ids: RemoteIds,
    },
    /// The platform surely did nothing, and this item is at fault.
    Refused {
        /// Whom the refusal is about.
        refusal: Refusal,
        /// The platform's own code; empty if it gave none.
        code: String,
        /// The platform's own words.
        message: String,
    },
    /// The platform surely did nothing, and it is at fault itself.
    Unavailable {
        /// What happened, for people.
        why: String,
    },
    /// Sent, and the answer is missing or unclear. May leave only through a look-up.
    Unknown {
        /// What happened, for people.
        why: String,
    },
}

/// What one call says about its platform, apart from its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum CallClass {
    /// A proper answer; the items have outcomes of their own.
    Answered,
    /// The whole batch was refused (400, 413, 422): one of its items, or its size, is at fault.
    BatchRefused {
        /// The platform declares that a refused batch did nothing; otherwise a look-up comes before halving.
        atomic: bool,
        /// The platform's own code; the HTTP status if it gave none.
        code: String,
        /// The platform's own words.
        message: String,
    },
    /// The destination is at fault and surely did nothing.
    Unavailable {
        /// What happened, for people.
        why: String,
        /// The platform's own wish (Retry-After), from the moment of the answer.
        retry_after: Option<Duration>,
        /// It wants fewer requests (429): the number in flight is halved.
        throttled: bool,
        /// Nobody but an operator can mend it (401, 403, 404, 405: login or configuration).
        configuration: bool,
    },
    /// Sent, and the answer is missing or unclear.
    Unknown {
        /// What happened, for people.
        why: String,
        /// It took longer than the time-out: the number in flight is halved.
        timed_out: bool,
        /// The platform's own wish (Retry-After), from the moment of the answer.
        retry_after: Option<Duration>,
    },
}
