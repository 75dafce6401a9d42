//! Kill -9 at any moment: nothing is lost, nothing is made twice.
//!
//! Each test kills at least 24 times; `TICKETBRIDGE_KILLS` sets another number, and with more kills come more tickets, so
//! that every kill falls into work.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use reqwest::Method;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::bridge::{Bridge, client, try_call};
use crate::place::{LOOK_EVERY, PATIENCE, Place, say, until};
use crate::scene::{Layout, Scene};

/// Kills at least, unless said otherwise.
const KILLS: usize = 24;
/// Tickets at least. One intake call is made per kill, of 5 to 20 tickets.
const TICKETS: usize = 500;
/// Every so many kills, the next one waits until most of the work is done: a request in doubt needs a process that lives
/// longer than `in_doubt_for`.
const REST: usize = 8;
/// What may be left over then.
const LEFT: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_on_sfyc_survive_kills_at_any_moment() {
    killed_at_any_moment(Layout::Sfyc, 20_261_120).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_of_the_usual_pair_survive_kills_at_any_moment() {
    killed_at_any_moment(Layout::Pair, 20_261_121).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_on_cherwell_survive_kills_at_any_moment() {
    killed_at_any_moment(Layout::Cherwell, 20_261_122).await;
}

/// How often to kill.
pub(crate) fn kills_wanted() -> usize {
    let Ok(text) = std::env::var("TICKETBRIDGE_KILLS") else { return KILLS };
    text.parse().ok().filter(|kills| *kills > 0).unwrap_or_else(|| panic!("TICKETBRIDGE_KILLS is no number: `{text}`"))
}

async fn killed_at_any_moment(layout: Layout, dice: u64) {
    let (begun, wanted) = (Instant::now(), kills_wanted());
    let mut dice = ChaCha8Rng::seed_from_u64(dice);
    let portion = (TICKETS / (wanted + 1)).clamp(5, 20);
    let count = (wanted + 1) * portion;
    let scene = Scene::new(layout, "KILL", count).await;
    scene.rough();
    let place = Place::on(&scene.sandbox, scene.settings());
    let (served, address) = watch::channel(None);
    // Portions that may be sent: one more per kill, so that every kill falls into work.
    let (allow, allowed) = watch::channel(0);
    let sender = tokio::spawn(hand_over(scene.tickets(), portion, address, allowed));
    let (mut kills, mut at_work) = (0, 0);
    loop {
        allow.send_replace(kills + 2);
        let bridge = Bridge::start(&place).await;
        served.send_replace(Some(bridge.address));
        if kills >= wanted && at_work >= wanted && sender.is_finished() {
            scene.check(&bridge).await;
            scene.check_shown(&place, &bridge).await;
            assert!(bridge.stop().await.success());
            let (requests, seconds) = (scene.requests(), begun.elapsed().as_secs());
            say(&format!(
                "{layout:?}: {kills} kills, {at_work} of them at work, {count} tickets, {requests} requests, {seconds} s; \
                 0 lost, 0 doubled"
            ));
            return;
        }
        let before = scene.requests();
        let more = dice.random_range(0..24);
        let moment = Duration::from_micros(dice.random_range(0..20_000));
        until("work goes on", async || {
            (scene.requests() >= before + more || (scene.done() && sender.is_finished())).then_some(())
        })
        .await;
        if kills % REST == REST - 1 {
            let handed = ((kills + 2) * portion).min(count);
            until("most is done", async || (scene.effects() + LEFT >= handed).then_some(())).await;
        }
        // Part of the fault: a kill at any distance from a request.
        tokio::time::sleep(moment).await;
        at_work += usize::from(!scene.done());
        served.send_replace(None);
        bridge.kill();
        kills += 1;
        assert!(kills < 2 * wanted + 2, "the work was over too early: {at_work} of {kills} kills fell into it");
    }
}

/// The sender: each portion again and again until it is answered, as its contract says.
async fn hand_over(
    all: Vec<Value>,
    portion: usize,
    mut address: watch::Receiver<Option<SocketAddr>>,
    mut allowed: watch::Receiver<usize>,
) {
    let client = client();
    for (number, portion) in all.chunks(portion).enumerate() {
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
