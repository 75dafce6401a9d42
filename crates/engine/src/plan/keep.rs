//! Plans that are kept in the store until they are applied: the last ones, each in a place of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ticketbridge_core::ticket::{BackendName, DedupeKey, OriginId, TicketId};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Store, StoreError};

use super::{Intended, PlanError};

/// The form of a plan.
pub(super) const SCHEMA: &str = "ticketbridge-plan/1";
/// Plans that are kept; the oldest makes room.
const PLACES: usize = 10;

/// What has to be known of a plan to apply it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptPlan {
    schema: String,
    pub(super) hash: String,
    made_at: Wall,
    /// Hashes of the settings that it was made with, by backend.
    pub(super) settings: BTreeMap<String, String>,
    pub(super) tickets: Vec<KeptTicket>,
}

/// One ticket that can be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptTicket {
    pub(super) id: OriginId,
    pub(super) row: TicketId,
    pub(super) key: DedupeKey,
    pub(super) generation: u32,
    pub(super) backend: BackendName,
    #[serde(flatten)]
    pub(super) intended: Intended,
    pub(super) body_hash: Option<String>,
}

impl KeptPlan {
    pub(super) fn new(
        hash: String,
        made_at: Wall,
        settings: BTreeMap<String, String>,
        tickets: Vec<KeptTicket>,
    ) -> Self {
        Self { schema: SCHEMA.to_owned(), hash, made_at, settings, tickets }
    }
}

fn place(number: usize) -> String {
    format!("plan/{number}")
}

/// What is kept. A document that cannot be read (of another version) is as good as none.
async fn kept(store: &dyn Store) -> Result<Vec<Option<KeptPlan>>, StoreError> {
    let mut plans = Vec::with_capacity(PLACES);
    for number in 0..PLACES {
        let document = store.document(&place(number)).await?;
        let plan: Option<KeptPlan> = document.and_then(|document| serde_json::from_value(document).ok());
        plans.push(plan.filter(|plan| plan.schema == SCHEMA));
    }
    Ok(plans)
}

/// Keeps a plan: in the place of the same plan, else in a free one, else in that of the oldest.
pub(super) async fn keep(store: &dyn Store, plan: &KeptPlan) -> Result<(), PlanError> {
    let plans = kept(store).await?;
    let oldest = || (0..PLACES).min_by_key(|number| plans[*number].as_ref().map(|plan| plan.made_at));
    let same = plans.iter().position(|known| known.as_ref().is_some_and(|known| known.hash == plan.hash));
    let number = same.or_else(oldest).unwrap_or(0);
    let document = serde_json::to_value(plan).map_err(|error| PlanError::Defect(error.to_string()))?;
    Ok(store.put_document(&place(number), Some(document)).await?)
}

/// The plan of this hash.
pub(super) async fn find(store: &dyn Store, hash: &str) -> Result<KeptPlan, PlanError> {
    let plans: Vec<KeptPlan> = kept(store).await?.into_iter().flatten().collect();
    if let Some(plan) = plans.iter().find(|plan| plan.hash == hash) {
        return Ok(plan.clone());
    }
    let known: Vec<String> =
        plans.iter().map(|plan| format!("`{}` ({})", plan.hash, plan.made_at.to_rfc3339())).collect();
    let known = if known.is_empty() {
        String::from("none is kept in this store")
    } else {
        format!("kept are {}", known.join(", "))
    };
    Err(PlanError::NoSuchPlan { hash: hash.to_owned(), known })
}

#[cfg(test)]
mod tests {
    use ticketbridge_store::MemoryStore;

    use super::*;

    fn plan(hash: &str, made_at: i64) -> KeptPlan {
        let (number, record) = (String::from("T-1"), Some(String::from("r")));
        let intentions = [
            Intended::Create,
            Intended::Note { number: number.clone(), record: None },
            Intended::Own { number, record },
            Intended::After { behind: OriginId(uuid::Uuid::from_u128(1)) },
        ];
        let ticket = |(intended, number): (Intended, i64)| KeptTicket {
            id: OriginId(uuid::Uuid::from_u128(number as u128)),
            row: TicketId(number),
            key: DedupeKey::new("SNR|1").unwrap(),
            generation: 0,
            backend: BackendName::new("be-1"),
            intended,
            body_hash: None,
        };
        let tickets = intentions.into_iter().zip(1..).map(ticket).collect();
        KeptPlan::new(hash.to_owned(), Wall(made_at), BTreeMap::new(), tickets)
    }

    #[tokio::test]
    async fn the_last_plans_are_kept_and_the_same_one_takes_one_place() {
        let store = MemoryStore::new(1);
        for number in 0..12 {
            keep(&store, &plan(&format!("h{number}"), number)).await.unwrap();
            keep(&store, &plan("again", 1_000)).await.unwrap();
        }
        assert_eq!(find(&store, "h11").await.unwrap(), plan("h11", 11));
        assert_eq!(find(&store, "again").await.unwrap(), plan("again", 1_000));
        let error = find(&store, "h2").await.unwrap_err().to_string();
        assert!(error.contains("there is no plan `h2`; kept are") && error.contains("`h3` (1970-01-01"), "{error}");
        assert_eq!(kept(&store).await.unwrap().into_iter().flatten().count(), PLACES);
    }
}
