//! Each check is fed a world that is wrong, and says so; and one that is sound, and does not.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use ticketbridge_core::delivery::{BackendSettings, BatchId, Intent, ItemResult, LaneId, Settings, Settled};
use ticketbridge_core::effect::{Operation, Outcome, Refusal, RemoteIds};
use ticketbridge_core::ticket::{
    Attempts, BackendName, DedupeKey, OperationSet, OriginId, PlatformName, State, TicketId, TicketReference, TicketRow,
};
use ticketbridge_core::time::Wall;
use ticketbridge_simulator::checks::once::{Truth, TruthTicket};
use ticketbridge_simulator::checks::{
    attempts, batch_size, completed, intent, journal, liveness, matching, once, switches, wake,
};

fn row() -> TicketRow {
    TicketRow {
        id: TicketId(1),
        origin: OriginId(uuid::Uuid::from_u128(1)),
        key: DedupeKey::new("SNR|1").unwrap(),
        kind: "SNR".into(),
        backend: BackendName::new("north"),
        state: State::Completed,
        due_at: None,
        attempts: Attempts::default(),
        generation: 0,
        sent: OperationSet::default(),
        created: true,
        ticket: Some(TicketReference { number: String::from("T1"), record: None }),
        work_order: Some(String::from("OT1")),
        work_order_record: None,
        failed: None,
        reason: None,
    }
}

fn an_intent(items: usize) -> Intent {
    Intent {
        batch: BatchId::new(LaneId(1), 1),
        operation: Operation::CreateTicket,
        platform: PlatformName::new("sfyc"),
        backend: BackendName::new("north"),
        items: (1..=items as i64).map(TicketId).collect(),
        body_hash: [7; 32],
        at: Wall(0),
    }
}

fn settings(processing: bool) -> Settings {
    let sfyc = PlatformName::new("sfyc");
    let backend = BackendSettings {
        tickets: sfyc.clone(),
        work_orders: sfyc,
        processing,
        max_retries: 3,
        max_tickets_per_request: 2,
    };
    Settings {
        backends: BTreeMap::from([(BackendName::new("north"), backend)]),
        platforms: BTreeMap::new(),
        kinds: Vec::new(),
        match_ttl: Duration::from_mins(1),
        charge_outages: false,
    }
}

#[test]
fn i1_sees_what_is_there_twice() {
    let ticket = |key, origin, open| TruthTicket { key, origin, open };
    let sound = Truth {
        tickets: vec![ticket("k", "a", false), ticket("k", "b", true), ticket("l", "c", true)],
        work_orders: vec![("a", "T1"), ("b", "T2")],
        notes: vec!["d", "e"],
    };
    assert_eq!(once::check("sfyc", &sound), None);
    let mut wrong = sound.clone();
    wrong.tickets.push(ticket("k", "d", true));
    let found = once::check("sfyc", &wrong).unwrap();
    assert_eq!((found.invariant, found.key.as_deref()), ("I1", Some("k")));
    let mut wrong = sound.clone();
    wrong.tickets.push(ticket("l", "c", false));
    assert!(once::check("sfyc", &wrong).unwrap().text.contains("origin id c"));
    let mut wrong = sound.clone();
    wrong.work_orders.push(("b", "T3"));
    assert!(once::check("sfyc", &wrong).unwrap().text.contains("origin id b"));
    let mut wrong = sound.clone();
    wrong.work_orders.push(("b2", "T2"));
    assert!(once::check("sfyc", &wrong).is_some());
    let mut wrong = sound.clone();
    wrong.work_orders.push(("b", "T2"));
    assert_eq!(once::check("sfyc", &wrong).unwrap().key.as_deref(), Some("k"));
    let mut wrong = sound;
    wrong.notes.push("d");
    assert!(once::check("sfyc", &wrong).unwrap().text.contains("note d"));
}

#[test]
fn i2_sees_a_process_that_nothing_will_wake() {
    let stuck = wake::Outlook { rows: 1, ..wake::Outlook::default() };
    assert_eq!(wake::check(0, stuck).unwrap().invariant, "I2");
    for sound in [
        wake::Outlook { rows: 0, ..stuck },
        wake::Outlook { wake: true, ..stuck },
        wake::Outlook { under_way: 1, ..stuck },
        wake::Outlook { excused: true, ..stuck },
    ] {
        assert_eq!(wake::check(0, sound), None, "{sound:?}");
    }
}

#[test]
fn i3_sees_a_request_without_its_intent() {
    let stored = an_intent(2);
    let platform = PlatformName::new("sfyc");
    let request = intent::Request {
        batch: stored.batch,
        operation: Operation::CreateTicket,
        platform: &platform,
        body_hash: [7; 32],
        left_before: 0,
    };
    assert_eq!(intent::check(request, Some(&stored), None), None);
    assert!(intent::check(request, None, None).is_some());
    let other = PlatformName::new("other");
    for wrong in [
        intent::Request { operation: Operation::AddNote, ..request },
        intent::Request { platform: &other, ..request },
        intent::Request { body_hash: [8; 32], ..request },
        intent::Request { left_before: 1, ..request },
    ] {
        assert_eq!(intent::check(wrong, Some(&stored), None).unwrap().invariant, "I3", "{wrong:?}");
    }
}

#[test]
fn i4_sees_a_ticket_without_its_work_order() {
    let shown = |work_order: Option<&str>| completed::Shown {
        key: Some(String::from("SNR|1")),
        origin: Some(row().origin.to_string()),
        work_order: work_order.map(str::to_owned),
    };
    let with_order = |work_order| completed::Remote::Shows(shown(work_order));
    assert_eq!(completed::check(&row(), &with_order(Some("OT1"))), None);
    assert_eq!(completed::check(&row(), &completed::Remote::InPeoplesHands), None);
    for wrong in [
        with_order(None),
        with_order(Some("OT2")),
        completed::Remote::Missing,
        completed::Remote::Shows(completed::Shown { origin: Some(String::from("another")), ..shown(Some("OT1")) }),
    ] {
        assert_eq!(completed::check(&row(), &wrong).unwrap().invariant, "I4", "{wrong:?}");
    }
    let bare = TicketRow { work_order: None, ..row() };
    assert!(completed::check(&bare, &with_order(None)).is_some());
    let told = TicketRow { reason: Some(String::from("it was closed")), ..bare };
    assert_eq!(completed::check(&told, &with_order(None)), None);
    let noted = TicketRow { created: false, work_order: None, ..row() };
    assert_eq!(completed::check(&noted, &with_order(None)), None);
    let other = completed::Shown { key: Some(String::from("SNR|2")), ..shown(None) };
    assert!(completed::check(&noted, &completed::Remote::Shows(other)).unwrap().text.contains("dedupe key"));
}

#[test]
fn a_create_beside_a_ticket_of_people_counts_only_when_that_is_old() {
    let opened = |age| matching::Opened { number: String::from("T1"), age };
    assert_eq!(matching::check("sfyc", "k", &opened(60_000), 60_000), None);
    let wrong = matching::check("sfyc", "k", &opened(60_001), 60_000).unwrap();
    assert_eq!((wrong.invariant, wrong.key.as_deref()), ("match", Some("k")));
}

#[test]
fn i1_sees_a_key_on_two_platforms() {
    let holds = |name: &str, keys: &[&str]| (name.to_owned(), keys.iter().map(|key| (*key).to_owned()).collect());
    assert_eq!(once::check_across(&[holds("a", &["k", "k"]), holds("b", &["l"])]), None);
    let wrong = once::check_across(&[holds("a", &["k"]), holds("b", &["l", "k"])]).unwrap();
    assert_eq!((wrong.invariant, wrong.key.as_deref()), ("I1", Some("k")));
}

#[test]
fn i5_sees_an_attempt_that_nothing_earned() {
    let mut folded = journal::Folded::default();
    let mut tried = row();
    tried.attempts.charge(Operation::AddNote);
    assert_eq!(attempts::check_earned(&tried, &folded).unwrap().invariant, "I5");
    let outcome =
        Outcome::Refused { refusal: Refusal::Item, code: String::from("NO"), message: String::from("not today") };
    folded.settled(Operation::AddNote, &result(outcome, State::AddingNote));
    assert_eq!(attempts::check_earned(&tried, &folded), None);
}

fn result(outcome: Outcome, next: State) -> ItemResult {
    ItemResult { ticket: TicketId(1), outcome, by: Settled::Answer, next }
}

#[test]
fn i5_and_i6_count() {
    let mut tried = row();
    for _ in 0..4 {
        tried.attempts.charge(Operation::AddNote);
    }
    assert_eq!(attempts::check(&tried, 3), None);
    assert_eq!(attempts::check(&tried, 2).unwrap().invariant, "I5");
    assert_eq!(batch_size::check(&an_intent(1), &settings(true)), None);
    assert_eq!(batch_size::check(&an_intent(3), &settings(true)).unwrap().invariant, "I6");
}

#[test]
fn i7_sees_what_leaves_with_processing_off() {
    let (north, sfyc) = (BackendName::new("north"), PlatformName::new("sfyc"));
    assert_eq!(switches::check_write(&settings(true), &north, None), None);
    assert_eq!(switches::check_write(&settings(false), &north, None).unwrap().invariant, "I7");
    assert_eq!(switches::check_look_up(&settings(true), &sfyc), None);
    assert_eq!(switches::check_look_up(&settings(false), &sfyc).unwrap().invariant, "I7");
    assert!(switches::check_look_up(&settings(true), &PlatformName::new("other")).is_some());
}

#[test]
fn i11_sees_a_row_that_its_journal_does_not_tell() {
    let ticket = RemoteIds { ticket_number: Some(String::from("T1")), ..RemoteIds::default() };
    let order = RemoteIds { work_order_number: Some(String::from("OT1")), ..RemoteIds::default() };
    let steps = [
        (Operation::CreateTicket, ticket, State::CreatingWorkOrder),
        (Operation::CreateWorkOrder, order, State::LinkingWorkOrder),
        (Operation::LinkWorkOrder, RemoteIds::default(), State::Completed),
    ];
    let mut folded = journal::Folded::default();
    for (operation, ids, next) in steps {
        assert!(!folded.sent(operation));
        folded.settled(operation, &result(Outcome::Applied { ids }, next));
    }
    assert!(folded.clone().sent(Operation::CreateTicket), "a second intent of a create is seen");
    assert_eq!(journal::check(&folded, &row()), None);
    for wrong in [
        TicketRow { state: State::Error, failed: Some(Operation::LinkWorkOrder), ..row() },
        TicketRow { generation: 1, ..row() },
        TicketRow { ticket: Some(TicketReference { number: String::from("T2"), record: None }), ..row() },
        TicketRow { work_order: None, ..row() },
        TicketRow { failed: Some(Operation::AddNote), ..row() },
        TicketRow { created: false, ..row() },
    ] {
        assert_eq!(journal::check(&folded, &wrong).unwrap().invariant, "I11", "{wrong:?}");
    }
}

#[test]
fn liveness_sees_what_is_left() {
    assert_eq!(liveness::check(&liveness::Remains::default()), None);
    for wrong in [
        liveness::Remains { open: 1, ..liveness::Remains::default() },
        liveness::Remains { unsettled: 1, ..liveness::Remains::default() },
        liveness::Remains { unexplained: 1, ..liveness::Remains::default() },
    ] {
        assert_eq!(liveness::check(&wrong).unwrap().invariant, "liveness", "{wrong:?}");
    }
}
