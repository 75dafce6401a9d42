//! *Audit*: who changed what, for admins.

use axum::response::Response;
use maud::html;
use serde::Deserialize;
use ticketbridge_config::sections::Role;
use ticketbridge_engine::view;

use crate::console::layout::{Page, Place};
use crate::console::visitor::{Fields, Visitor};
use crate::console::{PAGE, parts};
use crate::problem::Problem;

/// Which page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    cursor: String,
}

/// `GET /console/audit`.
pub(super) async fn list(visitor: Visitor, Fields(asked): Fields<Asked>) -> Result<Response, Problem> {
    if !visitor.may(Role::Admin) {
        let detail = format!("the token `{}` may not read the audit", visitor.caller.name);
        return Err(Problem::forbidden(detail, "Use a token with the role admin."));
    }
    let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    let page = view::audit(&*visitor.desk.app.store, PAGE, cursor).await?;
    let say = |english, spanish| visitor.say(english, spanish);
    let heads = [
        say("When", "Cuándo"),
        say("Who", "Quién"),
        say("What", "Qué"),
        say("About", "Sobre"),
        say("Detail", "Detalle"),
    ];
    let body = html! {
        @if page.items.is_empty() {
            (parts::nothing(say("Nothing was changed yet.", "Todavía no se cambió nada.")))
        } @else {
            (parts::table(Place::Audit.name(visitor.language), &heads, &html! {
                @for line in &page.items {
                    tr {
                        td { (parts::instant(&line.at)) }
                        td { (line.who) }
                        td { code { (line.act) } }
                        td.long { (line.subject) }
                        td.long { code { (line.detail) } }
                    }
                }
            }))
        }
        nav.pager aria-label=(say("Further rows", "Más filas")) {
            @if !asked.cursor.is_empty() { a.button href=(Place::Audit.path()) { (say("First page", "Primera página")) } }
            @if let Some(next) = &page.next {
                a.button rel="next" href=(parts::address(Place::Audit.path(), &[("cursor", next)])) { (say("Older", "Más antiguos")) }
            }
        }
    };
    Ok(Page { place: Place::Audit, title: None, live: "", body }.show(&visitor))
}
