//! When a message goes out again (telecom contract §7.4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::draft::TicketDraft;
use crate::network::Timestamp;
use crate::network::evaluation::Severity;
use crate::network::settings::Settings;

/// What was reported of one dedupe key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// Incident ids that a message has reported, each with the last `as_of` at which it counted.
    pub incidents: BTreeMap<String, Timestamp>,
    /// The highest severity reported.
    pub severity: Option<Severity>,
}

/// What was reported, by dedupe key. The store keeps it between runs, in the transaction that commits the run's
/// tickets.
pub type Memory = BTreeMap<String, Reported>;

impl Reported {
    /// Whether the draft holds an incident that was never reported, or is worse than what was.
    pub fn is_news(&self, draft: &TicketDraft) -> bool {
        self.severity.is_none_or(|reported| draft.severity > reported)
            || draft.incidents.iter().any(|incident| !self.incidents.contains_key(&incident.id))
    }

    /// Notes that a message of the draft goes out.
    pub fn report(&mut self, draft: &TicketDraft) {
        self.severity = self.severity.max(Some(draft.severity));
        for incident in &draft.incidents {
            let seen = self.incidents.entry(incident.id.clone()).or_insert(draft.source.as_of);
            *seen = draft.source.as_of.max(*seen);
        }
    }

    /// Notes that reported incidents still count.
    fn refresh(&mut self, draft: &TicketDraft) {
        for incident in &draft.incidents {
            if let Some(seen) = self.incidents.get_mut(&incident.id) {
                *seen = draft.source.as_of.max(*seen);
            }
        }
    }

    /// Drops what has been out of the window for longer than the retention. Answers whether anything is left.
    fn prune(&mut self, before: Timestamp) -> bool {
        self.incidents.retain(|_, seen| *seen >= before);
        !self.incidents.is_empty()
    }
}

/// The drafts that become messages in this run, and the memory updated: all of them with `note_every_run`, else those
/// with a new incident or a higher severity. A deeper worst value, a close or another average alone is no news.
pub fn select_news(
    drafts: Vec<TicketDraft>,
    memory: &mut Memory,
    settings: &Settings,
    as_of: Timestamp,
) -> Vec<TicketDraft> {
    let mut messages = Vec::new();
    for draft in drafts {
        let reported = memory.entry(draft.dedupe_key.clone()).or_default();
        if settings.note_every_run || reported.is_news(&draft) {
            reported.report(&draft);
            messages.push(draft);
        } else {
            reported.refresh(&draft);
        }
    }
    let before = as_of.plus_seconds(-settings.retention_s());
    memory.retain(|_, reported| reported.prune(before));
    messages
}
