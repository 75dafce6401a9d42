//! The rows of a KPI file are the same however they are read: row by row, as those that are expected, or in pieces.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::io::{BufRead, BufReader};

use proptest::prelude::*;
use ticketbridge_core::network::load::{
    Counters, KpiContext, KpiRows, RawSample, Reject, RejectReason, RowStart, whole_rows,
};
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::topology::{Channels, ServiceGroups, Topology};
use ticketbridge_core::network::{KpiFile, Timestamp};

const GROUPS: &str = "service_group_id,direction,service_group_name,ccap,hub,market,network\nU,US,,,,,\nD,DS,,,,,\n";
/// Among them ids that a row can only hold in quotes, and some that begin like another.
const CHANNELS: &str = "channel_id,direction,service_group_id,ccap,frequency_hz\na,US,U,,1\nab,US,U,,0\nb,US,U,,1\n\
    \"a,12\",US,U,,1\n\"c\"\"d\",US,U,,1\n\"\"\"e\",US,U,,1\nñ,US,U,,1\nx,DS,D,,1\n";

fn topology() -> Topology {
    let (mut groups, mut channels) = (ServiceGroups::default(), Channels::default());
    groups.read(GROUPS.as_bytes(), &mut |_| {}).unwrap();
    channels.read(CHANNELS.as_bytes(), &groups, &mut |_| {}).unwrap();
    Topology::join(groups, channels).0
}

type Told = (Counters, Vec<Result<(String, Timestamp, Option<i32>, u8, Option<u32>), Reject>>, RowStart);

fn told(rows: &KpiRows<'_>, begin: RowStart, input: impl BufRead) -> Told {
    let mut all = Vec::new();
    let mut each = |row: Result<RawSample<'_>, Reject>| {
        let sample = |row: RawSample<'_>| (row.channel_id.to_owned(), row.at, row.value, row.modulation, row.cm_online);
        all.push(row.map(sample));
        Ok(())
    };
    let (counters, end) = rows.read(begin, input, &mut each).unwrap();
    (counters, all, end)
}

/// Each piece by itself, one behind the other.
fn in_pieces(rows: &KpiRows<'_>, pieces: &[&[u8]]) -> Told {
    let (mut counters, mut all, mut begin) = (Counters::default(), Vec::new(), RowStart::FIRST);
    for piece in pieces {
        let (counted, told, end) = told(rows, begin, *piece);
        counters.add(&counted);
        all.extend(told);
        begin = end;
    }
    (counters, all, begin)
}

fn row() -> impl Strategy<Value = String> {
    let at = prop_oneof![
        6 => Just("2026-11-20T10:00:00Z"),
        3 => Just("2026-11-20 10:15:00"),
        1 => prop_oneof![Just("never"), Just("2020-01-01T00:00:00Z"), Just("2030-01-01T00:00:00Z"), Just("")],
    ];
    let id = prop_oneof![
        8 => prop_oneof![Just("a"), Just("ab"), Just("b")],
        3 => prop_oneof![Just("ñ"), Just("a,12"), Just("c\"d"), Just("\"\"\"e\""), Just("\"e"), Just("\"a,12\"")],
        2 => prop_oneof![Just("x"), Just("zz"), Just(""), Just(" a"), Just("\"a\"")],
    ];
    let value = prop_oneof![
        6 => prop_oneof![Just("12"), Just("34.5"), Just("0"), Just("N/A"), Just(""), Just("-1")],
        2 => prop_oneof![Just("61"), Just("-2"), Just("1e3"), Just(" 7 "), Just("12,5"), Just("٣"), Just("12.3456789012")],
    ];
    let rest = prop_oneof![
        4 => prop_oneof![Just(",64QAM,0.02,220"), Just(",,,"), Just(",qam-16,x,9999999999"), Just(",QPSK,é,1")],
        1 => prop_oneof![Just(""), Just(",64QAM,0.02"), Just(",64QAM,0.02,220,1"), Just(",64QAM, x ,\u{7f}")],
    ];
    let end = prop_oneof![8 => Just("\n"), 3 => Just("\r\n"), 1 => prop_oneof![Just("\r"), Just("\n\n"), Just(" \n")]];
    (at, id, value, rest, end).prop_map(|(at, id, value, rest, end)| format!("{at},{id},{value}{rest}{end}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn expected_rows_and_pieces_tell_what_a_row_by_row_reader_tells(
        some in proptest::collection::vec(row(), 1..8),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 1..60),
        is_crlf in any::<bool>(),
        torn in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let (topology, settings) = (topology(), Settings::default());
        let clock = "2026-11-20T12:00:00Z".parse().unwrap();
        let context = KpiContext { topology: &topology, clock, settings: &settings };
        let end = if is_crlf { "\r\n" } else { "\n" };
        let header = format!("timestamp_utc,channel_id,snr_db,modulation,corrected,cm_online{end}");
        let open = || KpiRows::open(KpiFile::UsChannelSnr, header.as_bytes(), &context).unwrap().0;
        let mut bytes: Vec<u8> = order.iter().flat_map(|index| index.get(&some).bytes()).collect();
        if let Some(index) = torn {
            // Not UTF-8.
            let place = index.index(bytes.len());
            bytes[place] = 0xff;
        }

        // A byte at a time, no row is ever seen whole, so none is an expected one.
        let by_bytes = told(&open(), RowStart::FIRST, BufReader::with_capacity(1, &bytes[..]));
        prop_assert_eq!(by_bytes.0.rows as usize, by_bytes.1.len());
        prop_assert_eq!(&told(&open(), RowStart::FIRST, &bytes[..]), &by_bytes);
        prop_assert_eq!(&told(&open(), RowStart::FIRST, BufReader::with_capacity(100, &bytes[..])), &by_bytes);
        // A quote may take line feeds into a field: only rows without one can be cut apart.
        if let Some(length) = whole_rows(&bytes) {
            let (whole, last) = bytes.split_at(length);
            prop_assert_eq!(&in_pieces(&open(), &[whole, last]), &by_bytes);
            let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            prop_assert_eq!(&in_pieces(&open(), &lines), &by_bytes);
        }
    }
}

#[test]
fn a_byte_order_mark_is_one_only_at_the_beginning_of_the_file() {
    let topology = topology();
    let settings = Settings::default();
    let clock = "2026-11-20T12:00:00Z".parse().unwrap();
    let context = KpiContext { topology: &topology, clock, settings: &settings };
    let header = "\u{feff}timestamp_utc,channel_id,snr_db\n";
    let (rows, begin, _) = KpiRows::open(KpiFile::UsChannelSnr, header.as_bytes(), &context).unwrap();
    let (_, all, _) = told(&rows, begin, "\u{feff}2026-11-20T10:00:00Z,a,12\n".as_bytes());
    assert_eq!(all, [Err(Reject { line: 2, reason: RejectReason::BadTimestamp })]);
}
