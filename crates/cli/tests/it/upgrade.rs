//! Kill -9 while the schema is brought forward, and while a backup is made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use reqwest::Method;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::bridge::Bridge;
use crate::place::{Place, Settings, sandbox, say, tickets, until};

/// The first migration alone: an earlier version of the schema.
const FIRST: &str = include_str!("../../../store/src/sqlite/migrations/20261121T0900_first.sql");
/// Marks a file as a store: `TBST`.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"TBST");
/// Distance of two moments to kill at.
const STEP: Duration = Duration::from_micros(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_migrates_the_next_start_has_all_of_it() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("DONE", 10)).await;
    bridge.completed(10).await;
    let off = bridge.call(Method::PATCH, "/api/v1/backends/be-1", Some(&json!({"processing": false}))).await;
    assert_eq!(off.status, 200);
    bridge.send(&tickets("OPEN", 10)).await;
    let before = bridge.tickets().await;
    assert!(bridge.stop().await.success());
    let latest = version(&place.store());
    let old = older_store(&place);
    let shape = shape(&old);
    let content = rows(&old, &shape);
    let epoch = fs::read(beside(&place.store(), ".epoch")).expect("it is there");

    // Later and later, until the migration is always over.
    let mut killed = BTreeMap::<i32, usize>::new();
    let mut moment = Duration::ZERO;
    while killed.get(&latest).copied().unwrap_or_default() < 10 {
        restore(&place, &old, &epoch);
        let child = spawn(&place, &["serve"]);
        tokio::time::sleep(moment).await;
        kill(child);
        let found = version(&place.store());
        // Each migration is a transaction of its own: one in between is whole, too.
        assert!((1..=latest).contains(&found), "half a migration: version {found}");
        let other: Vec<_> = rows(&place.store(), &shape).into_iter().filter(|row| !content.contains(row)).collect();
        assert_eq!(other, [""; 0], "killed after {moment:?}");
        assert_eq!(rows(&place.store(), &shape).len(), content.len(), "killed after {moment:?}");
        *killed.entry(found).or_default() += 1;
        moment += STEP;
    }
    say(&format!("killed, by the version found afterwards: {killed:?}"));
    assert!(killed.get(&1).is_some_and(|before| *before > 0), "{killed:?}");

    // One more, and on with what the kill left.
    restore(&place, &old, &epoch);
    kill(spawn(&place, &["serve"]));
    let bridge = Bridge::start(&place).await;
    assert_eq!(version(&place.store()), latest);
    assert_eq!(bridge.tickets().await, before);
    let on = bridge.call(Method::PATCH, "/api/v1/backends/be-1", Some(&json!({"processing": true}))).await;
    assert_eq!(on.status, 200);
    bridge.completed(20).await;
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.linked, stats.duplicates.total), (20, 20, 0));
    assert!(bridge.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_its_very_first_start_the_next_one_is_well() {
    let sandbox = sandbox(1).await;
    let mut moment = Duration::ZERO;
    let mut made = 0;
    while made < 5 {
        let place = Place::on(&sandbox, Settings::default());
        let child = spawn(&place, &["serve"]);
        tokio::time::sleep(moment).await;
        kill(child);
        made += usize::from(place.store().exists() && version(&place.store()) > 0);
        place.good(&["store", "migrate"]).await;
        assert_eq!(place.good(&["tickets", "list", "--json"]).await.json()["items"], json!([]));
        moment += STEP * 8;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_killed_leaves_nothing_that_passes_for_one() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    let off = bridge.call(Method::PATCH, "/api/v1/backends/be-1", Some(&json!({"processing": false}))).await;
    assert_eq!(off.status, 200);
    let mut all = tickets("BACKUP", 1_000);
    for ticket in &mut all {
        ticket["description"] = "The same again. ".repeat(200).into();
    }
    for portion in all.chunks(250) {
        bridge.send(portion).await;
    }
    let mut dice = ChaCha8Rng::seed_from_u64(3);
    let (mut whole, mut parts) = (0, 0);
    for number in 0..60 {
        let folder = place.folder().join(format!("backup-{number}"));
        fs::create_dir(&folder).expect("a folder");
        let to = folder.join("backup.db");
        let mut child = spawn(&place, &["store", "backup", to.to_str().expect("a name")]);
        until("the copy has begun", async || {
            let begun = fs::read_dir(&folder).expect("a folder").next().is_some();
            (begun || child.try_wait().expect("it is ours").is_some()).then_some(())
        })
        .await;
        // Part of the fault: from the first byte to behind the last.
        tokio::time::sleep(Duration::from_micros(dice.random_range(0..30_000))).await;
        kill(child);
        if !to.exists() {
            parts += 1;
            fs::remove_dir_all(&folder).expect("it is ours");
            continue;
        }
        whole += 1;
        let copy = Connection::open_with_flags(&to, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
        let text = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, String>(0)).expect(sql);
        assert_eq!(text("PRAGMA integrity_check"), "ok");
        assert_eq!(text("SELECT count(*) || '' FROM ticket_body"), "1000");
        assert_eq!(text("SELECT value || '' FROM meta WHERE name = 'backup'"), "1", "it knows that it is a copy");
        fs::remove_dir_all(&folder).expect("it is ours");
    }
    say(&format!("{parts} killed before the backup had its name, {whole} whole"));
    assert!(parts > 0, "no kill came before the end");
    assert_eq!(bridge.tickets().await.len(), 1_000);
    assert!(bridge.stop().await.success());
}

/// Starts a command without waiting for anything.
fn spawn(place: &Place, arguments: &[&str]) -> Child {
    let mut command: Command = place.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts")
}

fn kill(mut child: Child) {
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A store of the first version of the schema with what the place's store holds.
fn older_store(place: &Place) -> PathBuf {
    let path = place.folder().join("older.db");
    let older = Connection::open(&path).expect("a file");
    older.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).expect("a log");
    older.execute_batch(FIRST).expect("the first migration");
    older.pragma_update(None, "application_id", APPLICATION_ID).expect("set");
    older.pragma_update(None, "user_version", 1).expect("set");
    older.execute("ATTACH ?1 AS newer", [place.store().to_str().expect("a name")]).expect("attached");
    for table in tables(&older) {
        let columns = columns(&older, &table);
        let copy = format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table}({columns}) SELECT {columns} FROM newer.{table}"
        );
        older.execute_batch(&copy).expect("the rows fit");
    }
    older.close().expect("closed");
    path
}

/// Puts the older store where the place has its own, with the marker of the last start beside it.
fn restore(place: &Place, old: &Path, epoch: &[u8]) {
    for suffix in ["-wal", "-shm"] {
        // Only a start that was killed leaves them.
        let _removed = fs::remove_file(beside(&place.store(), suffix));
    }
    fs::copy(old, place.store()).expect("copied");
    fs::write(beside(&place.store(), ".epoch"), epoch).expect("written");
}

fn tables(store: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut find = store.prepare(sql).expect("a schema");
    find.query_map([], |row| row.get(0)).expect("names").map(|name| name.expect("a name")).collect()
}

fn columns(store: &Connection, table: &str) -> String {
    let sql = "SELECT group_concat(name, ', ') FROM pragma_table_info(?1, 'main') WHERE name <> 'work_order_record'";
    store.query_row(sql, [table], |row| row.get(0)).expect("columns")
}

/// Tables and columns of a store that no upgrade may change. Starts raise counters of their own in `meta` and `lane`, and
/// keep what they are doing in `document`.
fn shape(path: &Path) -> Vec<(String, String)> {
    let store = Connection::open(path).expect("a database");
    let kept = tables(&store).into_iter().filter(|table| !["document", "lane", "meta"].contains(&table.as_str()));
    kept.map(|table| {
        let columns = columns(&store, &table);
        (table, columns)
    })
    .collect()
}

/// Every row of what must not change, as text; the file must be sound.
fn rows(path: &Path, shape: &[(String, String)]) -> Vec<String> {
    let store = Connection::open(path).expect("a database");
    let verdict: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
    assert_eq!(verdict, "ok");
    let mut all = Vec::new();
    for (table, columns) in shape {
        let mut find = store.prepare(&format!("SELECT {columns} FROM {table} ORDER BY 1, 2")).expect("a table");
        let width = find.column_count();
        let mut found = find.query([]).expect("rows");
        while let Some(row) = found.next().expect("a row") {
            let values: Vec<_> =
                (0..width).map(|place| format!("{:?}", row.get_ref(place).expect("a value"))).collect();
            all.push(format!("{table}: {}", values.join(", ")));
        }
    }
    all
}

fn version(path: &Path) -> i32 {
    let store = Connection::open(path).expect("a database");
    store.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version")
}
