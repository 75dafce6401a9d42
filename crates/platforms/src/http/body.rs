//! A request body that can be sent once, and is asked for at the last possible moment.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::LastCheck;

/// How far a body came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nobody asked for it: the platform has at most a head that announces a body, which no server acts upon.
    Untouched,
    /// It was asked for, and the last check said no; the connection is torn down without it.
    Withheld,
    /// It was handed to the connection: some or all of it may have arrived.
    HandedOut,
}

/// Shared view on a body's progress, readable after the request is gone.
#[derive(Debug, Clone)]
pub(super) struct Watch(Arc<AtomicU8>);

impl Watch {
    /// How far the body came.
    pub(super) fn progress(&self) -> Progress {
        match self.0.load(Ordering::Acquire) {
            0 => Progress::Untouched,
            1 => Progress::Withheld,
            _ => Progress::HandedOut,
        }
    }
}

/// The body. The connection asks for it only once it is established, so the check runs right before the write; it has
/// its full length from the start, so the request carries `Content-Length` and is never chunked; and it can't be
/// cloned, so no layer in between is able to send it twice.
pub(super) struct OnceBody {
    data: Option<Bytes>,
    length: u64,
    check: Mutex<Option<LastCheck>>,
    progress: Arc<AtomicU8>,
}

impl OnceBody {
    /// A body that leaves only if `check` agrees.
    pub(super) fn new(data: Bytes, check: Option<LastCheck>) -> (Self, Watch) {
        let progress = Arc::new(AtomicU8::new(0));
        let length = data.len() as u64;
        let watch = Watch(Arc::clone(&progress));
        (Self { data: Some(data), length, check: Mutex::new(check), progress }, watch)
    }
}

/// The last check said no.
#[derive(Debug)]
pub(super) struct CheckFailed;

impl fmt::Display for CheckFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the last check before the write said no")
    }
}

impl std::error::Error for CheckFailed {}


impl Body for OnceBody {
    type Data = Bytes;
    type Error = CheckFailed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CheckFailed>>> {
        let Some(data) = self.data.take() else {
            return Poll::Ready(None);
        };
        let check = self.check.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if check.is_none_or(|check| check()) {
            self.progress.store(2, Ordering::Release);
            Poll::Ready(Some(Ok(Frame::data(data))))
        } else {
            self.progress.store(1, Ordering::Release);
            Poll::Ready(Some(Err(CheckFailed)))
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(if self.data.is_some() { self.length } else { 0 })
    }
}
