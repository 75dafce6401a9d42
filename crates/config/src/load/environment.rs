//! `TICKETBRIDGE_*` → tree. `TICKETBRIDGE_SERVER__LISTEN` is `server.listen`; `__` goes one level down, entries of
//! lists are found by name or number (`TICKETBRIDGE_BACKENDS__BE_1__PROCESSING`), names without regard to case and
//! with `_` for everything that a variable's name cannot hold.
//!
//! Variables without `__` are no settings (`TICKETBRIDGE_CONFIG`, and what container platforms set for a service of
//! that name), nor are those that a secret of the configuration refers to.

use std::collections::BTreeSet;

use super::ENVIRONMENT_PREFIX;
use super::problem::Problem;
use super::tree::{Node, Origin, Table, Value, element_name};

/// Deepest nesting of a variable.
const MAX_DEPTH: usize = 8;

pub(crate) fn overlay(
    root: &mut Node,
    environment: impl IntoIterator<Item = (String, String)>,
    problems: &mut Vec<Problem>,
) {
    let mut variables: Vec<_> = environment
        .into_iter()
        .filter(|(name, _)| name.strip_prefix(ENVIRONMENT_PREFIX).is_some_and(|rest| rest.contains("__")))
        .collect();
    variables.sort();
    let mut secrets = BTreeSet::new();
    references(root, &mut secrets);
    secrets.extend(variables.iter().filter_map(|(_, text)| text.strip_prefix("env:")).map(str::to_owned));
    variables.retain(|(name, _)| !secrets.contains(name));
    for (variable, text) in variables {
        let path = variable[ENVIRONMENT_PREFIX.len()..].to_ascii_lowercase();
        let origin = Origin::Environment { variable: variable.clone() };
        if let Err(text) = set(root, &path, Node { origin: origin.clone(), value: Value::Text(text) }) {
            problems.push(Problem { origin, key: path.replace("__", "."), text });
        }
    }
}

/// The variables that secrets refer to.
fn references(node: &Node, names: &mut BTreeSet<String>) {
    match &node.value {
        Value::Table(table) => table.values().for_each(|child| references(child, names)),
        Value::List(list) => list.iter().for_each(|child| references(child, names)),
        Value::Text(text) => names.extend(text.strip_prefix("env:").map(str::to_owned)),
        _ => {}
    }
}

fn set(root: &mut Node, path: &str, leaf: Node) -> Result<(), String> {
    let segments: Vec<&str> = path.split("__").collect();
    if segments.len() > MAX_DEPTH || segments.iter().any(|segment| segment.is_empty()) {
        return Err(String::from("the variable's name is malformed; write TICKETBRIDGE_SECTION__KEY"));
    }
    let Some((last, above)) = segments.split_last() else { return Ok(()) };
    let mut node = root;
    for segment in above {
        node = below(node, segment, &leaf.origin)?;
    }
    let key = match &node.value {
        Value::Table(table) => existing(table, last),
        _ => return Err(String::from("there is nothing below this; check the variable's name")),
    };
    if let Some(table) = node.table_mut() {
        table.insert(key, leaf);
    }
    Ok(())
}

/// One level down, where needed into a new table.
fn below<'a>(node: &'a mut Node, segment: &str, origin: &Origin) -> Result<&'a mut Node, String> {
    match &mut node.value {
        Value::Table(table) => {
            let key = existing(table, segment);
            let empty = || Node { origin: origin.clone(), value: Value::Table(Table::new()) };
            Ok(table.entry(key).or_insert_with(empty))
        }
        Value::List(list) => {
            let known = list.iter().filter_map(element_name).collect::<Vec<_>>().join(", ");
            let by_name = list.iter().position(|element| element_name(element).is_some_and(|name| same(name, segment)));
            let place = by_name.or_else(|| segment.parse::<usize>().ok()).filter(|place| *place < list.len());
            match place {
                Some(place) => Ok(&mut list[place]),
                None => Err(format!("there is no entry `{segment}`; there are {known}")),
            }
        }
        _ => Err(String::from("there is nothing below this; check the variable's name")),
    }
}

/// The key of the table that a segment means; the segment itself if there is none yet.
fn existing(table: &Table, segment: &str) -> String {
    table.keys().find(|key| same(key, segment)).cloned().unwrap_or_else(|| segment.to_owned())
}

fn same(name: &str, segment: &str) -> bool {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    name.chars().map(plain).eq(segment.chars().map(plain))
}
