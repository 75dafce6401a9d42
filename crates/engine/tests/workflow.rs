//! Files on disk to tickets: the data sets of the telecom contract, however they come.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

mod workflow_common;

use std::sync::Arc;

use serde_json::{Value, json};
use ticketbridge_core::network::Aggregation;
use ticketbridge_core::network::evaluation::RollUp;
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::time::Wall;
use ticketbridge_engine::offload::{FileOutcome, FileReport, total_counters};
use ticketbridge_engine::workflow::preview;
use ticketbridge_store::samples::{FileKind, LoadSource};
use workflow_common::{
    GOLDEN, STORM, Scene, as_expected, at, data_folder, data_set, differences, lines, permuted, split,
};

const NONE: [String; 0] = [];

/// Counters, tables and tickets of a scene that was loaded and run.
async fn assert_equals_expected(scene: &Scene, expected: &Value, files: &[FileReport]) {
    let counters = serde_json::to_value(total_counters(files)).unwrap();
    assert_eq!(differences(&expected["files"], &counters), NONE);
    assert_tables_and_tickets(scene, expected).await;
}

async fn assert_tables_and_tickets(scene: &Scene, expected: &Value) {
    assert_eq!(differences(&expected["aggregations"], &scene.tables().await), NONE);
    let tickets: Vec<Value> = scene.tickets().await.iter().map(as_expected).collect();
    assert_eq!(differences(&expected["tickets"], &json!(tickets)), NONE);
}

async fn assert_one_load_equals_expected((name, as_of): (&str, &str)) {
    let (files, expected) = data_set(name);
    let scene = Scene::new(as_of);
    scene.write_all(&files);
    let loaded = scene.scan().await;
    let outcome = scene.run().await;
    assert_eq!(outcome.tickets.len(), expected["tickets"].as_array().unwrap().len());
    assert_equals_expected(&scene, &expected, &loaded).await;
}

#[tokio::test]
async fn golden_example_becomes_the_expected_tickets() {
    assert_one_load_equals_expected(GOLDEN).await;
}

#[tokio::test]
async fn storm_with_all_quirks_becomes_the_expected_tickets() {
    assert_one_load_equals_expected(STORM).await;
}

#[tokio::test]
async fn preview_of_a_folder_equals_its_expected_result() {
    for (name, as_of) in [GOLDEN, STORM] {
        let (_, mut expected) = data_set(name);
        let preview = preview(data_folder(name), at(as_of), Settings::default()).await.unwrap();
        assert_eq!(preview.problems, NONE);
        expected.as_object_mut().unwrap().remove("settings");
        assert_eq!(differences(&expected, &serde_json::to_value(&preview.expected).unwrap()), NONE);
    }
}

#[tokio::test]
async fn preview_of_split_files_is_the_same_and_of_an_empty_folder_says_what_is_missing() {
    let (files, mut expected) = data_set(STORM.0);
    expected.as_object_mut().unwrap().remove("settings");
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in split(&files, 4).into_iter().flatten() {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let split = preview(folder.path().to_owned(), at(STORM.1), Settings::default()).await.unwrap();
    assert_eq!(differences(&expected, &serde_json::to_value(&split.expected).unwrap()), NONE);

    let folder = tempfile::tempdir().unwrap();
    let empty = preview(folder.path().to_owned(), at(STORM.1), Settings::default()).await.unwrap();
    assert!(empty.problems[0].contains("no topology yet"), "{:?}", empty.problems);
    assert_eq!(serde_json::to_value(&empty.expected).unwrap()["tickets"], json!([]));
}

#[tokio::test]
async fn files_split_over_several_scans_and_restarts_give_the_same() {
    let (files, expected) = data_set(STORM.0);
    let mut scene = Scene::new(STORM.1);
    let mut loaded = Vec::new();
    for scan in split(&files, 5) {
        scene.write_all(&scan);
        loaded.extend(scene.scan().await);
        scene.restart();
    }
    loaded.retain(|file| file.outcome != FileOutcome::Known);
    scene.run().await;
    assert_equals_expected(&scene, &expected, &loaded).await;
}

#[tokio::test]
async fn permuted_files_give_the_same() {
    for (name, as_of) in [GOLDEN, STORM] {
        let (files, expected) = data_set(name);
        let scene = Scene::new(as_of);
        scene.write_all(&permuted(&files));
        let loaded = scene.scan().await;
        scene.run().await;
        assert_equals_expected(&scene, &expected, &loaded).await;
    }
}

#[tokio::test]
async fn files_loaded_twice_under_other_names_change_nothing() {
    let (files, expected) = data_set(STORM.0);
    let scene = Scene::new(STORM.1);
    scene.write_all(&files);
    let loaded = scene.scan().await;
    for (name, bytes) in files.iter().filter(|(name, _)| !name.starts_with("topology")) {
        // One more line end: other content, the same rows. The row order inside the file decides as before.
        scene.write(&name.replace(".csv", "-again.csv"), [bytes.as_slice(), b"\n"].concat());
        scene.write(&name.replace(".csv", "-copy.csv"), bytes);
    }
    let again = scene.scan().await;
    assert_eq!(again.iter().filter(|file| file.outcome == FileOutcome::Known).count(), 3);
    for file in again.iter().filter(|file| file.is_news()) {
        let FileOutcome::Loaded { counters, .. } = &file.outcome else { panic!() };
        assert_eq!(counters.duplicates, counters.accepted + counters.nodata, "{}", file.name);
    }
    scene.run().await;
    assert_equals_expected(&scene, &expected, &loaded).await;
}

#[tokio::test]
async fn a_crash_in_mid_load_leaves_nothing_and_the_load_starts_again() {
    let (files, expected) = data_set(STORM.0);
    let mut scene = Scene::new(STORM.1);
    scene.write_all(&files[..2]);
    scene.scan().await;
    // What a process leaves that dies after some parts of a file.
    let source = LoadSource { kind: FileKind::UsChannelSnr, hash: [7; 32], file: "cut off".into() };
    let mut writer = scene.samples.begin_with_part_rows(source, 10).unwrap();
    for second in 0..95 {
        let sample = ticketbridge_core::network::Sample {
            channel: ticketbridge_core::network::ChannelOrdinal(second as u32 % 7),
            at: scene.as_of.plus_seconds(-second),
            value: Some(1_000),
            modulation: 0,
            cm_online: Some(1),
        };
        writer.push(sample).unwrap();
    }
    drop(writer);
    scene.restart();
    scene.write_all(&files[2..]);
    let mut loaded = scene.scan().await;
    loaded.retain(|file| file.kind.kpi().is_some());
    scene.run().await;
    assert_tables_and_tickets(&scene, &expected).await;
    let counters = total_counters(&loaded);
    assert_eq!(differences(&expected["files"]["us_channel_snr"], &json!(counters[&FileKind::UsChannelSnr])), NONE);
}

#[tokio::test]
async fn a_second_run_builds_nothing_also_after_a_restart() {
    let (files, expected) = data_set(STORM.0);
    let mut scene = Scene::new(STORM.1);
    scene.write_all(&files);
    scene.scan().await;
    let first = scene.run().await;
    assert!(first.run.tickets > 0 && first.run.tickets == first.run.triggered);
    let second = scene.run().await;
    assert_eq!((second.run.tickets, second.run.triggered), (0, first.run.triggered));
    scene.restart();
    assert_eq!(scene.run().await.run.tickets, 0);
    assert_tables_and_tickets(&scene, &expected).await;
    assert_eq!(scene.workflow.runs(10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn two_runs_at_once_build_each_ticket_once() {
    let (files, expected) = data_set(STORM.0);
    let scene = Scene::new(STORM.1);
    scene.write_all(&files);
    scene.scan().await;
    let (one, other) = tokio::join!(scene.run(), scene.run());
    assert_eq!(one.run.tickets.min(other.run.tickets), 0);
    assert_tables_and_tickets(&scene, &expected).await;
}

#[tokio::test]
async fn the_same_inputs_give_the_same_run_to_the_last_id() {
    let (files, _) = data_set(GOLDEN.0);
    let mut runs = Vec::new();
    for _ in 0..2 {
        let scene = Scene::new(GOLDEN.1);
        scene.write_all(&files);
        scene.scan().await;
        runs.push((scene.run().await, scene.tickets().await));
    }
    assert_eq!(runs[0], runs[1]);
    let (outcome, tickets) = &runs[0];
    assert_eq!(outcome.tickets[0].ticket_id, "WM-20261120-000001");
    assert_eq!(tickets[1]["ticket_id"], "WM-20261120-000002");
    assert_eq!(outcome.tickets[1].dedupe_key.as_str(), "SNR|USSG-1041");
    assert_eq!(outcome.tickets[1].backend.as_str(), "be-2");
    assert_eq!(outcome.tickets[1].message_id.len(), 26);
    assert!(outcome.tickets[1].message_id.starts_with("01"));
}

#[tokio::test]
async fn a_run_after_every_scan_reports_each_incident_of_a_key_once() {
    let (files, expected) = data_set(STORM.0);
    let mut scene = Scene::new(STORM.1);
    for scan in split(&files, 6) {
        scene.write_all(&scan);
        scene.scan().await;
        scene.run().await;
        scene.restart();
    }
    assert_eq!(differences(&expected["aggregations"], &scene.tables().await), NONE);
    let mut reported = std::collections::BTreeSet::new();
    for ticket in scene.tickets().await {
        let key = ticket["dedupe_key"].as_str().unwrap().to_owned();
        let fresh = ticket["incidents"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|incident| reported.insert((key.clone(), incident["id"].as_str().unwrap().to_owned())));
        assert!(fresh.count() > 0, "{key} was reported again without news");
    }
    for ticket in expected["tickets"].as_array().unwrap() {
        assert!(reported.iter().any(|(key, _)| key == ticket["dedupe_key"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn a_run_that_goes_back_in_time_leaves_what_is_known_since() {
    let (files, _) = data_set(GOLDEN.0);
    let mut scene = Scene::new(GOLDEN.1);
    scene.write_all(&files);
    scene.scan().await;
    scene.run().await;
    let incidents = scene.store.incidents().await.unwrap();
    let later = scene.as_of;
    scene.as_of = at("2026-11-20T10:30:00Z");
    assert_eq!(scene.run().await.run.tickets, 0);
    assert_eq!(scene.store.incidents().await.unwrap(), incidents);
    scene.as_of = later;
    assert_eq!(scene.run().await.run.tickets, 0);
}

#[tokio::test]
async fn without_topology_or_backend_nothing_is_committed_and_the_reason_is_told() {
    let (files, _) = data_set(GOLDEN.0);
    let scene = Scene::new(GOLDEN.1);
    let error = scene.workflow.run(scene.as_of, "manual", &scene.backends).await.unwrap_err();
    assert!(error.to_string().contains("no topology yet"), "{error}");
    scene.write_all(&files);
    scene.scan().await;
    let error = scene.workflow.run(scene.as_of, "manual", &[]).await.unwrap_err();
    assert!(error.to_string().contains("no backend"), "{error}");
    assert!(scene.store.runs(1).await.unwrap().is_empty());
    assert_eq!(scene.run().await.run.tickets, 2);
}

#[tokio::test]
async fn counters_of_a_split_load_add_up_to_the_rows_of_the_files() {
    let (files, _) = data_set(GOLDEN.0);
    let (_, rows) = lines(&files[2].1);
    let scene = Scene::new(GOLDEN.1);
    for scan in split(&files, 3) {
        scene.write_all(&scan);
    }
    let counters = total_counters(&scene.scan().await);
    assert_eq!(counters[&FileKind::UsChannelSnr].rows, rows.len() as u64);
}

#[tokio::test]
async fn tables_roll_ups_and_histories_are_there_to_look_at() {
    let (files, _) = data_set(GOLDEN.0);
    let scene = Scene::new(GOLDEN.1);
    scene.write_all(&files);
    scene.scan().await;
    let now = Wall(scene.as_of.0 * 1_000);
    assert_eq!(scene.workflow.latest(Aggregation::SnrUpstream, None), None);
    let rows = scene.workflow.aggregations(Aggregation::SnrUpstream, scene.as_of, now).await.unwrap();
    assert_eq!(scene.workflow.latest(Aggregation::SnrUpstream, None), Some(Arc::clone(&rows)));
    let again = scene.workflow.aggregations(Aggregation::SnrUpstream, scene.as_of, now).await.unwrap();
    assert!(Arc::ptr_eq(&rows, &again), "made twice");
    let hubs = scene.workflow.roll_up(Aggregation::SnrUpstream, RollUp::Hub, scene.as_of, now).await.unwrap();
    assert_eq!((hubs[0].group_id.as_str(), hubs[0].channels), ("HUB-ZAPOPAN", 4));
    scene.run().await;
    assert!(scene.workflow.latest(Aggregation::DsServiceGroup, Some(RollUp::Network)).is_some());

    let from = at("2026-11-20T20:00:00Z");
    let history = |group: &'static str| scene.workflow.history(Aggregation::SnrUpstream, group, from, scene.as_of);
    let channels = history("USSG-1042").await.unwrap().unwrap();
    assert_eq!((channels.len(), channels[0].points.len()), (1, 16));
    assert_eq!(
        channels[0].points[..3],
        [(from, None), (from.plus_seconds(900), None), (from.plus_seconds(1_800), Some(30.2))]
    );
    assert_eq!(history("DSSG-0521").await.unwrap(), None);
    assert_eq!(history("nothing").await.unwrap(), None);
}
