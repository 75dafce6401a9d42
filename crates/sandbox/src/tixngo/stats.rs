//! The counters of TIXNGO.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::traffic::Traffic;

/// What was asked, what went wrong on purpose, and what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests and answers; the items of a call are those that its page had.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// How often each fault knob fired.
    pub faults: BTreeMap<&'static str, u64>,
    /// Tickets in the streams of all organizers.
    pub tickets: usize,
    /// Changes that were ever added, loaded pages apart.
    pub changes: u64,
    /// The most diff calls of one organizer that were in flight at once.
    pub most_in_flight: usize,
    /// By organizer.
    pub organizers: BTreeMap<String, OrganizerStats>,
}

/// The counters of one organizer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OrganizerStats {
    /// Diff calls with this organizer's API key, refused ones included.
    pub requests: u64,
    /// Those that are in flight now.
    pub in_flight: usize,
    /// The most that were at once.
    pub most_in_flight: usize,
    /// Tickets in its stream.
    pub tickets: usize,
    /// Changes that were ever added, loaded pages apart.
    pub changes: u64,
}
