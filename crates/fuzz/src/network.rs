//! CSV files of network data. Input: the kind of the file, `---`, the file.

use std::io::Read;
use std::sync::OnceLock;

use ticketbridge_core::network::Timestamp;
use ticketbridge_core::network::load::{Counters, FileKind, KpiContext, RawSample, Reject, read_kpi};
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::topology::{Channels, ServiceGroups, Topology};

use crate::parts::{parts, text};

/// Words of the five files.
pub const DICTIONARY: &[&str] = &[
    "timestamp_utc",
    "channel_id",
    "snr_db",
    "snr_tenth_db",
    "utilization_pct",
    "modulation",
    "cm_online",
    "N/A",
    "-1",
    "0",
    "60.001",
    "100.0005",
    "18,7",
    "2026-11-20T10:00:00Z",
    "2026-11-20 10:00:00",
    "2026-11-20T10:00:00+05:45",
    "u1",
    "d1",
    "U1",
    "US",
    "DS",
    "64QAM",
    "\"",
    "\"\"",
    "\"\n\"",
    "\r",
    "\r\n",
    "\n",
    ";",
    "\t",
    ",",
    "|",
    "\u{feff}",
    "service_group_id",
    "direction",
    "service_group_name",
    "ccap",
    "hub",
    "market",
    "network",
    "fiber_node",
    "latitude",
    "-90.00001",
    "\u{a0}",
];

/// 2026-11-20T23:45:00Z.
const CLOCK: Timestamp = Timestamp(1_795_218_300);

const GROUPS: &str = "service_group_id,direction,service_group_name,ccap,hub,market,network\n\
    U1,US,Uno,CCAP-1,HUB-1,MARKET-1,NETWORK-1\nD1,DS,Dos,CCAP-1,HUB-1,MARKET-1,NETWORK-1\n";
const CHANNELS: &str = "channel_id,direction,service_group_id,ccap,frequency_hz\n\
    u1,US,U1,CCAP-1,10000000\nu2,US,U1,CCAP-1,0\nd1,DS,D1,CCAP-1,600000000\n";

fn groups() -> &'static ServiceGroups {
    static GROUPS_READ: OnceLock<ServiceGroups> = OnceLock::new();
    GROUPS_READ.get_or_init(|| {
        let mut groups = ServiceGroups::default();
        assert!(groups.read(GROUPS.as_bytes(), &mut |_| {}).is_ok());
        groups
    })
}

fn topology() -> &'static Topology {
    static TOPOLOGY: OnceLock<Topology> = OnceLock::new();
    TOPOLOGY.get_or_init(|| {
        let mut channels = Channels::default();
        assert!(channels.read(CHANNELS.as_bytes(), groups(), &mut |_| {}).is_ok());
        Topology::join(groups().clone(), channels).0
    })
}

/// What became of a file.
#[derive(Debug, PartialEq)]
struct Reading {
    counters: Result<Counters, String>,
    rejects: Vec<Reject>,
    /// What was taken: a sample each, or (topology) the list of all rows.
    taken: Vec<String>,
}

fn read(kind: FileKind, input: impl Read) -> Reading {
    let (mut rejects, mut taken) = (Vec::new(), Vec::new());
    let counters = match (kind.kpi(), kind) {
        (Some(kpi), _) => {
            let settings = Settings::default();
            let context = KpiContext { topology: topology(), clock: CLOCK, settings: &settings };
            let mut sink = |sample: RawSample<'_>| {
                assert!(sample.value.is_none_or(|value| (0..=100_000).contains(&value)), "{sample:?}");
                taken.push(format!("{sample:?}"));
                Ok(())
            };
            read_kpi(kpi, input, &context, &mut sink, &mut |reject| rejects.push(reject))
        }
        (None, FileKind::TopologyServiceGroup) => {
            let mut groups = ServiceGroups::default();
            let counters = groups.read(input, &mut |reject| rejects.push(reject));
            joined(groups.clone(), Channels::default());
            taken.push(format!("{groups:?}"));
            counters
        }
        (None, _) => {
            let mut channels = Channels::default();
            let counters = channels.read(input, groups(), &mut |reject| rejects.push(reject));
            joined(groups().clone(), channels.clone());
            taken.push(format!("{channels:?}"));
            counters
        }
    };
    Reading { counters: counters.map_err(|fault| fault.to_string()), rejects, taken }
}

/// A topology of whatever was read finds all its channels, and survives being stored.
fn joined(groups: ServiceGroups, channels: Channels) {
    let (all, number) = (groups.len(), channels.len());
    let (topology, left_out) = Topology::join(groups, channels);
    assert_eq!((topology.groups().len(), topology.channels().len()), (all, number - left_out));
    for channel in topology.channels() {
        assert!(topology.find_channel(&channel.id).is_some_and(|place| topology.channel(place) == channel));
    }
    let stored = serde_json::to_string(&topology).map_err(|error| error.to_string());
    let again = stored.and_then(|text| serde_json::from_str::<Topology>(&text).map_err(|error| error.to_string()));
    assert_eq!(again.as_ref(), Ok(&topology), "stored and read again");
}

/// Every row is a sample or a reject, the counters add up, and neither the second reading nor the size of the pieces in
/// which the file arrives changes anything.
pub fn target(data: &[u8]) {
    let input = parts(data, 2);
    let kind = text(input[0]).trim().parse().unwrap_or(FileKind::ALL[data.len() % FileKind::ALL.len()]);
    let csv = input.last().copied().unwrap_or_default();
    let reading = read(kind, csv);
    assert_eq!(reading, read(kind, Drops(csv)), "read in small pieces");
    let Ok(counters) = &reading.counters else {
        assert!(reading.rejects.is_empty(), "a refused file has no rejects");
        return;
    };
    let rejected: u64 = counters.rejected_by_reason.values().sum();
    assert_eq!(rejected, counters.rejected);
    assert_eq!(counters.rows, counters.accepted + counters.nodata + counters.orphans + counters.rejected);
    assert_eq!(reading.rejects.len() as u64, counters.orphans + counters.rejected);
    if kind.kpi().is_some() {
        assert_eq!(reading.taken.len() as u64, counters.accepted + counters.nodata);
    }
    let lines: Vec<u64> = reading.rejects.iter().map(|reject| reject.line).collect();
    assert!(lines.is_sorted_by(|one, next| one < next), "a line is rejected once: {lines:?}");
    // Without quotes, a row is a line that is not empty.
    if !csv.contains(&b'"') {
        let physical = physical_lines(csv);
        assert_eq!(counters.rows + 1, physical.len() as u64, "each line is counted");
        assert!(lines.iter().all(|line| physical[1..].contains(line)), "{lines:?} of {physical:?}");
    }
}

/// Numbers of the lines that are not empty; the end of a line is CR, LF or both.
fn physical_lines(csv: &[u8]) -> Vec<u64> {
    let csv = csv.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(csv);
    let mut found = Vec::new();
    let (mut line, mut before) = (1, b' ');
    for byte in csv {
        match byte {
            b'\n' if before == b'\r' => {}
            b'\n' | b'\r' => line += 1,
            _ if found.last() != Some(&line) => found.push(line),
            _ => {}
        }
        before = *byte;
    }
    found
}

/// Gives out one to three bytes at a time.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = (self.0.len() % 3 + 1).min(buffer.len()).min(self.0.len());
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}
