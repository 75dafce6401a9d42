//! One ticket: what it is, where it stands, its story, and what an operator may do to it.

use axum::extract::{Path, State};
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_config::sections::Role;
use ticketbridge_core::ticket::State as Stands;
use ticketbridge_engine::view::{self, MAX_REASON, TicketDetail};

use crate::console::layout::{Page, Place};
use crate::console::notice::Notice;
use crate::console::parts::{self, Act};
use crate::console::visitor::{Sealed, Visitor};
use crate::problem::Problem;
use crate::routes::{Desk, ticket_id};

/// `GET /console/tickets/{id}`.
pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Problem> {
    let found = view::ticket(&*visitor.desk.app.store, ticket_id(&id)?).await?;
    let ticket = found.ok_or_else(|| Problem::no_such_ticket(&id))?;
    let body = html! {
        div #ticket data-live { (facts(&visitor, &ticket)) (acts(&visitor, &ticket)) }
        (parts::dialog(visitor.language))
    };
    let title = ticket.summary.dedupe_key.to_string();
    Ok(Page { place: Place::Tickets, title: Some(&title), live: "tickets", body }.show(&visitor))
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

#[derive(Deserialize)]
pub(super) struct Dismissal {
    reason: String,
}

/// `POST /console/tickets/{id}/retry`.
pub(super) async fn retry(
    visitor: Visitor,
    State(desk): State<Desk>,
    Path(id): Path<String>,
    Sealed(Nothing {}): Sealed<Nothing>,
) -> Result<Redirect, Problem> {
    let at = desk.app.clock.now().wall;
    view::retry(&*desk.app.store, ticket_id(&id)?, &visitor.caller.name, at).await?;
    desk.app.delivery.news();
    Ok(back(&id, Notice::Retried))
}

/// `POST /console/tickets/{id}/dismiss`.
pub(super) async fn dismiss(
    visitor: Visitor,
    State(desk): State<Desk>,
    Path(id): Path<String>,
    Sealed(dismissal): Sealed<Dismissal>,
) -> Result<Redirect, Problem> {
    let at = desk.app.clock.now().wall;
    view::dismiss(&*desk.app.store, ticket_id(&id)?, &dismissal.reason, &visitor.caller.name, at).await?;
    desk.app.delivery.news();
    Ok(back(&id, Notice::Dismissed))
}

fn back(id: &str, notice: Notice) -> Redirect {
    Redirect::to(&notice.at(&format!("{}/{id}", Place::Tickets.path())))
}

fn facts(visitor: &Visitor, ticket: &TicketDetail) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let summary = &ticket.summary;
    html! {
        dl.facts {
            dt { (say("State", "Estado")) } dd { (parts::state(summary.state, visitor.language)) }
            dt { (say("Why", "Por qué")) } dd { (parts::or_none(summary.reason.as_deref())) }
            dt { (say("Kind", "Tipo")) } dd { (summary.kind) }
            dt { "Backend" } dd { (summary.backend) " · " (summary.platform) }
            dt { (say("Ticket", "Ticket")) } dd { (parts::or_none(summary.ticket_number.as_deref())) }
            dt { "OT" } dd { (parts::or_none(summary.ot_number.as_deref())) }
            dt { (say("Received", "Recibido")) } dd { (parts::instant(&summary.received_at)) }
            dt { (say("Changed", "Cambiado")) } dd { (parts::instant(&summary.updated_at)) }
            dt { (say("Not before", "No antes de")) } dd { (parts::instant_or_none(summary.due_at.as_deref())) }
        }
    }
}

fn acts(visitor: &Visitor, ticket: &TicketDetail) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let state = ticket.summary.state;
    let to = |act: &str| format!("{}/{}/{act}", Place::Tickets.path(), ticket.summary.id);
    let (retry, dismiss) = (to("retry"), to("dismiss"));
    let again = Act {
        to: &retry,
        name: say("Retry", "Reintentar"),
        asks: say("Try the step that failed again?", "¿Reintentar el paso que falló?"),
        dangerous: false,
        fields: html! {},
    };
    let give_up = Act {
        to: &dismiss,
        name: say("Dismiss", "Descartar"),
        asks: say("Give this ticket up? Nothing more is sent for it.", "¿Descartar este ticket? No se envía nada más."),
        dangerous: true,
        fields: html! {
            input name="reason" required maxlength=(MAX_REASON) placeholder=(say("reason", "motivo"))
                aria-label=(say("Reason", "Motivo"));
        },
    };
    html! {
        div.actions {
            @if state == Stands::Error { (again.form(visitor, Role::Operator)) }
            @if matches!(state, Stands::Error | Stands::Received) { (give_up.form(visitor, Role::Operator)) }
        }
    }
}
