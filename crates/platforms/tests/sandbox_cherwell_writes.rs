//! The writes of the Cherwell adapter and the client together against the stand-in, over real sockets.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{item, items, names, origin};
use ticketbridge_core::effect::{CallClass, Operation, Outcome, Refusal};
use ticketbridge_core::ticket::TicketReference;
use ticketbridge_platforms::cherwell::{Cherwell, CherwellSettings, NoteWay, WorkOrderSettings, WorkOrderWay};
use ticketbridge_platforms::http::{Auth, ClientSettings, Grant, HttpClient, OAuth2, Secret, SendOptions};
use ticketbridge_platforms::{Decoded, Dialogue, HttpCall, Item, Platform, Transport, Verdict};
use ticketbridge_sandbox::cherwell::{CLIENT_ID, USER};
use ticketbridge_sandbox::faults::{Knob, OriginChange, OriginField, Rule};
use ticketbridge_sandbox::{Running, Sandbox, SandboxConfig, TOKEN};

const PATIENCE: Duration = Duration::from_mins(1);

/// A stand-in, an adapter that has learned its names, and the wire between them.
struct Desk {
    sandbox: Running,
    cherwell: Cherwell,
    client: HttpClient,
}

impl Desk {
    async fn open(change: impl FnOnce(&mut CherwellSettings)) -> Self {
        let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
        let mut settings =
            CherwellSettings { work_order: Some(WorkOrderSettings::default()), ..CherwellSettings::default() };
        change(&mut settings);
        let mut wire = ClientSettings::new("cherwell", &sandbox.cherwell_url());
        wire.bypass_proxy = true;
        wire.auth = Auth::OAuth2(OAuth2 {
            token_url: String::from("/token?auth_mode=Internal"),
            grant: Grant::Password { username: String::from(USER), password: Secret::known(TOKEN) },
            client_id: String::from(CLIENT_ID),
            client_secret: None,
            client_in_header: false,
            scope: None,
            parameters: BTreeMap::new(),
            refusals: Cherwell::login_refusals,
        });
        let desk = Self { sandbox, cherwell: Cherwell::new(settings).unwrap(), client: HttpClient::new(wire).unwrap() };
        desk.learn().await;
        desk
    }

    async fn learn(&self) {
        if let Some(learning) = self.cherwell.prepare() {
            self.converse(learning).await;
        }
    }

    async fn send(&self, call: &HttpCall) -> Transport {
        self.client.send(call, SendOptions::within(PATIENCE)).await.transport
    }

    async fn converse<A>(&self, mut dialogue: Box<dyn Dialogue<A>>) -> A {
        while let Some(call) = dialogue.next_call().unwrap() {
            dialogue.absorb(&self.send(&call).await).unwrap();
        }
        dialogue.finish().unwrap()
    }

    async fn write(&self, operation: Operation, items: &[Item]) -> Decoded {
        let transport = self.send(&self.cherwell.encode(operation, items).unwrap()).await;
        match self.cherwell.decode(operation, items, &transport) {
            Verdict::Done(decoded) => decoded,
            Verdict::More(dialogue) => self.converse(dialogue).await,
        }
    }

    /// Writes, and everything is applied.
    async fn done(&self, operation: Operation, items: &[Item]) -> Vec<Outcome> {
        let decoded = self.write(operation, items).await;
        assert_eq!(decoded.call, CallClass::Answered, "{operation}");
        assert!(decoded.outcomes.iter().all(|one| matches!(one, Outcome::Applied { .. })), "{operation} {decoded:?}");
        decoded.outcomes
    }

    /// So many tickets of ours, with what was learned of them.
    async fn tickets(&self, count: u32) -> Vec<Item> {
        let mut batch = items(count);
        let created = self.done(Operation::CreateTicket, &batch).await;
        for (item, outcome) in batch.iter_mut().zip(created) {
            let Outcome::Applied { ids } = outcome else { panic!("{outcome:?}") };
            item.ticket =
                Some(TicketReference { number: ids.ticket_number.unwrap(), record: Some(ids.ticket_record.unwrap()) });
            item.work_order = None;
        }
        batch
    }

    async fn work_orders(&self, batch: &mut [Item]) {
        let created = self.done(Operation::CreateWorkOrder, batch).await;
        for (item, outcome) in batch.iter_mut().zip(created) {
            let Outcome::Applied { ids } = outcome else { panic!("{outcome:?}") };
            item.work_order = Some(ids.work_order_number.unwrap());
            item.work_order_record = Some(ids.work_order_record.unwrap());
        }
    }

    fn fault(&self, operation: &str, knob: Knob) {
        self.sandbox.add_cherwell_fault(Rule::from(knob).on(operation)).unwrap();
    }

    /// The origin id that a stored ticket carries.
    fn stored_origin(&self, record: &str) -> Option<String> {
        let ticket = self.sandbox.with_cherwell(|model, _| model.dump_ticket(record))?;
        let text = ticket.to_string();
        (1..20).map(|number| origin(number).to_string()).find(|origin| text.contains(origin.as_str()))
    }
}

fn why(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Unknown { why } | Outcome::Unavailable { why } => why,
        Outcome::Refused { message, .. } => message,
        Outcome::Applied { .. } => "",
    }
}

#[tokio::test]
async fn a_whole_lifecycle_in_batches_and_everything_that_may_be_repeated_is() {
    let desk = Desk::open(|_| ()).await;
    let mut batch = desk.tickets(3).await;
    desk.done(Operation::AddNote, &batch).await;
    desk.work_orders(&mut batch).await;
    desk.done(Operation::LinkWorkOrder, &batch).await;
    // The number again, and the link that is there already.
    desk.done(Operation::LinkWorkOrder, &batch).await;
    let stats = desk.sandbox.cherwell_stats();
    assert_eq!((stats.tickets, stats.notes, stats.work_orders, stats.matching_work_orders), (3, 3, 3, 3));
    assert_eq!((stats.duplicates.total, stats.chunked_requests, stats.logins), (0, 0, 1));
    assert_eq!(stats.traffic.operations["link"].requests, 6);
    assert_eq!(stats.traffic.answers.get("500"), Some(&3), "the links that were there already: {stats:?}");
    for item in &batch {
        let record = item.ticket.as_ref().unwrap().record.as_ref().unwrap();
        assert_eq!(desk.stored_origin(record), Some(item.origin.to_string()));
    }
}

#[tokio::test]
async fn a_whole_lifecycle_one_by_one() {
    let desk = Desk::open(|settings| {
        settings.note.way = NoteWay::Related;
        settings.work_order.as_mut().unwrap().way = WorkOrderWay::Related;
    })
    .await;
    let mut batch = desk.tickets(2).await;
    for item in &mut batch {
        let one = std::slice::from_mut(item);
        desk.done(Operation::AddNote, one).await;
        desk.work_orders(one).await;
        desk.done(Operation::LinkWorkOrder, one).await;
    }
    let stats = desk.sandbox.cherwell_stats();
    assert_eq!((stats.tickets, stats.notes, stats.work_orders, stats.matching_work_orders), (2, 2, 2, 2));
    assert_eq!(stats.duplicates.total, 0);
}

#[tokio::test]
async fn a_ticket_that_is_not_there_is_gone() {
    let desk = Desk::open(|_| ()).await;
    let mut batch = desk.tickets(2).await;
    batch[0].ticket.as_mut().unwrap().record = Some(format!("94{}", "0".repeat(40)));
    batch[0].work_order = Some(String::from("OT1"));
    batch[1].work_order = Some(String::from("OT2"));
    let linked = desk.write(Operation::LinkWorkOrder, &batch).await;
    let gone = |outcome: &Outcome| matches!(outcome, Outcome::Refused { refusal: Refusal::TargetGone, .. });
    assert!(gone(&linked.outcomes[0]), "{linked:?}");
    assert_eq!(names(&linked.outcomes), ["refused", "applied"]);
}

#[tokio::test]
async fn a_refused_value_is_final_and_names_its_field() {
    for has_error in [true, false] {
        let desk = Desk::open(|_| ()).await;
        let field = Some(String::from("TicketKind"));
        desk.fault("save_batch", Knob::ValidationError { share: 1.0, has_error, field });
        let refused = desk.write(Operation::CreateTicket, &items(2)).await;
        for outcome in &refused.outcomes {
            assert!(matches!(outcome, Outcome::Refused { refusal: Refusal::ItemForGood, .. }), "{refused:?}");
            assert!(why(outcome).contains("TicketKind"), "{refused:?}");
        }
        assert_eq!(refused.outcomes.len(), 2);
        assert_eq!(desk.sandbox.cherwell_stats().tickets, 0);
    }
}

#[tokio::test]
async fn a_poison_item_leaves_its_neighbours_alone_and_a_poison_call_is_refused_whole() {
    let text = item(2).key.as_str().to_owned();
    let desk = Desk::open(|_| ()).await;
    let poison = Knob::PoisonItem {
        text: text.clone(),
        code: String::from("GENERALFAILURE"),
        message: String::from("no"),
        retryable: false,
    };
    desk.fault("save_batch", poison);
    let decoded = desk.write(Operation::CreateTicket, &items(3)).await;
    assert_eq!(names(&decoded.outcomes), ["applied", "refused", "applied"]);
    for (status, expected) in [(500, false), (400, false), (413, true)] {
        let desk = Desk::open(|_| ()).await;
        desk.fault("save_batch", Knob::PoisonCall { text: text.clone(), status });
        let decoded = desk.write(Operation::CreateTicket, &items(3)).await;
        assert!(
            matches!(decoded.call, CallClass::BatchRefused { atomic, .. } if atomic == expected),
            "{status} {decoded:?}"
        );
        assert_eq!(desk.sandbox.cherwell_stats().tickets, 0);
    }
}

#[tokio::test]
async fn a_short_answer_counts_only_as_far_as_it_was_read_back() {
    for tail_done in [true, false] {
        let desk = Desk::open(|_| ()).await;
        desk.fault("save_batch", Knob::ShortBatch { drop: 2, tail_done });
        let decoded = desk.write(Operation::CreateTicket, &items(4)).await;
        assert_eq!(names(&decoded.outcomes), ["applied", "applied", "unknown", "unknown"], "{decoded:?}");
        assert_eq!(desk.sandbox.cherwell_stats().tickets, if tail_done { 4 } else { 2 });
    }
}

#[tokio::test]
async fn results_that_are_not_in_order_are_never_applied_to_the_wrong_item() {
    for knob in [Knob::ReorderedResults {}, Knob::DuplicatedResults { copies: 1 }] {
        let desk = Desk::open(|_| ()).await;
        desk.fault("save_batch", knob);
        let decoded = desk.write(Operation::CreateTicket, &items(4)).await;
        assert_eq!(names(&decoded.outcomes), ["unknown"; 4], "{decoded:?}");
    }
    // One result is missing somewhere: what is applied all the same carries its own origin id.
    let desk = Desk::open(|_| ()).await;
    desk.fault("save_batch", Knob::ShortResults { drop: 1 });
    let batch = items(6);
    let decoded = desk.write(Operation::CreateTicket, &batch).await;
    assert_eq!(decoded.outcomes.len(), 6);
    assert_eq!(names(&decoded.outcomes)[5], "unknown");
    for (item, outcome) in batch.iter().zip(&decoded.outcomes) {
        if let Outcome::Applied { ids } = outcome {
            let record = ids.ticket_record.as_ref().unwrap();
            assert_eq!(desk.stored_origin(record), Some(item.origin.to_string()));
        }
    }
}

#[tokio::test]
async fn an_update_whose_results_are_not_in_order_tells_nothing() {
    let desk = Desk::open(|settings| settings.work_order.as_mut().unwrap().relationship = None).await;
    let mut batch = desk.tickets(3).await;
    desk.work_orders(&mut batch).await;
    desk.fault("save_batch", Knob::ReorderedResults {});
    assert_eq!(names(&desk.write(Operation::LinkWorkOrder, &batch).await.outcomes), ["unknown"; 3]);
    desk.sandbox.clear_faults();
    desk.done(Operation::LinkWorkOrder, &batch).await;
    assert_eq!(desk.sandbox.cherwell_stats().matching_work_orders, 3);
}

#[tokio::test]
async fn a_field_that_alters_origin_ids_is_noticed() {
    let rows = [
        (OriginChange::Truncated, Some(20), "alters values"),
        (OriginChange::UpperCased, None, "alters values"),
        (OriginChange::Dropped, None, "empty"),
    ];
    for (change, length, word) in rows {
        let desk = Desk::open(|_| ()).await;
        desk.fault("save_batch", Knob::OriginField { change, length, field: OriginField::Origin });
        let decoded = desk.write(Operation::CreateTicket, &items(2)).await;
        assert_eq!(names(&decoded.outcomes), ["unknown", "unknown"], "{change:?}");
        assert!(decoded.outcomes.iter().all(|outcome| why(outcome).contains(word)), "{change:?} {decoded:?}");
    }
}

#[tokio::test]
async fn one_number_on_two_tickets_leaves_each_its_record() {
    let desk = Desk::open(|_| ()).await;
    desk.fault("save_batch", Knob::DuplicatePublicId {});
    let mut batch = desk.tickets(2).await;
    let record = |place: usize| batch[place].ticket.clone().unwrap();
    assert_eq!(record(0).number, record(1).number);
    assert_ne!(record(0).record, record(1).record);
    desk.sandbox.clear_faults();
    desk.work_orders(&mut batch).await;
    desk.done(Operation::LinkWorkOrder, &batch).await;
    assert_eq!(desk.sandbox.cherwell_stats().matching_work_orders, 2);
}

#[tokio::test]
async fn an_unclear_answer_is_unknown_whether_it_was_done_or_not() {
    for effect in [true, false] {
        let knobs = [
            Knob::HtmlAnswer { status: 500, effect },
            Knob::HtmlAnswer { status: 200, effect },
            Knob::ServerError { status: 502, effect },
        ];
        for knob in knobs {
            let desk = Desk::open(|_| ()).await;
            desk.fault("save_batch", knob.clone());
            let decoded = desk.write(Operation::CreateTicket, &items(2)).await;
            assert!(matches!(decoded.call, CallClass::Unknown { timed_out: false, .. }), "{knob:?} {decoded:?}");
            assert_eq!(desk.sandbox.cherwell_stats().tickets, if effect { 2 } else { 0 });
        }
    }
}

#[tokio::test]
async fn a_read_back_that_fails_leaves_what_was_saved_unknown() {
    let desk = Desk::open(|_| ()).await;
    desk.fault("read_batch", Knob::HtmlAnswer { status: 500, effect: false });
    let decoded = desk.write(Operation::CreateTicket, &items(2)).await;
    assert_eq!((decoded.call, names(&decoded.outcomes)), (CallClass::Answered, vec!["unknown"; 2]));
    assert_eq!(desk.sandbox.cherwell_stats().tickets, 2);
}

#[tokio::test]
async fn a_platform_that_wants_less_or_refuses_says_so() {
    let desk = Desk::open(|_| ()).await;
    desk.fault("save_batch", Knob::Unavailable { retry_after_s: Some(9) });
    let wish = Some(Duration::from_secs(9));
    let decoded = desk.write(Operation::CreateTicket, &items(1)).await;
    assert!(matches!(decoded.call, CallClass::Unknown { retry_after, .. } if retry_after == wish), "{decoded:?}");
    let mut one = vec![item(1)];
    one[0].ticket.as_mut().unwrap().record = Some(format!("94{}", "0".repeat(40)));
    let decoded = desk.write(Operation::LinkWorkOrder, &one).await;
    assert!(matches!(decoded.call, CallClass::Unavailable { retry_after, .. } if retry_after == wish), "{decoded:?}");
    desk.sandbox.clear_faults();
    desk.fault("save_batch", Knob::Forbidden {});
    let decoded = desk.write(Operation::CreateTicket, &items(1)).await;
    assert!(matches!(decoded.call, CallClass::Unavailable { configuration: true, .. }), "{decoded:?}");
}
