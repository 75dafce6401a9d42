//! What can go wrong with the diff endpoint.

use serde_json::{Value, json};
use ticketbridge_sandbox::faults::{Knob, MissingKey, Rule};
use ticketbridge_sandbox::{Act, Call};

use super::support::{Wallet, diff, tickets, wallet, wallet_with_seed};

fn five() -> Wallet {
    let mut wallet = wallet();
    for ticket in ["A", "B", "C", "D", "E"] {
        wallet.change(ticket, "INJECTED");
    }
    wallet
}

fn rule(json: Value) -> Rule {
    Rule::from_json(json).expect("a rule")
}

#[test]
fn redelivery() {
    let mut wallet = five();
    let (_, key, _) = wallet.page(3, None);
    wallet.fault(Knob::Redelivery { items: 2 });
    let (page, next, _) = wallet.page(2, key.as_deref());
    assert_eq!(
        page,
        ["B:INJECTED", "C:INJECTED", "D:INJECTED", "E:INJECTED"],
        "the latest ones before the key, in order"
    );
    assert_ne!(next, key, "the key advances all the same");
    let (page, _, _) = wallet.page(1, None);
    assert_eq!(page, ["A:INJECTED", "A:INJECTED", "A:INJECTED"], "at the start the page's own, once more");
}

#[test]
fn key_not_advanced() {
    let mut wallet = five();
    let (_, key, _) = wallet.page(3, None);
    wallet.fault(rule(json!({"knob": "key_not_advanced", "platform": "tixngo", "times": 2})));
    let (page, next, more) = wallet.page(1, key.as_deref());
    assert_eq!((page.len(), more, &next), (1, true, &key), "the page has items and the key that was sent");
    assert_eq!(wallet.diff(1, None).1["pagination"]["nextPageKey"], "", "the empty key stays empty");
    assert_ne!(wallet.page(1, key.as_deref()).1, key);
}

#[test]
fn next_key_missing() {
    let mut wallet = five();
    for (form, expected) in [
        ("absent", json!({"pagination": {"limit": 1, "hasMore": true}})),
        ("null", json!({"pagination": {"limit": 1, "hasMore": true, "nextPageKey": null}})),
        ("empty", json!({"pagination": {"limit": 1, "hasMore": true, "nextPageKey": ""}})),
        ("no_pagination", json!({})),
    ] {
        wallet.fault(rule(json!({"knob": "next_key_missing", "form": form, "times": 1})));
        let (_, mut page) = wallet.diff(1, None);
        let result = page.as_object_mut().and_then(|page| page.remove("result")).expect("a result");
        assert_eq!((page, result.as_array().map(Vec::len)), (expected, Some(1)), "{form}");
    }
    wallet.fault(Knob::NextKeyMissing { form: MissingKey::Null });
    assert_eq!(wallet.page(1, None).1, None);
}

#[test]
fn knobs_change_loaded_pages_too() {
    let mut wallet = wallet();
    let page = json!({"pagination": {"nextPageKey": "k"}, "result": [{"ticketId": "A", "status": "X"}]}).to_string();
    wallet.model.add_pages("DEMO", vec![page.clone().into()]).expect("added");
    wallet.fault(Rule::from(Knob::KeyNotAdvanced {}).times(1));
    assert_eq!(wallet.diff(1, None).1["pagination"]["nextPageKey"], "");
    wallet.fault(Rule::from(Knob::Redelivery { items: 1 }).times(1));
    assert_eq!(tickets(&wallet.diff(1, None).1), ["A:X", "A:X"]);
    assert_eq!(wallet.reply(&diff(1, None)).expect("an answer").1.body, page, "without a fault as it was given");
}

#[test]
fn pages_can_be_empty_short_doubled_disordered_or_the_first_again() {
    let mut wallet = five();
    let (_, key, _) = wallet.page(2, None);
    wallet.fault(rule(json!({"knob": "empty_page", "more": true, "times": 1})));
    let (page, next, more) = wallet.page(2, key.as_deref());
    assert!(page.is_empty() && more && next.is_some() && next != key, "an empty page whose key must not be kept");
    wallet.fault(Rule::from(Knob::EmptyLookups {}).times(1));
    assert_eq!(wallet.page(2, key.as_deref()), (Vec::new(), key.clone(), false));
    wallet.fault(Rule::from(Knob::UnknownFilterIgnored { filters: Vec::new() }).times(1));
    assert_eq!(wallet.page(2, key.as_deref()).0, ["A:INJECTED", "B:INJECTED"]);
    wallet.fault(Rule::from(Knob::ShortResults { drop: 1 }).on("diff").times(1));
    assert_eq!(wallet.page(3, key.as_deref()).0.len(), 2);
    wallet.fault(Rule::from(Knob::DuplicatedResults { copies: 2 }).times(1));
    assert_eq!(wallet.page(3, key.as_deref()).0.len(), 5, "without operations a rule acts on the only one there is");
    wallet.fault(Rule::from(Knob::ReorderedResults {}).times(1));
    let (moved, _, _) = wallet.page(3, key.as_deref());
    assert!(moved.iter().zip(["C", "D", "E"]).all(|(item, place)| !item.starts_with(place)), "{moved:?}");
    assert_eq!(wallet.page(3, key.as_deref()).0, ["C:INJECTED", "D:INJECTED", "E:INJECTED"]);
}

#[test]
fn whole_calls_fail_as_the_contract_says() {
    let mut wallet = five();
    for (knob, status, header) in [
        (json!({"knob": "too_many_requests", "retry_after_s": 3}), 429, Some("3")),
        (json!({"knob": "too_many_requests", "form": "date"}), 429, Some("Sat, 21 Nov 2026 15:31:40 GMT")),
        (json!({"knob": "server_error", "status": 500}), 500, None),
        (json!({"knob": "unavailable", "retry_after_s": 5}), 503, Some("5")),
        (json!({"knob": "token_revoked"}), 401, None),
        (json!({"knob": "forbidden"}), 403, None),
        (json!({"knob": "call_failure", "status": 404}), 404, None),
    ] {
        let mut knob = knob;
        knob["times"] = json!(1);
        wallet.fault(rule(knob));
        let (_, reply) = wallet.reply(&diff(1, None)).expect("an answer");
        let found = reply.headers.iter().find(|(name, _)| *name == "retry-after").map(|(_, value)| value.as_str());
        assert_eq!((reply.status, found), (status, header));
    }
    wallet.fault(rule(json!({"knob": "html_answer", "status": 200, "times": 1})));
    let (_, reply) = wallet.reply(&diff(1, None)).expect("an answer");
    assert_eq!((reply.status, reply.content_type), (200, "text/html; charset=utf-8"));
    wallet.fault(rule(json!({"knob": "cut_json", "times": 1})));
    let (_, reply) = wallet.reply(&diff(1, None)).expect("an answer");
    assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
    wallet.fault(rule(json!({"knob": "commit_then_stall", "times": 1})));
    assert_eq!(wallet.acts(&diff(1, None)), [], "never an answer");
    wallet.fault(rule(json!({"knob": "reset_before_commit", "times": 1})));
    assert_eq!(wallet.acts(&diff(1, None)), [(wallet.now, Act::Reset)]);
    wallet.fault(rule(json!({"knob": "answer_delay", "ms": 40, "times": 1})));
    assert_eq!(wallet.reply(&diff(1, None)).expect("an answer").0, wallet.now + 40);
    let stats = wallet.model.stats();
    assert_eq!((stats.faults["too_many_requests"], stats.answers()), (2, 12));
}

trait Answers {
    fn answers(&self) -> u64;
}

impl Answers for ticketbridge_sandbox::tixngo::Stats {
    fn answers(&self) -> u64 {
        self.traffic.answers.values().sum()
    }
}

#[test]
fn a_rule_with_a_key_acts_on_pages_with_that_ticket() {
    let mut wallet = five();
    wallet.fault(Rule::from(Knob::Forbidden {}).for_key("C"));
    assert_eq!(wallet.diff(2, None).0, 200);
    assert_eq!(wallet.diff(3, None).0, 403);
}

#[test]
fn knobs_without_a_meaning_here_are_refused() {
    for knob in [
        json!({"knob": "index_lag", "ms": 5}),
        json!({"knob": "poison_item", "text": "x"}),
        json!({"knob": "delayed_effect", "effect_after_ms": 5}),
        json!({"knob": "token_life", "seconds": 5}),
    ] {
        assert!(wallet().model.faults_mut().add(rule(knob.clone())).is_err(), "{knob}");
    }
    let elsewhere = ticketbridge_sandbox::sfyc::SfycModel::new(1).faults_mut().add(Knob::KeyNotAdvanced {});
    assert!(elsewhere.is_err());
}

#[test]
fn a_run_can_be_repeated_from_its_seed() {
    let trace = |seed| {
        let mut wallet = wallet_with_seed(seed);
        for number in 0..50 {
            wallet.change(&format!("T{number}"), "INJECTED");
        }
        wallet.fault(Rule::from(Knob::AnswerDelay { ms: 1, max_ms: Some(90) }));
        wallet.fault(Rule::from(Knob::ServerError { status: 503, effect: false }).probability(0.2));
        wallet.fault(Rule::from(Knob::Redelivery { items: 3 }).probability(0.3));
        wallet.fault(Rule::from(Knob::ReorderedResults {}).probability(0.3));
        let call: Call = diff(20, None);
        (0..100).map(|_| wallet.acts(&call)).collect::<Vec<_>>()
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}
