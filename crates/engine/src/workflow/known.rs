//! What runs leave behind for the next one: incidents per object, and what was reported per key.
//!
//! The store keeps both as JSON and replaces entry by entry; an entry that is over is replaced by an empty one.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ticketbridge_core::network::evaluation::Incident;
use ticketbridge_core::network::tickets::{Memory, Reported};
use ticketbridge_core::network::topology::Topology;
use ticketbridge_core::network::{KpiFile, Timestamp};
use ticketbridge_store::Store;

use super::WorkflowError;

type Object = (String, String);

/// As the store has it.
pub(super) struct Known {
    /// By KPI and object.
    incidents: BTreeMap<Object, Vec<Incident>>,
    reported: Memory,
}

impl Known {
    pub(super) async fn read(store: &dyn Store) -> Result<Self, WorkflowError> {
        let mut incidents = BTreeMap::new();
        for (object, body) in store.incidents().await? {
            let what = || format!("incidents of {} {}", object.0, object.1);
            let list: Vec<Incident> = parse(&body, what)?;
            if !list.is_empty() {
                incidents.insert(object, list);
            }
        }
        let mut reported = Memory::new();
        for (key, body) in store.reported().await? {
            let entry: Reported = parse(&body, || format!("reports of {key}"))?;
            if entry != Reported::default() {
                reported.insert(key, entry);
            }
        }
        Ok(Self { incidents, reported })
    }

    /// All incidents, for the evaluation.
    pub(super) fn incidents(&self) -> Vec<Incident> {
        self.incidents.values().flatten().cloned().collect()
    }

    /// What was reported, to be brought up to date.
    pub(super) fn memory(&self) -> Memory {
        self.reported.clone()
    }

    /// The entries that `found` changes. An object that the topology does not have (any more) keeps its entry as long
    /// as a sample of it may be stored: it may come back.
    pub(super) fn changed_incidents<'i>(
        &self,
        found: impl Iterator<Item = &'i Incident>,
        topology: &Topology,
        first_stored: Timestamp,
    ) -> Vec<(Object, String)> {
        let mut now: BTreeMap<Object, Vec<&Incident>> = BTreeMap::new();
        for incident in found {
            now.entry((incident.kpi.kpi().to_owned(), incident.object_id.to_string())).or_default().push(incident);
        }
        let mut changed = Vec::new();
        for (object, list) in &now {
            let is_same = self.incidents.get(object).is_some_and(|before| before.iter().eq(list.iter().copied()));
            if !is_same {
                changed.push((object.clone(), to_json(list)));
            }
        }
        for (object, before) in &self.incidents {
            let may_come_back =
                !is_there(topology, before) && before.iter().any(|incident| incident.opened_at >= first_stored);
            if !now.contains_key(object) && !may_come_back {
                changed.push((object.clone(), "[]".to_owned()));
            }
        }
        changed
    }

    /// The entries that differ in `memory`.
    pub(super) fn changed_reports(&self, memory: &Memory) -> Vec<(String, String)> {
        let mut changed: Vec<_> = memory
            .iter()
            .filter(|(key, entry)| self.reported.get(*key) != Some(*entry))
            .map(|(key, entry)| (key.clone(), to_json(entry)))
            .collect();
        for key in self.reported.keys().filter(|key| !memory.contains_key(*key)) {
            changed.push((key.clone(), to_json(&Reported::default())));
        }
        changed
    }
}

fn is_there(topology: &Topology, incidents: &[Incident]) -> bool {
    incidents.first().is_some_and(|incident| match incident.kpi {
        KpiFile::UsChannelSnr => topology.find_channel(&incident.object_id).is_some(),
        KpiFile::UsChannelUtilization | KpiFile::DsChannelUtilization => {
            topology.find_group(&incident.object_id).is_some()
        }
    })
}

fn parse<T: DeserializeOwned>(body: &str, what: impl Fn() -> String) -> Result<T, WorkflowError> {
    serde_json::from_str(body).map_err(|error| WorkflowError::Damaged { what: what(), why: error.to_string() })
}

fn to_json<T: Serialize>(value: &T) -> String {
    // Ids, numbers and times: they always serialise.
    serde_json::to_string(value).unwrap_or_default()
}
