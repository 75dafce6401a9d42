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

const UNTOUCHED: u8 = 0;
const WITHHELD: u8 = 1;
const HANDED_OUT: u8 = 2;

/// Shared view on a body's progress, readable after the request is gone.
#[derive(Debug, Clone)]
pub(super) struct Watch(Arc<AtomicU8>);

impl Watch {
    /// How far the body came, for good: one that was not asked for by now is withheld from whoever asks later. So the
    /// answer can't be overtaken by a connection that is served on another thread.
    pub(super) fn settle(&self) -> Progress {
        match self.0.compare_exchange(UNTOUCHED, WITHHELD, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Progress::Untouched,
            Err(WITHHELD) => Progress::Withheld,
            Err(_) => Progress::HandedOut,
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
        let progress = Arc::new(AtomicU8::new(UNTOUCHED));
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
        f.write_str("the body was withheld")
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
        let wanted = if check.is_none_or(|check| check()) { HANDED_OUT } else { WITHHELD };
        let settled = self.progress.compare_exchange(UNTOUCHED, wanted, Ordering::AcqRel, Ordering::Acquire);
        match (settled, wanted) {
            (Ok(_), HANDED_OUT) => Poll::Ready(Some(Ok(Frame::data(data)))),
            _ => Poll::Ready(Some(Err(CheckFailed))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(if self.data.is_some() { self.length } else { 0 })
    }
}
