//! Hostile input: whatever comes, there is one answer, and it is JSON with a clear status.

use http::Method;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};
use ticketbridge_sandbox::{Act, Call};

use super::support::{Cherwell, INCIDENT, LOGIN};

/// One good call of each operation with a body.
fn good_calls(site: &mut Cherwell) -> Vec<Call> {
    let ticket = site.create_one("a");
    site.note(&ticket.0, "text [ref:1]");
    let item = site.item(INCIDENT, &[("ShortDescription", "línea"), ("SLARespondByDeadline", "1/2/2026 3:04:05 PM")]);
    let relationship = site.relationship("Incident Owns Journals");
    let related = json!({
        "parentBusObId": INCIDENT, "parentBusObRecId": ticket.0, "relationshipId": relationship, "allFields": false,
        "useDefaultGrid": false, "pageNumber": 1, "pageSize": 5, "fieldsList": ["a"],
    });
    let key = site.field(INCIDENT, "DedupeKey");
    let search = json!({
        "busObId": INCIDENT, "filters": [{"fieldId": key, "operator": "eq", "value": "KEY|a"}], "fields": [key],
        "sorting": [{"fieldId": key, "sortDirection": 1}], "pageNumber": 1, "pageSize": 10,
    });
    let post =
        |name: &str, body: &Value| site.request(Method::POST, &format!("/api/V1/{name}")).with_body(body.to_string());
    vec![
        post("savebusinessobject", &item),
        post("savebusinessobjectbatch", &json!({"saveRequests": [item, item], "stopOnError": true})),
        post("saverelatedbusinessobject", &json!({"parentBusObId": INCIDENT, "relationshipId": relationship})),
        post("getbusinessobjectbatch", &json!({"readRequests": [{"busObId": INCIDENT, "busObRecId": ticket.0}]})),
        post("getbusinessobjecttemplate", &json!({"busObId": INCIDENT, "includeAll": true})),
        post("getrelatedbusinessobject", &related),
        post("getsearchresults", &search),
        Call::new(Method::POST, "/token").with_body(LOGIN),
    ]
}

fn check(site: &mut Cherwell, call: &Call) {
    let acts = site.acts(call);
    let replies: Vec<_> =
        acts.iter().filter_map(|(_, act)| if let Act::Reply(reply) = act { Some(reply) } else { None }).collect();
    let [reply] = replies.as_slice() else { panic!("one reply, not {acts:?}") };
    assert!(matches!(reply.status, 200 | 400 | 401 | 404 | 405 | 500), "{} for {call:?}", reply.status);
    if !reply.body.is_empty() {
        serde_json::from_slice::<Value>(&reply.body).expect("JSON");
    }
    site.perform(acts);
}

#[test]
fn garbled_bodies_get_one_clear_answer() {
    let mut site = Cherwell::new();
    let calls = good_calls(&mut site);
    let mut dice = ChaCha8Rng::seed_from_u64(11);
    for call in &calls {
        check(&mut site, call);
        for _ in 0..600 {
            let mut body = call.body.to_vec();
            for _ in 0..dice.random_range(1..=4) {
                let place = dice.random_range(0..body.len().max(1));
                if place >= body.len() {
                    break;
                }
                match dice.random_range(0..4) {
                    0 => body[place] = dice.random(),
                    1 => drop(body.remove(place)),
                    2 => body.insert(place, b"\"{}[],:-1\\"[dice.random_range(0..10)]),
                    _ => body.truncate(place.max(1)),
                }
            }
            check(&mut site, &Call { body: body.into(), ..call.clone() });
        }
    }
}

#[test]
fn a_batch_beyond_the_limit_is_413_and_does_nothing() {
    let mut site = Cherwell::new();
    let item = site.ticket("a");
    let items = vec![item; ticketbridge_sandbox::cherwell::MAX_BATCH + 1];
    let (status, answer) = site.post("savebusinessobjectbatch", &json!({"saveRequests": items}));
    assert_eq!((status, answer), (413, json!({"Message": "Maximum request length exceeded."})));
    assert_eq!(site.post("getbusinessobjectbatch", &json!({"readRequests": items})).0, 413);
    assert_eq!(site.stats().tickets, 0);
}

#[test]
fn garbled_paths_and_logins_get_one_clear_answer() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let mut dice = ChaCha8Rng::seed_from_u64(12);
    for path in [
        format!("/api/V1/getbusinessobject/busobid/{INCIDENT}/busobrecid/{}?locale=es-MX", ticket.0),
        format!("/api/V1/getactivities/busobid/{INCIDENT}/busobrecid/{}/pagesize/20?activityType=Notes", ticket.0),
        format!("/api/V1/getbusinessobjectschema/busobid/{INCIDENT}?includerelationships=true"),
        "/api/V1/getbusinessobjectsummaries/type/All".to_owned(),
    ] {
        for _ in 0..500 {
            let mut garbled: Vec<char> = path.chars().collect();
            let place = dice.random_range(0..garbled.len());
            match dice.random_range(0..3) {
                0 => garbled[place] = ['é', '/', '%', '?', '\u{0}', '&', '='][dice.random_range(0..7)],
                1 => drop(garbled.remove(place)),
                _ => garbled.insert(place, 'ñ'),
            }
            let call = site.request(Method::GET, &garbled.into_iter().collect::<String>());
            check(&mut site, &call);
        }
    }
    for login in ["Bearer \u{0}", "Basic 4444", "Basic é", "é é", " ", "Bearer  "] {
        let call = Call { authorization: Some(login.to_owned()), ..Call::new(Method::GET, "/api/V2/getteams") };
        assert_eq!(site.reply(&call).status, 401, "{login:?}");
    }
}
