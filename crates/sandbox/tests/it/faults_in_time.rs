//! What faults do to the time of answer and effect, under a made-up time.

use http::Method;
use serde_json::json;
use ticketbridge_sandbox::faults::{EarlyAnswer, Knob, OriginChange, OriginField, RetryAfterForm, Rule};
use ticketbridge_sandbox::sfyc::Effect;
use ticketbridge_sandbox::{Act, Call, Millis, TOKEN};

use crate::support::{Platform, column, items, post, ticket};

/// The acts of a create under a fault, each as its kind and its time after the call.
fn acts_under(fault: Knob) -> Vec<(&'static str, Millis)> {
    let mut platform = Platform::new();
    platform.fault(fault).expect("a rule");
    let acts = platform.acts(&post("/tickets", &items([ticket("a")])));
    let kind = |act: &Act<Effect>| match act {
        Act::Commit(_) => "commit",
        Act::Reply(reply) if reply.status == 200 => "reply",
        Act::Reply(_) => "refusal",
        Act::Reset => "reset",
        Act::Close => "close",
    };
    acts.iter().map(|(at, act)| (kind(act), at - Platform::START)).collect()
}

#[test]
fn without_faults_the_effect_comes_first_and_both_at_once() {
    let mut platform = Platform::new();
    let acts = platform.acts(&post("/tickets", &items([ticket("a")])));
    assert!(matches!(acts.as_slice(), [(_, Act::Commit(_)), (_, Act::Reply(_))]), "{acts:?}");
    assert!(acts.iter().all(|(at, _)| *at == Platform::START));
}

#[test]
fn effect_and_answer_have_times_of_their_own() {
    let delayed = |answer| Knob::DelayedEffect { effect_after_ms: 900, answer };
    for (fault, wanted) in [
        (Knob::AnswerDelay { ms: 50, max_ms: None }, vec![("commit", 0), ("reply", 50)]),
        (Knob::CommitThenStall { answer_after_ms: Some(70) }, vec![("commit", 0), ("reply", 70)]),
        (Knob::CommitThenStall { answer_after_ms: None }, vec![("commit", 0)]),
        (delayed(EarlyAnswer::Stall), vec![("commit", 900)]),
        (delayed(EarlyAnswer::Applied), vec![("reply", 0), ("commit", 900)]),
        (delayed(EarlyAnswer::Reset), vec![("reset", 0), ("commit", 900)]),
        (delayed(EarlyAnswer::GatewayTimeout), vec![("refusal", 0), ("commit", 900)]),
        (Knob::ResetBeforeCommit { after_ms: 5 }, vec![("reset", 5)]),
        (Knob::ResetAfterCommit { after_ms: 5 }, vec![("commit", 0), ("reset", 5)]),
        (Knob::ServerError { status: 500, effect: false }, vec![("refusal", 0)]),
        (Knob::ServerError { status: 500, effect: true }, vec![("commit", 0), ("refusal", 0)]),
        (Knob::Forbidden {}, vec![("refusal", 0)]),
    ] {
        assert_eq!(acts_under(fault.clone()), wanted, "{fault:?}");
    }
}

#[test]
fn a_delay_range_is_drawn_from_end_to_end() {
    let mut platform = Platform::new();
    platform.fault(Knob::AnswerDelay { ms: 3, max_ms: Some(6) }).expect("a rule");
    let health = Call::new(Method::GET, "/health").with_bearer(TOKEN);
    let mut drawn: Vec<_> = (0..200).map(|_| platform.acts(&health)[0].0 - Platform::START).collect();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn, [3, 4, 5, 6]);
}

#[test]
fn a_lagging_index_shows_each_new_record_late_and_to_all_searches() {
    let mut platform = Platform::new();
    platform.fault(Knob::IndexLag { ms: 500, jitter_ms: 0 }).expect("a rule");
    platform.post("/tickets", &items([ticket("a")]));
    let order = json!({"ticketNumber": "T00000001", "externalRef": "origin-a", "kind": "SNR"});
    platform.post("/work-orders", &items([order]));
    let (_, noted) =
        platform.post("/notes", &items([json!({"ticketNumber": "T00000001", "noteRef": "n", "text": "x"})]));
    assert_eq!(column(&noted, "results", "ok"), [true], "the ticket is there, only searches lag");
    let searches = [
        "/tickets?status=open",
        "/tickets?externalRef=SNR%7Ca",
        "/work-orders?externalRef=origin-a",
        "/notes?noteRef=n",
    ];
    for (now, rows) in [(499, 0), (500, 1)] {
        platform.now = Platform::START + now;
        for search in searches {
            let (_, answer) = platform.get(search);
            assert_eq!(answer["items"].as_array().map(Vec::len), Some(rows), "{search} after {now} ms");
        }
    }
}

#[test]
fn index_lag_counts_from_the_effect_and_varies_per_record() {
    let mut platform = Platform::new();
    platform.fault(Knob::IndexLag { ms: 100, jitter_ms: 50 }).expect("a rule");
    platform.fault(Knob::DelayedEffect { effect_after_ms: 1_000, answer: EarlyAnswer::Stall }).expect("a rule");
    platform.fault(Knob::Forbidden {}).expect("a rule that never gets its turn");
    let acts = platform.acts(&post("/tickets", &items((0..50).map(|number| ticket(&number.to_string())))));
    assert_eq!(platform.perform(acts), None);
    let mut lags: Vec<_> = platform.model.tickets().map(|ticket| ticket.visible_at - Platform::START).collect();
    assert!(lags.iter().all(|lag| (1_100..=1_150).contains(lag)), "{lags:?}");
    lags.dedup();
    assert!(lags.len() > 1, "each record has its own lag");
    assert_eq!(platform.model.tickets().next().expect("a ticket").created_at, Platform::START + 1_000);
}

#[test]
fn a_retry_after_date_is_never_early() {
    let mut platform = Platform::new();
    platform.now += 1;
    platform.fault(Knob::TooManyRequests { retry_after_s: 2, form: RetryAfterForm::Date }).expect("a rule");
    let acts = platform.acts(&Call::new(Method::GET, "/health").with_bearer(TOKEN));
    let [(_, Act::Reply(reply))] = acts.as_slice() else { panic!("one reply, not {acts:?}") };
    assert_eq!(reply.headers, [("retry-after", "Sat, 21 Nov 2026 15:31:42 GMT".to_owned())]);
}

#[test]
fn a_kept_alive_connection_is_closed_only_if_it_was_used_before() {
    let mut platform = Platform::new();
    platform.fault(Rule::from(Knob::KeepAliveClosed {}).times(1)).expect("a rule");
    let create = post("/tickets", &items([ticket("a")]));
    assert!(matches!(platform.acts(&create).last(), Some((_, Act::Reply(_)))));
    let acts = platform.acts(&create.clone().on_reused_connection());
    assert!(matches!(acts.as_slice(), [(_, Act::Close)]), "{acts:?}");
}

#[test]
fn poison_does_not_use_a_rule_up_on_clean_calls() {
    let mut platform = Platform::new();
    let poison = Knob::PoisonCall { text: "bad".to_owned(), status: 422 };
    platform.fault(Rule::from(poison).times(1)).expect("a rule");
    assert_eq!(platform.post("/tickets", &items([ticket("fine")])).0, 200);
    assert_eq!(platform.post("/tickets", &items([ticket("fine"), ticket("a bad one")])).0, 422);
    assert_eq!(platform.post("/tickets", &items([ticket("a bad one")])).0, 200);
}

#[test]
fn a_rule_for_a_dedupe_key_acts_only_on_calls_about_it() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a"), ticket("b")]));
    platform.fault(Rule::from(Knob::Forbidden {}).for_key("SNR|b")).expect("a rule");
    let note = |number: &str| items([json!({"ticketNumber": number, "noteRef": "n", "text": "x"})]);
    assert_eq!(platform.post("/tickets", &items([ticket("c")])).0, 200);
    assert_eq!(platform.post("/tickets", &items([ticket("c"), ticket("b")])).0, 403);
    assert_eq!(platform.post("/notes", &note("T00000001")).0, 200);
    assert_eq!(platform.post("/notes", &note("T00000002")).0, 403, "by its ticket");
    assert_eq!(platform.get("/tickets?externalRef=SNR%7Ca").0, 200);
    assert_eq!(platform.get("/tickets?externalRef=SNR%7Cb").0, 403);
}

#[test]
fn an_outage_ends_by_time() {
    let mut platform = Platform::new();
    platform.fault(Rule::from(Knob::Unavailable { retry_after_s: None }).for_ms(1_000)).expect("a rule");
    platform.now += 7_000;
    assert_eq!(platform.get("/health").0, 503, "it begins with the first call");
    platform.now += 999;
    assert_eq!(platform.get("/health").0, 503);
    platform.now += 1;
    assert_eq!(platform.get("/health").0, 200);
    let refused = Knob::CallFailure { status: 409, code: "LOCKED".into(), message: "m".into(), effect: true };
    platform.fault(Rule::from(refused).on("create_tickets")).expect("a rule");
    assert_eq!(platform.refusal(&post("/tickets", &items([ticket("a")]))), (409, "LOCKED".to_owned()));
    assert_eq!(platform.stats().tickets, 1);
}

#[test]
fn a_changed_origin_reaches_notes_work_orders_and_keys_where_asked() {
    let changed = |field| {
        let mut platform = Platform::new();
        platform.fault(Knob::OriginField { change: OriginChange::UpperCased, length: None, field }).expect("a rule");
        platform.post("/tickets", &items([ticket("a")]));
        let order = json!({"ticketNumber": "T00000001", "externalRef": "origin-a", "kind": "SNR"});
        platform.post("/work-orders", &items([order]));
        platform.post("/notes", &items([json!({"ticketNumber": "T00000001", "noteRef": "n", "text": "x"})]));
        let stored = platform.model.dump_tickets(0, 1).remove(0);
        let (order, note) =
            (platform.model.dump_work_orders(0, 1).remove(0), platform.model.dump_notes(0, 1).remove(0));
        [&stored["externalRef"], &stored["originRef"], &order["externalRef"], &note["noteRef"]].map(Clone::clone)
    };
    assert_eq!(changed(OriginField::Origin), ["SNR|a", "ORIGIN-A", "ORIGIN-A", "N"]);
    assert_eq!(changed(OriginField::Key), ["SNR|A", "origin-a", "origin-a", "n"]);
    assert_eq!(changed(OriginField::Both), ["SNR|A", "ORIGIN-A", "ORIGIN-A", "N"]);
}
