//! What changed between two configurations, and how far a running service can follow: the base of a reload.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::Config;
use crate::sections::Platform;
use crate::show::join;

/// Settings, or sections of them, that are read at the start only.
const AT_THE_START: [&str; 3] = ["server.listen", "server.shutdown_grace", "store"];
/// Settings of a platform that name the system there: with another one, numbers and look-ups of before mean nothing.
const OF_THE_SYSTEM: [&str; 6] = ["base_path", "base_url", "host", "port", "ticket.object", "type"];
/// Settings of a platform, or groups of them, that say neither which system it is nor how its records are found and
/// read: logins, limits, time-outs, waits.
const OF_THE_MANNER: [&str; 22] = [
    "api_key",
    "api_key_header",
    "auth",
    "auth_mode",
    "bypass_proxy",
    "client_id",
    "client_secret",
    "in_doubt_for",
    "max_in_flight",
    "on_unresolved",
    "page_mode",
    "page_size",
    "password",
    "retry",
    "scope",
    "settling_time",
    "site_name",
    "timeouts",
    "token",
    "token_url",
    "ticket.open_states",
    "username",
];

/// When a changed setting takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// With a reload.
    Reload,
    /// With the next start.
    Restart,
}

/// How much of a platform changes with its settings; the later, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlatformChange {
    /// Nothing.
    Nothing,
    /// How it is talked to: login, limits, time-outs, waits.
    Manner,
    /// How its records are written, found and read.
    Reading,
    /// Which system it is.
    System,
}

/// One setting that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Dotted key; entries of lists by name.
    pub key: String,
    /// The value before; `None`: there was none.
    pub old: Option<Value>,
    /// The value now; `None`: there is none any more.
    pub new: Option<Value>,
}

impl Config {
    /// The settings that are not the same in `newer`, in the order of their keys.
    pub fn diff(&self, newer: &Self) -> Vec<Change> {
        changes(leaves(self), leaves(newer))
    }
}

impl Config {
    /// This configuration with those settings of the one in force that only a restart changes.
    #[must_use]
    pub fn reloaded_over(mut self, in_force: &Self) -> Self {
        self.server.listen = in_force.server.listen;
        self.server.shutdown_grace = in_force.server.shutdown_grace;
        self.store = in_force.store.clone();
        self
    }
}

impl Change {
    /// When it takes effect.
    pub fn reach(&self) -> Reach {
        if AT_THE_START.iter().any(|group| is_in(&self.key, group)) { Reach::Restart } else { Reach::Reload }
    }
}

impl Platform {
    /// How much of the platform is another one in `newer`.
    pub fn change(&self, newer: &Self) -> PlatformChange {
        let leaves = |platform: &Self| {
            let mut leaves = BTreeMap::new();
            collect(serde_json::to_value(platform).unwrap_or_default(), String::new(), &mut leaves);
            leaves
        };
        let changes = changes(leaves(self), leaves(newer)).into_iter();
        changes.map(|change| platform_change(&change.key)).max().unwrap_or(PlatformChange::Nothing)
    }
}

/// What hangs on a setting of a platform; `key` begins below its name. A setting that is in no list is taken for one
/// that says how records are found.
fn platform_change(key: &str) -> PlatformChange {
    if OF_THE_SYSTEM.contains(&key) {
        PlatformChange::System
    } else if OF_THE_MANNER.iter().any(|group| is_in(key, group)) {
        PlatformChange::Manner
    } else {
        PlatformChange::Reading
    }
}

/// Whether a key is this one, or below it.
fn is_in(key: &str, group: &str) -> bool {
    key.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn changes(mut old: BTreeMap<String, Value>, mut new: BTreeMap<String, Value>) -> Vec<Change> {
    let keys: BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
    keys.into_iter()
        .filter_map(|key| {
            let (old, new) = (old.remove(&key), new.remove(&key));
            (old != new).then_some(Change { key, old, new })
        })
        .collect()
}

fn leaves(config: &Config) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    // Maps with text keys and plain values only: there is nothing that JSON could refuse.
    collect(serde_json::to_value(config).unwrap_or_default(), String::new(), &mut leaves);
    leaves
}

fn collect(value: Value, key: String, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) if !table.is_empty() => {
            for (name, value) in table {
                collect(value, join(&key, &name), leaves);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            for (number, element) in list.into_iter().enumerate() {
                let named = ["name", "internal_name"].iter().find_map(|name| element.get(*name)?.as_str());
                let name = named.map_or_else(|| number.to_string(), str::to_owned);
                collect(element, join(&key, &name), leaves);
            }
        }
        Value::Null => {}
        leaf => {
            leaves.insert(key, leaf);
        }
    }
}
