//! The mobile-ticket job: functions, runs, the key, and what waits for an operator.
//!
//! A run that was started here goes on when the caller goes away; the service waits for it when it stops.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use ticketbridge_core::mobile::{MAX_PAGE_BYTES, Page};
use ticketbridge_engine::feedback::{FeedbackError, MAX_PREVIEW_PAGES, RunRequest, USUAL_PREVIEW_PAGES};
use ticketbridge_engine::view::mobile::{
    self, FailedView, FunctionView, KeyMoveView, KeyView, Listing, ReportView, RunView, SkipChange, SkipEntry,
};
use ticketbridge_store::{RunId, Trigger};
use utoipa::ToSchema;

use super::Desk;
use super::backends::Items;
use super::feedback_acts::Acting;
use crate::access::Caller;
use crate::described::{Only, WaitQuery, Whole, WindowQuery};
use crate::extract::{Answer, NoParams, json_bytes, small_json};
use crate::limits::WAIT;
use crate::problem::Problem;
use crate::query::Query;

/// What a segment of a path cannot hold as it is: all but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A run that goes on in the background.
#[derive(Serialize, ToSchema)]
struct Accepted {
    #[schema(value_type = i64)]
    run: RunId,
    organizer: String,
    /// Where its record is.
    location: String,
}

/// Body of a rewind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rewind {
    /// A move of the history; null: the empty key. It must be there.
    #[serde(deserialize_with = "Option::deserialize")]
    to: Option<Whole>,
    #[serde(default)]
    preview: bool,
    pages: Option<Whole>,
}

/// How a [`Rewind`] may look: `pages` is for a preview.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Rewind)]
#[expect(dead_code, reason = "it is only described")]
enum RewindForms {
    Done(RewindDone),
    Previewed(RewindPreviewed),
}

/// Sets the key back.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct RewindDone {
    /// A move of the history; null: the empty key.
    #[schema(inline, required = true)]
    to: Option<Whole>,
    #[schema(inline, required = false)]
    preview: Only<false>,
}

/// Says what setting the key back would do.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct RewindPreviewed {
    /// A move of the history; null: the empty key.
    #[schema(inline, required = true)]
    to: Option<Whole>,
    #[schema(inline)]
    preview: Only<true>,
    /// Pages to read at most; null or absent: 10.
    #[schema(minimum = 1, maximum = 1000)]
    pages: Option<u32>,
}

/// The move, or what it would do.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is only described")]
enum Rewound {
    Done(KeyMoveView),
    Previewed(Box<ReportView>),
}

/// Body of a change of the skip list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Entries {
    #[schema(inline, value_type = Vec<SkipText>)]
    entries: Vec<String>,
}

/// Body of a retry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Retry {
    #[serde(default, deserialize_with = "not_null")]
    items: Option<Vec<String>>,
    #[serde(default)]
    all: bool,
}

/// A member that may be missing, and is no `null` if it is there.
fn not_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    Vec::deserialize(deserializer).map(Some)
}

/// How a [`Retry`] may look: `items`, or `all`.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Retry)]
#[expect(dead_code, reason = "it is only described")]
enum RetryForms {
    Items(RetryItems),
    All(RetryAll),
}

/// Retries these.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct RetryItems {
    #[schema(inline)]
    items: Vec<FailedId>,
    #[schema(inline, required = false)]
    all: Only<false>,
}

/// Retries all.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct RetryAll {
    #[schema(inline)]
    all: Only<true>,
}

/// `PAGE:POSITION`, from the list of failed tickets.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = r"^[0-9]{1,18}:[0-9]{1,9}$")]
#[expect(dead_code, reason = "it is only described")]
struct FailedId(String);

/// A ticket number, or `id:` and a ticket id.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = r"^\s*(?:id:\s*[^,\s]|(?!id:)[^,\s])[^,]*$")]
#[expect(dead_code, reason = "it is only described")]
struct SkipText(String);

/// Body of a dismissal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ItemDismissal)]
struct Dismissal {
    #[schema(inline, value_type = Vec<FailedId>)]
    items: Vec<String>,
}

/// A page, as the diff call answers it; what is wrong with an item is said in the run.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only described")]
struct PageBody {
    result: Vec<Value>,
}

/// How many items were changed.
#[derive(Serialize, ToSchema)]
pub(super) struct Changed {
    changed: usize,
}

/// `GET /api/v1/feedback`: all functions.
#[utoipa::path(
    get,
    path = "/feedback",
    operation_id = "feedback_list",
    tag = "feedback",
    responses((status = 200, description = "All functions.", body = Items<FunctionView>))
)]
pub(super) async fn list(State(desk): State<Desk>, _: NoParams) -> Answer<Items<FunctionView>> {
    let items = mobile::functions(&desk.app.feedback, desk.app.clock.now().wall).await?;
    Ok(Json(Items { items }))
}

/// `GET /api/v1/feedback/{organizer}`: one.
#[utoipa::path(
    get,
    path = "/feedback/{organizer}",
    operation_id = "feedback_show",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
    ),
    responses((status = 200, description = "One function.", body = FunctionView))
)]
pub(super) async fn show(State(desk): State<Desk>, Path(organizer): Path<String>, _: NoParams) -> Answer<FunctionView> {
    Ok(Json(mobile::function(&desk.app.feedback, &organizer, desk.app.clock.now().wall).await?))
}

/// `GET …/runs`: the newest first.
#[utoipa::path(
    get,
    path = "/feedback/{organizer}/runs",
    operation_id = "feedback_runs",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
        WindowQuery,
    ),
    responses((status = 200, description = "The newest first.", body = Listing<RunView>))
)]
pub(super) async fn runs(
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Query(query): Query<WindowQuery>,
) -> Answer<Listing<RunView>> {
    Ok(Json(mobile::runs(&desk.app.feedback, &organizer, query.window()).await?))
}

/// `POST …/run[?wait=true]`.
#[utoipa::path(
    post,
    path = "/feedback/{organizer}/run",
    operation_id = "feedback_run",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
        WaitQuery,
    ),
    responses((status = 200, description = "The run has ended.", body = ReportView), (status = 202, description = "It goes on.", body = Accepted))
)]
pub(super) async fn run(
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    Query(WaitQuery { wait }): Query<WaitQuery>,
) -> Result<Response, Problem> {
    start(Acting::new(&desk, &caller, &organizer), RunRequest::by(Trigger::Manual), wait).await
}

/// `POST …/replay[?wait=true]`: the body is a page.
#[utoipa::path(
    post,
    path = "/feedback/{organizer}/replay",
    operation_id = "feedback_replay",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
        WaitQuery,
    ),
    request_body(content = inline(PageBody), content_type = "application/json"),
    responses((status = 200, description = "The run has ended.", body = ReportView), (status = 202, description = "It goes on.", body = Accepted))
)]
pub(super) async fn replay(
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    Query(WaitQuery { wait }): Query<WaitQuery>,
    request: Request,
) -> Result<Response, Problem> {
    desk.app.feedback.function(&organizer)?;
    let body = {
        let _slot = desk.uploads.acquire().await;
        let limit = usize::try_from(desk.app.config.server.max_body_size.bytes()).unwrap_or(usize::MAX);
        json_bytes(request, limit.min(MAX_PAGE_BYTES)).await?
    };
    let body = checked_page(body).await?;
    let request = RunRequest { file: Some(body), ..RunRequest::by(Trigger::Replay) };
    start(Acting::new(&desk, &caller, &organizer), request, wait).await
}

/// A page that can be read; reading a large one takes too long for a thread that serves others.
async fn checked_page(body: Bytes) -> Result<Bytes, Problem> {
    let reading = tokio::task::spawn_blocking(move || match Page::read(&body) {
        Ok(_) => Ok(body),
        Err(error) => Err(Problem::bad_request(format!("the body: {error}. Nothing was stored"))),
    });
    reading.await.unwrap_or_else(|_| Err(Problem::bad_request("the body cannot be read as a page")))
}

async fn start(acting: Acting<'_>, request: RunRequest, wait: bool) -> Result<Response, Problem> {
    let organizer = acting.organizer;
    let (run, ended) = acting.run(request).await?;
    if wait && let Ok(ended) = tokio::time::timeout(WAIT, ended).await {
        let report = ended.map_err(|_| Problem::run_lost())??;
        return Ok(Json(ReportView::from(report)).into_response());
    }
    let location = format!("/api/v1/feedback/{}/runs/{}", encoded(organizer), run.0);
    let accepted = Accepted { run, organizer: organizer.to_owned(), location: location.clone() };
    Ok((StatusCode::ACCEPTED, [("location", location)], Json(accepted)).into_response())
}

/// `GET …/runs/{run}`: one.
#[utoipa::path(
    get,
    path = "/feedback/{organizer}/runs/{run}",
    operation_id = "feedback_show_run",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
        ("run" = String, Path, description = "Number of the run."),
    ),
    responses((status = 200, description = "One run.", body = RunView))
)]
pub(super) async fn show_run(
    State(desk): State<Desk>,
    Path((organizer, run)): Path<(String, String)>,
    _: NoParams,
) -> Answer<RunView> {
    Ok(Json(one_run(&desk, &organizer, &run).await?))
}

/// The run of this number.
pub(crate) async fn one_run(desk: &Desk, organizer: &str, run: &str) -> Result<RunView, Problem> {
    desk.app.feedback.function(organizer)?;
    let missing = || Problem::not_found(format!("organizer `{organizer}` has no such run"));
    let run = run.parse().map(RunId).map_err(|_| missing())?;
    let found = mobile::run(&desk.app.feedback, organizer, run).await?;
    found.ok_or_else(missing)
}

/// A path's segment.
pub(crate) fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

/// `GET …/key`.
#[utoipa::path(
    get,
    path = "/feedback/{organizer}/key",
    operation_id = "feedback_key",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
    ),
    responses((status = 200, description = "The pagination key.", body = KeyView))
)]
pub(super) async fn key(State(desk): State<Desk>, Path(organizer): Path<String>, _: NoParams) -> Answer<KeyView> {
    Ok(Json(mobile::key(&desk.app.feedback, &organizer).await?))
}

/// `GET …/key/history`: the newest first.
#[utoipa::path(
    get,
    path = "/feedback/{organizer}/key/history",
    operation_id = "feedback_key_history",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
        WindowQuery,
    ),
    responses((status = 200, description = "Its moves, the newest first.", body = Listing<KeyMoveView>))
)]
pub(super) async fn key_history(
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Query(query): Query<WindowQuery>,
) -> Answer<Listing<KeyMoveView>> {
    Ok(Json(mobile::key_history(&desk.app.feedback, &organizer, query.window()).await?))
}

/// `POST …/key/rewind {"to", "preview"?, "pages"?}`.
#[utoipa::path(
    post,
    path = "/feedback/{organizer}/key/rewind",
    operation_id = "feedback_rewind",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
    ),
    request_body(content = RewindForms, content_type = "application/json"),
    responses((status = 200, description = "The move, or what it would do.", body = Rewound))
)]
pub(super) async fn rewind(
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Result<Response, Problem> {
    let Rewind { to, preview, pages } = small_json(request).await?;
    let to = to.map(|Whole(to)| to);
    let acting = Acting::new(&desk, &caller, &organizer);
    if !preview {
        if pages.is_some() {
            return Err(Problem::bad_request("`pages` is for a preview; nothing was changed"));
        }
        return Ok(Json(acting.rewind(to).await?).into_response());
    }
    let pages = pages.map_or(Ok(USUAL_PREVIEW_PAGES), |Whole(pages)| u32::try_from(pages));
    let Some(pages) = pages.ok().filter(|pages| (1..=MAX_PREVIEW_PAGES).contains(pages)) else {
        return Err(Problem::bad_request(format!("`pages` must be 1 to {MAX_PREVIEW_PAGES}")));
    };
    Ok(Json(acting.preview_rewind(to, pages).await?).into_response())
}

/// `GET …/skip`: the list in force.
#[utoipa::path(
    get,
    path = "/feedback/{organizer}/skip",
    operation_id = "feedback_skip",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
    ),
    responses((status = 200, description = "The list in force.", body = Items<SkipEntry>))
)]
pub(super) async fn skip(
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    _: NoParams,
) -> Answer<Items<SkipEntry>> {
    Ok(Json(Items { items: mobile::skip_list(&desk.app.feedback, &organizer).await? }))
}

/// `POST …/skip {"entries"}`: adds.
#[utoipa::path(
    post,
    path = "/feedback/{organizer}/skip",
    operation_id = "feedback_add_skip",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
    ),
    request_body(content = Entries, content_type = "application/json"),
    responses((status = 200, description = "What was added.", body = SkipChange))
)]
pub(super) async fn add_skip(
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Answer<SkipChange> {
    let Entries { entries } = small_json(request).await?;
    Ok(Json(Acting::new(&desk, &caller, &organizer).change_skip_list(&entries, &[]).await?))
}

/// `DELETE …/skip {"entries"}`: removes.
#[utoipa::path(
    delete,
    path = "/feedback/{organizer}/skip",
    operation_id = "feedback_remove_skip",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
    ),
    request_body(content = Entries, content_type = "application/json"),
    responses((status = 200, description = "What was removed.", body = SkipChange))
)]
pub(super) async fn remove_skip(
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Answer<SkipChange> {
    let Entries { entries } = small_json(request).await?;
    Ok(Json(Acting::new(&desk, &caller, &organizer).change_skip_list(&[], &entries).await?))
}

/// `GET …/failed`: the newest first.
#[utoipa::path(
    get,
    path = "/feedback/{organizer}/failed",
    operation_id = "feedback_failed",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
        WindowQuery,
    ),
    responses((status = 200, description = "The newest first.", body = Listing<FailedView>))
)]
pub(super) async fn failed(
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Query(query): Query<WindowQuery>,
) -> Answer<Listing<FailedView>> {
    Ok(Json(mobile::failed(&desk.app.feedback, &organizer, query.window()).await?))
}

/// `POST …/failed/retry {"items"}` or `{"all": true}`.
#[utoipa::path(
    post,
    path = "/feedback/{organizer}/failed/retry",
    operation_id = "feedback_retry",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
    ),
    request_body(content = RetryForms, content_type = "application/json"),
    responses((status = 200, description = "How many.", body = Changed))
)]
pub(super) async fn retry(
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Answer<Changed> {
    let Retry { items, all } = small_json(request).await?;
    let items = match (items, all) {
        (Some(items), false) => Some(mobile::item_ids(&items)?),
        (None, true) => None,
        _ => return Err(Problem::bad_request("give `items`, or `all` with true, and not both; nothing was changed")),
    };
    let changed = Acting::new(&desk, &caller, &organizer).retry(items.as_deref()).await?;
    Ok(Json(Changed { changed }))
}

/// `POST …/failed/dismiss {"items"}`.
#[utoipa::path(
    post,
    path = "/feedback/{organizer}/failed/dismiss",
    operation_id = "feedback_dismiss",
    tag = "feedback",
    params(
        ("organizer" = String, Path, description = "The organizer."),
    ),
    request_body(content = Dismissal, content_type = "application/json"),
    responses((status = 200, description = "How many.", body = Changed))
)]
pub(super) async fn dismiss(
    State(desk): State<Desk>,
    Path(organizer): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Answer<Changed> {
    let Dismissal { items } = small_json(request).await?;
    let changed = Acting::new(&desk, &caller, &organizer).dismiss(&mobile::item_ids(&items)?).await?;
    Ok(Json(Changed { changed }))
}

impl From<FeedbackError> for Problem {
    fn from(error: FeedbackError) -> Self {
        let text = error.to_string();
        match error {
            FeedbackError::Store(error) => error.into(),
            FeedbackError::UnknownOrganizer { .. } => {
                Self::new(StatusCode::NOT_FOUND, text, "List the functions with `GET /api/v1/feedback`.")
            }
            FeedbackError::UnknownMove { .. } => {
                let what = "List the moves with `GET /api/v1/feedback/ORGANIZER/key/history`.";
                Self::new(StatusCode::NOT_FOUND, text, what)
            }
            FeedbackError::Unusable { .. } | FeedbackError::File { .. } => {
                let what = "Mend the configuration as `detail` says, and start the service anew.";
                Self::new(StatusCode::CONFLICT, text, what)
            }
            FeedbackError::Stopping => {
                Self::unavailable(text, "Send the request again when the service has started anew.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn an_organizer_is_one_segment_of_a_path() {
        assert_eq!(encoded("org-1_a.b~C").to_string(), "org-1_a.b~C");
        assert_eq!(encoded("a/b ?é%").to_string(), "a%2Fb%20%3F%C3%A9%25");
    }
}
