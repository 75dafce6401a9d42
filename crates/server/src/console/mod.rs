//! The console: pages for people, rendered here, from the same `engine::view` as the API and the command line.
//!
//! Rooms: `visitor` (who looks, and the seal of forms) · `language` · `layout` (the shell) · `parts` and `chart` (what pages
//! are put together from) · `notice` (what was done) · `assets` (style, script, icon) · `pages` (one file per page).
//!
//! Guarantees: works without script but for what is live; loads nothing from elsewhere; nothing that a platform or a
//! sender wrote is ever read as HTML; no form is obeyed that did not come from a page of ours. A page costs what the
//! API's answer costs: lists come in pages of [`PAGE`] rows.

pub(crate) mod assets;
pub(crate) mod chart;
pub(crate) mod language;
pub(crate) mod layout;
mod notice;
mod pages;
pub(crate) mod parts;
pub(crate) mod visitor;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, SET_COOKIE};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::html;
use serde::Deserialize;

use self::language::Language;
use self::visitor::Sealed;
use crate::problem::Problem;
use crate::routes::Office;

/// Rows of a list's page.
pub(crate) const PAGE: usize = 50;

/// What a page may load, and from where: everything from here, nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// All pages.
pub(crate) fn router() -> Router<Office> {
    Router::new()
        .merge(pages::login::router())
        .route("/", get(|| async { Redirect::to("/console") }))
        .nest(
            "/console",
            Router::new()
                .merge(pages::router())
                .route("/language", post(choose_language))
                .route("/assets/{version}/{name}", get(assets::serve)),
        )
        .layer(from_fn(finish))
}

/// Gives every page its headers, and shows a problem as a page.
async fn finish(request: Request, next: Next) -> Response {
    let language = Language::of(request.headers());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem_page(&problem, language);
    }
    dressed(response)
}

/// What the browser may do with a page.
fn dressed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("x-frame-options"), HeaderValue::from_static("DENY"));
    response
}

/// A problem as a page for whoever sent these headers, with the headers of a page.
pub(crate) fn shown(problem: &Problem, headers: &HeaderMap) -> Response {
    dressed(problem_page(problem, Language::of(headers)))
}

/// A problem as a page. Its words are those of the API, in English.
pub(crate) fn problem_page(problem: &Problem, language: Language) -> Response {
    let title = match problem.status().as_u16() {
        404 => language.pick("Not found", "No encontrado"),
        403 => language.pick("Not allowed", "No permitido"),
        _ => language.pick("This did not work", "No fue posible"),
    };
    let body = html! {
        p lang="en" { (problem.detail()) }
        p lang="en" { (problem.what_to_do()) }
        p { a href="/console" { (language.pick("To the overview", "Al resumen")) } }
    };
    (problem.status(), layout::bare(language, title, &body)).into_response()
}

#[derive(Deserialize)]
struct Choice {
    language: String,
    #[serde(default)]
    to: String,
}

/// `POST /console/language`: keeps the choice for a year.
async fn choose_language(Sealed(choice): Sealed<Choice>) -> Result<Response, Problem> {
    let unknown = || Problem::bad_request("the console speaks `en` and `es`");
    let language = Language::from_tag(&choice.language).ok_or_else(unknown)?;
    let kept = format!("{}={}; Path=/; Max-Age=31536000; SameSite=Lax", language::COOKIE, language.tag());
    let cookie = HeaderValue::from_str(&kept).map_err(|_| unknown())?;
    Ok(([(SET_COOKIE, cookie)], Redirect::to(local(&choice.to))).into_response())
}

/// The path if it leads to a page of the console, else the first page: nobody is sent elsewhere from here.
pub(crate) fn local(path: &str) -> &str {
    let is_ours = path == "/console" || path.starts_with("/console/") || path.starts_with("/console?");
    if is_ours && !path.contains(['\\', '\r', '\n']) { path } else { "/console" }
}
