//! What changed between two configurations: the base of a reload.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Config;
use crate::show::join;

/// One setting that changed.
#[derive(Debug, Clone, PartialEq)]
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
        let (mut old, mut new) = (leaves(self), leaves(newer));
        let keys: BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
        keys.into_iter()
            .filter_map(|key| {
                let (old, new) = (old.remove(&key), new.remove(&key));
                (old != new).then_some(Change { key, old, new })
            })
            .collect()
    }
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
