use std::time::Duration;

use serde_json::Value;
use ticketbridge_sandbox::sfyc::Stats;
use ticketbridge_sandbox::{Running, Sandbox, SandboxConfig};
use tokio::time::{sleep, timeout};

use super::{Answer, Client, Failure, items, ticket};

/// A running sandbox on a free port.
pub(crate) struct Site {
    pub(crate) sandbox: Running,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self { sandbox: Sandbox::start(SandboxConfig { seed: 7, ..SandboxConfig::default() }).await.expect("a start") }
    }

    /// A running sandbox with fault rules set over HTTP.
    pub(crate) async fn with_faults(faults: Value) -> Self {
        let site = Self::start().await;
        site.set_faults(faults).await;
        site
    }

    pub(crate) async fn set_faults(&self, faults: Value) {
        let answer = self.request("PUT", "/sandbox/faults", &faults.to_string()).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.json());
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.sandbox.address()).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn request(&self, method: &str, target: &str, body: &str) -> Result<Answer, Failure> {
        let mut client = self.client().await;
        client.send(method, target, body).await.expect("a request sent");
        client.answer().await
    }

    pub(crate) async fn get(&self, target: &str) -> Value {
        let answer = self.request("GET", target, "").await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()
    }

    /// Sends tickets with these names.
    pub(crate) async fn create(&self, names: &[&str]) -> Result<Answer, Failure> {
        let body = items(names.iter().map(|name| ticket(name)));
        self.request("POST", "/sfyc/tickets", &body.to_string()).await
    }

    pub(crate) fn stats(&self) -> Stats {
        self.sandbox.sfyc_stats()
    }

    pub(crate) fn fired(&self, knob: &str) -> u64 {
        self.stats().faults.get(knob).copied().unwrap_or(0)
    }

    /// Waits until the counters are as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Stats) -> bool) {
        let reached = async {
            while !wanted(&self.stats()) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        assert!(timeout(Duration::from_secs(30), reached).await.is_ok(), "{what} never came");
    }

    /// Waits until an answer is as wanted.
    pub(crate) async fn until_answer(&self, target: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let reached = async {
            loop {
                let answer = self.get(target).await;
                if wanted(&answer) {
                    return answer;
                }
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(30), reached).await.expect("the answer in time")
    }
}
