//! Which ticket is meant: by its id, its sender's message id, or a number that its platform gave.

use ticketbridge_core::ticket::OriginId;
use ticketbridge_store::{MAX_PAGE, Page, Store, StoreError, TicketFilter};

use crate::view::{MAX_FILTER_TEXT, TicketSummary, origin_id};

/// What a text stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Nothing.
    None,
    /// One ticket.
    One(OriginId),
    /// Several: rows that share a remote ticket, for instance, newest first.
    Several(Vec<TicketSummary>),
}

/// The tickets that a text names: by id, else by message id, else by the number of their remote ticket or work order.
/// The text is compared whole; whatever it holds, it is a value and never part of a statement.
pub async fn find(store: &dyn Store, text: &str) -> Result<Match, StoreError> {
    if let Some(origin) = origin_id(text)
        && store.ticket(origin).await?.is_some()
    {
        return Ok(Match::One(origin));
    }
    if text.trim().is_empty() || text.chars().count() > MAX_FILTER_TEXT {
        return Ok(Match::None);
    }
    let page = Page { before: None, limit: MAX_PAGE };
    let by_message = TicketFilter { message_id: Some(text.to_owned()), ..TicketFilter::default() };
    if let Some(view) = store.tickets(&by_message, page).await?.into_iter().next() {
        return Ok(Match::One(view.row.origin));
    }
    let by_number = TicketFilter { text: Some(text.to_owned()), ..TicketFilter::default() };
    let mut found = Vec::new();
    let mut page = page;
    loop {
        let views = store.tickets(&by_number, page).await?;
        let is_last = views.len() < MAX_PAGE;
        page.before = views.last().map(|view| view.row.id);
        found.extend(views.iter().map(TicketSummary::from).filter(|ticket| {
            [&ticket.ticket_number, &ticket.ot_number].into_iter().any(|number| number.as_deref() == Some(text))
        }));
        if is_last || found.len() >= MAX_PAGE {
            break;
        }
    }
    Ok(match found.as_slice() {
        [] => Match::None,
        [one] => Match::One(one.id),
        _ => Match::Several(found),
    })
}
