//! What the box office answers to writes: short, in another order, lost, late, refused, or not at all.

use std::time::Duration;

use serde_json::{Value, json};
use ticketbridge_core::mobile::{RunError, RunResult};
use ticketbridge_sandbox::faults::{BodyCut, Knob, Rule};
use ticketbridge_sandbox::s360::TicketAct;
use ticketbridge_store::{FeedbackStore, Trigger};

use crate::world::{World, injected, transferred, with};

/// A ticket that is somebody else's now; nothing is said of a sender, so that it shares no e-mail with others.
fn handed_on(ticket: usize) -> Value {
    with(transferred(ticket, 2, &format!("guest{ticket}@example.org")), "transfer", Value::Null)
}

/// Ten tickets, five of which go to five people.
fn mixed() -> World {
    let world = World::new().with_tickets(10);
    let items: Vec<Value> = (1..=10)
        .map(|ticket| match ticket % 2 {
            0 => handed_on(ticket),
            _ => injected(ticket, ticket).remove(0),
        })
        .collect();
    world.change(&items);
    world
}

#[track_caller]
fn assert_all_is_done(world: &World, what: &str) {
    let stats = world.office.model().stats();
    assert_eq!((stats.mobile_tickets, stats.history), (10, 10), "{what}");
    assert_eq!((stats.contacts_made, stats.distributions, stats.open_distributions), (5, 5, 0), "{what}");
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn short_reordered_doubled_lost_and_late_answers_end_alike() {
    let faults = [
        Knob::ShortResults { drop: 1 },
        Knob::ShortResults { drop: 4 },
        Knob::ReorderedResults {},
        Knob::DuplicatedResults { copies: 3 },
        Knob::ResetAfterCommit { after_ms: 0 },
        Knob::CommitThenStall { answer_after_ms: Some(40_000) },
        Knob::CommitThenStall { answer_after_ms: None },
        Knob::ServerError { status: 503, effect: true },
        Knob::CutJson { effect: true, body: BodyCut::WellFramed },
        Knob::HtmlAnswer { status: 200, effect: true },
    ];
    for knob in faults {
        for times in [1, 2] {
            let world = mixed();
            world.office_fault(Rule::from(knob.clone()).times(times));
            let report = world.run().await;
            let what = format!("{knob:?} {times} times: {report:?}");
            assert_eq!((report.result, report.error, report.counters.failed), (RunResult::Ok, None, 0), "{what}");
            assert_eq!(report.counters.updated + report.counters.unchanged, 10, "{what}");
            assert_all_is_done(&world, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_always_short_or_reordered_come_to_an_end() {
    for knob in [Knob::ShortResults { drop: 2 }, Knob::ReorderedResults {}, Knob::DuplicatedResults { copies: 2 }] {
        let world = mixed();
        world.office_fault(knob.clone());
        for _ in 0..10 {
            world.run().await;
            world.later().await;
        }
        assert_all_is_done(&world, &format!("{knob:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_locked_ticket_waits_and_its_neighbours_do_not() {
    let world = mixed();
    for ticket in ["T2", "T3"] {
        world.office.model().operate_ticket(0, ticket, &TicketAct::Lock {}).unwrap();
    }
    let report = world.run().await;
    assert_eq!((report.result, report.counters.updated, report.counters.pending), (RunResult::Warning, 8, 2));
    let waiting = world.page(1).await.unwrap().waiting;
    assert_eq!(
        waiting.iter().map(|one| (one.position, &*one.reason)).collect::<Vec<_>>(),
        [(1, "LOCKED"), (2, "LOCKED")]
    );
    for ticket in ["T2", "T3"] {
        world.office.model().operate_ticket(0, ticket, &TicketAct::Unlock {}).unwrap();
    }
    // An automatic run leaves an item alone until its wait is over.
    world.office.take_sent();
    let early = world.run_with(&world.function, world.by(Trigger::Schedule)).await;
    assert_eq!((early.result, early.counters.pending), (RunResult::Warning, 2));
    assert!(world.office.take_sent().is_empty());
    world.later().await;
    let report = world.run_with(&world.function, world.by(Trigger::Schedule)).await;
    assert_eq!((report.result, report.counters.updated), (RunResult::Ok, 2));
    assert_all_is_done(&world, "unlocked");
}

#[tokio::test(start_paused = true)]
async fn a_write_has_500_items_at_most() {
    let mut world = World::new().with_tickets(1_200);
    world.function.batch_size = 1_200;
    world.change(&(1..=1_200).map(handed_on).collect::<Vec<_>>());
    let report = world.run().await;
    assert_eq!((report.result, report.counters.updated), (RunResult::Ok, 1_200));
    let sent = world.office.take_sent();
    for name in ["POST /contacts", "POST /distributions", "POST /tickets/cultural-contact", "POST /tickets/mobile"] {
        // One wave looks up 1,000 tickets at once.
        let sizes: Vec<usize> = sent.iter().filter(|sent| sent.name == name).map(|sent| sent.items).collect();
        assert_eq!(sizes, [500, 500, 200], "{name}");
    }
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_whole_costs_no_item_anything() {
    let world = mixed();
    let refused = Knob::CallFailure {
        status: 400,
        code: String::from("MALFORMED_BODY"),
        message: String::from("no"),
        effect: false,
    };
    world.office_fault(Rule::from(refused).on("write_mobile").times(1));
    let report = world.run().await;
    assert_eq!((report.result, report.error), (RunResult::Error, Some(RunError::BoxOfficeSetUp)));
    assert_eq!((report.counters.failed, report.counters.pending), (0, 10));
    assert!(report.text.as_deref().unwrap().contains("MALFORMED_BODY"), "{report:?}");
    assert!(world.page(1).await.unwrap().waiting.is_empty(), "no attempt is charged");
    assert_eq!(world.run().await.counters.updated, 10);
    assert_all_is_done(&world, "set right");
}

#[tokio::test(start_paused = true)]
async fn a_poison_item_ends_alone_and_all_others_are_done() {
    let cases: [(usize, &[usize]); 7] = [
        (1, &[1]),
        (2, &[1]),
        (3, &[2]),
        (40, &[17]),
        (600, &[333]),
        (40, &[3, 13, 23, 33]),
        (64, &[1, 2, 3, 40, 41, 64]),
    ];
    for trigger in [Trigger::Manual, Trigger::Schedule] {
        for (tickets, poisons) in cases {
            let world = World::new().with_tickets(tickets);
            let mut items = injected(1, tickets);
            for poison in poisons {
                items[poison - 1] = with(items[poison - 1].clone(), "deletion", json!({"reason": "poison"}));
            }
            world.change(&items);
            world.office_fault(Knob::PoisonCall { text: String::from("poison"), status: 500 });
            let healthy = tickets - poisons.len();
            let mut runs = 0;
            while runs == 0 || world.stored_tickets() < healthy {
                runs += 1;
                assert!(
                    runs <= 12,
                    "{tickets} tickets, {poisons:?}, {trigger:?}: {} of {healthy} are done",
                    world.stored_tickets()
                );
                let report = world.run_with(&world.function, world.by(trigger)).await;
                assert_eq!((report.result, report.error), (RunResult::Warning, None), "{report:?}");
                world.later().await;
            }
            let report = world.run_with(&world.function, world.by(trigger)).await;
            assert_eq!((report.counters.pending, report.counters.failed), (poisons.len() as u64, 0));
            world.later().await;
            world.heal();
            assert_eq!(world.run().await.counters.updated, poisons.len() as u64);
            world.assert_nothing_twice();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_poison_item_does_not_keep_later_pages_waiting() {
    let mut world = World::new().with_tickets(60);
    world.function.batch_size = 20;
    let mut items = injected(1, 60);
    items[4] = with(items[4].clone(), "deletion", json!({"reason": "poison"}));
    world.change(&items);
    world.office_fault(Knob::PoisonCall { text: String::from("poison"), status: 500 });
    for _ in 0..10 {
        world.run_with(&world.function, world.by(Trigger::Schedule)).await;
        world.later().await;
    }
    assert_eq!(world.stored_tickets(), 59);
}

/// Lets the box office be away, whole or in part.
type Away = (&'static str, fn(&World));

#[tokio::test(start_paused = true)]
async fn while_the_box_office_is_away_pages_go_on_being_stored_and_nothing_is_lost() {
    let ways: [Away; 4] = [
        ("no connection", |world| world.office.set_away(true)),
        ("503", |world| world.office_fault(Knob::Unavailable { retry_after_s: Some(30) })),
        ("no answer", |world| {
            world.office_fault(Rule::from(Knob::ResetBeforeCommit { after_ms: 60_000 }));
        }),
        ("writes get 503", |world| {
            for operation in ["write_mobile", "create_contacts", "write_distributions", "set_cultural_contacts"] {
                world.office_fault(Rule::from(Knob::Unavailable { retry_after_s: None }).on(operation));
            }
        }),
    ];
    for (name, go_away) in ways {
        let mut world = mixed();
        world.add_tickets(11, 40);
        world.change(&injected(11, 40));
        (world.function.batch_size, world.function.pages_per_run) = (10, 2);
        go_away(&world);
        for (run, pending) in [20, 40, 40].into_iter().enumerate() {
            let began = tokio::time::Instant::now();
            let report = world.run_with(&world.function, world.by(Trigger::Schedule)).await;
            let what = format!("{name}, run {run}: {report:?}");
            assert_eq!((report.result, report.error), (RunResult::Warning, None), "{what}");
            assert_eq!(
                (report.counters.pending, report.counters.failed, report.counters.updated),
                (pending, 0, 0),
                "{what}"
            );
            assert!(began.elapsed() < Duration::from_mins(5), "{what}: {:?}", began.elapsed());
            tokio::time::sleep(Duration::from_mins(5)).await;
        }
        assert_eq!(world.stored_tickets(), 0);
        let mut charged = 0;
        for page in 1..=4 {
            charged += world.page(page).await.unwrap().waiting.iter().filter(|one| one.attempts > 0).count();
        }
        // While only writes fail, a few are tried alone to learn whether it is the box office.
        assert!(charged == 0 || name == "writes get 503", "{name}: {charged} items were charged");
        world.heal();
        world.office.set_away(false);
        world.later().await;
        let report = world.run_with(&world.function, world.by(Trigger::Schedule)).await;
        assert_eq!((report.result, report.counters.updated), (RunResult::Ok, 40), "{name}: {report:?}");
        let stats = world.office.model().stats();
        assert_eq!((stats.mobile_tickets, stats.history, stats.contacts_made), (40, 40, 5), "{name}");
        world.assert_nothing_twice();
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_last_write_fails_items_wait_and_the_others_are_not_made_twice() {
    let world = mixed();
    world.office_fault(Rule::from(Knob::Unavailable { retry_after_s: None }).on("write_mobile"));
    for _ in 0..5 {
        let report = world.run_with(&world.function, world.by(Trigger::Schedule)).await;
        assert_eq!((report.result, report.counters.pending, report.counters.failed), (RunResult::Warning, 10, 0));
        world.later().await;
    }
    world.heal();
    let report = world.run_with(&world.function, world.by(Trigger::Schedule)).await;
    assert_eq!((report.result, report.counters.updated), (RunResult::Ok, 10), "{report:?}");
    assert_all_is_done(&world, "healed");
}

#[tokio::test(start_paused = true)]
async fn a_few_poison_items_alone_on_their_pages_do_not_keep_new_ones_waiting() {
    let mut world = World::new().with_tickets(40);
    world.function.batch_size = 1;
    let poison = |ticket| with(injected(ticket, ticket).remove(0), "deletion", json!({"reason": "poison"}));
    world.change(&(1..=8).map(poison).collect::<Vec<_>>());
    world.office_fault(Knob::PoisonCall { text: String::from("poison"), status: 500 });
    for _ in 0..10 {
        world.run_with(&world.function, world.by(Trigger::Schedule)).await;
        world.later().await;
    }
    world.change(&injected(9, 12));
    for _ in 0..4 {
        world.run_with(&world.function, world.by(Trigger::Schedule)).await;
        world.later().await;
    }
    assert_eq!(world.stored_tickets(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_waits_holds_back_what_shares_its_ticket_or_e_mail_and_nothing_else() {
    let world = World::new().with_tickets(4);
    world.office.model().operate_ticket(0, "T1", &TicketAct::Lock {}).unwrap();
    let items = [
        transferred(1, 1, "bo@example.org"),
        transferred(2, 2, "bo@example.org"),
        transferred(3, 3, "cy@example.org"),
        with(injected(1, 1).remove(0), "updatedAt", json!("2026-05-04T08:30:00Z")),
        injected(4, 4).remove(0),
    ];
    world.add_page(&crate::world::page(&json!("k"), &items));
    let report = world.run().await;
    // All transfers come from Ann: T3 shares her e-mail with T1 and T2.
    assert_eq!((report.counters.updated, report.counters.pending), (1, 4), "{report:?}");
    assert_eq!(world.status_of("T4").as_deref(), Some("INJECTED"));
    world.office.model().operate_ticket(0, "T1", &TicketAct::Unlock {}).unwrap();
    assert_eq!(world.run().await.counters.updated, 4);
    assert_eq!(world.status_of("T1").as_deref(), Some("INJECTED"), "its latest item came last");
    assert_eq!(world.store.pending_items("DEMO").await.unwrap(), 0);
    world.assert_nothing_twice();
}
