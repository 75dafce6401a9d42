//! Every metric that the source names stands in `docs/metrics.md`, and the page names no other.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../../docs/metrics.md");

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

#[test]
fn every_metric_is_documented_and_every_documented_one_exists() {
    let mut used = BTreeSet::new();
    for room in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap().map(Result::unwrap) {
        let folder = room.path().join("src");
        if folder.is_dir() {
            source(&folder, &mut used);
        }
    }
    assert!(used.contains("ticketbridge_transitions_total") && used.contains("ticketbridge_tickets"), "{used:?}");
    let documented: BTreeSet<String> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `ticketbridge_")?.split('`').next())
        .map(|rest| format!("ticketbridge_{rest}"))
        .collect();
    assert_eq!(used, documented, "left: the source, right: docs/metrics.md");
}
