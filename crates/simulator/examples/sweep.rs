//! Runs seeds and prints what came of them: `sweep [calm|harsh|outside] [seeds] [first seed] [threads]`;
//! with `STRICT` set, what is known to be wrong counts.

#![expect(clippy::print_stdout, reason = "it is what this example is for")]

use ticketbridge_simulator::{Profile, Scenario, run};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let profile = match arguments.next().as_deref() {
        Some("calm") => Profile::Calm,
        Some("outside") => Profile::Outside,
        _ => Profile::Harsh,
    };
    let mut number = |usual: u64| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (seeds, first) = (number(1_000), number(0));
    let threads = number(std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64));
    let scenario = Scenario { strict: std::env::var_os("STRICT").is_some(), ..Scenario::of(profile) };
    let summary = run(first..first + seeds, threads as usize, &scenario);
    for failure in &summary.failures {
        println!("seed {}: {}: {}", failure.seed, failure.violation.invariant, failure.violation.text);
        for line in &failure.story {
            println!("  {line}");
        }
    }
    for (what, seeds) in &summary.sometimes {
        println!("{seeds:>8} {what}");
    }
    println!(
        "{} seeds, {} failed; {} hours, {} steps, {} tickets, {} requests, {} effects, {} crashes, {} doubles",
        summary.seeds,
        summary.failed,
        summary.span.as_secs() / 3_600,
        summary.steps,
        summary.tickets,
        summary.requests,
        summary.effects,
        summary.crashes,
        summary.doubles,
    );
}
