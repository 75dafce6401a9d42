//! KPI files to samples (telecom contract §3.4, §4.3).
//!
//! Guarantee: each row is handed over as a sample or rejected with exactly one reason, in the order of the file, in
//! constant memory.

use std::io::{self, Read};

use super::number::Decimal;
use super::{Counters, Fields, FileFault, FileKind, Reject, RejectReason, Table, optional_integer, parse_decimal};
use crate::network::settings::Settings;
use crate::network::topology::{ChannelIndex, Topology};
use crate::network::{KpiFile, Modulation, Timestamp, parse_timestamp};

/// −1: the equipment's word for "no value", in thousandths.
const NO_VALUE: i64 = -1_000;
/// Highest SNR that is believed, in thousandths of a dB.
const MAX_SNR: i64 = 60_000;
/// Highest utilisation that is believed, in thousandths of a percent.
const MAX_UTILIZATION: i64 = 100_000;

/// What a KPI file is read against.
#[derive(Debug, Clone, Copy)]
pub struct KpiContext<'a> {
    /// The active topology.
    pub topology: &'a Topology,
    /// The injectable clock, for `too_old` and `future`.
    pub clock: Timestamp,
    /// `retention_h` and `future_tolerance_s` are used.
    pub settings: &'a Settings,
}

/// One row that is to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawSample<'a> {
    /// The channel, in the topology of the context.
    pub channel: ChannelIndex,
    /// The channel's id.
    pub channel_id: &'a str,
    /// When.
    pub at: Timestamp,
    /// Thousandths of a dB or of a percent; `None`: the row says no data. A channel that is out of service keeps its
    /// value: the topology active at evaluation decides whether it counts.
    pub value: Option<i32>,
    /// Code of the row's own modulation; 0: none that is recognised.
    pub modulation: u8,
    /// Modems online, where the row says so; at most 4,294,967,294.
    pub cm_online: Option<u32>,
}

/// Reads one KPI file to its end.
///
/// `sink` gets each row that is to be stored, in the order of the file: of the same channel and instant, the later one
/// replaces the earlier one whole. `rejects` gets each row that is not stored, orphans included.
/// [`Counters::duplicates`] stays 0: only the store knows. An error of the sink ends the reading.
pub fn read_kpi(
    kind: KpiFile,
    input: impl Read,
    context: &KpiContext<'_>,
    sink: &mut dyn FnMut(RawSample<'_>) -> io::Result<()>,
    rejects: &mut dyn FnMut(Reject),
) -> Result<Counters, FileFault> {
    let mut table = Table::new(FileKind::from(kind), input)?;
    let mut reader = RowReader {
        kind,
        columns: Columns::new(kind, &table)?,
        decimal: table.decimal(),
        oldest: context.clock.plus_seconds(-context.settings.retention_s()),
        newest: context.clock.plus_seconds(i64::from(context.settings.future_tolerance_s)),
        topology: context.topology,
        last_instant: LastInstant::default(),
        order: ChannelOrder::new(context.topology.channels().len()),
    };
    let mut counters = Counters::default();
    while let Some((line, fields)) = table.next_row()? {
        match fields.and_then(|fields| reader.sample(&fields)) {
            Ok(sample) => {
                let is_out_of_service = context.topology.channel(sample.channel).is_out_of_service();
                counters.take(sample.value.is_some() && !is_out_of_service);
                sink(sample).map_err(|error| FileFault::Stopped { kind: kind.into(), line, error })?;
            }
            Err(reason) => {
                counters.refuse(reason);
                rejects(Reject { line, reason });
            }
        }
    }
    Ok(counters)
}

struct Columns {
    at: Option<usize>,
    channel: Option<usize>,
    value: Option<usize>,
    /// Decimal places that make an integer of thousandths of the value's text: 2 for tenths of a dB.
    places: u32,
    modulation: Option<usize>,
    cm_online: Option<usize>,
}

impl Columns {
    fn new<R: Read>(kind: KpiFile, table: &Table<R>) -> Result<Self, FileFault> {
        let at = table.required("timestamp_utc")?;
        let channel = table.required("channel_id")?;
        let (value, places) = match kind {
            KpiFile::UsChannelSnr => match (table.optional("snr_db"), table.optional("snr_tenth_db")) {
                (None, None) => return Err(table.missing("snr_db (or snr_tenth_db)")),
                (None, tenth) => (tenth, 2),
                (whole, _) => (whole, 3),
            },
            KpiFile::UsChannelUtilization | KpiFile::DsChannelUtilization => (table.required("utilization_pct")?, 3),
        };
        // Only the SNR file has a modulation; a column of that name elsewhere is an unknown one.
        let modulation = if kind == KpiFile::UsChannelSnr { table.optional("modulation") } else { None };
        Ok(Self { at, channel, value, places, modulation, cm_online: table.optional("cm_online") })
    }
}

struct RowReader<'a> {
    kind: KpiFile,
    columns: Columns,
    decimal: Decimal,
    oldest: Timestamp,
    newest: Timestamp,
    topology: &'a Topology,
    last_instant: LastInstant,
    order: ChannelOrder,
}

/// The instant of the row before: most rows have the same, in the same letters.
#[derive(Default)]
struct LastInstant {
    text: String,
    at: Option<Timestamp>,
}

/// Longer texts are parsed each time; a row may be a megabyte.
const LONGEST_INSTANT: usize = 40;

impl LastInstant {
    fn parse(&mut self, text: &str) -> Option<Timestamp> {
        if self.at.is_some() && self.text == text {
            return self.at;
        }
        let at = parse_timestamp(text)?;
        if text.len() <= LONGEST_INSTANT {
            self.text.clear();
            self.text.push_str(text);
            self.at = Some(at);
        }
        Some(at)
    }
}

/// Which channel came behind which: files tell the channels in the same order again and again.
struct ChannelOrder {
    next: Vec<u32>,
    last: Option<ChannelIndex>,
}

const NONE: u32 = u32::MAX;

impl ChannelOrder {
    fn new(channels: usize) -> Self {
        Self { next: vec![NONE; channels], last: None }
    }

    /// The channel with this id: first the guess, then the index.
    fn find(&mut self, topology: &Topology, id: &str) -> Option<ChannelIndex> {
        let guess = self.last.map(|last| self.next[last.0 as usize]).filter(|guess| *guess != NONE).map(ChannelIndex);
        let found = guess.filter(|guess| &*topology.channel(*guess).id == id).or_else(|| topology.find_channel(id))?;
        if let Some(last) = self.last.replace(found) {
            self.next[last.0 as usize] = found.0;
        }
        Some(found)
    }
}

impl RowReader<'_> {
    /// The checks, in the order of the contract: the first that fails names the reason.
    fn sample<'f>(&mut self, fields: &Fields<'f>) -> Result<RawSample<'f>, RejectReason> {
        let at = self.last_instant.parse(fields.get(self.columns.at)).ok_or(RejectReason::BadTimestamp)?;
        let channel_id = fields.get(self.columns.channel);
        if channel_id.is_empty() {
            return Err(RejectReason::MissingId);
        }
        if at < self.oldest {
            return Err(RejectReason::TooOld);
        }
        if at > self.newest {
            return Err(RejectReason::Future);
        }
        let channel = self.order.find(self.topology, channel_id).ok_or(RejectReason::Orphan)?;
        if self.topology.direction_of(channel) != self.kind.direction() {
            return Err(RejectReason::WrongDirection);
        }
        let value = self.value(fields.get(self.columns.value))?;
        let modulation = Modulation::recognise(fields.get(self.columns.modulation)).map_or(0, Modulation::code);
        let cm_online = optional_integer(fields.get(self.columns.cm_online))
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX).min(u32::MAX - 1));
        Ok(RawSample { channel, channel_id, at, value, modulation, cm_online })
    }

    fn value(&self, text: &str) -> Result<Option<i32>, RejectReason> {
        if text.is_empty() || text.eq_ignore_ascii_case("N/A") {
            return Ok(None);
        }
        let raw = parse_decimal(text, 3, self.decimal).ok_or(RejectReason::BadValue)?;
        if raw == NO_VALUE {
            return Ok(None);
        }
        let value = match self.columns.places {
            3 => raw,
            places => parse_decimal(text, places, self.decimal).ok_or(RejectReason::BadValue)?,
        };
        let is_snr = self.kind == KpiFile::UsChannelSnr;
        match value {
            0 if is_snr => Ok(None),
            ..0 => Err(RejectReason::OutOfRange),
            _ if is_snr && value > MAX_SNR => Err(RejectReason::UnitSuspect),
            _ if !is_snr && value > MAX_UTILIZATION => Err(RejectReason::OutOfRange),
            _ => Ok(Some(value as i32)),
        }
    }
}
