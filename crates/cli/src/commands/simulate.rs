//! `simulate`: the configuration's backends and platforms under virtual time, with much bad luck.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ticketbridge_config::Config;
use ticketbridge_config::sections::platforms::{OnUnresolved as OnUnresolvedConfig, PlatformSettings};
use ticketbridge_config::sections::{Backend, BackendState, Platform};
use ticketbridge_core::delivery::OnUnresolved;
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_simulator::site::{Site, SiteBackend, SitePlatform, Sort};
use ticketbridge_simulator::{MAX_FAILURES, Profile, Scenario, Summary, run as simulate};

use super::setup;
use crate::arguments::{self, Faults};
use crate::failure::Failure;
use crate::output;

/// Seeds between two looks at the bar.
const PORTION: u64 = 50;
/// The most items that a simulated request takes, whatever Max Tickets Per Request says.
const MAX_BATCH: usize = 500;

/// Runs the seeds; 1 if an invariant was broken.
pub(crate) async fn run(path: Option<&Path>, arguments: arguments::Simulate, json: bool) -> Result<ExitCode, Failure> {
    let site = match (setup::config_path(path), arguments.generated) {
        (Some(_), false) => Some(site(&setup::load(path)?.config)?),
        _ => None,
    };
    let profile = match arguments.faults {
        Faults::Calm => Profile::Calm,
        Faults::Harsh => Profile::Harsh,
        Faults::Outside => Profile::Outside,
    };
    if !json {
        output::talk(&match &site {
            Some(site) => format!(
                "The backends of this configuration ({}), on models of their platforms.",
                site.backends.iter().map(|backend| backend.name.as_str()).collect::<Vec<_>>().join(", ")
            ),
            None => String::from("A site of its own for each seed, on models of Cherwell and SFyC."),
        });
    }
    let scenario = Scenario { site, ..Scenario::of(profile) };
    let threads = arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
    let (first, last) = (arguments.seed, arguments.seed.saturating_add(arguments.seeds));
    let work = tokio::task::spawn_blocking(move || all(first, last, threads, &scenario, json));
    let summary = work.await.map_err(|error| Failure::new(error.to_string()))?;
    let Some(summary) = summary else {
        return Err(Failure::new(String::from("there is no seed to run; `--seeds` must be at least 1")));
    };
    if json {
        output::json(&summary);
    } else {
        show(&summary, &arguments);
    }
    Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn all(first: u64, last: u64, threads: usize, scenario: &Scenario, json: bool) -> Option<Summary> {
    let bar = ProgressBar::new(last - first);
    if json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("seeds [{bar:50}] {pos}/{len}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    let mut sum: Option<Summary> = None;
    let mut seed = first;
    while seed < last {
        let end = seed.saturating_add(PORTION * threads as u64).min(last);
        let part = simulate(seed..end, threads, scenario);
        match &mut sum {
            Some(sum) => {
                sum.merge(part);
                sum.failures.truncate(MAX_FAILURES);
            }
            None => sum = Some(part),
        }
        bar.inc(end - seed);
        seed = end;
    }
    bar.finish_and_clear();
    sum
}

fn show(summary: &Summary, arguments: &arguments::Simulate) {
    for failure in &summary.failures {
        let broken = &failure.violation;
        output::data(&format!("seed {}: {} is broken: {}", failure.seed, broken.invariant, broken.text));
        for line in &failure.story {
            output::data(&format!("    {line}"));
        }
        output::data(&format!(
            "once more: ticketbridge simulate --seed {} --seeds 1 --faults {}\n",
            failure.seed, arguments.faults
        ));
    }
    let hours = summary.span.as_secs() / 3_600;
    output::table(
        &["seeds", "broken", "hours", "tickets", "requests", "crashes", "doubles beyond the promise"],
        [vec![
            summary.seeds.to_string(),
            summary.failed.to_string(),
            hours.to_string(),
            summary.tickets.to_string(),
            summary.requests.to_string(),
            summary.crashes.to_string(),
            summary.doubles.to_string(),
        ]],
    );
    let seen = summary.sometimes.values().filter(|seeds| **seeds > 0).count();
    let never: Vec<&str> = summary.sometimes.iter().filter(|(_, seeds)| **seeds == 0).map(|(what, _)| *what).collect();
    output::data(&format!("{seen} of {} sorts of trouble and rescue were met", summary.sometimes.len()));
    if !never.is_empty() {
        output::data(&format!("not met: {}", never.join("; ")));
    }
    if summary.failed == 0 {
        output::data(&format!("No invariant was broken in {hours} hours of virtual time."));
    }
}

/// The site that a configuration describes. Every connector platform is played by the stand-in of SFyC.
fn site(config: &Config) -> Result<Site, Failure> {
    let at_work = config.backends.iter().filter(|backend| backend.state == BackendState::Active);
    let backends: Vec<SiteBackend> = at_work.map(backend).collect();
    if backends.is_empty() {
        return Err(Failure::new(String::from(
            "the configuration has no active backend; add one under `[[backends]]`",
        )));
    }
    let is_used =
        |name: &PlatformName| backends.iter().any(|backend| backend.tickets == *name || backend.work_orders == *name);
    let platforms = config.platforms.iter().filter(|(name, _)| is_used(name));
    let platforms = platforms.map(|(name, settings)| platform(name, settings)).collect::<Result<_, _>>()?;
    Ok(Site {
        platforms,
        backends,
        match_ttl: config.delivery.match_ttl.get(),
        charge_outages: config.delivery.charge_outages,
        ..Site::plain()
    })
}

fn backend(backend: &Backend) -> SiteBackend {
    SiteBackend {
        name: backend.name.clone(),
        tickets: backend.tickets.clone(),
        work_orders: backend.work_orders.clone(),
        processing: true,
        max_retries: u8::try_from(backend.max_retries).unwrap_or(u8::MAX),
        max_tickets_per_request: backend.max_tickets_per_request as usize,
    }
}

fn platform(name: &PlatformName, platform: &Platform) -> Result<SitePlatform, Failure> {
    let (sort, request_timeout): (Sort, Duration) = match &platform.settings {
        PlatformSettings::Connector(settings) => (Sort::Sfyc, settings.timeouts.request.get()),
        PlatformSettings::Cherwell(settings) => (Sort::Cherwell, settings.timeouts.save.get()),
        PlatformSettings::Tixngo(_) | PlatformSettings::S360(_) => {
            return Err(Failure::new(format!("`{name}` carries no tickets, and a backend names it")));
        }
    };
    let common = &platform.common;
    Ok(SitePlatform {
        sort,
        request_timeout,
        in_doubt_for: common.in_doubt_for.get(),
        settling_time: common.settling_time.get(),
        on_unresolved: match common.on_unresolved {
            OnUnresolvedConfig::Resend => OnUnresolved::Resend,
            OnUnresolvedConfig::Hold => OnUnresolved::Hold,
        },
        retry_initial: common.retry.initial.get(),
        retry_max: common.retry.max.get(),
        max_in_flight: platform.max_in_flight() as usize,
        max_batch: MAX_BATCH,
        ..SitePlatform::usual(name)
    })
}
