//! A process that stands still (SIGSTOP) and goes on: at any moment, and for longer than its lease.
//!
//! One store has one serving process per host: the lock of the operating system stays with a process that stands still,
//! so nobody takes over from it. What guards against a holder elsewhere is the fence: who holds a newer one makes every
//! write of the old one void. The second test plays that holder.

use std::path::Path;
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rusqlite::{Connection, ErrorCode};
use ticketbridge_sandbox::Running;
use ticketbridge_sandbox::faults::{Knob, Rule};

use crate::bridge::Bridge;
use crate::place::{Backend, CHERWELL_SAVES, Place, Settings, cherwell_faults, sandbox, tickets, until};
use crate::scene::{Layout, Scene};

/// Stops per layout.
const STOPS: usize = 30;
/// Tickets that are handed over before each stop.
const PORTION: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standing_still_at_any_moment_doubles_nothing() {
    for (layout, dice) in [(Layout::Sfyc, 1), (Layout::Pair, 2), (Layout::Cherwell, 3)] {
        let mut dice = ChaCha8Rng::seed_from_u64(dice);
        let scene = Scene::new(layout, "STOP", STOPS * PORTION).await;
        scene.rough();
        let place = Place::on(&scene.sandbox, scene.settings());
        let bridge = Bridge::start(&place).await;
        let all = scene.tickets();
        for portion in all.chunks(PORTION) {
            bridge.send(portion).await;
            let before = scene.requests();
            let more = dice.random_range(0..12);
            until("work goes on", async || (scene.requests() >= before + more || scene.done()).then_some(())).await;
            bridge.stop_still().await;
            // Part of the fault: shorter and longer than a request may take.
            tokio::time::sleep(Duration::from_millis(dice.random_range(0..600))).await;
            bridge.signal("CONT");
        }
        scene.check(&bridge).await;
        assert!(bridge.stop().await.success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_its_lease_a_process_that_stood_still_writes_nothing_until_the_lane_is_its_own_again() {
    let sandbox = sandbox(1).await;
    let backends = vec![Backend { tickets: "cherwell", ..Backend::default() }];
    // A token may take longer than the lease lasts: what is to be written with it then meets a lease that is over.
    let settings = Settings { backends, request_timeout: "2s", token_timeout: "10m", ..Settings::default() };
    let place = Place::on(&sandbox, settings);
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("BEFORE", 5)).await;
    bridge.completed(5).await;
    // The next save is turned down for its token, and the renewal takes its time: the batch is committed, its request
    // is to be written once the token is there.
    let (saves, logins) = (requests(&sandbox, &CHERWELL_SAVES), requests(&sandbox, &["token"]));
    cherwell_faults(
        &sandbox,
        [
            Rule::from(Knob::SessionsRevoked {}).on("save_batch").times(1),
            Rule::from(Knob::AnswerDelay { ms: 5_000, max_ms: None }).on("token"),
        ],
    );
    bridge.send(&tickets("STILL", 10)).await;
    until("a token is asked for", async || (requests(&sandbox, &["token"]) > logins).then_some(())).await;
    assert_eq!(requests(&sandbox, &CHERWELL_SAVES), saves + 1, "the one that was turned down");
    let store = stand_still_between_commits(&place, &bridge).await;

    // It keeps the store to itself.
    let second = place.run(&["serve"]).await;
    second.says(1, &["TB0101", &bridge.id().to_string()]);
    until("the lease is over", async || {
        let over = "SELECT max(expires_at) < unixepoch('subsec') * 1000 FROM lane";
        store.query_row(over, [], |row| row.get::<_, bool>(0)).expect("a lane").then_some(())
    })
    .await;
    let taken = "UPDATE lane SET token = token + 1, holder = randomblob(16), \
                 expires_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + 3600000";
    store.execute(taken, []).expect("the lane is taken");
    sandbox.clear_faults();
    bridge.signal("CONT");

    // It asks for the lane once a second: what it was about to write is long decided at the third time.
    until("it waits for the lane", async || {
        (bridge.log().matches("Another process holds the lane").count() >= 3).then_some(())
    })
    .await;
    bridge.send(&tickets("LATER", 5)).await;
    let states = bridge.states().await;
    assert_eq!(states.get("Completed"), Some(&5), "{states:?}");
    assert_eq!(requests(&sandbox, &CHERWELL_SAVES), saves + 1, "nothing was written");
    assert_eq!((sandbox.cherwell_stats().tickets, sandbox.sfyc_stats().work_orders), (5, 5));

    store.execute("UPDATE lane SET holder = NULL, expires_at = 0", []).expect("the lane is given back");
    bridge.completed(20).await;
    let (cherwell, sfyc) = (sandbox.cherwell_stats(), sandbox.sfyc_stats());
    assert_eq!((cherwell.tickets, cherwell.linked, sfyc.work_orders), (20, 20, 20));
    assert_eq!((cherwell.duplicates.total, sfyc.duplicates.total), (0, 0));
    assert!(bridge.stop().await.success());
}

/// Requests of these operations on Cherwell.
fn requests(sandbox: &Running, operations: &[&str]) -> u64 {
    sandbox.cherwell_stats().traffic.requests(operations)
}

/// Stops the process at a moment when it holds no lock of the database, and answers a connection to that.
async fn stand_still_between_commits(place: &Place, bridge: &Bridge) -> Connection {
    let store = Connection::open(Path::new(&place.store())).expect("it is there");
    until("it stands still between two commits", async || {
        bridge.stop_still().await;
        match store.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
            Ok(()) => Some(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                bridge.signal("CONT");
                None
            }
            Err(error) => panic!("{error}"),
        }
    })
    .await;
    store
}
