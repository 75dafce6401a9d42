//! *Errors*: tickets in Error by destination, step and cause, and a redrive of a group with what it would send.

use axum::extract::Path;
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use ticketbridge_config::sections::Role;
use ticketbridge_engine::view::{self, ErrorGroup, MAX_ERRORS, RedrivePreview};

use crate::console::layout::{Page, Place};
use crate::console::notice::Notice;
use crate::console::parts::{self, Act};
use crate::console::visitor::{Nothing, Sealed, Visitor};
use crate::problem::Problem;

/// `GET /console/errors`.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Problem> {
    let app = &visitor.desk.app;
    let groups = view::error_groups(&app.config, &*app.store).await?;
    let say = |english, spanish| visitor.say(english, spanish);
    let heads = [
        say("Tickets", "Tickets"),
        say("Destination", "Destino"),
        say("Step", "Paso"),
        say("Cause", "Causa"),
        say("Newest", "Último"),
        say("Oldest", "Primero"),
    ];
    let body = html! {
        div #errors data-live {
            @if groups.items.is_empty() {
                (parts::nothing(say("No ticket is in Error.", "Ningún ticket está en Error.")))
            } @else {
                (parts::table(Place::Errors.name(visitor.language), &heads, &html! {
                    @for group in &groups.items { (row(group)) }
                }))
                (not_all(&visitor, groups.more))
            }
        }
    };
    Ok(Page { place: Place::Errors, title: None, live: "tickets", body }.show(&visitor))
}

fn row(group: &ErrorGroup) -> Markup {
    html! {
        tr {
            td.number { (group.count) }
            td { (group.platform) }
            td { (step(group)) }
            td.long { a href={ (Place::Errors.path()) "/" (group.id) } { (group.cause) } }
            td { (parts::instant(&group.newest_at)) }
            td { (parts::instant(&group.oldest_at)) }
        }
    }
}

/// Says that there are older tickets in Error than those that were looked at.
fn not_all(visitor: &Visitor, more: bool) -> Markup {
    let said = visitor.say("Only the newest were looked at: ", "Solo se miraron los más recientes: ");
    html! { @if more { p.table-note { (said) (MAX_ERRORS) } } }
}

fn step(group: &ErrorGroup) -> Markup {
    let step = group.operation.map(|operation| operation.to_string());
    parts::or_none(step.as_deref())
}

/// `GET /console/errors/{group}`: its tickets, and what a redrive would send.
pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Problem> {
    let app = &visitor.desk.app;
    let preview = view::preview_redrive(&app.config, &*app.store, &app.platforms, &id).await?;
    let preview = preview.ok_or_else(gone)?;
    let group = &preview.group;
    let say = |english, spanish| visitor.say(english, spanish);
    let redrive = Act {
        to: &format!("{}/{}/redrive", Place::Errors.path(), group.id),
        name: say("Retry all of them", "Reintentar todos"),
        asks: &format!(
            "{} ({})",
            say(
                "Try the failed step of all these tickets again?",
                "¿Reintentar el paso fallido de todos estos tickets?"
            ),
            group.count
        ),
        dangerous: false,
        fields: html! {},
    };
    let body = html! {
        dl.facts {
            dt { (say("Tickets", "Tickets")) } dd.number { (group.count) }
            dt { (say("Destination", "Destino")) } dd { (group.platform) }
            dt { (say("Step", "Paso")) } dd { (step(group)) }
            dt { (say("Newest", "Último")) } dd { (parts::instant(&group.newest_at)) }
            dt { (say("Oldest", "Primero")) } dd { (parts::instant(&group.oldest_at)) }
        }
        (not_all(&visitor, preview.more))
        div.actions { (redrive.form(&visitor, Role::Operator)) }
        h2 { (say("What would be sent first", "Qué se enviaría primero")) }
        (first(&visitor, &preview))
        h2 { (say("The newest of them", "Los más recientes")) }
        ul { @for ticket in &group.examples {
            li { a href={ (Place::Tickets.path()) "/" (ticket.id) } { (ticket.dedupe_key) } " · " (ticket.backend) }
        } }
        (parts::dialog(visitor.language))
    };
    Ok(Page { place: Place::Errors, title: Some(&group.cause), live: "", body }.show(&visitor))
}

fn first(visitor: &Visitor, preview: &RedrivePreview) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    html! {
        @if let Some(request) = &preview.request {
            p.hint {
                (say(
                    "A ticket whose step was ever on the wire is looked up before it is sent again.",
                    "Un ticket cuyo paso ya salió a la red se consulta antes de enviarlo de nuevo."
                ))
            }
            p { b { (request.method) } " " code { (request.target) } " · " (request.backend) " · " (request.tickets) " "
                (say("tickets", "tickets")) }
            pre { (request.body) }
        }
        @if let Some(why) = &preview.unknown { p lang="en" { (why) } }
    }
}

/// `POST /console/errors/{group}/redrive`.
pub(super) async fn redrive(
    visitor: Visitor,
    Path(id): Path<String>,
    Sealed(Nothing {}): Sealed<Nothing>,
) -> Result<Redirect, Problem> {
    let app = &visitor.desk.app;
    let at = app.clock.now().wall;
    view::redrive_group(&app.config, &*app.store, &id, &visitor.caller.name, at).await?.ok_or_else(gone)?;
    app.delivery.news();
    Ok(Redirect::to(&Notice::Redriven.at(Place::Errors.path())))
}

fn gone() -> Problem {
    Problem::not_found(
        "there is no such group of errors any more: its tickets were retried, dismissed or failed otherwise",
    )
}
