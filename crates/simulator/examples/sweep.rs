//! Runs seeds and prints what came of them.

#![expect(clippy::print_stdout, reason = "it is what this example is for")]

use ticketbridge_simulator::{Profile, Scenario, run};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |usual: u64| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (seeds, first) = (number(1_000), number(0));
    let summary = run(first..first + seeds, 2, &Scenario::of(Profile::Harsh));
    for failure in &summary.failures {
        println!("seed {}: {}: {}", failure.seed, failure.violation.invariant, failure.violation.text);
        for line in &failure.story {
            println!("  {line}");
        }
    }
    println!("{} seeds, {} failed", summary.seeds, summary.failed);
}
