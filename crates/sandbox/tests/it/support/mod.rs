//! Helpers: a platform under a made-up time, a plain HTTP client, and a running sandbox.

mod client;
mod platform;
mod site;

pub(crate) use client::{Answer, Client, Failure};
pub(crate) use platform::{Platform, post};
pub(crate) use site::Site;

use serde_json::{Value, json};

/// A ticket as the connector sends it; its references are made from `name`.
pub(crate) fn ticket(name: &str) -> Value {
    json!({
        "externalRef": format!("SNR|{name}"),
        "originRef": format!("origin-{name}"),
        "kind": "SNR",
        "title": format!("Title {name}"),
        "description": format!("Description {name}"),
        "severity": "critical",
        "topology": {"hub": "HUB-1"},
        "kpi": {"snr": 21.5},
        "impact": {"customers": 12},
    })
}

/// The body of a write.
pub(crate) fn items(items: impl IntoIterator<Item = Value>) -> Value {
    json!({"items": items.into_iter().collect::<Vec<_>>()})
}

/// One member of each row of a list, in the order of the answer.
pub(crate) fn column(answer: &Value, list: &str, member: &str) -> Vec<Value> {
    answer[list].as_array().expect("a list").iter().map(|row| row[member].clone()).collect()
}
