//! Every metric that the source names stands in `docs/metrics.md` and in the dashboard, and neither names another.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/metrics.md");
const DASHBOARD: &str = include_str!("../../../packaging/grafana/ticketbridge.json");

/// What ends a name in the exposition format but is not part of it in the source.
const MACROS: [&str; 5] = ["counter!(", "gauge!(", "histogram!(", ".gauge(", ".counter("];

/// Names of metrics in a source text: a text literal with our prefix, first thing behind one of [`MACROS`].
fn names(text: &str, found: &mut BTreeSet<String>) {
    for (at, _) in text.match_indices("\"ticketbridge_") {
        let before = text[..at].trim_end();
        if MACROS.iter().any(|start| before.ends_with(start)) {
            found.extend(text[at + 1..].split('"').next().map(str::to_owned));
        }
    }
}

fn source(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            source(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            names(&fs::read_to_string(&path).unwrap(), found);
        }
    }
}

/// All metrics that the source names.
fn in_source() -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for room in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap().map(Result::unwrap) {
        let folder = room.path().join("src");
        if folder.is_dir() {
            source(&folder, &mut used);
        }
    }
    used
}

/// Every text below a member of this name.
fn texts<'a>(value: &'a Value, member: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == member => found.push(text),
                    other => texts(other, member, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| texts(value, member, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut queries = Vec::new();
    texts(&dashboard, "expr", &mut queries);
    let mut shown = BTreeSet::new();
    for query in queries {
        for (at, _) in query.match_indices("ticketbridge_") {
            let name: String =
                query[at..].chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
            shown.insert(name.strip_suffix("_bucket").map_or_else(|| name.clone(), str::to_owned));
        }
    }
    assert_eq!(shown, in_source(), "left: the dashboard, right: the source");
    let ids: Vec<u64> =
        dashboard["panels"].as_array().unwrap().iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "each panel has a number of its own");
}

#[test]
fn every_metric_is_documented_and_every_documented_one_exists() {
    let used = in_source();
    assert!(used.contains("ticketbridge_transitions_total") && used.contains("ticketbridge_tickets"), "{used:?}");
    let documented: BTreeSet<String> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `ticketbridge_")?.split('`').next())
        .map(|rest| format!("ticketbridge_{rest}"))
        .collect();
    assert_eq!(used, documented, "left: the source, right: docs/metrics.md");
}
