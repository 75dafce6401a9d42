//! Style, script and icon, in the binary. Their address changes with their content, so that a browser may keep them for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use maud::{Markup, PreEscaped};
use sha2::{Digest, Sha256};
use ticketbridge_store::hexadecimal;

use crate::problem::Problem;

/// The style sheet.
pub(crate) const STYLE: &str = "console.css";
/// The script.
pub(crate) const SCRIPT: &str = "console.js";
/// The script of the *Stream Viewer*.
pub(crate) const STREAM_SCRIPT: &str = "stream.js";
/// The icon.
pub(crate) const ICON: &str = "icon.svg";

/// Name, media type, content.
const ALL: [(&str, &str, &str); 4] = [
    (STYLE, "text/css; charset=utf-8", include_str!("assets/console.css")),
    (SCRIPT, "text/javascript; charset=utf-8", include_str!("assets/console.js")),
    (STREAM_SCRIPT, "text/javascript; charset=utf-8", include_str!("assets/stream.js")),
    (ICON, "image/svg+xml", include_str!("assets/icon.svg")),
];

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (_, _, content) in ALL {
        hash.update(content);
    }
    hexadecimal(&hash.finalize()[..8])
});

/// Where a file is served.
pub(crate) fn path(name: &str) -> String {
    format!("/console/assets/{}/{name}", *VERSION)
}

/// The mark beside the name.
pub(crate) fn mark() -> Markup {
    PreEscaped(include_str!("assets/icon.svg").to_owned())
}

/// `GET /console/assets/{version}/{name}`: one of them. An old version is answered with the present one, and not kept.
pub(super) async fn serve(Path((version, name)): Path<(String, String)>) -> Result<Response, Problem> {
    let found = ALL.into_iter().find(|(known, _, _)| *known == name);
    let (_, media_type, content) = found.ok_or_else(|| Problem::not_found("there is nothing at this address"))?;
    let keep = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-store" };
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CACHE_CONTROL, HeaderValue::from_static(keep))];
    Ok((headers, content).into_response())
}
