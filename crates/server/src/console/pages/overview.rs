//! *Overview*: how things stand, within a minute: tickets by state over time, what waits and why, platforms, problems.

use std::collections::BTreeMap;

use axum::response::Response;
use maud::{Markup, html};
use ticketbridge_core::delivery::Status;
use ticketbridge_core::ticket::{BackendName, OriginId, State};
use ticketbridge_core::time::Wall;
use ticketbridge_engine::history::{HistoryView, Range, SampleView};
use ticketbridge_engine::view::mobile::{self, FunctionView};
use ticketbridge_engine::view::{self, ProblemView};

use super::backends::platform_table;
use crate::console::chart::{self, Line};
use crate::console::layout::{Page, Place};
use crate::console::parts;
use crate::console::visitor::Visitor;
use crate::problem::Problem;

/// Problems that are shown; the newest.
const PROBLEMS: usize = 5;

type Counts = BTreeMap<(BackendName, State), u64>;

/// `GET /console`.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let app = &visitor.desk.app;
    let counts = app.store.counts().await?;
    let status = visitor.desk.delivery().await;
    let platforms = view::platforms(&app.config, &app.platforms, status.as_ref());
    let problems = view::problems(&*app.store, PROBLEMS).await?;
    let functions = mobile::functions(&app.feedback, app.clock.now().wall).await?;
    let past = app.history.view(Range::Hour);
    let say = |english, spanish| visitor.say(english, spanish);
    let body = html! {
        div #figures.tiles data-live { (figures(&visitor, &counts, status.as_ref(), &past)) }
        h2 { (say("The last hour", "La última hora")) }
        div #past.columns data-live { (charts(&visitor, &past)) }
        div.columns {
            section {
                h2 { (say("What waits, and why", "Qué espera, y por qué")) }
                div #waiting data-live { (waiting(&visitor, status.as_ref())) }
            }
            section {
                h2 { "Backends" }
                div #by-backend data-live { (by_backend(&visitor, &counts)) }
            }
        }
        h2 { (say("Platforms", "Plataformas")) }
        div #platforms data-live { (platform_table(&visitor, &platforms)) }
        div.columns {
            section {
                h2 { (say("Mobile tickets", "Tickets móviles")) }
                div #feedback data-live { (feedback(&visitor, &functions)) }
            }
            section {
                h2 { (say("Problems", "Problemas")) }
                div #problems data-live { (reported(&visitor, &problems)) }
            }
        }
    };
    let live = "tickets,platforms,problems,feedback,backends";
    Ok(Page { place: Place::Overview, title: None, live, body }.show(&visitor))
}

fn sum(counts: &Counts, wanted: impl Fn(State) -> bool) -> u64 {
    counts.iter().filter(|((_, state), _)| wanted(*state)).map(|(_, count)| count).sum()
}

fn is_under_way(state: State) -> bool {
    state.is_open() && state != State::Received
}

fn figures(visitor: &Visitor, counts: &Counts, status: Option<&Status>, past: &HistoryView) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let now = visitor.desk.app.clock.now().wall;
    let tile = |name: &str, state: State| {
        let to = parts::address(Place::Tickets.path(), &[("state", state.as_str())]);
        parts::tile(name, &html! { a href=(to) { (sum(counts, |one| one == state)) } }, None)
    };
    let completed: u64 = past.samples.iter().rev().take(6).map(|sample| sample.completed).sum();
    let oldest = status.and_then(|status| status.oldest).and_then(received_at);
    let waits = oldest.map(|at| parts::length(now.0.saturating_sub(at.0).max(0) as f64 / 1_000.0));
    html! {
        (tile(say("Waiting", "En espera"), State::Received))
        // Several states together have no list of their own.
        (parts::tile(say("Under way", "En curso"), &html! { (sum(counts, is_under_way)) }, None))
        (tile(say("Completed", "Completados"), State::Completed))
        (tile("Error", State::Error))
        (tile(say("Dismissed", "Descartados"), State::Dismissed))
        (parts::tile(say("Completed in the last minute", "Completados en el último minuto"), &html! { (completed) }, None))
        (parts::tile(say("Oldest not finished", "El más antiguo sin terminar"), &html! { (waits.as_deref().unwrap_or("–")) }, None))
    }
}

/// When a ticket came in, as its id (UUID version 7) tells.
fn received_at(id: OriginId) -> Option<Wall> {
    let (seconds, nanoseconds) = id.0.get_timestamp()?.to_unix();
    Some(Wall(i64::try_from(seconds).ok()? * 1_000 + i64::from(nanoseconds / 1_000_000)))
}

fn charts(visitor: &Visitor, past: &HistoryView) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let of = |sample: &SampleView, wanted: &dyn Fn(&str) -> bool| -> f64 {
        let states = sample.tickets.values().flatten();
        states.filter(|(state, _)| wanted(state)).map(|(_, count)| *count).sum::<u64>() as f64
    };
    let series =
        |wanted: &dyn Fn(&str) -> bool| past.samples.iter().map(|sample| of(sample, wanted)).collect::<Vec<f64>>();
    let under_way = |name: &str| name.parse::<State>().is_ok_and(is_under_way);
    let states = [
        Line {
            name: say("waiting", "en espera"),
            tone: "new",
            values: series(&|state| state == State::Received.as_str()),
        },
        Line { name: say("under way", "en curso"), tone: "busy", values: series(&under_way) },
        Line { name: "Error", tone: "bad", values: series(&|state| state == State::Error.as_str()) },
    ];
    let per_sample =
        |of: fn(&SampleView) -> u64| past.samples.iter().map(|sample| of(sample) as f64).collect::<Vec<f64>>();
    let flow = [
        Line { name: say("received", "recibidos"), tone: "new", values: per_sample(|sample| sample.received) },
        Line { name: say("completed", "completados"), tone: "good", values: per_sample(|sample| sample.completed) },
    ];
    let ends = past.samples.first().zip(past.samples.last()).map(|(first, last)| (first.at.as_str(), last.at.as_str()));
    html! {
        section.card {
            h3 { (say("Tickets by state", "Tickets por estado")) }
            (chart::lines(visitor, say("Tickets by state", "Tickets por estado"), &states, ends))
        }
        section.card {
            h3 { (say("Received and completed, each 10 seconds", "Recibidos y completados, cada 10 segundos")) }
            (chart::lines(visitor, say("Received and completed", "Recibidos y completados"), &flow, ends))
        }
    }
}

/// What rows in memory wait for, in the words of delivery.
fn reason(visitor: &Visitor, what: &'static str) -> &'static str {
    visitor.say(
        what,
        match what {
            "committing" => "se está guardando",
            "behind another of its key" => "detrás de otro de su clave",
            "set aside" => "apartado",
            "back-off" => "en pausa tras un rechazo",
            "matching" => "comparando con los tickets abiertos",
            "processing off" => "procesamiento apagado",
            "ready" => "listo, espera su turno",
            "in flight" => "en vuelo",
            "held for an operator" => "retenido para un operador",
            "in doubt" => "en duda hasta la consulta",
            other => other,
        },
    )
}

fn waiting(visitor: &Visitor, status: Option<&Status>) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let Some(status) = status else {
        return parts::nothing(say("Delivery does not answer.", "La entrega no responde."));
    };
    let rows: Vec<_> = status.waiting.iter().filter(|(what, count)| **count > 0 && **what != "set aside").collect();
    // Of those that tickets go to: the others have nothing that waits here.
    let backends = &visitor.desk.app.config.backends;
    let is_used = |name| backends.iter().any(|backend| [&backend.tickets, &backend.work_orders].contains(&name));
    let stopped = status.platforms.iter().filter(|(name, platform)| !platform.well && is_used(*name));
    html! {
        @if rows.is_empty() { (parts::nothing(say("Nothing waits.", "Nada espera."))) }
        @else {
            (parts::table(say("What waits", "Qué espera"), &[say("Why", "Por qué"), "Tickets"], &html! {
                @for (what, count) in rows { tr { td { (reason(visitor, what)) } td.number { (count) } } }
            }))
        }
        @for (name, platform) in stopped { p.hint lang="en" { b { (name) } ": " (platform.why) } }
    }
}

fn by_backend(visitor: &Visitor, counts: &Counts) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let of = |name: &BackendName, wanted: &dyn Fn(State) -> bool| {
        counts
            .iter()
            .filter(|((backend, state), _)| backend == name && wanted(*state))
            .map(|(_, count)| count)
            .sum::<u64>()
    };
    let heads = [
        "Backend",
        say("Waiting", "En espera"),
        say("Under way", "En curso"),
        say("Completed", "Completados"),
        "Error",
    ];
    parts::table(
        "Backends",
        &heads,
        &html! {
            @for backend in &visitor.desk.app.config.backends {
                tr {
                    td { a href=(parts::address(Place::Tickets.path(), &[("backend", backend.name.as_str())])) { (backend.name) } }
                    td.number { (of(&backend.name, &|state| state == State::Received)) }
                    td.number { (of(&backend.name, &is_under_way)) }
                    td.number { (of(&backend.name, &|state| state == State::Completed)) }
                    td.number { (of(&backend.name, &|state| state == State::Error)) }
                }
            }
        },
    )
}

fn feedback(visitor: &Visitor, functions: &[FunctionView]) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if functions.is_empty() {
        return parts::nothing(say("No function is configured.", "No hay ninguna función configurada."));
    }
    let heads = [
        say("Organizer", "Organizador"),
        say("Last run", "Última corrida"),
        say("Result", "Resultado"),
        say("Pending", "Pendientes"),
        say("Failed", "Fallidos"),
    ];
    parts::table(
        say("Mobile tickets", "Tickets móviles"),
        &heads,
        &html! {
            @for function in functions {
                tr {
                    td { a href={ (Place::Feedback.path()) "/" (parts::segment(&function.organizer)) } { (function.organizer) } }
                    td { @match &function.last_run { Some(run) => (parts::instant(&run.began_at)), None => "–" } }
                    td { @if let Some(result) = function.last_run.as_ref().and_then(|run| run.result) { (parts::run_result(result)) } @else { "–" } }
                    td.number { (function.pending) }
                    td.number { (function.failed) }
                }
            }
        },
    )
}

fn reported(visitor: &Visitor, problems: &[ProblemView]) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if problems.is_empty() {
        return parts::nothing(say("No problem was reported.", "No se informó ningún problema."));
    }
    let heads = [say("When", "Cuándo"), say("Code", "Código"), say("Platform", "Plataforma"), say("What", "Qué")];
    parts::table(
        say("Problems", "Problemas"),
        &heads,
        &html! {
            @for problem in problems {
                tr {
                    td { (parts::instant(&problem.at)) }
                    td { a href={ "/errors/" (problem.code) } { (problem.code) } }
                    td { (problem.platform) }
                    td.long lang="en" { (problem.about) " " (problem.text) }
                }
            }
        },
    )
}
