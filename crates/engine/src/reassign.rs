//! Tickets that wait for a backend whose platform has been away for `reassign_after_s` go to the next backend of their
//! key's order: only rows that never had a committed intent, and only if no ticket of their key is known open on the
//! old platform (telecom contract §7.6).

use std::time::Duration;

use ticketbridge_core::network::tickets::backend_order;
use ticketbridge_core::ticket::State;
use ticketbridge_store::{Act, MAX_PAGE, Page, StoreError, TicketFilter};

use crate::app::App;
use crate::split::{BackendChoice, backend_choices};

/// One look at all backends that are away. Answers how many tickets were moved.
pub(crate) async fn reassign(app: &App) -> Result<usize, StoreError> {
    let Some(status) = app.delivery.status().await else { return Ok(0) };
    let patience = Duration::from_secs(u64::from(app.config.workflow.rules.reassign_after_s));
    let choices = backend_choices(&app.config, Some(&status));
    let mut moved = 0;
    for away in choices.iter().filter(|choice| !choice.available) {
        let since = status.platforms.get(&away.tickets).and_then(|platform| platform.breaker_open_for);
        if since.is_some_and(|since| since >= patience) {
            moved += move_from(app, away, &choices).await?;
        }
    }
    Ok(moved)
}

async fn move_from(app: &App, away: &BackendChoice, choices: &[BackendChoice]) -> Result<usize, StoreError> {
    let filter =
        TicketFilter { states: vec![State::Received], backends: vec![away.name.clone()], ..TicketFilter::default() };
    let names: Vec<&str> =
        choices.iter().filter(|choice| choice.available).map(|choice| choice.name.as_str()).collect();
    let (mut page, mut moved) = (Page { before: None, limit: MAX_PAGE }, 0);
    while !names.is_empty() {
        let tickets = app.store.tickets(&filter, page).await?;
        let keys: Vec<_> = tickets.iter().map(|ticket| ticket.row.key.clone()).collect();
        let open = app.store.ledger(&keys).await?;
        for ticket in &tickets {
            let row = &ticket.row;
            let known_there = open.iter().any(|(platform, known)| *platform == ticket.platform && known.key == row.key);
            let next = backend_order(names.iter().copied(), row.key.as_str()).first().copied();
            let Some(next) = choices.iter().find(|choice| Some(choice.name.as_str()) == next) else { continue };
            if known_there {
                continue;
            }
            let act = Act::Reassign { backend: next.name.clone(), platform: next.tickets.clone() };
            app.store.act(row.origin, act, "reassign_after_s", app.clock.now().wall).await?;
            moved += 1;
        }
        match tickets.last() {
            Some(last) if tickets.len() == page.limit => page.before = Some(last.row.id),
            _ => break,
        }
    }
    Ok(moved)
}
