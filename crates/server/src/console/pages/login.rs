//! Login and logout of a browser.
//!
//! Guarantee: the token is sent once, in the body of the login; from then on the browser has a session's number, in a cookie
//! that no script reads and no other site sends along. Each login is in the audit before it counts; of those that failed
//! some (see `limits`), without what was typed.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_engine::view::token_hash;
use ticketbridge_store::AuditEntry;

use crate::access::Access;
use crate::console::language::Language;
use crate::console::visitor::{Fields, Nothing, Sealed, Visitor};
use crate::console::{layout, local};
use crate::extract::form_bytes;
use crate::problem::Problem;
use crate::routes::{Desk, Office};
use crate::session::LONGEST;

/// Who is named in the audit when a login failed.
const NOBODY: &str = "-";

/// Both ways.
pub(crate) fn router() -> Router<Office> {
    Router::new().route("/login", get(show).post(log_in)).route("/logout", post(log_out))
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    to: String,
}

/// Never shown: it has no `Debug`.
#[derive(Deserialize)]
struct Login {
    token: String,
    #[serde(default)]
    to: String,
}

/// `GET /login?to=PAGE`.
async fn show(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Fields(wanted): Fields<Wanted>,
) -> Result<Response, Problem> {
    if desk.access.is_open(&desk.app).await? {
        return Ok(Redirect::to(local(&wanted.to)).into_response());
    }
    Ok(page(StatusCode::OK, Language::of(&headers), &wanted.to, None))
}

/// `POST /login`, a form with `token` and `to`.
async fn log_in(State(desk): State<Desk>, request: Request) -> Result<Response, Problem> {
    let language = Language::of(request.headers());
    let form = form_bytes(request).await?;
    // What does not fit is not repeated: it may hold a token.
    let unreadable = |_| Problem::bad_request("the form of a login has the fields `token` and `to`");
    let Login { token, to } = serde_html_form::from_bytes(&form).map_err(unreadable)?;
    if desk.access.is_open(&desk.app).await? {
        return Ok(Redirect::to(local(&to)).into_response());
    }
    let hash = token_hash(token.trim().as_bytes());
    let Some(caller) = desk.access.by_hash(&desk.app, &hash).await? else {
        if desk.access.strangers.check().is_err() {
            return Err(Problem::too_many_requests());
        }
        note_failure(&desk).await;
        let why = language.pick(
            "This token is not valid: it was mistyped, revoked, or has expired.",
            "Este token no es válido: está mal escrito, fue revocado o ha caducado.",
        );
        return Ok(page(StatusCode::UNAUTHORIZED, language, &to, Some(why)));
    };
    let now = desk.app.clock.now();
    desk.app.store.record_audit(AuditEntry::new(now.wall, &caller.name, "login", "")).await?;
    let cookie = desk.access.sessions.begin(hash, now.mono);
    Ok((set_cookie(&desk.access, &cookie, LONGEST.as_secs())?, Redirect::to(local(&to))).into_response())
}

/// `POST /logout`: ends the session.
async fn log_out(State(desk): State<Desk>, visitor: Visitor, _: Sealed<Nothing>) -> Result<Response, Problem> {
    if let Some(session) = visitor.caller.session {
        desk.access.sessions.end(session);
    }
    Ok((set_cookie(&desk.access, "", 0)?, Redirect::to("/login")).into_response())
}

/// A line of the audit, if there were not too many of late. A failure that cannot be written down is refused all the same.
async fn note_failure(desk: &Desk) {
    if desk.access.noted_failures.check().is_err() {
        return;
    }
    let entry = AuditEntry::new(desk.app.clock.now().wall, NOBODY, "login.failed", "");
    if let Err(error) = desk.app.store.record_audit(entry).await {
        tracing::warn!(%error, "A failed login could not be written to the audit.");
    }
}

fn set_cookie(
    access: &Access,
    value: &str,
    seconds: u64,
) -> Result<[(axum::http::HeaderName, HeaderValue); 1], Problem> {
    let (name, more) = (access.cookie(), access.cookie_attribute());
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{more}");
    let value = HeaderValue::from_str(&text).map_err(|_| Problem::bad_request("the session cannot be kept"))?;
    Ok([(SET_COOKIE, value)])
}

fn page(status: StatusCode, language: Language, to: &str, why: Option<&str>) -> Response {
    let body: Markup = html! {
        form method="post" action="/login" {
            input type="hidden" name="to" value=(local(to));
            p {
                label for="token" { (language.pick("Your token", "Su token")) }
                input #token type="password" name="token" required autofocus autocomplete="current-password"
                    spellcheck="false" aria-describedby="where" aria-invalid=[why.map(|_| "true")];
            }
            @if let Some(why) = why { p.notice role="alert" { (why) } }
            p { button type="submit" { (language.pick("Log in", "Iniciar sesión")) } }
            p #where {
                (language.pick("A new one is made on the server:", "Uno nuevo se crea en el servidor:")) " "
                code { "ticketbridge token create NAME --role operator" }
            }
        }
    };
    (status, layout::bare(language, language.pick("Log in", "Iniciar sesión"), &body)).into_response()
}
