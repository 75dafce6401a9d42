//! *Overview*: how things stand.

use axum::response::Response;
use maud::html;
use ticketbridge_core::ticket::State;

use crate::console::layout::{Page, Place};
use crate::console::parts;
use crate::console::visitor::Visitor;
use crate::problem::Problem;

/// `GET /console`.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let counts = visitor.desk.app.store.counts().await?;
    let of =
        |wanted: State| counts.iter().filter(|((_, state), _)| *state == wanted).map(|(_, count)| count).sum::<u64>();
    let body = html! {
        div #states.tiles data-live {
            @for state in State::ALL {
                (parts::tile(parts::state_name(state, visitor.language), &html! { (of(state)) }, None))
            }
        }
    };
    Ok(Page { place: Place::Overview, title: None, live: "tickets", body }.show(&visitor))
}
