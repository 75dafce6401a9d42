//! Files in, runs, and the aggregation tables.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use ticketbridge_core::network::{Aggregation, Timestamp};
use ticketbridge_engine::view::sparklines;

use crate::place::{CONFIG, Delivery, Place, Reply, reply};

pub(crate) const GROUPS: &str = "service_group_id,direction,service_group_name,ccap,hub,market,network\n\
                      U1,US,North,C1,H1,M1,N\nU2,US,South,C2,H1,M1,N\nU3,US,Ñ,C2,H2,M2,N\nD1,DS,Down,C1,H1,M1,N\n";
pub(crate) const CHANNELS: &str =
    "channel_id,direction,service_group_id,ccap\na1,US,U1,C1\na2,US,U1,C1\nb1,US,U2,C2\nc1,US,U3,C2\n";

pub(crate) async fn upload(place: &Place, target: &str, kind: &str, body: impl Into<reqwest::Body>) -> Reply {
    let request = place.request(Method::POST, &format!("/api/v1/offloads/{target}"));
    reply(request.header("content-type", kind).body(body)).await
}

/// A network with samples of the last hours: `b1` is critical, `a1` and `a2` are not, `c1` is silent.
pub(crate) async fn filled() -> Place {
    let place = place(false).await;
    fill(&place).await;
    place
}

/// Without sources: files are only handed over, and no reports of rejected rows are written.
pub(crate) async fn place(run_after_scan: bool) -> Place {
    let config = format!("{CONFIG}[offload]\n[workflow]\nrun_after_scan = {run_after_scan}\n");
    Place::with(&config, Delivery::HasEnded).await.unwrap()
}

/// Answers what became of the samples.
pub(crate) async fn fill(place: &Place) -> Value {
    for (kind, body) in [("topology_service_group", GROUPS), ("topology_channel", CHANNELS)] {
        let report = upload(place, kind, "text/csv", body).await.ok();
        assert_eq!(report["files"][0]["outcome"], "loaded", "{report}");
    }
    let now = place.app.clock.timestamp().0 / 900 * 900;
    let mut text = String::from("timestamp_utc,channel_id,snr_db\n");
    for number in 0..8 {
        let at = Timestamp(now - number * 900);
        for (channel, value) in [("a1", "35.5"), ("a2", "30.25"), ("b1", "8.0")] {
            writeln!(text, "{at},{channel},{value}").unwrap();
        }
    }
    text.push_str("yesterday,a1,1\n");
    let report = upload(place, "us_channel_snr?name=snr%20of%20today.csv", "text/csv; charset=utf-8", text).await.ok();
    let file = &report["files"][0];
    assert_eq!((&file["outcome"], &file["name"]), (&json!("loaded"), &json!("snr of today.csv")), "{report}");
    assert_eq!(file["counters"]["rejected_by_reason"], json!({"bad_timestamp": 1}));
    report
}

fn groups(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|row| row["group_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn files_come_in_by_upload_and_their_state_is_shown() {
    let place = filled().await;
    let state = place.get("/api/v1/offloads").await.ok();
    let kinds: Vec<&str> = state["items"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "topology_service_group");
    assert_eq!(kinds.len(), 5);
    let snr = &state["items"][2];
    assert_eq!((&snr["processed_lines"], &snr["last_file"]), (&json!(25), &json!("snr of today.csv")));
    assert_eq!(snr["counters"]["rejected"], 1);
    assert!(snr["last_update"].as_str().unwrap().ends_with('Z'));

    // Again: known, and nothing is counted twice.
    let again = upload(&place, "topology_channel", "application/octet-stream", CHANNELS).await.ok();
    assert_eq!(again["files"][0]["outcome"], "known");
    let bad = upload(&place, "us_channel_snr", "text/csv", "no,header\n").await.ok();
    assert_eq!(bad["files"][0]["outcome"], "refused");
    assert!(bad["files"][0]["why"].as_str().unwrap().contains("us_channel_snr.csv"), "{bad}");
    let problem = place.get("/api/v1/offloads").await.ok()["items"][2]["problem"].clone();
    assert_eq!(problem, bad["files"][0]["why"]);

    // *Offload now* of a kind without a source finds nothing.
    let now = reply(place.request(Method::POST, "/api/v1/offloads/us_channel_snr/now")).await.ok();
    assert_eq!(now["files"], json!([]));
}

#[tokio::test]
async fn what_is_no_upload_is_refused() {
    let place = place(true).await;
    assert!(upload(&place, "weather", "text/csv", "a").await.problem(404).contains("`weather`"));
    upload(&place, "us_channel_snr", "application/json", "{}").await.problem(415);
    assert!(upload(&place, "us_channel_snr", "text/csv", "").await.problem(400).contains("the body is empty"));
    for name in ["", "a%2Fb.csv", "a%00", "a%5Cb", &"x".repeat(201)] {
        upload(&place, &format!("us_channel_snr?name={name}"), "text/csv", "a").await.problem(400);
    }
    let before = upload(&place, "us_channel_snr", "text/csv", "timestamp_utc,channel_id,snr_db\n").await.ok();
    assert_eq!(before["files"][0]["outcome"], "failed", "there is no topology yet");
    let body = reply(place.request(Method::POST, "/api/v1/offloads/us_channel_snr/now").body("x")).await;
    assert!(body.problem(400).contains("must be empty"));
}

#[tokio::test]
async fn a_topology_that_shrinks_waits_for_a_person() {
    let place = filled().await;
    let smaller = &GROUPS[..GROUPS.find("U2").unwrap()];
    let report = upload(&place, "topology_service_group", "text/csv", smaller).await.ok();
    let file = &report["files"][0];
    assert_eq!((&file["outcome"], &report["run_started"]), (&json!("waits"), &json!(false)), "{report}");
    let version = file["awaits_confirmation"].as_i64().unwrap();
    let wrong = place.post("/api/v1/topology/confirm", &json!({"version": version + 1})).await;
    assert!(wrong.problem(409).contains("does not wait"));
    let settled = place.post("/api/v1/topology/refuse", &json!({"version": version})).await.ok();
    assert_eq!(settled, json!({"version": version, "active": false}));
    place.post("/api/v1/topology/confirm", &json!({"version": version})).await.problem(409);
    place.post("/api/v1/topology/confirm", &json!({})).await.problem(400);

    upload(&place, "topology_service_group", "text/csv", smaller).await.ok();
    let waiting = place.get("/api/v1/offloads").await.ok()["items"][0]["awaits_confirmation"].as_i64().unwrap();
    assert!(waiting > version);
    let settled = place.post("/api/v1/topology/confirm", &json!({"version": waiting})).await.ok();
    assert_eq!(settled["active"], true);
}

#[tokio::test]
async fn a_table_shows_the_worst_first_filters_and_pages() {
    let place = filled().await;
    place.post("/api/v1/workflow/run", &json!({})).await.ok();
    let table = "/api/v1/aggregations/snr_upstream";
    let page = place.get(table).await.ok();
    assert_eq!(groups(&page), ["U2", "U1", "U3"]);
    assert_eq!((&page["items"][0]["severity_now"], &page["total"]), (&json!("critical"), &json!(3)));
    assert_eq!((&page["next"], &page["problem"]), (&Value::Null, &Value::Null));

    for (query, expected) in [
        ("?sort=group", &["U1", "U2", "U3"][..]),
        ("?severity=critical", &["U2"]),
        ("?severity=critical&severity=timeout", &["U2", "U3"]),
        ("?group=U3&group=U1", &["U1", "U3"]),
        ("?hub=H1&sort=group", &["U1", "U2"]),
        ("?text=nOR", &["U1"]),
        ("?text=%C3%91", &["U3"]),
        ("?ccap=C2&market=M2&network=N", &["U3"]),
        ("?ccap=nowhere", &[]),
        ("?level=hub", &["H1", "H2"]),
        ("?level=network", &["N"]),
    ] {
        assert_eq!(groups(&place.get(&format!("{table}{query}")).await.ok()), expected, "{query}");
    }
    for sort in ["severity", "group"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = place.get(&format!("{table}?sort={sort}&limit=1{cursor}")).await.ok();
            seen.extend(groups(&page).into_iter().map(str::to_owned));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, if sort == "group" { ["U1", "U2", "U3"] } else { ["U2", "U1", "U3"] });
    }
    place.get(&format!("{table}?cursor=t0000000000000001")).await.problem(400);
    place.get("/api/v1/aggregations/weather").await.problem(404);

    let all = place.get("/api/v1/aggregations").await.ok();
    assert_eq!(all["items"][0]["title"], "SNR Upstream Aggregation");
    assert_eq!(all["items"][0]["severities"], json!({"critical": 1, "normal": 1, "timeout": 1}));
    assert_eq!(all["last_run"]["trigger"], "manual");
}

#[tokio::test]
async fn below_a_group_are_its_channels_with_their_values() {
    let place = filled().await;
    let group = place.get("/api/v1/aggregations/snr_upstream/U1?slots=24").await.ok();
    assert_eq!(group["group"]["group_name"], "North");
    let channels = group["channels"].as_array().unwrap();
    assert_eq!(channels.iter().map(|one| &one["channel_id"]).collect::<Vec<_>>(), ["a1", "a2"]);
    assert_eq!((&channels[0]["worst"], &channels[1]["last"]), (&json!(35.5), &json!(30.25)));
    assert_eq!(channels[0]["samples"], 8);
    let values = group["sparkline"]["values"].as_array().unwrap();
    assert_eq!(values.len(), 24);
    assert_eq!((&values[23], &values[0]), (&json!(30.25), &Value::Null), "the worst of all channels");
    let first = place.get("/api/v1/aggregations/snr_upstream/U1?limit=1").await.ok();
    let next = first["next"].as_str().unwrap();
    let second = place.get(&format!("/api/v1/aggregations/snr_upstream/U1?limit=1&cursor={next}")).await.ok();
    assert_eq!((&second["channels"][0]["channel_id"], &second["next"]), (&json!("a2"), &Value::Null));
    assert!(place.get("/api/v1/aggregations/snr_upstream/U9").await.problem(404).contains("`U9`"));
    place.get("/api/v1/aggregations/snr_upstream/U1?slots=0").await.problem(400);

    let (groups, window) = ([String::from("U2"), String::from("U9")], (Timestamp(0), place.app.clock.timestamp()));
    let drawn = sparklines(&place.app, Aggregation::SnrUpstream, &groups, window, 1).await.unwrap();
    assert_eq!(drawn[0].as_ref().unwrap().values, [Some(8.0)]);
    assert_eq!(drawn[1], None);
}

#[tokio::test]
async fn what_was_uploaded_is_followed_by_a_run() {
    let place = place(true).await;
    assert_eq!(fill(&place).await["run_started"], true);
    let mut runs = place.get("/api/v1/workflow/runs").await.ok();
    while runs["items"].as_array().unwrap().iter().all(|run| run["tickets"] == 0) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        runs = place.get("/api/v1/workflow/runs").await.ok();
    }
    assert_eq!(runs["items"][0]["trigger"], "offload");
}

#[tokio::test]
async fn runs_are_started_and_listed() {
    let place = place(true).await;
    let empty = place.get("/api/v1/aggregations/snr_upstream").await.ok();
    assert!(empty["problem"].as_str().unwrap().contains("no topology"), "{empty}");
    assert!(reply(place.request(Method::POST, "/api/v1/workflow/run")).await.problem(409).contains("no topology"));
    assert!(place.post("/api/v1/workflow/run", &json!([])).await.problem(400).contains("must be an object"));
    drop(place);

    let place = filled().await;
    let done = reply(place.request(Method::POST, "/api/v1/workflow/run")).await.ok();
    assert_eq!((&done["run"]["tickets"], &done["tickets"][0]["dedupe_key"]), (&json!(1), &json!("SNR|U2")), "{done}");
    for as_of in ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00+01:00"] {
        place.post("/api/v1/workflow/run", &json!({"as_of": as_of})).await.ok();
    }
    assert!(
        place
            .post("/api/v1/workflow/run", &json!({"as_of": "9999-01-01T00:00:00Z"}))
            .await
            .problem(409)
            .contains("ahead")
    );
    place.post("/api/v1/workflow/run", &json!({"as_of": "noon"})).await.problem(400);
    place.post("/api/v1/workflow/run", &json!({"at": "noon"})).await.problem(400);

    let (mut instants, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = place.get(&format!("/api/v1/workflow/runs?limit=1{cursor}")).await.ok();
        instants.push(page["items"][0]["as_of"].as_str().unwrap().to_owned());
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(instants[..2], ["2026-01-01T23:00:00Z", "2026-01-01T00:00:00Z"]);
    assert_eq!(instants.len(), 3);
    place.get("/api/v1/workflow/runs?cursor=r1").await.problem(400);
}
