//! Which backend takes a key (telecom contract §7.6).
//!
//! 0. A backend that the sender names takes the key, unless a ticket of that key is open on another platform: a key
//!    never has open tickets on two.
//! 1. A key with a ticket of ours that is not done stays with that ticket's backend, also while it is away.
//! 2. A key with a ticket known open follows the platform that holds it.
//! 3. Otherwise the rendezvous hash over the available backends decides; if none is, over all: the ticket waits there.
//!
//! One that is draining is chosen by 1 alone, as long as there is another.

use std::collections::BTreeMap;

use ticketbridge_config::Config;
use ticketbridge_config::sections::{Backend, BackendState};
use ticketbridge_core::delivery::Status;
use ticketbridge_core::network::tickets::backend_order;
use ticketbridge_core::ticket::{BackendName, DedupeKey, PlatformName};
use ticketbridge_store::{Store, StoreError};

/// A backend, as the split sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendChoice {
    /// Its name.
    pub name: BackendName,
    /// Its ticket platform.
    pub tickets: PlatformName,
    /// Active, and the last probe of its platform was good. One with processing disabled still is available.
    pub available: bool,
    /// It finishes what it has, and takes nothing but more of the keys that it is at work on.
    pub draining: bool,
}

/// The backends of a configuration as the split sees them. Without a status (a command beside the service) all active
/// ones are taken for available.
pub fn backend_choices(config: &Config, status: Option<&Status>) -> Vec<BackendChoice> {
    let choice = |backend: &Backend| {
        let well = status.is_none_or(|status| {
            let of_platform = status.platforms.get(&backend.tickets);
            of_platform.is_some_and(|platform| platform.breaker_open_for.is_none())
        });
        BackendChoice {
            name: backend.name.clone(),
            tickets: backend.tickets.clone(),
            available: backend.state == BackendState::Active && well,
            draining: backend.state == BackendState::Draining,
        }
    };
    config.backends.iter().map(choice).collect()
}

/// The backend of each key, in the order of the keys. Refused if there is no backend at all.
pub(crate) async fn assign<'b>(
    store: &dyn Store,
    backends: &'b [BackendChoice],
    keys: &[DedupeKey],
    named: Option<&'b BackendChoice>,
) -> Result<Vec<&'b BackendChoice>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut holders: BTreeMap<DedupeKey, Vec<PlatformName>> = BTreeMap::new();
    for (platform, known) in store.ledger(keys).await? {
        holders.entry(known.key).or_default().push(platform);
    }
    let open: BTreeMap<DedupeKey, BackendName> = store.open_backends(keys).await?.into_iter().collect();
    let choose = |key: &DedupeKey| {
        let bound = open.get(key).and_then(|name| backends.iter().find(|backend| backend.name == *name));
        let holders = holders.get(key).map_or(&[][..], Vec::as_slice);
        let bound_to = bound.map(|backend| &backend.tickets).or_else(|| holders.first());
        let named = named.filter(|named| bound_to.is_none_or(|platform| *platform == named.tickets));
        let chosen = named.or(bound).or_else(|| by_hash(backends, holders, key));
        chosen
            .ok_or_else(|| StoreError::Refused(String::from("no backend is configured; add one under `[[backends]]`")))
    };
    keys.iter().map(choose).collect()
}

fn by_hash<'b>(backends: &'b [BackendChoice], holders: &[PlatformName], key: &DedupeKey) -> Option<&'b BackendChoice> {
    let of_holder = |backend: &&BackendChoice| holders.contains(&backend.tickets);
    // A platform that no backend serves any more can't be followed.
    let all_drain = backends.iter().all(|backend| backend.draining);
    let takes = |backend: &&BackendChoice| all_drain || !backend.draining;
    let is_bound = backends.iter().filter(takes).any(|backend| of_holder(&backend));
    let candidates = || backends.iter().filter(takes).filter(|backend| !is_bound || of_holder(backend));
    winner(candidates().filter(|backend| backend.available), key).or_else(|| winner(candidates(), key))
}

fn winner<'b>(backends: impl Iterator<Item = &'b BackendChoice>, key: &DedupeKey) -> Option<&'b BackendChoice> {
    let backends: Vec<&BackendChoice> = backends.collect();
    let best = *backend_order(backends.iter().map(|backend| backend.name.as_str()), key.as_str()).first()?;
    backends.into_iter().find(|backend| backend.name.as_str() == best)
}

#[cfg(test)]
mod tests {
    use ticketbridge_core::ticket::{NewTicket, OriginId, parse_intake};
    use ticketbridge_core::time::Wall;
    use ticketbridge_store::MemoryStore;

    use super::*;

    fn backend(name: &str, platform: &str, available: bool) -> BackendChoice {
        BackendChoice { name: BackendName::new(name), tickets: PlatformName::new(platform), available, draining: false }
    }

    fn chosen(backends: &[BackendChoice], holders: &[&str]) -> String {
        let holders: Vec<_> = holders.iter().map(|name| PlatformName::new(name)).collect();
        let key = DedupeKey::new("SNR|USSG-1041").unwrap();
        by_hash(backends, &holders, &key).unwrap().name.to_string()
    }

    #[test]
    fn the_best_available_backend_takes_a_key_and_the_best_of_all_if_none_is() {
        // Order of this key: be-2, be-3, be-1.
        let all = [backend("be-1", "p", true), backend("be-2", "p", true), backend("be-3", "q", true)];
        assert_eq!(chosen(&all, &[]), "be-2");
        let away = [backend("be-1", "p", true), backend("be-2", "p", false), backend("be-3", "q", true)];
        assert_eq!(chosen(&away, &[]), "be-3");
        let none = [backend("be-1", "p", false), backend("be-2", "p", false), backend("be-3", "q", false)];
        assert_eq!(chosen(&none, &[]), "be-2");
    }

    #[test]
    fn one_that_drains_takes_no_new_key_while_there_is_another() {
        // Order of this key: be-2, be-3, be-1.
        let draining = |name, platform| BackendChoice { draining: true, ..backend(name, platform, false) };
        let some = [backend("be-1", "p", false), draining("be-2", "p"), draining("be-3", "q")];
        assert_eq!(chosen(&some, &[]), "be-1");
        assert_eq!(chosen(&some, &["q"]), "be-1");
        assert_eq!(chosen(&[draining("be-1", "p"), draining("be-3", "q")], &[]), "be-3");
    }

    #[tokio::test]
    async fn a_named_backend_takes_a_key_unless_it_is_open_on_another_platform() {
        let store = MemoryStore::new(1);
        let body = serde_json::json!({"message_id": "m1", "kind": "SNR", "dedupe_key": "SNR|1"});
        let ticket = NewTicket {
            item: parse_intake(&body).unwrap(),
            origin: OriginId(uuid::Uuid::from_u128(1)),
            backend: BackendName::new("be-1"),
            platform: PlatformName::new("p"),
            received_at: Wall(0),
        };
        store.receive(vec![ticket]).await.unwrap();
        let all = [backend("be-1", "p", true), backend("be-2", "p", true), backend("be-3", "q", true)];
        let keys = [DedupeKey::new("SNR|1").unwrap(), DedupeKey::new("SNR|2").unwrap()];
        for (named, expected) in [(&all[1], ["be-2", "be-2"]), (&all[2], ["be-1", "be-3"])] {
            let chosen = assign(&store, &all, &keys, Some(named)).await.unwrap();
            assert_eq!(chosen.iter().map(|backend| backend.name.as_str()).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_key_follows_the_platform_that_holds_its_open_ticket() {
        let all = [backend("be-1", "p", true), backend("be-2", "p", false), backend("be-3", "q", false)];
        assert_eq!(chosen(&all, &["q"]), "be-3");
        assert_eq!(chosen(&all, &["p"]), "be-1");
        assert_eq!(chosen(&all, &["gone"]), "be-1");
    }
}
