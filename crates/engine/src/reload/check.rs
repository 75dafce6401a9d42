//! What stands in the way of a newer configuration.

use std::collections::BTreeMap;

use ticketbridge_config::{Config, PlatformChange};
use ticketbridge_core::ticket::{OriginId, PlatformName, State};
use ticketbridge_store::{Page, StoreError, TicketFilter};

use super::Newer;
use crate::app::App;
use crate::delivery::begun;

/// States in which a ticket has something on a platform, or is about to.
const BEGUN: [State; 4] = [State::AddingNote, State::CreatingTicket, State::CreatingWorkOrder, State::LinkingWorkOrder];
/// Tickets that are looked for before a platform becomes another system.
const LOOKED_AT: usize = 100;

/// Platforms, functions and mail that cannot be used, unless it was the same before.
pub(super) fn unusable(newer: &Newer, app: &App) -> Vec<String> {
    let mut refusals = Vec::new();
    for (name, why) in newer.platforms.iter().filter_map(|(name, loaded)| Some((name, loaded.as_ref().err()?))) {
        let as_before =
            app.platforms.usable(name).is_err() && app.platforms.made_of(name) == newer.platforms.made_of(name);
        if !as_before {
            refusals.push(format!("platform `{name}`: {why}"));
        }
    }
    for (function, why) in newer.feedback.functions().filter_map(|(function, why)| Some((function, why?))) {
        let is_this = |before: &str| before == &*function.internal_name;
        let was = app.feedback.functions().find(|(before, _)| is_this(&before.internal_name)).and_then(|(_, why)| why);
        if was != Some(why) {
            refusals.push(format!("function `{}`: {why}", function.internal_name));
        }
    }
    if let Err(why) = &newer.mail {
        refusals.push(format!("mail: {why}"));
    }
    refusals
}

/// A backend is a place: its platforms do not change under its tickets.
pub(super) fn moved_backends(before: &Config, now: &Config) -> Vec<String> {
    let mut refusals = Vec::new();
    for backend in &now.backends {
        let Some(old) = before.backends.iter().find(|old| old.name == backend.name) else { continue };
        for (key, old, new) in
            [("tickets", &old.tickets, &backend.tickets), ("work_orders", &old.work_orders, &backend.work_orders)]
        {
            if old != new {
                refusals.push(format!(
                    "`backends.{}.{key}` changes from `{old}` to `{new}`: give the new backend a name of its own, so that the old one can finish its tickets",
                    backend.name
                ));
            }
        }
    }
    refusals
}

/// Tickets begun on platforms that would become another system. Delivery looks again at those in its hands when it
/// changes over; here are those that are only in the store.
pub(super) async fn begun_elsewhere(
    app: &App,
    changed: &BTreeMap<PlatformName, PlatformChange>,
) -> Result<Vec<String>, StoreError> {
    let mut refusals = Vec::new();
    let others = changed.iter().filter(|(_, change)| **change == PlatformChange::System);
    for name in others.map(|(name, _)| name) {
        let using =
            app.config.backends.iter().filter(|backend| backend.tickets == *name || backend.work_orders == *name);
        let backends: Vec<_> = using.map(|backend| backend.name.clone()).collect();
        if backends.is_empty() {
            continue;
        }
        let filter = TicketFilter { states: BEGUN.into(), backends, ..TicketFilter::default() };
        let found = app.store.tickets(&filter, Page { before: None, limit: LOOKED_AT }).await?;
        let here = found.iter().filter(|ticket| ticket.platform == *name);
        let begun_here: Vec<OriginId> = here.map(|ticket| ticket.row.origin).collect();
        if !begun_here.is_empty() {
            refusals.push(begun(name, &begun_here));
        }
    }
    Ok(refusals)
}

/// Changes of mobile tickets that were read from one system, or are on their way into one, while the function's systems
/// become others.
pub(super) async fn mobile(app: &App, config: &Config) -> Result<Vec<String>, StoreError> {
    let mut refusals = Vec::new();
    for function in &config.feedback {
        let same = |old: &&ticketbridge_config::sections::Feedback| old.organizer == function.organizer && old.active;
        let Some(old) = app.config.feedback.iter().find(same) else { continue };
        let moves = |old: &PlatformName, new: &PlatformName| {
            let (before, now) = (app.config.platforms.get(old), config.platforms.get(new));
            before.zip(now).is_none_or(|(before, now)| before.change(now) >= PlatformChange::System)
        };
        if !moves(&old.source, &function.source) && !moves(&old.box_office, &function.box_office) {
            continue;
        }
        let store = app.feedback.store();
        let (waiting, lease) =
            (store.pending_items(&function.organizer).await?, store.lease(&function.organizer).await?);
        if waiting > 0 || lease.is_some() {
            refusals.push(format!(
                "function `{}`: its wallet or box office becomes another system while {waiting} changes wait or a run is in progress; reload when all are applied",
                function.internal_name
            ));
        }
    }
    Ok(refusals)
}
