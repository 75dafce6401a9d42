//! What the tests of the network rules share: data sets, loading, comparing.

#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod plant;

use std::path::PathBuf;

use serde_json::Value;
use ticketbridge_core::network::Timestamp;
use ticketbridge_core::network::load::FileKind;
use ticketbridge_core::network::preview::{Preview, PreviewFile};
use ticketbridge_core::network::settings::Settings;

/// A file of a scan: name and bytes.
pub(crate) type File = (String, Vec<u8>);

/// The five files of a data set, and the result to be had.
pub(crate) fn data_set(name: &str) -> (Vec<File>, Value) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/telecom").join(name);
    let file = |kind: FileKind| {
        let name = format!("{kind}.csv");
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        (name, bytes)
    };
    let expected = std::fs::read(folder.join("expected.json")).unwrap();
    (FileKind::ALL.into_iter().map(file).collect(), serde_json::from_slice(&expected).unwrap())
}

/// An instant of a test.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Loads files as one scan with the clock at `as_of`; kinds by name.
pub(crate) fn load(files: &[File], settings: &Settings, as_of: Timestamp) -> Preview {
    assert_eq!(settings.check(), []);
    let files = files
        .iter()
        .map(|(name, bytes)| PreviewFile {
            kind: FileKind::of_file_name(name).unwrap(),
            name: name.clone(),
            content: Box::new(bytes.as_slice()),
        })
        .collect();
    Preview::load(files, settings, as_of, &mut |_, _| {}).unwrap()
}

/// The result of a scan as JSON.
pub(crate) fn result(files: &[File], as_of: Timestamp) -> Value {
    serde_json::to_value(load(files, &Settings::default(), as_of).expected()).unwrap()
}

/// Every difference of a result from the one to be had: numbers within 1e-9 relative, everything else exactly, lists of
/// objects in any order. The result may have more keys.
pub(crate) fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let mut list = Vec::new();
    for key in expected.as_object().unwrap().keys().filter(|key| *key != "settings") {
        compare(key, &expected[key], &found[key], &mut list);
    }
    list
}

fn compare(path: &str, expected: &Value, found: &Value, list: &mut Vec<String>) {
    match (expected, found) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            if (a - b).abs() > 1e-9 * a.abs().max(b.abs()) {
                list.push(format!("{path}: {a} expected, {b} found"));
            }
        }
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                let missing = Value::String("(no key)".into());
                compare(&format!("{path}.{key}"), value, b.get(key).unwrap_or(&missing), list);
            }
            // A reason that did not occur must not be there.
            if path.ends_with("rejected_by_reason") && a.len() != b.len() {
                list.push(format!("{path}: {expected} expected, {found} found"));
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                list.push(format!("{path}: {} elements expected, {} found", a.len(), b.len()));
            }
            let (a, b) = (sorted(a), sorted(b));
            for (place, (a, b)) in a.iter().zip(&b).enumerate() {
                compare(&format!("{path}[{place} {}]", name_of(a)), a, b, list);
            }
        }
        _ if expected == found => {}
        _ => list.push(format!("{path}: {expected} expected, {found} found")),
    }
}

fn name_of(value: &Value) -> String {
    ["dedupe_key", "id", "group_id"].iter().find_map(|key| value.get(key)?.as_str()).unwrap_or("").to_owned()
}

fn sorted(list: &[Value]) -> Vec<Value> {
    let mut list = list.to_vec();
    list.sort_by_key(name_of);
    list
}
