//! What can go wrong at the box office.

use serde_json::{Value, json};
use ticketbridge_sandbox::Act;
use ticketbridge_sandbox::faults::{EarlyAnswer, Knob, Rule};
use ticketbridge_sandbox::s360::Effect;

use super::support::{BoxOffice, box_office, box_office_with_seed, contact, get, mobile, post, row};
use ticketbridge_sandbox::StandIn;

fn rule(json: Value) -> Rule {
    Rule::from_json(json).expect("a rule")
}

fn three() -> Value {
    json!({"items": [mobile("T1", "a", "INJECTED"), mobile("T2", "b", "INJECTED"), mobile("T3", "c", "INJECTED")]})
}

fn written(office: &BoxOffice) -> usize {
    office.model.stats().mobile_tickets
}

#[test]
fn results_can_be_short_reordered_and_doubled_and_the_effect_is_whole() {
    for (knob, count) in [("short_results", 2), ("reordered_results", 3), ("duplicated_results", 4)] {
        let mut office = box_office();
        office.fault(rule(json!({"knob": knob})));
        let (_, answer) = office.call(&post("/tickets/mobile", &three()));
        let results = answer["results"].as_array().expect("results");
        assert_eq!((results.len(), written(&office)), (count, 3), "{knob}");
        let is_moved = results[0]["ticketId"] != "T1" && results[1]["ticketId"] != "T2";
        assert!(knob != "reordered_results" || is_moved, "{answer}");
    }
}

#[test]
fn answers_are_lost_after_the_commit() {
    for (knob, act) in
        [(json!({"knob": "reset_after_commit"}), Some(Act::Reset)), (json!({"knob": "commit_then_stall"}), None)]
    {
        let mut office = box_office();
        office.fault(rule(knob));
        let acts = office.acts(&post("/tickets/mobile", &three()));
        assert!(matches!(acts[0], (at, Act::Commit(Effect::WriteMobile(_))) if at == office.now), "{acts:?}");
        assert_eq!(acts.get(1).map(|(_, act)| act.clone()), act);
        assert_eq!(office.items("/tickets?ticketId=T1").len(), 1, "reads are not concerned");
    }
}

#[test]
fn a_slow_answer_comes_after_its_effect_which_reads_see_at_once() {
    let mut office = box_office();
    office.fault(rule(
        json!({"knob": "commit_then_stall", "answer_after_ms": 90_000, "operations": ["create_contacts"]}),
    ));
    let mut acts = office.acts(&post("/contacts", &json!({"items": [contact("r", "x@example.org")]}))).into_iter();
    let Some((at, Act::Commit(effect))) = acts.next() else { panic!("an effect first") };
    assert_eq!(at, office.now);
    office.model.commit(at, effect);
    assert_eq!(office.items("/contacts?requestRef=r").len(), 1, "before the answer");
    assert!(matches!(acts.next(), Some((answered, Act::Reply(_))) if answered == at + 90_000));
}

#[test]
fn an_early_answer_comes_before_its_effect() {
    let mut office = box_office();
    office.fault(Knob::DelayedEffect { effect_after_ms: 500, answer: EarlyAnswer::GatewayTimeout });
    let acts = office.acts(&post("/distributions", &json!({"items": [row("tng:a", "T1", "PENDING")]})));
    assert!(matches!(&acts[0], (_, Act::Reply(reply)) if reply.status == 504));
    assert!(office.items("/distributions?ticketId=T1").is_empty());
    let (at, Act::Commit(effect)) = acts[1].clone() else { panic!("an effect") };
    office.model.commit(at, effect);
    assert_eq!((at - office.now, office.items("/distributions?ticketId=T1").len()), (500, 1));
}

#[test]
fn two_late_effects_of_one_reference_do_not_make_two_rows() {
    let mut office = box_office();
    let effects: Vec<_> = ["T1", "T2", "T1"]
        .into_iter()
        .flat_map(|ticket| office.acts(&post("/distributions", &json!({"items": [row("tng:a", ticket, "PENDING")]}))))
        .filter_map(|(at, act)| if let Act::Commit(effect) = act { Some((at, effect)) } else { None })
        .collect();
    for (at, effect) in effects {
        office.model.commit(at, effect);
    }
    assert_eq!(office.model.distributions().len(), 1);
    assert_eq!(office.items("/distributions?ticketId=T1,T2")[0]["ticketId"], "T1");
}

#[test]
fn items_are_refused_by_share_and_by_text() {
    let mut office = box_office();
    let locked =
        json!({"knob": "partial_failure", "share": 1, "code": "LOCKED", "message": "m", "retryable": true, "times": 1});
    office.fault(rule(locked));
    let (_, answer) = office.call(&post("/tickets/mobile", &three()));
    let error = json!({"code": "LOCKED", "message": "m", "retryable": true});
    assert!(answer["results"].as_array().expect("results").iter().all(|result| result["error"] == error));
    assert_eq!(written(&office), 0);
    office.fault(rule(json!({"knob": "poison_item", "text": "T2"})));
    let (_, answer) = office.call(&post("/tickets/mobile", &three()));
    assert_eq!((&answer["results"][1]["error"]["code"], written(&office)), (&json!("INVALID_FIELD"), 2));
    office.fault(rule(json!({"knob": "poison_item", "text": "ann@", "code": "LOCKED", "retryable": true, "times": 1})));
    let results = office.write("/tickets/mobile", &[mobile("T3", "d", "DOWNLOADED")]);
    assert_eq!(results[0]["error"]["code"], "LOCKED", "the text may stand anywhere in the item");
    office.fault(rule(json!({"knob": "partial_failure", "share": 1, "dedupe_key": "T3"})));
    let results = office.write("/tickets/mobile", &[mobile("T1", "e", "DELETED"), mobile("T3", "f", "DELETED")]);
    assert_eq!((&results[0]["ok"], &results[1]["ok"]), (&json!(true), &json!(false)), "with a key only those items");
}

#[test]
fn whole_calls_fail_with_or_without_an_effect() {
    for (knob, status, done) in [
        (json!({"knob": "server_error", "status": 500, "effect": true}), 500, 3),
        (json!({"knob": "server_error", "status": 504}), 504, 0),
        (json!({"knob": "html_answer", "status": 200, "effect": true}), 200, 3),
        (json!({"knob": "html_answer", "status": 502}), 502, 0),
        (json!({"knob": "cut_json", "effect": true}), 200, 3),
        (json!({"knob": "too_many_requests", "form": "date"}), 429, 0),
        (json!({"knob": "unavailable"}), 503, 0),
        (json!({"knob": "token_revoked"}), 401, 0),
        (json!({"knob": "forbidden"}), 403, 0),
        (json!({"knob": "poison_call", "text": "T2", "status": 400}), 400, 0),
        (json!({"knob": "call_failure", "status": 400, "code": "MALFORMED_BODY"}), 400, 0),
        (json!({"knob": "call_failure", "status": 404}), 404, 0),
    ] {
        let mut office = box_office();
        office.fault(rule(knob.clone()));
        let (_, reply) = office.reply(&post("/tickets/mobile", &three())).expect("an answer");
        assert_eq!((reply.status, written(&office)), (status, done), "{knob}");
        let is_cut = knob["knob"] == "html_answer" || knob["knob"] == "cut_json";
        assert_eq!(serde_json::from_slice::<Value>(&reply.body).is_err(), is_cut, "{knob}");
        assert_eq!(office.model.stats().faults.values().sum::<u64>(), 1);
    }
}

#[test]
fn reads_can_lie() {
    let mut office = box_office();
    office.fault(rule(json!({"knob": "empty_lookups", "operations": ["find_contacts"], "times": 1})));
    assert!(office.items("/contacts?email=ann@example.org").is_empty());
    office.fault(rule(json!({"knob": "unknown_filter_ignored", "times": 1})));
    assert_eq!(office.items("/tickets?ticketId=T1").len(), 3);
    office.fault(rule(json!({"knob": "unknown_filter_ignored", "filters": ["email"]})));
    assert_eq!(office.items("/contacts?email=nobody").len(), 2);
    assert_eq!(office.items("/tickets?ticketId=T1").len(), 1);
    office.fault(rule(json!({"knob": "short_results", "operations": ["find_distributions"]})));
    office.write("/distributions", &[row("tng:a", "T1", "PENDING")]);
    assert!(office.items("/distributions?ticketId=T1").is_empty());
    office.fault(rule(json!({"knob": "forbidden", "dedupe_key": "T2"})));
    assert_eq!(office.call(&get("/tickets?ticketId=T1,T2")).0, 403);
    assert_eq!(office.call(&get("/tickets?ticketId=T1")).0, 200);
}

#[test]
fn knobs_without_a_meaning_here_are_refused() {
    for knob in [
        json!({"knob": "index_lag", "ms": 5}),
        json!({"knob": "origin_field", "change": "dropped"}),
        json!({"knob": "closed_ticket_refused"}),
        json!({"knob": "empty_page"}),
        json!({"knob": "key_not_advanced"}),
        json!({"knob": "short_batch"}),
    ] {
        assert!(box_office().model.faults_mut().add(rule(knob.clone())).is_err(), "{knob}");
    }
}

#[test]
fn a_run_can_be_repeated_from_its_seed() {
    let trace = |seed| {
        let mut office = box_office_with_seed(seed);
        for knob in [
            json!({"knob": "reset_after_commit", "probability": 0.1}),
            json!({"knob": "server_error", "effect": true, "probability": 0.1}),
            json!({"knob": "answer_delay", "ms": 1, "max_ms": 90}),
            json!({"knob": "reordered_results", "probability": 0.5}),
            json!({"knob": "short_results", "probability": 0.2}),
            json!({"knob": "partial_failure", "share": 0.3, "code": "LOCKED", "retryable": true}),
        ] {
            office.fault(rule(knob));
        }
        let mut trace = Vec::new();
        for round in 0..100 {
            office.now += 37;
            let call = match round % 3 {
                0 => post("/tickets/mobile", &three()),
                1 => {
                    post("/contacts", &json!({"items": [contact("r", "x@example.org"), contact("s", "y@example.org")]}))
                }
                _ => get("/contacts?email=x@example.org,y@example.org"),
            };
            let acts = office.acts(&call);
            trace.push(acts.clone());
            for (at, act) in acts {
                if let Act::Commit(effect) = act {
                    office.model.commit(at, effect);
                }
            }
        }
        (trace, office.dump(ticketbridge_sandbox::s360::Form::Full))
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}
