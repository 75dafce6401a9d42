//! 20,000 tickets through create, work order and link, 100 per request, on a loopback platform:
//! `cargo bench -p ticketbridge-engine --bench delivery` (`-- 20000 20 32`: 20,000 tickets, 20 ms of latency per
//! request, at most 32 requests in flight; without arguments 0 ms and 20 ms, 32 in flight).
//!
//! Each way runs in a process of its own, on a store file of its own (SQLite, WAL, `synchronous=FULL`), against a
//! platform in a process of its own ([`stub`]):
//! * `rows`: the floor's store part: a bare row per ticket upserted in transactions of 100, as often as the lifecycle
//!   must commit: 4 times per ticket. No body, no journal, no requests.
//! * `requests`: the floor's wire part: the same requests without any store: typed JSON, the same number in flight.
//!   Nothing is remembered; a crash doubles.
//! * `delivery`: the product, with its own connector for SFyC. The tickets were received before: the clock runs from the
//!   start of processing until no ticket is open.
//! * `received`: the product, processing on, with the intake inside the time: the clock runs from the first call of 500
//!   tickets until no ticket is open.
//!
//! `-- live [TICKETS [ROUNDS]]` runs `delivery` and `live` in turns, at 0 ms: the same with somebody who hears and encodes
//! all events. Printed are the best of each, in CPU seconds too, and their ratio.
//!
//! Printed: tickets per second, CPU seconds and peak memory of the way's process, requests, and time and CPU over the
//! floor (`rows` + `requests`). Nothing is asserted: timing decides no test. Doubles would be printed as such.

mod floor;
#[path = "../common/process.rs"]
mod process;
mod product;
mod stub;
mod ticket;

use std::path::Path;

use process::{Figures, child, say};
use product::{BATCH, Load};
use stub::{Platform, Seen};

/// The product's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let usual = Load { tickets: 20_000, latency_ms: 0, in_flight: 32 };
    match words.as_slice() {
        ["serve", latency_ms] => stub::serve(latency_ms.parse()?),
        ["fill", tickets, folder] => product::fill(tickets.parse()?, Path::new(folder)),
        ["measure", way, tickets, in_flight, platform, folder] => {
            let load = Load { tickets: tickets.parse()?, latency_ms: 0, in_flight: in_flight.parse()? };
            measure(way, load, platform, Path::new(folder))
        }
        ["live"] => live(usual, ROUNDS),
        ["live", tickets] => live(Load { tickets: tickets.parse()?, ..usual }, ROUNDS),
        ["live", tickets, rounds] => live(Load { tickets: tickets.parse()?, ..usual }, rounds.parse()?),
        [] => {
            compare(usual)?;
            compare(Load { latency_ms: 20, ..usual })
        }
        [tickets] => {
            let load = Load { tickets: tickets.parse()?, ..usual };
            compare(load)?;
            compare(Load { latency_ms: 20, ..load })
        }
        [tickets, latency_ms] => compare(Load { tickets: tickets.parse()?, latency_ms: latency_ms.parse()?, ..usual }),
        [tickets, latency_ms, in_flight] => {
            compare(Load { tickets: tickets.parse()?, latency_ms: latency_ms.parse()?, in_flight: in_flight.parse()? })
        }
        _ => Err(
            "usage: cargo bench -p ticketbridge-engine --bench delivery [-- [live] TICKETS [LATENCY_MS [IN_FLIGHT]]]"
                .into(),
        ),
    }
}

/// Runs all ways one after the other.
#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn compare(load: Load) -> Result<(), Failure> {
    println!(
        "\n{} tickets of {} bytes, {BATCH} per request, {} ms of latency per request, at most {} in flight\n",
        load.tickets,
        ticket::text(0).len(),
        load.latency_ms,
        load.in_flight
    );
    println!(
        "{:<10}{:>11}{:>10}{:>9}{:>11}{:>11}{:>10}{:>12}   ",
        "way", "tickets/s", "seconds", "CPU s", "peak MiB", "requests", "floor x", "floor CPU x"
    );
    let (mut floor, mut floor_cpu) = (0.0, 0.0);
    for way in ["rows", "requests", "delivery", "received"] {
        let (figures, seen) = run(way, load)?;
        if matches!(way, "rows" | "requests") {
            floor += figures.seconds;
            floor_cpu += figures.cpu_seconds;
        }
        println!(
            "{way:<10}{:>11.0}{:>10.3}{:>9.2}{:>11.1}{:>11}{:>10.2}{:>12.2}   {seen}",
            load.tickets as f64 / figures.seconds,
            figures.seconds,
            figures.cpu_seconds,
            figures.peak_mib,
            seen.requests,
            figures.seconds / floor,
            figures.cpu_seconds / floor_cpu,
        );
    }
    Ok(())
}

/// Turns of each way, unless told.
const ROUNDS: usize = 3;

/// Delivery with and without a watcher, in turns: what else the machine does meets both.
#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn live(load: Load, rounds: usize) -> Result<(), Failure> {
    let (mut seconds, mut cpu) = ([f64::INFINITY; 2], [f64::INFINITY; 2]);
    for _ in 0..rounds {
        for (place, way) in ["delivery", "live"].into_iter().enumerate() {
            let (figures, seen) = run(way, load)?;
            println!("{way:<10}{:>10.3} s{:>9.2} CPU s   {seen}", figures.seconds, figures.cpu_seconds);
            seconds[place] = figures.seconds.min(seconds[place]);
            cpu[place] = figures.cpu_seconds.min(cpu[place]);
        }
    }
    let rate = |seconds: f64| load.tickets as f64 / seconds;
    println!(
        "\nwithout {:.0} tickets/s, {:.2} CPU s; with a watcher {:.0} tickets/s, {:.2} CPU s; ratio {:.3}, of CPU {:.3}",
        rate(seconds[0]),
        cpu[0],
        rate(seconds[1]),
        cpu[1],
        rate(seconds[1]) / rate(seconds[0]),
        cpu[1] / cpu[0],
    );
    Ok(())
}

/// One way, on a store and a platform of its own.
fn run(way: &str, load: Load) -> Result<(Figures, Seen), Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().ok_or("the temporary folder has no readable name")?;
    let tickets = load.tickets.to_string();
    if matches!(way, "delivery" | "live") {
        child(&["fill", &tickets, path])?;
    }
    let platform = Platform::start(&std::env::current_exe()?, load.latency_ms)?;
    let measured = child(&["measure", way, &tickets, &load.in_flight.to_string(), &platform.address, path])?;
    let seen = platform.end()?;
    Ok((serde_json::from_slice(&measured)?, seen))
}

fn measure(way: &str, load: Load, platform: &str, folder: &Path) -> Result<(), Failure> {
    let figures = match way {
        "rows" => floor::rows(load, folder)?,
        "requests" => floor::requests(load, platform)?,
        "delivery" => product::delivery(load, platform, folder)?,
        "live" => product::live(load, platform, folder)?,
        "received" => product::received(load, platform, folder)?,
        other => return Err(format!("no way `{other}`").into()),
    };
    say(&figures)
}
