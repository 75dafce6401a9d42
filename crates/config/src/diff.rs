//! What changed between two configurations, and how far a running service can follow: the base of a reload.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Config;
use crate::sections::Platform;
use crate::show::join;
use crate::types::SecretReference;

/// Settings, or sections of them, that are read at the start only.
const AT_THE_START: [&str; 4] = ["server.listen", "server.shutdown_grace", "store", "telemetry"];
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TakesEffect)]
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
        self.telemetry = in_force.telemetry.clone();
        self
    }

    /// Every reference to a secret, by key. A text that merely has the form of one (in a value that is handed on to a
    /// platform) is among them.
    pub fn secret_references(&self) -> Vec<(String, SecretReference)> {
        references(leaves(self))
    }
}

impl Change {
    /// When it takes effect.
    pub fn reach(&self) -> Reach {
        reach(&self.key)
    }
}

/// When a change of this setting takes effect.
pub fn reach(key: &str) -> Reach {
    if AT_THE_START.iter().any(|group| is_in(key, group)) { Reach::Restart } else { Reach::Reload }
}

impl Platform {
    /// Every reference to a secret, by key below the platform's name; as [`Config::secret_references`].
    pub fn secret_references(&self) -> Vec<(String, SecretReference)> {
        references(leaves(self))
    }

    /// How much of the platform is another one in `newer`.
    pub fn change(&self, newer: &Self) -> PlatformChange {
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

/// The settings of a configuration, or of a part of it, by key.
fn leaves(settings: &impl Serialize) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    // Maps with text keys and plain values only: there is nothing that JSON could refuse.
    collect(serde_json::to_value(settings).unwrap_or_default(), String::new(), &mut leaves);
    leaves
}

fn references(leaves: BTreeMap<String, Value>) -> Vec<(String, SecretReference)> {
    leaves.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.parse().ok()?))).collect()
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

#[cfg(test)]
mod tests {
    use super::{PlatformChange, Reach, leaves, platform_change, reach};
    use crate::Config;

    fn config(text: &str) -> Config {
        Config::parse(text, "a test", std::iter::empty()).unwrap().config
    }

    #[test]
    fn only_these_settings_need_a_restart() {
        let restart: Vec<String> =
            leaves(&Config::default()).into_keys().filter(|key| reach(key) == Reach::Restart).collect();
        assert_eq!(
            restart,
            [
                "server.listen",
                "server.shutdown_grace",
                "store.busy_timeout",
                "store.url",
                "telemetry.otlp_headers",
                "telemetry.otlp_timeout",
                "telemetry.traced_percent",
            ]
        );
        // A name that only begins like one of them.
        assert_eq!([reach("server.listens"), reach("store.url")], [Reach::Reload, Reach::Restart]);
    }

    #[test]
    fn what_needs_a_restart_stays_as_it_was_and_everything_else_follows() {
        let in_force = config("");
        let file = config(
            "[server]\nlisten = \"127.0.0.1:9999\"\nshutdown_grace = \"3s\"\nmax_body_size = \"1MiB\"\n\
             [store]\nurl = \"sqlite://other.db\"\nbusy_timeout = \"9s\"\n\
             [telemetry]\notlp_endpoint = \"http://127.0.0.1:4318\"\notlp_timeout = \"3s\"\ntraced_percent = 7\n\
             [retention]\ntickets = \"5d\"\n[workflow]\nschedule = \"\"\n[offload]\n",
        );
        let reloaded = file.clone().reloaded_over(&in_force);
        let held = in_force.diff(&file).into_iter().filter(|change| change.reach() == Reach::Restart).count();
        assert_eq!(held, 7);
        assert!(in_force.diff(&reloaded).iter().all(|change| change.reach() == Reach::Reload));
        assert!(reloaded.diff(&file).iter().all(|change| change.reach() == Reach::Restart));
        assert_eq!(reloaded.diff(&file).len(), held);
    }

    #[test]
    fn a_platform_changes_by_its_manner_its_reading_or_its_system() {
        use PlatformChange::{Manner, Nothing, Reading, System};
        for (key, expected) in [
            ("timeouts.save", Manner),
            ("retry.max", Manner),
            ("token", Manner),
            ("ticket.open_states", Manner),
            ("ticket.fields.origin_id", Reading),
            ("ticket.constants.OwnedByTeam", Reading),
            ("note.object", Reading),
            ("file", Reading),
            ("a_setting_of_tomorrow", Reading),
            ("ticket.object", System),
            ("host", System),
            ("base_url", System),
            ("type", System),
        ] {
            assert_eq!(platform_change(key), expected, "{key}");
        }
        let platform = |lines: &str| {
            let text = format!(
                "[platforms.p]\ntype = \"connector\"\nfile = \"builtin:sfyc\"\ntoken = \"env:T\"\n{lines}\n\
                 [[backends]]\nname = \"b\"\ntickets = \"p\"\nwork_orders = \"p\"\n"
            );
            config(&text).platforms.into_values().next().unwrap()
        };
        let before = platform("host = \"a\"");
        assert_eq!(before.change(&before), Nothing);
        assert_eq!(before.change(&platform("host = \"a\"\nmax_in_flight = 2")), Manner);
        assert_eq!(
            before.change(&platform("host = \"a\"\nmax_in_flight = 2\nticket = { kinds = { A = \"a\" } }")),
            Reading
        );
        assert_eq!(before.change(&platform("host = \"b\"\nmax_in_flight = 2")), System);
    }

    #[test]
    fn references_to_secrets_are_found_wherever_they_stand() {
        let text = "[[server.tokens]]\nname = \"eye\"\nrole = \"viewer\"\ntoken = \"file:/run/eye\"\n";
        let found = config(text).secret_references();
        assert!(
            found
                .iter()
                .any(|(key, reference)| key == "server.tokens.eye.token" && reference.to_string() == "file:/run/eye")
        );
        let platform = "[platforms.p]\ntype = \"cherwell\"\nbase_url = \"http://h\"\nclient_id = \"c\"\n\
                        username = \"u\"\npassword = \"env:P\"\nclient_secret = \"file:/run/s\"\n\
                        [[backends]]\nname = \"b\"\ntickets = \"p\"\nwork_orders = \"p\"\n";
        let of_platform = config(platform).platforms.into_values().next().unwrap().secret_references();
        let of_platform: Vec<String> = of_platform.into_iter().map(|(key, at)| format!("{key} {at}")).collect();
        assert_eq!(of_platform, ["client_secret file:/run/s", "password env:P"]);
    }
}
