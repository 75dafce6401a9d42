//! The layers as one tree of values, each of which remembers where it comes from.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Where a value comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The defaults.
    #[default]
    Default,
    /// The file, at this line (the first is 1).
    File {
        /// Line.
        line: usize,
    },
    /// The environment variable of this name.
    Environment {
        /// Name.
        variable: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { line } => write!(f, "line {line}"),
            Self::Environment { variable } => f.write_str(variable),
        }
    }
}

/// Dotted key → where its value comes from. Entries of `backends`, `feedback` and `platforms` stand by name.
pub type Sources = BTreeMap<String, Origin>;

/// One value and its origin.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) origin: Origin,
    pub(crate) value: Value,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Table),
    /// Stands in for a required value that is missing (and reported), so that what else is wrong is found too.
    Missing,
}

/// A table.
pub(crate) type Table = BTreeMap<String, Node>;

impl Node {
    pub(crate) fn table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    pub(crate) fn table_mut(&mut self) -> Option<&mut Table> {
        if let Value::Table(table) = &mut self.value { Some(table) } else { None }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// What kind of value it is, for people.
    pub(crate) fn describe(&self) -> &'static str {
        match self.value {
            Value::Boolean(_) => "true or false",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Missing => "nothing",
        }
    }

    /// The node below `path`; an element of a list by its number.
    pub(crate) fn at<'a>(&'a self, path: &[String]) -> Option<&'a Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        match &self.value {
            Value::Table(table) => table.get(first)?.at(rest),
            Value::List(list) => list.get(first.parse::<usize>().ok()?)?.at(rest),
            _ => None,
        }
    }

    /// Takes away the node below `path`. An element of a list takes the list with it: the others would move.
    /// Answers whether there was something to take.
    pub(crate) fn remove(&mut self, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else { return false };
        let Some(table) = self.table_mut() else { return false };
        match table.get_mut(first) {
            Some(node) if !rest.is_empty() && node.table().is_some() => node.remove(rest),
            Some(_) => table.remove(first).is_some(),
            None => false,
        }
    }
}

/// Name of an element of a list of tables, where it has one.
pub(crate) fn element_name(node: &Node) -> Option<&str> {
    let table = node.table()?;
    ["name", "internal_name"].iter().find_map(|key| table.get(*key)?.text())
}

/// The origins of all leaves.
pub(crate) fn sources(root: &Node) -> Sources {
    let mut sources = Sources::new();
    collect(root, String::new(), &mut sources);
    sources
}

fn collect(node: &Node, path: String, sources: &mut Sources) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match &node.value {
        Value::Table(table) => {
            for (name, child) in table {
                collect(child, below(name), sources);
            }
        }
        Value::List(list) if list.iter().any(|element| element.table().is_some()) => {
            for (number, element) in list.iter().enumerate() {
                let name = element_name(element).map_or_else(|| number.to_string(), str::to_owned);
                collect(element, below(&name), sources);
            }
        }
        _ => {
            sources.insert(path, node.origin.clone());
        }
    }
}
