//! *Feedback*: the mobile-ticket job. All functions here; one in `function`, its runs in `runs`, its key in `key`, what
//! waits for an operator in `waiting`, the records in `records`, and in `words` what they all say.
//!
//! An organizer whose code is `mobile-tickets` has its pages at the command line only: the records stand at that address.

mod function;
mod key;
mod records;
mod runs;
mod waiting;
mod words;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_engine::view::mobile::{self, FunctionView, RunView, Window};

use self::words::{Tab, address, key_text, stands};
use crate::console::layout::{Page, Place};
use crate::console::parts;
use crate::console::visitor::Visitor;
use crate::problem::Problem;
use crate::routes::Office;

/// Runs that stand with a function in the list.
const LAST_RUNS: usize = 5;

/// Where each page stands, below `/console/feedback`.
pub(super) fn router() -> Router<Office> {
    Router::new()
        .route("/", get(list))
        .route("/mobile-tickets", get(records::show))
        .route("/{organizer}", get(function::show))
        .route("/{organizer}/run", post(function::run))
        .route("/{organizer}/runs", get(runs::list))
        .route("/{organizer}/runs/{run}", get(runs::show))
        .route("/{organizer}/key", get(key::show))
        .route("/{organizer}/key/preview", post(key::preview))
        .route("/{organizer}/key/rewind", post(key::rewind))
        .route("/{organizer}/failed", get(waiting::failed))
        .route("/{organizer}/failed/retry", post(waiting::retry))
        .route("/{organizer}/failed/retry-all", post(waiting::retry_all))
        .route("/{organizer}/failed/dismiss", post(waiting::dismiss))
        .route("/{organizer}/skip", get(waiting::skip))
        .route("/{organizer}/skip/add", post(waiting::add_skip))
        .route("/{organizer}/skip/remove", post(waiting::remove_skip))
}

/// Which part of a list is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part {
    offset: usize,
}

impl Part {
    fn window(&self) -> Window {
        Window { offset: self.offset, limit: crate::console::PAGE }
    }
}

/// `GET /console/feedback`.
async fn list(visitor: Visitor) -> Result<Response, Problem> {
    let app = &visitor.desk.app;
    let functions = mobile::functions(&app.feedback, app.clock.now().wall).await?;
    let mut shown = Vec::with_capacity(functions.len());
    for function in functions {
        let runs = mobile::runs(&app.feedback, &function.organizer, Window::first(LAST_RUNS)).await?;
        shown.push((function, runs.items));
    }
    let body = html! {
        div.actions {
            a.button href=(words::RECORDS) { (visitor.say("Mobile tickets, contacts, distributions", "Tickets móviles, contactos, distribuciones")) }
        }
        div #functions data-live {
            @if shown.is_empty() {
                (parts::nothing(visitor.say(
                    "No function is configured. [[feedback]] of the configuration has them.",
                    "No hay funciones configuradas. Están en [[feedback]] de la configuración.",
                )))
            }
            @for (function, runs) in &shown { (card(&visitor, function, runs)) }
        }
    };
    Ok(Page { place: Place::Feedback, title: None, live: "feedback,configuration", body }.show(&visitor))
}

fn card(visitor: &Visitor, function: &FunctionView, runs: &[RunView]) -> Markup {
    html! {
        section {
            h2 { a href=(address(&function.organizer, Tab::Function)) { (function.organizer) } " " (stands(visitor, function)) }
            (facts(visitor, function, runs))
            (words::run_table(visitor, &function.organizer, runs))
        }
    }
}

/// How a function stands.
fn facts(visitor: &Visitor, function: &FunctionView, runs: &[RunView]) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let organizer = &function.organizer;
    html! {
        dl.facts {
            @if let Some(why) = &function.unusable { dt { (say("Why", "Por qué")) } dd { (why) } }
            dt { (say("Function", "Función")) } dd { (function.internal_name) " (" (function.source) " → " (function.box_office) ")" }
            dt { (say("Started", "Se inicia")) } dd {
                @if function.automatic { (say("by the clock and by people", "por reloj y por personas")) }
                @else { (say("by people", "por personas")) }
            }
            dt { (say("Next start", "Próximo inicio")) } dd { (parts::instant_or_none(function.next_start.as_deref())) }
            dt { (say("Up to date as of", "Al día desde")) } dd { (parts::instant_or_none(words::read_at(runs))) }
            dt { (say("Pending", "Pendientes")) } dd { (function.pending) }
            dt { (say("Failed", "Fallidos")) } dd { a href=(address(organizer, Tab::Failed)) { (function.failed) } }
            dt { (say("Key", "Clave")) } dd { a href=(address(organizer, Tab::Key)) { (key_text(visitor, &function.key)) } }
        }
    }
}
