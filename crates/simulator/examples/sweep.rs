//! Runs seeds and prints what came of them; exits with 1 if an invariant broke, something that must happen sometimes
//! never did, or a tooth was not found.
//!
//! `sweep [--mobile] [--profile calm|harsh|outside] [--seeds N] [--first N] [--threads N] [--teeth]`: 10,000 harsh seeds
//! from 0 on all processors, unless told otherwise. `--teeth` tries the teeth instead, and prints their table in Markdown.
//! `--mobile`: mobile tickets instead of trouble tickets; they have no profile `outside`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is what this example is for")]

use std::process::ExitCode;

use ticketbridge_simulator::teeth::{MOST_SEEDS, bite, teeth};
use ticketbridge_simulator::{Profile, Scenario, Summary, mobile, run};

struct Wish {
    profile: Profile,
    seeds: u64,
    first: u64,
    threads: usize,
    teeth: bool,
    mobile: bool,
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
    let range = wish.first..wish.first.saturating_add(wish.seeds);
    let summary = run(range, wish.threads, &Scenario::of(wish.profile));
    for failure in &summary.failures {
        println!("seed {}: {}: {}", failure.seed, failure.violation.invariant, failure.violation.text);
        for line in &failure.story {
            println!("  {line}");
        }
    }
    print(&summary);
    let never: Vec<&str> = summary.sometimes.iter().filter(|(_, seeds)| **seeds == 0).map(|(what, _)| *what).collect();
    let all_met = never.is_empty() || wish.profile != Profile::Harsh;
    if !all_met {
        println!("never: {}", never.join(", "));
    }
    summary.failed == 0 && all_met
}

fn print(summary: &Summary) {
    for (what, seeds) in &summary.sometimes {
        println!("{seeds:>8} {what}");
    }
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
}

fn try_teeth(first: u64, threads: usize) -> bool {
    println!("| name | guard | switched off | broken | found at seed number |");
    println!("|---|---|---|---|---|");
    let mut found_all = true;
    for tooth in teeth() {
        let found = bite(&tooth, first..first + MOST_SEEDS, threads);
        let seeds = found.as_ref().map_or_else(|| String::from("not found"), |bite| bite.seeds.to_string());
        let expected = tooth.expected;
        println!("| {} | {} | {} | {expected} | {seeds} |", tooth.name, tooth.guard, tooth.switched_off);
        found_all &= found.is_some();
    }
    found_all
}

fn sweep_mobile(wish: &Wish) -> bool {
    let range = wish.first..wish.first.saturating_add(wish.seeds);
    let is_calm = wish.profile == Profile::Calm;
    let profile = if is_calm { mobile::Profile::Calm } else { mobile::Profile::Harsh };
    let scenario = mobile::Scenario { profile, ..mobile::Scenario::default() };
    let summary = mobile::run_all(range, wish.threads, scenario);
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
    let never: Vec<&str> = summary.sometimes.iter().filter(|(_, seeds)| **seeds == 0).map(|(what, _)| *what).collect();
    let all_met = never.is_empty() || is_calm;
    if !all_met {
        println!("never: {}", never.join(", "));
    }
    summary.failed == 0 && all_met
}

fn try_mobile_teeth(first: u64, threads: usize) -> bool {
    println!("| name | guard | switched off | broken | found at seed number |");
    println!("|---|---|---|---|---|");
    let mut found_all = true;
    for tooth in mobile::TEETH {
        let found = mobile::bite(tooth, first..first + mobile::MOST_SEEDS, threads);
        let seeds = found.as_ref().map_or_else(|| String::from("not found"), |bite| bite.seeds.to_string());
        println!("| {} | {} | {} | {} | {seeds} |", tooth.name, tooth.guard, tooth.switched_off, tooth.expected);
        found_all &= found.is_some();
    }
    found_all
}
