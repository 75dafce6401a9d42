//! Draining 200,000 changes of mobile tickets, 1,000 per page: `cargo bench -p ticketbridge-engine --bench feedback`
//! (`-- 50000 10000`: 50,000 changes, 10,000 per page).
//!
//! Three ways over the very same pages, each in a process of its own, from one server process on loopback:
//! * `floor`: a bare loop: fetch, typed parsing, one row per item upserted into SQLite (WAL, `synchronous=FULL`), one
//!   transaction per page. What anybody's few lines would do; no lease, no key history, no exactly-once.
//! * `store`: the product's run into its store; the box office is away, so that everything stays pending.
//! * `through`: the product's run through to S-360's stand-in, each ticket looked up, decided and written.
//!
//! Printed: changes per second, CPU seconds of the client process, its peak memory, and the ratio to the floor. Nothing
//! is asserted: timing decides no test.

#[path = "common/process.rs"]
mod process;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use bytes::Bytes;
use process::{Span, child, say};
use serde::{Deserialize, Serialize};
use ticketbridge_config::Config;
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::feedback::{Feedback, RunRequest};
use ticketbridge_sandbox::tixngo::play::PlaySettings;
use ticketbridge_sandbox::{Sandbox, SandboxConfig};
use ticketbridge_store::{FeedbackStore, OpenMode, SqliteStore, Trigger};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const CHANGES: usize = 200_000;
const PAGE: usize = 1_000;
const KEY: &str = "sandbox-only";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", changes, page] => runtime.block_on(serve(changes.parse()?, page.parse()?)),
        ["measure", way, pages, box_office] => runtime.block_on(measure(way, pages, box_office)),
        [changes, page] => compare(changes.parse()?, page.parse()?),
        [changes] => compare(changes.parse()?, PAGE),
        [] => compare(CHANGES, PAGE),
        _ => Err("usage: cargo bench -p ticketbridge-engine --bench feedback [-- CHANGES [PER_PAGE]]".into()),
    }
}

/// What one way cost.
#[derive(Debug, Serialize, Deserialize)]
struct Figures {
    changes: u64,
    text: String,
    cost: process::Figures,
}

/// Runs all ways one after the other, each in its own process.
#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn compare(changes: usize, page: usize) -> Result<(), Failure> {
    let program = std::env::current_exe()?;
    let mut server = Command::new(&program)
        .args(["serve", &changes.to_string(), &page.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut addresses = String::new();
    BufReader::new(server.stdout.take().ok_or("no output of the server")?).read_line(&mut addresses)?;
    let (pages, box_office) = addresses.trim().split_once(' ').ok_or("the server did not start")?;
    println!("{changes} changes, {page} per page\n");
    println!("{:<10}{:>14}{:>12}{:>12}{:>12}{:>12}", "way", "changes/s", "seconds", "CPU s", "peak MiB", "floor x");
    let mut floor = None;
    for way in ["floor", "store", "through"] {
        let Figures { changes, text, cost } = serde_json::from_slice(&child(&["measure", way, pages, box_office])?)?;
        let floor = *floor.get_or_insert(cost.seconds);
        println!(
            "{way:<10}{:>14.0}{:>12.2}{:>12.2}{:>12.1}{:>12.2}   {text}",
            changes as f64 / cost.seconds,
            cost.seconds,
            cost.cpu_seconds,
            cost.peak_mib,
            cost.seconds / floor,
        );
    }
    drop(server.stdin.take());
    server.wait()?;
    Ok(())
}

/// Serves the pages as they are, and S-360's stand-in, until its input ends.
#[expect(clippy::print_stdout, reason = "tells its parent where it listens")]
async fn serve(changes: usize, page_size: usize) -> Result<(), Failure> {
    let config = SandboxConfig { max_records: 2_000_000, ..SandboxConfig::default() };
    let sandbox = Sandbox::start(SandboxConfig { listen: "127.0.0.1:0".parse()?, ..config }).await?;
    sandbox.play("DEMO", &PlaySettings::new(7, changes, changes))?;
    let pages = fetch_all(&sandbox.tixngo_url(), page_size).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/organizer/tickets/diff", axum::routing::get(page)).with_state(Arc::new(pages));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    println!("http://{address}/organizer/tickets {}", sandbox.s360_url());
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    serving.abort();
    Ok(())
}

async fn page(
    State(pages): State<Arc<HashMap<String, Bytes>>>,
    Query(query): Query<HashMap<String, String>>,
) -> ([(&'static str, &'static str); 1], Bytes) {
    let empty = Bytes::from_static(br#"{"result":[]}"#);
    let key = query.get("paginationKey").cloned().unwrap_or_default();
    ([("content-type", "application/json")], pages.get(&key).cloned().unwrap_or(empty))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    next_page_key: Option<String>,
}

async fn fetch_all(base: &str, page: usize) -> Result<HashMap<String, Bytes>, Failure> {
    #[derive(Deserialize)]
    struct Envelope {
        pagination: Pagination,
        result: Vec<serde::de::IgnoredAny>,
    }
    let client = reqwest::Client::builder().no_proxy().build()?;
    let (mut pages, mut key) = (HashMap::new(), String::new());
    loop {
        let body = get(&client, base, &key, page).await?;
        let envelope: Envelope = serde_json::from_slice(&body)?;
        if envelope.result.is_empty() {
            return Ok(pages);
        }
        let next = envelope.pagination.next_page_key.ok_or("a page without a key")?;
        pages.insert(std::mem::replace(&mut key, next), body);
    }
}

async fn get(client: &reqwest::Client, base: &str, key: &str, page: usize) -> Result<Bytes, Failure> {
    let mut url = url::Url::parse(&format!("{base}/diff"))?;
    url.query_pairs_mut().append_pair("limit", &page.to_string());
    if !key.is_empty() {
        url.query_pairs_mut().append_pair("paginationKey", key);
    }
    Ok(client.get(url).header("X-Tixngo-Key", KEY).send().await?.error_for_status()?.bytes().await?)
}

async fn measure(way: &str, pages: &str, box_office: &str) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.db");
    let span = Span::begin()?;
    let (changes, text) = match way {
        "floor" => (floor(pages, &path).await?, String::new()),
        "store" => product(pages, "http://127.0.0.1:9/s360/api/v1", &path).await?,
        "through" => product(pages, box_office, &path).await?,
        other => return Err(format!("no way `{other}`").into()),
    };
    say(&Figures { changes, text, cost: span.end()? })
}

/// The bare loop.
async fn floor(pages: &str, path: &Path) -> Result<u64, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Item<'a> {
        #[serde(borrow)]
        ticket_id: Cow<'a, str>,
        #[serde(borrow)]
        status: Cow<'a, str>,
        #[serde(borrow)]
        updated_at: Cow<'a, str>,
        #[serde(borrow)]
        spectator_details: Option<&'a serde_json::value::RawValue>,
        #[serde(borrow)]
        holder: Option<&'a serde_json::value::RawValue>,
        #[serde(borrow)]
        transfer: Option<&'a serde_json::value::RawValue>,
    }
    #[derive(Deserialize)]
    struct Envelope<'a> {
        pagination: Option<Pagination>,
        #[serde(borrow)]
        result: Vec<Item<'a>>,
    }
    let mut store = rusqlite::Connection::open(path)?;
    store.pragma_update(None, "journal_mode", "WAL")?;
    store.pragma_update(None, "synchronous", "FULL")?;
    store.execute_batch(
        "CREATE TABLE ticket(id TEXT PRIMARY KEY, status TEXT, updated_at TEXT, owner TEXT, holder TEXT, transfer TEXT);
         CREATE TABLE cursor(id INTEGER PRIMARY KEY, key TEXT);",
    )?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let (mut key, mut changes) = (String::new(), 0);
    loop {
        let body = get(&client, pages, &key, PAGE).await?;
        let envelope: Envelope<'_> = serde_json::from_slice(&body)?;
        if envelope.result.is_empty() {
            return Ok(changes);
        }
        let transaction = store.transaction()?;
        {
            let mut upsert = transaction.prepare_cached(
                "INSERT INTO ticket VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(id) DO UPDATE SET status = ?2, \
                 updated_at = ?3, owner = ?4, holder = ?5, transfer = ?6",
            )?;
            for ticket in &envelope.result {
                upsert.execute(rusqlite::params![
                    ticket.ticket_id,
                    ticket.status,
                    ticket.updated_at,
                    ticket.spectator_details.map(serde_json::value::RawValue::get),
                    ticket.holder.map(serde_json::value::RawValue::get),
                    ticket.transfer.map(serde_json::value::RawValue::get),
                ])?;
            }
        }
        key = envelope.pagination.and_then(|pagination| pagination.next_page_key).ok_or("a page without a key")?;
        transaction.execute("INSERT INTO cursor VALUES (1, ?1) ON CONFLICT(id) DO UPDATE SET key = ?1", [&key])?;
        transaction.commit()?;
        changes += envelope.result.len() as u64;
    }
}

/// The product's run.
async fn product(pages: &str, box_office: &str, path: &Path) -> Result<(u64, String), Failure> {
    let file = format!(
        r#"
        [platforms.tixngo]
        type = "tixngo"
        base_url = "{pages}"
        api_key = "env:KEY"
        bypass_proxy = true
        [platforms.s360]
        type = "s360"
        base_url = "{box_office}"
        token = "env:KEY"
        bypass_proxy = true
        retry = {{ initial = "1ms", max = "1ms" }}
        [[feedback]]
        internal_name = "bench"
        organizer = "DEMO"
        source = "tixngo"
        box_office = "s360"
        pages_per_run = 1000
        "#
    );
    let config = Config::parse(&file, "bench", Vec::new())?.config;
    let opened = SqliteStore::open(path, OpenMode::Command)?;
    let store: Arc<dyn FeedbackStore> = opened.store;
    let environment = |_: &str| Some(String::from(KEY));
    let feedback = Feedback::load(&config, &environment, store, Clock::start(), None);
    let report = feedback.run("DEMO", RunRequest::by(Trigger::Manual)).await?;
    let counters = &report.counters;
    let text = format!(
        "{:?}: {} pages, {} updated, {} pending, {} failed, {} contacts, {} rows",
        report.result,
        counters.pages,
        counters.updated,
        counters.pending,
        counters.failed,
        counters.contacts_created,
        counters.rows_inserted,
    );
    Ok((counters.received, text))
}
