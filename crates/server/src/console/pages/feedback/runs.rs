//! The runs of a function, and one run with its counters and write calls.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use ticketbridge_core::mobile::Counters;
use ticketbridge_engine::view::mobile::{self, CallView, Listing, RunView};

use super::Part;
use super::words::{self, Tab, address, key_text, pager, part, run_table, tabs};
use crate::console::layout::{Page, Place};
use crate::console::parts;
use crate::console::visitor::{Fields, Visitor};
use crate::problem::Problem;
use crate::routes::feedback::one_run;

/// `GET …/runs`: the newest first.
pub(super) async fn list(
    visitor: Visitor,
    Path(organizer): Path<String>,
    Fields(asked): Fields<Part>,
) -> Result<Response, Problem> {
    let runs = mobile::runs(&visitor.desk.app.feedback, &organizer, asked.window()).await?;
    let body = html! {
        (tabs(&visitor, &organizer, Tab::Runs))
        div #runs data-live {
            (run_table(&visitor, &organizer, &runs.items))
            (pager(&visitor, asked.offset, runs.next, |offset| part(&organizer, Tab::Runs, offset)))
        }
    };
    let title = format!("{organizer}: {}", visitor.say("runs", "ejecuciones"));
    Ok(Page { place: Place::Feedback, title: Some(&title), live: "feedback", body }.show(&visitor))
}

/// `GET …/runs/{run}`.
pub(super) async fn show(
    visitor: Visitor,
    Path((organizer, number)): Path<(String, String)>,
    Fields(asked): Fields<Part>,
) -> Result<Response, Problem> {
    let run = one_run(&visitor.desk, &organizer, &number).await?;
    let calls = mobile::calls(&visitor.desk.app.feedback, &organizer, run.run, asked.window()).await?;
    let body = html! {
        (tabs(&visitor, &organizer, Tab::Runs))
        div #run data-live {
            (facts(&visitor, &run))
            @if let Some(counters) = &run.counters { (counted(&visitor, counters)) }
            h2 { (visitor.say("Write calls", "Llamadas de escritura")) }
            (call_table(&visitor, &calls))
            (pager(&visitor, asked.offset, calls.next, |offset| call_part(&organizer, &run, offset)))
        }
    };
    let title = format!("{organizer}: {} {}", visitor.say("run", "ejecución"), run.run.0);
    Ok(Page { place: Place::Feedback, title: Some(&title), live: "feedback", body }.show(&visitor))
}

fn call_part(organizer: &str, run: &RunView, offset: usize) -> String {
    let path = format!("{}/{}", address(organizer, Tab::Runs), run.run.0);
    let text = if offset == 0 { String::new() } else { offset.to_string() };
    parts::address(&path, &[("offset", &text)])
}

fn facts(visitor: &Visitor, run: &RunView) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    html! {
        dl.facts {
            dt { (say("Result", "Resultado")) } dd { (words::result(visitor, run.result)) }
            @if let Some(error) = run.error { dt { (say("Ended since", "Terminó porque")) } dd { (words::error(visitor, error)) } }
            @if let Some(text) = &run.text { dt { (say("What happened", "Qué pasó")) } dd { (text) } }
            dt { (say("Function", "Función")) } dd { (run.internal_name) }
            dt { (say("Started by", "Iniciada por")) } dd { (words::trigger(visitor, run.trigger)) }
            dt { (say("Began", "Comenzó")) } dd { (parts::instant(&run.began_at)) }
            dt { (say("Ended", "Terminó")) } dd { (parts::instant_or_none(run.ended_at.as_deref())) }
            @if let Some(counters) = &run.counters {
                dt { (say("Key before", "Clave antes")) } dd { (key_text(visitor, &counters.key_before)) }
                dt { (say("Key after", "Clave después")) } dd { (key_text(visitor, &counters.key_after)) }
            }
        }
    }
}

fn counted(visitor: &Visitor, counters: &Counters) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let tiles = [
        (say("Pages", "Páginas"), counters.pages),
        (say("Received", "Recibidos"), counters.received),
        (say("Updated", "Actualizados"), counters.updated),
        (say("Unchanged", "Sin cambios"), counters.unchanged),
        (say("Stale", "Antiguos"), counters.stale),
        (say("Skipped", "Omitidos"), counters.skipped),
        (say("Failed", "Fallidos"), counters.failed),
        (say("Pending", "Pendientes"), counters.pending),
        (say("Contacts created", "Contactos creados"), counters.contacts_created),
        (say("Contacts updated", "Contactos actualizados"), counters.contacts_updated),
        (say("Distributions inserted", "Distribuciones nuevas"), counters.rows_inserted),
        (say("Distributions changed", "Distribuciones cambiadas"), counters.rows_changed),
        (say("Cultural contacts changed", "Contactos culturales cambiados"), counters.cultural_contacts_changed),
        (say("Discrepancies", "Discrepancias"), counters.discrepancies),
    ];
    html! {
        h2 { (say("Counters", "Contadores")) }
        div.tiles { @for (name, count) in tiles { (parts::tile(name, &html! { (count) }, None)) } }
    }
}

fn call_table(visitor: &Visitor, calls: &Listing<CallView>) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if calls.items.is_empty() {
        return parts::nothing(say(
            "No write call is kept of this run.",
            "No se guarda ninguna llamada de esta ejecución.",
        ));
    }
    let heads = [
        say("Call", "Llamada"),
        say("Sent", "Enviada"),
        say("What", "Qué"),
        say("Platform", "Plataforma"),
        say("Tickets", "Tickets"),
        say("Outcome", "Resultado"),
        say("Known since", "Conocido desde"),
    ];
    let rows = html! { @for call in &calls.items { (call_row(visitor, call)) } };
    parts::table(say("Write calls", "Llamadas de escritura"), &heads, &rows)
}

fn call_row(visitor: &Visitor, call: &CallView) -> Markup {
    html! {
        tr {
            td.number { (call.call) }
            td { (parts::instant(&call.sent_at)) }
            td { (call.kind) }
            td { (call.box_office) }
            td.number title=(call.items.join(", ")) { (call.items.len()) }
            td.long {
                @match &call.outcome {
                    Some(outcome) => (outcome),
                    None => (parts::badge("busy", visitor.say("not known yet", "aún no se conoce"))),
                }
            }
            td { (parts::instant_or_none(call.outcome_at.as_deref())) }
        }
    }
}
