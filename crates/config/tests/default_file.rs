//! The commented default file is the reference documentation: it says what the code does, and all of it.

use std::collections::BTreeSet;

use ticketbridge_config::sections::{
    Delivery, Launch, Mail, Offload, PlatformKind, Retention, Server, Store, Workflow,
};
use ticketbridge_config::{Config, DEFAULT_FILE};
use ticketbridge_core::network::load::FileKind;
use ticketbridge_core::ticket::PlatformName;

const NO_ENVIRONMENT: [(String, String); 0] = [];

fn parse(text: &str) -> Config {
    Config::parse(text, "config.default.toml", NO_ENVIRONMENT).unwrap_or_else(|error| panic!("{error}")).config
}

/// The default file with every setting that is switched off switched on.
fn uncommented() -> String {
    let switched_off = |line: &str| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_alphanumeric() || "[\"".contains(first)))
    };
    let line = |line: &'static str| if switched_off(line) { &line[1..] } else { line };
    DEFAULT_FILE.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn it_equals_the_defaults_of_the_code() {
    let written = parse(DEFAULT_FILE);
    assert_eq!(written.server, Server::default());
    assert_eq!(written.store, Store::default());
    assert_eq!(written.retention, Retention::default());
    assert_eq!(written.mail, Mail::default());
    assert_eq!(written.delivery, Delivery::default());
    assert_eq!(written.workflow, Workflow::default());
    assert_eq!(written, Config::default());
}

#[test]
fn entries_equal_ones_that_name_only_what_has_no_default() {
    let bare = parse(
        r#"
        [platforms.sfyc]
        type = "connector"
        file = "builtin:sfyc"
        host = "127.0.0.1"
        port = 9400
        base_path = "/sfyc"
        token = "env:SFYC_TOKEN"
        bypass_proxy = true
        [platforms.cherwell]
        type = "cherwell"
        base_url = "http://127.0.0.1:9400/CherwellAPI"
        client_id = "0b7c2f3e-1111-4222-8333-9a9a9a9a9a9a"
        username = 'Cherwell\svc_noc'
        password = "env:CHERWELL_PASSWORD"
        [[backends]]
        name = "be-1"
        tickets = "cherwell"
        work_orders = "sfyc"
        "#,
    );
    assert_eq!(bare, Config::default());
    let offload = &Config::default().offload;
    assert_eq!(offload.keys().copied().collect::<Vec<_>>(), FileKind::ALL);
    for (kind, offload) in offload {
        let path = Some(format!("data/{}.csv", kind.as_str()).into());
        assert_eq!(*offload, Offload { path, ..Offload::default() });
    }
}

#[test]
fn every_example_that_is_switched_off_works_when_switched_on() {
    let all = parse(&uncommented());
    let kinds: BTreeSet<_> = all.platforms.values().map(ticketbridge_config::sections::Platform::kind).collect();
    assert_eq!(kinds, PlatformKind::ALL.into());
    assert_eq!(all.feedback.len(), 1);
    assert!(all.mail.server.is_some() && all.mail.password.is_some());
    assert_eq!(all.server.tokens.len(), 1);
}

/// What the switched-off examples say is what holds where a file is silent.
#[test]
fn the_examples_of_the_mobile_job_show_the_defaults() {
    let shown = parse(&uncommented());
    let bare = format!(
        "{PLATFORMS}{}",
        r#"
        [[feedback]]
        internal_name = "feedback demo"
        organizer = "demo"
        source = "tixngo"
        box_office = "s360"
        "#
    );
    let bare = parse(&bare);
    let mut function = shown.feedback[0].clone();
    let example = std::mem::replace(&mut function.launch, Launch::Manual);
    assert_eq!(example, Launch::Automatic);
    assert!(function.start.take().is_some() && function.end.take().is_some());
    assert!(function.file_to_upload.take().is_some());
    assert_eq!(function, bare.feedback[0]);
    for name in ["tixngo", "s360"] {
        let name = PlatformName::new(name);
        assert_eq!(shown.platforms[&name], bare.platforms[&name]);
    }
}

const PLATFORMS: &str = r#"
backends = [{ name = "be-1", tickets = "sfyc", work_orders = "sfyc" }]
[platforms.sfyc]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
token = "env:SFYC_TOKEN"
[platforms.tixngo]
type = "tixngo"
base_url = "http://127.0.0.1:9400/tixngo/v3/organizer/tickets"
api_key = "env:TIXNGO_KEY"
[platforms.s360]
type = "s360"
base_url = "http://127.0.0.1:9400/s360/api/v1"
token = "env:S360_TOKEN"
"#;

/// Every key of the schema has to be found in the file, as a setting or in its text.
#[test]
fn every_key_is_documented() {
    fn keys(value: &serde_json::Value, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(object) => {
                if let Some(serde_json::Value::Object(properties)) = object.get("properties") {
                    found.extend(properties.keys().cloned());
                }
                object.values().for_each(|value| keys(value, found));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    keys(ticketbridge_config::schema().as_value(), &mut found);
    assert!(found.len() > 100, "only {} keys", found.len());
    let words: BTreeSet<&str> =
        DEFAULT_FILE.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).collect();
    let missing: Vec<_> = found.iter().filter(|key| !words.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "not in the default file: {missing:?}");
}

/// An editor that checks against the schema has to find typos, also where structs are put together.
#[test]
fn the_schema_knows_no_other_keys() {
    let schema = ticketbridge_config::schema();
    let schema = schema.as_value();
    let closed = |name: &str, word: &str| schema.pointer(&format!("/$defs/{name}/{word}")) == Some(&false.into());
    assert_eq!(schema["additionalProperties"], false);
    assert!(closed("Platform", "unevaluatedProperties"));
    for name in ["Backend", "Delivery", "Feedback", "Mail", "Offload", "Retention", "Server", "Store", "Workflow"] {
        assert!(closed(name, "additionalProperties"), "{name}");
    }
}

#[test]
fn no_line_is_both_text_and_setting() {
    for (number, line) in DEFAULT_FILE.lines().enumerate() {
        let rest = line.strip_prefix('#').unwrap_or(" ");
        let is_text = rest.is_empty() || rest.starts_with(' ');
        assert!(is_text || rest.contains('=') || rest.starts_with('['), "line {}: {line}", number + 1);
    }
}
