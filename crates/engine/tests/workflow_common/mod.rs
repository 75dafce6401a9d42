//! What the tests of the workflow share: data sets, a scene with both stores, comparing.

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses a part; helpers of tests may stop the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::{Aggregation, Timestamp};
use ticketbridge_core::ticket::{BackendName, PlatformName};
use ticketbridge_core::time::Wall;
use ticketbridge_engine::offload::{FileReport, Offload, OffloadSettings, PlantCache};
use ticketbridge_engine::split::BackendChoice;
use ticketbridge_engine::workflow::{RunOutcome, SeededSource, Workflow};
use ticketbridge_store::samples::{FileKind, SampleStore};
use ticketbridge_store::{MemoryStore, OpenMode, Page, SqliteStore, Store, TicketFilter};

/// A file: name and bytes.
pub(crate) type File = (String, Vec<u8>);

pub(crate) const GOLDEN: (&str, &str) = ("golden", "2026-11-20T23:45:00Z");
pub(crate) const STORM: (&str, &str) = ("storm", "2026-11-21T05:45:00Z");

pub(crate) fn data_folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../core/tests/data/telecom").join(name)
}

/// The five files of a data set, and the result to be had.
pub(crate) fn data_set(name: &str) -> (Vec<File>, Value) {
    let read = |file: &str| fs::read(data_folder(name).join(file)).unwrap();
    let files = FileKind::ALL.into_iter().map(|kind| format!("{kind}.csv")).map(|name| (name.clone(), read(&name)));
    (files.collect(), serde_json::from_slice(&read("expected.json")).unwrap())
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn backend(name: &str, platform: &str) -> BackendChoice {
    BackendChoice {
        name: BackendName::new(name),
        tickets: PlatformName::new(platform),
        available: true,
        draining: false,
    }
}

/// Both stores, an offload over one folder, and a workflow. The clock stands at `as_of`.
pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) samples: Arc<SampleStore>,
    pub(crate) offload: Offload,
    pub(crate) workflow: Workflow,
    pub(crate) settings: Settings,
    pub(crate) backends: Vec<BackendChoice>,
    pub(crate) as_of: Timestamp,
    runs: u8,
}

impl Scene {
    pub(crate) fn new(as_of: &str) -> Self {
        Self::with(as_of, Settings::default())
    }

    pub(crate) fn with(as_of: &str, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let as_of = at(as_of);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(4));
        let (samples, offload, workflow) = open(folder.path(), &store, &settings, as_of, 0);
        let backends = vec![backend("be-1", "p"), backend("be-2", "p"), backend("be-3", "q")];
        Self { folder, store, samples, offload, workflow, settings, backends, as_of, runs: 0 }
    }

    /// As if the process had ended and begun again; both stores are what they were.
    pub(crate) fn restart(&mut self) {
        self.runs += 1;
        (self.samples, self.offload, self.workflow) =
            open(self.folder.path(), &self.store, &self.settings, self.as_of, self.runs);
    }

    /// As [`Scene::restart`], with the main store in a file beside the samples.
    pub(crate) fn use_disk(&mut self) {
        // The file is held by one server at a time: let go of it first.
        self.store = Arc::new(MemoryStore::new(1));
        self.restart();
        self.store = SqliteStore::open(&self.folder.path().join("x.db"), OpenMode::Serve).unwrap().store;
        self.restart();
    }

    pub(crate) fn set_time(&mut self, as_of: &str) {
        self.as_of = at(as_of);
        self.restart();
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join("in").join(name), bytes).unwrap();
    }

    pub(crate) fn write_all(&self, files: &[File]) {
        for (name, bytes) in files {
            self.write(name, bytes);
        }
    }

    /// Looks twice, so that everything that lies there is taken.
    pub(crate) async fn scan(&self) -> Vec<FileReport> {
        let now = Wall(self.as_of.0 * 1_000);
        let mut files = self.offload.scan(now).await.unwrap().files;
        files.extend(self.offload.scan(now).await.unwrap().files);
        files
    }

    pub(crate) async fn run(&self) -> RunOutcome {
        let outcome = self.workflow.run(self.as_of, "manual", &self.backends).await.unwrap();
        assert_eq!(outcome.unusable, Vec::<String>::new());
        outcome
    }

    /// Bodies of all tickets in the store, the oldest first.
    pub(crate) async fn tickets(&self) -> Vec<Value> {
        let page = Page { before: None, limit: 1_000 };
        let mut tickets = self.store.tickets(&TicketFilter::default(), page).await.unwrap();
        tickets.reverse();
        tickets.iter().map(|ticket| serde_json::from_str(&ticket.body.body).unwrap()).collect()
    }

    /// The three tables as JSON.
    pub(crate) async fn tables(&self) -> Value {
        let mut tables = json!({});
        for name in Aggregation::ALL {
            let rows = self.workflow.aggregations(name, self.as_of, Wall(self.as_of.0 * 1_000)).await.unwrap();
            tables[name.as_str()] = serde_json::to_value(&*rows).unwrap();
        }
        tables
    }
}

fn open(
    folder: &Path,
    store: &Arc<dyn Store>,
    settings: &Settings,
    as_of: Timestamp,
    seed: u8,
) -> (Arc<SampleStore>, Offload, Workflow) {
    assert_eq!(settings.check(), []);
    let samples = Arc::new(SampleStore::open(&folder.join("x.samples.db")).unwrap());
    let plants = Arc::new(PlantCache::default());
    let settings = Arc::new(settings.clone());
    let sources = OffloadSettings::folder(folder.join("in"), Some(folder.join("reports")));
    let offload = Offload::new(Arc::clone(&samples), Arc::clone(&plants), sources, Arc::clone(&settings));
    let source = SeededSource::new(move || Wall(as_of.0 * 1_000), [seed; 32]);
    let workflow = Workflow::new(Arc::clone(store), Arc::clone(&samples), plants, settings, source);
    (samples, offload, workflow)
}

/// A ticket's body in the form of `expected.json`.
pub(crate) fn as_expected(body: &Value) -> Value {
    let mut ticket = body.clone();
    for key in ["channels_affected", "channels_total", "cm_total", "cm_online"] {
        ticket[key] = body["impact"][key].clone();
    }
    ticket["aggregation"] = body["source"]["aggregation"].clone();
    ticket["group_id"] = body["source"]["group_id"].clone();
    ticket
}

/// Every difference of a result from the one to be had: numbers within 1e-9 relative, everything else exactly, lists of
/// objects in any order. The result may have more keys.
pub(crate) fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let mut list = Vec::new();
    compare("", expected, found, &mut list);
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
                match b.get(key) {
                    Some(found) => compare(&format!("{path}.{key}"), value, found, list),
                    None => list.push(format!("{path}.{key}: the key is missing")),
                }
            }
            if path.ends_with("rejected_by_reason") && a.len() != b.len() {
                list.push(format!("{path}: {expected} expected, {found} found"));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let (a, b) = (sorted(a), sorted(b));
            for (place, (a, b)) in a.iter().zip(&b).enumerate() {
                compare(&format!("{path}[{place}]"), a, b, list);
            }
        }
        _ if expected == found => {}
        _ => list.push(format!("{path}: {expected} expected, {found} found")),
    }
}

fn sorted(list: &[Value]) -> Vec<&Value> {
    let key = |value: &&Value| {
        ["id", "dedupe_key", "group_id"].map(|name| value.get(name).and_then(Value::as_str).unwrap_or("").to_owned())
    };
    let mut list: Vec<&Value> = list.iter().collect();
    list.sort_by_key(key);
    list
}

/// Lines of a KPI file: the header, and the rows with their line ends.
pub(crate) fn lines(bytes: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    (lines.next().unwrap(), lines.collect())
}

pub(crate) fn joined(header: &[u8], rows: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = header.to_vec();
    for row in rows {
        bytes.extend_from_slice(row);
        if !row.ends_with(b"\n") {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// The KPI files of a data set in `parts` files each, in the order of their names; topology files stay whole.
pub(crate) fn split(files: &[File], parts: usize) -> Vec<Vec<File>> {
    let mut scans = vec![Vec::new(); parts];
    for (name, bytes) in files {
        if name.starts_with("topology") {
            scans[0].push((name.clone(), bytes.clone()));
            continue;
        }
        let (header, rows) = lines(bytes);
        for (part, rows) in rows.chunks(rows.len().div_ceil(parts)).enumerate() {
            let name = name.replace(".csv", &format!(".part-{part:03}.csv"));
            scans[part].push((name, joined(&header, rows)));
        }
    }
    scans
}

/// The rows of the KPI files in another order, in which rows of one channel keep theirs.
pub(crate) fn permuted(files: &[File]) -> Vec<File> {
    let permute = |(name, bytes): &File| {
        if name.starts_with("topology") {
            return (name.clone(), bytes.clone());
        }
        let (header, mut rows) = lines(bytes);
        let text = String::from_utf8_lossy(&header).to_lowercase();
        let delimiter = [',', ';', '\t'].into_iter().max_by_key(|sign| text.matches(*sign).count()).unwrap();
        let column = text.split(delimiter).position(|name| name.trim() == "channel_id").unwrap();
        rows.sort_by_cached_key(|row| {
            let row = String::from_utf8_lossy(row).into_owned();
            let channel = row.split(delimiter).nth(column).unwrap_or("").trim().to_owned();
            channel.bytes().rev().map(|byte| byte.wrapping_mul(37)).collect::<Vec<u8>>()
        });
        (name.clone(), joined(&header, &rows))
    };
    files.iter().map(permute).collect()
}
