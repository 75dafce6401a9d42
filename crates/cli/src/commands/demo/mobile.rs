//! The demo's mobile tickets: made-up lives in the wallet, carried into the box office by run after run.
//!
//! Each round lets tickets live on and then runs until nothing waits, so the same seed ends in the same box office
//! whatever went wrong on the way.

use std::time::Duration;

use ticketbridge_core::mobile::RunResult;
use ticketbridge_engine::app::App;
use ticketbridge_engine::feedback::RunRequest;
use ticketbridge_sandbox::faults::{FaultError, Knob, Rule};
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;
use ticketbridge_sandbox::tixngo::play::PlaySettings;
use ticketbridge_sandbox::{Running, s360, tixngo};
use ticketbridge_store::Trigger;

use crate::failure::Failure;
use crate::output;

/// The organizer of the demo's function.
const ORGANIZER: &str = "demo";
/// How often tickets live on.
const ROUNDS: usize = 5;
/// Tickets that are made at the beginning.
const TICKETS: usize = 100;
/// Changes per round.
const STEPS: usize = 100;
/// Runs of one round at most; more means that something is really wrong.
const RUNS: usize = 50;
/// Time between two rounds: somebody may be watching.
const PAUSE: Duration = Duration::from_millis(200);
/// One more than the greatest seed of a play.
const SEEDS: u64 = 1_000_000;
/// The operations of S-360 that change something.
const WRITES: [&str; 5] =
    ["write_mobile", "create_contacts", "update_contacts", "write_distributions", "set_cultural_contacts"];

/// Sections of the configuration.
pub(super) fn configuration(sandbox: &Running) -> String {
    format!(
        r#"
[platforms.tixngo]
type = "tixngo"
base_url = "{wallet}"
api_key = "env:TIXNGO_KEY"
bypass_proxy = true
[platforms.s360]
type = "s360"
base_url = "{box_office}"
token = "env:S360_TOKEN"
bypass_proxy = true
in_doubt_for = "1s"
retry = {{ initial = "20ms", max = "100ms" }}
[[feedback]]
internal_name = "demo"
organizer = "{ORGANIZER}"
source = "tixngo"
box_office = "s360"
pages_per_run = 20
batch_size = 50
timeout = "500ms"
"#,
        wallet = sandbox.tixngo_url(),
        box_office = sandbox.s360_url(),
    )
}

/// Wallet and box office misbehave: pages bring old items again, calls break off before and after they were carried out,
/// answers are short, records are being edited.
pub(super) fn prepare(sandbox: &Running) -> Result<(), FaultError> {
    for knob in [Knob::ResetBeforeCommit { after_ms: 0 }, Knob::Redelivery { items: 3 }] {
        sandbox.add_tixngo_fault(Rule::from(knob).probability(0.1))?;
    }
    let locked = Knob::PartialFailure {
        share: 0.1,
        code: String::from("LOCKED"),
        message: String::from("somebody edits it"),
        retryable: true,
    };
    let knobs = [
        (Knob::CommitThenStall { answer_after_ms: None }, 0.02),
        (Knob::ResetAfterCommit { after_ms: 0 }, 0.05),
        (Knob::ResetBeforeCommit { after_ms: 0 }, 0.05),
        (Knob::ShortResults { drop: 1 }, 0.05),
        (locked, 0.05),
    ];
    for (knob, probability) in knobs {
        let rule = WRITES.iter().fold(Rule::from(knob), |rule, operation| rule.on(operation));
        sandbox.add_s360_fault(rule.probability(probability))?;
    }
    sandbox.add_s360_fault(Rule::from(Knob::AnswerDelay { ms: 1, max_ms: Some(5) }))?;
    Ok(())
}

/// Lets tickets live and carries their changes over, round by round. True: nothing waits and nothing failed.
pub(super) async fn play(app: &App, sandbox: &Running, seed: u64) -> Result<bool, Failure> {
    let seed = u32::try_from(seed % SEEDS).unwrap_or_default();
    for round in 0..ROUNDS {
        let tickets = if round == 0 { TICKETS } else { 0 };
        let settings = PlaySettings::new(seed, tickets, STEPS);
        sandbox.play(DEFAULT_ORGANIZER, &settings).map_err(|error| Failure::new(error.to_string()))?;
        if !carry_over(app).await? {
            return Ok(false);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(true)
}

/// Runs until nothing waits. False says why on stderr.
async fn carry_over(app: &App) -> Result<bool, Failure> {
    let mut last = None;
    for _ in 0..RUNS {
        let report = app.feedback.run(ORGANIZER, RunRequest::by(Trigger::Manual)).await?;
        if report.counters.failed > 0 {
            let failed = report.counters.failed;
            output::talk(&format!("{failed} mobile tickets failed in run {}: {:?}", report.run.0, report.failed));
            return Ok(false);
        }
        if report.result == RunResult::Refused {
            // Somebody has started a run by the API.
            tokio::time::sleep(PAUSE).await;
        } else if report.error.is_none() && report.counters.pending == 0 {
            return Ok(true);
        }
        last = Some(report);
    }
    let why = last.and_then(|report| report.text).unwrap_or_else(|| String::from("mobile tickets still wait"));
    output::talk(&format!("The mobile tickets are not done after {RUNS} runs: {why}"));
    Ok(false)
}

/// What wallet and box office have seen.
pub(super) struct Seen {
    pub(super) wallet: tixngo::Stats,
    pub(super) box_office: s360::Stats,
}

impl Seen {
    /// As they are now.
    pub(super) fn of(sandbox: &Running) -> Self {
        Self { wallet: sandbox.tixngo_stats(), box_office: sandbox.s360_stats() }
    }

    /// Calls that asked for a page.
    pub(super) fn pages(&self) -> u64 {
        self.wallet.traffic.requests(&["diff"])
    }
}
