//! CSV form, reject reasons, counters and refusals (telecom contract §3, §4).

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::io::{self, Read};

use common::plant::{Plant, row_of};
use common::{File, at, load};
use proptest::prelude::*;
use ticketbridge_core::network::Aggregation::{DsServiceGroup, SnrUpstream, UsServiceGroup};
use ticketbridge_core::network::load::{Counters, FileKind, KpiContext, RawSample, RejectReason, read_kpi};
use ticketbridge_core::network::preview::{Preview, PreviewFile};
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::{KpiFile, Modulation};

const AS_OF: &str = "2026-11-20T12:00:00Z";

/// Loads the plant with another text for one kind; answers its counters and the rejected lines.
fn load_kind(kind: FileKind, text: &[u8]) -> (Counters, Vec<(u64, RejectReason)>) {
    let mut files = Plant::new().files();
    files[kind as usize].1 = text.to_vec();
    let mut rejects = Vec::new();
    let scan = files.iter().map(|(name, bytes)| PreviewFile {
        kind: FileKind::of_file_name(name).unwrap(),
        name: name.clone(),
        content: Box::new(bytes.as_slice()),
    });
    let preview = Preview::load(scan.collect(), &Settings::default(), at(AS_OF), &mut |name, reject| {
        if name == format!("{kind}.csv") {
            rejects.push((reject.line, reject.reason));
        }
    })
    .unwrap();
    (preview.files[&kind].clone(), rejects)
}

/// The one reason for which a row is rejected.
fn reason(kind: FileKind, header: &str, row: &str) -> Option<RejectReason> {
    let (counters, rejects) = load_kind(kind, format!("{header}\n{row}\n").as_bytes());
    assert_eq!(counters.rows, 1, "{row}");
    rejects.first().map(|(line, reason)| {
        assert_eq!(*line, 2);
        *reason
    })
}

fn snr(row: &str) -> Option<RejectReason> {
    reason(FileKind::UsChannelSnr, "timestamp_utc,channel_id,snr_db", row)
}

fn ds(row: &str) -> Option<RejectReason> {
    reason(FileKind::DsChannelUtilization, "timestamp_utc,channel_id,utilization_pct", row)
}

#[test]
fn field_count_is_rejected() {
    assert_eq!(snr("2026-11-20T10:00:00Z,u1"), Some(RejectReason::FieldCount));
    assert_eq!(snr("2026-11-20T10:00:00Z,u1,30,"), Some(RejectReason::FieldCount));
    assert_eq!(snr(" "), Some(RejectReason::FieldCount));
}

#[test]
fn bad_encoding_is_rejected_and_the_other_rows_stand() {
    let text =
        b"timestamp_utc,channel_id,snr_db,note\n2026-11-20T10:00:00Z,u1,30,\xFF\n2026-11-20T10:00:00Z,u1,30,\xC3\xA9\n";
    let (counters, rejects) = load_kind(FileKind::UsChannelSnr, text);
    assert_eq!(rejects, [(2, RejectReason::BadEncoding)]);
    assert_eq!((counters.rows, counters.accepted, counters.rejected), (2, 1, 1));
}

#[test]
fn bad_timestamp_is_rejected() {
    assert_eq!(snr("2026-11-20T10:00:00,u1,30"), Some(RejectReason::BadTimestamp));
}

#[test]
fn missing_id_is_rejected() {
    assert_eq!(snr("2026-11-20T10:00:00Z, ,30"), Some(RejectReason::MissingId));
}

#[test]
fn too_old_begins_beyond_the_retention() {
    assert_eq!(snr("2026-11-13T12:00:00Z,u1,30"), None);
    assert_eq!(snr("2026-11-13T11:59:59Z,u1,30"), Some(RejectReason::TooOld));
}

#[test]
fn future_begins_beyond_the_tolerance() {
    assert_eq!(snr("2026-11-20T12:05:00Z,u1,30"), None);
    assert_eq!(snr("2026-11-20T12:05:01Z,u1,30"), Some(RejectReason::Future));
}

#[test]
fn orphan_is_counted_apart() {
    let text = b"timestamp_utc,channel_id,snr_db\n2026-11-20T10:00:00Z,nobody,30\n2026-11-20T10:00:00Z,U1,30\n";
    let (counters, rejects) = load_kind(FileKind::UsChannelSnr, text);
    assert_eq!(rejects, [(2, RejectReason::Orphan), (3, RejectReason::Orphan)]);
    assert_eq!((counters.rows, counters.orphans, counters.rejected), (2, 2, 0));
    assert!(counters.rejected_by_reason.is_empty());
}

#[test]
fn wrong_direction_is_rejected_in_both_directions() {
    assert_eq!(snr("2026-11-20T10:00:00Z,d1,30"), Some(RejectReason::WrongDirection));
    assert_eq!(ds("2026-11-20T10:00:00Z,u1,30"), Some(RejectReason::WrongDirection));
}

#[test]
fn bad_value_is_rejected() {
    for value in ["x", "1e1", "30 dB", "NaN", "--1", "\"30,5\"", "5.", ".5"] {
        assert_eq!(snr(&format!("2026-11-20T10:00:00Z,u1,{value}")), Some(RejectReason::BadValue), "{value}");
    }
}

#[test]
fn out_of_range_and_unit_suspect_are_rejected_not_clamped() {
    for (value, expected) in [
        ("60", None),
        ("60.0004", None),
        ("60.001", Some(RejectReason::UnitSuspect)),
        ("336", Some(RejectReason::UnitSuspect)),
        ("0.001", None),
        ("-0.001", Some(RejectReason::OutOfRange)),
        ("-2", Some(RejectReason::OutOfRange)),
        ("99999999999999999999999999999999", Some(RejectReason::UnitSuspect)),
        ("-99999999999999999999999999999", Some(RejectReason::OutOfRange)),
    ] {
        assert_eq!(snr(&format!("2026-11-20T10:00:00Z,u1,{value}")), expected, "{value}");
    }
    for (value, expected) in [
        ("0", None),
        ("100", None),
        ("100.001", Some(RejectReason::OutOfRange)),
        ("101", Some(RejectReason::OutOfRange)),
        ("-2", Some(RejectReason::OutOfRange)),
    ] {
        assert_eq!(ds(&format!("2026-11-20T10:00:00Z,d1,{value}")), expected, "{value}");
    }
}

#[test]
fn the_first_failing_check_names_the_reason() {
    let header = b"timestamp_utc,channel_id,snr_db\n";
    for (row, expected) in [
        (&b"x,\xFF"[..], RejectReason::FieldCount),
        (b"x,\xFF,x", RejectReason::BadEncoding),
        (b"x,,x", RejectReason::BadTimestamp),
        (b"2020-01-01T00:00:00Z,,x", RejectReason::MissingId),
        (b"2020-01-01T00:00:00Z,nobody,x", RejectReason::TooOld),
        (b"2030-01-01T00:00:00Z,nobody,x", RejectReason::Future),
        (b"2026-11-20T10:00:00Z,nobody,x", RejectReason::Orphan),
        (b"2026-11-20T10:00:00Z,d1,x", RejectReason::WrongDirection),
        (b"2026-11-20T10:00:00Z,u1,x", RejectReason::BadValue),
    ] {
        let (_, rejects) = load_kind(FileKind::UsChannelSnr, &[header, row].concat());
        assert_eq!(rejects, [(2, expected)]);
    }
}

#[test]
fn topology_rows_are_rejected_in_the_order_of_the_contract() {
    let groups = "service_group_id,direction,service_group_name,ccap,hub,market,network";
    let group = |row| reason(FileKind::TopologyServiceGroup, groups, row);
    assert_eq!(group("U9,US,,,,"), Some(RejectReason::FieldCount));
    assert_eq!(group(",XX,,,,,"), Some(RejectReason::MissingId));
    assert_eq!(group("U9,UP,,,,,"), Some(RejectReason::BadDirection));
    assert_eq!(group("U9, us ,,,,,"), None);
    let channels = "channel_id,direction,service_group_id,ccap";
    let channel = |row| reason(FileKind::TopologyChannel, channels, row);
    assert_eq!(channel("u9,US,U1"), Some(RejectReason::FieldCount));
    assert_eq!(channel(",XX,nobody,"), Some(RejectReason::MissingId));
    assert_eq!(channel("u9,,nobody,"), Some(RejectReason::BadDirection));
    assert_eq!(channel("u9,US,nobody,"), Some(RejectReason::Orphan));
    assert_eq!(channel("u9,US,,"), Some(RejectReason::Orphan));
    assert_eq!(channel("u9,US,D1,"), Some(RejectReason::DirectionMismatch));
    assert_eq!(channel("u9,ds,D1,"), None);
}

#[test]
fn no_data_tokens_are_stored_as_no_data() {
    for value in ["", "N/A", "n/a", "-1", "-1.0", "-1.000", "\" -1 \"", "0", "0.0", "-0"] {
        let text = format!("timestamp_utc,channel_id,snr_db\n2026-11-20T10:00:00Z,u1,{value}\n");
        let (counters, rejects) = load_kind(FileKind::UsChannelSnr, text.as_bytes());
        assert_eq!((counters.nodata, counters.accepted, rejects.len()), (1, 0, 0), "{value}");
    }
    let (counters, _) = load_kind(
        FileKind::UsChannelUtilization,
        b"timestamp_utc;channel_id;utilization_pct\n2026-11-20T10:00:00Z;u1;-1,0\n2026-11-20T10:00:00Z;u2;0\n",
    );
    assert_eq!((counters.nodata, counters.accepted), (1, 1), "utilisation 0 is a value");
}

#[test]
fn tenths_of_a_decibel_are_divided_on_the_text() {
    let header = "timestamp_utc,channel_id,snr_tenth_db\n";
    let mut files = Plant::new().files();
    let rows = "2026-11-20T10:00:00Z,u1,336\n2026-11-20T10:00:00Z,u2,-1\n2026-11-20T10:00:00Z,u3,601\n";
    files[2].1 = format!("{header}{rows}").into_bytes();
    let preview = load(&files, &Settings::default(), at(AS_OF));
    let counters = &preview.files[&FileKind::UsChannelSnr];
    assert_eq!((counters.accepted, counters.nodata, counters.rejected), (1, 1, 1));
    assert_eq!(row_of(&preview, SnrUpstream, "U1").kpi_last, Some(33.6));
}

#[test]
fn decibels_win_over_tenths_where_both_are_present() {
    let mut files = Plant::new().files();
    files[2].1 = b"snr_tenth_db,timestamp_utc,channel_id,snr_db\n310,2026-11-20T10:00:00Z,u1,33\n".to_vec();
    assert_eq!(row_of(&load(&files, &Settings::default(), at(AS_OF)), SnrUpstream, "U1").kpi_last, Some(33.0));
}

#[test]
fn every_form_of_a_file_says_the_same() {
    let plain =
        "timestamp_utc,channel_id,utilization_pct\n2026-11-20T10:00:00Z,u1,95.5\n2026-11-20T10:15:00Z,u1,96.5\n";
    let forms = [
        plain.to_owned(),
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        plain.replace('\n', "\n\n"),
        plain.replace(',', ";").replace('.', ","),
        plain.replace(',', "\t"),
        plain.replace(',', "\t").replace('.', ","),
        plain.replace("timestamp_utc", " TimeStamp_UTC ").replace("u1", "\" u1\t\""),
        plain.replace("channel_id", "channel_id,channel_id").replace("u1", "u1,u2"),
        plain.replace('T', " ").replace('Z', ""),
        plain.trim_end().to_owned(),
    ];
    for form in forms {
        let mut files = Plant::new().files();
        files[3].1 = form.clone().into_bytes();
        let row = row_of(&load(&files, &Settings::default(), at(AS_OF)), UsServiceGroup, "U1");
        assert_eq!((row.kpi_avg, row.critical_incidents_24h, row.samples_24h), (Some(96.0), 1, 2), "{form:?}");
    }
}

#[test]
fn names_are_opaque() {
    let name = "A, B; \"C\"/D|E\r\nÁ";
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));
    let plant = Plant::new()
        .group(&format!("{quoted},US,{quoted},{quoted},,,,,,,,,,"))
        .channel(&format!("{quoted},US,{quoted},C,,"))
        .snr(&quoted, "2026-11-20T10:00:00Z", &["18", "18"]);
    let row = plant.row(AS_OF, SnrUpstream, name);
    assert_eq!((row.group_name.as_str(), row.ccap.as_deref()), (name, Some(name)));
    assert_eq!(row.worst_channel_id.as_deref(), Some(name));
    let other_case = Plant::new().snr("U1", "2026-11-20T10:00:00Z", &["18"]).load(AS_OF);
    assert_eq!(other_case.files[&FileKind::UsChannelSnr].orphans, 1, "no case folding");
}

#[test]
fn topology_fields_that_cannot_be_are_null() {
    let preview = Plant::new()
        .group("U2,US,,,,,,,, N1 | |N2|N1|,-1,,95.0,181")
        .group("U3,US,,,,,,,,,1000000000000000000,,-90,180.0")
        .load(AS_OF);
    let group = |id: &str| preview.topology.group(preview.topology.find_group(id).unwrap());
    let (second, third) = (group("U2"), group("U3"));
    assert_eq!(second.fiber_nodes, [Box::from("N1"), Box::from("N2")]);
    assert_eq!((&*second.name, &second.ccap, second.cm_total), ("U2", &None, None));
    assert_eq!((second.latitude, second.longitude), (None, None));
    assert_eq!((third.cm_total, third.latitude, third.longitude), (None, Some(-90.0), Some(180.0)));
}

#[test]
fn a_later_topology_row_replaces_the_whole_earlier_one() {
    let preview = Plant::new().group("U1,US,Neu,,,,,,,,,,,").load(AS_OF);
    let group = preview.topology.group(preview.topology.find_group("U1").unwrap());
    assert_eq!((&*group.name, group.cm_total, group.fiber_nodes.len()), ("Neu", None, 0));
    assert_eq!(preview.files[&FileKind::TopologyServiceGroup].duplicates, 1);
}

#[test]
fn a_later_row_replaces_the_whole_earlier_one_also_when_it_is_no_data() {
    let plant = Plant::new()
        .snr_row("2026-11-20T10:00:00Z,u1,30,64QAM,5")
        .snr_row("2026-11-20T04:00:00.9-06:00,u1,N/A,,")
        .snr_row("2026-11-20T10:00:00Z,u1,999,,");
    let preview = plant.load(AS_OF);
    let row = row_of(&preview, SnrUpstream, "U1");
    assert_eq!((row.samples_24h, row.nodata_24h, row.cm_online), (0, 1, None));
    let counters = &preview.files[&FileKind::UsChannelSnr];
    assert_eq!((counters.accepted, counters.nodata, counters.duplicates, counters.rejected), (1, 1, 1, 1));
}

#[test]
fn the_same_files_again_count_nothing_twice() {
    let mut files = Plant::new().snr("u1", "2026-11-20T10:00:00Z", &["18", "18", "30"]).files();
    let once = load(&files, &Settings::default(), at(AS_OF)).evaluate().rows(SnrUpstream);
    let again: Vec<File> = files.iter().map(|(name, bytes)| (name.replace(".csv", "-2.csv"), bytes.clone())).collect();
    files.extend(again);
    let preview = load(&files, &Settings::default(), at(AS_OF));
    assert_eq!(preview.evaluate().rows(SnrUpstream), once);
    assert_eq!(preview.files[&FileKind::UsChannelSnr].duplicates, 3);
}

#[test]
fn files_of_one_kind_are_read_in_byte_order_of_their_names() {
    let mut files = Plant::new().files();
    let row = |value: &str| format!("timestamp_utc,channel_id,snr_db\n2026-11-20T10:00:00Z,u1,{value}\n").into_bytes();
    files.push(("us_channel_snr_b.csv".into(), row("32")));
    files.push(("us_channel_snr.2.csv".into(), row("31")));
    let row = row_of(&load(&files, &Settings::default(), at(AS_OF)), SnrUpstream, "U1");
    assert_eq!(row.kpi_last, Some(32.0));
}

#[test]
fn out_of_service_channels_count_as_channels_and_have_no_data() {
    let plant = Plant::new().channel("u4,US,U1,CCAP-1,0,64QAM").snr("u4", "2026-11-20T10:00:00Z", &["10", "10", "x"]);
    let preview = plant.load(AS_OF);
    let row = row_of(&preview, SnrUpstream, "U1");
    assert_eq!((row.channels, row.nodata_24h, row.samples_24h, row.critical_incidents_24h), (4, 2, 0, 0));
    let counters = &preview.files[&FileKind::UsChannelSnr];
    assert_eq!((counters.nodata, counters.rejected), (2, 1));
}

#[test]
fn a_file_is_refused_only_without_header_or_required_column() {
    let refusal = |kind: FileKind, text: &'static str| {
        let files = vec![PreviewFile { kind, name: "some.csv".into(), content: Box::new(text.as_bytes()) }];
        Preview::load(files, &Settings::default(), at(AS_OF), &mut |_, _| {}).err().map(|fault| fault.to_string())
    };
    for kind in FileKind::ALL {
        assert!(refusal(kind, "\r\n").unwrap().contains("has no header row"), "{kind}");
        assert!(refusal(kind, "a,b\n1,2\n").unwrap().contains("lacks the column"), "{kind}");
    }
    let found = refusal(FileKind::UsChannelSnr, "timestamp_utc,channel_id,utilization_pct\n").unwrap();
    assert!(
        found.starts_with("some.csv: the us_channel_snr file lacks the column snr_db (or snr_tenth_db)"),
        "{found}"
    );
    assert_eq!(refusal(FileKind::DsChannelUtilization, "timestamp_utc,channel_id,utilization_pct\n"), None);
}

#[test]
fn rows_are_the_sum_of_what_became_of_them() {
    let (files, _) = common::data_set("storm");
    let preview = load(&files, &Settings::default(), at("2026-11-21T05:45:00Z"));
    for (kind, counters) in &preview.files {
        let sum = counters.accepted + counters.nodata + counters.orphans + counters.rejected;
        assert_eq!(counters.rows, sum, "{kind}");
        assert_eq!(counters.rejected, counters.rejected_by_reason.values().sum::<u64>(), "{kind}");
    }
}

#[test]
fn an_unbalanced_quote_leaves_the_rows_before_it_alone() {
    let text = b"timestamp_utc,channel_id,utilization_pct\n2026-11-20T10:00:00Z,d1,50\n2026-11-20T10:15:00Z,\"d1,60\n2026-11-20T10:30:00Z,d1,70\n";
    let mut files = Plant::new().files();
    files[4].1 = text.to_vec();
    let row = row_of(&load(&files, &Settings::default(), at(AS_OF)), DsServiceGroup, "D1");
    assert_eq!((row.samples_24h, row.kpi_min), (1, Some(50.0)));
}

/// An input that fails after its text.
struct Torn<'t>(&'t [u8]);

impl Read for Torn<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::Error::other("the disk is gone")) } else { self.0.read(buffer) }
    }
}

#[test]
fn a_failing_input_or_sink_ends_the_reading_and_says_where() {
    let preview = Plant::new().load(AS_OF);
    let settings = Settings::default();
    let context = KpiContext { topology: &preview.topology, clock: at(AS_OF), settings: &settings };
    let text = b"timestamp_utc,channel_id,snr_db\n2026-11-20T10:00:00Z,u1,30\n2026-11-20T10:15:00Z,u1,31\n";
    let mut values = Vec::new();
    let mut full = |sample: RawSample<'_>| {
        if values.len() == 1 {
            return Err(io::Error::other("the disk is full"));
        }
        values.push(sample.value);
        Ok(())
    };
    let fault = read_kpi(KpiFile::UsChannelSnr, &text[..], &context, &mut full, &mut |_| {}).unwrap_err().to_string();
    assert!(fault.contains("could not be loaded beyond line 3: the disk is full; load it again"), "{fault}");
    assert_eq!(values, [Some(30_000)]);
    let mut sink = |_: RawSample<'_>| Ok(());
    let long = [&text[..], &b"x\n".repeat(3_000)].concat();
    let fault = read_kpi(KpiFile::UsChannelSnr, Torn(&long), &context, &mut sink, &mut |_| {}).unwrap_err().to_string();
    assert!(fault.contains("the disk is gone"), "{fault}");
}

#[test]
fn only_snr_rows_have_a_modulation() {
    let preview = Plant::new().load(AS_OF);
    let settings = Settings::default();
    let context = KpiContext { topology: &preview.topology, clock: at(AS_OF), settings: &settings };
    let text = b"timestamp_utc,channel_id,snr_db,utilization_pct,modulation,cm_online\n2026-11-20T10:00:00Z,u1,30,30,16QAM,99999999999\n";
    for (kpi, code) in [(KpiFile::UsChannelSnr, Modulation::Qam16.code()), (KpiFile::UsChannelUtilization, 0)] {
        let mut found = Vec::new();
        let mut sink = |sample: RawSample<'_>| {
            found.push((sample.modulation, sample.cm_online));
            Ok(())
        };
        read_kpi(kpi, &text[..], &context, &mut sink, &mut |_| {}).unwrap();
        assert_eq!(found, [(code, Some(u32::MAX - 1))], "{kpi:?}");
    }
}

#[test]
fn retention_and_tolerance_are_those_of_the_settings() {
    let settings = Settings { retention_h: 24, future_tolerance_s: 0, ..Settings::default() };
    let plant = Plant::new()
        .snr_row("2026-11-19T12:00:00Z,u1,30,,")
        .snr_row("2026-11-19T11:59:59Z,u1,30,,")
        .snr_row("2026-11-20T12:00:00Z,u1,30,,")
        .snr_row("2026-11-20T12:00:01Z,u1,30,,");
    let preview = plant.load_with(&settings, AS_OF);
    let counters = &preview.files[&FileKind::UsChannelSnr];
    assert_eq!((counters.accepted, counters.rejected), (2, 2));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_bytes_never_panic(
        kind in prop::sample::select(FileKind::ALL.to_vec()),
        with_header: bool,
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut files = Plant::new().files();
        let text = &mut files[kind as usize].1;
        if !with_header {
            text.clear();
        }
        text.extend(bytes);
        let scan = files.iter().map(|(name, bytes)| PreviewFile {
            kind: FileKind::of_file_name(name).unwrap(),
            name: name.clone(),
            content: Box::new(bytes.as_slice()),
        });
        if let Ok(preview) = Preview::load(scan.collect(), &Settings::default(), at(AS_OF), &mut |_, _| {}) {
            let _ = preview.expected();
        }
    }

    #[test]
    fn hostile_fields_never_panic(
        fields in prop::collection::vec("([ -~\t\r\n\"]|\\PC){0,12}|u1|d1|2026-11-20T10:0[0-9]:00Z|-?[0-9]{1,34}([.,][0-9]{0,4})?", 0..60),
        delimiter in prop::sample::select(vec![",", ";", "\t"]),
    ) {
        let mut text = ["timestamp_utc", "channel_id", "snr_db", "modulation", "cm_online"].join(delimiter);
        for row in fields.chunks(5) {
            text.push('\n');
            text.push_str(&row.join(delimiter));
        }
        let (counters, rejects) = load_kind(FileKind::UsChannelSnr, text.as_bytes());
        prop_assert_eq!(counters.rejected + counters.orphans, rejects.len() as u64);
        prop_assert_eq!(counters.rows, counters.accepted + counters.nodata + counters.orphans + counters.rejected);
    }
}
