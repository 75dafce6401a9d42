//! The pages that the `type` of a problem refers to.

use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use ticketbridge_core::error_code;

use crate::extract::NoParams;
use crate::problem::Problem;

/// `GET /errors/{code}`: what happened, why, what to do; Markdown.
pub(super) async fn page(Path(code): Path<String>, _: NoParams) -> Result<impl IntoResponse, Problem> {
    let entry = error_code::find(&code).ok_or_else(|| Problem::not_found("there is no error code of that name"))?;
    Ok(([(CONTENT_TYPE, "text/markdown; charset=utf-8")], entry.page))
}
