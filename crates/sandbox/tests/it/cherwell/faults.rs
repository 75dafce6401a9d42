//! Checklist 14: the faults of Cherwell, under a made-up time. A test that carries the name of a knob is that knob's.

use http::Method;
use serde_json::{Value, json};
use ticketbridge_sandbox::cherwell::{CherwellSettings, OperatorAct};
use ticketbridge_sandbox::faults::{BodyCut, EarlyAnswer, FaultError, Knob, OriginChange, OriginField, Rule};
use ticketbridge_sandbox::{Act, Reply};

use super::support::{Cherwell, INCIDENT, LOGIN, rows, text};

fn batch(site: &mut Cherwell, names: &[&str]) -> ticketbridge_sandbox::Call {
    let items: Vec<_> = names.iter().map(|name| site.ticket(name)).collect();
    let body = json!({"saveRequests": items}).to_string();
    site.request(Method::POST, "/api/V1/savebusinessobjectbatch").with_body(body)
}

/// The reply to a batch of tickets under a fault, and how many tickets there are then.
fn under(rule: impl Into<Rule>, names: &[&str]) -> (Option<Reply>, usize) {
    let mut site = Cherwell::new();
    site.fault(rule.into().on("save_batch")).expect("a rule");
    let call = batch(&mut site, names);
    let acts = site.acts(&call);
    let reply = site.perform(acts);
    (reply, site.stats().tickets)
}

fn body(reply: Option<&Reply>) -> Value {
    serde_json::from_slice(&reply.expect("a reply").body).expect("JSON")
}

fn status(reply: Option<&Reply>) -> u16 {
    reply.expect("a reply").status
}

#[test]
fn what_has_no_answer_is_done_or_not_as_the_fault_says() {
    let (reply, tickets) = under(Knob::CommitThenStall { answer_after_ms: None }, &["a"]);
    assert_eq!((reply.is_none(), tickets), (true, 1));
    let (reply, tickets) = under(Knob::ResetAfterCommit { after_ms: 5 }, &["a"]);
    assert_eq!((reply.is_none(), tickets), (true, 1));
    let (reply, tickets) = under(Knob::ResetBeforeCommit { after_ms: 5 }, &["a"]);
    assert_eq!((reply.is_none(), tickets), (true, 0));

    let mut site = Cherwell::new();
    site.fault(Knob::CommitThenStall { answer_after_ms: Some(90_000) }).expect("a rule");
    let call = batch(&mut site, &["a"]);
    let acts = site.acts(&call);
    assert!(matches!(acts[0], (at, Act::Commit(_)) if at == site.now));
    assert!(matches!(acts[1], (at, Act::Reply(_)) if at == site.now + 90_000));

    let mut site = Cherwell::new();
    site.fault(Knob::DelayedEffect { effect_after_ms: 900, answer: EarlyAnswer::GatewayTimeout }).expect("a rule");
    let call = batch(&mut site, &["a"]);
    let acts = site.acts(&call);
    assert!(matches!(&acts[0], (at, Act::Reply(reply)) if *at == site.now && reply.status == 504));
    assert!(matches!(acts[1], (at, Act::Commit(_)) if at == site.now + 900));
}

#[test]
fn what_is_answered_wrongly_is_done_or_not_as_the_fault_says() {
    for effect in [false, true] {
        let (reply, tickets) = under(Knob::HtmlAnswer { status: 500, effect }, &["a"]);
        assert_eq!((status(reply.as_ref()), tickets), (500, usize::from(effect)));
        assert!(reply.expect("a reply").content_type.starts_with("text/html"));
        let (reply, tickets) = under(Knob::ServerError { status: 500, effect }, &["a"]);
        assert_eq!((status(reply.as_ref()), tickets), (500, usize::from(effect)));
        assert_eq!(body(reply.as_ref()), json!({"Message": "An error has occurred."}));
        let (reply, tickets) = under(Knob::CutJson { effect, body: BodyCut::WellFramed }, &["a"]);
        assert_eq!((status(reply.as_ref()), tickets), (200, usize::from(effect)));
        assert!(serde_json::from_slice::<Value>(&reply.expect("a reply").body).is_err());
    }
    let (reply, _) = under(Knob::Forbidden {}, &["a"]);
    assert_eq!((status(reply.as_ref()), &body(reply.as_ref())["errorCode"]), (403, &json!("INSUFFICIENTRIGHTS")));
    let (reply, tickets) = under(Knob::TokenRevoked {}, &["a"]);
    let reply = reply.expect("a reply");
    assert_eq!((reply.status, tickets), (401, 0));
    assert_eq!(reply.headers, [("www-authenticate", "Bearer".to_owned())]);
}

#[test]
fn unavailable() {
    let mut site = Cherwell::new();
    let call = batch(&mut site, &["a"]);
    site.fault(Rule::from(Knob::Unavailable { retry_after_s: Some(7) }).for_ms(5_000)).expect("a rule");
    let reply = site.reply(&call);
    assert_eq!((reply.status, reply.headers), (503, vec![("retry-after", "7".to_owned())]));
    site.now += 4_999;
    assert_eq!(site.reply(&call).status, 503);
    site.now += 1;
    assert_eq!(site.reply(&call).status, 200, "it was for a while only");
    assert_eq!(site.stats().tickets, 1);
    let (reply, tickets) = under(Knob::Unavailable { retry_after_s: None }, &["a"]);
    let reply = reply.expect("a reply");
    assert_eq!((reply.status, reply.headers, tickets), (503, vec![], 0));
}

#[test]
fn call_failure() {
    let knob = |effect| Knob::CallFailure {
        status: 500,
        code: "INSUFFICIENTRIGHTS".to_owned(),
        message: "no".to_owned(),
        effect,
    };
    let (reply, tickets) = under(knob(false), &["a"]);
    assert_eq!((status(reply.as_ref()), tickets), (500, 0));
    assert_eq!(body(reply.as_ref())["errorCode"], "INSUFFICIENTRIGHTS");
    assert_eq!(body(reply.as_ref())["hasError"], true);
    assert_eq!(under(knob(true), &["a"]).1, 1);
}

#[test]
fn short_batch() {
    for (tail_done, stored) in [(true, 5), (false, 3)] {
        let (reply, tickets) = under(Knob::ShortBatch { drop: 2, tail_done }, &["a", "b", "c", "d", "e"]);
        assert_eq!(body(reply.as_ref())["responses"].as_array().expect("responses").len(), 3);
        assert_eq!(tickets, stored, "tail done: {tail_done}");
    }
}

#[test]
fn validation_error() {
    for has_error in [true, false] {
        let knob = Knob::ValidationError { share: 1.0, has_error, field: Some("TicketKind".to_owned()) };
        let (reply, tickets) = under(knob, &["a"]);
        assert_eq!((status(reply.as_ref()), tickets), (200, 0));
        let response = &body(reply.as_ref())["responses"][0];
        assert_eq!(response["hasError"], has_error);
        assert_eq!(response["errorCode"], if has_error { json!("ValueNotValid") } else { Value::Null });
        assert_eq!(response["busObRecId"], Value::Null);
        let error = &response["fieldValidationErrors"][0];
        assert_eq!(
            (&error["error"], &error["errorCode"]),
            (&json!("Value 'SNR' is not valid"), &json!("ValueNotValid"))
        );
        assert!(text(&error["fieldId"]).contains("FI:"));
    }
}

#[test]
fn items_are_refused_one_by_one() {
    let poison = Knob::PoisonItem {
        text: "Title b".to_owned(),
        code: "INVALID_FIELD".to_owned(),
        message: "m".to_owned(),
        retryable: false,
    };
    let (reply, tickets) = under(poison, &["a", "b", "c"]);
    let codes: Vec<_> = body(reply.as_ref())["responses"]
        .as_array()
        .expect("responses")
        .iter()
        .map(|one| one["errorCode"].clone())
        .collect();
    assert_eq!(codes, [Value::Null, json!("GENERALFAILURE"), Value::Null]);
    assert_eq!(
        (status(reply.as_ref()), &body(reply.as_ref())["errorCode"], tickets),
        (200, &json!("GENERALFAILURE"), 2)
    );

    let partial = Knob::PartialFailure {
        share: 0.5,
        code: "BusObNotValid".to_owned(),
        message: "m".to_owned(),
        retryable: false,
    };
    let names: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let (reply, tickets) = under(partial, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let failed =
        body(reply.as_ref())["responses"].as_array().expect("all").iter().filter(|one| one["hasError"] == true).count();
    assert_eq!(failed + tickets, 40);
    assert!((10..=30).contains(&failed), "{failed} of 40 at one half");

    for (wanted, code) in [(500, "GENERALFAILURE"), (400, "BADREQUEST")] {
        let (reply, tickets) = under(Knob::PoisonCall { text: "Title b".to_owned(), status: wanted }, &["a", "b"]);
        assert_eq!((status(reply.as_ref()), &body(reply.as_ref())["errorCode"], tickets), (wanted, &json!(code), 0));
    }
    let (reply, _) = under(Knob::PoisonCall { text: "Title b".to_owned(), status: 413 }, &["b"]);
    assert_eq!(body(reply.as_ref()), json!({"Message": "Maximum request length exceeded."}));
    assert_eq!(under(Knob::PoisonCall { text: "Title b".to_owned(), status: 413 }, &["a"]).1, 1);
}

#[test]
fn a_rule_for_a_dedupe_key_acts_on_its_items_alone() {
    let mut site = Cherwell::new();
    let refuse = Knob::PartialFailure { share: 1.0, code: "X".to_owned(), message: "m".to_owned(), retryable: false };
    site.fault(Rule::from(refuse).for_key("KEY|b")).expect("a rule");
    let saved = site.create(&["a", "b", "c"]);
    let codes: Vec<_> =
        saved["responses"].as_array().expect("all").iter().map(|one| one["errorCode"].clone()).collect();
    assert_eq!(codes, [Value::Null, json!("X"), Value::Null]);
    site.model.faults_mut().clear();

    site.create(&["b"]);
    let b = text(&rows(&site.search(&[("DedupeKey", "eq", "KEY|b")], &json!({})).1)[0]["busObRecId"]);
    let a = text(&saved["responses"][0]["busObRecId"]);
    site.fault(Rule::from(Knob::Forbidden {}).for_key("KEY|b")).expect("a rule");
    assert_eq!(site.update(&a, &[("WorkOrderNumber", "W1")]).0, 200);
    assert_eq!(site.update(&b, &[("WorkOrderNumber", "W2")]).0, 403, "by the record that it changes");
    assert_eq!(site.note(&a, "text").0, 200);
    assert_eq!(site.note(&b, "text").0, 403, "by the parent");
    assert_eq!(site.search(&[("DedupeKey", "eq", "KEY|a")], &json!({})).0, 200);
    assert_eq!(site.search(&[("DedupeKey", "eq", "KEY|b")], &json!({})).0, 403);
}

#[test]
fn duplicate_public_id() {
    let mut site = Cherwell::new();
    let first = site.create_one("a");
    site.fault(Rule::from(Knob::DuplicatePublicId {}).times(1)).expect("a rule");
    let second = site.create_one("b");
    let third = site.create_one("c");
    assert_eq!(first.1, second.1);
    assert_ne!(first.0, second.0);
    assert_ne!(third.1, first.1);
    assert_eq!(site.value(&second.0, "IncidentID"), first.1);
}

#[test]
fn related_cut() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    for number in 0..3 {
        site.note(&ticket.0, &format!("note {number}"));
    }
    let body = json!({
        "parentBusObId": INCIDENT, "parentBusObRecId": ticket.0,
        "relationshipId": site.relationship("Incident Owns Journals"), "allFields": false, "useDefaultGrid": false,
    });
    for (hide_total, total) in [(false, 3), (true, 1)] {
        site.model.faults_mut().clear();
        site.fault(Knob::RelatedCut { keep: 1, hide_total }).expect("a rule");
        let (_, related) = site.post("getrelatedbusinessobject", &body);
        assert_eq!(related["relatedBusinessObjects"].as_array().expect("rows").len(), 1);
        assert_eq!(related["totalRecords"], total);
    }
}

#[test]
fn token_life() {
    let mut site = Cherwell::new();
    site.fault(Rule::from(Knob::TokenLife { seconds: 5 }).times(1)).expect("a rule");
    let (_, token) = site.token_call(LOGIN);
    assert_eq!(token["expires_in"], 5);
    site.keep(&token);
    let issued = site.now;
    site.now = issued + 4_900;
    assert_eq!(site.get("/api/V2/getteams").0, 200);
    site.now = issued + 5_000;
    assert_eq!(site.get("/api/V2/getteams").0, 401);
}

#[test]
fn sessions_revoked() {
    let mut site = Cherwell::new();
    site.fault(Rule::from(Knob::SessionsRevoked {}).times(1)).expect("a rule");
    assert_eq!(site.stats().live_sessions, 1);
    assert_eq!(site.get("/api/V2/getteams").0, 401);
    assert_eq!(site.stats().live_sessions, 0);
    assert_eq!(site.get("/api/V2/getteams").0, 401, "the token is really dead");
    let refresh = site.refresh.clone();
    assert_eq!(site.refresh_call(&refresh).0, 400);
}

#[test]
fn throttled_login() {
    let mut site = Cherwell::new();
    site.fault(Rule::from(Knob::ThrottledLogin { overlapping: false }).times(1)).expect("a rule");
    let (status, refused) = site.token_call(LOGIN);
    assert_eq!(status, 400);
    assert_eq!(refused, json!({"error": "invalid_grant", "error_description": "BADREQUEST"}));
    assert_eq!(site.token_call(LOGIN).0, 200);

    site.fault(Knob::ThrottledLogin { overlapping: true }).expect("a rule");
    site.fault(Rule::from(Knob::AnswerDelay { ms: 100, max_ms: None }).on("token")).expect("a rule");
    let call = ticketbridge_sandbox::Call::new(Method::POST, "/token").with_body(LOGIN);
    let first = site.acts(&call);
    assert!(matches!(&first.last(), Some((_, Act::Reply(reply))) if reply.status == 200));
    site.now += 50;
    let second = site.acts(&call);
    assert!(matches!(&second[..], [(_, Act::Reply(reply))] if reply.status == 400), "the first was not over");
    site.now += 200;
    assert_eq!(site.token_call(LOGIN).0, 200);
    assert_eq!(site.stats().overlapping_token_calls, 1);
}

#[test]
fn a_token_call_that_breaks_after_its_effect_has_rotated_the_tokens() {
    let mut site = Cherwell::new();
    site.fault(Rule::from(Knob::ResetAfterCommit { after_ms: 0 }).on("token").times(1)).expect("a rule");
    let form = format!(
        "grant_type=refresh_token&client_id={}&refresh_token={}",
        ticketbridge_sandbox::cherwell::CLIENT_ID,
        site.refresh
    );
    let acts = site.acts(&ticketbridge_sandbox::Call::new(Method::POST, "/token").with_body(form));
    assert!(site.perform(acts).is_none());
    assert_eq!(site.get("/api/V2/getteams").0, 401);
    let refresh = site.refresh.clone();
    assert_eq!(site.refresh_call(&refresh).1, json!({"error": "invalid_grant"}));
}

#[test]
fn searches_lag_and_reads_do_not() {
    let mut site = Cherwell::new();
    site.fault(Knob::IndexLag { ms: 1_000, jitter_ms: 0 }).expect("a rule");
    let ticket = site.create_one("a");
    let made = site.now;
    assert_eq!(site.found(&[]), Vec::<String>::new());
    assert_eq!(site.value(&ticket.0, "DedupeKey"), "KEY|a");
    assert_eq!(site.note(&ticket.0, "note").0, 200);
    assert_eq!(site.notes_of(&ticket.0), ["note"], "related records do not lag");
    site.now = made + 999;
    assert_eq!(site.found(&[("DedupeKey", "eq", "KEY|a")]), Vec::<String>::new());
    site.now = made + 1_000;
    assert_eq!(site.found(&[("DedupeKey", "eq", "KEY|a")]), ["KEY|a"]);
}

#[test]
fn a_page_is_empty_although_the_total_is_not() {
    let mut site = Cherwell::new();
    site.create(&["a", "b", "c"]);
    site.fault(Knob::EmptyPage { from_page: 2, more: false }).expect("a rule");
    let (_, first) = site.search(&[], &json!({"pageSize": 2, "pageNumber": 1}));
    assert_eq!(rows(&first).len(), 2);
    let (_, second) = site.search(&[], &json!({"pageSize": 2, "pageNumber": 3}));
    assert_eq!((rows(&second).len(), &second["totalRows"]), (0, &json!(3)));
    site.model.faults_mut().clear();
    site.fault(Knob::EmptyLookups {}).expect("a rule");
    let (_, none) = site.search(&[], &json!({}));
    assert_eq!((rows(&none).len(), &none["totalRows"]), (0, &json!(0)));
    site.model.faults_mut().clear();
    site.fault(Knob::UnknownFilterIgnored { filters: vec![] }).expect("a rule");
    assert_eq!(site.found(&[("DedupeKey", "eq", "KEY|z")]), ["KEY|a", "KEY|b", "KEY|c"]);
}

#[test]
fn results_slip_from_their_places() {
    let ids = |reply: Option<&Reply>| -> Vec<Value> {
        body(reply)["responses"].as_array().expect("responses").iter().map(|one| one["busObPublicId"].clone()).collect()
    };
    let right: Vec<_> = (102_328..102_332).map(|number| json!(number.to_string())).collect();
    let (reply, tickets) = under(Knob::ReorderedResults {}, &["a", "b", "c", "d"]);
    assert!(ids(reply.as_ref()).iter().zip(&right).all(|(one, other)| one != other));
    assert_eq!(tickets, 4);
    assert_eq!(ids(under(Knob::ShortResults { drop: 1 }, &["a", "b", "c", "d"]).0.as_ref()).len(), 3);
    assert_eq!(ids(under(Knob::DuplicatedResults { copies: 2 }, &["a", "b", "c", "d"]).0.as_ref()).len(), 6);
}

#[test]
fn references_change_on_their_way_in() {
    let mut site = Cherwell::new();
    let truncated = Knob::OriginField { change: OriginChange::Truncated, length: Some(5), field: OriginField::Both };
    site.fault(truncated).expect("a rule");
    let ticket = site.create_one("a");
    assert_eq!(site.value(&ticket.0, "OriginId"), "origi");
    assert_eq!(site.value(&ticket.0, "DedupeKey"), "KEY|a");
}

#[test]
fn nothing_more_is_done_to_closed_tickets() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    site.fault(Knob::ClosedTicketRefused {}).expect("a rule");
    assert_eq!(site.note(&ticket.0, "one").0, 200);
    site.model.operate(site.now, &ticket.1, &OperatorAct::Close {}).expect("closed");
    let (status, refused) = site.note(&ticket.0, "two");
    assert_eq!((status, &refused["errorCode"]), (500, &json!("GENERALFAILURE")));
    assert_eq!(site.update(&ticket.0, &[("WorkOrderNumber", "W")]).0, 500);
    assert_eq!(site.notes_of(&ticket.0), ["one"]);
}

#[test]
fn rules_name_operations_of_this_platform() {
    let mut site = Cherwell::with(1, CherwellSettings::default());
    let unfit = site.fault(Rule::from(Knob::Forbidden {}).on("create_tickets"));
    assert!(matches!(unfit, Err(FaultError::UnfitOperation { possible, .. }) if possible.contains("save_batch")));
    let unfit = site.fault(Rule::from(Knob::TokenLife { seconds: 5 }).on("search"));
    assert!(matches!(unfit, Err(FaultError::UnfitOperation { .. })));
    let mut sfyc = ticketbridge_sandbox::sfyc::SfycModel::new(10);
    let unfit = sfyc.faults_mut().add(Knob::DuplicatePublicId {});
    assert!(unfit.expect_err("not on SFyC").to_string().contains("platform"));
}
