//! The effective configuration as text, with the place that each value comes from. Secrets are references, so there
//! is nothing to hide.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::load::{Loaded, Origin, Sources};

impl Loaded {
    /// The effective configuration in the form of a configuration file, with each value's origin behind it. Read
    /// again, it gives the same configuration.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        if let Value::Object(root) = self.value() {
            let writer = Writer { sources: &self.sources };
            writer.table(&root, "", "", &mut text);
        }
        text
    }

    /// The effective configuration and the origins, as JSON.
    pub fn to_json(&self) -> Value {
        let sources: Map<String, Value> =
            self.sources.iter().map(|(key, origin)| (key.clone(), origin.to_string().into())).collect();
        json!({ "config": self.value(), "sources": sources })
    }

    fn value(&self) -> Value {
        // Maps with text keys and plain values only: there is nothing that JSON could refuse.
        serde_json::to_value(&self.config).unwrap_or_default()
    }

    /// Where the value of a dotted key comes from.
    pub fn origin(&self, key: &str) -> &Origin {
        origin(&self.sources, key)
    }
}

fn origin<'a>(sources: &'a Sources, key: &str) -> &'a Origin {
    const DEFAULT: &Origin = &Origin::Default;
    // A list or table that was given as one text in the environment stands as a whole.
    let mut key = key;
    loop {
        match (sources.get(key), key.rsplit_once('.')) {
            (Some(origin), _) => return origin,
            (None, Some((above, _))) => key = above,
            (None, None) => return DEFAULT,
        }
    }
}

struct Writer<'a> {
    sources: &'a Sources,
}

impl Writer<'_> {
    /// `path` is the table's name in the file, `key` the dotted key with the names of list entries.
    fn table(&self, table: &Map<String, Value>, path: &str, key: &str, text: &mut String) {
        for (name, value) in table.iter().filter(|(_, value)| is_leaf(value)) {
            let origin = origin(self.sources, &join(key, name));
            append(text, format_args!("{} = {}  # {origin}\n", quoted_key(name), inline(value)));
        }
        for (name, value) in table {
            let path = join(path, &quoted_key(name));
            let key = join(key, name);
            match value {
                Value::Object(inner) if !is_leaf(value) => {
                    if inner.values().any(is_leaf) {
                        append(text, format_args!("\n[{path}]\n"));
                    }
                    self.table(inner, &path, &key, text);
                }
                Value::Array(list) if !is_leaf(value) => {
                    for (number, element) in list.iter().enumerate() {
                        let Value::Object(element) = element else { continue };
                        let named = ["name", "internal_name"].iter().find_map(|name| element.get(*name)?.as_str());
                        let name = named.map_or_else(|| number.to_string(), str::to_owned);
                        append(text, format_args!("\n[[{path}]]\n"));
                        self.table(element, &path, &join(&key, &name), text);
                    }
                }
                _ => {}
            }
        }
    }
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a text cannot fail.
    text.write_fmt(arguments).unwrap_or_default();
}

/// Whether a value stands behind its key, rather than under a heading of its own.
fn is_leaf(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(table) => table.is_empty(),
        Value::Array(list) => !list.iter().any(Value::is_object),
        _ => true,
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Array(list) => format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(_) => String::from("{}"),
        other => other.to_string(),
    }
}

fn quoted_key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if bare { name.to_owned() } else { inline(&Value::String(name.to_owned())) }
}

pub(crate) fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
}
