//! I1: no two open remote tickets made by us carry the same key, no ticket two work orders, no note twice.

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;

/// What a platform holds, as its stand-in tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth<'a> {
    /// Its tickets that were made by us and not copied or opened again by people.
    pub tickets: Vec<TruthTicket<'a>>,
    /// Its work orders: origin id, and the ticket that they belong to; that is empty where numbers of several ticket
    /// platforms meet.
    pub work_orders: Vec<(&'a str, &'a str)>,
    /// The markers of its notes.
    pub notes: Vec<&'a str>,
}

/// One ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TruthTicket<'a> {
    /// Its dedupe key.
    pub key: &'a str,
    /// Its origin id.
    pub origin: &'a str,
    /// Whether it is open.
    pub open: bool,
}

/// What is there twice. The same origin id twice is one create that took effect twice, whatever the states.
pub fn check(platform: &str, truth: &Truth<'_>) -> Option<Violation> {
    let mut keys = BTreeMap::new();
    let mut origins = BTreeMap::new();
    for ticket in &truth.tickets {
        if let Some(first) = origins.insert(ticket.origin, ticket) {
            let text = format!("{platform} holds two tickets with the origin id {}", ticket.origin);
            return Some(Violation::new("I1", Some(first.key), text));
        }
        if let Some(other) = ticket.open.then(|| keys.insert(ticket.key, ticket.origin)).flatten() {
            let text = format!("{platform} holds two open tickets of this key, made by {other} and {}", ticket.origin);
            return Some(Violation::new("I1", Some(ticket.key), text));
        }
    }
    let key_of = |origin: &str| origins.get(origin).map(|ticket| ticket.key);
    let (mut of_origin, mut of_ticket) = (BTreeSet::new(), BTreeSet::new());
    for (origin, ticket) in &truth.work_orders {
        if !of_origin.insert(*origin) || !(ticket.is_empty() || of_ticket.insert(*ticket)) {
            let text = format!("{platform} holds two work orders of origin id {origin}, the second for {ticket}");
            return Some(Violation::new("I1", key_of(origin), text));
        }
    }
    let mut notes = truth.notes.clone();
    notes.sort_unstable();
    let twice = notes.windows(2).find(|pair| pair.first() == pair.last())?;
    let marker = twice.first()?;
    Some(Violation::new("I1", key_of(marker), format!("{platform} holds the note {marker} twice")))
}

/// No two ticket platforms hold open tickets of one key. Each platform with the keys of its open tickets of ours.
pub fn check_across(platforms: &[(String, Vec<String>)]) -> Option<Violation> {
    let mut homes: BTreeMap<&str, &str> = BTreeMap::new();
    for (platform, keys) in platforms {
        for key in keys {
            if let Some(other) = homes.insert(key, platform).filter(|other| other != platform) {
                let text = format!("{other} and {platform} hold open tickets of this key");
                return Some(Violation::new("I1", Some(key), text));
            }
        }
    }
    None
}
