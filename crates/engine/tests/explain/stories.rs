use ticketbridge_core::delivery::Settled;
use ticketbridge_core::effect::{Operation, Outcome, Refusal, RemoteIds};
use ticketbridge_core::ticket::{BackendName, PlatformName, State};
use ticketbridge_engine::explain::{Match, find, text};
use ticketbridge_store::exchanges::{About, EventKind, ExchangeBodies, NewExchange};
use ticketbridge_store::{Act, ActOutcome, RunCommit, RunRecord, Store};

use crate::world::{World, at, built, go_on, look_up, ticket, write};

fn refused(message: &str) -> Outcome {
    Outcome::Refused { refusal: Refusal::Item, code: String::from("LOCKED"), message: message.to_owned() }
}

#[tokio::test]
async fn a_ticket_that_was_created() {
    let mut world = World::new();
    let id = world.receive(&ticket("noc-1"), 0).await;
    world.exchanged(look_up(About::OpenTickets, None, 80, r#"{"tickets":[]}"#));
    world.applied(id, Operation::CreateTicket, 100).await;
    world.applied(id, Operation::CreateWorkOrder, 120).await;
    world.applied(id, Operation::LinkWorkOrder, 140).await;
    let story = world.story(id, 5_000).await;
    insta::assert_snapshot!("created", text(&story));
    insta::assert_json_snapshot!("created_json", story);
}

#[tokio::test]
async fn a_ticket_of_the_workflow_manager_that_was_noted() {
    let mut world = World::new();
    let new = world.new_ticket(&built("01JD0000000000000000000000"), 0);
    let id = new.origin;
    let run = RunRecord {
        as_of: at(0).0 / 1000,
        started_at: at(-50),
        finished_at: at(10),
        trigger: String::from("schedule"),
        rows: 12,
        triggered: 2,
        tickets: 1,
    };
    world
        .store
        .commit_run(RunCommit { run, tickets: vec![new], incidents: Vec::new(), reported: Vec::new() })
        .await
        .unwrap();
    world.exchanged(look_up(About::OpenTickets, None, 80, r#"{"tickets":[{"external_ref":"SNR|USSG-7"}]}"#));
    world.applied(id, Operation::AddNote, 100).await;
    insta::assert_snapshot!("noted", world.text(id, 5_000).await);
}

#[tokio::test]
async fn a_ticket_whose_create_timed_out_and_was_found_by_look_up() {
    let mut world = World::new();
    let id = world.receive(&ticket("noc-1"), 0).await;
    let sent = world.send(id, Operation::CreateTicket, 100).await;
    let request = r#"{"items":[{"external_ref":"SNR|noc-1"}]}"#;
    world.exchanged(NewExchange {
        status: None,
        failed: true,
        fault: String::from("no answer: time-out"),
        ..write(sent.batch, 60_100, request, "")
    });
    for time in [60_700, 61_900, 64_000] {
        world.exchanged(look_up(About::Tickets, Some(id), time, r#"{"tickets":[{"external_ref":"canary"}]}"#));
    }
    world.change(id, |row| row.reason = Some(String::from("unclear answer, being looked up: time-out"))).await;
    insta::assert_snapshot!("in_doubt", world.text(id, 65_000).await);
    let answer = format!(r#"{{"tickets":[{{"external_ref":"SNR|noc-1","origin_ref":"{id}","number":"T00000001"}}]}}"#);
    world.exchanged(look_up(About::Tickets, Some(id), 68_000, &answer));
    let ids = RemoteIds { ticket_number: Some(String::from("T00000001")), ..RemoteIds::default() };
    let given = ids.clone();
    world
        .settle(sent, Outcome::Applied { ids }, Settled::LookUp, 68_010, |row| {
            go_on(row, Operation::CreateTicket, given);
        })
        .await;
    world.applied(id, Operation::CreateWorkOrder, 68_030).await;
    world.applied(id, Operation::LinkWorkOrder, 68_050).await;
    insta::assert_snapshot!("found_by_look_up", world.text(id, 70_000).await);
}

#[tokio::test]
async fn a_ticket_in_error_after_refusals() {
    let mut world = World::new();
    let id = world.receive(&ticket("noc-1"), 0).await;
    for (number, time) in [100, 900, 3_000, 7_500].into_iter().enumerate() {
        let sent = world.send(id, Operation::CreateTicket, time).await;
        let answer = r#"{"results":[{"ok":false,"error":{"code":"LOCKED","message":"somebody edits it"}}]}"#;
        world.exchanged(NewExchange { failed: true, ..write(sent.batch, time + 10, "{}", answer) });
        let is_last = number == 3;
        world
            .settle(sent, refused("somebody edits it"), Settled::Answer, time + 15, |row| {
                row.attempts.charge(Operation::CreateTicket);
                row.sent.remove(Operation::CreateTicket);
                row.state = if is_last { State::Error } else { State::Matching };
                row.failed = is_last.then_some(Operation::CreateTicket);
                row.reason =
                    Some(String::from("create_ticket was refused 4 times; the last time: LOCKED: somebody edits it"));
            })
            .await;
    }
    insta::assert_snapshot!("error", world.text(id, 100_000).await);
    let done = world.store.act(id, Act::Retry, "noc-desk", at(200_000)).await.unwrap();
    assert!(matches!(done, ActOutcome::Done(_)));
    world.applied(id, Operation::CreateTicket, 200_100).await;
    let retried = world.text(id, 200_200).await;
    assert!(
        retried.contains("retry by noc-desk") && retried.contains("in Error: an operator has to decide"),
        "{retried}"
    );
}

#[tokio::test]
async fn a_ticket_that_waits_behind_an_outage() {
    let mut world = World::new();
    let first = world.receive(&ticket("noc-1"), 0).await;
    world.applied(first, Operation::CreateTicket, 100).await;
    world.event(EventKind::Started, "", -1_000, "");
    world.event(EventKind::BreakerOpened, "sfyc", 200, "503 Service Unavailable");
    let sent = world.send(first, Operation::CreateWorkOrder, 190).await;
    let why = String::from("503 Service Unavailable");
    world
        .settle(sent, Outcome::Unavailable { why: why.clone() }, Settled::Answer, 199, |row| {
            row.sent.remove(Operation::CreateWorkOrder);
            row.reason = Some(why);
            row.due_at = Some(at(900));
        })
        .await;
    let second = world.receive(&ticket("noc-2"), 500).await;
    insta::assert_snapshot!("outage", world.text(second, 60_500).await);
    world.event(EventKind::BreakerClosed, "sfyc", 90_000, "");
    world.applied(first, Operation::CreateWorkOrder, 90_100).await;
    insta::assert_snapshot!("outage_over", world.text(first, 91_000).await);
    // A process that was killed during an outage: the next one begins with its breakers closed.
    world.event(EventKind::BreakerOpened, "sfyc", 100_000, "connection refused");
    world.event(EventKind::Started, "", 110_000, "");
    let story = world.story(second, 120_000).await;
    assert!(story.now.next.unwrap().contains("goes on by itself while"), "{:?}", story.story);
}

#[tokio::test]
async fn a_ticket_that_an_operator_moved() {
    let mut world = World::new();
    let id = world.receive(&ticket("noc-1"), 0).await;
    world.event(EventKind::ProcessingOff, "be-1", 0, "");
    let act = Act::Reassign { backend: BackendName::new("be-2"), platform: PlatformName::new("other") };
    assert!(matches!(world.store.act(id, act, "noc-desk", at(30_000)).await.unwrap(), ActOutcome::Done(_)));
    world.applied(id, Operation::CreateTicket, 30_500).await;
    insta::assert_snapshot!("moved", world.text(id, 31_000).await);
    let second = world.receive(&ticket("noc-2"), 40_000).await;
    let act = Act::Dismiss { reason: String::from("a test of the sender") };
    assert!(matches!(world.store.act(second, act, "noc-desk", at(50_000)).await.unwrap(), ActOutcome::Done(_)));
    let dismissed = world.story(second, 60_000).await;
    assert_eq!((dismissed.now.next, dismissed.now.commands.len()), (None, 0));
    assert!(dismissed.now.text.starts_with("given up by an operator"), "{}", dismissed.now.text);
}

#[tokio::test]
async fn a_ticket_behind_another_of_its_key_and_one_that_is_held() {
    let mut world = World::new();
    let first = world.receive(&ticket("noc-1"), 0).await;
    let mut again = ticket("noc-2");
    again["dedupe_key"] = "SNR|noc-1".into();
    let second = world.receive(&again, 100).await;
    let behind = world.story(second, 60_000).await;
    assert!(behind.now.text.contains(&format!("behind ticket {first}")), "{:?}", behind.now);
    assert_eq!(behind.now.commands, [format!("ticketbridge explain {first}")]);
    let told = text(&behind);
    let words: Vec<&str> = told.split_whitespace().collect();
    assert!(words.join(" ").contains(&format!("ticket {first} of the same key came first")), "{told}");
    world
        .change(first, |row| {
            row.state = State::CreatingTicket;
            row.due_at = Some(at(3_600_000));
            row.reason =
                Some(String::from("TB0306: held for an operator: ticket T9 carries our key and an empty origin id"));
        })
        .await;
    let held = world.story(first, 60_000).await;
    assert!(held.now.next.unwrap().contains("an operator must"), "{:?}", held.now.text);
    assert_eq!(held.now.commands[0], "ticketbridge error TB0306");
    assert_eq!(held.now.due_at.as_deref(), Some("2026-11-21T10:00:00.000Z"));
}

#[tokio::test]
async fn what_is_not_kept_is_said_with_its_reason() {
    let mut world = World::new();
    let id = world.receive(&ticket("noc-1"), 0).await;
    let sent = world.send(id, Operation::CreateTicket, 100).await;
    let not_kept = async |world: &World, id, time| {
        let story = serde_json::to_value(world.story(id, time).await).unwrap();
        let entries = story["story"].as_array().unwrap().clone();
        entries.into_iter().find(|entry| entry["entry"] == "request").unwrap()["not_kept"].clone()
    };
    assert_eq!(not_kept(&world, id, 600).await, "not written yet");
    let ended = not_kept(&world, id, 60_000).await;
    assert!(ended.as_str().unwrap().contains("the service ended before"), "{ended}");
    let lost = ticketbridge_store::exchanges::PlatformEvent {
        at: at(50),
        until: Some(at(300)),
        kind: EventKind::ExchangesLost,
        about: String::new(),
        text: String::from("17"),
    };
    world.exchanges.add_events(&[lost]).unwrap();
    let lost = not_kept(&world, id, 60_000).await;
    assert!(lost.as_str().unwrap().starts_with("17 exchanges of that time were dropped"), "{lost}");
    world.exchanged(NewExchange { bodies: None, ..write(sent.batch, 110, "", "") });
    let rate = not_kept(&world, id, 60_000).await;
    assert!(rate.as_str().unwrap().contains("exchanges_rate` lets keep, and all of it went well"), "{rate}");
    let failed = NewExchange { bodies: None, status: Some(500), failed: true, ..write(sent.batch, 120, "", "") };
    world.exchanged(failed);
    let failed = not_kept(&world, id, 60_000).await;
    assert_eq!(failed, "more failed per second than 8 times `retention.exchanges_rate` lets keep");
    let gone = world.receive(&ticket("noc-2"), 0).await;
    let sent = world.send(gone, Operation::CreateTicket, 20).await;
    let outcome = Outcome::Applied { ids: RemoteIds::default() };
    world.settle(sent, outcome, Settled::Answer, 35, |row| row.state = State::CreatingWorkOrder).await;
    let older = not_kept(&world, gone, 60_000).await;
    assert_eq!(older, "older than `retention.exchanges` and `retention.exchanges_size` keep");
    let file = world.path.with_extension("none");
    let none = ticketbridge_engine::explain::Source::File(file.clone());
    let story =
        ticketbridge_engine::explain::explain(&world.config, &*world.store, none, id, at(60_000)).await.unwrap();
    let told = text(&story.unwrap());
    assert!(told.contains("there is no file of exchanges yet"), "{told}");
    std::fs::write(&file, b"no database at all").unwrap();
    let broken = ticketbridge_engine::explain::Source::File(file);
    let story =
        ticketbridge_engine::explain::explain(&world.config, &*world.store, broken, id, at(60_000)).await.unwrap();
    assert!(text(&story.unwrap()).contains("not kept: the file of exchanges"));
}

#[tokio::test]
async fn long_and_hostile_bodies_keep_to_the_page() {
    let mut world = World::new();
    let mut hostile = ticket("noc-1");
    hostile["dedupe_key"] = "SNR|\u{202e}evil".into();
    let id = world.receive(&hostile, 0).await;
    let sent = world.send(id, Operation::CreateTicket, 100).await;
    let items: Vec<String> =
        (0..100).map(|number| format!(r#"{{"title":"{}","n":{number}}}"#, "long words ".repeat(20))).collect();
    let request = format!(r#"{{"items":[{}… (80000 bytes)"#, items.join(","));
    let bodies = Some(ExchangeBodies { request, answer: String::from("\u{1b}[2J<html>\u{7}\nño") });
    world.exchanged(NewExchange { bodies, status: Some(500), failed: true, ..write(sent.batch, 110, "", "") });
    let told = world.text(id, 60_000).await;
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    assert!(!told.contains('\u{1b}') && !told.contains('\u{7}') && !told.contains('\u{202e}'), "{told}");
    assert!(told.contains("more lines; `--json` has them") && told.contains(r"\u{1b}[2J<html>"), "{told}");
}

#[tokio::test]
async fn a_ticket_is_found_by_id_message_and_number_and_by_nothing_else() {
    let mut world = World::new();
    let first = world.receive(&ticket("noc-1"), 0).await;
    world.applied(first, Operation::CreateTicket, 100).await;
    world.applied(first, Operation::CreateWorkOrder, 120).await;
    let store = &*world.store;
    for text in [first.to_string(), String::from("noc-1"), String::from("T00000001"), String::from("W00000001")] {
        assert_eq!(find(store, &text).await.unwrap(), Match::One(first), "{text}");
    }
    for text in [
        "",
        " ",
        "T0000000",
        "T000000012",
        "%",
        "_",
        "' OR 1=1 --",
        "\u{0}",
        "01990000-0000-7000-8000-00000000ffff",
        &"x".repeat(100_000),
    ] {
        assert_eq!(find(store, text).await.unwrap(), Match::None, "{text:?}");
    }
    let second = world.receive(&ticket("noc-2"), 200).await;
    world.applied(second, Operation::AddNote, 300).await;
    let Match::Several(found) = find(&*world.store, "T00000001").await.unwrap() else { panic!("two rows have it") };
    assert_eq!(found.iter().map(|ticket| ticket.id).collect::<Vec<_>>(), [second, first]);
}

#[tokio::test]
async fn a_message_of_another_form_than_a_built_ticket_is_a_senders() {
    let mut world = World::new();
    let mut message = built("01JD0000000000000000000001");
    let id = world.receive(&message, 0).await;
    let came_from =
        async |world: &World, id| serde_json::to_value(world.story(id, 60_000).await).unwrap()["came_from"].clone();
    assert_eq!(came_from(&world, id).await["from"], "workflow");
    message["schema"] = "x".into();
    message["message_id"] = "01JD0000000000000000000002".into();
    let id = world.receive(&message, 0).await;
    assert_eq!(came_from(&world, id).await["from"], "sender");
}
