//! `feedback skip|failed|erase`: what an operator does.

use std::borrow::Cow;

use ticketbridge_core::mobile::Email;
use ticketbridge_engine::view::mobile::{self, MobileFault, SkipSource, Window};

use super::{Desk, agreed, more};
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// What became of failed tickets that are to be tried again.
const RETRIED: &str = "pending again, for the next run";
/// What became of failed tickets that are given up.
const DISMISSED: &str = "dismissed, not applied";

/// Lists the skip list, after a change if one is wanted.
pub(super) async fn skip(desk: &Desk, skip: &arguments::Skip) -> Result<(), Failure> {
    let changes = !(skip.add.is_empty() && skip.remove.is_empty());
    let change =
        mobile::change_skip_list(&desk.feedback, desk.actor(), &skip.organizer, &skip.add, &skip.remove).await?;
    if desk.json {
        output::json(&change);
        return Ok(());
    }
    output::table(
        &["entry", "from"],
        change.items.iter().map(|entry| {
            let from = match entry.from {
                SkipSource::Configuration => "configuration",
                SkipSource::Operator => "operator",
            };
            vec![entry.entry.clone(), from.to_owned()]
        }),
    );
    if changes {
        output::talk(&format!(
            "{} added, {} removed; runs that begin from now on heed it",
            change.added, change.removed
        ));
    }
    Ok(())
}

/// Lists failed tickets, or retries or dismisses some.
pub(super) async fn failed(desk: &Desk, failed: &arguments::Failed) -> Result<(), Failure> {
    let organizer = &failed.organizer;
    let changed = if failed.retry_all {
        Some((RETRIED, mobile::retry_failed(&desk.feedback, desk.actor(), organizer, None).await?))
    } else if !failed.retry.is_empty() {
        let ids = mobile::item_ids(&failed.retry)?;
        let changed = mobile::retry_failed(&desk.feedback, desk.actor(), organizer, Some(&ids)).await?;
        Some((RETRIED, changed))
    } else if !failed.dismiss.is_empty() {
        let ids = mobile::item_ids(&failed.dismiss)?;
        Some((DISMISSED, mobile::dismiss_failed(&desk.feedback, desk.actor(), organizer, &ids).await?))
    } else {
        None
    };
    if let Some((what, count)) = changed {
        if desk.json {
            output::json(&serde_json::json!({"changed": count}));
        } else {
            output::talk(&format!("{count} {what}"));
        }
        return Ok(());
    }
    let listing = mobile::failed(&desk.feedback, organizer, Window::first(failed.limit)).await?;
    if desk.json {
        output::json(&listing);
        return Ok(());
    }
    output::table(
        &["id", "ticket", "code", "blocks", "at", "why"],
        listing.items.iter().map(|item| {
            vec![
                item.id.clone(),
                output::or_dash(item.ticket_id.as_deref()),
                item.code.clone(),
                String::from(if item.blocking { "all later ones" } else { "-" }),
                item.at.clone(),
                item.text.clone(),
            ]
        }),
    );
    more(&listing);
    Ok(())
}

/// Removes a person from the store.
pub(super) async fn erase(desk: &Desk, email: &str, yes: bool) -> Result<(), Failure> {
    let person = Email::normalised(Cow::Borrowed(email)).ok_or(MobileFault::Email)?;
    let question = format!("Blank everything personal about {person} in the store? It cannot be undone.");
    if !yes && !agreed(&question, "add --yes")? {
        output::talk("Nothing was changed.");
        return Ok(());
    }
    let erased = mobile::erase_person(&**desk.feedback.store(), desk.actor(), person.as_str()).await?;
    if desk.json {
        output::json(&erased);
        return Ok(());
    }
    output::table(
        &["pages", "items", "tickets", "contacts"],
        [vec![
            erased.pages.to_string(),
            erased.items.to_string(),
            erased.tickets.to_string(),
            erased.contacts.to_string(),
        ]],
    );
    if erased.kept_pages.is_empty() {
        output::talk(&format!("{person} is erased here; the box office and the wallet keep what they have."));
    } else {
        let pages: Vec<String> = erased.kept_pages.iter().map(|page| page.0.to_string()).collect();
        output::talk(&format!(
            "Tickets of {person} still have to be applied, on the pages {}; run the function, and erase again.",
            pages.join(", ")
        ));
    }
    Ok(())
}
