//! Comparing a result with the one to be had: numbers within 1e-9 relative, everything else exactly, lists in any order.

use serde_json::Value;

/// Every difference; the result may have more keys.
pub(crate) fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let mut list = Vec::new();
    // `settings` is there for the reader.
    for key in expected.as_object().expect("an object").keys().filter(|key| *key != "settings") {
        compare(key, &expected[key], &found[key], &mut list);
    }
    list
}

fn compare(path: &str, expected: &Value, found: &Value, list: &mut Vec<String>) {
    match (expected, found) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().expect("a number"), b.as_f64().expect("a number"));
            if (a - b).abs() > 1e-9 * a.abs().max(b.abs()) {
                list.push(format!("{path}: {a} expected, {b} found"));
            }
        }
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                let missing = Value::from("(no key)");
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
            for (a, b) in sorted(a).iter().zip(&sorted(b)) {
                compare(&format!("{path}[{}]", name_of(a)), a, b, list);
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
