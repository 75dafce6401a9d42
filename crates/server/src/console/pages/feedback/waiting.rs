//! What waits for an operator: failed tickets, and the skip list.

use axum::extract::{Path, State};
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_config::sections::Role;
use ticketbridge_engine::view::mobile::{self, FailedView, Listing, SkipEntry, SkipSource};

use super::Part;
use super::words::{RECORDS, Tab, address, pager, part, tabs};
use crate::console::layout::{Page, Place};
use crate::console::notice::Notice;
use crate::console::parts::{self, Act};
use crate::console::visitor::{Fields, Nothing, Sealed, Visitor};
use crate::problem::Problem;
use crate::routes::Desk;
use crate::routes::feedback_acts::Acting;

/// Longest entry of a skip list that the form takes.
const MAX_ENTRY: usize = 300;

/// Tickets that were ticked, as `PAGE:POSITION`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    item: Vec<String>,
}

/// An entry of the skip list.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    entry: String,
}

/// `GET …/failed`: the newest first. Not live, so that nobody's ticks are lost.
pub(super) async fn failed(
    visitor: Visitor,
    Path(organizer): Path<String>,
    Fields(asked): Fields<Part>,
) -> Result<Response, Problem> {
    let found = mobile::failed(&visitor.desk.app.feedback, &organizer, asked.window()).await?;
    let body = html! {
        (tabs(&visitor, &organizer, Tab::Failed))
        (failed_table(&visitor, &organizer, &found))
        (pager(&visitor, asked.offset, found.next, |offset| part(&organizer, Tab::Failed, offset)))
        (parts::dialog(visitor.language))
    };
    let title = format!("{organizer}: {}", visitor.say("failed tickets", "tickets fallidos"));
    Ok(Page { place: Place::Feedback, title: Some(&title), live: "", body }.show(&visitor))
}

/// `POST …/failed/retry`: those that were ticked.
pub(super) async fn retry(
    visitor: Visitor,
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Sealed(chosen): Sealed<Chosen>,
) -> Result<Redirect, Problem> {
    let items = mobile::item_ids(&chosen.item)?;
    let changed = Acting::new(&desk, &visitor.caller, &organizer).retry(Some(&items)).await?;
    Ok(back(&organizer, Tab::Failed, changed, Notice::FailedRetried))
}

/// `POST …/failed/retry-all`.
pub(super) async fn retry_all(
    visitor: Visitor,
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Sealed(Nothing {}): Sealed<Nothing>,
) -> Result<Redirect, Problem> {
    let changed = Acting::new(&desk, &visitor.caller, &organizer).retry(None).await?;
    Ok(back(&organizer, Tab::Failed, changed, Notice::FailedRetried))
}

/// `POST …/failed/dismiss`: those that were ticked.
pub(super) async fn dismiss(
    visitor: Visitor,
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Sealed(chosen): Sealed<Chosen>,
) -> Result<Redirect, Problem> {
    let items = mobile::item_ids(&chosen.item)?;
    let changed = Acting::new(&desk, &visitor.caller, &organizer).dismiss(&items).await?;
    Ok(back(&organizer, Tab::Failed, changed, Notice::FailedDismissed))
}

/// `GET …/skip`.
pub(super) async fn skip(visitor: Visitor, Path(organizer): Path<String>) -> Result<Response, Problem> {
    let entries = mobile::skip_list(&visitor.desk.app.feedback, &organizer).await?;
    let body = html! {
        (tabs(&visitor, &organizer, Tab::Skip))
        @if visitor.may(Role::Operator) { (adding(&visitor, &organizer)) }
        (skip_table(&visitor, &organizer, &entries))
        (parts::dialog(visitor.language))
    };
    let title = format!("{organizer}: {}", visitor.say("skip list", "lista de omisión"));
    Ok(Page { place: Place::Feedback, title: Some(&title), live: "", body }.show(&visitor))
}

/// `POST …/skip/add`.
pub(super) async fn add_skip(
    visitor: Visitor,
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Sealed(Entry { entry }): Sealed<Entry>,
) -> Result<Redirect, Problem> {
    let done = Acting::new(&desk, &visitor.caller, &organizer).change_skip_list(&[entry], &[]).await?;
    Ok(back(&organizer, Tab::Skip, done.added, Notice::SkipAdded))
}

/// `POST …/skip/remove`.
pub(super) async fn remove_skip(
    visitor: Visitor,
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Sealed(Entry { entry }): Sealed<Entry>,
) -> Result<Redirect, Problem> {
    let done = Acting::new(&desk, &visitor.caller, &organizer).change_skip_list(&[], &[entry]).await?;
    Ok(back(&organizer, Tab::Skip, done.removed, Notice::SkipRemoved))
}

fn back(organizer: &str, tab: Tab, changed: usize, done: Notice) -> Redirect {
    let notice = if changed > 0 { done } else { Notice::NothingChanged };
    Redirect::to(&notice.at(&address(organizer, tab)))
}

fn failed_table(visitor: &Visitor, organizer: &str, found: &Listing<FailedView>) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if found.items.is_empty() {
        return parts::nothing(say("No failed ticket waits.", "No hay tickets fallidos en espera."));
    }
    let base = address(organizer, Tab::Failed);
    let may = visitor.may(Role::Operator);
    let all = Act {
        to: &format!("{base}/retry-all"),
        name: say("Retry all", "Reintentar todos"),
        asks: say(
            "Try all failed tickets again with the next run?",
            "¿Reintentar todos los tickets fallidos en la próxima ejecución?",
        ),
        dangerous: false,
        fields: html! {},
    };
    let heads = [
        if may { say("Choose", "Elegir") } else { "" },
        say("Ticket", "Ticket"),
        say("Code", "Código"),
        say("What it means", "Qué significa"),
        say("Blocks later ones", "Bloquea los siguientes"),
        say("Failed", "Falló"),
    ];
    let rows = html! { @for item in &found.items { (failed_row(visitor, organizer, item)) } };
    html! {
        div.actions { (all.form(visitor, Role::Operator)) }
        form method="post" action={ (base) "/retry" }
            data-ask=(say("Do this with the chosen tickets?", "¿Hacer esto con los tickets elegidos?")) {
            (parts::seal(visitor))
            (parts::table(Tab::Failed.name(visitor), &heads, &rows))
            @if may {
                div.actions {
                    button type="submit" { (say("Retry the chosen", "Reintentar los elegidos")) }
                    button.danger type="submit" formaction={ (base) "/dismiss" } { (say("Dismiss the chosen", "Descartar los elegidos")) }
                }
            }
        }
    }
}

fn failed_row(visitor: &Visitor, organizer: &str, item: &FailedView) -> Markup {
    let ticket = item.ticket_id.as_deref();
    html! {
        tr {
            td {
                @if visitor.may(Role::Operator) {
                    input type="checkbox" name="item" value=(item.id) aria-label=(ticket.unwrap_or(&item.id));
                }
            }
            td {
                @match ticket {
                    Some(ticket) => {
                        a href=(parts::address(RECORDS, &[("organizer", organizer), ("ticket_id", ticket)])) { (ticket) }
                    },
                    None => span.none { (item.id) },
                }
            }
            td { (item.code) }
            td.long lang="en" { (item.text) }
            td { @if item.blocking { (parts::badge("bad", visitor.say("yes", "sí"))) } @else { span.none { "–" } } }
            td { (parts::instant(&item.at)) }
        }
    }
}

fn adding(visitor: &Visitor, organizer: &str) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    html! {
        p.hint {
            (say(
                "Tickets on this list are never written. An entry is a ticket number, or id: and a ticket id.",
                "Los tickets de esta lista nunca se escriben. Una entrada es un número de ticket, o id: y el id del ticket.",
            ))
        }
        div.actions {
            form.act method="post" action={ (address(organizer, Tab::Skip)) "/add" } {
                (parts::seal(visitor))
                input name="entry" required maxlength=(MAX_ENTRY) placeholder="id:70000010000004"
                    aria-label=(say("Entry", "Entrada"));
                button type="submit" { (say("Add", "Agregar")) }
            }
        }
    }
}

fn skip_table(visitor: &Visitor, organizer: &str, entries: &[SkipEntry]) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if entries.is_empty() {
        return parts::nothing(say("The list is empty.", "La lista está vacía."));
    }
    let heads = [say("Entry", "Entrada"), say("From", "De"), ""];
    let rows = html! { @for entry in entries { (skip_row(visitor, organizer, entry)) } };
    parts::table(Tab::Skip.name(visitor), &heads, &rows)
}

fn skip_row(visitor: &Visitor, organizer: &str, entry: &SkipEntry) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let remove = Act {
        to: &format!("{}/remove", address(organizer, Tab::Skip)),
        name: say("Remove", "Quitar"),
        asks: say(
            "Take this ticket off the list? It is written from now on.",
            "¿Quitar este ticket de la lista? Desde ahora se escribe.",
        ),
        dangerous: false,
        fields: html! { input type="hidden" name="entry" value=(entry.entry); },
    };
    html! {
        tr {
            td { code { (entry.entry) } }
            td {
                @match entry.from {
                    SkipSource::Configuration => (say("configuration", "configuración")),
                    SkipSource::Operator => (say("operator", "operador")),
                }
            }
            td { @if entry.from == SkipSource::Operator { (remove.form(visitor, Role::Operator)) } }
        }
    }
}
