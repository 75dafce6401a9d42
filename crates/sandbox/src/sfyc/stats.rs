//! The counters of SFyC, and what it holds twice.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::{Ticket, ticket_number, work_order_number};
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
    /// Stored tickets that are open or in progress.
    pub open_tickets: usize,
    /// Stored work orders.
    pub work_orders: usize,
    /// Stored notes.
    pub notes: usize,
    /// Stored tickets with a work order number.
    pub linked: usize,
}

/// Records that are one too many, counted over everything stored, shown by searches or not: three tickets of one key
/// count as two.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// Open tickets that share an `externalRef`; only those with an `originRef`, which are made by us.
    pub open_tickets_by_external_ref: usize,
    /// Tickets in any state that share an `originRef`.
    pub tickets_by_origin_ref: usize,
    /// Work orders that share an `externalRef`.
    pub work_orders_by_external_ref: usize,
    /// Work orders that share a ticket number.
    pub work_orders_by_ticket: usize,
    /// Notes that share a `noteRef`.
    pub notes_by_ref: usize,
    /// Tickets with a work order number that differs from that of every work order stored for them.
    pub wrong_links: usize,
    /// All of the above added up; one record can count in several.
    pub total: usize,
}

impl Duplicates {
    pub(super) fn of(shelves: &Shelves) -> Self {
        let surplus = |count: usize| count.saturating_sub(1);
        let mut origins: BTreeMap<&str, usize> = BTreeMap::new();
        for origin in shelves.tickets().filter_map(|ticket| ticket.content.origin_ref.as_deref()) {
            *origins.entry(origin).or_default() += 1;
        }
        let ours_and_open = |ticket: &&Ticket| ticket.status.is_open() && ticket.content.origin_ref.is_some();
        let mut found = Self {
            open_tickets_by_external_ref: shelves
                .key_groups()
                .map(|group| surplus(group.filter(ours_and_open).count()))
                .sum(),
            tickets_by_origin_ref: origins.into_values().map(surplus).sum(),
            notes_by_ref: shelves.note_groups().map(surplus).sum(),
            wrong_links: shelves.tickets().filter(|ticket| is_wrongly_linked(ticket, shelves)).count(),
            ..Self::default()
        };
        for (by_ref, by_ticket) in shelves.work_order_groups() {
            found.work_orders_by_external_ref += surplus(by_ref);
            found.work_orders_by_ticket += surplus(by_ticket);
        }
        found.total = found.open_tickets_by_external_ref
            + found.tickets_by_origin_ref
            + found.work_orders_by_external_ref
            + found.work_orders_by_ticket
            + found.notes_by_ref
            + found.wrong_links;
        found
    }
}

/// A ticket whose work order lives on another platform has none here and is not judged.
fn is_wrongly_linked(ticket: &Ticket, shelves: &Shelves) -> bool {
    let Some(linked) = ticket.work_order_number.as_deref() else { return false };
    let mut stored = shelves.work_orders_of(&ticket_number(ticket.sequence)).peekable();
    stored.peek().is_some() && stored.all(|work_order| work_order_number(work_order.sequence) != linked)
}
