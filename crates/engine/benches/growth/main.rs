//! A store that grows: the same delivery, and the same questions, with 0, 100,000 and 1,000,000 finished tickets in it:
//! `cargo bench -p ticketbridge-engine --bench growth` (`-- 0,100000 3 FOLDER`: these sizes, 3 deliveries each, the filled
//! stores kept in FOLDER and taken from there the next time). It needs about 10 GB of disk.
//!
//! Each measurement runs in a process of its own, on a copy of the filled store:
//! * delivery: 20,000 tickets through create, work order and link, as in the `delivery` bench, without latency; sizes take
//!   turns, so that a busy machine slows all of them. Time and CPU of the best round, and their ratio to the empty store.
//! * questions: start, counts, pages with each filter, one ticket; purging, backing up.
//!
//! Printed in milliseconds where nothing else is said. Nothing is asserted: timing decides no test.

#[path = "../common/process.rs"]
mod process;
#[path = "../delivery/product.rs"]
#[expect(dead_code, reason = "only a part of what the delivery bench measures")]
mod product;
#[path = "../delivery/stub.rs"]
mod stub;
#[path = "../delivery/ticket.rs"]
#[expect(dead_code, reason = "only a part of what the delivery bench measures")]
mod ticket;

mod fill;
mod reads;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use fill::Fill;
use process::{Figures, child, say};
use product::Load;
use stub::Platform;
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_engine::clock::Clock;
use ticketbridge_store::{OpenMode, SqliteStore, Store};

/// The product's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Tickets of a delivery.
const TICKETS: usize = 20_000;
/// Requests in flight at most.
const IN_FLIGHT: usize = 32;
/// The ticket platform.
const PLATFORM: &str = "sfyc";

/// What is delivered.
const LOAD: Load = Load { tickets: TICKETS, latency_ms: 0, in_flight: IN_FLIGHT };

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let sizes = |text: &str| text.split(',').map(str::parse).collect::<Result<Vec<u64>, _>>();
    match words.as_slice() {
        ["serve", latency_ms] => stub::serve(latency_ms.parse()?),
        ["fill", count, folder] => fill_up(count.parse()?, &store_in(Path::new(folder))),
        ["receive", folder] => receive(Path::new(folder)),
        ["deliver", platform, folder] => say(&product::delivery(LOAD, platform, Path::new(folder))?),
        ["ask", folder] => say(&run(reads::ask(&store_in(Path::new(folder))))?),
        [] => compare(&[0, 100_000, 1_000_000], 3, None),
        [of] => compare(&sizes(of)?, 3, None),
        [of, rounds] => compare(&sizes(of)?, rounds.parse()?, None),
        [of, rounds, folder] => compare(&sizes(of)?, rounds.parse()?, Some(Path::new(folder))),
        _ => Err("usage: cargo bench -p ticketbridge-engine --bench growth [-- SIZES [ROUNDS [FOLDER]]]".into()),
    }
}

fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

fn store_in(folder: &Path) -> PathBuf {
    folder.join("bench.db")
}

fn fill_up(count: u64, path: &Path) -> Result<(), Failure> {
    run(async {
        let store = SqliteStore::open(path, OpenMode::Serve)?.store;
        let until = Clock::start().now().wall;
        fill::fill(&store, &Fill { platform: PlatformName::new(PLATFORM), first: 0, count, until }).await
    })
}

/// The tickets of a delivery, received into a copy of a store.
fn receive(folder: &Path) -> Result<(), Failure> {
    run(async {
        let opened = SqliteStore::open(&store_in(folder), OpenMode::Serve)?;
        opened.store.suspicion_dealt_with().await?;
        Ok(())
    })?;
    product::fill(TICKETS, folder)
}

/// A store with `count` finished tickets.
fn base(count: u64, folder: &Path) -> Result<PathBuf, Failure> {
    let place = folder.join(count.to_string());
    if !store_in(&place).exists() {
        let making = folder.join(format!("{count}.making"));
        drop(std::fs::remove_dir_all(&making));
        std::fs::create_dir_all(&making)?;
        child(&["fill", &count.to_string(), text(&making)?])?;
        std::fs::rename(&making, &place)?;
    }
    Ok(place)
}

fn text(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| "the temporary folder has no readable name".into())
}

/// A folder with a copy of a store.
fn copy(base: &Path, beside: &Path) -> Result<tempfile::TempDir, Failure> {
    let folder = tempfile::tempdir_in(beside)?;
    let mut from = std::fs::File::open(store_in(base))?;
    let mut to = std::fs::File::create(store_in(folder.path()))?;
    // Page by page, as a store is written: of a file that was copied in large pieces, some kernels write large pieces for
    // every page that changes.
    let mut page = [0; 4096];
    while let read @ 1.. = from.read(&mut page)? {
        to.write_all(&page[..read])?;
    }
    // On disk before anybody measures: otherwise the first fsync of the store would write the whole copy.
    to.sync_all()?;
    Ok(folder)
}

/// One delivery on a copy of a store.
fn deliver(base: &Path, beside: &Path) -> Result<Figures, Failure> {
    let folder = copy(base, beside)?;
    let path = text(folder.path())?;
    child(&["receive", path])?;
    let platform = Platform::start(&std::env::current_exe()?, LOAD.latency_ms)?;
    let figures = child(&["deliver", &platform.address, path])?;
    platform.end()?;
    Ok(serde_json::from_slice(&figures)?)
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn compare(sizes: &[u64], rounds: usize, keep: Option<&Path>) -> Result<(), Failure> {
    let temporary = tempfile::tempdir()?;
    let folder = keep.unwrap_or_else(|| temporary.path());
    let mut bases = Vec::new();
    for size in sizes {
        let began = Clock::start();
        let place = base(*size, folder)?;
        let mib = std::fs::metadata(store_in(&place))?.len() / (1024 * 1024);
        println!("{size} finished tickets: {mib} MiB, filled in {} s", began.now().mono.0 / 1_000);
        bases.push(place);
    }
    println!(
        "\n{:<10}{:>14}{:>10}{:>9}{:>11}{:>9}{:>9}",
        "finished", "tickets/s", "seconds", "CPU s", "peak MiB", "time x", "CPU x"
    );
    let mut best: Vec<Option<Figures>> = sizes.iter().map(|_| None).collect();
    for _ in 0..rounds {
        for (place, best) in bases.iter().zip(&mut best) {
            let figures = deliver(place, folder)?;
            if best.as_ref().is_none_or(|best| figures.cpu_seconds < best.cpu_seconds) {
                *best = Some(figures);
            }
        }
    }
    let best: Vec<Figures> = best.into_iter().flatten().collect();
    for (size, figures) in sizes.iter().zip(&best) {
        println!(
            "{size:<10}{:>14.0}{:>10.3}{:>9.2}{:>11.1}{:>9.2}{:>9.2}",
            TICKETS as f64 / figures.seconds,
            figures.seconds,
            figures.cpu_seconds,
            figures.peak_mib,
            figures.seconds / best[0].seconds,
            figures.cpu_seconds / best[0].cpu_seconds,
        );
    }
    let mut answers: Vec<reads::Figures> = Vec::new();
    for place in &bases {
        let copied = copy(place, folder)?;
        answers.push(serde_json::from_slice(&child(&["ask", text(copied.path())?])?)?);
    }
    print_answers(sizes, &answers);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn print_answers(sizes: &[u64], answers: &[reads::Figures]) {
    print!("\n{:<44}", "milliseconds, finished tickets:");
    for size in sizes {
        print!("{size:>14}");
    }
    println!();
    // An empty store is asked fewer questions: there is no ticket to look at.
    let Some(most) = answers.iter().max_by_key(|figures| figures.len()) else { return };
    for (name, _) in most {
        print!("{name:<44}");
        for figures in answers {
            match figures.iter().find(|(other, _)| other == name) {
                Some((_, value)) => print!("{value:>14.2}"),
                None => print!("{:>14}", "-"),
            }
        }
        println!();
    }
}
