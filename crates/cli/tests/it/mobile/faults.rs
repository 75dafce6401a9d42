//! Mobile tickets with real processes that die, stand still, and meet each other.
//!
//! `TICKETBRIDGE_KILLS` sets the number of kills, as for the trouble tickets.

use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;
use ticketbridge_sandbox::Running;
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;
use ticketbridge_sandbox::tixngo::play::PlaySettings;

use super::stage::{ORGANIZER, Stage, WRITES};
use crate::kill::kills_wanted;
use crate::place::{Ended, say, until};

/// Polls at least, each after new changes.
const POLLS: usize = 10;
/// New tickets per poll: 2,000 in all.
const TICKETS: usize = 200;
/// Changes of living tickets per poll.
const STEPS: usize = 300;
const SEED: u32 = 20_261;
/// A run whose answers may be late, and whose lease outlives each of its calls.
#[cfg(target_os = "linux")]
const PATIENT: &str = "pages_per_run = 20\nbatch_size = 100\ntimeout = \"2s\"\nlease = \"3s\"";
/// How late an answer is in the middle of which a process is stopped: less than the time-out.
#[cfg(target_os = "linux")]
const LATE: Knob = Knob::AnswerDelay { ms: 1_500, max_ms: None };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_have_one_diff_call_in_flight() {
    let stage = Stage::seeded(3, "pages_per_run = 20\nbatch_size = 100\ntimeout = \"30s\"").await;
    play(&stage.sandbox);
    for _round in 0..3 {
        // Longer than five processes take to start.
        let delay = Rule::from(Knob::AnswerDelay { ms: 3_000, max_ms: None }).times(1);
        stage.sandbox.add_tixngo_fault(delay).expect("a rule that fits");
        let run = || stage.run(&["run", ORGANIZER]);
        let ended: [Ended; 5] = tokio::join!(run(), run(), run(), run(), run()).into();
        assert_eq!(ended.iter().filter(|ended| ended.code == 0).count(), 1, "one of them runs: {ended:#?}");
        assert_eq!(ended.iter().filter(|ended| ended.code == 5).count(), 4, "the others are refused: {ended:#?}");
    }
    let stats = stage.sandbox.tixngo_stats();
    assert_eq!(stats.most_in_flight, 1, "{stats:?}");
    let runs = stage.json(0, &["runs", ORGANIZER]).await;
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(15), "the refused ones are recorded, too");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_stood_still_past_its_lease_writes_nothing_to_the_box_office() {
    let stage = Stage::seeded(5, PATIENT).await;
    stage.sandbox.add_s360_fault(Rule::from(LATE).on("find_tickets").times(1)).expect("a rule that fits");
    stands_still(&stage, || stage.sandbox.s360_stats().traffic.requests(&["find_tickets"])).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_stood_still_past_its_lease_stores_no_page() {
    let stage = Stage::seeded(5, PATIENT).await;
    stage.sandbox.add_tixngo_fault(Rule::from(LATE).times(1)).expect("a rule that fits");
    stands_still(&stage, || stage.asked()).await;
}

/// A run is stopped (SIGSTOP) while it waits for an answer; another takes over when the lease is over; then the first
/// goes on.
#[cfg(target_os = "linux")]
async fn stands_still(stage: &Stage, asked: impl Fn() -> u64) {
    use crate::place::{signal, stop_still};

    play(&stage.sandbox);
    let mut first = stage.start();
    until("it asks", async || (asked() > 0).then_some(())).await;
    stop_still(first.id()).await;
    let second = until("the lease is over", async || {
        let ended = stage.run(&["run", ORGANIZER]).await;
        (ended.code != 5).then_some(ended)
    })
    .await;
    assert_eq!(second.code, 0, "{second:#?}");
    let (written, stored) = (stage.written(), pages(stage));
    let history = stage.json(0, &["cursor", "history", ORGANIZER]).await;
    assert!(written > 0);

    signal(first.id(), "CONT");
    let status = until("the run ends", async || first.try_wait().expect("it is ours")).await;
    assert_eq!(status.code(), Some(4), "its lease is lost");
    assert_eq!(stage.written(), written, "nothing was written");
    assert_eq!(stage.json(0, &["cursor", "history", ORGANIZER]).await, history);
    assert_eq!(stage.sandbox.s360_stats().duplicates.total, 0);
    assert_eq!(pages(stage), stored, "no page is stored twice");
}

/// Pages in the store.
#[cfg(target_os = "linux")]
fn pages(stage: &Stage) -> i64 {
    let store = rusqlite::Connection::open(stage.place.store()).expect("it is there");
    store.query_row("SELECT count(*) FROM feedback_page", [], |row| row.get(0)).expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mobile_tickets_survive_kills_at_any_moment() {
    let wanted = kills_wanted();
    let settings = "pages_per_run = 20\nbatch_size = 100\ntimeout = \"500ms\"\nlease = \"900ms\"";
    let stage = Stage::seeded(11, settings).await;
    rough(&stage.sandbox);
    let mut dice = ChaCha8Rng::seed_from_u64(17);
    let (mut polls, mut kills) = (0, 0);
    while polls < POLLS || kills < wanted {
        polls += 1;
        assert!(polls < 4 * POLLS + wanted, "the work was over too early: {kills} of {wanted} kills fell into it");
        play(&stage.sandbox);
        while kills < wanted.min((wanted * polls).div_ceil(POLLS)) {
            match killed(&stage, &mut dice).await {
                Cut::Killed => kills += 1,
                Cut::Refused => {}
                Cut::Done => break,
            }
        }
        until("a run finds nothing left to do", async || {
            (stage.run(&["run", ORGANIZER]).await.code == 0).then_some(())
        })
        .await;
    }
    let stats = stage.sandbox.s360_stats();
    assert_eq!(stats.duplicates.total, 0, "{:?}", stats.duplicates);
    assert!(kills >= wanted, "{kills} of {wanted}");
    let expected = undisturbed(polls).await;
    assert_eq!(stage.box_office().await, expected, "the box office is as it would be without faults");
    assert_eq!(stage.sandbox.tixngo_stats().most_in_flight, 1);
    say(&format!(
        "mobile tickets: {kills} kills, {} tickets, {} contacts made, {} rows, {} requests; nothing lost, nothing twice",
        stats.mobile_tickets,
        stats.contacts_made,
        stats.distributions,
        requests(&stage.sandbox),
    ));
}

/// What became of a process that was to be killed.
enum Cut {
    Killed,
    /// An earlier kill left a lease behind: it is waited for by asking again.
    Refused,
    /// All was done before the kill: the next one falls into the next poll.
    Done,
}

/// Kills a run at any distance from a request.
async fn killed(stage: &Stage, dice: &mut ChaCha8Rng) -> Cut {
    let before = requests(&stage.sandbox);
    let more = dice.random_range(0..16);
    let moment = Duration::from_micros(dice.random_range(0..20_000));
    let mut child = stage.start();
    until("work goes on", async || {
        let has_ended = child.try_wait().expect("it is ours").is_some();
        (has_ended || requests(&stage.sandbox) >= before + more).then_some(())
    })
    .await;
    // Part of the fault.
    tokio::time::sleep(moment).await;
    child.kill().expect("it is ours");
    // Who was killed has no code; who had ended before has one.
    match child.wait().expect("it is ours").code() {
        None => Cut::Killed,
        Some(0) => Cut::Done,
        Some(_) => Cut::Refused,
    }
}

/// What the box office is like after the same changes, read at the same polls, without any fault.
async fn undisturbed(polls: usize) -> Value {
    let stage = Stage::seeded(11, "pages_per_run = 20\nbatch_size = 100").await;
    for _ in 0..polls {
        play(&stage.sandbox);
        let ended = stage.run(&["run", ORGANIZER]).await;
        assert_eq!(ended.code, 0, "{ended:#?}");
    }
    stage.box_office().await
}

fn play(sandbox: &Running) {
    sandbox.play(DEFAULT_ORGANIZER, &PlaySettings::new(SEED, TICKETS, STEPS)).expect("a play that fits");
}

/// S-360 answers short, reordered, late after the commit; calls are reset, records are locked.
fn rough(sandbox: &Running) {
    let on_writes =
        |knob, chance| WRITES.iter().fold(Rule::from(knob), |rule, operation| rule.on(operation)).probability(chance);
    let locked = Knob::PartialFailure {
        share: 0.02,
        code: String::from("LOCKED"),
        message: String::from("the record is being edited"),
        retryable: true,
    };
    let rules = [
        on_writes(Knob::ShortResults { drop: 3 }, 0.1),
        on_writes(Knob::ReorderedResults {}, 0.5),
        on_writes(Knob::CommitThenStall { answer_after_ms: None }, 0.03),
        on_writes(Knob::ResetBeforeCommit { after_ms: 2 }, 0.05),
        on_writes(Knob::ResetAfterCommit { after_ms: 2 }, 0.05),
        on_writes(locked, 0.1),
        Rule::from(Knob::AnswerDelay { ms: 1, max_ms: Some(20) }),
    ];
    for rule in rules {
        sandbox.add_s360_fault(rule).expect("a rule that fits");
    }
    sandbox.add_tixngo_fault(Knob::AnswerDelay { ms: 1, max_ms: Some(20) }).expect("a rule that fits");
}

/// Requests that reached wallet and box office.
fn requests(sandbox: &Running) -> u64 {
    sandbox.s360_stats().traffic.all_requests() + sandbox.tixngo_stats().traffic.all_requests()
}
