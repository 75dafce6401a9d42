//! KPI files to samples (telecom contract §3.4, §4.3).
//!
//! Guarantee: each row is handed over as a sample or rejected with exactly one reason, in the order of the file, in
//! constant memory.

use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicU32, Ordering};

use super::number::Decimal;
use super::rows::{RowReader, RowStart, plain_field};
use super::table::check;
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
    let (rows, begin, rest) = KpiRows::open(kind, input, context)?;
    let (counters, _) = rows.read(begin, rest, &mut |row| match row {
        Ok(sample) => sink(sample),
        Err(reject) => {
            rejects(reject);
            Ok(())
        }
    })?;
    Ok(counters)
}

/// How the rows of one KPI file are read: what its header says, and what is known of the network.
///
/// Several threads may use it at once, each for a piece of the file that begins with a row. Guarantee: the rows of the
/// pieces, one behind the other, are those of the whole file. What one thread learns of the order of the channels is
/// a guess for all, and is verified each time.
pub struct KpiRows<'a> {
    kind: KpiFile,
    columns: Columns,
    delimiter: u8,
    decimal: Decimal,
    oldest: Timestamp,
    newest: Timestamp,
    topology: &'a Topology,
    order: ChannelOrder,
}

impl<'a> KpiRows<'a> {
    /// Reads the header. Answers also what is left to read, and where it begins.
    pub fn open<R: Read>(
        kind: KpiFile,
        input: R,
        context: &KpiContext<'a>,
    ) -> Result<(Self, RowStart, impl BufRead + use<R>), FileFault> {
        let table = Table::new(FileKind::from(kind), input)?;
        let (columns, decimal) = (Columns::new(kind, &table)?, table.decimal());
        let rows = table.into_rows();
        let delimiter = rows.delimiter();
        let (rest, begin) = rows.into_rest();
        let reader = Self {
            kind,
            columns,
            delimiter,
            decimal,
            oldest: context.clock.plus_seconds(-context.settings.retention_s()),
            newest: context.clock.plus_seconds(i64::from(context.settings.future_tolerance_s)),
            topology: context.topology,
            order: ChannelOrder::new(context.topology.channels().len()),
        };
        Ok((reader, begin, rest))
    }

    /// Reads rows from `begin` to the end of `input`, and answers where that is. `each` gets each row in its order, as
    /// one to be stored or as a rejected one; its error ends the reading.
    pub fn read(
        &self,
        begin: RowStart,
        input: impl BufRead,
        each: &mut impl FnMut(Result<RawSample<'_>, Reject>) -> io::Result<()>,
    ) -> Result<(Counters, RowStart), FileFault> {
        let mut rows = RowReader::resume(input, self.delimiter, begin);
        let mut counters = Counters::default();
        let mut last = Last::default();
        loop {
            let line = rows.line();
            let stopped = |error| FileFault::Stopped { kind: self.kind.into(), line, error };
            if let Some((sample, length)) = self.expected_row(rows.ahead().map_err(stopped)?, &mut last) {
                let line = rows.line();
                rows.pass(length);
                self.take(sample, &mut counters, each).map_err(|error| self.stopped(line, error))?;
                continue;
            }
            let Some(row) = rows.next_row().map_err(stopped)? else {
                return Ok((counters, rows.into_rest().1));
            };
            let line = row.line;
            let done = match check(&row, self.columns.roles.len()).and_then(|fields| self.sample(&fields, &mut last)) {
                Ok(sample) => self.take(sample, &mut counters, each),
                Err(reason) => {
                    counters.refuse(reason);
                    each(Err(Reject { line, reason }))
                }
            };
            done.map_err(|error| self.stopped(line, error))?;
        }
    }

    fn take(
        &self,
        sample: RawSample<'_>,
        counters: &mut Counters,
        each: &mut impl FnMut(Result<RawSample<'_>, Reject>) -> io::Result<()>,
    ) -> io::Result<()> {
        let is_out_of_service = self.topology.channel(sample.channel).is_out_of_service();
        counters.take(sample.value.is_some() && !is_out_of_service);
        each(Ok(sample))
    }

    fn stopped(&self, line: u64, error: io::Error) -> FileFault {
        FileFault::Stopped { kind: self.kind.into(), line, error }
    }
}

/// What a column is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    At,
    Channel,
    Value,
    Modulation,
    CmOnline,
    Unread,
}

struct Columns {
    /// Of all columns, in their order.
    roles: Vec<Role>,
    at: Option<usize>,
    channel: Option<usize>,
    value: Option<usize>,
    /// Decimal places that make an integer of thousandths of the value's text: 2 for tenths of a dB.
    places: u32,
    modulation: Option<usize>,
    cm_online: Option<usize>,
}

impl Columns {
    fn new<B: BufRead>(kind: KpiFile, table: &Table<B>) -> Result<Self, FileFault> {
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
        let cm_online = table.optional("cm_online");
        let mut roles = vec![Role::Unread; table.width()];
        for (column, role) in [
            (at, Role::At),
            (channel, Role::Channel),
            (value, Role::Value),
            (modulation, Role::Modulation),
            (cm_online, Role::CmOnline),
        ] {
            if let Some(role_of) = column.and_then(|column| roles.get_mut(column)) {
                *role_of = role;
            }
        }
        Ok(Self { roles, at, channel, value, places, modulation, cm_online })
    }
}

fn modulation(text: &str) -> u8 {
    Modulation::recognise(text).map_or(0, Modulation::code)
}

fn cm_online(text: &[u8]) -> Option<u32> {
    optional_integer(text).map(|count| u32::try_from(count).unwrap_or(u32::MAX).min(u32::MAX - 1))
}

/// What the row before told: most rows have its instant, in the same letters.
#[derive(Default)]
struct Last {
    /// Text and value of an instant that was neither too old nor in the future.
    instant: Option<(String, Timestamp)>,
    channel: Option<ChannelIndex>,
}

impl Last {
    fn instant_is(&mut self, text: &str, at: Timestamp) {
        if text.len() <= LONGEST_INSTANT && self.instant.as_ref().is_none_or(|(known, _)| known != text) {
            self.instant = Some((text.to_owned(), at));
        }
    }
}

/// Longer texts are parsed each time; a row may be a megabyte.
const LONGEST_INSTANT: usize = 40;

/// Which channel came behind which: files tell the channels in the same order again and again.
///
/// Threads read and write it without waiting for each other: an entry is a guess, which whoever uses it verifies.
struct ChannelOrder(Vec<AtomicU32>);

const NONE: u32 = u32::MAX;
/// Set with a channel that was taken, of an id that is written into the file as it is.
const IS_PLAIN: u32 = 1 << 31;

impl ChannelOrder {
    /// At first, as if the files were in the order of the topology.
    fn new(channels: usize) -> Self {
        let next = (1..=channels as u32).map(|next| if (next as usize) < channels { next } else { NONE });
        Self(next.map(AtomicU32::new).collect())
    }

    /// The channel that may come behind `last`, and whether its id is plain.
    fn guess(&self, last: ChannelIndex) -> Option<(ChannelIndex, bool)> {
        let next = self.0[last.0 as usize].load(Ordering::Relaxed);
        (next != NONE).then_some((ChannelIndex(next & !IS_PLAIN), next & IS_PLAIN != 0))
    }

    fn learn(&self, last: ChannelIndex, next: ChannelIndex, is_plain: bool) {
        let next = if is_plain { next.0 | IS_PLAIN } else { next.0 };
        self.0[last.0 as usize].store(next, Ordering::Relaxed);
    }
}

impl<'a> KpiRows<'a> {
    /// The checks, in the order of the contract: the first that fails names the reason.
    fn sample<'f>(&self, fields: &Fields<'f>, last: &mut Last) -> Result<RawSample<'f>, RejectReason> {
        let text = fields.get(self.columns.at);
        let at = match &last.instant {
            Some((known, at)) if known == text => *at,
            _ => parse_timestamp(text).ok_or(RejectReason::BadTimestamp)?,
        };
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
        last.instant_is(text, at);
        let channel = self.find(channel_id, last.channel).ok_or(RejectReason::Orphan)?;
        let is_wrong = self.topology.direction_of(channel) != self.kind.direction();
        if let Some(last) = last.channel.replace(channel) {
            self.order.learn(last, channel, !is_wrong && self.is_plain(channel_id));
        }
        if is_wrong {
            return Err(RejectReason::WrongDirection);
        }
        let value = self.value(fields.get(self.columns.value).as_bytes())?;
        let modulation = modulation(fields.get(self.columns.modulation));
        let cm_online = cm_online(fields.get(self.columns.cm_online).as_bytes());
        Ok(RawSample { channel, channel_id, at, value, modulation, cm_online })
    }

    /// The channel with this id: first the guess, then the index.
    fn find(&self, id: &str, last: Option<ChannelIndex>) -> Option<ChannelIndex> {
        let guess = last.and_then(|last| self.order.guess(last)).map(|(guess, _)| guess);
        guess.filter(|guess| &*self.topology.channel(*guess).id == id).or_else(|| self.topology.find_channel(id))
    }

    /// Whether a field with just these bytes can only be this id. Ids are trimmed.
    fn is_plain(&self, id: &str) -> bool {
        !id.bytes().any(|byte| byte == self.delimiter || matches!(byte, b'"' | b'\r' | b'\n'))
    }

    /// The row at the beginning of `buffer`, if it tells of the same instant as the row before and of the channel that
    /// followed last time: nearly all rows do. Its length is that with its line end.
    ///
    /// `None`: any other row, one that has to be rejected, and one whose end is not well inside the buffer; those take
    /// the long way, which tells the same of every row.
    fn expected_row(&self, buffer: &[u8], last: &mut Last) -> Option<(RawSample<'a>, usize)> {
        let (instant, at) = last.instant.as_ref()?;
        let (channel, true) = self.order.guess(last.channel?)? else { return None };
        let channel_id: &'a str = &self.topology.channel(channel).id;
        let mut sample = RawSample { channel, channel_id, at: *at, value: None, modulation: 0, cm_online: None };
        let mut length = 0;
        let mut end = self.delimiter;
        for role in &self.columns.roles {
            let rest = buffer.get(length..).filter(|_| end == self.delimiter)?;
            let field = match role {
                Role::At => rest.get(..instant.len()).filter(|field| *field == instant.as_bytes()),
                Role::Channel => rest.get(..channel_id.len()).filter(|field| *field == channel_id.as_bytes()),
                _ => plain_field(rest, self.delimiter),
            }?;
            match role {
                Role::Value => sample.value = self.value(field).ok()?,
                Role::Modulation => sample.modulation = modulation(str::from_utf8(field).ok()?),
                Role::CmOnline => sample.cm_online = cm_online(field),
                Role::At | Role::Channel | Role::Unread => {}
            }
            end = *rest.get(field.len())?;
            length += field.len() + 1;
        }
        let is_line_end = match end {
            b'\n' => true,
            b'\r' => {
                length += 1;
                buffer.get(length - 1) == Some(&b'\n')
            }
            _ => false,
        };
        is_line_end.then(|| {
            last.channel = Some(channel);
            (sample, length)
        })
    }

    fn value(&self, text: &[u8]) -> Result<Option<i32>, RejectReason> {
        if text.is_empty() || text.eq_ignore_ascii_case(b"N/A") {
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
