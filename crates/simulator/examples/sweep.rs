//! Runs seeds and prints what came of them; exits with 1 if an invariant broke, something that must happen sometimes
//! never did, or a tooth was not found.
//!
//! `sweep [--mobile] [--profile calm|harsh|outside] [--seeds N] [--first N] [--threads N] [--teeth]`: 10,000 harsh seeds
//! from 0 on all processors, unless told otherwise. `--teeth` tries the teeth instead, and prints their table in Markdown.
//! `--mobile`: mobile tickets instead of trouble tickets; they have no profile `outside`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is what this example is for")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;

use ticketbridge_simulator::teeth::{Bite, MOST_SEEDS, bite, teeth};
use ticketbridge_simulator::{Failure, Profile, Scenario, mobile, run};

struct Wish {
    profile: Profile,
    seeds: u64,
    first: u64,
    threads: usize,
    teeth: bool,
    mobile: bool,
}

impl Wish {
    fn range(&self) -> Range<u64> {
        self.first..self.first.saturating_add(self.seeds)
    }

    /// Whether all that a harsh sweep must meet was met.
    fn is_met(&self, sometimes: &BTreeMap<&'static str, u64>) -> bool {
        let never: Vec<&str> = sometimes.iter().filter(|(_, seeds)| **seeds == 0).map(|(what, _)| *what).collect();
        let is_met = never.is_empty() || self.profile != Profile::Harsh;
        if !is_met {
            println!("never: {}", never.join(", "));
        }
        is_met
    }
}

fn wish() -> Result<Wish, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut wish = Wish { profile: Profile::Harsh, seeds: 10_000, first: 0, threads, teeth: false, mobile: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--teeth" => {
                wish.teeth = true;
                continue;
            }
            "--mobile" => {
                wish.mobile = true;
                continue;
            }
            _ => {}
        }
        let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("`{name} {value}`: not a number"));
        match name.as_str() {
            "--seeds" => wish.seeds = number()?,
            "--first" => wish.first = number()?,
            "--threads" => wish.threads = usize::try_from(number()?).unwrap_or(1).max(1),
            "--profile" => {
                wish.profile = match value.as_str() {
                    "calm" => Profile::Calm,
                    "harsh" => Profile::Harsh,
                    "outside" => Profile::Outside,
                    _ => return Err(format!("`--profile {value}`: there are calm, harsh and outside")),
                };
            }
            _ => return Err(format!("unknown argument `{name}`")),
        }
    }
    if wish.mobile && wish.profile == Profile::Outside {
        return Err(String::from("`--mobile --profile outside`: there are calm and harsh"));
    }
    Ok(wish)
}

fn main() -> ExitCode {
    let wish = match wish() {
        Ok(wish) => wish,
        Err(wrong) => {
            eprintln!("sweep: {wrong}");
            return ExitCode::from(2);
        }
    };
    let sound = match (wish.mobile, wish.teeth) {
        (false, false) => sweep(&wish),
        (false, true) => try_teeth(wish.first, wish.threads),
        (true, false) => sweep_mobile(&wish),
        (true, true) => try_mobile_teeth(wish.first, wish.threads),
    };
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn sweep(wish: &Wish) -> bool {
    let summary = run(wish.range(), wish.threads, &Scenario::of(wish.profile));
    tell(&summary.failures, &summary.sometimes);
    println!(
        "{} seeds, {} failed; {} virtual hours, {} tickets, {} requests, {} effects, {} crashes, {} steps, {} doubles",
        summary.seeds,
        summary.failed,
        summary.span.as_secs() / 3_600,
        summary.tickets,
        summary.requests,
        summary.effects,
        summary.crashes,
        summary.steps,
        summary.doubles,
    );
    wish.is_met(&summary.sometimes) && summary.failed == 0
}

fn sweep_mobile(wish: &Wish) -> bool {
    let profile = if wish.profile == Profile::Calm { mobile::Profile::Calm } else { mobile::Profile::Harsh };
    let scenario = mobile::Scenario { profile, ..mobile::Scenario::default() };
    let summary = mobile::run_all(wish.range(), wish.threads, scenario);
    tell(&summary.failures, &summary.sometimes);
    println!(
        "{} seeds of mobile tickets, {} failed; {} virtual hours, {} runs, {} pages, {} items, {} requests, {} effects, \
         {} crashes; {} tickets, {} of them compared whole",
        summary.seeds,
        summary.failed,
        summary.span.as_secs() / 3_600,
        summary.runs,
        summary.pages,
        summary.items,
        summary.requests,
        summary.effects,
        summary.crashes,
        summary.tickets,
        summary.compared,
    );
    wish.is_met(&summary.sometimes) && summary.failed == 0
}

/// Failures with their stories, and in how many seeds each of the things that must happen sometimes did.
fn tell(failures: &[Failure], sometimes: &BTreeMap<&'static str, u64>) {
    for failure in failures {
        println!("seed {}: {}: {}", failure.seed, failure.violation.invariant, failure.violation.text);
        for line in &failure.story {
            println!("  {line}");
        }
    }
    for (what, seeds) in sometimes {
        println!("{seeds:>8} {what}");
    }
}

fn try_teeth(first: u64, threads: usize) -> bool {
    let seeds = first..first + MOST_SEEDS;
    print_teeth(teeth().iter().map(|tooth| {
        ([tooth.name, tooth.guard, tooth.switched_off, tooth.expected], bite(tooth, seeds.clone(), threads))
    }))
}

fn try_mobile_teeth(first: u64, threads: usize) -> bool {
    let seeds = first..first + mobile::MOST_SEEDS;
    print_teeth(mobile::TEETH.iter().map(|tooth| {
        ([tooth.name, tooth.guard, tooth.switched_off, tooth.expected], mobile::bite(tooth, seeds.clone(), threads))
    }))
}

/// A line of the table as soon as its tooth was tried. True: all of them were found.
fn print_teeth(tried: impl Iterator<Item = ([&'static str; 4], Option<Bite>)>) -> bool {
    println!("| name | guard | switched off | broken | found at seed number |");
    println!("|---|---|---|---|---|");
    let mut found_all = true;
    for (columns, found) in tried {
        let seeds = found.as_ref().map_or_else(|| String::from("not found"), |bite| bite.seeds.to_string());
        println!("| {} | {seeds} |", columns.join(" | "));
        found_all &= found.is_some();
    }
    found_all
}
