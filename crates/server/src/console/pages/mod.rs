//! The pages, one file each. A page reads its input, asks `engine::view`, and lays the answer out; it decides nothing.

mod aggregations;
mod audit;
mod backends;
mod errors;
mod feedback;
pub(super) mod login;
mod offloads;
mod overview;
mod stream;
mod ticket;
mod tickets;

use axum::Router;
use axum::routing::{get, post};

use crate::routes::Office;

/// Where each page stands, below `/console`.
pub(super) fn router() -> Router<Office> {
    Router::new()
        .route("/", get(overview::show))
        .route("/aggregations", get(aggregations::list))
        .route("/aggregations/{name}", get(aggregations::rows))
        .route("/aggregations/{name}/{group}", get(aggregations::group))
        .route("/audit", get(audit::list))
        .route("/backends", get(backends::list))
        .route("/backends/{name}", post(backends::change))
        .route("/errors", get(errors::list))
        .route("/errors/{group}", get(errors::show))
        .route("/errors/{group}/redrive", post(errors::redrive))
        .route("/offloads", get(offloads::list))
        .route("/offloads/{kind}/now", post(offloads::now))
        .route("/offloads/topology/{act}", post(offloads::settle))
        .nest("/feedback", feedback::router())
        .route("/stream", get(stream::list))
        .route("/stream/text", get(stream::save))
        .route("/stream/{id}", get(stream::show))
        .route("/tickets", get(tickets::list))
        .route("/tickets.csv", get(tickets::export))
        .route("/tickets/{id}", get(ticket::show))
        .route("/tickets/{id}/retry", post(ticket::retry))
        .route("/tickets/{id}/dismiss", post(ticket::dismiss))
}
