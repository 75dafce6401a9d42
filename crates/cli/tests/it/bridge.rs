//! A running `serve`: its process, its log, its API.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::place::{LOOK_EVERY, PATIENCE, Place, until};

/// A `serve` that answers. Dropped, it is killed.
pub(crate) struct Bridge {
    child: Child,
    log: Log,
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// What a process said on stderr so far.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<String>>);

impl Log {
    fn of(child: &mut Child) -> Self {
        let log = Self::default();
        let (sink, stderr) = (log.clone(), child.stderr.take().expect("stderr is piped"));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let Ok(line) = line else { return };
                let mut log = sink.0.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        log
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Bridge {
    /// Starts `serve` and waits until it answers.
    pub(crate) async fn start(place: &Place) -> Self {
        Self::start_command(place.command(&["serve"])).await
    }

    /// Starts a command that ends in a `serve`.
    pub(crate) async fn start_command(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let log = Log::of(&mut child);
        let said = |text: &str| {
            let (_, rest) = text.split_once("serves on http://")?;
            rest.split_once(';')?.0.parse().ok()
        };
        let address = until("the service answers", async || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("the service ended with {status}: {}", log.text());
            }
            said(&log.text())
        })
        .await;
        Self { child, log, address, client: client() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until the log holds a text.
    pub(crate) async fn logs(&self, text: &str) {
        let wait = async {
            while !self.log().contains(text) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "`{text}` is never said: {}", self.log());
    }

    /// Ends the process at once, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Asks the process to end (SIGTERM) and waits for it.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        until("the service ends", async || self.child.try_wait().expect("it is ours")).await
    }

    /// Waits until the process ends by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        until("the service ends", async || self.child.try_wait().expect("it is ours")).await
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: &str) {
        crate::place::signal(self.id(), signal);
    }

    /// Stops the process where it is (SIGSTOP) and waits until it stands still.
    #[cfg(target_os = "linux")]
    pub(crate) async fn stop_still(&self) {
        crate::place::stop_still(self.id()).await;
    }

    /// Calls the API.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        try_call(&self.client, self.address, method, path, body).await.unwrap_or_else(|why| {
            panic!("{path}: {why}; log: {}", self.log());
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let reply = self.call(Method::GET, path, None).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.body
    }

    /// Hands tickets over; all must be new.
    pub(crate) async fn send(&self, tickets: &[Value]) {
        let reply = self.call(Method::POST, "/api/v1/tickets", Some(&Value::from(tickets))).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let answers = reply.body.as_array().expect("an array");
        assert_eq!(answers.len(), tickets.len());
        assert!(answers.iter().all(|answer| answer["result"] == "accepted"), "{answers:?}");
    }

    /// All tickets, by message id.
    pub(crate) async fn tickets(&self) -> BTreeMap<String, Value> {
        let mut all = BTreeMap::new();
        let mut path = String::from("/api/v1/tickets?limit=1000");
        loop {
            let page = self.get(&path).await;
            for item in page["items"].as_array().expect("items") {
                all.insert(item["message_id"].as_str().expect("an id").to_owned(), item.clone());
            }
            match page["next"].as_str() {
                Some(next) => path = format!("/api/v1/tickets?limit=1000&cursor={next}"),
                None => return all,
            }
        }
    }

    /// How many tickets are in which state.
    pub(crate) async fn states(&self) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for ticket in self.tickets().await.values() {
            *states.entry(ticket["state"].as_str().expect("a state").to_owned()).or_default() += 1;
        }
        states
    }

    /// Waits until all tickets have reached an end, and answers them.
    pub(crate) async fn settled(&self, count: usize) -> BTreeMap<String, Value> {
        let ended = |ticket: &Value| matches!(ticket["state"].as_str(), Some("Completed" | "Error" | "Dismissed"));
        let mut last = BTreeMap::new();
        let wait = async {
            loop {
                last = self.tickets().await;
                if last.len() == count && last.values().all(ended) {
                    return;
                }
                tokio::time::sleep(LOOK_EVERY * 5).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let open: Vec<_> = last.values().filter(|ticket| !ended(ticket)).take(3).collect();
            panic!("{} tickets, not at an end: {open:#?}\n{}", last.len(), self.log());
        }
        last
    }

    /// Waits until all tickets are Completed, and answers them.
    pub(crate) async fn completed(&self, count: usize) -> BTreeMap<String, Value> {
        let all = self.settled(count).await;
        let other: Vec<_> = all.values().filter(|ticket| ticket["state"] != "Completed").collect();
        assert!(other.is_empty(), "not Completed: {other:#?}\n{}", self.log());
        all
    }

    /// Waits until `/readyz` says so, and answers the whole of it.
    pub(crate) async fn readiness(&self, status: &str) -> Value {
        until(&format!("readyz says {status}"), async || {
            let reply = self.call(Method::GET, "/readyz", None).await;
            (reply.body["status"] == status).then_some(reply.body)
        })
        .await
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // It may have ended already.
        if self.child.kill().is_ok() {
            let _reaped = self.child.wait();
        }
    }
}

/// A client that keeps nothing between calls: the other side comes and goes.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_mins(1))
        .build()
        .expect("a client")
}

/// One call of the API, which may break.
pub(crate) async fn try_call(
    client: &reqwest::Client,
    address: SocketAddr,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Reply, String> {
    let mut request = client.request(method, format!("http://{address}{path}"));
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let response = request.send().await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let text = response.text().await.map_err(|error| error.to_string())?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Reply { status, body })
}
