//! The requests of a plan: encoded by the adapters, in batches as the delivery forms them.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use ticketbridge_core::delivery::Settings;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{BackendName, PlatformName, TicketId, TicketRow};
use ticketbridge_platforms::{EncodeFault, HttpCall, Item};
use ticketbridge_store::hexadecimal;

use super::PlannedRequest;
use crate::delivery::item;
use crate::platforms::{PlatformHandle, PlatformSet};

/// One row that is to be sent, with its target in it.
pub(super) struct Outgoing {
    pub(super) row: TicketRow,
    pub(super) platform: PlatformName,
    pub(super) operation: Operation,
    pub(super) body: Arc<str>,
}

impl Outgoing {
    fn item(&self, config: &ticketbridge_config::Config) -> Item {
        item(config, self.operation, &self.platform, &self.row, &self.body)
    }
}

/// SHA-256 of the request with one row alone; or why it cannot be built.
pub(super) fn hash_alone(
    config: &ticketbridge_config::Config,
    platform: &PlatformHandle,
    outgoing: &Outgoing,
) -> Result<String, String> {
    let call = platform.platform.encode(outgoing.operation, &[outgoing.item(config)]).map_err(|fault| fault.why)?;
    Ok(hexadecimal(&Sha256::digest(call.body.as_deref().unwrap_or_default())))
}

/// The requests of these rows, and which row is in which.
pub(super) fn requests(
    config: &ticketbridge_config::Config,
    settings: &Settings,
    platforms: &PlatformSet,
    outgoing: &[Outgoing],
) -> (Vec<PlannedRequest>, BTreeMap<TicketId, usize>) {
    let mut queues: BTreeMap<(&PlatformName, Operation, &BackendName), Vec<&Outgoing>> = BTreeMap::new();
    for one in outgoing {
        queues.entry((&one.platform, one.operation, &one.row.backend)).or_default().push(one);
    }
    let (mut requests, mut places) = (Vec::new(), BTreeMap::new());
    for ((name, operation, backend), rows) in queues {
        let Ok(platform) = platforms.usable(name) else { continue };
        for batch in rows.chunks(settings.batch_limit(name, operation, backend)) {
            let items: Vec<Item> = batch.iter().map(|one| one.item(config)).collect();
            // What cannot be encoded alone is not in here; together they are as good as each alone.
            let Ok(call) = encode(&platform, operation, &items) else { continue };
            places.extend(items.iter().map(|item| (item.id, requests.len())));
            let redactor = platform.client.redactor();
            requests.push(PlannedRequest {
                platform: name.clone(),
                operation: operation.to_string(),
                backend: backend.clone(),
                tickets: items.into_iter().map(|item| item.key).collect(),
                method: call.method.to_string(),
                target: redactor.redact(&call.target),
                body_hash: hexadecimal(&Sha256::digest(call.body.as_deref().unwrap_or_default())),
                body: redactor.redact(&String::from_utf8_lossy(call.body.as_deref().unwrap_or_default())),
            });
        }
    }
    (requests, places)
}

fn encode(platform: &PlatformHandle, operation: Operation, items: &[Item]) -> Result<HttpCall, EncodeFault> {
    platform.platform.encode(operation, items)
}
