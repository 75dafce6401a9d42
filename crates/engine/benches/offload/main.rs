//! KPI files taken in and evaluated: `cargo bench -p ticketbridge-engine --bench offload` (`-- L`: at the design limit,
//! `-- M week`: only the second part).
//!
//! The files are those of telecom contract §9, written anew: scale M has 137,200 rows per quarter of an hour, 13.2
//! million a day; scale L 600,000 and 57.6 million. Each way runs in a process of its own, over the very same files:
//!
//! * *A day in three files.* `parse`: the csv crate reads them into byte records, every field touched, nothing kept.
//!   `offload`: the product takes them in durably (SQLite, `synchronous=FULL`) and makes a run over them.
//! * *A week in the store.* Six days and 23 hours are stored as if they had come every quarter of an hour. `first`: a run
//!   by a process that finds the samples and nothing else. `batches`: the product again, as it is day after day: four
//!   times the three files of a quarter of an hour, and a run after each. `parse`: the csv crate over these twelve files.
//!
//! Printed: rows per second, seconds, CPU seconds of the process, its peak memory, and the ratio of seconds to the plain
//! parse. Nothing is asserted: timing decides no test.

mod plant;
#[path = "../common/process.rs"]
mod process;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use ticketbridge_config::Config;
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::{ChannelOrdinal, KpiFile, Sample, Timestamp};
use ticketbridge_core::time::Wall;
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::offload::{Offload, OffloadSettings, PlantCache, total_counters};
use ticketbridge_engine::split::backend_choices;
use ticketbridge_engine::workflow::{SeededSource, Workflow};
use ticketbridge_store::samples::{FileKind, LoadSource, SampleStore};
use ticketbridge_store::{OpenMode, SqliteStore, Store};

use self::plant::{Plant, STEP, Scale};
use self::process::{Figures, Span, child, say};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tickets are stored and not sent.
const BACKEND: &str = r#"
    [[backends]]
    name = "be-1"
    tickets = "sfyc"
    work_orders = "sfyc"
    [platforms.sfyc]
    type = "connector"
    file = "builtin:sfyc"
    host = "127.0.0.1"
    token = "env:KEY"
"#;
/// 2026-11-20T00:00:00Z.
const DAY_BEGIN: Timestamp = Timestamp(1_795_132_800);
const QUARTERS_PER_DAY: i64 = 96;
/// Quarters of an hour in the store before the batches of the second part.
const STORED: i64 = 7 * QUARTERS_PER_DAY - BATCHES;
const BATCHES: i64 = 4;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match words.as_slice() {
        ["measure", way, scale, folder] => runtime.block_on(measure(way, Scale::of(scale)?, Path::new(folder))),
        [] => day("M").and_then(|()| week("M")),
        [scale] => day(scale).and_then(|()| week(scale)),
        [scale, "day"] => day(scale),
        [scale, "week"] => week(scale),
        _ => Err("usage: cargo bench -p ticketbridge-engine --bench offload [-- S|M|L [day|week]]".into()),
    }
}

/// What one way cost.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    rows: u64,
    cost: Figures,
    text: String,
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn day(scale: &str) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let plant = Plant::new(Scale::of(scale)?);
    plant.write_topology(folder.path())?;
    for file in KpiFile::ALL {
        plant.write_samples(folder.path(), file, DAY_BEGIN, QUARTERS_PER_DAY)?;
    }
    println!("scale {scale}, a day in three files: {} rows", plant.rows_per_quarter() as i64 * QUARTERS_PER_DAY);
    compare(&["parse", "offload"], scale, folder.path())
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn week(scale: &str) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let plant = Plant::new(Scale::of(scale)?);
    plant.write_topology(folder.path())?;
    for batch in 0..BATCHES {
        let folder = batch_folder(folder.path(), batch);
        std::fs::create_dir(&folder)?;
        for file in KpiFile::ALL {
            plant.write_samples(&folder, file, DAY_BEGIN.plus_seconds((STORED + batch) * STEP), 1)?;
        }
    }
    println!(
        "\nscale {scale}, {} rows in the store, {BATCHES} batches of {} rows",
        plant.rows_per_quarter() as i64 * STORED,
        plant.rows_per_quarter()
    );
    run_way("store", scale, folder.path())?;
    compare(&["first"], scale, folder.path())?;
    compare(&["parse", "batches"], scale, folder.path())
}

fn batch_folder(folder: &Path, batch: i64) -> PathBuf {
    folder.join(format!("batch-{batch}"))
}

/// Runs the ways one after the other, each in its own process; the first is what the others are compared with.
#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn compare(ways: &[&str], scale: &str, folder: &Path) -> Result<(), Failure> {
    println!("{:<10}{:>12}{:>10}{:>10}{:>10}{:>10}", "way", "rows/s", "seconds", "CPU s", "peak MiB", "ratio");
    let mut base = None;
    for way in ways {
        let told = run_way(way, scale, folder)?;
        let base = *base.get_or_insert(told.cost.seconds);
        println!(
            "{way:<10}{:>12.0}{:>10.2}{:>10.2}{:>10.1}{:>10.2}   {}",
            told.rows as f64 / told.cost.seconds,
            told.cost.seconds,
            told.cost.cpu_seconds,
            told.cost.peak_mib,
            told.cost.seconds / base,
            told.text,
        );
    }
    Ok(())
}

fn run_way(way: &str, scale: &str, folder: &Path) -> Result<Told, Failure> {
    let folder = folder.to_str().ok_or("the temporary folder has no readable name")?;
    Ok(serde_json::from_slice(&child(&["measure", way, scale, folder])?)?)
}

async fn measure(way: &str, scale: Scale, folder: &Path) -> Result<(), Failure> {
    let span = Span::begin()?;
    let (rows, text) = match way {
        "parse" => (parse_all(folder)?, String::new()),
        "offload" => offload(folder).await?,
        "store" => (store(scale, folder).await?, String::new()),
        "first" => first(scale, folder).await?,
        "batches" => batches(folder).await?,
        other => return Err(format!("no way `{other}`").into()),
    };
    say(&Told { rows, cost: span.end()?, text })
}

/// The plain parse: of the day's files, or of the batches if there are any.
fn parse_all(folder: &Path) -> Result<u64, Failure> {
    let mut folders: Vec<PathBuf> = (0..BATCHES).map(|batch| batch_folder(folder, batch)).collect();
    folders.retain(|folder| folder.exists());
    if folders.is_empty() {
        folders.push(folder.to_owned());
    }
    let mut rows = 0;
    for folder in folders {
        for file in KpiFile::ALL {
            rows += parse(&folder.join(format!("{}.csv", FileKind::from(file))))?;
        }
    }
    Ok(rows)
}

fn parse(path: &Path) -> Result<u64, Failure> {
    let mut reader = csv::Reader::from_path(path)?;
    let mut record = csv::ByteRecord::new();
    let (mut rows, mut sum) = (0, 0_u64);
    while reader.read_byte_record(&mut record)? {
        rows += 1;
        for field in &record {
            sum += field.len() as u64 + u64::from(field.first().copied().unwrap_or_default());
        }
    }
    std::hint::black_box(sum);
    Ok(rows)
}

/// The product over a folder with both stores in it.
struct Product {
    samples: Arc<SampleStore>,
    plants: Arc<PlantCache>,
    offload: Offload,
    workflow: Workflow,
}

impl Product {
    fn open(folder: &Path, files: &Path, now: Timestamp) -> Result<Self, Failure> {
        let path = folder.join("bench.db");
        let store: Arc<dyn Store> = SqliteStore::open(&path, OpenMode::Command)?.store;
        let samples = Arc::new(SampleStore::open(&SampleStore::path_beside(&path))?);
        let plants = Arc::new(PlantCache::default());
        let settings = Arc::new(Settings::default());
        let sources = OffloadSettings::folder(files, None);
        let offload = Offload::new(Arc::clone(&samples), Arc::clone(&plants), sources, Arc::clone(&settings));
        let source = SeededSource::new(move || wall(now), now.0.to_be_bytes().repeat(4).try_into().unwrap_or_default());
        let workflow = Workflow::new(store, Arc::clone(&samples), Arc::clone(&plants), settings, source);
        Ok(Self { samples, plants, offload, workflow })
    }

    async fn load(&self, kinds: &[FileKind], now: Timestamp) -> Result<u64, Failure> {
        let mut rows = 0;
        for kind in kinds {
            let report = self.offload.offload_now(*kind, wall(now)).await?;
            for counters in total_counters(&report.files).values().filter(|_| kind.kpi().is_some()) {
                rows += counters.rows;
            }
        }
        Ok(rows)
    }

    async fn run(&self, as_of: Timestamp) -> Result<String, Failure> {
        let backends = backend_choices(&Config::parse(BACKEND, "bench", Vec::new())?.config, None);
        let outcome = self.workflow.run(as_of, "manual", &backends).await?;
        Ok(format!("{} tickets", outcome.tickets.len()))
    }
}

fn wall(at: Timestamp) -> Wall {
    Wall(at.0 * 1_000)
}

/// A day's files taken in, and a run.
async fn offload(folder: &Path) -> Result<(u64, String), Failure> {
    let as_of = DAY_BEGIN.plus_seconds((QUARTERS_PER_DAY - 1) * STEP);
    let product = Product::open(folder, folder, as_of)?;
    let clock = Clock::start();
    let began = clock.now().mono;
    let rows = product.load(&FileKind::ALL, as_of).await?;
    let loaded = clock.now().mono;
    let text = product.run(as_of).await?;
    let (load, run) = (loaded.since(began).as_secs_f64(), clock.now().mono.since(loaded).as_secs_f64());
    Ok((rows, format!("load {load:.2} s, run {run:.2} s, {text}")))
}

/// Puts a week into the store, as if it had come every quarter of an hour.
async fn store(scale: Scale, folder: &Path) -> Result<u64, Failure> {
    let plant = Plant::new(scale);
    let product = Product::open(folder, folder, DAY_BEGIN)?;
    product.load(&[FileKind::TopologyServiceGroup, FileKind::TopologyChannel], DAY_BEGIN).await?;
    let known = product.plants.active(&product.samples)?.ok_or("no topology")?;
    let ordinals = KpiFile::ALL.map(|file| -> Vec<ChannelOrdinal> {
        plant.ids(file).filter_map(|id| known.topology.find_channel(id)).map(|channel| known.ordinal(channel)).collect()
    });
    let mut rows = 0;
    for quarter in 0..STORED {
        let at = DAY_BEGIN.plus_seconds(quarter * STEP);
        for file in KpiFile::ALL {
            let mut hash = [file as u8; 32];
            hash[..8].copy_from_slice(&quarter.to_be_bytes());
            let source =
                LoadSource { kind: file.into(), hash, file: format!("{}-{quarter}.csv", FileKind::from(file)) };
            let mut writer = product.samples.begin(source)?;
            for (channel, reading) in ordinals[file as usize].iter().zip(plant.readings(file, at)) {
                rows += 1;
                writer.push(Sample {
                    channel: *channel,
                    at,
                    value: i32::try_from(reading.thousandths).ok(),
                    modulation: reading.modulation_code(file),
                    cm_online: u32::try_from(reading.modems).ok(),
                })?;
            }
            writer.finish(wall(at), |_| "{}".to_owned())?;
        }
    }
    Ok(rows)
}

/// A run over all that is stored.
async fn first(scale: Scale, folder: &Path) -> Result<(u64, String), Failure> {
    let as_of = DAY_BEGIN.plus_seconds((STORED - 1) * STEP);
    let text = Product::open(folder, folder, as_of)?.run(as_of).await?;
    Ok((Plant::new(scale).rows_per_quarter() as u64 * STORED as u64, text))
}

/// The files of a quarter of an hour taken in, and a run, again and again.
async fn batches(folder: &Path) -> Result<(u64, String), Failure> {
    let clock = Clock::start();
    let (mut rows, mut texts) = (0, Vec::new());
    for batch in 0..BATCHES {
        let as_of = DAY_BEGIN.plus_seconds((STORED + batch) * STEP);
        let product = Product::open(folder, &batch_folder(folder, batch), as_of)?;
        let began = clock.now().mono;
        rows += product.load(&FileKind::ALL[2..], as_of).await?;
        let loaded = clock.now().mono;
        let text = product.run(as_of).await?;
        let (load, run) = (loaded.since(began).as_secs_f64(), clock.now().mono.since(loaded).as_secs_f64());
        texts.push(format!("{load:.2}+{run:.2} s ({text})"));
    }
    Ok((rows, format!("load+run: {}", texts.join(", "))))
}
