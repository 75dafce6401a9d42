//! The counters of S-360, and what it holds twice.

use std::collections::BTreeMap;

use serde::Serialize;

use super::query::normalised;
use super::record::{Distribution, RowStatus};
use super::shelves::Shelves;
use crate::traffic::Traffic;

/// What the references of rows that callers make begin with.
const OURS: &str = "tng:";

/// What was asked, what went wrong on purpose, and what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests, items and answers.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// How often each fault knob fired.
    pub faults: BTreeMap<&'static str, u64>,
    /// Everything that is there twice.
    pub duplicates: Duplicates,
    /// Stored tickets.
    pub tickets: usize,
    /// Stored tickets with mobile data.
    pub mobile_tickets: usize,
    /// Stored contacts.
    pub contacts: usize,
    /// Stored contacts that callers made.
    pub contacts_made: usize,
    /// Stored distribution rows.
    pub distributions: usize,
    /// Stored distribution rows of callers that are PENDING.
    pub open_distributions: usize,
    /// Stored history entries.
    pub history: usize,
}

/// Records that are one too many, counted over everything stored: three contacts of one e-mail count as two.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// Contacts that callers made and that share a normalised e-mail.
    pub contacts_by_email: usize,
    /// Contacts that share a `requestRef`.
    pub contacts_by_request_ref: usize,
    /// Contacts that a caller made although S-360 had one of its own with that e-mail.
    pub contacts_beside_older: usize,
    /// Distribution rows that share a `distributionRef`.
    pub distributions_by_ref: usize,
    /// PENDING rows of callers beyond one per ticket.
    pub open_distributions_by_ticket: usize,
    /// History entries that share ticket and `changeRef`.
    pub history_by_change_ref: usize,
    /// All of the above added up; one record can count in several.
    pub total: usize,
}

/// Whether a row is one that a caller made and that is open.
fn is_open(row: &Distribution) -> bool {
    let is_ours = row.distribution_ref.as_ref().is_some_and(|reference| reference.starts_with(OURS));
    is_ours && row.status == RowStatus::Pending
}

pub(super) fn open_rows(shelves: &Shelves) -> usize {
    shelves.rows().iter().filter(|row| is_open(row)).count()
}

impl Duplicates {
    pub(super) fn of(shelves: &Shelves) -> Self {
        let made = || shelves.contacts().iter().filter(|contact| contact.request_ref.is_some());
        let mut found = Self {
            contacts_by_email: surplus(made().filter_map(|contact| contact.email.as_deref().map(normalised))),
            contacts_by_request_ref: surplus(made().map(|contact| &contact.request_ref)),
            contacts_beside_older: shelves.contacts_beside_older(),
            distributions_by_ref: surplus(shelves.rows().iter().filter_map(|row| row.distribution_ref.as_ref())),
            open_distributions_by_ticket: surplus(
                shelves.rows().iter().filter(|row| is_open(row)).map(|row| &row.ticket_id),
            ),
            history_by_change_ref: surplus(
                shelves
                    .history()
                    .iter()
                    .filter(|entry| !entry.change_ref.is_empty())
                    .map(|entry| (&entry.ticket_id, &entry.change_ref)),
            ),
            total: 0,
        };
        found.total = found.contacts_by_email
            + found.contacts_by_request_ref
            + found.contacts_beside_older
            + found.distributions_by_ref
            + found.open_distributions_by_ticket
            + found.history_by_change_ref;
        found
    }
}

/// How many values are there beyond the first of each.
fn surplus<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    let mut seen = std::collections::BTreeSet::new();
    values.map(|value| usize::from(!seen.insert(value))).sum()
}
