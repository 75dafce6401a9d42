//! The seam between a run and the outside: requests and clocks. The service puts HTTP and the clocks of the machine behind
//! it, the simulator its own world.

use std::time::Duration;

use async_trait::async_trait;
use ticketbridge_core::time::Now;
use ticketbridge_platforms::http::{HttpClient, LastCheck, SendOptions};
use ticketbridge_platforms::{HttpCall, Transport};

use crate::clock::Clock;

/// Sends requests of one platform.
#[async_trait]
pub trait Wire: Send + Sync {
    /// Sends one request, at most once, and says what became of it within `timeout`. `check` is asked right before the
    /// write; if it says no, nothing is sent.
    async fn send(&self, call: &HttpCall, timeout: Duration, check: LastCheck) -> Transport;
}

#[async_trait]
impl Wire for HttpClient {
    async fn send(&self, call: &HttpCall, timeout: Duration, check: LastCheck) -> Transport {
        HttpClient::send(self, call, SendOptions::within(timeout).checked(check)).await.transport
    }
}

/// Reads both clocks. Sleeping is tokio's matter.
pub trait Time: Send + Sync {
    /// Now.
    fn now(&self) -> Now;
}

impl Time for Clock {
    fn now(&self) -> Now {
        Clock::now(self)
    }
}
