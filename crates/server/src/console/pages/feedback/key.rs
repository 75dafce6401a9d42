//! The pagination key of a function: its history, and setting it back, with what that would do before it is done.

use axum::extract::{Path, State};
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_config::sections::Role;
use ticketbridge_core::mobile::{MoveReason, RunResult};
use ticketbridge_engine::feedback::{Preview, USUAL_PREVIEW_PAGES};
use ticketbridge_engine::view::mobile::{self, KeyMoveView, KeyView, Listing, ReportView};

use super::Part;
use super::words::{self, Tab, address, key_text, pager, part, tabs};
use crate::console::layout::{Page, Place};
use crate::console::notice::Notice;
use crate::console::parts;
use crate::console::visitor::{Fields, Sealed, Visitor};
use crate::problem::Problem;
use crate::routes::Desk;
use crate::routes::feedback_acts::Acting;

/// Stands for the empty key in a form.
const START: &str = "start";

/// Where the key is to go: `to` is a move or [`START`]; else `back` says how many moves.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Target {
    to: String,
    back: String,
}

impl Target {
    /// The move that stored the wanted key; `None`: the empty key.
    fn of(&self, newest: Option<u64>) -> Result<Option<u64>, Problem> {
        let number = |text: &str| text.trim().parse::<u64>().ok().filter(|number| *number > 0);
        if self.to == START {
            return Ok(None);
        }
        if !self.to.is_empty() {
            return number(&self.to)
                .map(Some)
                .ok_or_else(|| Problem::bad_request("`to` is `start` or a move's number"));
        }
        let newest = newest.unwrap_or(0);
        let back = number(&self.back).filter(|back| *back <= newest).ok_or_else(|| {
            Problem::bad_request(format!("the key can go back 1 to {newest} moves; nothing was changed"))
        })?;
        // Before the first move the key was empty.
        Ok(Some(newest - back).filter(|target| *target > 0))
    }
}

/// `GET …/key`.
pub(super) async fn show(
    visitor: Visitor,
    Path(organizer): Path<String>,
    Fields(asked): Fields<Part>,
) -> Result<Response, Problem> {
    let feedback = &visitor.desk.app.feedback;
    let key = mobile::key(feedback, &organizer).await?;
    let moves = mobile::key_history(feedback, &organizer, asked.window()).await?;
    let body = html! {
        (tabs(&visitor, &organizer, Tab::Key))
        div #key data-live {
            dl.facts {
                dt { (visitor.say("Key", "Clave")) } dd { (key_text(&visitor, &key.key)) }
                dt { (visitor.say("Stored", "Guardada")) } dd { (parts::instant_or_none(key.last_move.as_ref().map(|it| it.at.as_str()))) }
            }
        }
        @if visitor.may(Role::Operator) { (choices(&visitor, &key)) }
        h2 { (visitor.say("History", "Historial")) }
        div #moves data-live {
            (history(&visitor, &organizer, &moves))
            (pager(&visitor, asked.offset, moves.next, |offset| part(&organizer, Tab::Key, offset)))
        }
    };
    let title = format!("{organizer}: {}", visitor.say("key", "clave"));
    Ok(Page { place: Place::Feedback, title: Some(&title), live: "feedback", body }.show(&visitor))
}

/// `POST …/key/preview`: what setting it back would do. Calls the platforms, and writes nothing there.
pub(super) async fn preview(
    visitor: Visitor,
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Sealed(target): Sealed<Target>,
) -> Result<Response, Problem> {
    let to = target.of(newest_move(&desk, &organizer).await?)?;
    let report = Acting::new(&desk, &visitor.caller, &organizer).preview_rewind(to, USUAL_PREVIEW_PAGES).await?;
    let body = html! {
        (tabs(&visitor, &organizer, Tab::Key))
        (outlook(&visitor, &report))
        (confirmation(&visitor, &organizer, to))
    };
    let title = format!("{organizer}: {}", visitor.say("what a rewind would do", "qué haría el retroceso"));
    Ok(Page { place: Place::Feedback, title: Some(&title), live: "", body }.show(&visitor))
}

/// `POST …/key/rewind`.
pub(super) async fn rewind(
    visitor: Visitor,
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Sealed(target): Sealed<Target>,
) -> Result<Redirect, Problem> {
    let to = target.of(newest_move(&desk, &organizer).await?)?;
    Acting::new(&desk, &visitor.caller, &organizer).rewind(to).await?;
    Ok(Redirect::to(&Notice::KeyRewound.at(&address(&organizer, Tab::Key))))
}

async fn newest_move(desk: &Desk, organizer: &str) -> Result<Option<u64>, Problem> {
    Ok(mobile::key(&desk.app.feedback, organizer).await?.last_move.map(|step| step.n))
}

/// The forms that ask for a preview: to the start, and some moves back.
fn choices(visitor: &Visitor, key: &KeyView) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let Some(newest) = key.last_move.as_ref().map(|step| step.n) else {
        return parts::nothing(say(
            "The key never moved: there is no way back.",
            "La clave nunca se movió: no hay a dónde volver.",
        ));
    };
    let to = format!("{}/preview", address(&key.organizer, Tab::Key));
    html! {
        h2 { (say("Set it back", "Retroceder")) }
        p.hint {
            (say(
                "What came after the chosen key is read again. First you see what that would change; nothing is written yet.",
                "Lo que vino después de la clave elegida se lee de nuevo. Primero se ve qué cambiaría; todavía no se escribe nada.",
            ))
        }
        div.actions {
            form.act method="post" action=(to) {
                (parts::seal(visitor))
                input type="hidden" name="to" value=(START);
                button type="submit" { (say("Preview from the start", "Vista previa desde el inicio")) }
            }
            form.act method="post" action=(to) {
                (parts::seal(visitor))
                input type="number" name="back" value="1" min="1" max=(newest) required
                    aria-label=(say("Moves back", "Movimientos atrás"));
                button type="submit" { (say("Preview so many moves back", "Vista previa tantos movimientos atrás")) }
            }
        }
    }
}

fn history(visitor: &Visitor, organizer: &str, moves: &Listing<KeyMoveView>) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if moves.items.is_empty() {
        return parts::nothing(say("The key has not moved yet.", "La clave aún no se movió."));
    }
    let heads = [
        say("Move", "Movimiento"),
        say("When", "Cuándo"),
        say("Why", "Por qué"),
        say("Key before", "Clave antes"),
        say("Key after", "Clave después"),
        say("Run", "Ejecución"),
        "",
    ];
    let rows = html! { @for step in &moves.items { (history_row(visitor, organizer, step)) } };
    parts::table(say("Moves of the key", "Movimientos de la clave"), &heads, &rows)
}

fn history_row(visitor: &Visitor, organizer: &str, step: &KeyMoveView) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    html! {
        tr {
            td.number { (step.n) }
            td { (parts::instant(&step.at)) }
            td {
                @match step.reason {
                    MoveReason::Page => (say("page stored", "página guardada")),
                    MoveReason::Rewind => (say("set back", "retroceso")),
                }
                @if let Some(who) = &step.who { " (" (who) ")" }
            }
            td.long { (key_text(visitor, &step.old)) }
            td.long { (key_text(visitor, &step.new)) }
            td.number {
                @match step.run_id {
                    Some(run) => a href={ (address(organizer, Tab::Runs)) "/" (run) } { (run) },
                    None => span.none { "–" },
                }
            }
            td {
                @if visitor.may(Role::Operator) {
                    form.act method="post" action={ (address(organizer, Tab::Key)) "/preview" } {
                        (parts::seal(visitor))
                        input type="hidden" name="to" value=(step.n);
                        button.quiet type="submit" title=(say("Key after this move", "Clave después de este movimiento")) {
                            (say("Back to here", "Volver aquí"))
                        }
                    }
                }
            }
        }
    }
}

/// What a preview found, or why it found nothing.
fn outlook(visitor: &Visitor, report: &ReportView) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let Some(preview) = report.preview.as_ref().filter(|_| report.result != RunResult::Error) else {
        return html! {
            p { (parts::badge("bad", say("The preview failed", "La vista previa falló"))) }
            @if let Some(error) = report.error { p { (words::error(visitor, error)) } }
            @if let Some(text) = &report.text { p lang="en" { (text) } }
        };
    };
    html! {
        p {
            @if preview.complete { (say("All that would be read again:", "Todo lo que se leería de nuevo:")) }
            @else { (say("The first pages of what would be read again; there is more behind:", "Las primeras páginas de lo que se leería de nuevo; hay más detrás:")) }
        }
        dl.facts { dt { (say("From the key", "Desde la clave")) } dd { (key_text(visitor, &preview.from)) } }
        (numbers(visitor, preview))
        (changes(visitor, preview))
    }
}

fn numbers(visitor: &Visitor, preview: &Preview) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let tiles = [
        (say("Pages", "Páginas"), preview.pages),
        (say("Tickets", "Tickets"), preview.items),
        (say("Would be written", "Se escribirían"), preview.updated),
        (say("Unchanged", "Sin cambios"), preview.unchanged),
        (say("Stale", "Antiguos"), preview.stale),
        (say("Skipped", "Omitidos"), preview.skipped),
        (say("Would fail", "Fallarían"), preview.failed.values().sum()),
    ];
    html! {
        div.tiles { @for (name, count) in tiles { (parts::tile(name, &html! { (count) }, None)) } }
        @if !preview.failed.is_empty() {
            h2 { (say("Would fail", "Fallarían")) }
            ul { @for (code, count) in &preview.failed { li { (code) ": " (count) } } }
        }
        @if !preview.writes.is_empty() {
            h2 { (say("Writes", "Escrituras")) }
            ul { @for (kind, count) in &preview.writes { li { (kind) ": " (count) } } }
        }
    }
}

fn changes(visitor: &Visitor, preview: &Preview) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if preview.changes.is_empty() {
        return parts::nothing(say("Nothing would be written.", "No se escribiría nada."));
    }
    let rows = html! {
        @for change in &preview.changes { tr { td { (change.ticket_id) } td.long { (change.writes.join(", ")) } } }
    };
    html! {
        h2 { (say("First tickets that would be written", "Primeros tickets que se escribirían")) }
        (parts::table(say("Tickets", "Tickets"), &[say("Ticket", "Ticket"), say("Writes", "Escrituras")], &rows))
    }
}

/// The form that sets the key back to what was previewed.
fn confirmation(visitor: &Visitor, organizer: &str, to: Option<u64>) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let target = to.map_or_else(|| START.to_owned(), |number| number.to_string());
    html! {
        p.hint {
            (say(
                "Setting the key back writes nothing to the platforms; the next run reads from there.",
                "Retroceder la clave no escribe nada en las plataformas; la próxima ejecución lee desde ahí.",
            ))
        }
        div.actions {
            form.act method="post" action={ (address(organizer, Tab::Key)) "/rewind" } {
                (parts::seal(visitor))
                input type="hidden" name="to" value=(target);
                button.danger type="submit" { (say("Set the key back", "Retroceder la clave")) }
            }
            a.button href=(address(organizer, Tab::Key)) { (say("Cancel", "Cancelar")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    fn of(to: &str, back: &str, newest: Option<u64>) -> Result<Option<u64>, ()> {
        Target { to: to.to_owned(), back: back.to_owned() }.of(newest).map_err(drop)
    }

    #[test]
    fn a_target_is_the_start_a_move_or_some_moves_back() {
        assert_eq!(of("start", "", Some(4)), Ok(None));
        assert_eq!(of("3", "1", Some(4)), Ok(Some(3)));
        assert_eq!(of("", "1", Some(4)), Ok(Some(3)));
        assert_eq!(of("", "4", Some(4)), Ok(None), "before the first move the key was empty");
        for (to, back, newest) in [
            ("", "5", Some(4)),
            ("", "0", Some(4)),
            ("", "", Some(4)),
            ("", "1", None),
            ("x", "", Some(4)),
            ("0", "", Some(4)),
        ] {
            assert_eq!(of(to, back, newest), Err(()), "{to} {back}");
        }
    }
}
