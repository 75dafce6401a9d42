//! Answers on the wire, bodies that break off in the middle included.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body::Frame;

use crate::call::Reply;

/// Makes the HTTP response of an answer.
pub(super) fn response(reply: Reply) -> Response {
    let whole = reply.body.len();
    let body = match reply.closed_after {
        None => Body::from(reply.body),
        Some(sent) => Body::new(BrokenBody { sent: Some(reply.body.slice(..sent.min(whole))), is_flushed: false }),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Sends its part, then fails, upon which the server closes the connection.
struct BrokenBody {
    sent: Option<Bytes>,
    is_flushed: bool,
}

impl http_body::Body for BrokenBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(part) = self.sent.take() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        // The server writes out what it has when a body makes it wait, but not when it fails at once.
        if !self.is_flushed {
            self.is_flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }
}
