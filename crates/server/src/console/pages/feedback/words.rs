//! What the pages of *Feedback* say alike: states, runs, keys, the tabs of one function.

use maud::{Markup, html};
use ticketbridge_core::mobile::{Counters, PaginationKey, RunError, RunResult};
use ticketbridge_engine::view::mobile::{FunctionView, RunView};
use ticketbridge_store::Trigger;

use crate::console::layout::Place;
use crate::console::parts;
use crate::console::visitor::Visitor;
use crate::routes::feedback::encoded;

/// The page of mobile tickets, contacts and distributions.
pub(super) const RECORDS: &str = "/console/feedback/mobile-tickets";

/// A page of one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Function,
    Runs,
    Key,
    Failed,
    Skip,
}

impl Tab {
    const ALL: [Self; 5] = [Self::Function, Self::Runs, Self::Failed, Self::Skip, Self::Key];

    fn end(self) -> &'static str {
        match self {
            Self::Function => "",
            Self::Runs => "/runs",
            Self::Key => "/key",
            Self::Failed => "/failed",
            Self::Skip => "/skip",
        }
    }

    pub(super) fn name(self, visitor: &Visitor) -> &'static str {
        match self {
            Self::Function => visitor.say("Function", "Función"),
            Self::Runs => visitor.say("Runs", "Ejecuciones"),
            Self::Key => visitor.say("Key", "Clave"),
            Self::Failed => visitor.say("Failed tickets", "Tickets fallidos"),
            Self::Skip => visitor.say("Skip list", "Lista de omisión"),
        }
    }
}

/// Where a page of an organizer stands.
pub(super) fn address(organizer: &str, tab: Tab) -> String {
    format!("{}/{}{}", Place::Feedback.path(), encoded(organizer), tab.end())
}

/// The ways to the pages of an organizer.
pub(super) fn tabs(visitor: &Visitor, organizer: &str, here: Tab) -> Markup {
    html! {
        nav.actions aria-label=(organizer) {
            @for tab in Tab::ALL {
                a.button href=(address(organizer, tab)) aria-current=[(tab == here).then_some("page")] { (tab.name(visitor)) }
            }
            a.button.quiet href=(parts::address(RECORDS, &[("organizer", organizer)])) {
                (visitor.say("Mobile tickets", "Tickets móviles"))
            }
        }
    }
}

/// How a function stands, as a badge.
pub(super) fn stands(visitor: &Visitor, function: &FunctionView) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if function.unusable.is_some() {
        return parts::badge("bad", say("cannot run", "no puede ejecutarse"));
    }
    if !function.active {
        return parts::badge("off", say("switched off", "desactivada"));
    }
    if function.lease.is_some() {
        return parts::badge("busy", say("running", "en ejecución"));
    }
    match function.last_run.as_ref() {
        None => parts::badge("new", say("never ran", "nunca ejecutada")),
        Some(run) => result(visitor, run.result),
    }
}

/// How a run ended, as a badge.
pub(super) fn result(visitor: &Visitor, result: Option<RunResult>) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    match result {
        None => parts::badge("busy", say("not ended", "sin terminar")),
        Some(RunResult::Ok) => parts::badge("good", "OK"),
        Some(RunResult::Warning) => parts::badge("warn", say("warning", "advertencia")),
        Some(RunResult::Error) => parts::badge("bad", say("error", "error")),
        Some(RunResult::Refused) => parts::badge("off", say("refused", "rechazada")),
    }
}

/// What started a run.
pub(super) fn trigger(visitor: &Visitor, trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Schedule => visitor.say("clock", "reloj"),
        Trigger::Manual => visitor.say("by hand", "a mano"),
        Trigger::Replay => visitor.say("file", "archivo"),
        Trigger::Preview => visitor.say("preview", "vista previa"),
    }
}

/// What ended a run before its time.
pub(super) fn error(visitor: &Visitor, error: RunError) -> &'static str {
    match error {
        RunError::DiffCall => visitor.say("the call for changes failed", "falló la consulta de cambios"),
        RunError::BoxOfficeSetUp => visitor.say("the box office refused the call", "la boletería rechazó la llamada"),
        RunError::StrictStop => visitor.say("stopped at a ticket that failed", "se detuvo en un ticket fallido"),
        RunError::UnreadableFile => visitor.say("the file is no page", "el archivo no es una página"),
        RunError::LeaseLost => visitor.say("another process took over", "otro proceso tomó el control"),
        RunError::Store => visitor.say("the store refused a write", "el almacén rechazó una escritura"),
    }
}

/// When the newest run began that read the stream and reached its end: what changed before it is known here.
pub(super) fn read_at(runs: &[RunView]) -> Option<&str> {
    let has_read = |run: &&RunView| {
        matches!(run.trigger, Trigger::Schedule | Trigger::Manual)
            && matches!(run.result, Some(RunResult::Ok | RunResult::Warning))
    };
    runs.iter().find(has_read).map(|run| run.began_at.as_str())
}

/// A key as it is, or that it is empty.
pub(super) fn key_text(visitor: &Visitor, key: &PaginationKey) -> Markup {
    html! {
        @if key.is_empty() { span.none { (visitor.say("start of the stream", "inicio del flujo")) } }
        @else { code { (key.as_str()) } }
    }
}

/// Runs with their main counters.
pub(super) fn run_table(visitor: &Visitor, organizer: &str, runs: &[RunView]) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if runs.is_empty() {
        return parts::nothing(say("No run yet.", "Aún no hay ejecuciones."));
    }
    let heads = [
        say("Run", "Ejecución"),
        say("Result", "Resultado"),
        say("Started by", "Iniciada por"),
        say("Began", "Comenzó"),
        say("Ended", "Terminó"),
        say("Received", "Recibidos"),
        say("Updated", "Actualizados"),
        say("Unchanged", "Sin cambios"),
        say("Stale", "Antiguos"),
        say("Skipped", "Omitidos"),
        say("Failed", "Fallidos"),
        say("Pending", "Pendientes"),
        say("What happened", "Qué pasó"),
    ];
    let rows = html! { @for run in runs { (run_row(visitor, organizer, run)) } };
    parts::table(say("Runs", "Ejecuciones"), &heads, &rows)
}

fn run_row(visitor: &Visitor, organizer: &str, run: &RunView) -> Markup {
    let of = |pick: fn(&Counters) -> u64| run.counters.as_ref().map(pick).map(|count| count.to_string());
    let counts: [fn(&Counters) -> u64; 7] =
        [|c| c.received, |c| c.updated, |c| c.unchanged, |c| c.stale, |c| c.skipped, |c| c.failed, |c| c.pending];
    html! {
        tr {
            td.number { a href={ (address(organizer, Tab::Runs)) "/" (run.run.0) } { (run.run.0) } }
            td { (result(visitor, run.result)) }
            td { (trigger(visitor, run.trigger)) }
            td { (parts::instant(&run.began_at)) }
            td { (parts::instant_or_none(run.ended_at.as_deref())) }
            @for count in counts { td.number { (parts::or_none(of(count).as_deref())) } }
            td.long { (parts::or_none(run.text.as_deref())) }
        }
    }
}

/// The ways to other parts of a list that is at `offset`: `to` gives the address of a part.
pub(super) fn pager(visitor: &Visitor, offset: usize, next: Option<usize>, to: impl Fn(usize) -> String) -> Markup {
    html! {
        nav.pager aria-label=(visitor.say("Further rows", "Más filas")) {
            @if offset > 0 { a.button href=(to(0)) { (visitor.say("Newest", "Más recientes")) } }
            @if let Some(next) = next { a.button rel="next" href=(to(next)) { (visitor.say("Older", "Más antiguos")) } }
        }
    }
}

/// The address of a part of the list of a page.
pub(super) fn part(organizer: &str, tab: Tab, offset: usize) -> String {
    let text = if offset == 0 { String::new() } else { offset.to_string() };
    parts::address(&address(organizer, tab), &[("offset", &text)])
}
