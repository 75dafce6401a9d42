//! What a platform can be asked, and what it may answer. Nothing here is believed blindly: the asker checks each
//! row for the exact key, and sends one key known to exist and one random key along.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::effect::Operation;
use crate::ticket::{DedupeKey, OriginId, TicketReference};

/// What a platform can do; declared by its adapter or connector file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Largest number of items in one write request, per operation, whatever Max Tickets Per Request says. An
    /// operation that is missing takes one item.
    pub max_batch: BTreeMap<Operation, usize>,
    /// Largest number of requests in flight.
    pub max_in_flight: usize,
    /// Largest number of keys that one look-up request may carry.
    pub max_keys: usize,
    /// Tickets can be looked up by dedupe key or origin id without regard to their state.
    pub finds_tickets: bool,
    /// Notes can be looked up by their marker. Where not, notes are at-least-once.
    pub finds_notes: bool,
    /// Work orders can be looked up by origin id. Where not, an Unknown work order is held for an operator.
    pub finds_work_orders: bool,
    /// There is a read that proves reachability and login without touching anything.
    pub has_health_read: bool,
    /// Longest time that a write request may take.
    pub request_timeout: Duration,
}

impl Capabilities {
    /// One limit for every operation.
    pub fn same_batch(limit: usize) -> BTreeMap<Operation, usize> {
        Operation::ALL.into_iter().map(|operation| (operation, limit)).collect()
    }

    /// The most items of one request of this operation.
    pub fn batch_limit(&self, operation: Operation) -> usize {
        self.max_batch.get(&operation).copied().unwrap_or(1).max(1)
    }
}

/// One ticket to look for: found ones count as ours only if their origin id is `origin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketLookUp {
    /// Dedupe key.
    pub key: DedupeKey,
    /// Origin id of the row that may have created it; `None`: any.
    pub origin: Option<OriginId>,
}

/// One note to look for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteLookUp {
    /// Its marker: the origin id of the row that may have added it.
    pub origin: OriginId,
    /// The ticket that it may have been added to.
    pub ticket: TicketReference,
}

/// One work order to look for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkOrderLookUp {
    /// Origin id of the row that may have created it.
    pub origin: OriginId,
    /// The ticket that it belongs to.
    pub ticket: TicketReference,
}

/// A question to a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "query", rename_all = "snake_case")]
pub enum Query {
    /// All open tickets of these kinds, every page checked.
    OpenTickets {
        /// The kinds, as configured and as received.
        kinds: Vec<String>,
    },
    /// Tickets by key or origin, over **all** states.
    Tickets {
        /// What is looked for.
        wanted: Vec<TicketLookUp>,
        /// A ticket known to exist: if it is missing from the answer, every negative of the call is void.
        known: Option<TicketLookUp>,
        /// A key that cannot exist: if a row carries it, the search can't be trusted at all.
        random: DedupeKey,
    },
    /// Notes by marker.
    Notes {
        /// What is looked for.
        wanted: Vec<NoteLookUp>,
        /// A note known to exist.
        known: Option<NoteLookUp>,
        /// A marker that cannot exist.
        random: OriginId,
    },
    /// Work orders by origin id.
    WorkOrders {
        /// What is looked for.
        wanted: Vec<WorkOrderLookUp>,
        /// A work order known to exist.
        known: Option<WorkOrderLookUp>,
        /// An origin id that cannot exist.
        random: OriginId,
    },
    /// The cheapest read that proves reachability and login.
    Health,
}

/// A ticket as the platform shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteTicket {
    /// Number and record id.
    pub reference: TicketReference,
    /// The dedupe key it carries, or that was derived from it by the platform's `adopt` expression.
    pub key: Option<String>,
    /// Whether `key` was derived (the ticket was opened before us).
    pub adopted: bool,
    /// The origin id it carries; empty and missing are both `None`.
    pub origin: Option<String>,
    /// The platform's own word for its state.
    pub status: String,
    /// Whether that state counts as open (configuration).
    pub open: bool,
    /// The work-order number it carries.
    pub work_order: Option<String>,
    /// When it was created, RFC 3339 UTC (sorts as text); orders several matches.
    pub created_at: Option<String>,
}

/// A note as the platform shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteNote {
    /// Its marker.
    pub origin: String,
    /// Number of the ticket it stands on.
    pub ticket_number: String,
}

/// A work order as the platform shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteWorkOrder {
    /// Its number.
    pub number: String,
    /// Its record id, where the platform has one apart from the number.
    pub record: Option<String>,
    /// The origin id it carries.
    pub origin: String,
    /// Number of the ticket it belongs to.
    pub ticket_number: Option<String>,
    /// Record id of that ticket.
    pub ticket_record: Option<String>,
}

/// The answer to a [`Query`], complete: a page that is missing makes the look-up a failure, never a shorter list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Found {
    /// To [`Query::OpenTickets`] and [`Query::Tickets`].
    Tickets {
        /// All rows that came, also those nobody asked for.
        tickets: Vec<RemoteTicket>,
    },
    /// To [`Query::Notes`].
    Notes {
        /// All rows that came.
        notes: Vec<RemoteNote>,
    },
    /// To [`Query::WorkOrders`].
    WorkOrders {
        /// All rows that came.
        work_orders: Vec<RemoteWorkOrder>,
    },
    /// To [`Query::Health`].
    Healthy,
}

/// Why a look-up has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookUpFault {
    /// What happened, for people.
    pub why: String,
    /// The platform's own wish (Retry-After).
    pub retry_after: Option<Duration>,
    /// It wants fewer requests (429).
    pub throttled: bool,
    /// Nobody but an operator can mend it (login, configuration, an answer that does not add up for good).
    pub configuration: bool,
}
