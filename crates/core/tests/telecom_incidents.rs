//! Severity, incidents with hysteresis, late samples, identity, the window (telecom contract §5).

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::at;
use common::plant::{Plant, interval, row_of};
use ticketbridge_core::network::Aggregation::{DsServiceGroup, SnrUpstream, UsServiceGroup};
use ticketbridge_core::network::evaluation::{Evaluation, Horizon, Incident, Severity};
use ticketbridge_core::network::settings::{CountMode, Settings, Thousandths, UtilMode};

const BEGIN: &str = "2026-11-20T10:00:00Z";
const AS_OF: &str = "2026-11-20T12:00:00Z";

fn snr(values: &[&str]) -> Vec<String> {
    Plant::new().snr("u1", BEGIN, values).incidents("2026-11-20T23:00:00Z")
}

fn us(values: &[&str]) -> Vec<String> {
    Plant::new().us("u1", BEGIN, values).incidents("2026-11-20T23:00:00Z")
}

fn ds(values: &[&str]) -> Vec<String> {
    Plant::new().ds("d1", BEGIN, values).incidents("2026-11-20T23:00:00Z")
}

const NONE: [&str; 0] = [];

#[test]
fn open_after_two_critical_points_and_not_after_one() {
    assert_eq!(snr(&["19", "30", "19", "24", "19"]), NONE);
    assert_eq!(snr(&["30", "19", "19"]), ["u1 10:15.."]);
}

#[test]
fn close_after_two_clear_points_at_the_first_of_them() {
    assert_eq!(snr(&["19", "19", "23", "22.9", "23", "23", "19"]), ["u1 10:00..11:00"]);
    assert_eq!(snr(&["19", "19", "23", "19", "23"]), ["u1 10:00.."]);
}

#[test]
fn counting_starts_anew_after_a_close() {
    assert_eq!(snr(&["19", "19", "30", "30", "19", "30", "19", "19"]), ["u1 10:00..10:30", "u1 11:30.."]);
}

#[test]
fn exact_thresholds_of_snr() {
    assert_eq!(snr(&["20.0", "20.0"]), NONE);
    assert_eq!(snr(&["19.9995", "19.9995"]), NONE, "rounds to 20.000");
    assert_eq!(snr(&["19.999", "19.9"]), ["u1 10:00.."]);
    assert_eq!(snr(&["19", "19", "22.999", "22.999"]), ["u1 10:00.."]);
    assert_eq!(snr(&["19", "19", "23.0", "23.0"]), ["u1 10:00..10:30"]);
}

#[test]
fn exact_thresholds_of_utilisation() {
    assert_eq!(us(&["89.999", "89.999"]), NONE);
    assert_eq!(us(&["90.0", "90.0", "85.0", "85.0"]), ["U1 10:00.."]);
    assert_eq!(us(&["90.0", "90.0", "84.999", "84.999"]), ["U1 10:00..10:30"]);
    assert_eq!(ds(&["94.9", "94.9"]), NONE);
    assert_eq!(ds(&["95.0", "95.0", "90.0", "90.0"]), ["D1 10:00.."]);
    assert_eq!(ds(&["95.0", "95.0", "89.9", "89.9"]), ["D1 10:00..10:30"]);
}

#[test]
fn a_mean_is_compared_exactly() {
    let plant = |third: &str| {
        Plant::new().us("u1", BEGIN, &["90", "90"]).us("u2", BEGIN, &["90", "90"]).us("u3", BEGIN, &[third, third])
    };
    assert_eq!(plant("90").incidents(AS_OF), ["U1 10:00.."]);
    assert_eq!(plant("89.999").incidents(AS_OF), NONE);
}

#[test]
fn channels_without_data_are_left_out_of_the_mean() {
    let plant = Plant::new().us("u1", BEGIN, &["95", "95"]).us("u2", BEGIN, &["-1", "N/A"]);
    assert_eq!(plant.incidents(AS_OF), ["U1 10:00.."]);
    let silent = Plant::new().us("u1", BEGIN, &["", ""]);
    assert_eq!(silent.row(AS_OF, UsServiceGroup, "U1").kpi_last, None);
}

#[test]
fn any_channel_takes_the_maximum() {
    let plant = Plant::new().us("u1", BEGIN, &["95", "95"]).us("u2", BEGIN, &["10", "10"]);
    assert_eq!(plant.incidents(AS_OF), NONE);
    let settings = Settings { util_mode: UtilMode::AnyChannel, ..Settings::default() };
    let row = row_of(&plant.load_with(&settings, AS_OF), UsServiceGroup, "U1");
    assert_eq!((row.critical_incidents_24h, row.kpi_avg, row.samples_24h), (1, Some(95.0), 4));
}

#[test]
fn gaps_and_no_data_neither_extend_nor_break_a_run() {
    assert_eq!(snr(&["19", "N/A", "0", "19"]), ["u1 10:00.."]);
    assert_eq!(snr(&["19", "19", "23", "-1", "23"]), ["u1 10:00..10:30"]);
    let gap = Plant::new().snr("u1", "2026-11-18T10:00:00Z", &["19"]).snr("u1", BEGIN, &["19"]);
    assert_eq!(gap.incidents(AS_OF), ["u1 10:00.."]);
    assert_eq!(gap.load(AS_OF).evaluate().incidents().next().unwrap().opened_at, at("2026-11-18T10:00:00Z"));
}

#[test]
fn each_sample_is_judged_by_its_own_modulation() {
    let plant = |modulations: [&str; 2]| {
        Plant::new()
            .snr_row(&format!("2026-11-20T10:00:00Z,u1,17,{},", modulations[0]))
            .snr_row(&format!("2026-11-20T10:15:00Z,u1,17,{},", modulations[1]))
    };
    assert_eq!(plant(["16QAM", "16QAM"]).incidents(AS_OF), NONE);
    assert_eq!(plant(["16QAM", "qam-64"]).incidents(AS_OF), NONE);
    assert_eq!(plant(["32 QAM", "unknown"]).incidents(AS_OF), ["u1 10:00.."], "unknown: the channel's, 64QAM");
    let channel = Plant::new().channel("u4,US,U1,CCAP-1,,QPSK").snr("u4", BEGIN, &["11", "11", "9.9", "9.9"]);
    let preview = channel.load(AS_OF);
    let evaluation = preview.evaluate();
    let incident = evaluation.incidents().next().unwrap();
    assert_eq!((incident.opened_at, incident.threshold), (at("2026-11-20T10:30:00Z"), Thousandths(10_000)));
    let unknown = Plant::new().channel("u4,US,U1,CCAP-1,,ATDMA").snr("u4", BEGIN, &["19", "19"]).load(AS_OF);
    assert_eq!(unknown.evaluate().incidents().next().unwrap().modulation.unwrap().as_str(), "64QAM");
}

#[test]
fn default_bands_of_every_modulation() {
    for (modulation, critical, clear) in [
        ("64QAM", 20.0, 23.0),
        ("128QAM", 20.0, 23.0),
        ("256QAM", 20.0, 23.0),
        ("OFDMA", 20.0, 23.0),
        ("OFDM", 20.0, 23.0),
        ("32QAM", 18.0, 21.0),
        ("16QAM", 16.0, 19.0),
        ("8QAM", 13.0, 16.0),
        ("QPSK", 10.0, 13.0),
    ] {
        let plant = |values: [f64; 4]| {
            let mut plant = Plant::new().channel(&format!("u4,US,U1,CCAP-1,,{modulation}"));
            for (place, value) in values.iter().enumerate() {
                plant = plant.snr_row(&format!("2026-11-20T10:{:02}:00Z,u4,{value},,", place * 15));
            }
            plant.incidents(AS_OF)
        };
        assert_eq!(plant([critical, critical, critical, critical]), NONE, "{modulation}");
        assert_eq!(plant([critical - 0.1, critical - 0.1, clear - 0.1, clear]), ["u4 10:00.."], "{modulation}");
        assert_eq!(plant([critical - 0.1, critical - 0.1, clear, clear]), ["u4 10:00..10:30"], "{modulation}");
    }
}

#[test]
fn worst_is_the_deepest_critical_point_and_of_equals_the_earliest() {
    let plant = Plant::new().snr("u1", BEGIN, &["19", "15", "18", "15", "22", "30", "30"]);
    let preview = plant.load("2026-11-20T23:00:00Z");
    let evaluation = preview.evaluate();
    let incident = evaluation.incidents().next().unwrap();
    assert_eq!((incident.worst.as_f64(), incident.worst_at), (15.0, at("2026-11-20T10:15:00Z")));
    let high = Plant::new().us("u1", BEGIN, &["90", "97", "97", "92"]).load(AS_OF);
    let evaluation = high.evaluate();
    let incident = evaluation.incidents().next().unwrap();
    assert_eq!((incident.worst.as_f64(), incident.worst_at), (97.0, at("2026-11-20T10:15:00Z")));
    assert_eq!(incident.modulation, None);
}

#[test]
fn worst_before_the_window_counts() {
    let plant = Plant::new().snr("u1", "2026-11-19T10:00:00Z", &["12", "19"]).snr("u1", BEGIN, &["19"]);
    let row = plant.row(AS_OF, SnrUpstream, "U1");
    assert_eq!(
        (row.worst_value, row.worst_at, row.kpi_min),
        (Some(12.0), Some(at("2026-11-19T10:00:00Z")), Some(19.0))
    );
}

#[test]
fn id_of_the_contract() {
    let plant = Plant::new().channel("GDL-E6K-03/70000,US,U1,CCAP-1,18400000,64QAM").snr(
        "GDL-E6K-03/70000",
        BEGIN,
        &["18.7", "18.7"],
    );
    let preview = plant.load(AS_OF);
    assert_eq!(&*preview.evaluate().incidents().next().unwrap().id, "6c58ec5fe330ce9f");
}

#[test]
fn the_edge_of_the_window() {
    // Closed at 10:30 on the 19th.
    let closed = Plant::new().snr("u1", "2026-11-19T10:00:00Z", &["19", "19", "30", "30"]);
    let counted = |plant: &Plant, as_of: &str| plant.row(as_of, SnrUpstream, "U1").critical_incidents_24h;
    assert_eq!(counted(&closed, "2026-11-20T10:30:00Z"), 0, "closed exactly 24 h ago");
    assert_eq!(counted(&closed, "2026-11-20T10:29:59Z"), 1, "closed 24 h - 1 s ago");
    let open = Plant::new().snr("u1", "2026-11-18T10:00:00Z", &["19", "19"]);
    assert_eq!(counted(&open, "2026-11-20T12:00:00Z"), 1, "open since two days ago");
    let row = open.row("2026-11-20T12:00:00Z", SnrUpstream, "U1");
    assert_eq!((row.open_incidents, row.samples_24h, row.severity_now), (1, 0, Severity::Timeout));
    assert_eq!(row.first_incident_at, Some(at("2026-11-18T10:00:00Z")));
}

#[test]
fn daylight_saving_does_not_matter() {
    // The clocks of New York went back on 2026-11-01: local times repeat, instants do not.
    let plant = Plant::new()
        .snr_row("2026-11-01T01:45:00-04:00,u1,19,,")
        .snr_row("2026-11-01T01:15:00-05:00,u1,19,,")
        .snr_row("2026-11-01T01:45:00-05:00,u1,30,,")
        .snr_row("2026-11-01T02:00:00-05:00,u1,30,,");
    assert_eq!(plant.incidents("2026-11-02T00:00:00Z"), ["u1 05:45..06:45"]);
    let row = |as_of: &str| plant.row(as_of, SnrUpstream, "U1");
    assert_eq!(row("2026-11-02T06:44:59Z").critical_incidents_24h, 1);
    assert_eq!(row("2026-11-02T06:45:00Z").critical_incidents_24h, 0);
}

#[test]
fn a_row_ahead_of_as_of_takes_no_part_until_then() {
    let plant = Plant::new().snr("u1", "2026-11-20T11:50:00Z", &["19", "19"]);
    let preview = plant.load(AS_OF);
    assert_eq!(row_of(&preview, SnrUpstream, "U1").samples_24h, 1);
    assert_eq!(preview.evaluate_at(at("2026-11-20T12:05:00Z"), Horizon::default()).rows(SnrUpstream)[0].samples_24h, 2);
}

fn severity(values: &[&str], as_of: &str) -> Severity {
    Plant::new().snr("u1", BEGIN, values).row(as_of, SnrUpstream, "U1").severity_now
}

#[test]
fn severity_of_an_object() {
    assert_eq!(severity(&["25"], "2026-11-20T10:00:00Z"), Severity::Normal);
    assert_eq!(severity(&["24.999"], "2026-11-20T10:00:00Z"), Severity::Warning);
    assert_eq!(severity(&["10"], "2026-11-20T10:00:00Z"), Severity::Warning, "critical, not yet confirmed");
    assert_eq!(severity(&["10", "10"], "2026-11-20T10:15:00Z"), Severity::Critical);
    assert_eq!(severity(&["10", "10", "40"], "2026-11-20T10:30:00Z"), Severity::Critical, "still open");
    assert_eq!(severity(&["10", "10", "40", "40"], "2026-11-20T10:45:00Z"), Severity::Normal);
    let us = |value: &str| Plant::new().us("u1", BEGIN, &[value]).row(BEGIN, UsServiceGroup, "U1").severity_now;
    assert_eq!((us("69.999"), us("70")), (Severity::Normal, Severity::Warning));
    let ds = |value: &str| Plant::new().ds("d1", BEGIN, &[value]).row(BEGIN, DsServiceGroup, "D1").severity_now;
    assert_eq!((ds("79.999"), ds("80")), (Severity::Normal, Severity::Warning));
}

#[test]
fn minor_and_major_bands_lie_between_where_they_are_set() {
    let mut settings = Settings::default();
    settings.bands.us_snr_db.qam64.minor = Some(Thousandths(24_000));
    settings.bands.us_snr_db.qam64.major = Some(Thousandths(22_000));
    for (value, expected) in [
        ("24", Severity::Warning),
        ("23.9", Severity::Minor),
        ("22", Severity::Minor),
        ("21.9", Severity::Major),
        ("10", Severity::Major),
    ] {
        let preview = Plant::new().snr("u1", BEGIN, &[value]).load_with(&settings, BEGIN);
        assert_eq!(row_of(&preview, SnrUpstream, "U1").severity_now, expected, "{value}");
    }
}

#[test]
fn stale_objects_time_out_and_keep_their_incidents() {
    assert_eq!(severity(&["30"], "2026-11-20T10:30:00Z"), Severity::Normal);
    assert_eq!(severity(&["30"], "2026-11-20T10:30:01Z"), Severity::Timeout);
    assert_eq!(severity(&["10", "10"], "2026-11-20T10:45:01Z"), Severity::Timeout);
    let row = Plant::new().snr("u1", BEGIN, &["10", "10", "N/A", "N/A", "N/A"]).row(
        "2026-11-20T11:00:00Z",
        SnrUpstream,
        "U1",
    );
    assert_eq!((row.severity_now, row.open_incidents), (Severity::Timeout, 1), "no data does not make fresh");
    assert_eq!(Plant::new().row(AS_OF, SnrUpstream, "U1").severity_now, Severity::Timeout);
}

#[test]
fn a_group_is_as_bad_as_its_worst_fresh_object() {
    let plant = Plant::new().snr("u1", BEGIN, &["10", "10"]).snr("u2", "2026-11-20T11:45:00Z", &["24"]).snr(
        "u3",
        "2026-11-20T11:45:00Z",
        &["30"],
    );
    assert_eq!(plant.row(AS_OF, SnrUpstream, "U1").severity_now, Severity::Warning);
}

fn known(evaluation: &Evaluation<'_>) -> Horizon {
    Horizon { known: evaluation.incidents().cloned().collect(), first_stored: None }
}

fn ids(evaluation: &Evaluation<'_>) -> Vec<(String, Box<str>)> {
    evaluation.incidents().map(|incident| (interval(incident), incident.id.clone())).collect()
}

#[test]
fn a_late_sample_that_moves_the_begin_keeps_the_id() {
    let before = Plant::new().snr("u1", BEGIN, &["19", "19"]);
    let first = before.load(AS_OF);
    let first = first.evaluate();
    let id = first.incidents().next().unwrap().id.clone();
    let late = before.clone().snr("u1", "2026-11-20T09:45:00Z", &["18"]).load(AS_OF);
    let later = late.evaluate_at(at(AS_OF), known(&first));
    assert_eq!(ids(&later), [("u1 09:45..".to_owned(), id)]);
    assert_ne!(ids(&late.evaluate()), ids(&later), "a fresh store knows nothing");
}

#[test]
fn joined_incidents_inherit_the_id_of_the_earliest() {
    let clear = |value: &str| Plant::new().snr("u1", BEGIN, &["19", "19", "30", value, "19", "19"]);
    let two = clear("30").load(AS_OF);
    let two = two.evaluate();
    assert_eq!(two.incidents().count(), 2);
    let earliest = two.incidents().next().unwrap().id.clone();
    let one = clear("19").load(AS_OF);
    let mut backwards = known(&two);
    backwards.known.reverse();
    for horizon in [known(&two), backwards] {
        assert_eq!(ids(&one.evaluate_at(at(AS_OF), horizon)), [("u1 10:00..".to_owned(), earliest.clone())]);
    }
}

#[test]
fn a_known_incident_that_falls_in_two_leaves_its_id_to_the_earlier_part() {
    let clear = |value: &str| Plant::new().snr("u1", BEGIN, &["19", "19", "30", value, "19", "19"]);
    let one = clear("19").load(AS_OF);
    let one = one.evaluate();
    let id = one.incidents().next().unwrap().id.clone();
    let two = clear("30").load(AS_OF);
    let found = ids(&two.evaluate_at(at(AS_OF), known(&one)));
    assert_eq!(found[0], ("u1 10:00..10:30".to_owned(), id.clone()));
    assert_eq!(found[1].0, "u1 11:00..");
    assert_ne!(found[1].1, id);
}

#[test]
fn a_fresh_id_is_never_one_that_is_taken() {
    // The id of 10:00 belongs to an incident that begins at 09:30 by now; another begins at 10:00 exactly.
    let original = Plant::new().snr("u1", BEGIN, &["19", "19"]).load(AS_OF);
    let original = original.evaluate();
    let moved = Plant::new().snr("u1", "2026-11-20T09:00:00Z", &["19", "19", "19", "19", "19", "19"]).load(AS_OF);
    let moved = moved.evaluate_at(at(AS_OF), known(&original));
    let split = Plant::new().snr("u1", "2026-11-20T09:00:00Z", &["19", "19", "30", "30", "19", "19"]).load(AS_OF);
    let found = ids(&split.evaluate_at(at(AS_OF), known(&moved)));
    assert_eq!((found[0].0.as_str(), found[1].0.as_str()), ("u1 09:00..09:30", "u1 10:00.."));
    assert_eq!(found[0].1, original.incidents().next().unwrap().id);
    assert_ne!(found[0].1, found[1].1);
}

#[test]
fn an_open_incident_outlives_its_first_samples() {
    let begin = "2026-11-10T10:00:00Z";
    let old = Plant::new().snr("u1", begin, &["12", "19"]).us("u1", begin, &["99", "95"]);
    let old = old.load("2026-11-10T12:00:00Z");
    let old = old.evaluate();
    let horizon = || Horizon { first_stored: Some(at("2026-11-13T12:00:00Z")), ..known(&old) };
    for (values, closed_at, worst) in [
        (&["22", "22"][..], None, 12.0),
        (&["11"][..], None, 11.0),
        (&["23", "23"][..], Some(at(BEGIN)), 12.0),
        (&[][..], None, 12.0),
    ] {
        let stored = Plant::new().snr("u1", BEGIN, values).load(AS_OF);
        let evaluation = stored.evaluate_at(at(AS_OF), horizon());
        let incident = evaluation.incidents().find(|incident| &*incident.object_id == "u1").unwrap();
        assert_eq!((incident.opened_at, incident.closed_at), (at(begin), closed_at), "{values:?}");
        assert_eq!((incident.worst.as_f64(), incident.worst_channel_id.as_deref()), (worst, Some("u1")), "{values:?}");
        assert_eq!(incident.id, old.incidents().find(|known| &*known.object_id == "u1").unwrap().id);
        assert!(evaluation.incidents().any(|incident| &*incident.object_id == "U1" && incident.closed_at.is_none()));
    }
}

#[test]
fn an_evaluation_with_its_own_incidents_known_changes_nothing() {
    let (files, _) = common::data_set("storm");
    let preview = common::load(&files, &Settings::default(), at("2026-11-21T05:45:00Z"));
    let fresh = preview.evaluate();
    let again = preview.evaluate_at(at("2026-11-21T05:45:00Z"), known(&fresh));
    let list = |evaluation: &Evaluation<'_>| evaluation.incidents().cloned().collect::<Vec<Incident>>();
    assert_eq!(list(&fresh), list(&again));
}

#[test]
fn stored_incidents_come_back_from_json() {
    let preview = Plant::new().us("u1", BEGIN, &["95", "96"]).us("u2", BEGIN, &["96", "95.5"]).load(AS_OF);
    let evaluation = preview.evaluate();
    let incident = evaluation.incidents().next().unwrap();
    let text = serde_json::to_string(incident).unwrap();
    assert_eq!(&serde_json::from_str::<Incident>(&text).unwrap(), incident);
}

#[test]
fn literal_counting_counts_every_critical_point_of_the_window() {
    let settings = Settings {
        open_after: 1,
        close_after: 1,
        clear_offset_snr_db: Thousandths(0),
        clear_offset_util_pct: Thousandths(0),
        count_mode: CountMode::Samples,
        ..Settings::default()
    };
    let plant = Plant::new().snr("u1", "2026-11-19T11:45:00Z", &["19", "19", "19", "30", "18", "25"]);
    let row = row_of(&plant.load_with(&settings, AS_OF), SnrUpstream, "U1");
    assert_eq!(row.critical_incidents_24h, 2, "the points of 11:45 and 12:00 are not in the window");
    assert_eq!((row.open_incidents, row.worst_value), (0, Some(18.0)));
}

#[test]
fn evaluation_uses_the_topology_of_now_for_older_samples() {
    let plant = Plant::new().snr("u1", BEGIN, &["19", "19"]);
    let mut files = plant.group("U2,US,,,,,,,,,,,,").files();
    let text = String::from_utf8(files[1].1.clone()).unwrap();
    files[1].1 = text.replace("u1,US,U1,CCAP-1,10000000", "u1,US,U2,CCAP-1,10000000").into_bytes();
    let moved = common::load(&files, &Settings::default(), at(AS_OF));
    assert_eq!(row_of(&moved, SnrUpstream, "U2").critical_incidents_24h, 1);
    assert_eq!(row_of(&moved, SnrUpstream, "U1").critical_incidents_24h, 0);
    files[1].1 = text.replace("u1,US,U1,CCAP-1,10000000", "u1,US,U1,CCAP-1,0").into_bytes();
    let stopped = common::load(&files, &Settings::default(), at(AS_OF));
    assert_eq!(row_of(&stopped, SnrUpstream, "U1").critical_incidents_24h, 0);
}
