//! Mobile tickets with real processes that die, stand still, and meet each other.
//!
//! `TICKETBRIDGE_KILLS` sets the number of kills, as for the trouble tickets.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rusqlite::Connection;
use serde_json::Value;
use ticketbridge_sandbox::Running;
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::tixngo::play::PlaySettings;

use crate::bridge::client;
use crate::place::{Ended, Place, Settings, sandbox, say, until};

/// Polls, each after new changes.
const POLLS: usize = 10;
/// New tickets per poll: 2,000 in all.
const TICKETS: usize = 200;
/// Changes of living tickets per poll.
const STEPS: usize = 300;
/// Kills at least, unless said otherwise.
const KILLS: usize = 24;
const SEED: u32 = 20_261;
const WRITES: [&str; 5] =
    ["write_mobile", "create_contacts", "update_contacts", "write_distributions", "set_cultural_contacts"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_have_one_diff_call_in_flight() {
    let sandbox = sandbox(3).await;
    play(&sandbox);
    sandbox.add_tixngo_fault(Knob::AnswerDelay { ms: 300, max_ms: None }).expect("a rule that fits");
    let place = place(&sandbox, "60s");
    for _round in 0..3 {
        let run = || place.run(&["feedback", "run", "DEMO"]);
        let ended: [Ended; 5] = tokio::join!(run(), run(), run(), run(), run()).into();
        assert_eq!(ended.iter().filter(|ended| ended.code == 0).count(), 1, "one of them runs: {ended:#?}");
        assert_eq!(ended.iter().filter(|ended| ended.code == 5).count(), 4, "the others are refused: {ended:#?}");
    }
    let stats = sandbox.tixngo_stats();
    assert_eq!(stats.most_in_flight, 1, "{stats:?}");
    let runs = place.good(&["feedback", "runs", "DEMO", "--json"]).await.json();
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(15), "the refused ones are recorded, too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_stood_still_past_its_lease_writes_nothing_to_the_box_office() {
    stands_still("find_tickets", |sandbox| {
        let delay = Rule::from(Knob::AnswerDelay { ms: 300, max_ms: None }).on("find_tickets").times(1);
        sandbox.add_s360_fault(delay).expect("a rule that fits");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_stood_still_past_its_lease_stores_no_page() {
    stands_still("diff", |sandbox| {
        let delay = Rule::from(Knob::AnswerDelay { ms: 300, max_ms: None }).times(1);
        sandbox.add_tixngo_fault(delay).expect("a rule that fits");
    })
    .await;
}

/// A run is stopped (SIGSTOP) while it waits for the answer to `operation`; another takes over when the lease is over;
/// then the first goes on.
async fn stands_still(operation: &str, slow: impl FnOnce(&Running)) {
    let sandbox = sandbox(5).await;
    play(&sandbox);
    slow(&sandbox);
    let place = place(&sandbox, "1s");
    let first = start(&place);
    until("it asks", async || (requests(&sandbox, &[operation]) > 0).then_some(())).await;
    signal(&first, "STOP");
    until("it stands still", async || stands(&first).then_some(())).await;
    let second = until("the lease is over", async || {
        let ended = place.run(&["feedback", "run", "DEMO", "--json"]).await;
        (ended.code != 5).then_some(ended)
    })
    .await;
    assert_eq!(second.code, 0, "{second:#?}");
    let written = requests(&sandbox, &WRITES);
    let stored = pages(&place);
    let history = place.good(&["feedback", "cursor", "history", "DEMO", "--json"]).await.stdout;
    assert!(written > 0);

    signal(&first, "CONT");
    assert_eq!(end(first).await, 4, "its lease is lost");
    assert_eq!(requests(&sandbox, &WRITES), written, "nothing was written");
    assert_eq!(place.good(&["feedback", "cursor", "history", "DEMO", "--json"]).await.stdout, history);
    assert_eq!(sandbox.s360_stats().duplicates.total, 0);
    assert_eq!(pages(&place), stored, "no page is stored twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mobile_tickets_survive_kills_at_any_moment() {
    let wanted = match std::env::var("TICKETBRIDGE_KILLS") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("TICKETBRIDGE_KILLS is no number: `{text}`")),
        Err(_) => KILLS,
    };
    let expected = undisturbed().await;
    let sandbox = sandbox(11).await;
    rough(&sandbox);
    let place = place(&sandbox, "900ms");
    let mut dice = ChaCha8Rng::seed_from_u64(17);
    let mut kills = 0;
    for poll in 1..=POLLS {
        play(&sandbox);
        while kills < wanted * poll / POLLS {
            let before = all_requests(&sandbox);
            let more = dice.random_range(0..16);
            let moment = Duration::from_micros(dice.random_range(0..20_000));
            let mut child = start(&place);
            let ended = until("work goes on", async || {
                let ended = child.try_wait().expect("it is ours");
                (ended.is_some() || all_requests(&sandbox) >= before + more).then_some(ended)
            })
            .await;
            // Part of the fault: a kill at any distance from a request.
            tokio::time::sleep(moment).await;
            match ended {
                // A lease that an earlier kill left behind is waited for by asking again.
                Some(status) if status.code() == Some(5) => continue,
                // All done before the kill: the next one falls into the next poll.
                Some(status) if status.code() == Some(0) => break,
                Some(_) => {}
                None => kills += 1,
            }
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
        }
        until("a run finds nothing left to do", async || {
            (place.run(&["feedback", "run", "DEMO"]).await.code == 0).then_some(())
        })
        .await;
    }
    let stats = sandbox.s360_stats();
    assert_eq!(stats.duplicates.total, 0, "{:?}", stats.duplicates);
    assert!(kills > 0, "the work was over before each kill");
    assert_eq!(state(&sandbox).await, expected, "the box office is as it would be without faults");
    assert_eq!(sandbox.tixngo_stats().most_in_flight, 1);
    say(&format!(
        "mobile tickets: {kills} kills, {} tickets, {} contacts made, {} rows, {} requests; nothing lost, nothing twice",
        stats.mobile_tickets,
        stats.contacts_made,
        stats.distributions,
        all_requests(&sandbox),
    ));
}

/// Pages in the store.
fn pages(place: &Place) -> i64 {
    let store = Connection::open(Path::new(&place.store())).expect("it is there");
    store.query_row("SELECT count(*) FROM feedback_page", [], |row| row.get(0)).expect("a number")
}

/// What the box office is like after the same changes, read at the same polls, without any fault.
async fn undisturbed() -> Value {
    let sandbox = sandbox(11).await;
    let place = place(&sandbox, "60s");
    for _ in 1..=POLLS {
        play(&sandbox);
        place.good(&["feedback", "run", "DEMO"]).await;
    }
    state(&sandbox).await
}

fn play(sandbox: &Running) {
    sandbox.play("DEMO", &PlaySettings::new(SEED, TICKETS, STEPS)).expect("a play that fits");
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

fn place(sandbox: &Running, lease: &str) -> Place {
    let mobile = format!(
        r#"[offload]
[platforms.tixngo]
type = "tixngo"
base_url = "{tixngo}"
api_key = "env:SFYC_TOKEN"
bypass_proxy = true
[platforms.s360]
type = "s360"
base_url = "{s360}"
token = "env:SFYC_TOKEN"
bypass_proxy = true
in_doubt_for = "600ms"
retry = {{ initial = "20ms", max = "100ms" }}
[[feedback]]
internal_name = "changes of DEMO"
organizer = "DEMO"
source = "tixngo"
box_office = "s360"
pages_per_run = 20
batch_size = 100
timeout = "500ms"
lease = "{lease}""#,
        tixngo = sandbox.tixngo_url(),
        s360 = sandbox.s360_url(),
    );
    Place::on(sandbox, Settings { offload: mobile, ..Settings::default() })
}

/// A run in a process of its own.
fn start(place: &Place) -> Child {
    let mut command = place.command(&["feedback", "run", "DEMO"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts")
}

async fn end(mut child: Child) -> i32 {
    let status = until("the run ends", async || child.try_wait().expect("it is ours")).await;
    status.code().unwrap_or(-1)
}

fn signal(child: &Child, signal: &str) {
    let line = format!("kill -{signal} {}", child.id());
    assert!(Command::new("sh").args(["-c", &line]).status().expect("a shell").success(), "{line}");
}

/// Whether the kernel has stopped it.
fn stands(child: &Child) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("it is there");
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

fn requests(sandbox: &Running, operations: &[&str]) -> u64 {
    let (s360, tixngo) = (sandbox.s360_stats().traffic, sandbox.tixngo_stats().traffic);
    let all = s360.operations.iter().chain(tixngo.operations.iter());
    all.filter(|(name, _)| operations.contains(&name.to_string().as_str())).map(|(_, traffic)| traffic.requests).sum()
}

fn all_requests(sandbox: &Running) -> u64 {
    let (s360, tixngo) = (sandbox.s360_stats().traffic, sandbox.tixngo_stats().traffic);
    s360.operations.values().chain(tixngo.operations.values()).map(|traffic| traffic.requests).sum()
}

/// The box office without what its callers choose: numbers of new contacts, references.
async fn state(sandbox: &Running) -> Value {
    let url = format!("http://{}/sandbox/s360/state?form=sample", sandbox.address());
    let answer = client().get(url).send().await.expect("the sandbox answers");
    serde_json::from_slice(&answer.bytes().await.expect("a whole answer")).expect("JSON")
}
