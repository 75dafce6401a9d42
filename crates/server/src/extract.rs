//! What comes in: bodies and query parameters, checked before anything is done with them.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Query, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tempfile::{NamedTempFile, TempPath};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::limits::{MAX_OFFLOAD_UPLOAD, MAX_SMALL_BODY};
use crate::problem::Problem;

/// The answer of most routes.
pub(crate) type Answer<T> = Result<Json<T>, Problem>;

/// Query parameters; each must be asked for, or [`Params::finish`] refuses it.
#[derive(Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    fn parse(uri: &Uri) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(pairs) = pairs.map_err(|error| Problem::bad_request(format!("the query string: {error}")))?;
        Ok(Self(pairs))
    }

    /// All values of one parameter; `a,b` is not split, since values may hold commas.
    pub(crate) fn all(&mut self, name: &str) -> Vec<String> {
        let (wanted, rest) = std::mem::take(&mut self.0).into_iter().partition(|(key, _)| key == name);
        self.0 = rest;
        let wanted: Vec<(String, String)> = wanted;
        wanted.into_iter().map(|(_, value)| value).collect()
    }

    /// The value of a parameter that may come once.
    pub(crate) fn one(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            count => Err(Problem::bad_request(format!("`{name}` stands there {count} times; it may come once"))),
        }
    }

    /// The value of a parameter that is a whole number.
    pub(crate) fn number(&mut self, name: &str) -> Result<Option<usize>, Problem> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let number = text.parse().map_err(|_| Problem::bad_request(format!("`{name}` must be a whole number")))?;
        Ok(Some(number))
    }

    /// No others may be left.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(64).collect();
                Err(Problem::bad_request(format!("this address does not know the parameter `{name}`")))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::parse(&parts.uri)
    }
}

/// A route that takes no query parameters.
pub(crate) struct NoParams;

impl<S: Sync> FromRequestParts<S> for NoParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Params::parse(&parts.uri)?.finish().map(|()| Self)
    }
}

/// A small JSON body of a known shape.
pub(crate) async fn small_json<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    object(&json_bytes(request, MAX_SMALL_BODY).await?)
}

/// What a body says; serde would read an object's members from a list, too.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::bad_request("the body is a list; it must be an object"));
    }
    serde_json::from_slice(bytes).map_err(|error| Problem::bad_request(format!("the body: {error}")))
}

/// The body of a form of a page, of at most [`MAX_SMALL_BODY`] bytes.
pub(crate) async fn form_bytes(request: Request) -> Result<Bytes, Problem> {
    let declared = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !declared.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
    {
        return Err(Problem::bad_request("the body is not that of a form"));
    }
    read(request.into_body(), MAX_SMALL_BODY, 0, false).await
}

/// As [`small_json`]; no body at all is the default, and so is `null`.
pub(crate) async fn optional_json<T: DeserializeOwned + Default>(request: Request) -> Result<T, Problem> {
    let bytes = json_bytes(request, MAX_SMALL_BODY).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    object::<Option<T>>(&bytes).map(Option::unwrap_or_default)
}

/// No body may be there; `why` says what the call does instead of reading one.
pub(crate) async fn no_body(request: Request, why: &str) -> Result<(), Problem> {
    let bytes = read(request.into_body(), MAX_SMALL_BODY, 0, false).await?;
    if bytes.is_empty() { Ok(()) } else { Err(Problem::bad_request(format!("the body must be empty: {why}"))) }
}

/// A CSV file of at most [`MAX_OFFLOAD_UPLOAD`] bytes, as a temporary file that is deleted when the path is dropped.
pub(crate) async fn csv_file(request: Request) -> Result<TempPath, Problem> {
    let (parts, body) = request.into_parts();
    if !is_csv(&parts.headers) {
        return Err(Problem::not_csv());
    }
    let too_large = || Problem::too_large(usize::try_from(MAX_OFFLOAD_UPLOAD).unwrap_or(usize::MAX));
    let declared = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > MAX_OFFLOAD_UPLOAD) {
        return Err(too_large());
    }
    let (file, path) = NamedTempFile::with_prefix("ticketbridge-upload-")?.into_parts();
    let mut file = File::from_std(file);
    let (mut stream, mut length) = (body.into_data_stream(), 0_u64);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
        length = length.saturating_add(chunk.len() as u64);
        if length > MAX_OFFLOAD_UPLOAD {
            return Err(too_large());
        }
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    if length == 0 {
        return Err(Problem::bad_request("the body is empty; send the CSV file in it"));
    }
    Ok(path)
}

fn is_csv(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(CONTENT_TYPE) else { return true };
    let Ok(text) = declared.to_str() else { return false };
    let essence = text.split(';').next().unwrap_or_default().trim();
    ["text/csv", "application/octet-stream"].iter().any(|known| essence.eq_ignore_ascii_case(known))
}

/// A body that is declared as JSON, or not declared at all, of at most `limit` bytes.
pub(crate) async fn json_bytes(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    if !is_json(&parts.headers) {
        return Err(Problem::unsupported_media_type());
    }
    let declared = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let too_large = declared.is_some_and(|length| length > limit);
    if too_large && parts.headers.contains_key(EXPECT) {
        // The caller asked before sending: it will not send.
        return Err(Problem::too_large(limit));
    }
    read(body, limit, declared.unwrap_or(0).min(limit), too_large).await
}

/// Reads the whole body. One that is too large is still read, into nothing, up to twice the limit: who is told in the
/// middle of sending sees a broken connection instead of the answer.
async fn read(body: Body, limit: usize, expected: usize, mut too_large: bool) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let mut whole = Vec::with_capacity(if too_large { 0 } else { expected.min(1 << 20) });
    let mut length = 0_usize;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
        length = length.saturating_add(chunk.len());
        if length > limit {
            too_large = true;
            whole = Vec::new();
        }
        if length > limit.saturating_mul(2) {
            break;
        }
        if !too_large {
            whole.extend_from_slice(&chunk);
        }
    }
    if too_large { Err(Problem::too_large(limit)) } else { Ok(whole.into()) }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(CONTENT_TYPE) else { return true };
    let Ok(text) = declared.to_str() else { return false };
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case("+json"))
}
