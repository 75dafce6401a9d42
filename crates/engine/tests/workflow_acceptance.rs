//! Acceptance points 5 to 7 of the telecom contract (§10), as far as the workflow manager has a part in them.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

mod workflow_common;

use std::fmt::Write;

use serde_json::Value;
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::ticket::{BackendName, DedupeKey};
use ticketbridge_engine::offload::FileOutcome;
use ticketbridge_store::samples::TopologyState;
use workflow_common::{GOLDEN, STORM, Scene, backend, data_set, differences, split};

const GROUPS: &str = "service_group_id,direction,service_group_name,ccap,hub,market,network\nU1,US,,,,,\nU2,US,,,,,\n";
const CHANNELS: &str = "channel_id,direction,service_group_id,ccap\na,US,U1,\nb,US,U2,\n";

/// An SNR file with a value per quarter of an hour from 10:00 on; `_` leaves a quarter out.
fn snr(channel: &str, values: &str) -> String {
    let mut text = "timestamp_utc,channel_id,snr_db\n".to_owned();
    for (quarter, value) in values.split(' ').enumerate().filter(|(_, value)| *value != "_") {
        let (hour, minute) = (10 + quarter / 4, quarter % 4 * 15);
        writeln!(text, "2026-11-20T{hour:02}:{minute:02}:00Z,{channel},{value}").unwrap();
    }
    text
}

async fn scene_with(settings: Settings, values: &str) -> Scene {
    let scene = Scene::with("2026-11-20T11:00:00Z", settings);
    scene.write("topology_service_group.csv", GROUPS);
    scene.write("topology_channel.csv", CHANNELS);
    scene.write("us_channel_snr.csv", snr("a", values));
    scene.scan().await;
    scene
}

fn opened(tickets: &[Value]) -> Vec<&str> {
    tickets.iter().map(|ticket| ticket["incidents"][0]["opened_at"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn acceptance_5_the_same_file_again_counts_once() {
    let mut scene = scene_with(Settings::default(), "30 15 15 30 30").await;
    assert_eq!(scene.run().await.run.tickets, 1);
    let tables = scene.tables().await;
    scene.write("us_channel_snr.again.csv", snr("a", "30 15 15 30 30"));
    assert_eq!(scene.scan().await[0].outcome, FileOutcome::Known);
    assert_eq!(scene.run().await.run.tickets, 0);
    scene.restart();
    scene.scan().await;
    assert_eq!(scene.run().await.run.tickets, 0);
    assert_eq!(scene.tables().await, tables);
}

#[tokio::test]
async fn acceptance_5_a_crash_in_mid_file_makes_no_double_count_and_no_double_ticket() {
    let (files, expected) = data_set(STORM.0);
    let mut scene = Scene::new(STORM.1);
    let scans = split(&files, 2);
    scene.write_all(&scans[0]);
    scene.scan().await;
    scene.run().await;
    // The second half is cut off in the middle, after a part of it was on disk.
    let source = ticketbridge_store::samples::LoadSource {
        kind: ticketbridge_store::samples::FileKind::UsChannelSnr,
        hash: [1; 32],
        file: "us_channel_snr.part-001.csv".into(),
    };
    let mut writer = scene.samples.begin_with_part_rows(source, 1).unwrap();
    let sample = ticketbridge_core::network::Sample {
        channel: ticketbridge_core::network::ChannelOrdinal(0),
        at: scene.as_of,
        value: Some(1),
        modulation: 0,
        cm_online: None,
    };
    writer.push(sample).unwrap();
    drop(writer);
    scene.restart();
    let before = scene.run().await;
    assert_eq!(before.run.tickets, 0);
    scene.write_all(&scans[1]);
    scene.scan().await;
    scene.run().await;
    assert_eq!(differences(&expected["aggregations"], &scene.tables().await), [""; 0]);
    assert_eq!(scene.run().await.run.tickets, 0);
}

#[tokio::test]
async fn acceptance_5_a_topology_swap_in_mid_batch_makes_no_double_ticket() {
    let mut scene = scene_with(Settings::default(), "30 15 15 15 15").await;
    assert_eq!(scene.run().await.run.tickets, 1);
    // The channel goes (which has to be confirmed), and comes back while its samples are still stored.
    scene.write("topology_channel.csv", "channel_id,direction,service_group_id,ccap\nb,US,U2,\n");
    scene.scan().await;
    let waiting = scene.samples.topology_version(TopologyState::Waiting).unwrap().unwrap();
    assert!(scene.offload.confirm_topology(waiting).await.unwrap());
    let gone = scene.run().await;
    assert_eq!((gone.run.tickets, gone.run.triggered), (0, 0));
    scene.write("topology_channel.csv", CHANNELS);
    scene.scan().await;
    scene.restart();
    let back = scene.run().await;
    assert_eq!((back.run.tickets, back.run.triggered), (0, 1));
    // A channel that moves to another group is another matter: it is the other group that is critical now.
    scene.write("topology_channel.csv", CHANNELS.replace("a,US,U1", "a,US,U2"));
    scene.scan().await;
    let moved = scene.run().await;
    assert_eq!(moved.tickets[0].dedupe_key.as_str(), "SNR|U2");
    assert_eq!(scene.run().await.run.tickets, 0);
}

#[tokio::test]
async fn acceptance_6_three_runs_without_a_new_incident_send_one_message() {
    let mut scene = scene_with(Settings::default(), "30 15 15 15 15").await;
    assert_eq!(scene.run().await.run.tickets, 1);
    // Deeper, and later closed: no news.
    scene.set_time("2026-11-20T11:15:00Z");
    scene.write("us_channel_snr.2.csv", snr("a", "_ _ _ _ _ 11"));
    scene.scan().await;
    assert_eq!(scene.run().await.run.tickets, 0);
    scene.set_time("2026-11-20T11:45:00Z");
    scene.write("us_channel_snr.3.csv", snr("a", "_ _ _ _ _ _ 30 30"));
    scene.scan().await;
    let third = scene.run().await;
    assert_eq!((third.run.tickets, third.run.triggered), (0, 1));
}

#[tokio::test]
async fn acceptance_6_with_note_every_run_three_runs_send_three_messages() {
    let scene = scene_with(Settings { note_every_run: true, ..Settings::default() }, "30 15 15 15 15").await;
    for _ in 0..3 {
        assert_eq!(scene.run().await.run.tickets, 1);
    }
    let tickets = scene.tickets().await;
    let ids: std::collections::BTreeSet<_> = tickets.iter().map(|ticket| ticket["message_id"].to_string()).collect();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn acceptance_6_a_second_incident_sends_one_more() {
    let mut scene = scene_with(Settings::default(), "30 15 15 30 30").await;
    assert_eq!(scene.run().await.run.tickets, 1);
    scene.set_time("2026-11-20T11:30:00Z");
    scene.write("us_channel_snr.2.csv", snr("a", "_ _ _ _ _ 14 14"));
    scene.scan().await;
    assert_eq!(scene.run().await.run.tickets, 1);
    assert_eq!(scene.run().await.run.tickets, 0);
    let tickets = scene.tickets().await;
    assert_eq!(tickets[1]["incidents_total"], 2);
    assert_ne!(tickets[0]["ticket_id"], tickets[1]["ticket_id"]);
}

#[tokio::test]
async fn acceptance_6_a_late_row_that_moves_the_begin_sends_none() {
    let mut scene = scene_with(Settings::default(), "30 _ 15 15 15").await;
    assert_eq!(scene.run().await.run.tickets, 1);
    scene.write("us_channel_snr.late.csv", snr("a", "_ 16"));
    scene.scan().await;
    scene.restart();
    assert_eq!(scene.run().await.run.tickets, 0);
    let tables = scene.tables().await;
    assert_eq!(tables["snr_upstream"][0]["first_incident_at"], "2026-11-20T10:15:00Z");
    assert_eq!(opened(&scene.tickets().await), ["2026-11-20T10:30:00Z"]);
    // The id stays with the incident also when the row is taken back.
    scene.write("us_channel_snr.later.csv", snr("a", "_ N/A"));
    scene.scan().await;
    assert_eq!(scene.run().await.run.tickets, 0);
}

#[tokio::test]
async fn an_incident_that_outlives_its_samples_is_not_reported_again() {
    let settings = Settings { retention_h: 25, ..Settings::default() };
    let mut scene = scene_with(settings, "30 15 15 15 15").await;
    assert_eq!(scene.run().await.run.tickets, 1);
    // A day later the first samples have left the retention; the channel stayed critical all the time.
    scene.set_time("2026-11-21T12:00:00Z");
    let late = "timestamp_utc,channel_id,snr_db\n2026-11-20T20:00:00Z,a,15\n2026-11-21T11:45:00Z,a,15\n2026-11-21T12:00:00Z,a,15\n";
    scene.write("us_channel_snr.2.csv", late);
    scene.scan().await;
    let second = scene.run().await;
    assert_eq!((second.run.tickets, second.run.triggered), (0, 1));
    assert_eq!(scene.tables().await["snr_upstream"][0]["first_incident_at"], "2026-11-20T10:15:00Z");
}

#[tokio::test]
async fn acceptance_7_messages_wait_with_their_backend_and_go_on_with_it() {
    let mut scene = scene_with(Settings::default(), "30 15 15 30 30").await;
    for backend in &mut scene.backends {
        backend.available = false;
    }
    let key = DedupeKey::new("SNR|U1").unwrap();
    let names = ["be-1", "be-2", "be-3"];
    let best = ticketbridge_core::network::tickets::backend_order(names, key.as_str())[0];
    assert_eq!(scene.run().await.tickets[0].backend, BackendName::new(best));
    // Another one is up: the key stays where its message waits.
    for backend in &mut scene.backends {
        backend.available = backend.name.as_str() != best;
    }
    scene.set_time("2026-11-20T11:30:00Z");
    scene.write("us_channel_snr.2.csv", snr("a", "_ _ _ _ _ 14 14"));
    scene.scan().await;
    assert_eq!(scene.run().await.tickets[0].backend, BackendName::new(best));
    // A backend that is not configured any more holds nothing back.
    scene.backends = vec![backend("be-9", "p")];
    scene.set_time("2026-11-20T12:30:00Z");
    scene.write("us_channel_snr.3.csv", snr("a", "_ _ _ _ _ _ _ 30 30 14 14"));
    scene.scan().await;
    assert_eq!(scene.run().await.tickets[0].backend, BackendName::new("be-9"));
}

#[tokio::test]
async fn both_files_on_disk_remember_what_was_reported_and_numbered() {
    let (files, expected) = data_set(GOLDEN.0);
    let mut scene = Scene::with(GOLDEN.1, Settings { note_every_run: true, ..Settings::default() });
    scene.use_disk();
    scene.write_all(&files);
    scene.scan().await;
    assert_eq!(scene.run().await.run.tickets, 2);
    scene.use_disk();
    assert_eq!(scene.run().await.tickets[0].ticket_id, "WM-20261120-000003");
    scene.settings.note_every_run = false;
    scene.use_disk();
    assert_eq!(scene.run().await.run.tickets, 0);
    assert_eq!(differences(&expected["aggregations"], &scene.tables().await), [""; 0]);
    assert_eq!(scene.tickets().await.len(), 4);
}
