//! What only a look from outside can tell: that decisions can be replayed, and that an idle service rests.

use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use ticketbridge_engine::delivery::replay;
use ticketbridge_sandbox::faults::{Knob, RetryAfterForm, Rule};

use crate::bridge::Bridge;
use crate::place::{Backend, Place, Settings, faults, older, on_writes, sandbox, say, seed, tickets};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_of_a_faulty_run_replays_to_the_same_decisions() {
    let sandbox = sandbox(3).await;
    let existing = (1..=60).step_by(4).map(|number| older(&format!("SNR|R-{number:04}"), None));
    seed(&sandbox, existing.collect());
    faults(
        &sandbox,
        [
            Rule::from(Knob::IndexLag { ms: 100, jitter_ms: 200 }),
            on_writes(Knob::CommitThenStall { answer_after_ms: None }, 0.1),
            on_writes(Knob::ResetBeforeCommit { after_ms: 0 }, 0.1),
            on_writes(Knob::ShortResults { drop: 1 }, 0.2),
            on_writes(Knob::TooManyRequests { retry_after_s: 1, form: RetryAfterForm::Seconds }, 0.05),
            on_writes(Knob::ServerError { status: 500, effect: true }, 0.05),
        ],
    );
    let backends = vec![
        Backend { name: "be-1", max_retries: 9, max_tickets_per_request: 20, ..Backend::default() },
        Backend { name: "be-2", max_retries: 9, max_tickets_per_request: 3, ..Backend::default() },
    ];
    let place = Place::on(&sandbox, Settings { backends, request_timeout: "300ms", ..Settings::default() });
    let file = place.folder().join("flight.jsonl");
    let mut command = place.command(&["serve", "--flight-recorder"]);
    command.arg(&file);
    let bridge = Bridge::start_command(command).await;
    bridge.send(&tickets("R", 30)).await;
    // Settings that change while it runs are events like others.
    place.good(&["backends", "set", "be-2", "max_tickets_per_request=7"]).await;
    bridge.send(&tickets("R", 60)[30..]).await;
    bridge.completed(60).await;
    assert_eq!(sandbox.sfyc_stats().duplicates.total, 0);
    assert!(bridge.stop().await.success());
    let steps = check_replay(&file).await;
    // A wake that decides nothing is a look for nothing: a few are drawn by timers that were overtaken by events, a
    // loop of them would burn a core while an answer is awaited.
    let text = std::fs::read_to_string(&file).expect("the recording");
    let idle = text.lines().filter(|line| line.contains(r#""event":{"event":"wake"},"commands":[]"#)).count();
    assert!(idle < 200, "{idle} of {steps} steps woke for nothing");
}

/// A recording replays to the same decisions; answers its steps.
pub(crate) async fn check_replay(file: &Path) -> usize {
    let recording = BufReader::new(std::fs::File::open(file).expect("the recording"));
    let steps = tokio::task::spawn_blocking(|| replay(recording)).await.expect("no panic").expect("the same commands");
    say(&format!("{steps} steps replayed"));
    assert!(steps > 100, "{steps} steps");
    steps
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_service_rests() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("I", 20)).await;
    bridge.completed(20).await;
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", bridge.id())).expect("it runs");
        // Fields behind the name, which may hold blanks: utime and stime are the 14th and 15th of all.
        let (_, rest) = stat.rsplit_once(") ").expect("a name");
        let field = |place: usize| rest.split(' ').nth(place).and_then(|text| text.parse::<u64>().ok());
        field(11).expect("utime") + field(12).expect("stime")
    };
    let (before, from) = (ticks(), tokio::time::Instant::now());
    tokio::time::sleep(Duration::from_secs(4)).await;
    // A tick is 10 ms on every Linux that matters.
    let busy = (ticks() - before) as f64 * 0.01 / from.elapsed().as_secs_f64();
    println!("idle: {:.2} % of a core", busy * 100.0);
    assert!(busy < 0.2, "idle, it uses {:.1} % of a core", busy * 100.0);
}
