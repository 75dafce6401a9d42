//! Kill -9 at any moment: nothing is lost, nothing is made twice.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use reqwest::Method;
use serde_json::Value;
use ticketbridge_sandbox::faults::{Knob, Rule};
use tokio::sync::watch;

use crate::bridge::{Bridge, client, try_call};
use crate::place::{
    Backend, LOOK_EVERY, PATIENCE, Place, Settings, all_requests, faults, older, on_writes, sandbox, seed, tickets,
    until,
};

/// Tickets that flow, and how many of them exist on the platform before.
const TICKETS: usize = 500;
const EXISTING: usize = 100;
/// Tickets of one intake call.
const PORTION: usize = 20;
/// Kills at least.
const KILLS: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_tickets_survive_kills_at_any_moment() {
    let mut dice = ChaCha8Rng::seed_from_u64(20_261_120);
    let sandbox = sandbox(7).await;
    faults(
        &sandbox,
        [
            Rule::from(Knob::IndexLag { ms: 50, jitter_ms: 250 }),
            Rule::from(Knob::AnswerDelay { ms: 1, max_ms: Some(60) }),
            on_writes(Knob::CommitThenStall { answer_after_ms: None }, 0.06),
            on_writes(Knob::ResetBeforeCommit { after_ms: 5 }, 0.06),
            on_writes(Knob::ResetAfterCommit { after_ms: 5 }, 0.06),
        ],
    );
    let all = tickets("KILL", TICKETS);
    // Every fifth exists, half of those made by somebody who fills the origin field.
    let existing = (0..EXISTING).map(|number| {
        let key = format!("SNR|KILL-{:04}", number * (TICKETS / EXISTING) + 1);
        let origin = (number % 2 == 0).then(|| format!("older-{number}"));
        older(&key, origin.as_deref())
    });
    let seeded: BTreeSet<String> = seed(&sandbox, existing.collect()).into_iter().collect();
    let place = Place::on(
        &sandbox,
        Settings {
            backends: vec![
                // A ticket that stood alone in a request without effect has used one attempt: enough of them, so that
                // dice cannot decide.
                Backend { name: "be-1", max_retries: 6, max_tickets_per_request: 50, ..Backend::default() },
                Backend { name: "be-2", max_retries: 8, max_tickets_per_request: 7, ..Backend::default() },
                Backend { name: "be-3", max_retries: 10, max_tickets_per_request: 3, ..Backend::default() },
            ],
            request_timeout: "300ms",
            ..Settings::default()
        },
    );

    let (served, address) = watch::channel(None);
    // Portions that may be sent: one more per kill, so that every kill falls into work.
    let (allow, allowed) = watch::channel(0);
    let sender = tokio::spawn(hand_over(all, address, allowed));
    let done = |stats: &ticketbridge_sandbox::sfyc::Stats| stats.linked + stats.notes >= TICKETS;
    let (mut kills, mut at_work) = (0, 0);
    loop {
        allow.send_replace(kills + 2);
        let bridge = Bridge::start(&place).await;
        served.send_replace(Some(bridge.address));
        let before = all_requests(&sandbox.sfyc_stats());
        let more = dice.random_range(0..24);
        let moment = Duration::from_micros(dice.random_range(0..20_000));
        if kills >= KILLS && at_work >= KILLS && sender.is_finished() {
            let completed = bridge.completed(TICKETS).await;
            assert!(bridge.stop().await.success());
            check(&sandbox, &completed, &seeded);
            println!("{kills} kills, {at_work} of them at work: {:#?}", sandbox.sfyc_stats());
            return;
        }
        until("work goes on", async || {
            let stats = sandbox.sfyc_stats();
            (all_requests(&stats) >= before + more || (done(&stats) && sender.is_finished())).then_some(())
        })
        .await;
        // Part of the fault: a kill at any distance from a request.
        tokio::time::sleep(moment).await;
        at_work += usize::from(!done(&sandbox.sfyc_stats()));
        served.send_replace(None);
        bridge.kill();
        kills += 1;
        assert!(kills < 2 * KILLS, "the work was over too early: {at_work} of {kills} kills fell into it");
    }
}

/// The sender: each portion again and again until it is answered, as its contract says.
async fn hand_over(
    all: Vec<Value>,
    mut address: watch::Receiver<Option<SocketAddr>>,
    mut allowed: watch::Receiver<usize>,
) {
    let client = client();
    for (number, portion) in all.chunks(PORTION).enumerate() {
        allowed.wait_for(|allowed| *allowed > number).await.expect("the test goes on");
        let body = Value::from(portion);
        let send = async {
            loop {
                let to = address.wait_for(Option::is_some).await.expect("the test goes on").expect("is there");
                match try_call(&client, to, Method::POST, "/api/v1/tickets", Some(&body)).await {
                    Ok(reply) if reply.status == 200 => return reply.body,
                    Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.body),
                    Err(_killed_meanwhile) => tokio::time::sleep(LOOK_EVERY).await,
                }
            }
        };
        let answers = tokio::time::timeout(PATIENCE, send).await.expect("the portion is taken");
        for answer in answers.as_array().expect("an array") {
            assert!(answer["result"] == "accepted" || answer["result"] == "duplicate", "{answer}");
        }
    }
}

fn check(
    sandbox: &ticketbridge_sandbox::Running,
    completed: &std::collections::BTreeMap<String, Value>,
    seeded: &BTreeSet<String>,
) {
    let stats = sandbox.sfyc_stats();
    assert_eq!(stats.duplicates.total, 0, "{:?}", stats.duplicates);
    assert_eq!((stats.tickets, stats.open_tickets), (TICKETS, TICKETS));
    assert_eq!((stats.work_orders, stats.linked), (TICKETS - EXISTING, TICKETS - EXISTING));
    assert_eq!(stats.notes, EXISTING);
    sandbox.with_sfyc(|model, _| {
        let noted: BTreeSet<String> = model.notes().iter().map(|note| note.content.ticket_number.to_string()).collect();
        assert_eq!(&noted, seeded, "each that existed has its note");
        for ticket in completed.values() {
            let number = ticket["ticket_number"].as_str().expect("a number");
            let remote = model.ticket(number).expect("it is there");
            assert_eq!(remote.content.external_ref.as_deref(), ticket["dedupe_key"].as_str());
            if seeded.contains(number) {
                assert_eq!((ticket["created"].as_bool(), remote.work_order_number.as_deref()), (Some(false), None));
            } else {
                assert_eq!(ticket["created"], true);
                assert!(remote.work_order_number.is_some());
                assert_eq!(remote.work_order_number.as_deref(), ticket["ot_number"].as_str());
            }
        }
    });
}
