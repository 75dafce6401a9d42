//! Neither the order of rows, as long as rows of one key keep theirs, nor the split into files changes a result
//! (telecom contract §3.6, §10.1).

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::collections::{BTreeMap, HashMap};

use common::{File, at, data_set, differences, load, result};
use proptest::prelude::*;
use proptest::sample::Index;
use ticketbridge_core::network::evaluation::{Evaluation, Evaluator, Horizon, Incident};
use ticketbridge_core::network::load::{FileKind, KpiContext, parse_timestamp, read_kpi};
use ticketbridge_core::network::preview::Expected;
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::topology::ChannelIndex;
use ticketbridge_core::network::{ChannelOrdinal, KpiFile, Sample, Timestamp};

/// A file as header and rows, each with its line end.
fn raw_rows(bytes: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut rows, mut row, mut is_quoted) = (Vec::new(), Vec::new(), false);
    for byte in bytes {
        row.push(*byte);
        is_quoted ^= *byte == b'"';
        if *byte == b'\n' && !is_quoted {
            rows.push(std::mem::take(&mut row));
        }
    }
    if !row.is_empty() {
        row.push(b'\n');
        rows.push(row);
    }
    let header = rows.remove(0);
    (header, rows)
}

/// What a row is about: rows with the same key keep their order.
fn keys(header: &[u8], rows: &[Vec<u8>]) -> Vec<String> {
    let count = |sign: u8| header.split(|byte| *byte == sign).count();
    let delimiter = *[b',', b';', b'\t'].iter().max_by_key(|sign| count(**sign)).unwrap();
    let fields = |rows: &[u8]| -> Vec<Vec<String>> {
        let mut builder = csv::ReaderBuilder::new();
        let reader = builder.delimiter(delimiter).has_headers(false).flexible(true).from_reader(rows);
        let record = |record: csv::ByteRecord| {
            record.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect()
        };
        reader.into_byte_records().map(|found| record(found.unwrap())).collect()
    };
    let names: Vec<String> =
        fields(header)[0].iter().map(|name| name.trim_start_matches('\u{feff}').to_lowercase()).collect();
    let column = |name: &str| names.iter().position(|known| known == name);
    let is_groups = column("channel_id").is_none();
    let id = column("channel_id").or_else(|| column("service_group_id")).unwrap();
    let time = if is_groups { None } else { column("timestamp_utc") };
    let records = fields(&rows.concat());
    assert_eq!(records.len(), rows.len(), "rows and records are the same");
    records
        .iter()
        .map(|fields| {
            let field = |place: Option<usize>| place.and_then(|place| fields.get(place)).cloned().unwrap_or_default();
            format!("{}|{:?}", field(Some(id)), parse_timestamp(&field(time)))
        })
        .collect()
}

fn permuted(rows: &[Vec<u8>], keys: &[String], weights: &[Index]) -> Vec<Vec<u8>> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let weight =
        |row: usize| weights[row % weights.len()].index(1 << 30).wrapping_mul(row * 2_654_435_761 + 1) % 1_000_003;
    order.sort_by_key(|row| weight(*row));
    // The places that a key's rows got are given to them in their own order.
    let mut next: HashMap<&str, std::vec::IntoIter<usize>> = HashMap::new();
    for (row, key) in keys.iter().enumerate() {
        let places = next.remove(key.as_str()).unwrap_or_default();
        next.insert(key, places.chain([row]).collect::<Vec<_>>().into_iter());
    }
    order.into_iter().map(|row| rows[next.get_mut(keys[row].as_str()).unwrap().next().unwrap()].clone()).collect()
}

fn split(name: &str, header: &[u8], rows: &[Vec<u8>], cuts: &[Index]) -> Vec<File> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len() + 1)).collect();
    cuts.extend([0, rows.len()]);
    cuts.sort_unstable();
    let stem = name.strip_suffix(".csv").unwrap();
    let part = |(number, range): (usize, &[usize])| {
        let bytes = [header.to_vec(), rows[range[0]..range[1]].concat()].concat();
        (format!("{stem}.part-{number:03}.csv"), bytes)
    };
    cuts.windows(2).enumerate().map(part).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn permuted_and_split_copies_give_the_same_result(
        is_storm: bool,
        weights in prop::collection::vec(any::<Index>(), 1..50),
        cuts in prop::collection::vec(any::<Index>(), 0..4),
    ) {
        let (files, expected) = data_set(if is_storm { "storm" } else { "golden" });
        let mut copies = Vec::new();
        for (name, bytes) in &files {
            let (header, rows) = raw_rows(bytes);
            let rows = permuted(&rows, &keys(&header, &rows), &weights);
            copies.extend(split(name, &header, &rows, &cuts));
        }
        copies.reverse();
        let as_of = at(expected["as_of"].as_str().unwrap());
        prop_assert_eq!(differences(&expected, &result(&copies, as_of)), Vec::<String>::new());
    }
}

#[test]
fn swapping_two_rows_of_one_key_is_noticed() {
    let (mut files, expected) = data_set("golden");
    let (header, mut rows) = raw_rows(&files[2].1);
    rows.push(b"2026-11-20T10:00:00Z,GDL-E6K-03/70000,17.0,64QAM,,,298\n".to_vec());
    files[2].1 = [header, rows.concat()].concat();
    let found = result(&files, at("2026-11-20T23:45:00Z"));
    assert!(!differences(&expected, &found).is_empty(), "the later row replaces the earlier one");
    assert_eq!(found["files"]["us_channel_snr"]["duplicates"], 1);
    assert_eq!(found["tickets"][1]["kpi"]["worst"], 17.0);
}

/// What a store would hold of the storm: per KPI and channel, by time, the later row of a key.
fn stored() -> (ticketbridge_core::network::preview::Preview, Vec<(KpiFile, ChannelIndex, Vec<Sample>)>) {
    let (files, expected) = data_set("storm");
    let (settings, as_of) = (Settings::default(), at(expected["as_of"].as_str().unwrap()));
    let preview = load(&files, &settings, as_of);
    let context = KpiContext { topology: &preview.topology, clock: as_of, settings: &settings };
    let mut rows: BTreeMap<(KpiFile, ChannelIndex), BTreeMap<Timestamp, Sample>> = BTreeMap::new();
    for (name, bytes) in &files {
        let Some(kpi) = FileKind::of_file_name(name).unwrap().kpi() else { continue };
        let mut sink = |raw: ticketbridge_core::network::load::RawSample<'_>| {
            assert_eq!(&*preview.topology.channel(raw.channel).id, raw.channel_id);
            let channel = ChannelOrdinal(raw.channel.0);
            let (at, value, modulation, cm_online) = (raw.at, raw.value, raw.modulation, raw.cm_online);
            let sample = Sample { channel, at, value, modulation, cm_online };
            rows.entry((kpi, raw.channel)).or_default().insert(at, sample);
            Ok(())
        };
        read_kpi(kpi, bytes.as_slice(), &context, &mut sink, &mut |_| {}).unwrap();
    }
    let list = |((kpi, channel), rows): ((_, _), BTreeMap<_, Sample>)| (kpi, channel, rows.into_values().collect());
    let rows = rows.into_iter().map(list).collect();
    (preview, rows)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_in_which_channels_are_pushed_changes_nothing(weights in prop::collection::vec(any::<u32>(), 1..40)) {
        let (preview, mut rows) = stored();
        let (_, expected) = data_set("storm");
        let settings = Settings::default();
        let mut place = 0;
        rows.sort_by_cached_key(|(_, channel, _)| {
            place += 1;
            (weights[place % weights.len()], channel.0.wrapping_mul(2_654_435_761))
        });
        let as_of = at(expected["as_of"].as_str().unwrap());
        let mut evaluator = Evaluator::new(&preview.topology, &settings, as_of, Horizon::default());
        for (kpi, channel, samples) in rows {
            evaluator.push(kpi, channel, samples).unwrap();
        }
        let found = Expected::new(&evaluator.finish(), &preview.files);
        prop_assert_eq!(differences(&expected, &serde_json::to_value(found).unwrap()), Vec::<String>::new());
    }
}

#[test]
fn runs_one_after_another_find_what_a_fresh_store_finds() {
    let (files, expected) = data_set("storm");
    let end = at(expected["as_of"].as_str().unwrap());
    let preview = load(&files, &Settings::default(), end);
    let list = |evaluation: &Evaluation<'_>| evaluation.incidents().cloned().collect::<Vec<Incident>>();
    let mut known = Vec::new();
    for hours in (0..=30).rev() {
        let as_of = end.plus_seconds(-3_600 * hours);
        let chained = list(&preview.evaluate_at(as_of, Horizon { known, first_stored: None }));
        assert_eq!(chained, list(&preview.evaluate_at(as_of, Horizon::default())), "{as_of}");
        known = chained;
    }
    assert!(!known.is_empty());
}

#[test]
fn runs_while_the_retention_passes_keep_begin_worst_and_id_of_what_is_open() {
    let (files, expected) = data_set("storm");
    let end = at(expected["as_of"].as_str().unwrap());
    let preview = load(&files, &Settings::default(), end);
    let full: Vec<Incident> = preview.evaluate().incidents().cloned().collect();
    let mut known = full.clone();
    // Only the last `hours` are stored; what was running at their begin goes on as if nothing had gone.
    for hours in (0..=30).rev() {
        let first_stored = Some(end.plus_seconds(-3_600 * hours));
        let evaluation = preview.evaluate_at(end, Horizon { known, first_stored });
        known = evaluation.incidents().cloned().collect();
        let running = |incident: &&Incident| incident.closed_at.is_none_or(|closed| Some(closed) > first_stored);
        let expected: Vec<&Incident> = full.iter().filter(running).collect();
        assert_eq!(known.iter().collect::<Vec<_>>(), expected, "{hours} h stored");
    }
    assert!(known.iter().any(|incident| incident.closed_at.is_none()));
}
