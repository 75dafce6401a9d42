//! Cherwell from outside: the usual pair, its traps, names that are missing, and what it costs.

use std::collections::BTreeMap;

use ticketbridge_sandbox::cherwell::{CherwellSettings, OperatorAct, PageMode, SeedTicket};
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::{Running, Sandbox, SandboxConfig};

use crate::bridge::Bridge;
use crate::place::{
    Backend, Place, Settings, cherwell_faults, faults, on_cherwell_saves, on_writes, sandbox, tickets, until,
};

/// Tickets on Cherwell, work orders on SFyC.
const PAIR: Backend =
    Backend { name: "be-1", tickets: "cherwell", work_orders: "sfyc", max_retries: 3, max_tickets_per_request: 50 };
/// Both on Cherwell.
const ALONE: Backend = Backend { work_orders: "cherwell", ..PAIR };

fn on(backend: Backend) -> Settings {
    Settings { backends: vec![backend], ..Settings::default() }
}

/// Tickets that were there before us; answers their public ids.
fn seed(sandbox: &Running, seeds: Vec<SeedTicket>) -> Vec<String> {
    sandbox.with_cherwell(|model, now| model.seed_tickets(now, seeds)).expect("seeds that fit")
}

/// An older ticket with these fields.
fn older(fields: &[(&str, &str)]) -> SeedTicket {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    SeedTicket { fields, ..SeedTicket::default() }
}

/// An older ticket of this key.
fn of_key(key: &str) -> SeedTicket {
    older(&[("DedupeKey", key), ("TicketKind", "SNR"), ("ShortDescription", "opened before")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_usual_pair_creates_notes_and_links_at_a_small_price() {
    let sandbox = sandbox(1).await;
    seed(&sandbox, (1..=40).map(|number| of_key(&format!("SNR|P-{number:04}"))).collect());
    let place = Place::on(&sandbox, on(PAIR));
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("P", 540)).await;
    let all = bridge.completed(540).await;
    assert_eq!(all.values().filter(|ticket| ticket["created"] == true).count(), 500);
    let (cherwell, sfyc) = (sandbox.cherwell_stats(), sandbox.sfyc_stats());
    assert_eq!((cherwell.open_tickets, cherwell.notes, cherwell.linked), (540, 40, 500));
    assert_eq!((sfyc.work_orders, cherwell.duplicates.total, sfyc.duplicates.total), (500, 0, 0));
    assert!(cherwell.traffic.requests(&["save_batch"]) <= 40, "{cherwell:#?}");
    assert!(cherwell.traffic.requests(&["search"]) <= 60, "{cherwell:#?}");
    assert_eq!((cherwell.logins, cherwell.refreshes, cherwell.overlapping_token_calls), (1, 0, 0));
    assert_eq!(cherwell.chunked_requests, 0);
    assert_eq!(cherwell.live_sessions, 1);
    assert!(bridge.stop().await.success());
    assert_eq!(sandbox.cherwell_stats().live_sessions, 0, "a clean stop logs out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_on_cherwell_in_both_ways_with_duplicate_public_ids() {
    for way in ["batch_then_link", "related"] {
        let sandbox = sandbox(2).await;
        seed(&sandbox, (1..=5).map(|number| of_key(&format!("SNR|W-{number:04}"))).collect());
        cherwell_faults(&sandbox, [Rule::from(Knob::DuplicatePublicId {}).probability(0.5)]);
        let note = if way == "related" { "related" } else { "batch" };
        let cherwell = format!(
            "[platforms.cherwell.note]\nway = \"{note}\"\nparent_type = \"name\"\n[platforms.cherwell.work_order]\nway = \"{way}\"\n"
        );
        let place = Place::on(&sandbox, Settings { cherwell, ..on(ALONE) });
        let bridge = Bridge::start(&place).await;
        bridge.send(&tickets("W", 30)).await;
        bridge.completed(30).await;
        let stats = sandbox.cherwell_stats();
        assert_eq!((stats.tickets, stats.work_orders, stats.notes), (30, 25, 5), "{way}");
        assert_eq!((stats.matching_work_orders, stats.duplicates.total), (25, 0), "{way}: {stats:#?}");
        sandbox.with_cherwell(|model, _| {
            for ticket in model.dump_tickets(0, 100) {
                let own = ticket["workOrders"].as_array().expect("a list").len();
                let linked = usize::from(ticket["fields"]["WorkOrderNumber"] != "");
                assert_eq!(own, linked, "{way}: {ticket:#}");
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lagging_search_and_creates_that_stall_after_their_commit_double_nothing() {
    let sandbox = sandbox(3).await;
    cherwell_faults(
        &sandbox,
        [
            Rule::from(Knob::IndexLag { ms: 3_000, jitter_ms: 0 }),
            on_cherwell_saves(Knob::CommitThenStall { answer_after_ms: None }, 0.3),
        ],
    );
    let settings = Settings {
        backends: vec![Backend { max_retries: 9, max_tickets_per_request: 10, ..PAIR }],
        request_timeout: "500ms",
        in_doubt_for: "4s",
        settling_time: "500ms",
        ..Settings::default()
    };
    let place = Place::on(&sandbox, settings);
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("LAG", 100)).await;
    bridge.completed(100).await;
    let (cherwell, sfyc) = (sandbox.cherwell_stats(), sandbox.sfyc_stats());
    assert_eq!((cherwell.open_tickets, cherwell.linked, cherwell.duplicates.total), (100, 100, 0), "{cherwell:#?}");
    assert_eq!((sfyc.work_orders, sfyc.duplicates.total), (100, 0));
    assert!(cherwell.faults.get("commit_then_stall").is_some_and(|fired| *fired > 0), "{cherwell:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_revoked_in_mid_run_are_renewed_one_at_a_time() {
    let sandbox = sandbox(4).await;
    cherwell_faults(
        &sandbox,
        [
            Rule::from(Knob::AnswerDelay { ms: 20, max_ms: Some(80) }),
            Rule::from(Knob::SessionsRevoked {}).on("save_batch").times(1),
            Rule::from(Knob::SessionsRevoked {}).on("search").times(1),
            Rule::from(Knob::SessionsRevoked {}).on("read_batch").times(1),
        ],
    );
    let place =
        Place::on(&sandbox, Settings { backends: vec![Backend { max_tickets_per_request: 5, ..PAIR }], ..on(PAIR) });
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("TOKEN", 120)).await;
    let all = bridge.completed(120).await;
    assert!(all.values().all(|ticket| ticket["attempts"] == 0), "a token is nobody's fault");
    let stats = sandbox.cherwell_stats();
    assert_eq!((stats.open_tickets, stats.duplicates.total, stats.overlapping_token_calls), (120, 0, 0));
    assert_eq!(stats.faults.get("sessions_revoked"), Some(&3), "{stats:#?}");
    assert_eq!(stats.live_sessions, 1);
    assert!(stats.logins + stats.refreshes <= 1 + 2 * 3, "{stats:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_hundred_older_tickets_are_found_in_both_page_modes() {
    for (page_mode, max_page_size) in [(PageMode::Row, 1_000), (PageMode::Row, 77), (PageMode::Page, 1_000)] {
        let config = SandboxConfig {
            cherwell: CherwellSettings { page_mode, max_page_size, ..CherwellSettings::default() },
            ..SandboxConfig::default()
        };
        let sandbox = Sandbox::start(config).await.expect("a free port");
        seed(&sandbox, (1..=1_200).map(|number| of_key(&format!("SNR|OLD-{number:04}"))).collect());
        let cherwell = String::from("page_size = 200\n");
        let place = Place::on(&sandbox, Settings { cherwell, ..on(PAIR) });
        let bridge = Bridge::start(&place).await;
        bridge.send(&tickets("OLD", 1_200)).await;
        bridge.completed(1_200).await;
        let stats = sandbox.cherwell_stats();
        assert_eq!((stats.tickets, stats.notes, stats.duplicates.total), (1_200, 1_200, 0), "{page_mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_page_with_a_total_is_never_none() {
    let sandbox = sandbox(6).await;
    seed(&sandbox, (1..=20).map(|number| of_key(&format!("SNR|E-{number:04}"))).collect());
    cherwell_faults(&sandbox, [Rule::from(Knob::EmptyPage { from_page: 1, more: true }).on("search").times(4)]);
    let place = Place::on(&sandbox, on(PAIR));
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("E", 20)).await;
    bridge.completed(20).await;
    let stats = sandbox.cherwell_stats();
    assert_eq!((stats.tickets, stats.notes), (20, 20), "{stats:#?}");
    assert_eq!(stats.faults.get("empty_page"), Some(&4), "{stats:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_answers_cut_short_double_nothing() {
    for tail_done in [true, false] {
        let sandbox = sandbox(7).await;
        seed(&sandbox, (1..=8).map(|number| of_key(&format!("SNR|S-{number:04}"))).collect());
        let short = Knob::ShortBatch { drop: 3, tail_done };
        cherwell_faults(&sandbox, [Rule::from(short).on("save_batch").probability(0.4)]);
        let backends = vec![Backend { max_retries: 9, max_tickets_per_request: 10, ..ALONE }];
        let place = Place::on(&sandbox, Settings { backends, ..Settings::default() });
        let bridge = Bridge::start(&place).await;
        bridge.send(&tickets("S", 80)).await;
        bridge.completed(80).await;
        let stats = sandbox.cherwell_stats();
        assert_eq!((stats.tickets, stats.work_orders, stats.notes), (80, 72, 8), "{stats:#?}");
        assert_eq!((stats.matching_work_orders, stats.duplicates.total), (72, 0), "{stats:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn harsh_weather_on_both_platforms_of_the_pair() {
    let sandbox = sandbox(8).await;
    seed(&sandbox, (1..=20).map(|number| of_key(&format!("SNR|H-{number:04}"))).collect());
    cherwell_faults(
        &sandbox,
        [
            Rule::from(Knob::IndexLag { ms: 50, jitter_ms: 250 }),
            Rule::from(Knob::AnswerDelay { ms: 1, max_ms: Some(40) }),
            on_cherwell_saves(Knob::CommitThenStall { answer_after_ms: None }, 0.05),
            on_cherwell_saves(Knob::ResetBeforeCommit { after_ms: 2 }, 0.05),
            on_cherwell_saves(Knob::ResetAfterCommit { after_ms: 2 }, 0.05),
            on_cherwell_saves(Knob::HtmlAnswer { status: 500, effect: true }, 0.05),
            on_cherwell_saves(
                Knob::CutJson { effect: true, body: ticketbridge_sandbox::faults::BodyCut::default() },
                0.05,
            ),
            Rule::from(Knob::TokenRevoked {}).on("search").on("read_batch").probability(0.05),
            Rule::from(Knob::ThrottledLogin { overlapping: false }).on("token").probability(0.3),
        ],
    );
    faults(&sandbox, [on_writes(Knob::CommitThenStall { answer_after_ms: None }, 0.05)]);
    let settings = Settings {
        backends: vec![
            Backend { max_retries: 9, max_tickets_per_request: 10, ..PAIR },
            Backend { name: "be-2", max_retries: 9, max_tickets_per_request: 7, ..ALONE },
        ],
        request_timeout: "300ms",
        ..Settings::default()
    };
    let place = Place::on(&sandbox, settings);
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("H", 200)).await;
    bridge.completed(200).await;
    let (cherwell, sfyc) = (sandbox.cherwell_stats(), sandbox.sfyc_stats());
    assert_eq!((cherwell.tickets, cherwell.notes, cherwell.linked), (200, 20, 180), "{cherwell:#?}");
    assert_eq!(cherwell.work_orders + sfyc.work_orders, 180);
    assert_eq!((cherwell.duplicates.total, sfyc.duplicates.total), (0, 0), "{cherwell:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_of_two_platforms_away_no_key_is_open_on_both() {
    let sandbox = sandbox(9).await;
    let sfyc = Backend { name: "be-2", tickets: "sfyc", work_orders: "sfyc", ..PAIR };
    let settings = Settings { backends: vec![PAIR, sfyc], retry_max: "300ms", ..Settings::default() };
    let place = Place::on(&sandbox, settings);
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("TWO", 40)).await;
    bridge.completed(40).await;
    let away = Rule::from(Knob::Unavailable { retry_after_s: None });
    cherwell_faults(&sandbox, [away]);
    // The same keys again, and new ones, while Cherwell is away.
    let again: Vec<_> = tickets("TWO", 80)
        .into_iter()
        .map(|mut ticket| {
            let id = format!("again-{}", ticket["message_id"].as_str().expect("an id"));
            ticket["message_id"] = id.into();
            ticket
        })
        .collect();
    bridge.send(&again).await;
    until("Cherwell is known to be away", async || {
        let platforms = bridge.get("/api/v1/platforms").await;
        let cherwell = platforms["items"].as_array()?.iter().find(|item| item["name"] == "cherwell")?.clone();
        (cherwell["breaker_open_seconds"].as_f64()? >= 3.0).then_some(())
    })
    .await;
    sandbox.clear_faults();
    bridge.completed(120).await;
    let (cherwell, sfyc) = (sandbox.cherwell_stats(), sandbox.sfyc_stats());
    assert_eq!(cherwell.open_tickets + sfyc.open_tickets, 80, "one open ticket per key, wherever it is");
    assert_eq!(cherwell.notes + sfyc.notes, 40);
    assert_eq!((cherwell.duplicates.total, sfyc.duplicates.total), (0, 0));
    let mut holders: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for ticket in sandbox.with_cherwell(|model, _| model.dump_tickets(0, 1_000)) {
        holders.entry(ticket["fields"]["DedupeKey"].as_str().expect("a key").to_owned()).or_default().push("cherwell");
    }
    for ticket in sandbox.with_sfyc(|model, _| model.dump_tickets(0, 1_000)) {
        holders.entry(ticket["externalRef"].as_str().expect("a key").to_owned()).or_default().push("sfyc");
    }
    let twice: Vec<_> = holders.iter().filter(|(_, on)| on.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_tickets_without_a_key_are_adopted_by_their_title() {
    let sandbox = sandbox(10).await;
    let title = |number: usize| format!("SNR low in A-{number:04} since yesterday");
    let seeds = (1..=6).map(|number| older(&[("TicketKind", "SNR"), ("ShortDescription", &title(number))]));
    let numbers = seed(&sandbox, seeds.collect());
    // One of them is closed: no match.
    sandbox.with_cherwell(|model, now| model.operate(now, &numbers[5], &OperatorAct::Close {})).expect("it is there");
    let adopt = r#"[platforms.cherwell.ticket]
adopt = '''.ShortDescription | capture("^SNR low in (?<group>[A-Z0-9-]+) ") | "SNR|" + .group'''
"#;
    let place = Place::on(&sandbox, Settings { cherwell: adopt.to_owned(), ..on(PAIR) });
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("A", 8)).await;
    let all = bridge.completed(8).await;
    let stats = sandbox.cherwell_stats();
    assert_eq!((stats.tickets, stats.notes), (9, 5), "{stats:#?}");
    assert_eq!(all["A-0001"]["ticket_number"], numbers[0]);
    assert_eq!(all["A-0006"]["created"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_names_are_said_together_with_near_ones_and_nothing_is_sent() {
    let sandbox = sandbox(11).await;
    let wrong = r#"[platforms.cherwell.ticket]
open_states = ["New", "Asigned"]
fields = { dedupe_key = "DedupKey", work_order = "WorkOrderNumbr" }
constants = { "Sorce" = "Monitoring" }
[platforms.cherwell.note]
relationship = "Incident Owns Journal"
"#;
    let mut place = Place::on(&sandbox, Settings { cherwell: wrong.to_owned(), ..on(PAIR) });
    let checked = place.run(&["platform", "check", "cherwell"]).await;
    assert_eq!(checked.code, 1, "{checked:#?}");
    for text in
        ["TB0206", "DedupKey", "DedupeKey", "WorkOrderNumbr", "Asigned", "Assigned", "Sorce", "Incident Owns Journals"]
    {
        assert!(checked.stdout.contains(text), "`{text}` is missing in {}", checked.stdout);
    }
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("WAIT", 3)).await;
    let degraded = bridge.readiness("degraded").await;
    assert!(degraded.to_string().contains("TB0206"), "{degraded}");
    assert_eq!(bridge.states().await.get("Error"), None);
    assert!(bridge.stop().await.success());
    let stats = sandbox.cherwell_stats();
    assert_eq!((stats.tickets, stats.traffic.requests(&["save_batch"])), (0, 0));
    place.settings.cherwell.clear();
    place.write_config();
    let good = place.good(&["platform", "check", "cherwell"]).await;
    assert!(good.stdout.contains("every effect exactly once"), "{}", good.stdout);
    assert_eq!(sandbox.cherwell_stats().live_sessions, 0, "a check logs out");
    let bridge = Bridge::start(&place).await;
    bridge.completed(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_login_holds_the_tickets_and_says_so() {
    let sandbox = sandbox(12).await;
    let place = Place::on(&sandbox, on(PAIR));
    let mut command = place.command(&["serve"]);
    command.env("CHERWELL_PASSWORD", "not-the-password");
    let bridge = Bridge::start_command(command).await;
    bridge.send(&tickets("LOGIN", 3)).await;
    let degraded = bridge.readiness("degraded").await;
    assert!(degraded.to_string().contains("TB0202"), "{degraded}");
    assert!(!bridge.log().contains("not-the-password"));
    assert_eq!(bridge.states().await.get("Error"), None);
    assert!(sandbox.cherwell_stats().refused_logins <= 4, "accounts lock: {:#?}", sandbox.cherwell_stats());
}
