//! The `Date` header of a platform whose clock is wrong. Nothing else of the platform is off by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::response::Response;
use http::HeaderValue;
use http::header::DATE;

use crate::clock::Clock;
use crate::text::http_date;

/// How far the header is off, for all platforms of the house.
#[derive(Debug, Clone)]
pub(super) struct DateShift {
    seconds: Arc<AtomicI64>,
    clock: Clock,
}

impl DateShift {
    /// Right, to begin with.
    pub(super) fn new(clock: Clock) -> Self {
        Self { seconds: Arc::default(), clock }
    }

    /// So many seconds ahead, or behind.
    pub(super) fn set(&self, seconds: i64) {
        self.seconds.store(seconds, Ordering::Relaxed);
    }

    /// Writes the header where it is to be wrong; otherwise the server does.
    pub(super) fn stamp(&self, mut response: Response) -> Response {
        let seconds = self.seconds.load(Ordering::Relaxed);
        if seconds == 0 {
            return response;
        }
        let date = http_date(self.clock.now().saturating_add(seconds.saturating_mul(1_000)));
        if let Ok(date) = HeaderValue::from_str(&date) {
            response.headers_mut().insert(DATE, date);
        }
        response
    }
}
