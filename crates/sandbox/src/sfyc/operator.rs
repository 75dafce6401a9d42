//! People at work on the platform: tickets that were opened before us or by hand, and what an operator does to a ticket
//! while we work on it. All of it is visible to searches at once.

use serde::{Deserialize, Serialize};

use super::record::{NewTicket, Status, ticket_number};
use super::shelves::Shelves;
use crate::clock::Millis;
use crate::text::parse_rfc3339;

/// A ticket to put on the platform as if it had been there before; without `externalRef` and `originRef` it is one that
/// somebody opened by hand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedTicket {
    /// The kind.
    pub kind: String,
    /// The dedupe key.
    #[serde(default)]
    pub external_ref: Option<String>,
    /// The origin id.
    #[serde(default)]
    pub origin_ref: Option<String>,
    /// The state; `open` if absent.
    #[serde(default)]
    pub status: Option<Status>,
    /// The work order's number.
    #[serde(default)]
    pub work_order_number: Option<String>,
    /// The title.
    #[serde(default)]
    pub title: Option<String>,
    /// The description.
    #[serde(default)]
    pub description: Option<String>,
    /// When it was opened, RFC 3339; now if absent.
    #[serde(default)]
    pub created_at: Option<String>,
}

/// What an operator does to a ticket. In JSON: `{"action": "close"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum OperatorAct {
    /// Begins to work on it: `inProgress`.
    Start {},
    /// `resolved`.
    Resolve {},
    /// `closed`.
    Close {},
    /// `cancelled`.
    Cancel {},
    /// `open` again.
    Reopen {},
    /// Makes a second ticket with the same content and references.
    Copy {},
    /// Merges it into another: this one is gone, its notes belong to the other.
    Merge {
        /// The number of the ticket that stays.
        into: String,
    },
    /// Deletes it; its notes stay without a ticket.
    Delete {},
}

/// Why an operator could not do that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperatorError {
    /// No such ticket.
    #[error("there is no ticket {0}")]
    NoSuchTicket(String),
    /// A ticket cannot be merged into itself.
    #[error("ticket {0} cannot be merged into itself")]
    IntoItself(String),
    /// A seed is wrong.
    #[error("seed {place}: {problem}")]
    WrongSeed {
        /// Its place, from 1.
        place: usize,
        /// What is wrong.
        problem: String,
    },
    /// There is no room for more.
    #[error("the platform is full: at most {0} tickets")]
    Full(usize),
}

pub(super) fn seed(
    shelves: &mut Shelves,
    now: Millis,
    seeds: Vec<SeedTicket>,
    max_records: usize,
) -> Result<Vec<u32>, OperatorError> {
    if shelves.ticket_count() + seeds.len() > max_records {
        return Err(OperatorError::Full(max_records));
    }
    let mut times = Vec::with_capacity(seeds.len());
    for (place, seed) in seeds.iter().enumerate() {
        let wrong = |problem: String| OperatorError::WrongSeed { place: place + 1, problem };
        if seed.kind.trim().is_empty() {
            return Err(wrong("`kind` is empty".to_owned()));
        }
        let time = seed.created_at.as_deref().map_or(Some(now), parse_rfc3339);
        times.push(time.ok_or_else(|| wrong("`createdAt` is no RFC 3339 time".to_owned()))?);
    }
    let insert = |(seed, at): (SeedTicket, Millis)| {
        let sequence = shelves.reserve_ticket();
        let content = NewTicket {
            external_ref: seed.external_ref.map(Into::into),
            origin_ref: seed.origin_ref.map(Into::into),
            kind: seed.kind.into(),
            title: seed.title.map(Into::into),
            description: seed.description.map(Into::into),
            ..NewTicket::default()
        };
        shelves.insert_ticket(sequence, content, seed.status.unwrap_or(Status::Open), at, Millis::MIN);
        if let Some(ticket) = shelves.ticket_mut(sequence) {
            ticket.work_order_number = seed.work_order_number.map(Into::into);
        }
        sequence
    };
    Ok(seeds.into_iter().zip(times).map(insert).collect())
}

/// Does it; answers the ticket that is to be looked at afterwards, if one is left.
pub(super) fn operate(
    shelves: &mut Shelves,
    now: Millis,
    number: &str,
    act: &OperatorAct,
) -> Result<Option<u32>, OperatorError> {
    let own = |number: &str| shelves.own_ticket(number).ok_or_else(|| OperatorError::NoSuchTicket(number.to_owned()));
    let sequence = own(number)?;
    let status = match act {
        OperatorAct::Start {} => Status::InProgress,
        OperatorAct::Resolve {} => Status::Resolved,
        OperatorAct::Close {} => Status::Closed,
        OperatorAct::Cancel {} => Status::Cancelled,
        OperatorAct::Reopen {} => Status::Open,
        OperatorAct::Copy {} => {
            let Some(original) = shelves.ticket(sequence).cloned() else { return Ok(None) };
            let copy = shelves.reserve_ticket();
            shelves.insert_ticket(copy, original.content, original.status, now, now);
            return Ok(Some(copy));
        }
        OperatorAct::Merge { into } => {
            let target = own(into)?;
            if target == sequence {
                return Err(OperatorError::IntoItself(number.to_owned()));
            }
            shelves.remove_ticket(sequence);
            shelves.move_notes(&ticket_number(sequence), &ticket_number(target));
            return Ok(Some(target));
        }
        OperatorAct::Delete {} => {
            shelves.remove_ticket(sequence);
            return Ok(None);
        }
    };
    shelves.set_status(sequence, status, now);
    Ok(Some(sequence))
}
