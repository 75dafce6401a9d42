//! *Stream Viewer*: what was exchanged with the platforms, newest first, and one exchange with its bodies.
//!
//! Guarantee: only what the file of exchanges has is shown, and secrets and persons are masked in it. Headers are not
//! kept, so none are shown. Saved as text: the rows of the page, [`PAGE`] at most, each body up to 8 KiB.

use std::fmt::Write as _;

use axum::extract::Path;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_engine::exchanges::{self, ExchangeDetail, ExchangePage, ExchangeView};
use ticketbridge_store::exchanges::{About, ExchangeFilter, Kept};

use crate::console::assets;
use crate::console::language::Language;
use crate::console::layout::{Page, Place};
use crate::console::visitor::{Fields, Visitor};
use crate::console::{PAGE, parts};
use crate::problem::Problem;
use crate::routes::exchanges::{one, purpose_of};

/// What is asked for; an empty field of the form is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    platform: String,
    purpose: String,
    text: String,
    failed: String,
    cursor: String,
}

/// The text, if there is any.
fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

impl Asked {
    fn filter(&self) -> Result<ExchangeFilter, Problem> {
        Ok(ExchangeFilter {
            platform: given(&self.platform).map(str::to_owned),
            about: given(&self.purpose).map(purpose_of).transpose()?,
            failed: self.failed == "true",
            text: given(&self.text).map(str::to_owned),
        })
    }

    /// An address with the same filter.
    fn address(&self, path: &str, more: &[(&str, &str)]) -> String {
        let failed = if self.failed == "true" { "true" } else { "" };
        let mut pairs = vec![
            ("platform", self.platform.trim()),
            ("purpose", self.purpose.trim()),
            ("text", self.text.trim()),
            ("failed", failed),
        ];
        pairs.extend_from_slice(more);
        parts::address(path, &pairs)
    }

    async fn page(&self, visitor: &Visitor) -> Result<ExchangePage, Problem> {
        let kept = visitor.desk.app.delivery.exchanges();
        Ok(exchanges::exchanges(kept, self.filter()?, PAGE, given(&self.cursor)).await?)
    }
}

/// `GET /console/stream`.
pub(super) async fn list(visitor: Visitor, Fields(asked): Fields<Asked>) -> Result<Response, Problem> {
    let page = asked.page(&visitor).await?;
    let body = html! {
        (filters(&visitor, &asked))
        (tools(&visitor, &asked))
        div #exchanges data-live { (rows(&visitor, &page)) (pager(&visitor, &asked, page.next.as_deref())) }
        script src=(assets::path(assets::STREAM_SCRIPT)) defer {}
    };
    Ok(Page { place: Place::Stream, title: None, live: "exchanges", body }.show(&visitor))
}

/// `GET /console/stream/text`: the page that is shown, with its bodies, as a text to keep.
pub(super) async fn save(visitor: Visitor, Fields(asked): Fields<Asked>) -> Result<Response, Problem> {
    let page = asked.page(&visitor).await?;
    let found = exchanges::exchange_details(visitor.desk.app.delivery.exchanges(), &page).await?;
    let text: String = found.iter().map(as_text).collect();
    let headers =
        [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"exchanges.txt\"")];
    Ok((headers, text).into_response())
}

/// `GET /console/stream/{id}`.
pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Problem> {
    let found = one(&visitor.desk, &id).await?;
    let title = format!("{} {}", found.exchange.method, found.exchange.target);
    let body = html! {
        (facts(&visitor, &found))
        (bodies(&visitor, &found))
        div.actions {
            a.button href=(Place::Stream.path()) { (visitor.say("All messages", "Todos los mensajes")) }
            a.button href={ "/api/v1/exchanges/" (found.exchange.id.0) } download={ "exchange-" (found.exchange.id.0) ".json" } {
                (visitor.say("Save as JSON", "Guardar como JSON"))
            }
        }
    };
    Ok(Page { place: Place::Stream, title: Some(&title), live: "", body }.show(&visitor))
}

fn filters(visitor: &Visitor, asked: &Asked) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let platforms = visitor.desk.app.config.platforms.keys().map(ToString::to_string);
    html! {
        form.filters method="get" action=(Place::Stream.path()) role="search" {
            label { (say("Platform", "Plataforma"))
                select name="platform" data-submits {
                    option value="" { (say("all", "todas")) }
                    @for platform in platforms { option selected[platform == asked.platform] { (platform) } }
                }
            }
            label { (say("Operation", "Operación"))
                select name="purpose" data-submits {
                    option value="" { (say("all", "todas")) }
                    @for about in About::ALL {
                        option value=(about.as_str()) selected[about.as_str() == asked.purpose] { (purpose(about, visitor.language)) }
                    }
                }
            }
            label { (say("Result", "Resultado"))
                select name="failed" data-submits {
                    option value="" { (say("all", "todos")) }
                    option value="true" selected[asked.failed == "true"] { (say("only failed", "solo fallidos")) }
                }
            }
            label.wide { (say("Text", "Texto"))
                input type="search" name="text" value=(asked.text) maxlength="200"
                    placeholder=(say("in addresses, errors and bodies", "en direcciones, errores y contenidos"));
            }
            button type="submit" { (say("Filter", "Filtrar")) }
            a.button.quiet href=(Place::Stream.path()) { (say("All", "Todos")) }
        }
    }
}

/// What the page's own script does; it shows them. Saving works without it.
fn tools(visitor: &Visitor, asked: &Asked) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let cursor = asked.cursor.as_str();
    let limit = PAGE.to_string();
    let json = asked.address("/api/v1/exchanges", &[("cursor", cursor), ("limit", &limit)]);
    let text = asked.address("/console/stream/text", &[("cursor", cursor)]);
    html! {
        div.actions {
            div #stream-tools hidden { div.filters {
                button type="button" data-freeze aria-pressed="false" data-on=(say("Go on", "Continuar"))
                    data-off=(say("Freeze", "Congelar")) { (say("Freeze", "Congelar")) }
                button type="button" data-clear aria-pressed="false" data-on=(say("Show all again", "Mostrar todo"))
                    data-off=(say("Clear", "Limpiar")) { (say("Clear", "Limpiar")) }
                input type="search" data-find aria-controls="exchanges"
                    placeholder=(say("find on this page", "buscar en esta página"))
                    aria-label=(say("Find on this page", "Buscar en esta página"));
                output.hint {}
            } }
            a.button href=(json) download="exchanges.json" { (say("Save as JSON", "Guardar como JSON")) }
            a.button href=(text) download="exchanges.txt" { (say("Save as text", "Guardar como texto")) }
        }
    }
}

fn rows(visitor: &Visitor, page: &ExchangePage) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if page.items.is_empty() {
        let none = say(
            "No message fits. Messages are kept as long as retention.exchanges says.",
            "Ningún mensaje cumple el filtro. Se guardan el tiempo que indica retention.exchanges.",
        );
        return parts::nothing(none);
    }
    let heads = [
        say("Time", "Hora"),
        say("Result", "Resultado"),
        say("Platform", "Plataforma"),
        say("Operation", "Operación"),
        say("Request", "Solicitud"),
        say("Took", "Duración"),
        say("Bodies", "Contenidos"),
    ];
    let rows = html! { @for exchange in &page.items { (row(visitor, exchange)) } };
    parts::table(Place::Stream.name(visitor.language), &heads, &rows)
}

fn row(visitor: &Visitor, exchange: &ExchangeView) -> Markup {
    html! {
        tr data-id=(exchange.id.0) {
            td { (parts::instant(&exchange.at)) }
            td { (result(visitor, exchange)) }
            td { (exchange.platform) }
            td { (purpose(exchange.purpose, visitor.language)) }
            td.long {
                a href={ (Place::Stream.path()) "/" (exchange.id.0) } { (exchange.method) " " (exchange.target) }
                @if let Some(fault) = &exchange.fault { div.hint { (fault) } }
            }
            td.number { (exchange.latency_ms) " ms" }
            td { (kept(visitor, exchange.kept)) }
        }
    }
}

fn result(visitor: &Visitor, exchange: &ExchangeView) -> Markup {
    let tone = if exchange.failed { "bad" } else { "good" };
    let text =
        exchange.status.map_or_else(|| visitor.say("no answer", "sin respuesta").to_owned(), |it| it.to_string());
    parts::badge(tone, &text)
}

fn kept(visitor: &Visitor, kept: Kept) -> &'static str {
    match kept {
        Kept::Whole => visitor.say("kept", "guardados"),
        Kept::Head => visitor.say("not kept", "no guardados"),
    }
}

/// What an exchange was for, in words.
fn purpose(about: About, language: Language) -> &'static str {
    match about {
        About::Other => language.pick("login and other", "acceso y otros"),
        About::Write => language.pick("write", "escritura"),
        About::OpenTickets => language.pick("open tickets", "tickets abiertos"),
        About::Tickets => language.pick("look up tickets", "buscar tickets"),
        About::Notes => language.pick("look up notes", "buscar notas"),
        About::WorkOrders => language.pick("look up work orders", "buscar OT"),
        About::Health => language.pick("health", "salud"),
    }
}

fn pager(visitor: &Visitor, asked: &Asked, next: Option<&str>) -> Markup {
    let address = |cursor: &str| asked.address(Place::Stream.path(), &[("cursor", cursor)]);
    html! {
        nav.pager aria-label=(visitor.say("Further rows", "Más filas")) {
            @if !asked.cursor.is_empty() { a.button href=(address("")) { (visitor.say("Newest", "Más recientes")) } }
            @if let Some(next) = next { a.button rel="next" href=(address(next)) { (visitor.say("Older", "Más antiguos")) } }
        }
    }
}

fn facts(visitor: &Visitor, found: &ExchangeDetail) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let exchange = &found.exchange;
    html! {
        dl.facts {
            dt { (say("Result", "Resultado")) } dd { (result(visitor, exchange)) }
            @if let Some(fault) = &exchange.fault { dt { (say("Why", "Por qué")) } dd { (fault) } }
            dt { (say("Platform", "Plataforma")) } dd { (exchange.platform) }
            dt { (say("Operation", "Operación")) } dd { (purpose(exchange.purpose, visitor.language)) }
            @if let Some(batch) = exchange.batch { dt { (say("Batch", "Lote")) } dd { (batch) } }
            dt { (say("Ended", "Terminó")) } dd { (parts::instant(&exchange.at)) }
            dt { (say("Took", "Duración")) } dd { (exchange.latency_ms) " ms" }
        }
        p.hint {
            (say(
                "Secrets and personal data are masked, and long texts are cut. HTTP headers are not kept.",
                "Los secretos y datos personales se ocultan y los textos largos se cortan. Los encabezados HTTP no se guardan.",
            ))
        }
    }
}

fn bodies(visitor: &Visitor, found: &ExchangeDetail) -> Markup {
    let request = visitor.say("Request", "Solicitud");
    let answer = visitor.say("Answer", "Respuesta");
    html! {
        div.columns {
            (one_body(visitor, "request", request, found.request.as_deref()))
            (one_body(visitor, "answer", answer, found.answer.as_deref()))
        }
    }
}

fn one_body(visitor: &Visitor, id: &str, name: &str, text: Option<&str>) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    html! {
        section.card {
            h2 { (name) }
            @match text {
                None => p.hint { (say(
                    "Not kept: more came per second than retention.exchanges_rate allows.",
                    "No guardado: llegó más por segundo de lo que permite retention.exchanges_rate.",
                )) },
                Some("") => p.hint { (say("Empty.", "Vacío.")) },
                Some(text) => {
                    pre id=(id) tabindex="0" { (text) }
                    button type="button" data-copy={ "#" (id) } data-copied=(say("Copied", "Copiado")) { (say("Copy", "Copiar")) }
                },
            }
        }
    }
}

/// An exchange as a text to keep.
fn as_text(found: &ExchangeDetail) -> String {
    let exchange = &found.exchange;
    let status = exchange.status.map_or_else(|| String::from("no answer"), |status| status.to_string());
    let mut text = format!(
        "==== {} {} {} {} ({} ms, {}, {})\n",
        exchange.at,
        exchange.platform,
        exchange.method,
        exchange.target,
        exchange.latency_ms,
        exchange.purpose.as_str(),
        status,
    );
    if let Some(fault) = &exchange.fault {
        // Writing to a text cannot fail.
        let _written = writeln!(text, "fault: {fault}");
    }
    for (name, body) in [("request", &found.request), ("answer", &found.answer)] {
        let _written = writeln!(text, "---- {name}\n{}", body.as_deref().unwrap_or("(not kept)"));
    }
    text.push('\n');
    text
}
