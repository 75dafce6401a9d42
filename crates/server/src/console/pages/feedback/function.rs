//! One function: how it stands, its newest runs, and *Run now*.

use axum::extract::{Path, State};
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use ticketbridge_config::sections::Role;
use ticketbridge_engine::feedback::RunRequest;
use ticketbridge_engine::view::mobile::{self, FunctionView, Window};
use ticketbridge_store::Trigger;

use super::facts;
use super::words::{Tab, address, run_table, stands, tabs};
use crate::console::layout::{Page, Place};
use crate::console::notice::Notice;
use crate::console::parts::{self, Act};
use crate::console::visitor::{Nothing, Sealed, Visitor};
use crate::problem::Problem;
use crate::routes::Desk;
use crate::routes::feedback_acts::Acting;

/// Runs that stand on the page.
const NEWEST_RUNS: usize = 20;

/// `GET /console/feedback/{organizer}`.
pub(super) async fn show(visitor: Visitor, Path(organizer): Path<String>) -> Result<Response, Problem> {
    let app = &visitor.desk.app;
    let function = mobile::function(&app.feedback, &organizer, app.clock.now().wall).await?;
    let runs = mobile::runs(&app.feedback, &organizer, Window::first(NEWEST_RUNS)).await?;
    let body = html! {
        (tabs(&visitor, &organizer, Tab::Function))
        div #function data-live {
            p { (stands(&visitor, &function)) }
            (facts(&visitor, &function, &runs.items))
            (acts(&visitor, &function))
            h2 { (visitor.say("Newest runs", "Últimas ejecuciones")) }
            (run_table(&visitor, &organizer, &runs.items))
        }
        (parts::dialog(visitor.language))
    };
    Ok(Page { place: Place::Feedback, title: Some(&organizer), live: "feedback", body }.show(&visitor))
}

/// `POST …/run`: starts a run, and does not wait for its end.
pub(super) async fn run(
    visitor: Visitor,
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Sealed(Nothing {}): Sealed<Nothing>,
) -> Result<Redirect, Problem> {
    let acting = Acting::new(&desk, &visitor.caller, &organizer);
    let (run, _ended) = acting.run(RunRequest::by(Trigger::Manual)).await?;
    let begun = format!("{}/{}", address(&organizer, Tab::Runs), run.0);
    Ok(Redirect::to(&Notice::RunStarted.at(&begun)))
}

fn acts(visitor: &Visitor, function: &FunctionView) -> Markup {
    let to = format!("{}/run", address(&function.organizer, Tab::Function));
    let run_now = Act {
        to: &to,
        name: visitor.say("Run now", "Ejecutar ahora"),
        asks: visitor.say(
            "Read the changes and write them to the box office now?",
            "¿Leer los cambios y escribirlos en la boletería ahora?",
        ),
        dangerous: false,
        fields: html! {},
    };
    let can_run = function.active && function.unusable.is_none() && function.lease.is_none();
    html! {
        div.actions { @if can_run { (run_now.form(visitor, Role::Operator)) } }
    }
}
