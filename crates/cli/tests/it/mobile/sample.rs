//! The worked sample of the TIXNGO contract, from wallet to box office and back to its beginning.

use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{ORGANIZER, Stage, sample, sample_path};
use crate::place::run;

/// The settings of the sample.
const FUNCTION: &str = r#"skip_tickets = " 00000025, id:S26 ,, 00000025,"
organizations = ["ORG-A"]
"#;
/// Exit codes of its pages: tickets of the first one fail.
const CODES: [i32; 2] = [3, 0];
/// What is personal in the sample, and the secret.
const PERSONAL: [&str; 9] = [
    "ann@example.org",
    "bo@example.org",
    "dan@example.org",
    "cy@example.org",
    "norm@example.org",
    "Rossi",
    "Buyer",
    "Guest",
    "sandbox-only",
];

async fn stage() -> Stage {
    let stage = Stage::with(FUNCTION).await;
    stage.control(Method::PUT, "/s360/state", Some(&sample("s360-before.json"))).await;
    stage
}

async fn with_pages() -> Stage {
    let stage = stage().await;
    let pages = json!([sample("page-1.json"), sample("page-2.json")]);
    stage.control(Method::POST, "/tixngo/pages", Some(&pages)).await;
    stage
}

/// Tickets, contacts, rows and history, each list in an order of its own.
fn parts(state: &Value) -> Value {
    let sorted = |list: &Value| {
        let mut list = list.as_array().cloned().expect("a list");
        list.sort_by_key(Value::to_string);
        list
    };
    json!({
        "tickets": sorted(&state["tickets"]),
        "contacts": sorted(&state["contacts"]),
        "distributions": sorted(&state["distributions"]),
        "history": state["history"],
    })
}

#[track_caller]
fn assert_after(state: &Value) {
    let (found, expected) = (parts(state), parts(&sample("s360-after.json")));
    for part in ["tickets", "contacts", "distributions", "history"] {
        assert_eq!(found[part], expected[part], "{part}");
    }
}

fn total(reports: &[Value], counter: &str) -> u64 {
    reports.iter().map(|report| report["counters"][counter].as_u64().expect("a number")).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_lead_from_before_to_after_and_reading_all_again_changes_nothing() {
    let stage = with_pages().await;
    let mut reports = Vec::new();
    for (code, result) in CODES.into_iter().zip(["WARNING", "OK"]) {
        let report = stage.json(code, &["run", ORGANIZER]).await;
        assert_eq!(report["result"], result);
        reports.push(report);
    }
    assert_after(&stage.box_office().await);
    let summary = &sample("s360-after.json")["summary"];
    for (counter, name) in [
        ("updated", "updated"),
        ("unchanged", "unchanged"),
        ("stale", "stale"),
        ("skipped", "skipped"),
        ("contacts_created", "contactsCreated"),
        ("contacts_updated", "contactsUpdated"),
    ] {
        assert_eq!(total(&reports, counter), summary[name].as_u64().expect("a number"), "{counter}");
    }
    assert_eq!((total(&reports, "failed"), total(&reports, "pending")), (4, 0));
    let nothing_new = stage.json(0, &["run", ORGANIZER]).await;
    assert_eq!(nothing_new["counters"]["received"], 0);
    let failed = stage.json(0, &["failed", ORGANIZER]).await;
    let codes: Vec<_> = failed["items"].as_array().expect("items").iter().map(|item| item["code"].clone()).collect();
    assert_eq!(codes.len(), 4);
    for code in ["UNKNOWN_TICKET", "TAX_NUMBER_MISMATCH", "UNKNOWN_ORGANIZATION", "UNKNOWN_STATUS"] {
        assert!(codes.contains(&json!(code)), "{code} is missing in {codes:?}");
    }

    // From the beginning once more: a preview says that nothing would be written, and nothing is.
    let before = (stage.box_office().await, stage.written());
    let preview = stage.json(0, &["cursor", "rewind", ORGANIZER, "--to-start", "--preview"]).await;
    assert_eq!(preview["preview"]["updated"], 0, "{preview}");
    assert_eq!((&preview["preview"]["pages"], &preview["preview"]["complete"]), (&json!(2), &json!(true)));
    let moved = stage.json(0, &["cursor", "show", ORGANIZER]).await;
    assert_eq!(moved["last_move"]["n"], 2, "a preview moves nothing: {moved}");
    let rewound = stage.json(0, &["cursor", "rewind", ORGANIZER, "--to-start", "--yes"]).await;
    assert_eq!((&rewound["n"], &rewound["new"], &rewound["reason"]), (&json!(3), &json!(""), &json!("rewind")));
    for code in CODES {
        let again = stage.json(code, &["run", ORGANIZER]).await;
        assert_eq!(again["counters"]["updated"], 0, "{again}");
    }
    assert_eq!((stage.box_office().await, stage.written()), before);
    let stats = stage.sandbox.s360_stats();
    assert_eq!(stats.duplicates.total, 0, "{:?}", stats.duplicates);
    stage.never_said(&PERSONAL);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rewind_to_a_move_reads_from_the_key_that_it_stored() {
    let stage = with_pages().await;
    for code in CODES {
        stage.json(code, &["run", ORGANIZER]).await;
    }
    let history = stage.json(0, &["cursor", "history", ORGANIZER]).await;
    assert_eq!(history["items"][1]["n"], 1, "{history}");
    assert_eq!(history["items"][1]["new"], sample("page-1.json")["pagination"]["nextPageKey"]);
    let preview = stage.json(0, &["cursor", "rewind", ORGANIZER, "--to", "1", "--preview"]).await;
    let second = sample("page-2.json")["result"].as_array().expect("items").len();
    assert_eq!(preview["preview"]["items"], second, "{preview}");
    let rewound = stage.json(0, &["cursor", "rewind", ORGANIZER, "--to", "1", "--yes"]).await;
    assert_eq!(rewound["new"], history["items"][1]["new"], "{rewound}");
    let again = stage.json(0, &["run", ORGANIZER]).await;
    assert_eq!((&again["counters"]["received"], &again["counters"]["updated"]), (&json!(second), &json!(0)));
    stage.run(&["cursor", "rewind", ORGANIZER, "--to", "99", "--yes"]).await.says(1, &["Nothing was changed"]);
    stage.run(&["cursor", "rewind", ORGANIZER, "--to", "99", "--preview"]).await.says(1, &["no move 99"]);
    stage.run(&["cursor", "rewind", ORGANIZER, "--to", "1"]).await.says(1, &["--yes"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaying_files_gives_the_same_and_asks_the_wallet_nothing() {
    let stage = stage().await;
    for (name, code) in ["page-1.json", "page-2.json"].into_iter().zip(CODES) {
        let path = sample_path(name);
        let report = stage.json(code, &["replay", ORGANIZER, path.to_str().expect("UTF-8")]).await;
        assert_eq!(report["counters"]["pages"], 1);
    }
    assert_after(&stage.box_office().await);
    let mut command = stage.place.command(&["feedback", "replay", ORGANIZER, "-", "--json"]);
    command.stdin(std::fs::File::open(sample_path("page-2.json")).expect("the sample"));
    let again = run(command).await;
    assert_eq!((again.code, &again.json()["counters"]["updated"]), (0, &json!(0)), "{again:#?}");
    assert_after(&stage.box_office().await);
    assert_eq!(stage.asked(), 0);
    assert_eq!(stage.json(0, &["cursor", "show", ORGANIZER]).await["key"], "");
    let bad = stage.place.folder().join("bad.json");
    std::fs::write(&bad, "{\"result\": [").expect("a file");
    let report = stage.json(4, &["replay", ORGANIZER, bad.to_str().expect("UTF-8")]).await;
    assert_eq!((&report["error"], &report["counters"]["pages"]), (&json!("unreadable_file"), &json!(0)));
    stage.run(&["replay", ORGANIZER, "nowhere.json"]).await.says(1, &["nowhere.json", "cannot be read"]);
    stage.never_said(&PERSONAL);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_masked_in_every_form_and_a_person_can_be_erased() {
    let stage = with_pages().await;
    for _ in 0..2 {
        stage.run(&["run", ORGANIZER]).await;
    }
    for records in ["tickets", "contacts", "distributions"] {
        let listed = stage.json(0, &[records, ORGANIZER]).await;
        let rows = listed["items"].as_array().expect("items").len();
        assert!(rows > 2, "{listed}");
        let table = stage.run(&[records, ORGANIZER]).await;
        assert_eq!((table.code, table.stdout.lines().count()), (0, rows + 4), "{table:#?}");
        let csv = stage.run(&[records, ORGANIZER, "--csv"]).await;
        assert_eq!((csv.code, csv.stdout.lines().count()), (0, rows + 1), "{csv:#?}");
        let other = stage.json(0, &[records, "somebody-else"]).await;
        assert_eq!(other["items"], json!([]));
    }
    let one = stage.json(0, &["tickets", "--ticket", "S03"]).await;
    assert_eq!(one["items"][0]["owner_email"], "b***@example.org", "{one}");
    assert_eq!(one["items"].as_array().map(Vec::len), Some(1));
    stage.run(&["runs", ORGANIZER]).await;
    stage.run(&["list"]).await;

    stage.run(&["erase", "--email", "BO@example.org"]).await.says(1, &["--yes"]);
    stage.run(&["erase", "--email", "nobody"]).await.says(1, &["no e-mail"]);
    let erased = stage.json(0, &["erase", "--email", " BO@example.org ", "--yes"]).await;
    assert!(erased["items"].as_u64() > Some(0) && erased["tickets"].as_u64() > Some(0), "{erased}");
    assert_eq!(erased["kept_pages"], json!([]));
    let one = stage.json(0, &["tickets", "--ticket", "S03"]).await;
    assert_eq!((&one["items"][0]["owner_email"], &one["items"][0]["ticket_id"]), (&Value::Null, &json!("S03")));
    let again = stage.json(0, &["erase", "--email", "bo@example.org", "--yes"]).await;
    assert_eq!((&again["items"], &again["tickets"]), (&json!(0), &json!(0)));
    stage.never_said(&PERSONAL);
}
