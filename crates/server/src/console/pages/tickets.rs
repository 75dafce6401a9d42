//! *Ticket Overview*: the table of all tickets, with filters and pages, and the same as CSV.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_config::Config;
use ticketbridge_core::ticket::State;
use ticketbridge_engine::view::{self, PageFault, TicketPage, TicketQuery, TicketSummary, csv};
use ticketbridge_store::{MAX_PAGE, Store, TicketFilter};

use crate::console::layout::{Page, Place};
use crate::console::visitor::{Fields, Visitor};
use crate::console::{PAGE, parts};
use crate::problem::Problem;

/// Most rows of one export: a spreadsheet takes about as many.
const MAX_EXPORT: usize = 1_000_000;

/// What is asked for; an empty field of the form is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    kind: String,
    backend: String,
    platform: String,
    text: String,
    cursor: String,
}

impl Asked {
    /// A platform stands for its backends; `None`: no backend is of both.
    fn filter(&self, config: &Config) -> Result<Option<TicketFilter>, Problem> {
        let one = |text: &str| if text.trim().is_empty() { Vec::new() } else { vec![text.trim().to_owned()] };
        let mut backend = one(&self.backend);
        if !self.platform.is_empty() {
            let of_platform = config.backends.iter().filter(|backend| backend.tickets.as_str() == self.platform);
            let names = of_platform.map(|backend| backend.name.to_string());
            backend = names.filter(|name| backend.is_empty() || backend.contains(name)).collect();
            if backend.is_empty() {
                return Ok(None);
            }
        }
        let query = TicketQuery {
            state: one(&self.state),
            kind: one(&self.kind),
            backend,
            text: one(&self.text).pop(),
            ..TicketQuery::default()
        };
        Ok(Some(query.filter()?))
    }

    /// The address with the same filters, from another row on.
    fn address(&self, path: &str, cursor: &str) -> String {
        let pairs = [
            ("state", self.state.as_str()),
            ("kind", &self.kind),
            ("backend", &self.backend),
            ("platform", &self.platform),
            ("text", &self.text),
            ("cursor", cursor),
        ];
        parts::address(path, &pairs)
    }
}

/// `GET /console/tickets`.
pub(super) async fn list(visitor: Visitor, Fields(asked): Fields<Asked>) -> Result<Response, Problem> {
    let app = &visitor.desk.app;
    let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    let page = match asked.filter(&app.config)? {
        Some(filter) => view::tickets(&*app.store, &filter, PAGE, cursor).await?,
        None => TicketPage { items: Vec::new(), next: None },
    };
    let body = html! {
        (filters(&visitor, &asked))
        div #tickets data-live { (rows(&visitor, &page)) (pager(&visitor, &asked, page.next.as_deref())) }
    };
    Ok(Page { place: Place::Tickets, title: None, live: "tickets", body }.show(&visitor))
}

/// `GET /console/tickets.csv`: all tickets that the filters let through, up to [`MAX_EXPORT`], newest first.
pub(super) async fn export(visitor: Visitor, Fields(asked): Fields<Asked>) -> Result<Response, Problem> {
    let store = Arc::clone(&visitor.desk.app.store);
    let filter = asked.filter(&visitor.desk.app.config)?;
    let begin = filter.map(|filter| Export { store, filter, cursor: None, left: MAX_EXPORT });
    let pages = stream::try_unfold(begin, |export| async move {
        let Some(mut export) = export else { return Ok::<_, PageFault>(None) };
        let limit = MAX_PAGE.min(export.left);
        let page = view::tickets(&*export.store, &export.filter, limit, export.cursor.as_deref()).await?;
        export.left -= page.items.len();
        export.cursor = page.next;
        let rows = csv::rows(&page.items);
        let more = export.cursor.is_some() && export.left > 0;
        Ok(Some((rows, more.then_some(export))))
    });
    let head = stream::once(async { Ok(csv::head::<TicketSummary>()) });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"tickets.csv\"")),
    ];
    Ok((headers, Body::from_stream(head.chain(pages))).into_response())
}

struct Export {
    store: Arc<dyn Store>,
    filter: TicketFilter,
    cursor: Option<String>,
    left: usize,
}

fn filters(visitor: &Visitor, asked: &Asked) -> Markup {
    let language = visitor.language;
    let config = &visitor.desk.app.config;
    let platforms: BTreeSet<&str> = config.backends.iter().map(|backend| backend.tickets.as_str()).collect();
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
                    @for backend in &config.backends { option selected[backend.name.as_str() == asked.backend] { (backend.name) } }
                }
            }
            label { (visitor.say("Platform", "Plataforma"))
                select name="platform" {
                    option value="" { (all) }
                    @for platform in platforms { option selected[platform == asked.platform] { (platform) } }
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
    if page.items.is_empty() {
        return parts::nothing(say(
            "None of the newest rows fits this filter; there are older ones to look at.",
            "Ninguna de las filas más recientes cumple este filtro; quedan más antiguas por mirar.",
        ));
    }
    let rows = html! { @for ticket in &page.items { (row(visitor, ticket)) } };
    parts::table(Place::Tickets.name(visitor.language), &heads, &rows)
}

fn row(visitor: &Visitor, ticket: &TicketSummary) -> Markup {
    html! {
        tr {
            td { (parts::state(ticket.state, visitor.language)) }
            td { a href={ (Place::Tickets.path()) "/" (ticket.id) } { (ticket.dedupe_key) } }
            td.short { (ticket.kind) }
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
    let address = |cursor: &str| asked.address(Place::Tickets.path(), cursor);
    html! {
        nav.pager aria-label=(visitor.say("Further rows", "Más filas")) {
            @if !asked.cursor.is_empty() { a.button href=(address("")) { (visitor.say("First page", "Primera página")) } }
            @if let Some(next) = next { a.button rel="next" href=(address(next)) { (visitor.say("Older", "Más antiguos")) } }
            a.button.quiet href=(asked.address("/console/tickets.csv", "")) download { (visitor.say("Export CSV", "Exportar CSV")) }
        }
    }
}
