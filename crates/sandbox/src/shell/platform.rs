//! The calls of a platform: from an HTTP request to the model and back.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use axum::routing::any;
use http::header::{AUTHORIZATION, TRANSFER_ENCODING};

use super::desk::{Desk, Ending};
use super::line::{Cut, Grip};
use super::{House, MAX_BODY, body};
use crate::call::{Call, Reply, StandIn};

/// The base path of Cherwell.
pub(super) const CHERWELL_BASE: &str = "/CherwellAPI";

/// The base path of TIXNGO; the call goes to `/diff` below it.
pub(super) const TIXNGO_BASE: &str = "/tixngo/v3/organizer/tickets";
/// The base path of S-360.
pub(super) const S360_BASE: &str = "/s360/api/v1";
/// The header that carries an organizer's API key.
pub(super) const API_KEY: &str = "x-tixngo-key";

/// Serves a stand-in below a base path of one part, `/sfyc` for instance.
pub(super) fn routes<M: StandIn>(base_path: &str, desk: &Arc<Desk<M>>) -> Router {
    Router::new()
        .route(base_path, any(serve::<M>))
        .route(&format!("{base_path}/{{*path}}"), any(serve::<M>))
        .with_state(Arc::clone(desk))
}

/// Serves what no route fits: calls of Cherwell, whose base path has no case and may follow doubled slashes.
pub(super) async fn serve_cherwell(
    State(house): State<House>,
    connection: ConnectInfo<Grip>,
    request: Request,
) -> Response {
    let base = request.uri().path().split('/').find(|part| !part.is_empty()).unwrap_or_default();
    if base.eq_ignore_ascii_case(CHERWELL_BASE.trim_start_matches('/')) {
        return serve(State(house.cherwell), connection, request).await;
    }
    body::response(Reply { body: bytes::Bytes::new(), ..Reply::json(404, "") })
}

async fn serve<M: StandIn>(
    State(desk): State<Arc<Desk<M>>>,
    ConnectInfo(grip): ConnectInfo<Grip>,
    request: Request,
) -> Response {
    let is_reused = grip.mark_used();
    let (parts, request_body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let target = target.trim_start_matches('/');
    let below = target.find(['/', '?']).map_or("", |end| &target[end..]);
    let mut call = Call::new(parts.method, below);
    call.authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    call.api_key = parts.headers.get(API_KEY).and_then(|value| value.to_str().ok()).map(str::to_owned);
    call.reused_connection = is_reused;
    call.chunked = parts.headers.contains_key(TRANSFER_ENCODING);
    // A body that is declared too large is not waited for.
    if request_body.size_hint().lower() > MAX_BODY as u64 {
        return too_large();
    }
    call.body = match to_bytes(request_body, MAX_BODY).await {
        Ok(bytes) => bytes,
        Err(_) => return too_large(),
    };
    match desk.answer(call).await {
        Ending::Reply(reply) => body::response(reply),
        Ending::Cut(how) => hang_up(&grip, how),
    }
}

fn too_large() -> Response {
    let message = format!(r#"{{"error":{{"code":"TOO_LARGE","message":"a body has at most {MAX_BODY} bytes"}}}}"#);
    body::response(Reply::json(413, message))
}

/// The response is never written: the connection is cut before its first byte.
fn hang_up(grip: &Grip, how: Cut) -> Response {
    grip.cut(how);
    Response::new(Body::empty())
}
