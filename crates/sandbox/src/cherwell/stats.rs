//! The counters of Cherwell, and what it holds twice.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::blueprint::Table;
use super::record::Record;
use super::save::is_closed;
use super::shelves::Shelves;
use crate::traffic::Traffic;

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
    /// Stored tickets in any state.
    pub tickets: usize,
    /// Stored tickets that are neither resolved nor closed.
    pub open_tickets: usize,
    /// Stored work orders.
    pub work_orders: usize,
    /// Stored journals.
    pub notes: usize,
    /// Stored tickets with a work order number.
    pub linked: usize,
    /// Stored tickets whose work order number is that of a work order stored for them.
    pub matching_work_orders: usize,
    /// Requests that came in chunks; all were refused.
    pub chunked_requests: u64,
    /// Token calls that began while another one was not over.
    pub overlapping_token_calls: u64,
    /// Sessions that began with a password.
    pub logins: u64,
    /// Sessions that were refreshed.
    pub refreshes: u64,
    /// Token calls that were refused for what was in them.
    pub refused_logins: u64,
    /// Sessions whose access token lives.
    pub live_sessions: usize,
}

/// Records that are one too many, counted over everything stored, shown by searches or not: three tickets of one key
/// count as two.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// Open tickets with an `OriginId`, which are made by us, that were made when an open ticket of the same `DedupeKey` was
    /// there.
    pub open_tickets_by_dedupe_key: usize,
    /// Tickets in any state that share an `OriginId`.
    pub tickets_by_origin_id: usize,
    /// Work orders that share an `ExternalRef`.
    pub work_orders_by_external_ref: usize,
    /// Work orders that share a ticket.
    pub work_orders_by_ticket: usize,
    /// Notes that share a marker, `[ref:…]`.
    pub notes_by_marker: usize,
    /// Tickets with a work order number that differs from that of every work order stored for them.
    pub wrong_links: usize,
    /// All of the above added up; one record can count in several.
    pub total: usize,
}

fn surplus(count: usize) -> usize {
    count.saturating_sub(1)
}

impl Duplicates {
    pub(super) fn of(shelves: &Shelves) -> Self {
        let incidents = shelves.shelf(Table::Incidents);
        let work_orders = shelves.shelf(Table::WorkOrders);
        let is_open = |ticket: &&Record| !is_closed(ticket);
        let is_ours = |ticket: &&Record| !ticket.named("OriginId").is_empty();
        let mut by_ticket: BTreeMap<&str, usize> = BTreeMap::new();
        for ticket in work_orders.records().map(ticket_of).filter(|ticket| !ticket.is_empty()) {
            *by_ticket.entry(ticket).or_default() += 1;
        }
        let mut markers: BTreeMap<&str, usize> = BTreeMap::new();
        for marker in shelves.shelf(Table::Journals).records().filter_map(|note| marker(note.named("Details"))) {
            *markers.entry(marker).or_default() += 1;
        }
        let numbers = numbers_by_ticket(shelves);
        let is_wrong = |ticket: &&Record| {
            let own = numbers.get(&ticket.rec_id.to_string());
            let linked = ticket.named("WorkOrderNumber");
            !linked.is_empty() && own.is_some_and(|own| !own.contains(linked))
        };
        let mut found = Self {
            open_tickets_by_dedupe_key: incidents
                .groups("DedupeKey")
                .map(|group| group.filter(is_open).skip(1).filter(is_ours).count())
                .sum(),
            tickets_by_origin_id: incidents.groups("OriginId").map(|group| surplus(group.count())).sum(),
            work_orders_by_external_ref: work_orders.groups("ExternalRef").map(|group| surplus(group.count())).sum(),
            work_orders_by_ticket: by_ticket.into_values().map(surplus).sum(),
            notes_by_marker: markers.into_values().map(surplus).sum(),
            wrong_links: incidents.records().filter(is_wrong).count(),
            total: 0,
        };
        found.total = found.open_tickets_by_dedupe_key
            + found.tickets_by_origin_id
            + found.work_orders_by_external_ref
            + found.work_orders_by_ticket
            + found.notes_by_marker
            + found.wrong_links;
        found
    }
}

/// The ticket that a work order names: by record id, else by number.
fn ticket_of(work_order: &Record) -> &str {
    let rec_id = work_order.named("ParentRecID");
    if rec_id.is_empty() { work_order.named("IncidentID") } else { rec_id }
}

/// The numbers of the work orders of each ticket, by the ticket's record id.
fn numbers_by_ticket(shelves: &Shelves) -> BTreeMap<String, BTreeSet<&str>> {
    let incidents = shelves.shelf(Table::Incidents);
    let mut numbers: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for work_order in shelves.shelf(Table::WorkOrders).records() {
        let named = ticket_of(work_order);
        let ticket = incidents.by_rec_id(named).or_else(|| incidents.by_public_id(named));
        if let Some(ticket) = ticket {
            numbers.entry(ticket.rec_id.to_string()).or_default().insert(&work_order.public_id);
        }
    }
    numbers
}

/// Tickets whose work order number is that of a work order stored for them.
pub(super) fn matching_work_orders(shelves: &Shelves) -> usize {
    let numbers = numbers_by_ticket(shelves);
    let incidents = shelves.shelf(Table::Incidents).records();
    let matches = |ticket: &&Record| {
        numbers.get(&ticket.rec_id.to_string()).is_some_and(|own| own.contains(ticket.named("WorkOrderNumber")))
    };
    incidents.filter(matches).count()
}

/// The last marker of a note: the text between `[ref:` and `]`.
pub(super) fn marker(details: &str) -> Option<&str> {
    let start = details.rfind("[ref:")? + "[ref:".len();
    let rest = &details[start..];
    rest.find(']').map(|end| &rest[..end]).filter(|marker| !marker.is_empty())
}
