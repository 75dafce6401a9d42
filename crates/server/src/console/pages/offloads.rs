//! *Offloads*: the state of each kind of files, *Offload now*, uploads by drag and drop, and a topology that waits for a
//! person.

use axum::extract::Path;
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_config::sections::Role;
use ticketbridge_engine::view::{self, OffloadView, RunQuery, WorkflowRunView};

use crate::console::layout::{Page, Place};
use crate::console::notice::Notice;
use crate::console::parts::{self, Act};
use crate::console::visitor::{Nothing, Sealed, Visitor};
use crate::problem::Problem;
use crate::routes::{file_kind, offload_now};

/// Runs that are shown, the newest.
const RUNS: usize = 20;

/// `GET /console/offloads`.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Problem> {
    let app = &visitor.desk.app;
    let offloads = view::offloads(app).await?;
    let runs = view::workflow_runs(app, &RunQuery { limit: RUNS, cursor: None }).await?;
    let say = |english, spanish| visitor.say(english, spanish);
    let body = html! {
        div #offloads data-live {
            @if offloads.busy { p.hint { (say("Files are being taken in.", "Se están cargando archivos.")) } }
            (waiting_topology(&visitor, &offloads.items))
            (kinds(&visitor, &offloads.items))
        }
        @if visitor.may(Role::Operator) { (upload(&visitor, &offloads.items)) }
        h2 { (say("Runs", "Corridas")) }
        div #runs data-live { (run_table(&visitor, &runs.items)) }
        (parts::dialog(visitor.language))
    };
    Ok(Page { place: Place::Offloads, title: None, live: "offloads,runs", body }.show(&visitor))
}

fn kinds(visitor: &Visitor, items: &[OffloadView]) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let heads = [
        say("Files", "Archivos"),
        "File Path",
        "Processed Lines",
        "Last Update",
        say("Accepted, without value", "Aceptadas, sin valor"),
        say("Rejected, by reason", "Rechazadas, por motivo"),
        say("Waiting", "En espera"),
        "",
    ];
    parts::table(
        Place::Offloads.name(visitor.language),
        &heads,
        &html! {
            @for item in items {
                tr {
                    td { b { (item.kind) }
                        @if let Some(file) = &item.last_file { br; span.hint { (file) } }
                        @if let Some(problem) = &item.problem { p.problem lang="en" { (problem) } }
                    }
                    td.long { (parts::or_none(item.file_path.as_deref())) }
                    td.number { (item.processed_lines) }
                    td { @match &item.last_update { Some(at) => (parts::instant(at)), None => span.none { "–" } } }
                    td.number { (item.counters.accepted) " · " (item.counters.nodata) }
                    td { (rejects(visitor, item)) }
                    td.number { (item.waiting) }
                    td { (Act {
                        to: &format!("{}/{}/now", Place::Offloads.path(), item.kind),
                        name: say("Offload now", "Cargar ahora"),
                        asks: "",
                        dangerous: false,
                        fields: html! {},
                    }.form(visitor, Role::Operator)) }
                }
            }
        },
    )
}

fn rejects(visitor: &Visitor, item: &OffloadView) -> Markup {
    let counters = &item.counters;
    let others = [
        (visitor.say("not in the topology", "fuera de la topología"), counters.orphans),
        (visitor.say("said again", "repetidas"), counters.duplicates),
    ];
    html! {
        @if counters.rejected + counters.orphans + counters.duplicates == 0 { "0" } @else {
            ul.plain {
                @for (reason, count) in &counters.rejected_by_reason { li { (count) " " (reason.as_str()) } }
                @for (name, count) in others.into_iter().filter(|(_, count)| *count > 0) { li { (count) " " (name) } }
            }
        }
    }
}

fn waiting_topology(visitor: &Visitor, items: &[OffloadView]) -> Markup {
    let Some(version) = items.iter().find_map(|item| item.awaits_confirmation) else { return html! {} };
    let say = |english, spanish| visitor.say(english, spanish);
    let act = |act: &str, name: &str, asks: &str, dangerous: bool| {
        let to = format!("{}/topology/{act}", Place::Offloads.path());
        let fields = html! { input type="hidden" name="version" value=(version); };
        Act { to: &to, name, asks, dangerous, fields }.form(visitor, Role::Operator)
    };
    html! {
        section.card.warned {
            p { (say(
                "A new topology drops much of the active one, and waits for a person.",
                "Una topología nueva descarta gran parte de la activa y espera a una persona."
            )) }
            div.actions {
                (act("confirm", say("Take it", "Aceptarla"), say("Make it the active topology?", "¿Hacerla la topología activa?"), true))
                (act("refuse", say("Drop it", "Descartarla"), say("Drop the new topology?", "¿Descartar la topología nueva?"), false))
            }
        }
    }
}

/// The script sends the file to the API and shows how far it is.
fn upload(visitor: &Visitor, items: &[OffloadView]) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    html! {
        h2 { (say("Upload a file", "Subir un archivo")) }
        form #upload.drop data-upload="/api/v1/offloads/" data-done=(say("taken in", "cargado")) data-failed=(say("not taken in", "no se cargó")) {
            label { (say("Files", "Archivos"))
                select name="kind" { @for item in items { option { (item.kind) } } }
            }
            label { "CSV" input type="file" name="file" accept=".csv,text/csv" required; }
            button type="submit" { (say("Upload", "Subir")) }
            p.hint { (say("or drop a file here", "o suelte un archivo aquí")) }
            progress max="100" value="0" hidden aria-label=(say("Upload", "Subida")) {}
            output role="status" {}
        }
        noscript { p.hint { (say(
            "Without script: send the file with the API, as docs/api.md shows.",
            "Sin script: envíe el archivo con la API, como muestra docs/api.md."
        )) } }
    }
}

fn run_table(visitor: &Visitor, runs: &[WorkflowRunView]) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if runs.is_empty() {
        return parts::nothing(say("There was no run yet.", "Todavía no hubo ninguna corrida."));
    }
    let heads = [
        say("As of", "Al"),
        say("Finished", "Terminada"),
        say("Started by", "Iniciada por"),
        say("Rows", "Filas"),
        say("Critical", "Críticas"),
        "Tickets",
    ];
    parts::table(
        say("Runs", "Corridas"),
        &heads,
        &html! {
            @for run in runs {
                tr {
                    td { (parts::instant(&run.as_of)) }
                    td { (parts::instant(&run.finished_at)) }
                    td { (run.trigger) }
                    td.number { (run.rows) }
                    td.number { (run.triggered) }
                    td.number { (run.tickets) }
                }
            }
        },
    )
}

/// `POST /console/offloads/{kind}/now`.
pub(super) async fn now(
    visitor: Visitor,
    Path(kind): Path<String>,
    Sealed(Nothing {}): Sealed<Nothing>,
) -> Result<Redirect, Problem> {
    offload_now(&visitor.desk, file_kind(&kind)?, &visitor.caller).await?;
    Ok(Redirect::to(&Notice::Offloaded.at(Place::Offloads.path())))
}

#[derive(Deserialize)]
pub(super) struct Waiting {
    version: i64,
}

/// `POST /console/offloads/topology/{act}`.
pub(super) async fn settle(
    visitor: Visitor,
    Path(act): Path<String>,
    Sealed(waiting): Sealed<Waiting>,
) -> Result<Redirect, Problem> {
    let confirm = match act.as_str() {
        "confirm" => true,
        "refuse" => false,
        _ => return Err(Problem::not_found("a topology is confirmed or refused")),
    };
    view::settle_topology(&visitor.desk.app, waiting.version, confirm, &visitor.caller.name).await?;
    let notice = if confirm { Notice::TopologyTaken } else { Notice::TopologyDropped };
    Ok(Redirect::to(&notice.at(Place::Offloads.path())))
}
