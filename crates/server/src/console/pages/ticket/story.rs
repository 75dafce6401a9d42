//! A ticket's story as a timeline: steps, requests with their answers, waits, look-ups, what operators did.

use maud::{Markup, html};
use ticketbridge_engine::exchanges::ExchangeDetail;
use ticketbridge_engine::explain::{Compared, Entry, Found, LookUp, Wait};
use ticketbridge_engine::view::TimelineEntry;

use crate::console::parts;
use crate::console::visitor::Visitor;

/// The whole story, the oldest first.
pub(super) fn timeline(visitor: &Visitor, story: &[Entry]) -> Markup {
    html! { ol.timeline { @for entry in story { (one(visitor, entry)) } } }
}

fn one(visitor: &Visitor, entry: &Entry) -> Markup {
    match entry {
        Entry::Happened(happened) => of_ticket(visitor, happened, &[], None),
        Entry::Request { request, exchanges, not_kept } => of_ticket(visitor, request, exchanges, not_kept.as_deref()),
        Entry::Wait(wait) => waited(visitor, wait),
        Entry::LookUp(look_up) => looked_up(visitor, look_up),
        Entry::Compared(compared) => was_compared(visitor, compared),
    }
}

/// A point of the timeline: tone, when, what, and what else there is to it.
fn point(tone: &str, at: &str, what: &Markup, more: &Markup) -> Markup {
    html! { li class=(tone) { (parts::instant(at)) div { p { (what) } (more) } } }
}

fn of_ticket(visitor: &Visitor, entry: &TimelineEntry, exchanges: &[ExchangeDetail], not_kept: Option<&str>) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    match entry {
        TimelineEntry::Received { at, message_id } => {
            let what =
                html! { b { (say("Received", "Recibido")) } ", " (say("message ", "mensaje ")) code { (message_id) } };
            point("new", at, &what, &html! {})
        }
        TimelineEntry::Request {
            at,
            operation,
            platform,
            batch_size,
            outcome,
            code,
            message,
            ids,
            known_by,
            next_state,
            ..
        } => {
            let tone = match *outcome {
                Some("applied") => "good",
                Some("refused") => "bad",
                Some(_) => "warn",
                None => "busy",
            };
            let what = html! {
                b { (operation.as_str()) } " → " (platform)
                @if *batch_size > 1 { " · " (batch_size) " " (say("tickets in the request", "tickets en la solicitud")) }
                " · " b { (outcome_name(visitor, *outcome)) }
                @if known_by.is_some_and(|by| by != ticketbridge_core::delivery::Settled::Answer) { " (" (say("by look-up", "por consulta")) ")" }
                @if let Some(state) = next_state { " → " (parts::state_name(*state, visitor.language)) }
            };
            let number = ids.as_ref().and_then(|ids| ids.work_order_number.as_deref().or(ids.ticket_number.as_deref()));
            let more = html! {
                @if let Some(number) = number { p { (say("Number ", "Número ")) b { (number) } } }
                @if code.is_some() || message.is_some() {
                    p { (code.as_deref().unwrap_or_default()) " " (message.as_deref().unwrap_or_default()) }
                }
                @for exchange in exchanges { (exchanged(visitor, exchange)) }
                @if let Some(why) = not_kept { p.hint lang="en" { (say("Not kept: ", "No se guardó: ")) (why) } }
            };
            point(tone, at, &what, &more)
        }
        TimelineEntry::Act { at, who, act, reason, backend } => {
            let what = html! {
                b { (who) } ": " (act_name(visitor, act))
                @if let Some(reason) = reason { " · " (reason) }
                @if let Some(backend) = backend { " → " (backend) }
            };
            point("act", at, &what, &html! {})
        }
    }
}

fn outcome_name<'v>(visitor: &Visitor, outcome: Option<&'v str>) -> &'v str {
    match outcome {
        Some("applied") => visitor.say("applied", "aplicado"),
        Some("refused") => visitor.say("refused", "rechazado"),
        Some("unavailable") => visitor.say("not available", "no disponible"),
        Some("unknown") => visitor.say("not known", "desconocido"),
        Some(other) => other,
        None => visitor.say("on its way, or in doubt", "en camino o en duda"),
    }
}

fn act_name<'v>(visitor: &Visitor, act: &'v str) -> &'v str {
    match act {
        "retry" => visitor.say("tried it again", "lo reintentó"),
        "dismiss" => visitor.say("dismissed it", "lo descartó"),
        "reassign" => visitor.say("moved it to another backend", "lo pasó a otro backend"),
        other => other,
    }
}

/// One exchange, to be opened.
pub(super) fn exchanged(visitor: &Visitor, detail: &ExchangeDetail) -> Markup {
    let exchange = &detail.exchange;
    html! {
        details id={ "exchange-" (exchange.id.0) } {
            summary {
                code { (exchange.method) " " (exchange.target) } " · "
                @match exchange.status { Some(status) => (status), None => (visitor.say("no answer", "sin respuesta")) }
                " · " (exchange.latency_ms) " ms"
            }
            @if let Some(fault) = &exchange.fault { p { (fault) } }
            @if let Some(request) = &detail.request { h4 { (visitor.say("Request", "Solicitud")) } pre { (request) } }
            @if let Some(answer) = &detail.answer { h4 { (visitor.say("Answer", "Respuesta")) } pre { (answer) } }
        }
    }
}

fn waited(visitor: &Visitor, wait: &Wait) -> Markup {
    let what = html! {
        b { (visitor.say("Waited ", "Esperó ")) (parts::length(wait.seconds)) }
        @if wait.until.is_none() { " · " (visitor.say("and still does", "y sigue esperando")) }
    };
    let more = html! { ul lang="en" { @for reason in &wait.reasons { li { (reason.text) } } } };
    point("wait", &wait.at, &what, &more)
}

fn looked_up(visitor: &Visitor, look_up: &LookUp) -> Markup {
    let found = match look_up.found {
        Some(Found::Ours) => visitor.say("found ours", "encontró el nuestro"),
        Some(Found::Another) => visitor.say("found another with its key", "encontró otro con su clave"),
        Some(Found::Nothing) => visitor.say("found nothing", "no encontró nada"),
        None => visitor.say("not known", "desconocido"),
    };
    let what = html! { b { (visitor.say("Looked it up", "Se consultó")) } " · " (look_up.platform) " · " (found) };
    let more = html! { @if let Some(fault) = &look_up.fault { p { (fault) } } };
    point("look", &look_up.at, &what, &more)
}

fn was_compared(visitor: &Visitor, compared: &Compared) -> Markup {
    let found = if compared.found {
        visitor.say("one with its key is open", "hay uno abierto con su clave")
    } else {
        visitor.say("none with its key is open", "no hay ninguno abierto con su clave")
    };
    let what = html! {
        b { (visitor.say("Compared with the open tickets", "Se comparó con los tickets abiertos")) } " · " (compared.platform) " · " (found)
    };
    point("look", &compared.at, &what, &html! {})
}
