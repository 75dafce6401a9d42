//! *Backends*: their three settings, changed with a question and kept in the audit; how their platforms are; what is in
//! flight while one is switched off.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_config::sections::{Backend, Role};
use ticketbridge_core::ticket::State;
use ticketbridge_engine::delivery::BackendView;
use ticketbridge_engine::view::{self, BackendChange, PlatformView};

use crate::console::layout::{Page, Place};
use crate::console::notice::Notice;
use crate::console::parts::{self, Act};
use crate::console::visitor::{Sealed, Visitor};
use crate::problem::Problem;

/// `GET /console/backends`.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Problem> {
    let app = &visitor.desk.app;
    let backends = view::backends(&app.config, &*app.store).await?;
    let status = visitor.desk.delivery().await;
    let platforms = view::platforms(&app.config, &app.platforms, status.as_ref());
    let counts = app.store.counts().await?;
    let body = html! {
        div #backends.columns data-live {
            @for backend in &backends {
                @let of_backend = counts.iter().filter(|((name, _), _)| *name == backend.backend.name);
                @let by_state: BTreeMap<State, u64> = of_backend.map(|((_, state), count)| (*state, *count)).collect();
                (card(&visitor, backend, &by_state, &platforms))
            }
        }
        h2 { (visitor.say("Platforms", "Plataformas")) }
        div #platforms data-live { (platform_table(&visitor, &platforms)) }
        (parts::dialog(visitor.language))
    };
    Ok(Page { place: Place::Backends, title: None, live: "backends,platforms,tickets", body }.show(&visitor))
}

fn card(visitor: &Visitor, view: &BackendView, states: &BTreeMap<State, u64>, platforms: &[PlatformView]) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let backend = &view.backend;
    let under_way: u64 =
        states.iter().filter(|(state, _)| state.is_open() && **state != State::Received).map(|(_, count)| count).sum();
    let of = |state: State| states.get(&state).copied().unwrap_or_default();
    let uses = |platform: &&PlatformView| [&backend.tickets, &backend.work_orders].contains(&&platform.name);
    let in_flight: usize = platforms.iter().filter(uses).map(|platform| platform.in_flight).sum();
    html! {
        section.card {
            h2 { (backend.name) }
            p {
                @if backend.processing { (parts::badge("good", say("Processing on", "Procesamiento activo"))) }
                @else { (parts::badge("off", say("Processing off", "Procesamiento apagado"))) }
                " · " (say("tickets on ", "tickets en ")) (backend.tickets) " · OT " (say("on ", "en ")) (backend.work_orders)
            }
            dl.facts {
                dt { (say("Waiting", "En espera")) } dd.number { (of(State::Received)) }
                dt { (say("Under way", "En curso")) } dd.number { (under_way) }
                dt { (say("Requests in flight on its platforms", "Solicitudes en vuelo en sus plataformas")) } dd.number { (in_flight) }
                dt { "Error" } dd.number { (of(State::Error)) }
                dt { (say("Completed", "Completados")) } dd.number { (of(State::Completed)) }
            }
            @if !backend.processing && in_flight > 0 {
                p.hint { (say(
                    "Requests on their way are finished and looked up where unclear; nothing new is sent.",
                    "Las solicitudes en camino se terminan y se consultan si no quedan claras; no se envía nada nuevo."
                )) }
            }
            (switch(visitor, backend))
            (numbers(visitor, backend))
            @if !view.changed.is_empty() {
                p.hint { (say("Changed while running: ", "Cambiado en ejecución: ")) (view.changed.join(", ")) }
            }
        }
    }
}

fn switch(visitor: &Visitor, backend: &Backend) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let to = format!("{}/{}", Place::Backends.path(), backend.name);
    let (name, asks) = if backend.processing {
        (
            say("Switch processing off", "Apagar procesamiento"),
            say(
                "Send nothing new for this backend? It goes on receiving.",
                "¿No enviar nada nuevo para este backend? Sigue recibiendo.",
            ),
        )
    } else {
        (
            say("Switch processing on", "Activar procesamiento"),
            say("Send what waits for this backend?", "¿Enviar lo que espera para este backend?"),
        )
    };
    let fields = html! { input type="hidden" name="processing" value=(!backend.processing); };
    html! { div.actions { (Act { to: &to, name, asks, dangerous: backend.processing, fields }.form(visitor, Role::Operator)) } }
}

fn numbers(visitor: &Visitor, backend: &Backend) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let to = format!("{}/{}", Place::Backends.path(), backend.name);
    let number = |label: &str, name: &str, value: u32, range: std::ops::RangeInclusive<u32>| {
        html! {
            label { (label)
                input type="number" name=(name) value=(value) min=(range.start()) max=(range.end()) required
                    disabled[!visitor.may(Role::Operator)];
            }
        }
    };
    let fields = html! {
        div.fields {
            (number("Max Retries", "max_retries", backend.max_retries, Backend::RETRIES))
            (number("Max Tickets Per Request", "max_tickets_per_request", backend.max_tickets_per_request, Backend::TICKETS_PER_REQUEST))
        }
    };
    let asks = say("Change these settings? They hold at once.", "¿Cambiar estos ajustes? Rigen de inmediato.");
    let act = Act { to: &to, name: say("Change", "Cambiar"), asks, dangerous: false, fields };
    if visitor.may(Role::Operator) { act.form(visitor, Role::Operator) } else { act.fields }
}

/// The platforms, and how they are.
pub(super) fn platform_table(visitor: &Visitor, platforms: &[PlatformView]) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let heads = [say("Platform", "Plataforma"), say("How it is", "Estado"), say("In flight", "En vuelo"), "Backends"];
    let rows = html! {
        @for platform in platforms {
            tr {
                td { (platform.name) }
                td.long {
                    (parts::badge(if platform.well { "good" } else { "bad" }, if platform.well { say("well", "bien") } else { say("not well", "con problemas") }))
                    @if !platform.well { p lang="en" { (platform.summary) } }
                }
                td.number { (platform.in_flight) " / " (platform.in_flight_limit) }
                td { (platform.backends.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")) }
            }
        }
    };
    parts::table(say("Platforms", "Plataformas"), &heads, &rows)
}

/// Settings as the forms send them, each checked where the API's are; the seal is checked elsewhere.
#[derive(Deserialize)]
pub(super) struct Settings {
    processing: Option<String>,
    max_retries: Option<String>,
    max_tickets_per_request: Option<String>,
}

/// `POST /console/backends/{name}`.
pub(super) async fn change(
    visitor: Visitor,
    Path(name): Path<String>,
    Sealed(settings): Sealed<Settings>,
) -> Result<Redirect, Problem> {
    let app = &visitor.desk.app;
    let now = view::backend(&app.config, &*app.store, &name).await?.backend;
    let fields = [
        ("processing", settings.processing, now.processing.to_string()),
        ("max_retries", settings.max_retries, now.max_retries.to_string()),
        ("max_tickets_per_request", settings.max_tickets_per_request, now.max_tickets_per_request.to_string()),
    ];
    let given: Vec<(&str, String, String)> =
        fields.into_iter().filter_map(|(name, value, now)| Some((name, value?, now))).collect();
    // The form sends both numbers, also the one that nobody touched: that one is no change to be written down.
    let changed = given.iter().filter(|(_, value, now)| value != now).map(|(name, value, _)| (*name, value.as_str()));
    let changed: Vec<(&str, &str)> = changed.collect();
    if changed.is_empty() && !given.is_empty() {
        return Ok(Redirect::to(&Notice::NothingChanged.at(Place::Backends.path())));
    }
    let change = BackendChange::from_pairs(changed)?;
    let at = app.clock.now().wall;
    view::change_backend(&app.config, &*app.store, &name, &change, &visitor.caller.name, at).await?;
    app.delivery.news();
    Ok(Redirect::to(&Notice::Changed.at(Place::Backends.path())))
}
