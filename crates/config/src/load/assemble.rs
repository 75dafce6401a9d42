//! The tree's sections, read one by one, so that a problem in one hides none in another.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use ticketbridge_core::ticket::PlatformName;

use super::DEFAULT_FILE;
use super::checks;
use ticketbridge_core::network::load::FileKind;

use super::deserialize::{read, word};
use super::file;
use super::problem::Problem;
use super::suggest::hint;
use super::tree::{Node, Origin, Table, Value, element_name};
use crate::Config;
use crate::sections::platforms::{Common, PlatformSettings};
use crate::sections::{Offload, Platform, PlatformKind, Start, Workflow};

/// Sections whose entries come from the user's file alone as soon as it has the section.
const WHOLE_SECTIONS: [&str; 4] = ["backends", "feedback", "offload", "platforms"];
/// All sections.
const SECTIONS: [&str; 11] = [
    "backends",
    "delivery",
    "feedback",
    "mail",
    "offload",
    "platforms",
    "retention",
    "server",
    "store",
    "telemetry",
    "workflow",
];
/// Keys of the settings that every platform has.
const COMMON_KEYS: [&str; 5] = ["bypass_proxy", "in_doubt_for", "on_unresolved", "retry", "settling_time"];

/// Lays the file over the default file: key by key, but the entries of the whole sections are the default's only where
/// the file has no such section.
pub(crate) fn graft_defaults(root: &mut Node) {
    let mut defaults = file::parse(DEFAULT_FILE, &mut Vec::new());
    mark_default(&mut defaults);
    let (Some(table), Value::Table(defaults)) = (root.table_mut(), defaults.value) else { return };
    let is_mobile_only = is_mobile_only(table);
    for (section, default) in defaults {
        match table.get_mut(&section) {
            None if is_mobile_only && section == "backends" => {}
            None => drop(table.insert(section, default)),
            Some(given) if !WHOLE_SECTIONS.contains(&section.as_str()) => underlay(given, default),
            Some(_) => {}
        }
    }
}

/// Whether a file carries mobile tickets and nothing else: the default's backends are not meant for it then, since they
/// work on platforms that it does not have.
fn is_mobile_only(table: &Table) -> bool {
    let is_of_mobile = |platform: &Node| {
        let kind = platform.table().and_then(|table| table.get("type")).and_then(Node::text);
        kind.is_some_and(|kind| [PlatformKind::Tixngo.name(), PlatformKind::S360.name()].contains(&kind))
    };
    let platforms = table.get("platforms").and_then(Node::table);
    table.contains_key("feedback") && platforms.is_some_and(|platforms| platforms.values().all(is_of_mobile))
}

/// Adds what `given` does not say.
fn underlay(given: &mut Node, default: Node) {
    let (Some(table), Value::Table(defaults)) = (given.table_mut(), default.value) else { return };
    for (key, default) in defaults {
        match table.get_mut(&key) {
            None => drop(table.insert(key, default)),
            Some(given) => underlay(given, default),
        }
    }
}

fn mark_default(node: &mut Node) {
    node.origin = Origin::Default;
    match &mut node.value {
        Value::List(list) => list.iter_mut().for_each(mark_default),
        Value::Table(table) => table.values_mut().for_each(mark_default),
        _ => {}
    }
}

/// Reads all sections and checks them against each other. Answers the warnings, too.
pub(crate) fn assemble(mut root: Node, problems: &mut Vec<Problem>) -> Option<(Config, Vec<Problem>)> {
    let table = std::mem::take(root.table_mut()?);
    for (key, node) in table.iter().filter(|(key, _)| !SECTIONS.contains(&key.as_str())) {
        let text = match home_of(key) {
            Some(section) => format!("this key belongs under `[{section}]`"),
            None => format!("there is no such section{}", hint(key, &SECTIONS)),
        };
        problems.push(Problem { origin: node.origin.clone(), key: key.clone(), text });
    }
    let mut places = checks::Places::new();
    for (key, node) in &table {
        checks::remember(node, key, &mut places);
    }
    // The bare reading of a section that is not there are its defaults.
    let empty = Node { origin: Origin::Default, value: Value::Table(Table::new()) };
    let section = |name: &str| table.get(name).unwrap_or(&empty);
    let server = read(section("server"), "server", &[], problems);
    let store = read(section("store"), "store", &[], problems);
    let retention = read(section("retention"), "retention", &[], problems);
    let mail = read(section("mail"), "mail", &[], problems);
    let telemetry = read(section("telemetry"), "telemetry", &[], problems);
    let delivery = read(section("delivery"), "delivery", &[], problems);
    let workflow = workflow(section("workflow"), problems);
    let backends = list(table.get("backends"), "backends", problems);
    let feedback = list(table.get("feedback"), "feedback", problems);
    let offload = offloads(section("offload"), problems);
    let platforms = platforms(section("platforms"), problems);
    let config = Config {
        server: server?,
        store: store?,
        retention: retention?,
        mail: mail?,
        telemetry: telemetry?,
        delivery: delivery?,
        workflow: workflow?,
        offload,
        platforms,
        backends,
        feedback,
    };
    let named: Vec<String> = section("platforms").table().into_iter().flat_map(|table| table.keys().cloned()).collect();
    let warnings = checks::check(&config, &named, &places, problems);
    Some((config, warnings))
}

/// The section that a key belongs to which stands outside of any.
fn home_of(key: &str) -> Option<String> {
    let defaults = file::parse(DEFAULT_FILE, &mut Vec::new());
    let has = |node: &Node| node.table().is_some_and(|table| table.contains_key(key));
    defaults.table()?.iter().find(|(_, section)| has(section)).map(|(name, _)| name.clone())
}

fn not_a_table(node: &Node, key: &str, form: &str, problems: &mut Vec<Problem>) {
    let text = format!("this is {}; write it as {form}", node.describe());
    problems.push(Problem { origin: node.origin.clone(), key: key.to_owned(), text });
}

fn list<T: DeserializeOwned>(node: Option<&Node>, section: &str, problems: &mut Vec<Problem>) -> Vec<T> {
    let Some(node) = node else { return Vec::new() };
    let Value::List(list) = &node.value else {
        not_a_table(node, section, &format!("`[[{section}]]`, once for each"), problems);
        return Vec::new();
    };
    let mut entries = Vec::new();
    for (number, element) in list.iter().enumerate() {
        let name = element_name(element).map_or_else(|| number.to_string(), str::to_owned);
        entries.extend(read(element, &format!("{section}.{name}"), &[], problems));
    }
    entries
}

/// The rules are a struct of their own, with names of their own; the other keys are taken out first.
fn workflow(node: &Node, problems: &mut Vec<Problem>) -> Option<Workflow> {
    let Some(table) = node.table() else {
        not_a_table(node, "workflow", "`[workflow]`", problems);
        return None;
    };
    let is_ours = |key: &str| Start::KEYS.contains(&key);
    let (ours, rules): (Table, Table) = table.clone().into_iter().partition(|(key, _)| is_ours(key));
    let part = |table| Node { origin: node.origin.clone(), value: Value::Table(table) };
    let start = read(&part(ours), "workflow", &[], problems);
    let rules = read(&part(rules), "workflow", &Start::KEYS, problems);
    Some(Workflow { start: start?, rules: rules? })
}

fn offloads(node: &Node, problems: &mut Vec<Problem>) -> BTreeMap<FileKind, Offload> {
    let mut offloads = BTreeMap::new();
    let Some(table) = node.table() else {
        not_a_table(node, "offload", "`[offload.KIND]`", problems);
        return offloads;
    };
    for (name, node) in table {
        let key = format!("offload.{name}");
        let Ok(kind) = name.parse::<FileKind>() else {
            let text = format!("there is no such kind of file{}", hint(name, &FileKind::ALL.map(FileKind::as_str)));
            problems.push(Problem { origin: node.origin.clone(), key, text });
            continue;
        };
        offloads.extend(read(node, &key, &[], problems).map(|offload| (kind, offload)));
    }
    offloads
}

fn platforms(node: &Node, problems: &mut Vec<Problem>) -> BTreeMap<PlatformName, Platform> {
    let mut platforms = BTreeMap::new();
    let Some(table) = node.table() else {
        not_a_table(node, "platforms", "`[platforms.NAME]`", problems);
        return platforms;
    };
    for (name, node) in table {
        let key = format!("platforms.{name}");
        if node.table().is_none() {
            not_a_table(node, &key, &format!("`[platforms.{name}]`"), problems);
        } else if let Some(platform) = platform(node.clone(), &key, problems) {
            platforms.insert(PlatformName::new(name), platform);
        }
    }
    platforms
}

fn platform(mut node: Node, key: &str, problems: &mut Vec<Problem>) -> Option<Platform> {
    let origin = node.origin.clone();
    let table = node.table_mut()?;
    let kinds = PlatformKind::ALL.map(PlatformKind::name);
    let mut refuse = |origin: Origin, text: String| {
        problems.push(Problem { origin, key: format!("{key}.type"), text });
        None
    };
    let kind = match table.remove("type") {
        None => return refuse(origin, format!("is missing and has no default; write one of {}", kinds.join(", "))),
        Some(node) => match node.text().map(word::<PlatformKind>) {
            Some(Ok(kind)) => kind,
            Some(Err(text)) => return refuse(node.origin.clone(), text),
            None => {
                return refuse(node.origin.clone(), format!("a word in quotes is wanted, one of {}", kinds.join(", ")));
            }
        },
    };
    let mut common = Table::new();
    for name in COMMON_KEYS {
        common.extend(table.remove_entry(name));
    }
    let usual = || Node { origin: Origin::Default, value: Value::Text(Common::in_doubt_for(kind).to_string()) };
    common.entry(String::from("in_doubt_for")).or_insert_with(usual);
    let common = read(&Node { origin, value: Value::Table(common) }, key, &[], problems);
    let also: Vec<&str> = COMMON_KEYS.iter().copied().chain(["type"]).collect();
    let settings = match kind {
        PlatformKind::Connector => read(&node, key, &also, problems).map(PlatformSettings::Connector),
        PlatformKind::Cherwell => read(&node, key, &also, problems).map(PlatformSettings::Cherwell),
        PlatformKind::Tixngo => read(&node, key, &also, problems).map(PlatformSettings::Tixngo),
        PlatformKind::S360 => read(&node, key, &also, problems).map(PlatformSettings::S360),
    };
    Some(Platform { settings: settings?, common: common? })
}
