//! One ticket: where it stands, the evidence that caused it, its story, and what an operator may do to it.

mod chart;
mod story;

use axum::extract::Path;
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_config::sections::Role;
use ticketbridge_core::ticket::State;
use ticketbridge_engine::explain::{self, CameFrom, Source, Story};
use ticketbridge_engine::view::{self, MAX_REASON};

use crate::console::layout::{Page, Place};
use crate::console::notice::Notice;
use crate::console::parts::{self, Act};
use crate::console::visitor::{Nothing, Sealed, Visitor};
use crate::problem::Problem;
use crate::routes::ticket_id;

/// `GET /console/tickets/{id}`.
pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Problem> {
    let app = &visitor.desk.app;
    let exchanges = Source::Live(app.delivery.exchanges().clone());
    let now = app.clock.now().wall;
    let told = explain::explain(&app.config, &*app.store, exchanges, ticket_id(&id)?, now).await?;
    let told = told.ok_or_else(|| Problem::no_such_ticket(&id))?;
    let body = html! {
        div #ticket data-live {
            (facts(&visitor, &told))
            (acts(&visitor, &told))
            (evidence(&visitor, &told.came_from))
            h2 { (visitor.say("What happened", "Qué ocurrió")) }
            (story::timeline(&visitor, &told.story))
            h2 { (visitor.say("As received or built", "Como se recibió o se armó")) }
            details #body { summary { "JSON" } pre { (pretty(&told.body)) } }
        }
        (parts::dialog(visitor.language))
    };
    let title = told.ticket.dedupe_key.to_string();
    Ok(Page { place: Place::Tickets, title: Some(&title), live: "tickets", body }.show(&visitor))
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}")
}

#[derive(Deserialize)]
pub(super) struct Dismissal {
    reason: String,
}

/// `POST /console/tickets/{id}/retry`.
pub(super) async fn retry(
    visitor: Visitor,
    Path(id): Path<String>,
    Sealed(Nothing {}): Sealed<Nothing>,
) -> Result<Redirect, Problem> {
    let app = &visitor.desk.app;
    let at = app.clock.now().wall;
    view::retry(&*app.store, ticket_id(&id)?, &visitor.caller.name, at).await?;
    app.delivery.news();
    Ok(back(&id, Notice::Retried))
}

/// `POST /console/tickets/{id}/dismiss`.
pub(super) async fn dismiss(
    visitor: Visitor,
    Path(id): Path<String>,
    Sealed(dismissal): Sealed<Dismissal>,
) -> Result<Redirect, Problem> {
    let app = &visitor.desk.app;
    let at = app.clock.now().wall;
    view::dismiss(&*app.store, ticket_id(&id)?, &dismissal.reason, &visitor.caller.name, at).await?;
    app.delivery.news();
    Ok(back(&id, Notice::Dismissed))
}

fn back(id: &str, notice: Notice) -> Redirect {
    Redirect::to(&notice.at(&format!("{}/{id}", Place::Tickets.path())))
}

fn facts(visitor: &Visitor, told: &Story) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let (ticket, now) = (&told.ticket, &told.now);
    html! {
        div.columns {
            section.card {
                p { (parts::state(ticket.state, visitor.language)) }
                p lang="en" { (now.text) }
                @if let Some(next) = &now.next { p lang="en" { (next) } }
                @if let Some(due) = &now.due_at { p.hint { (say("Not before ", "No antes de ")) (parts::instant(due)) } }
                @if !now.commands.is_empty() {
                    details #commands {
                        summary { (say("On the command line", "En la línea de comandos")) }
                        @for command in &now.commands { pre { (command) } }
                    }
                }
            }
            section.card {
                dl.facts {
                    dt { "Ticket" } dd { (parts::or_none(ticket.ticket_number.as_deref())) }
                    dt { "OT" } dd { (parts::or_none(ticket.ot_number.as_deref())) }
                    dt { (say("Remote ticket", "Ticket remoto")) } dd {
                        @if ticket.created { (say("created by this one", "creado por este")) }
                        @else if ticket.ticket_number.is_some() { (say("found, and noted", "encontrado y anotado")) }
                        @else { span.none { "–" } }
                    }
                    dt { (say("Kind", "Tipo")) } dd { (ticket.kind) }
                    dt { "Backend" } dd { (ticket.backend) " · " (ticket.platform) }
                    dt { (say("Attempts", "Intentos")) } dd { (ticket.attempts) }
                    dt { (say("Message", "Mensaje")) } dd { code { (ticket.message_id) } }
                    dt { "Id" } dd { code { (ticket.id) } }
                    dt { (say("Received", "Recibido")) } dd { (parts::instant(&ticket.received_at)) }
                    dt { (say("Changed", "Cambiado")) } dd { (parts::instant(&ticket.updated_at)) }
                }
            }
        }
    }
}

fn evidence(visitor: &Visitor, came_from: &CameFrom) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let title = html! { h2 { (say("Why there is this ticket", "Por qué existe este ticket")) } };
    match came_from {
        CameFrom::Sender { message_id, received_at } => html! {
            (title)
            p { (say("An outside sender sent it as message ", "Un emisor externo lo envió como mensaje ")) code { (message_id) } ", "
                (parts::instant(received_at)) "." }
        },
        CameFrom::Workflow(evidence) => html! {
            (title)
            @if evidence.run.is_none() {
                p.hint { (say(
                    "This service has no record of the run that built it: a run of long ago, another workflow manager's, or a sender's word.",
                    "Este servicio no tiene registro de la corrida que lo armó: es antigua, de otro gestor, o solo lo dice el emisor."
                )) }
            }
            div.columns {
                section.card {
                    dl.facts {
                        dt { (say("Row", "Fila")) } dd {
                            @let table = format!("{}/{}", Place::Aggregations.path(), evidence.source.aggregation);
                            a href=(table) { (evidence.source.aggregation.as_str()) } " · "
                            a href={ (table) "/" (parts::segment(&evidence.source.group_id)) } { (evidence.source.group_id) }
                            @if let Some(name) = &evidence.group_name { " · " (name) }
                        }
                        dt { (say("As of", "Al")) } dd { (parts::instant(&evidence.source.as_of.to_string())) }
                        dt { "KPI" } dd { (evidence.kpi.name) }
                        dt { (say("Worst, last, mean", "Peor, último, media")) } dd.number {
                            (parts::figure(evidence.kpi.worst)) " · " (parts::figure(evidence.kpi.last)) " · "
                            (parts::figure(evidence.kpi.avg_24h)) " " (evidence.kpi.unit)
                        }
                        dt { (say("Critical", "Crítico")) } dd.number {
                            (if evidence.kpi.comparison == "lt" { "< " } else { "≥ " }) (parts::figure(evidence.kpi.threshold)) " " (evidence.kpi.unit)
                        }
                        dt { (say("Channels", "Canales")) } dd.number {
                            (evidence.impact.channels_affected) " / " (evidence.impact.channels_total)
                        }
                        dt { (say("Modems online", "Módems en línea")) } dd.number {
                            (parts::or_none(evidence.impact.cm_online.map(|count| count.to_string()).as_deref()))
                            " / " (parts::or_none(evidence.impact.cm_total.map(|count| count.to_string()).as_deref()))
                        }
                    }
                }
                section.card {
                    h3 { (say("Critical incidents of the last 24 hours: ", "Incidentes críticos de las últimas 24 horas: "))
                        (evidence.incidents_total) }
                    (chart::incidents(visitor, evidence))
                }
            }
        },
    }
}

fn acts(visitor: &Visitor, told: &Story) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let state = told.ticket.state;
    let to = |act: &str| format!("{}/{}/{act}", Place::Tickets.path(), told.ticket.id);
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
            @if state == State::Error { (again.form(visitor, Role::Operator)) }
            @if matches!(state, State::Error | State::Received) { (give_up.form(visitor, Role::Operator)) }
            button type="button" data-copy-from={ "/api/v1/tickets/" (told.ticket.id) "/explain" }
                data-copied=(say("Copied", "Copiado")) { (say("Copy as JSON", "Copiar como JSON")) }
        }
    }
}
