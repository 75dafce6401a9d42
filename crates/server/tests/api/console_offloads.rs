//! *Offloads*: counters, rejects, a topology that waits, *Offload now*, runs.

use serde_json::json;
use ticketbridge_core::network::Timestamp;

use crate::browser::{Browser, HOSTILE, TOKENS, has};
use crate::network::{self, CHANNELS, GROUPS, upload};
use crate::place::{CONFIG, Delivery, Place};

const PAGE: &str = "/console/offloads";

fn smaller() -> &'static str {
    &GROUPS[..GROUPS.find("U2").unwrap()]
}

#[tokio::test]
async fn each_kind_shows_its_counters_and_what_was_rejected() {
    let place = network::filled().await;
    let browser = Browser::at(&place);
    let page = browser.page(PAGE).await;
    has(
        &page,
        &[
            "<b>us_channel_snr</b>",
            "<b>topology_channel</b>",
            "snr of today.csv",
            "<td class=\"number\">25</td>",
            "<td class=\"number\">24 · 0</td>",
            "<li>1 bad_timestamp</li>",
            "Offload now",
            "There was no run yet",
            "Upload a file",
            "data-upload=\"/api/v1/offloads/\"",
            "data-live-types=\"offloads,runs\"",
        ],
    );
    assert!(!page.contains("waits for a person"), "{page}");
    let now = Timestamp(place.app.clock.timestamp().0 / 900 * 900);
    let orphans = format!("timestamp_utc,channel_id,snr_db\n{now},nowhere,30\n");
    upload(&place, "us_channel_snr", "text/csv", orphans).await.ok();
    place.post("/api/v1/workflow/run", &json!({})).await.ok();
    let page = browser.page(PAGE).await;
    has(&page, &["not in the topology", "<td>manual</td>"]);
    let spanish = Browser::at(&place).spanish().page(PAGE).await;
    has(&spanish, &["<h1>Cargas</h1>", "Cargar ahora", "Rechazadas, por motivo", "fuera de la topología", "Corridas"]);
}

#[tokio::test]
async fn the_names_and_faults_of_files_are_escaped() {
    let place = network::filled().await;
    let name = "%3Cscript%3Ealert(1)%3Cscript%3E%22'.csv";
    upload(&place, &format!("us_channel_snr?name={name}"), "text/csv", format!("no,{HOSTILE}\n")).await.ok();
    let channels = format!("{CHANNELS}z1,US,U1,C1\n");
    upload(&place, &format!("topology_channel?name={name}"), "text/csv", channels).await.ok();
    let page = Browser::at(&place).page(PAGE).await;
    has(&page, &["class=\"problem\"", "&lt;script&gt;alert(1)"]);
}

#[tokio::test]
async fn offload_now_looks_into_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("groups.csv"), GROUPS).unwrap();
    let path = folder.path().join("groups.csv");
    let config =
        format!("{CONFIG}[offload]\n[offload.topology_service_group]\npath = '{}'\n[workflow]\n", path.display());
    let place = Place::with(&config, Delivery::HasEnded).await.unwrap();
    let browser = Browser::at(&place);
    let now = format!("{PAGE}/topology_service_group/now");
    browser.is_sealed(&now, &[]).await;
    assert!(browser.page(PAGE).await.contains("<td class=\"number\">0</td>"));
    let page = browser.does(PAGE, &now, &[], "What was there was looked into").await;
    has(&page, &["groups.csv", "<td class=\"number\">4</td>"]);
    assert_eq!(browser.send(PAGE, &format!("{PAGE}/weather/now"), &[]).await.status, 404);
    has(&place.get("/api/v1/audit").await.ok().to_string(), &["offload.now"]);
}

#[tokio::test]
async fn a_topology_that_waits_is_taken_or_dropped() {
    let place = network::filled().await;
    let browser = Browser::at(&place);
    let report = upload(&place, "topology_service_group", "text/csv", smaller()).await.ok();
    let version = report["files"][0]["awaits_confirmation"].to_string();
    let (take, drop) = (format!("{PAGE}/topology/confirm"), format!("{PAGE}/topology/refuse"));
    let page = browser.page(PAGE).await;
    has(&page, &["waits for a person", &format!("name=\"version\" value=\"{version}\""), "Take it", "Drop it"]);
    has(&Browser::at(&place).spanish().page(PAGE).await, &["espera a una persona", "Aceptarla", "Descartarla"]);
    for form in [&take, &drop] {
        browser.is_sealed(form, &[("version", &version)]).await;
        assert_eq!(browser.send(PAGE, form, &[("version", "x")]).await.status, 400);
        assert_eq!(browser.send(PAGE, form, &[]).await.status, 400);
        let other = browser.send(PAGE, form, &[("version", "99")]).await;
        assert_eq!(other.status, 409);
        has(&other.text, &["does not wait for a confirmation"]);
    }
    assert_eq!(browser.send(PAGE, &format!("{PAGE}/topology/keep"), &[("version", &version)]).await.status, 404);
    let page = browser.does(PAGE, &drop, &[("version", &version)], "The new topology was dropped").await;
    assert!(!page.contains("waits for a person"), "{page}");

    let report = upload(&place, "topology_service_group", "text/csv", smaller()).await.ok();
    let version = report["files"][0]["awaits_confirmation"].to_string();
    browser.does(PAGE, &take, &[("version", &version)], "The new topology is the active one").await;
    assert_eq!(browser.send(PAGE, &take, &[("version", &version)]).await.status, 409);
    let page = browser.page("/console/aggregations/snr_upstream").await;
    has(&page, &["1 rows"]);
}

#[tokio::test]
async fn a_viewer_sees_the_counters_and_no_form() {
    let config = format!("{CONFIG}{TOKENS}[offload]\n[workflow]\nrun_after_scan = false\n");
    let place = Place::with(&config, Delivery::HasEnded).await.unwrap();
    let (viewer, operator) =
        (Browser::at(&place).with("token-of-viewer"), Browser::at(&place).with("token-of-operator"));
    let page = viewer.page(PAGE).await;
    has(&page, &["<b>topology_channel</b>"]);
    for offer in ["Offload now", "data-upload", "/topology/confirm"] {
        assert!(!page.contains(offer), "{offer}: {page}");
    }
    let now = format!("{PAGE}/topology_channel/now");
    assert_eq!(viewer.send(PAGE, &now, &[]).await.status, 403);
    for act in ["confirm", "refuse"] {
        assert_eq!(viewer.send(PAGE, &format!("{PAGE}/topology/{act}"), &[("version", "1")]).await.status, 403);
    }
    operator.does(PAGE, &now, &[], "What was there was looked into").await;
}
