//! Tickets in Error, grouped by destination, step and cause, so that a person mends causes and not tickets.
//!
//! A cause is the reason without what differs from ticket to ticket, as mails about trouble tickets group it. Limits: the
//! newest [`MAX_ERRORS`] tickets in Error are looked at, 5 are named per group, a preview holds one request.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde::Serialize;
use sha2::{Digest, Sha256};
use ticketbridge_config::Config;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{BackendName, OriginId, State};
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::Item;
use ticketbridge_store::{Act, ActOutcome, MAX_PAGE, Page, Store, StoreError, TicketFilter, TicketView, hexadecimal};

use super::acts::{ACTS_AT_ONCE, ActFault, Redriven};
use super::tickets::TicketSummary;
use crate::alerts::{pattern, platform_of, shown};
use crate::delivery::item;
use crate::platforms::PlatformSet;

/// Most tickets in Error that are looked at.
pub const MAX_ERRORS: usize = 10_000;
/// Tickets that are named per group.
const EXAMPLES: usize = 5;

/// Tickets in Error with one destination, step and cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorGroup {
    /// Names the group as long as destination, step and cause are these.
    pub id: String,
    /// Where the step leads to.
    pub platform: String,
    /// The step that failed; null: the ticket failed before its first.
    pub operation: Option<Operation>,
    /// The reason of the newest of them, without persons.
    pub cause: String,
    /// Its tickets among those that were looked at.
    pub count: usize,
    /// When the oldest of them failed.
    pub oldest_at: String,
    /// When the newest of them failed.
    pub newest_at: String,
    /// The newest of them.
    pub examples: Vec<TicketSummary>,
}

/// All groups, the largest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorGroups {
    /// The groups.
    pub items: Vec<ErrorGroup>,
    /// Tickets in Error that were looked at.
    pub looked_at: usize,
    /// There are older ones, which were not looked at.
    pub more: bool,
}

/// What a redrive of a group would send first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RedrivePreview {
    /// The group.
    pub group: ErrorGroup,
    /// The request with its first tickets; null: it cannot be told.
    pub request: Option<PreviewedRequest>,
    /// Why it cannot be told; null: it can.
    pub unknown: Option<String>,
    /// There are older tickets in Error, which were not looked at; some may belong to the group.
    pub more: bool,
}

/// A request as it would go out. Secrets are added on the way and are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewedRequest {
    /// Of which backend.
    pub backend: BackendName,
    /// How many tickets it carries.
    pub tickets: usize,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Body, masked.
    pub body: String,
}

/// A group with its tickets, the newest first.
struct Gathered {
    group: ErrorGroup,
    views: Vec<TicketView>,
}

/// What a look at the tickets in Error saw.
struct Gathering {
    groups: Vec<Gathered>,
    looked_at: usize,
    more: bool,
}

/// The tickets in Error by destination, step and cause.
pub async fn error_groups(config: &Config, store: &dyn Store) -> Result<ErrorGroups, StoreError> {
    let Gathering { groups, looked_at, more } = gather(config, store, MAX_ERRORS).await?;
    let mut items: Vec<ErrorGroup> = groups.into_iter().map(|gathered| gathered.group).collect();
    items.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| other.newest_at.cmp(&one.newest_at)));
    Ok(ErrorGroups { items, looked_at, more })
}

/// What a redrive of this group would send first; `None`: there is no such group (any more).
pub async fn preview_redrive(
    config: &Config,
    store: &dyn Store,
    platforms: &PlatformSet,
    id: &str,
) -> Result<Option<RedrivePreview>, StoreError> {
    let Some((Gathered { group, views }, more)) = find(config, store, id).await? else { return Ok(None) };
    let (request, unknown) = match first_request(config, platforms, &group, &views).await {
        Ok(request) => (Some(request), None),
        Err(why) => (None, Some(why)),
    };
    Ok(Some(RedrivePreview { group, request, unknown, more }))
}

/// Retries the tickets of this group as they are now, of the newest [`MAX_ERRORS`] in Error; `None`: there is no such
/// group (any more).
pub async fn redrive_group(
    config: &Config,
    store: &dyn Store,
    id: &str,
    who: &str,
    at: Wall,
) -> Result<Option<Redriven>, ActFault> {
    let Some((Gathered { views, .. }, more)) = find(config, store, id).await? else { return Ok(None) };
    let mut done = Redriven { more, ..Redriven::default() };
    let origins: Vec<OriginId> = views.into_iter().map(|view| view.row.origin).collect();
    let acts = origins.into_iter().map(|origin| store.act(origin, Act::Retry, who, at));
    let mut acts = stream::iter(acts).buffer_unordered(ACTS_AT_ONCE);
    while let Some(outcome) = acts.next().await {
        match outcome? {
            ActOutcome::Done(_) => done.retried += 1,
            ActOutcome::NotAllowed(_) | ActOutcome::NoSuchTicket => done.skipped += 1,
        }
    }
    Ok(Some(done))
}

/// The group of this id, and whether there are tickets that were not looked at.
async fn find(config: &Config, store: &dyn Store, id: &str) -> Result<Option<(Gathered, bool)>, StoreError> {
    let Gathering { groups, more, .. } = gather(config, store, MAX_ERRORS).await?;
    Ok(groups.into_iter().find(|gathered| gathered.group.id == id).map(|gathered| (gathered, more)))
}

/// The newest `most` tickets in Error, in their groups.
async fn gather(config: &Config, store: &dyn Store, most: usize) -> Result<Gathering, StoreError> {
    let wanted = TicketFilter { states: vec![State::Error], ..TicketFilter::default() };
    let mut groups: BTreeMap<(String, Option<Operation>, String), Vec<TicketView>> = BTreeMap::new();
    let (mut before, mut looked_at) = (None, 0);
    while looked_at < most {
        let page = store.tickets(&wanted, Page { before, limit: MAX_PAGE.min(most - looked_at) }).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.row.id);
        looked_at += page.len();
        for view in page {
            let key = (platform_of(&view, config), view.row.failed, pattern_of(&view));
            groups.entry(key).or_default().push(view);
        }
    }
    let more = looked_at >= most && !store.tickets(&wanted, Page { before, limit: 1 }).await?.is_empty();
    let groups = groups.into_iter().filter_map(|((platform, operation, cause), views)| {
        let newest = views.iter().max_by_key(|view| view.updated_at)?;
        let oldest = views.iter().map(|view| view.updated_at).min()?;
        let group = ErrorGroup {
            id: group_id(&platform, operation, &cause),
            platform,
            operation,
            cause: shown(newest.row.reason.as_deref().unwrap_or(NO_REASON)),
            count: views.len(),
            oldest_at: oldest.to_rfc3339(),
            newest_at: newest.updated_at.to_rfc3339(),
            examples: views.iter().take(EXAMPLES).map(TicketSummary::from).collect(),
        };
        Some(Gathered { group, views })
    });
    Ok(Gathering { groups: groups.collect(), looked_at, more })
}

const NO_REASON: &str = "no reason was given";

fn pattern_of(view: &TicketView) -> String {
    let row = &view.row;
    let origin = row.origin.to_string();
    let number = row.ticket.as_ref().map(|ticket| ticket.number.as_str()).unwrap_or_default();
    let work_order = row.work_order.as_deref().unwrap_or_default();
    let own = [row.key.as_str(), &origin, &view.body.message_id, number, work_order];
    pattern(row.reason.as_deref().unwrap_or(NO_REASON), &own)
}

fn group_id(platform: &str, operation: Option<Operation>, cause: &str) -> String {
    let operation = operation.map(|operation| operation.to_string()).unwrap_or_default();
    let mut digest = Sha256::new();
    for part in [platform, &operation, cause] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    hexadecimal(&digest.finalize()[..8])
}

/// The request that carries the newest tickets of the group that are of one backend.
async fn first_request(
    config: &Config,
    platforms: &PlatformSet,
    group: &ErrorGroup,
    views: &[TicketView],
) -> Result<PreviewedRequest, String> {
    let operation = group.operation.ok_or("the tickets failed before their first step; a retry compares them anew")?;
    let backend = views.first().map(|view| view.row.backend.clone()).ok_or("the group is empty")?;
    let known = config.platforms.keys().find(|name| name.as_str() == group.platform);
    let name = known.ok_or_else(|| format!("there is no platform `{}` in the configuration", group.platform))?;
    let platform = platforms.usable(name)?;
    let limit = config.backends.iter().find(|other| other.name == backend).map_or(1, |one| one.max_tickets_per_request);
    let of_backend = views.iter().filter(|view| view.row.backend == backend).take(limit as usize);
    let items: Vec<Item> =
        of_backend.map(|view| item(config, operation, name, &view.row, &Arc::from(&*view.body.body))).collect();
    let tickets = items.len();
    let redactor = platform.client.redactor();
    let adapter = Arc::clone(&platform.platform);
    // A filter of a connector may take its time.
    let encoded = tokio::task::spawn_blocking(move || adapter.encode(operation, &items)).await;
    let call = encoded.map_err(|stopped| stopped.to_string())?.map_err(|fault| fault.why)?;
    Ok(PreviewedRequest {
        backend,
        tickets,
        method: call.method.to_string(),
        target: redactor.redact(&call.target),
        body: redactor.redact(&String::from_utf8_lossy(call.body.as_deref().unwrap_or_default())),
    })
}

#[cfg(test)]
mod tests;
