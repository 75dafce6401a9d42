//! Ids of incidents, and how they outlive late samples (telecom contract §5.2).

use sha2::{Digest, Sha256};

use super::fold::{Breach, Worst};
use super::incident::Incident;
use crate::network::{KpiFile, Timestamp};

/// First 16 hex digits of SHA-256 over `kpi` LF `object_id` LF `opened_at`.
pub(super) fn fresh_id(kpi: KpiFile, object_id: &str, opened_at: Timestamp) -> Box<str> {
    short_hash(&format!("{}\n{object_id}\n{opened_at}", kpi.kpi()))
}

fn short_hash(text: &str) -> Box<str> {
    use std::fmt::Write;
    let digest = Sha256::digest(text.as_bytes());
    let mut id = String::with_capacity(16);
    for byte in &digest[..8] {
        // Writing into a String cannot fail.
        let _written = write!(id, "{byte:02x}");
    }
    id.into()
}

/// The incident that is still running where the stored samples begin, if one is known: folding starts within it.
pub(super) fn running_at(known: &[Incident], horizon: Timestamp) -> Option<&Incident> {
    known
        .iter()
        .filter(|incident| incident.opened_at < horizon && incident.closed_at.is_none_or(|closed| closed > horizon))
        .min_by_key(|incident| incident.opened_at)
}

/// The breach to start folding with.
pub(super) fn resumed(incident: &Incident) -> Breach {
    Breach {
        opened_at: incident.opened_at,
        closed_at: None,
        worst: Worst {
            at: incident.worst_at,
            value: incident.worst,
            modulation: incident.modulation,
            threshold: incident.threshold,
            channel: None,
        },
    }
}

/// The id of each breach of one object, given in time order: that of the earliest-opened known incident it overlaps,
/// if none before it took that one or swallowed it, else a fresh one.
pub(super) fn ids(kpi: KpiFile, object_id: &str, breaches: &[Breach], known: &[Incident]) -> Vec<Box<str>> {
    let mut known: Vec<&Incident> = known.iter().collect();
    known.sort_by_key(|incident| incident.opened_at);
    let mut is_gone = vec![false; known.len()];
    let mut ids: Vec<Option<Box<str>>> = Vec::with_capacity(breaches.len());
    for breach in breaches {
        let mut inherited = None;
        for (place, incident) in known.iter().enumerate() {
            if !is_gone[place] && overlap(breach, incident) {
                is_gone[place] = true;
                inherited.get_or_insert_with(|| incident.id.clone());
            }
        }
        ids.push(inherited);
    }
    let mut taken: Vec<Box<str>> = ids.iter().flatten().cloned().collect();
    let mut all = Vec::with_capacity(ids.len());
    for (id, breach) in ids.into_iter().zip(breaches) {
        let id = id.unwrap_or_else(|| {
            let mut id = fresh_id(kpi, object_id, breach.opened_at);
            // An incident whose begin was moved keeps the id of that begin; a later one may begin there now.
            let mut again = 1_u32;
            while taken.contains(&id) {
                again += 1;
                id = short_hash(&format!("{}\n{object_id}\n{}\n{again}", kpi.kpi(), breach.opened_at));
            }
            taken.push(id.clone());
            id
        });
        all.push(id);
    }
    all
}

/// Whether the half-open intervals have an instant in common.
fn overlap(breach: &Breach, incident: &Incident) -> bool {
    incident.closed_at.is_none_or(|closed| breach.opened_at < closed)
        && breach.closed_at.is_none_or(|closed| incident.opened_at < closed)
}
