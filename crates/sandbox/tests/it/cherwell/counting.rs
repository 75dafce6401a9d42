//! Checklist 15: counters; and that a run can be repeated.

use http::Method;
use serde_json::json;
use ticketbridge_sandbox::cherwell::{CherwellSettings, Duplicates, Effect, OperatorAct, SeedTicket};
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::{Act, Millis};

use super::support::{Cherwell, INCIDENT};

#[test]
fn requests_items_rows_and_answers_are_counted() {
    let mut site = Cherwell::new();
    let items: Vec<_> = ["a", "b", "c"].iter().map(|name| site.ticket(name)).collect();
    site.post("savebusinessobjectbatch", &json!({"saveRequests": items}));
    site.post("savebusinessobject", &items[0]);
    site.found(&[("DedupeKey", "eq", "KEY|a"), ("DedupeKey", "eq", "KEY|z"), ("Status", "eq", "New")]);
    site.get("/nowhere");
    let stats = site.stats();
    let of = |name: &str| {
        let traffic = &stats.traffic.operations[name];
        (traffic.requests, traffic.items, traffic.largest_batch, traffic.rows)
    };
    assert_eq!(of("save_batch"), (1, 3, 3, 0));
    assert_eq!(of("save"), (1, 1, 1, 0));
    assert_eq!(of("search"), (1, 2, 2, 2));
    assert_eq!(of("token"), (1, 0, 0, 0));
    assert_eq!(of("none"), (1, 0, 0, 0));
    assert_eq!((stats.traffic.largest_batch, stats.traffic.answers["404"]), (3, 1));
    assert_eq!((stats.logins, stats.live_sessions, stats.overlapping_token_calls), (1, 1, 0));
}

#[test]
fn a_clean_run_has_no_duplicates() {
    let mut site = Cherwell::new();
    for name in ["a", "b"] {
        let ticket = site.create_one(name);
        let order = site.work_order(&ticket, &format!("origin-{name}"));
        site.update(&ticket.0, &[("WorkOrderNumber", &order.1)]);
        site.note(&ticket.0, &format!("text [ref:{name}]"));
    }
    let stats = site.stats();
    assert_eq!(stats.duplicates, Duplicates::default());
    assert_eq!((stats.tickets, stats.open_tickets, stats.work_orders, stats.notes), (2, 2, 2, 2));
    assert_eq!((stats.linked, stats.matching_work_orders), (2, 2));
}

#[test]
fn what_is_there_twice_counts_by_its_sort() {
    let mut site = Cherwell::new();
    let (one, other) = (site.create_one("a"), site.create_one("a"));
    let expected =
        Duplicates { open_tickets_by_dedupe_key: 1, tickets_by_origin_id: 1, total: 2, ..Duplicates::default() };
    assert_eq!(site.stats().duplicates, expected);
    site.model.operate(site.now, &one.1, &OperatorAct::Close {}).expect("closed");
    assert_eq!(site.stats().duplicates.open_tickets_by_dedupe_key, 0, "a closed ticket does not count");
    assert_eq!(site.stats().duplicates.tickets_by_origin_id, 1, "in any state");

    site.work_order(&other, "o1");
    site.work_order(&other, "o1");
    let found = site.stats().duplicates;
    assert_eq!((found.work_orders_by_external_ref, found.work_orders_by_ticket), (1, 1));
    site.update(&other.0, &[("WorkOrderNumber", "elsewhere")]);
    assert_eq!(site.stats().duplicates.wrong_links, 1);
    site.update(&one.0, &[("WorkOrderNumber", "elsewhere")]);
    assert_eq!(site.stats().duplicates.wrong_links, 1, "a ticket without work orders here is not judged");
    site.update(&other.0, &[("WorkOrderNumber", "WO60002")]);
    assert_eq!((site.stats().duplicates.wrong_links, site.stats().matching_work_orders), (0, 1));

    for _ in 0..3 {
        site.note(&other.0, "text [ref:n1]");
    }
    site.note(&other.0, "no marker");
    site.note(&other.0, "no marker");
    assert_eq!(site.stats().duplicates.notes_by_marker, 2);
}

#[test]
fn a_ticket_of_ours_beside_an_older_open_one_counts_and_one_opened_by_hand_later_does_not() {
    let seed = |key: &str| SeedTicket {
        fields: [("DedupeKey".to_owned(), key.to_owned())].into(),
        created_at: Some("2026-01-02T03:04:05Z".to_owned()),
        ..SeedTicket::default()
    };
    let mut site = Cherwell::new();
    site.model.seed_tickets(site.now, vec![seed("KEY|a")]).expect("seeded");
    site.create(&["a", "b"]);
    site.model.seed_tickets(site.now, vec![seed("KEY|b")]).expect("seeded");
    let expected = Duplicates { open_tickets_by_dedupe_key: 1, total: 1, ..Duplicates::default() };
    assert_eq!(site.stats().duplicates, expected);
}

#[test]
fn overlapping_token_calls_are_counted() {
    let settings = CherwellSettings { token_call_ms: 50, ..CherwellSettings::default() };
    let mut site = Cherwell::with(1, settings);
    let call = ticketbridge_sandbox::Call::new(Method::POST, "/token").with_body(super::support::LOGIN);
    site.acts(&call);
    site.now += 49;
    site.acts(&call);
    site.now += 50;
    site.acts(&call);
    assert_eq!(site.stats().overlapping_token_calls, 1);
}

fn trace(seed: u64) -> Vec<Vec<(Millis, Act<Effect>)>> {
    let mut site = Cherwell::with(seed, CherwellSettings::default());
    for rule in [
        Rule::from(Knob::ResetAfterCommit { after_ms: 0 }).probability(0.1).on("save_batch"),
        Rule::from(Knob::ServerError { status: 503, effect: true }).probability(0.1).on("save_batch"),
        Rule::from(Knob::IndexLag { ms: 10, jitter_ms: 500 }),
        Rule::from(Knob::AnswerDelay { ms: 1, max_ms: Some(90) }).on("save_batch").on("search"),
        Rule::from(Knob::ReorderedResults {}).probability(0.5).on("save_batch"),
        Rule::from(Knob::ShortBatch { drop: 1, tail_done: false }).probability(0.2),
        Rule::from(Knob::ValidationError { share: 0.3, has_error: true, field: None }).on("save_batch"),
        Rule::from(Knob::SessionsRevoked {}).probability(0.05).on("save_batch"),
    ] {
        site.fault(rule).expect("a rule");
    }
    let item = |number: usize| json!({"busObId": INCIDENT, "fields": [{"dirty": true, "name": "DedupeKey", "value": format!("KEY|{number}")}]});
    let mut trace = Vec::new();
    for round in 0..200 {
        site.now += 37;
        let call = match round % 3 {
            0 => {
                let items: Vec<_> = (0..5).map(|number| item(round * 10 + number)).collect();
                let body = json!({"saveRequests": items}).to_string();
                site.request(Method::POST, "/api/V1/savebusinessobjectbatch").with_body(body)
            }
            1 => {
                let body = json!({"busObId": INCIDENT, "pageSize": 20}).to_string();
                site.request(Method::POST, "/api/V1/getsearchresults").with_body(body)
            }
            _ => ticketbridge_sandbox::Call::new(Method::POST, "/token").with_body(super::support::LOGIN),
        };
        let acts = site.acts(&call);
        trace.push(acts.clone());
        let reply = site.perform(acts);
        if round % 3 == 2 {
            site.keep(&serde_json::from_slice(&reply.expect("a token").body).expect("JSON"));
        }
    }
    trace
}

#[test]
fn a_run_can_be_repeated_from_its_seed() {
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}

#[test]
fn a_reset_forgets_all_but_the_settings_of_the_start() {
    use ticketbridge_sandbox::StandIn;
    let mut site = Cherwell::with(1, CherwellSettings { max_page_size: 3, ..CherwellSettings::default() });
    site.create(&["a"]);
    site.fault(Knob::Forbidden {}).expect("a rule");
    site.model.set_settings(CherwellSettings::default()).expect("settings");
    site.model.reset();
    assert_eq!((site.stats().tickets, site.stats().logins, site.model.settings().max_page_size), (0, 0, 3));
    assert_eq!(site.get("/api/V2/getteams").0, 401);
    site.log_in();
    assert_eq!(site.create_one("a").1, "102328", "numbers begin anew");
}
