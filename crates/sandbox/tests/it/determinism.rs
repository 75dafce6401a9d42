//! The same seed, calls and times give the same trace.

use http::Method;
use serde_json::json;
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::sfyc::Effect;
use ticketbridge_sandbox::{Act, Call, Millis, TOKEN};

use crate::support::{Platform, items, post, ticket};

fn trace(seed: u64) -> Vec<Vec<(Millis, Act<Effect>)>> {
    let mut platform = Platform::with_seed(seed);
    for rule in [
        Rule::from(Knob::ResetAfterCommit { after_ms: 0 }).probability(0.1),
        Rule::from(Knob::ServerError { status: 503, effect: true }).probability(0.1).on("create_tickets"),
        Rule::from(Knob::IndexLag { ms: 10, jitter_ms: 500 }),
        Rule::from(Knob::AnswerDelay { ms: 1, max_ms: Some(90) }),
        Rule::from(Knob::ReorderedResults {}).probability(0.5),
        Rule::from(Knob::ShortResults { drop: 1 }).probability(0.2),
        Rule::from(Knob::DuplicatedResults { copies: 2 }).probability(0.2),
        Rule::from(Knob::PoisonItem {
            text: "Title 3".to_owned(),
            code: "X".to_owned(),
            message: "m".to_owned(),
            retryable: true,
        })
        .probability(0.5),
    ] {
        platform.fault(rule).expect("a rule");
    }
    let mut trace = Vec::new();
    for round in 0..200 {
        platform.now += 37;
        let call = match round % 4 {
            0 => post("/tickets", &items((0..5).map(|number| ticket(&format!("{}", round * 10 + number))))),
            1 => post("/work-orders", &items([json!({"ticketNumber": "X", "externalRef": "o", "kind": "SNR"})])),
            2 => Call::new(Method::GET, "/tickets?status=open&pageSize=50").with_bearer(TOKEN),
            _ => Call::new(Method::GET, "/work-orders?externalRef=o").with_bearer(TOKEN),
        };
        let acts = platform.acts(&call);
        trace.push(acts.clone());
        platform.perform(acts);
    }
    trace
}

#[test]
fn a_run_can_be_repeated_from_its_seed() {
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}
