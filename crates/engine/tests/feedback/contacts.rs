//! Contacts, which must be created once whatever becomes of the answer.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;
use serde_json::{Value, json};
use ticketbridge_core::mobile::RunResult;
use ticketbridge_core::time::Mono;
use ticketbridge_engine::feedback::{Function, Time, run};
use ticketbridge_platforms::{Answer, Transport};
use ticketbridge_sandbox::faults::{EarlyAnswer, Knob, Rule};
use ticketbridge_sandbox::s360::ContactAct;

use crate::wire::Sent;
use crate::world::{World, contact, transfer, transferred};

const BO: &str = "bo@example.org";

/// Ann's ticket goes to Bo, whom nobody knows.
fn to_bo() -> World {
    let world = World::new().with_tickets(2);
    world.change(&[transferred(1, 1, BO)]);
    world
}

fn creations(world: &World) -> Vec<Sent> {
    world.office.take_sent_of("POST /contacts")
}

fn request_ref(sent: &Sent) -> &str {
    sent.body["items"][0]["requestRef"].as_str().unwrap()
}

/// The ticket is Bo's, of whom there is one.
#[track_caller]
fn assert_is_bos(world: &World) {
    let numbers = world.contacts_with(BO);
    assert_eq!(numbers.len(), 1, "contacts of Bo's");
    let office = world.office.model();
    assert_eq!(office.ticket("T1").unwrap().cultural_contact_number.as_deref(), Some(&*numbers[0]));
    assert_eq!(office.distributions().len(), 1);
    assert_eq!(*office.distributions()[0].new_contact_number, *numbers[0]);
    drop(office);
    assert_eq!(world.status_of("T1").as_deref(), Some("TRANSFERRED"));
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_found_by_its_reference_and_nothing_is_sent_again() {
    for knob in [
        Knob::ResetAfterCommit { after_ms: 0 },
        Knob::CommitThenStall { answer_after_ms: None },
        Knob::ServerError { status: 500, effect: true },
    ] {
        let world = to_bo();
        world.office_fault(Rule::from(knob).on("create_contacts").times(1));
        let began = world.time.now().mono;
        assert_eq!(world.run().await.result, RunResult::Ok);
        let sent = world.office.take_sent();
        let reference = sent.iter().find(|sent| sent.name == "POST /contacts").map(request_ref).unwrap();
        assert_eq!(sent.iter().filter(|sent| sent.name == "POST /contacts").count(), 1);
        assert!(sent.iter().any(|sent| sent.target.starts_with("/contacts?requestRef=")), "{reference}");
        assert!(world.time.now().mono.since(began) < Duration::from_mins(1), "there was nothing to wait for");
        assert_is_bos(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_was_never_applied_is_sent_again_when_it_cannot_be_any_more_and_not_before() {
    for in_doubt_for in [Duration::from_mins(2), Duration::from_mins(10)] {
        let mut world = to_bo();
        world.function.in_doubt_for = in_doubt_for;
        world.office_fault(Rule::from(Knob::ResetBeforeCommit { after_ms: 0 }).on("create_contacts").times(1));
        let report = world.run().await;
        assert_eq!((report.result, report.counters.updated, report.counters.contacts_created), (RunResult::Ok, 1, 1));
        let sent = creations(&world);
        assert_eq!(sent.len(), 2);
        assert_eq!(request_ref(&sent[0]), request_ref(&sent[1]), "with the same reference");
        let pause = sent[1].at.since(sent[0].at);
        assert!(pause >= in_doubt_for && pause < in_doubt_for + Duration::from_secs(30), "{pause:?}");
        assert_is_bos(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_takes_effect_late_is_waited_for() {
    for effect_after_ms in [3_000, 60_000, 119_000] {
        for answer in [EarlyAnswer::Reset, EarlyAnswer::Stall, EarlyAnswer::GatewayTimeout] {
            let world = to_bo();
            let knob = Knob::DelayedEffect { effect_after_ms, answer };
            world.office_fault(Rule::from(knob).on("create_contacts").times(1));
            assert_eq!(world.run().await.result, RunResult::Ok, "{effect_after_ms} {answer:?}");
            assert_eq!(creations(&world).len(), 1, "{effect_after_ms} {answer:?}");
            assert_is_bos(&world);
        }
    }
}

/// A run that died at this gate, and the next one, a minute after. Answers when that one began, and the creations of both.
async fn crash_and_run(world: &World, gate: &str) -> (Mono, Vec<Sent>) {
    world.run_dying_there(gate).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    let began = world.time.now().mono;
    let report = world.run().await;
    assert_eq!((report.result, report.counters.updated), (RunResult::Ok, 1), "{gate}: {report:?}");
    (began, creations(world))
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_the_next_run_finds_what_was_created() {
    let world = to_bo();
    let (began, sent) = crash_and_run(&world, "after POST /contacts").await;
    assert_eq!(sent.len(), 1);
    assert!(world.time.now().mono.since(began) < Duration::from_secs(10), "there was nothing to wait for");
    assert_is_bos(&world);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_the_next_run_waits_from_its_beginning_looks_and_sends_again() {
    let world = to_bo();
    world.office_fault(Rule::from(Knob::ResetBeforeCommit { after_ms: 0 }).on("create_contacts").times(1));
    let (began, sent) = crash_and_run(&world, "after POST /contacts").await;
    assert_eq!((sent.len(), request_ref(&sent[0])), (2, request_ref(&sent[1])));
    let wait = sent[1].at.since(began);
    assert!(wait >= Duration::from_mins(2) && wait < Duration::from_secs(150), "{wait:?}");
    assert_is_bos(&world);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_intent_and_request_is_in_doubt_as_well() {
    let world = to_bo();
    let (began, sent) = crash_and_run(&world, "before POST /contacts").await;
    assert_eq!(sent.len(), 1);
    assert!(sent[0].at.since(began) >= Duration::from_mins(2), "nobody can know that it was not sent");
    assert_is_bos(&world);
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_intent_leaves_no_doubt() {
    for gate in ["before claim_contacts", "after claim_contacts"] {
        let world = to_bo();
        let (began, sent) = crash_and_run(&world, gate).await;
        assert_eq!(sent.len(), 1);
        assert!(sent[0].at.since(began) < Duration::from_secs(10), "{gate}");
        assert_is_bos(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delayed_creation_of_a_run_that_died_is_waited_for() {
    let world = to_bo();
    let knob = Knob::DelayedEffect { effect_after_ms: 110_000, answer: EarlyAnswer::Stall };
    world.office_fault(Rule::from(knob).on("create_contacts").times(1));
    let (_, sent) = crash_and_run(&world, "after POST /contacts").await;
    assert_eq!(sent.len(), 1);
    assert_is_bos(&world);
}

#[tokio::test(start_paused = true)]
async fn a_number_that_is_missing_in_the_answer_is_looked_up() {
    let world = to_bo();
    world.office.tamper(|call, transport| match transport {
        Transport::Answered(answer) if call.target == "/contacts" => {
            let mut body: Value = serde_json::from_slice(&answer.body).unwrap();
            body["results"][0].as_object_mut().unwrap().remove("contactNumber").unwrap();
            Transport::Answered(Answer { body: Bytes::from(body.to_string()), ..answer })
        }
        other => other,
    });
    assert_eq!(world.run().await.result, RunResult::Ok);
    assert_eq!(creations(&world).len(), 1);
    assert_is_bos(&world);
}

/// Somebody at the counter makes a contact for Bo.
fn somebody_creates_bo(world: &World) {
    world.load(&json!({"contacts": [contact("1500", BO, "Bo", "Li", false)]}));
}

#[tokio::test(start_paused = true)]
async fn somebody_else_creates_the_contact_before_it_is_claimed() {
    for gate in ["before claim_contacts", "after claim_contacts"] {
        let world = to_bo();
        world.gates.hold_at_named(gate, 1);
        let somebody = async {
            world.gates.reached().await;
            somebody_creates_bo(&world);
            world.gates.release();
        };
        let (report, ()) = join(world.run(), somebody).await;
        assert_eq!((report.result, report.counters.contacts_created), (RunResult::Ok, 0), "{gate}");
        assert!(creations(&world).is_empty());
        assert_eq!(world.contacts_with(BO), ["1500"]);
        assert_is_bos(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_else_creates_the_contact_while_ours_is_in_doubt() {
    let world = to_bo();
    world.office_fault(Rule::from(Knob::ResetBeforeCommit { after_ms: 0 }).on("create_contacts").times(1));
    let somebody = async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        somebody_creates_bo(&world);
    };
    let (report, ()) = join(world.run(), somebody).await;
    assert_eq!(report.result, RunResult::Ok, "{report:?}");
    assert_eq!(creations(&world).len(), 1);
    assert_eq!(world.contacts_with(BO), ["1500"]);
    assert_is_bos(&world);
}

/// A world in which a second organizer has a ticket for Bo as well.
fn two_organizers() -> (World, Function) {
    let world = to_bo();
    world.wallet.model().add_changes("OTHER", &[transferred(2, 1, BO)]).unwrap();
    let other = Function { organizer: "OTHER".into(), internal_name: "other".into(), ..world.function.clone() };
    (world, other)
}

#[tokio::test(start_paused = true)]
async fn two_organizers_that_want_the_same_e_mail_at_once_create_one_contact() {
    let (world, other) = two_organizers();
    let (one, second) = join(world.run(), world.run_with(&other, world.by_hand())).await;
    assert_eq!(one.counters.contacts_created + second.counters.contacts_created, 1);
    assert_eq!((one.result, second.result), (RunResult::Ok, RunResult::Ok), "the one that waits finds it");
    assert_eq!((creations(&world).len(), world.contacts_with(BO).len()), (1, 1));
    assert_eq!(world.status_of("T2").as_deref(), Some("TRANSFERRED"));
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn an_e_mail_that_another_organizer_has_claimed_waits() {
    let (world, other) = two_organizers();
    world.gates.hold_at_named("before POST /contacts", 1);
    let parts = world.parts_of("DEMO");
    let first = run(&world.function, &parts, world.by_hand());
    tokio::pin!(first);
    world.until_held(&mut first).await;
    let second = world.run_with(&other, world.by_hand()).await;
    assert_eq!((second.result, second.counters.pending), (RunResult::Warning, 1), "{second:?}");
    assert!(creations(&world).is_empty());
    world.gates.release();
    assert_eq!(first.await.unwrap().counters.contacts_created, 1);
    let second = world.run_with(&other, world.by_hand()).await;
    assert_eq!((second.result, second.counters.updated, second.counters.contacts_created), (RunResult::Ok, 1, 0));
    assert_eq!((creations(&world).len(), world.contacts_with(BO).len()), (1, 1));
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_a_run_that_died_goes_to_the_other_organizer_with_its_doubt() {
    let (world, other) = two_organizers();
    let knob = Knob::DelayedEffect { effect_after_ms: 100_000, answer: EarlyAnswer::Stall };
    world.office_fault(Rule::from(knob).on("create_contacts").times(1));
    world.run_dying_there("after POST /contacts").await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    let report = world.run_with(&other, world.by_hand()).await;
    assert_eq!((report.result, report.counters.updated), (RunResult::Ok, 1), "{report:?}");
    world.run_to_the_end().await;
    assert_eq!((creations(&world).len(), world.contacts_with(BO).len()), (1, 1));
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn one_contact_for_two_tickets_of_one_page_whatever_the_case_of_their_e_mail() {
    let world = World::new().with_tickets(2);
    world.change(&[transfer(1, "PENDING_TRANSFER", 1, " Bo@Example.ORG "), transferred(2, 2, BO)]);
    let report = world.run().await;
    assert_eq!(
        (report.result, report.counters.contacts_created, report.counters.contacts_updated),
        (RunResult::Ok, 1, 1)
    );
    assert_eq!((creations(&world).len(), world.contacts_with(BO).len()), (1, 1));
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn a_creation_in_doubt_holds_back_what_shares_the_e_mail_and_nothing_else() {
    let world = World::new().with_tickets(3);
    world.add_page(&crate::world::page(
        &json!("k"),
        &[transferred(1, 1, BO), transferred(2, 2, BO), crate::world::item(3, "INJECTED", 1)],
    ));
    world.office_fault(Rule::from(Knob::ResetBeforeCommit { after_ms: 0 }).on("create_contacts").times(1));
    let looks = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        (world.status_of("T1"), world.status_of("T2"), world.status_of("T3"))
    };
    let (report, seen) = join(world.run(), looks).await;
    assert_eq!(seen, (None, None, Some(String::from("INJECTED"))));
    assert_eq!((report.result, report.counters.updated, world.contacts_with(BO).len()), (RunResult::Ok, 3, 1));
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_comes_from_another_organizer_is_in_doubt_from_that_moment_however_old_the_run_is() {
    let (world, mut other) = two_organizers();
    // The other run begins long before, and comes to its page only now.
    (other.timeout, other.lease) = (Duration::from_hours(1), Duration::from_hours(3));
    world.wallet_fault(Rule::from(Knob::AnswerDelay { ms: 330_000, max_ms: None }).times(1));
    let knob = Knob::DelayedEffect { effect_after_ms: 100_000, answer: EarlyAnswer::Stall };
    world.office_fault(Rule::from(knob).on("create_contacts").times(1));
    let dying = async {
        tokio::time::sleep(Duration::from_mins(4)).await;
        world.run_dying_there("after POST /contacts").await;
    };
    let (report, ()) = join(world.run_with(&other, world.by_hand()), dying).await;
    assert_eq!((report.result, report.counters.updated), (RunResult::Ok, 1), "{report:?}");
    assert_eq!((creations(&world).len(), world.contacts_with(BO).len()), (1, 1));
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn a_contact_whose_e_mail_people_corrected_is_found_by_its_reference_after_a_crash() {
    for gate in ["before POST /distributions", "before POST /tickets/cultural-contact", "before POST /tickets/mobile"] {
        let world = to_bo();
        world.run_dying_there(gate).await;
        let number = world.contacts_with(BO)[0].clone();
        let corrected = ContactAct::SetEmail { email: Some(String::from("bob@example.org")) };
        world.office.model().operate_contact(&number, &corrected).unwrap();
        world.later().await;
        world.run_to_the_end().await;
        assert_eq!(creations(&world).len(), 1, "{gate}");
        assert_eq!(world.status_of("T1").as_deref(), Some("TRANSFERRED"));
        world.assert_nothing_twice();
    }
}
