//! *Ticket Overview*: the table of all tickets, with filters and pages.

use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_core::ticket::State;
use ticketbridge_engine::view::{self, TicketPage, TicketQuery, TicketSummary};

use crate::console::layout::{Page, Place};
use crate::console::visitor::{Fields, Visitor};
use crate::console::{PAGE, parts};
use crate::problem::Problem;

/// What is asked for; an empty field of the form is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    kind: String,
    backend: String,
    text: String,
    cursor: String,
}

impl Asked {
    fn query(&self) -> TicketQuery {
        let one = |text: &str| if text.trim().is_empty() { Vec::new() } else { vec![text.trim().to_owned()] };
        TicketQuery {
            state: one(&self.state),
            kind: one(&self.kind),
            backend: one(&self.backend),
            text: one(&self.text).pop(),
            ..TicketQuery::default()
        }
    }
}

/// `GET /console/tickets`.
pub(super) async fn list(visitor: Visitor, Fields(asked): Fields<Asked>) -> Result<Response, Problem> {
    let app = &visitor.desk.app;
    let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    let page = view::tickets(&*app.store, &asked.query().filter()?, PAGE, cursor).await?;
    let backends: Vec<&str> = app.config.backends.iter().map(|backend| backend.name.as_str()).collect();
    let body = html! {
        (filters(&visitor, &asked, &backends))
        div #tickets data-live { (rows(&visitor, &page)) (pager(&visitor, &asked, page.next.as_deref())) }
    };
    Ok(Page { place: Place::Tickets, title: None, live: "tickets", body }.show(&visitor))
}

fn filters(visitor: &Visitor, asked: &Asked, backends: &[&str]) -> Markup {
    let language = visitor.language;
    let all = visitor.say("all", "todos");
    html! {
        form.filters method="get" action=(Place::Tickets.path()) role="search" {
            label { (visitor.say("State", "Estado"))
                select name="state" {
                    option value="" { (all) }
                    @for state in State::ALL {
                        option value=(state.as_str()) selected[state.as_str() == asked.state] { (parts::state_name(state, language)) }
                    }
                }
            }
            label { (visitor.say("Kind", "Tipo")) input name="kind" value=(asked.kind) maxlength="100" size="12"; }
            label { "Backend"
                select name="backend" {
                    option value="" { (all) }
                    @for backend in backends { option selected[*backend == asked.backend] { (backend) } }
                }
            }
            label.wide { (visitor.say("Text", "Texto"))
                input type="search" name="text" value=(asked.text) maxlength="200"
                    placeholder=(visitor.say("key, number, work order, message id, reason", "clave, número, OT, mensaje, motivo"));
            }
            button type="submit" { (visitor.say("Filter", "Filtrar")) }
            a.button.quiet href=(Place::Tickets.path()) { (visitor.say("All", "Todos")) }
        }
    }
}

fn rows(visitor: &Visitor, page: &TicketPage) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let heads = [
        say("State", "Estado"),
        say("Key", "Clave"),
        say("Kind", "Tipo"),
        "Backend",
        say("Ticket", "Ticket"),
        "OT",
        say("Attempts", "Intentos"),
        say("Reason", "Motivo"),
        say("Received", "Recibido"),
        say("Changed", "Cambiado"),
    ];
    if page.items.is_empty() && page.next.is_none() {
        return parts::nothing(say("No ticket fits this filter.", "Ningún ticket cumple este filtro."));
    }
    let rows = html! { @for ticket in &page.items { (row(visitor, ticket)) } };
    parts::table(Place::Tickets.name(visitor.language), &heads, &rows)
}

fn row(visitor: &Visitor, ticket: &TicketSummary) -> Markup {
    html! {
        tr {
            td { (parts::state(ticket.state, visitor.language)) }
            td { a href={ (Place::Tickets.path()) "/" (ticket.id) } { (ticket.dedupe_key) } }
            td { (ticket.kind) }
            td { (ticket.backend) }
            td.number { (parts::or_none(ticket.ticket_number.as_deref())) }
            td.number { (parts::or_none(ticket.ot_number.as_deref())) }
            td.number { (ticket.attempts) }
            td.long { (parts::or_none(ticket.reason.as_deref())) }
            td { (parts::instant(&ticket.received_at)) }
            td { (parts::instant(&ticket.updated_at)) }
        }
    }
}

fn pager(visitor: &Visitor, asked: &Asked, next: Option<&str>) -> Markup {
    let address = |cursor: &str| {
        let pairs = [
            ("state", asked.state.as_str()),
            ("kind", &asked.kind),
            ("backend", &asked.backend),
            ("text", &asked.text),
            ("cursor", cursor),
        ];
        parts::address(Place::Tickets.path(), &pairs)
    };
    html! {
        nav.pager aria-label=(visitor.say("Further rows", "Más filas")) {
            @if !asked.cursor.is_empty() { a.button href=(address("")) { (visitor.say("First page", "Primera página")) } }
            @if let Some(next) = next { a.button rel="next" href=(address(next)) { (visitor.say("Older", "Más antiguos")) } }
        }
    }
}
