//! A place with a function between a wallet and a box office, and everything that was said there.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Mutex;

use reqwest::Method;
use serde_json::{Value, json};
use ticketbridge_sandbox::Running;

use crate::bridge::{client, try_call};
use crate::place::{Ended, Place, Settings, sandbox};

/// The organizer of the function.
pub(super) const ORGANIZER: &str = "org-1";
/// The operations of the box office that change something.
pub(super) const WRITES: [&str; 5] =
    ["write_mobile", "create_contacts", "update_contacts", "write_distributions", "set_cultural_contacts"];

/// A sandbox, a place, and what was said.
pub(super) struct Stage {
    pub(super) sandbox: Running,
    pub(super) place: Place,
    said: Mutex<Vec<String>>,
}

impl Stage {
    /// A stage whose function has these settings besides the usual ones.
    pub(super) async fn with(function: &str) -> Self {
        Self::seeded(1, function).await
    }

    /// The same, with faults that come from this seed.
    pub(super) async fn seeded(seed: u64, function: &str) -> Self {
        let sandbox = sandbox(seed).await;
        let address = sandbox.address();
        let offload = format!(
            r#"[offload]
[platforms.tixngo]
type = "tixngo"
base_url = "http://{address}/tixngo/v3/organizer/tickets"
api_key = "env:SFYC_TOKEN"
bypass_proxy = true
[platforms.s360]
type = "s360"
base_url = "http://{address}/s360/api/v1"
token = "env:SFYC_TOKEN"
bypass_proxy = true
in_doubt_for = "500ms"
retry = {{ initial = "10ms", max = "50ms" }}
[[feedback]]
internal_name = "tickets of {ORGANIZER}"
organizer = "{ORGANIZER}"
source = "tixngo"
box_office = "s360"
{function}
"#
        );
        let place = Place::on(&sandbox, Settings { offload, ..Settings::default() });
        Self { sandbox, place, said: Mutex::new(Vec::new()) }
    }

    /// Runs a `feedback` command and keeps what it said.
    pub(super) async fn run(&self, arguments: &[&str]) -> Ended {
        let ended = self.place.run(&[&["feedback"], arguments].concat()).await;
        self.keep(&ended.stdout);
        self.keep(&ended.stderr);
        ended
    }

    /// Runs a command that must end with this code, and answers its JSON.
    #[track_caller]
    pub(super) fn json<'a>(&'a self, code: i32, arguments: &'a [&str]) -> impl Future<Output = Value> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let ended = self.run(&[arguments, &["--json"]].concat()).await;
            assert_eq!(ended.code, code, "{caller}: {arguments:?}: {ended:#?}");
            ended.json()
        }
    }

    pub(super) fn keep(&self, text: &str) {
        self.said.lock().expect("nobody panics with it").push(text.to_owned());
    }

    /// Nothing of this was ever said.
    pub(super) fn never_said(&self, words: &[&str]) {
        for text in self.said.lock().expect("nobody panics with it").iter() {
            let lower = text.to_lowercase();
            for word in words {
                assert!(!lower.contains(&word.to_lowercase()), "`{word}` is in {text}");
            }
        }
    }

    /// Calls the control of the sandbox.
    pub(super) async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let reply = try_call(&client(), self.sandbox.address(), method, &format!("/sandbox{path}"), body).await;
        let reply = reply.expect("the sandbox answers");
        assert!(reply.status < 300, "{path}: {}", reply.body);
        reply.body
    }

    /// Changes at the wallet.
    pub(super) async fn change(&self, items: Value) {
        self.control(Method::POST, "/tixngo/changes", Some(&json!({"items": items}))).await;
    }

    /// Tickets that the box office knows.
    pub(super) async fn know(&self, tickets: &[&str]) {
        let ticket = |id: &&str| {
            json!({"ticketId": id, "taxNumber": null, "organizationCode": "ORG-A", "fileId": null,
                "printStatus": "PRINTED", "culturalContactNumber": null, "mobile": null})
        };
        let tickets: Vec<Value> = tickets.iter().map(ticket).collect();
        self.control(Method::POST, "/s360/state", Some(&json!({"tickets": tickets}))).await;
    }

    /// Starts a run in a process of its own.
    pub(super) fn start(&self) -> Child {
        self.place.spawn(&["feedback", "run", ORGANIZER])
    }

    /// What the box office holds, in the worked sample's form.
    pub(super) async fn box_office(&self) -> Value {
        self.control(Method::GET, "/s360/state?form=sample", None).await
    }

    /// Requests that the wallet was sent.
    pub(super) fn asked(&self) -> u64 {
        self.sandbox.tixngo_stats().traffic.requests(&["diff"])
    }

    /// Write requests that the box office was sent.
    pub(super) fn written(&self) -> u64 {
        self.sandbox.s360_stats().traffic.requests(&WRITES)
    }
}

/// A change of a ticket.
pub(super) fn item(ticket: &str, status: &str, at: &str) -> Value {
    json!({"ticketId": ticket, "status": status, "updatedAt": at})
}

/// A file of the worked sample.
pub(super) fn sample(name: &str) -> Value {
    let text = std::fs::read_to_string(sample_path(name)).expect("the worked sample");
    serde_json::from_str(&text).expect("JSON")
}

/// Where a file of the worked sample is.
pub(super) fn sample_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/mobile/data").join(name)
}
