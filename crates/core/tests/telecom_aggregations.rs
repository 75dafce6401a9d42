//! Columns of the aggregation tables, groupings and roll-ups (telecom contract §6).

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::at;
use common::plant::{Plant, row_of};
use ticketbridge_core::network::Aggregation::{DsServiceGroup, SnrUpstream, UsServiceGroup};
use ticketbridge_core::network::evaluation::{
    AggregationRow, EvaluationError, Evaluator, Horizon, Incident, RollUp, Severity,
};
use ticketbridge_core::network::settings::{GroupBy, Settings};
use ticketbridge_core::network::{Aggregation, ChannelOrdinal, KpiFile, Sample, Timestamp};

const BEGIN: &str = "2026-11-20T10:00:00Z";
const AS_OF: &str = "2026-11-20T12:00:00Z";

#[test]
fn one_row_per_group_of_the_direction_also_without_channels_or_samples() {
    let preview = Plant::new().group("U0,US,,,,,,,,,,,,").load(AS_OF);
    let evaluation = preview.evaluate();
    let ids = |aggregation| evaluation.rows(aggregation).into_iter().map(|row| row.group_id).collect::<Vec<_>>();
    assert_eq!(
        (ids(SnrUpstream), ids(UsServiceGroup), ids(DsServiceGroup)),
        (vec!["U0".into(), "U1".into()], vec!["U0".into(), "U1".into()], vec!["D1".into()])
    );
    let empty = &evaluation.rows(SnrUpstream)[0];
    assert_eq!((empty.group_name.as_str(), &empty.network, empty.channels), ("U0", &None, 0));
    assert_eq!((empty.samples_24h, empty.channels_timeout, empty.severity_now), (0, 0, Severity::Timeout));
    assert_eq!((empty.kpi_avg, empty.kpi_min, empty.kpi_max, empty.kpi_last), (None, None, None, None));
    assert_eq!((empty.worst_value, empty.first_incident_at, empty.cm_online, empty.cm_total), (None, None, None, None));
    let silent = &evaluation.rows(UsServiceGroup)[1];
    assert_eq!(
        (silent.channels, silent.channels_reporting, silent.channels_timeout, silent.cm_total),
        (3, 0, 3, Some(100))
    );
}

#[test]
fn snr_columns_weigh_each_channel_sample_once() {
    let plant = Plant::new()
        .snr("u1", "2026-11-20T11:30:00Z", &["30", "32", "34"])
        .snr("u2", "2026-11-20T11:30:00Z", &["20", "N/A"])
        .snr("u3", "2026-11-19T12:00:00Z", &["10"]);
    let row = plant.row(AS_OF, SnrUpstream, "U1");
    assert_eq!((row.samples_24h, row.nodata_24h, row.channels_reporting, row.channels_timeout), (4, 1, 2, 1));
    assert_eq!((row.kpi_avg, row.kpi_min, row.kpi_max, row.kpi_last), (Some(29.0), Some(20.0), Some(34.0), Some(34.0)));
    assert_eq!((row.window_start, row.window_end, row.updated_at), (at("2026-11-19T12:00:00Z"), at(AS_OF), at(AS_OF)));
    let both = plant.snr_row("2026-11-20T12:00:00Z,u2,31,,").row(AS_OF, SnrUpstream, "U1");
    assert_eq!(both.kpi_last, Some(32.5), "mean at the newest timestamp");
}

#[test]
fn utilisation_columns_weigh_each_timestamp_once() {
    let plant = Plant::new().us("u1", "2026-11-20T11:45:00Z", &["10", "20"]).us("u2", "2026-11-20T11:45:00Z", &["40"]);
    // Exactly at the begin of the window: outside.
    let plant = plant.us("u1", "2026-11-19T12:00:00Z", &["80"]);
    let row = plant.row(AS_OF, UsServiceGroup, "U1");
    assert_eq!((row.kpi_avg, row.kpi_min, row.kpi_max, row.kpi_last), (Some(22.5), Some(20.0), Some(25.0), Some(20.0)));
    assert_eq!((row.samples_24h, row.channels_reporting), (3, 2));
}

#[test]
fn only_the_own_file_is_used() {
    let row = Plant::new().us("u1", BEGIN, &["95", "95"]).row(AS_OF, SnrUpstream, "U1");
    assert_eq!((row.samples_24h, row.critical_incidents_24h), (0, 0));
}

#[test]
fn worst_is_that_of_the_incidents_and_not_the_minimum() {
    let plant = Plant::new()
        .channel("u4,US,U1,CCAP-1,,16QAM")
        .snr("u4", BEGIN, &["17", "17"])
        .snr("u3", BEGIN, &["19", "18.5"])
        .snr("u2", "2026-11-20T10:15:00Z", &["18.5", "18.5"]);
    let row = plant.row(AS_OF, SnrUpstream, "U1");
    assert_eq!((row.kpi_min, row.worst_value, row.critical_incidents_24h), (Some(17.0), Some(18.5), 2));
    assert_eq!(
        (row.worst_channel_id.as_deref(), row.worst_at),
        (Some("u2"), Some(at("2026-11-20T10:15:00Z"))),
        "same time: smallest id"
    );
    assert_eq!((row.first_incident_at, row.last_incident_at), (Some(at(BEGIN)), Some(at("2026-11-20T10:15:00Z"))));
    assert_eq!((row.channels_affected, row.channels), (2, 4));
}

#[test]
fn of_equally_bad_incidents_the_earliest_worst_point_counts() {
    let plant = Plant::new().snr("u1", "2026-11-20T10:30:00Z", &["18", "18"]).snr("u2", BEGIN, &["18", "18"]);
    assert_eq!(plant.row(AS_OF, SnrUpstream, "U1").worst_channel_id.as_deref(), Some("u2"));
}

#[test]
fn channels_affected_counts_a_channel_once() {
    let plant = Plant::new().snr("u1", BEGIN, &["19", "19", "30", "30", "19", "19"]);
    let row = plant.row(AS_OF, SnrUpstream, "U1");
    assert_eq!((row.critical_incidents_24h, row.channels_affected, row.open_incidents), (2, 1, 1));
}

#[test]
fn utilisation_names_the_busiest_channel_at_the_worst_instant() {
    let plant =
        Plant::new().us("u3", BEGIN, &["99", "95"]).us("u1", BEGIN, &["89", "97"]).us("u2", BEGIN, &["89", "97"]);
    let row = plant.row(AS_OF, UsServiceGroup, "U1");
    assert_eq!((row.worst_value, row.worst_at), (Some(96.333_333_333_333_33), Some(at("2026-11-20T10:15:00Z"))));
    assert_eq!((row.worst_channel_id.as_deref(), row.channels_affected), (Some("u1"), 3));
}

#[test]
fn modems_online_are_the_maximum_of_the_newest_of_each_channel() {
    let plant = Plant::new()
        .snr_row("2026-11-19T12:00:00Z,u3,30,,500")
        .snr_row("2026-11-20T10:00:00Z,u1,30,,400")
        .snr_row("2026-11-20T10:15:00Z,u1,N/A,,90")
        .snr_row("2026-11-20T10:30:00Z,u1,30,,x")
        .snr_row("2026-11-20T10:00:00Z,u2,30,,80");
    assert_eq!(plant.row(AS_OF, SnrUpstream, "U1").cm_online, Some(90));
}

fn wide() -> Plant {
    Plant::new()
        .group("U2,US,Zwei,CCAP-1,HUB-1,MARKET-1,NETWORK-1,LC 1,P 2,N1|N2,50,,,")
        .group("U3,US,Drei,CCAP-2,HUB-2,MARKET-1,NETWORK-1,LC 1,P 1,,,,,")
        .group("U4,US,Vier,,,,,,,,,,,")
        .channel("v1,US,U2,CCAP-1,,64QAM")
        .channel("w1,US,U3,CCAP-2,,64QAM")
        .channel("x1,US,U4,,,64QAM")
        .snr_row("2026-11-20T11:45:00Z,u1,30,,7")
        .snr_row("2026-11-20T12:00:00Z,u1,32,,8")
        .snr_row("2026-11-20T11:45:00Z,v1,18,,9")
        .snr_row("2026-11-20T11:30:00Z,v1,19,,9")
        .snr_row("2026-11-20T12:00:00Z,w1,24,,")
        .us("u1", "2026-11-20T12:00:00Z", &["50"])
        .us("u2", "2026-11-20T12:00:00Z", &["60"])
        .us("v1", "2026-11-20T11:45:00Z", &["95", "97"])
}

fn roll_up(aggregation: Aggregation, level: RollUp) -> Vec<AggregationRow> {
    wide().load(AS_OF).evaluate().roll_up(aggregation, level)
}

#[test]
fn roll_ups_add_up_their_groups() {
    let rows = roll_up(SnrUpstream, RollUp::Ccap);
    assert_eq!(rows.iter().map(|row| row.group_id.as_str()).collect::<Vec<_>>(), ["CCAP-1", "CCAP-2"]);
    let row = &rows[0];
    assert_eq!((row.channels, row.channels_reporting, row.samples_24h), (4, 2, 4));
    assert_eq!((row.kpi_avg, row.kpi_min, row.kpi_max), (Some(24.75), Some(18.0), Some(32.0)), "over all samples");
    assert_eq!(row.kpi_last, Some(25.0), "mean of 32 and 18");
    assert_eq!((row.cm_total, row.cm_online), (Some(150), Some(17)));
    assert_eq!((row.severity_now, row.critical_incidents_24h, row.channels_affected), (Severity::Critical, 1, 1));
    assert_eq!((row.worst_value, row.worst_channel_id.as_deref()), (Some(18.0), Some("v1")));
    assert_eq!((row.hub.as_deref(), row.fiber_nodes.len()), (Some("HUB-1"), 2));
    let market = &roll_up(SnrUpstream, RollUp::Market)[0];
    assert_eq!((market.channels, market.hub.as_deref(), market.network.as_deref()), (5, None, Some("NETWORK-1")));
    assert_eq!(market.severity_now, Severity::Critical);
    assert_eq!(roll_up(SnrUpstream, RollUp::Hub)[1].severity_now, Severity::Warning);
    assert_eq!(roll_up(SnrUpstream, RollUp::Network).len(), 1);
}

#[test]
fn utilisation_roll_ups_weigh_each_group_point_once() {
    let row = &roll_up(UsServiceGroup, RollUp::Network)[0];
    assert_eq!((row.samples_24h, row.channels_affected), (4, 1));
    let expected = (55.0 + 95.0 + 97.0) / 3.0;
    assert!((row.kpi_avg.unwrap() - expected).abs() < 1e-9 * expected, "{row:?}");
    assert_eq!((row.kpi_last, row.kpi_min, row.kpi_max), (Some(76.0), Some(55.0), Some(97.0)));
}

fn grouped(group_by: GroupBy) -> Vec<AggregationRow> {
    let settings = Settings { group_by, ..Settings::default() };
    wide().load_with(&settings, AS_OF).evaluate().rows(SnrUpstream)
}

#[test]
fn snr_rows_can_stand_for_nodes_ports_or_ccaps() {
    let ids = |rows: &[AggregationRow]| rows.iter().map(|row| row.group_id.clone()).collect::<Vec<_>>();
    let nodes = grouped(GroupBy::FiberNode);
    assert_eq!(ids(&nodes), ["N1", "N2", "U3", "U4"], "without a node a group stands for itself");
    assert_eq!((nodes[0].channels, nodes[1].channels), (4, 1), "two nodes: counted in both");
    assert_eq!((nodes[0].critical_incidents_24h, nodes[1].critical_incidents_24h), (1, 1));
    assert_eq!(nodes[0].kpi_last, Some(32.0), "over the channels, as for a group");
    assert_eq!(ids(&grouped(GroupBy::UsPort)), ["CCAP-1/P 1", "CCAP-1/P 2", "CCAP-2/P 1", "U4"]);
    assert_eq!(ids(&grouped(GroupBy::Ccap)), ["CCAP-1", "CCAP-2", "U4"]);
    let settings = Settings { group_by: GroupBy::Ccap, ..Settings::default() };
    assert_eq!(wide().load_with(&settings, AS_OF).evaluate().rows(UsServiceGroup).len(), 4, "for SNR only");
}

fn sample(at: Timestamp, value: i32) -> Sample {
    Sample { channel: ChannelOrdinal(9), at, value: Some(value), modulation: 0, cm_online: None }
}

#[test]
fn channels_may_be_pushed_in_any_order_and_silent_ones_left_out() {
    let plant = wide();
    let preview = plant.load(AS_OF);
    let (topology, settings) = (&preview.topology, Settings::default());
    let channel = |id: &str| topology.find_channel(id).unwrap();
    let push = |order: [&str; 3]| {
        let mut evaluator = Evaluator::new(topology, &settings, at(AS_OF), Horizon::default());
        for id in order {
            let value = if id == "u2" { 60_000 } else { 96_000 };
            let samples = [sample(at("2026-11-20T11:45:00Z"), value), sample(at(AS_OF), value)];
            evaluator.push(KpiFile::UsChannelUtilization, channel(id), samples).unwrap();
        }
        evaluator.finish().rows(UsServiceGroup)
    };
    let rows = push(["u1", "u2", "v1"]);
    assert_eq!(rows, push(["v1", "u2", "u1"]));
    assert_eq!((rows[0].kpi_last, rows[0].channels_timeout, rows[1].critical_incidents_24h), (Some(78.0), 1, 1));
}

#[test]
fn samples_that_break_the_agreement_are_refused() {
    let preview = wide().load(AS_OF);
    let (topology, settings) = (&preview.topology, Settings::default());
    let channel = topology.find_channel("u1").unwrap();
    let mut evaluator = Evaluator::new(topology, &settings, at(AS_OF), Horizon::default());
    evaluator.push(KpiFile::UsChannelSnr, channel, []).unwrap();
    assert_eq!(evaluator.push(KpiFile::UsChannelSnr, channel, []), Err(EvaluationError::ChannelAgain("u1".into())));
    let twice = [sample(at(BEGIN), 1), sample(at(BEGIN), 2)];
    let pushed = evaluator.push(KpiFile::UsChannelUtilization, channel, twice);
    assert_eq!(pushed, Err(EvaluationError::OutOfOrder("u1".into())));
}

#[test]
fn samples_of_a_channel_whose_direction_changed_take_no_part() {
    let preview = wide().load(AS_OF);
    let settings = Settings::default();
    let mut evaluator = Evaluator::new(&preview.topology, &settings, at(AS_OF), Horizon::default());
    let channel = preview.topology.find_channel("d1").unwrap();
    evaluator.push(KpiFile::UsChannelSnr, channel, [sample(at(BEGIN), 1_000)]).unwrap();
    let evaluation = evaluator.finish();
    assert!(Aggregation::ALL.into_iter().flat_map(|name| evaluation.rows(name)).all(|row| row.samples_24h == 0));
}

#[test]
fn a_running_incident_goes_on_although_nothing_of_its_object_is_stored_or_pushed() {
    let begin = "2026-11-10T10:00:00Z";
    let plant = Plant::new().snr("u1", begin, &["12", "19"]).us("u1", begin, &["99", "95"]);
    let old = plant.load("2026-11-10T12:00:00Z");
    let known: Vec<Incident> = old.evaluate().incidents().cloned().collect();
    let settings = Settings::default();
    let horizon = Horizon { known: known.clone(), first_stored: Some(at("2026-11-13T12:00:00Z")) };
    let evaluation = Evaluator::new(&old.topology, &settings, at(AS_OF), horizon).finish();
    assert_eq!(evaluation.incidents().cloned().collect::<Vec<_>>(), known);
    assert_eq!(evaluation.rows(SnrUpstream)[0].open_incidents, 1);
}

#[test]
fn rows_come_back_from_json() {
    let row = row_of(&wide().load(AS_OF), SnrUpstream, "U2");
    assert_eq!(serde_json::from_value::<AggregationRow>(serde_json::to_value(&row).unwrap()).unwrap(), row);
}
